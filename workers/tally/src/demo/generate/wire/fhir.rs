//! FHIR R4 Claims, alone on a line or in a Bundle.

use tally_types::ServiceDate;

use super::draft::{Draft, DraftLine};
use super::json::Writer;

const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
const MEMBER: &str = "https://tallystick.example/fhir/member";
const CONTROL: &str = "https://tallystick.example/fhir/control-number";
const CPT: &str = "http://www.ama-assn.org/go/cpt";
const HCPCS: &str = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets";
const REVENUE: &str = "https://www.nubc.org/CodeSystem/RevenueCodes";
const PLACE: &str = "https://www.cms.gov/Medicare/Coding/place-of-service-codes";
const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const CLAIM_TYPE: &str = "http://terminology.hl7.org/CodeSystem/claim-type";
const RELATED: &str = "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship";
const EMERGENCY: &str = "https://tallystick.example/fhir/StructureDefinition/emergency";

/// A Bundle of claims.
pub fn bundle(out: &mut Writer, drafts: &[Draft], received: ServiceDate) {
    out.object(|out| {
        out.field("resourceType", "Bundle");
        out.field("type", "collection");
        out.field("timestamp", &format!("{received}T06:00:00Z"));
        out.field_list("entry", drafts, |out, draft| {
            out.object(|out| {
                out.key("resource");
                claim(out, draft, false);
            });
        });
    });
}

/// A claim. A terse sender leaves out the total, and the net where quantity
/// and unit price make it.
pub fn claim(out: &mut Writer, draft: &Draft, terse: bool) {
    let bill = draft.bill;
    out.object(|out| {
        out.field("resourceType", "Claim");
        out.key("identifier");
        out.list(&[()], |out, ()| identifier(out, CONTROL, &bill.control));
        out.field("status", draft.status);
        out.key("type");
        concept(out, CLAIM_TYPE, draft.kind);
        out.field("use", draft.purpose);
        out.field_object("patient", |out| {
            out.key("identifier");
            identifier(out, MEMBER, &bill.member);
        });
        out.field("created", &draft.made);
        out.key("provider");
        provider(out, draft.billing);
        out.field_object("priority", |out| {
            out.field_list("coding", &["normal"], |out, code| {
                out.object(|out| out.field("code", code));
            });
        });
        if draft.replaces {
            out.field_list("related", &["prior"], |out, _| related(out, draft));
        }
        if !draft.team.is_empty() {
            let mut sequence = 0;
            out.field_list("careTeam", &draft.team, |out, npi| {
                sequence += 1;
                out.object(|out| {
                    out.field_raw("sequence", &sequence.to_string());
                    out.key("provider");
                    provider(out, npi);
                });
            });
        }
        let mut sequence = 0;
        out.field_list("diagnosis", &bill.diagnoses, |out, code| {
            sequence += 1;
            out.object(|out| {
                out.field_raw("sequence", &sequence.to_string());
                out.key("diagnosisCodeableConcept");
                concept(out, ICD, code);
            });
        });
        insurance(out, draft);
        let whole = terse && draft.bill.fault.is_none();
        out.field_list("item", &draft.lines, |out, line| {
            item(out, draft, line, whole);
        });
        if !whole {
            for _ in 0..=usize::from(draft.total_twice) {
                out.key("total");
                money(out, draft, &draft.total);
            }
        }
    });
}

fn insurance(out: &mut Writer, draft: &Draft) {
    let numbers = &draft.bill.authorizations;
    out.field_list("insurance", &[()], |out, ()| {
        out.object(|out| {
            out.field_raw("sequence", "1");
            out.field_raw("focal", "true");
            out.field_object("coverage", |out| {
                out.key("identifier");
                identifier(out, MEMBER, &draft.bill.member);
            });
            if !numbers.is_empty() {
                out.field_list("preAuthRef", numbers, |out, number| out.text(number));
            }
        });
    });
}

fn item(out: &mut Writer, draft: &Draft, draft_line: &DraftLine, terse: bool) {
    let line = draft_line.line;
    out.object(|out| {
        if line.emergency {
            out.field_list("extension", &[EMERGENCY], |out, url| {
                out.object(|out| {
                    out.field("url", url);
                    out.field_raw("valueBoolean", "true");
                });
            });
        }
        out.field_raw("sequence", &draft_line.number.to_string());
        if let Some(position) = draft_line.rendering {
            out.field_raw("careTeamSequence", &format!("[{position}]"));
        }
        out.field_list("diagnosisSequence", &line.pointers, |out, pointer| {
            out.raw(&pointer.to_string());
        });
        if !line.revenue.is_empty() {
            out.key("revenue");
            concept(out, REVENUE, line.revenue);
        }
        out.key("productOrService");
        concept(out, system(line.code), &draft_line.code);
        if !line.modifiers.is_empty() {
            out.field_list("modifier", &line.modifiers, |out, modifier| {
                concept(out, CPT, modifier);
            });
        }
        if draft_line.from == draft_line.through {
            out.field("servicedDate", &draft_line.from);
        } else {
            out.field_object("servicedPeriod", |out| {
                out.field("start", &draft_line.from);
                out.field("end", &draft_line.through);
            });
        }
        out.key("locationCodeableConcept");
        concept(out, PLACE, line.place);
        out.field_object("quantity", |out| {
            out.field_raw("value", &draft_line.quantity)
        });
        if let Some(price) = &draft_line.unit_price {
            out.key("unitPrice");
            money(out, draft, price);
        }
        if let Some(net) = &draft_line.net
            && !(terse && draft_line.unit_price.is_some())
        {
            out.key("net");
            money(out, draft, net);
        }
    });
}

/// Which list a code is of: revenue codes stand in for a procedure.
fn system(code: &str) -> &'static str {
    if code.is_empty() {
        REVENUE
    } else if code.as_bytes()[0].is_ascii_digit() {
        CPT
    } else {
        HCPCS
    }
}

fn identifier(out: &mut Writer, system: &str, value: &str) {
    out.object(|out| {
        out.field("system", system);
        out.field("value", value);
    });
}

fn provider(out: &mut Writer, npi: &str) {
    out.object(|out| {
        if npi.is_empty() {
            out.field("display", "see letterhead");
        } else {
            out.key("identifier");
            identifier(out, NPI, npi);
        }
    });
}

fn concept(out: &mut Writer, system: &str, code: &str) {
    out.object(|out| {
        out.field_list("coding", &[()], |out, ()| {
            out.object(|out| {
                out.field("system", system);
                out.field("code", code);
            });
        });
    });
}

fn money(out: &mut Writer, draft: &Draft, value: &str) {
    out.object(|out| {
        out.field_raw("value", value);
        out.field("currency", draft.currency);
    });
}

fn related(out: &mut Writer, draft: &Draft) {
    out.object(|out| {
        out.field_object("claim", |out| {
            out.key("identifier");
            identifier(out, CONTROL, &format!("{}-A", draft.bill.control));
        });
        out.key("relationship");
        concept(out, RELATED, "replaces");
    });
}
