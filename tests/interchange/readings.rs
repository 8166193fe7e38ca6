//! What a FHIR Claim is read as: who it names, when, and what is assumed where
//! nothing is said. The rules are in `docs/refusals.md`.

use std::fmt::Write as _;

use tally_core::claim::{Claim, ClaimKind};
use tally_core::interchange::read_claims;
use tally_types::CodeSystem;

use super::cases::{cases, source};

/// A Claim in a Bundle with all that its references name.
const BUNDLE: &str = r#"{ "resourceType": "Bundle", "entry": [
  { "fullUrl": "urn:uuid:p", "resource": { "resourceType": "Patient", "id": "pat",
    "identifier": [ { "type": { "coding": [ { "code": "MR" } ] }, "value": "MRN-1" },
                    { "type": { "coding": [ { "code": "MB" } ] }, "value": "MEMBER-1" } ] } },
  { "resource": { "resourceType": "Coverage", "id": "cov", "subscriberId": "SUB-1", "dependent": "02",
    "relationship": { "coding": [ { "code": "self" } ] }, "identifier": [ { "value": "CERT-1" } ] } },
  { "fullUrl": "http://x.example/Organization/org", "resource": { "resourceType": "Organization", "id": "org",
    "identifier": [ { "value": "TAX-1" }, { "system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893" } ] } },
  { "resource": { "resourceType": "Practitioner", "id": "doc",
    "identifier": [ { "type": { "coding": [ { "code": "NPI" } ] }, "value": "1245319599" } ] } },
  { "resource": { "resourceType": "PractitionerRole", "id": "role", "practitioner": { "reference": "Practitioner/doc" } } },
  { "resource": { "resourceType": "Condition", "id": "con", "code": { "coding": [ { "code": "x" },
    { "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9" } ] } } },
  { "resource": { "resourceType": "Claim", "status": "active", "use": "claim",
    "type": { "coding": [ { "code": "institutional" } ] },
    "patient": { "reference": "urn:uuid:p" }, "provider": { "reference": "Organization/org" },
    "created": "2026-02-01", "billablePeriod": { "start": "2026-01-05T23:00:00-05:00", "end": "2026-01-07" },
    "insurance": [ { "focal": false, "coverage": { "reference": "Coverage/other" }, "preAuthRef": [ "OTHER" ] },
                   { "focal": true, "coverage": { "reference": "Coverage/cov" }, "preAuthRef": [ "PA-1" ] } ],
    "careTeam": [ { "sequence": 1, "provider": { "reference": "PractitionerRole/role" }, "role": { "coding": [ { "code": "rendering" } ] } },
                  { "sequence": 2, "provider": { "reference": "Practitioner/ref" }, "role": { "coding": [ { "code": "referring" } ] } } ],
    "diagnosis": [ { "sequence": 1, "diagnosisCodeableConcept": { "coding": [ { "code": "I10" } ] } },
                   { "sequence": 2, "type": [ { "coding": [ { "code": "principal" } ] } ], "diagnosisReference": { "reference": "Condition/con" } } ],
    "item": [ { "sequence": 7, "careTeamSequence": [ 2, 1 ], "diagnosisSequence": [ 2 ], "productOrService": { "text": "room" },
                "revenue": { "coding": [ { "code": "0120" } ] }, "quantity": { "value": 2.5 }, "unitPrice": { "value": 120 }, "factor": 0.5 },
              { "sequence": 3, "productOrService": { "coding": [ { "system": "urn:own", "code": "abc" },
                { "system": "http://www.ama-assn.org/go/cpt", "code": "99213" } ] }, "servicedPeriod": { "end": "2026-01-06" },
                "net": { "value": 1E+2 } } ] } } ] }"#;

fn read(text: &str) -> Claim {
    let mut read = read_claims(text.as_bytes(), None, &source());
    assert_eq!(read.refusals, []);
    read.claims.remove(0)
}

#[test]
fn a_bundle_is_read_with_its_references() {
    let claim = read(BUNDLE);
    assert!(claim.kind == ClaimKind::Institutional);
    assert_eq!(claim.member.identifier, "MEMBER-1");
    assert_eq!(claim.billing.identifier, "1234567893");
    assert!(claim.billing.is_npi);
    assert_eq!(claim.authorizations, ["PA-1"]);
    let diagnoses: Vec<String> = claim.diagnoses.iter().map(ToString::to_string).collect();
    assert_eq!(diagnoses, ["E119", "I10"]);
    assert_eq!(claim.charge.to_string(), "250.00");

    // By sequence, not as they stand.
    let [visit, room] = &claim.lines[..] else {
        panic!("two lines");
    };
    assert_eq!((visit.number, room.number), (3, 7));
    assert_eq!(
        (visit.system, visit.procedure.to_string()),
        (CodeSystem::Hcpcs, "99213".into())
    );
    assert_eq!(
        (room.system, room.procedure.to_string()),
        (CodeSystem::Revenue, "0120".into())
    );
    assert_eq!(room.charge.to_string(), "150.00");
    assert_eq!(
        room.diagnoses, 1,
        "a pointer follows its diagnosis to the first place"
    );
    let days = [visit.from, visit.through, room.from, room.through].map(|day| day.to_string());
    assert_eq!(
        days,
        ["2026-01-06", "2026-01-06", "2026-01-05", "2026-01-07"]
    );
    let rendering = room
        .rendering
        .as_ref()
        .map(|provider| provider.identifier.as_str());
    assert_eq!(rendering, Some("1245319599"));
    assert!(visit.rendering.is_none() && !room.emergency);
}

/// CARIN has a line that is billed by its revenue code alone say that there is no product.
#[test]
fn a_product_that_is_said_to_be_absent_is_none() {
    let system = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
    let absent = format!(
        r#""productOrService": {{ "coding": [ {{ "system": "{system}", "code": "not-applicable" }} ] }}"#
    );
    let told = BUNDLE.replace("\"productOrService\": { \"text\": \"room\" }", &absent);
    assert_ne!(told, BUNDLE);
    assert!(read(&told) == read(BUNDLE));
}

#[test]
#[rustfmt::skip] // a row a line
fn who_a_claim_names() {
    let member = |claim: &Claim| claim.member.identifier.clone();
    let billing = |claim: &Claim| claim.billing.identifier.clone();
    let rendering = |claim: &Claim| {
        let provider = claim.lines[1].rendering.as_ref();
        provider.map_or(String::new(), |provider| provider.identifier.clone())
    };
    type Row<'a> = (&'a dyn Fn(&Claim) -> String, &'a [(&'a str, &'a str)], &'a str);
    let rows: [Row<'_>; 17] = [
        (&member, &[("\"patient\": {", "\"patient\": { \"identifier\": { \"value\": \" M-9 \" },")], "M-9"),
        (&member, &[("\"MB\"", "\"SN\"")], "MEMBER-1"),
        (&member, &[("{ \"type\": { \"coding\": [ { \"code\": \"MB\" } ] }, \"value\"", "{ \"value\"")], "MEMBER-1"),
        (&member, &[("\"MB\"", "\"SS\"")], "SUB-1"),
        (&member, &[("\"MB\"", "\"SS\""), ("\"subscriberId\": \"SUB-1\",", "")], "CERT-1"),
        // A subscriber's number is not a dependant's.
        (&member, &[("\"MB\"", "\"SS\""), ("\"self\"", "\"child\"")], "SUB-1-02"),
        (&member, &[("\"MB\"", "\"SS\""), ("\"self\"", "\"child\""), ("\"dependent\": \"02\",", "")], "MRN-1"),
        (&member, &[("\"MB\"", "\"SS\""), ("\"coverage\": { \"reference\": \"Coverage/cov\" }", "\"coverage\": { \"identifier\": { \"value\": \"C-9\" } }")], "C-9"),
        (&member, &[("urn:uuid:p\" }", "Patient/none\" }"), ("Coverage/cov", "Coverage/none")], "none"),
        (&member, &[("\"reference\": \"urn:uuid:p\"", "\"reference\": \"#none\""), ("Coverage/cov", "http://x.example/plan/77")], "77"),
        (&billing, &[("\"provider\": { \"reference\": \"Organization/org\"", "\"provider\": { \"identifier\": { \"value\": \"P-9\" }")], "P-9"),
        (&billing, &[("http://hl7.org/fhir/sid/us-npi", "urn:own")], "TAX-1"),
        (&billing, &[("Organization/org\" },", "http://x.example/Organization/org/_history/3\" },")], "1234567893"),
        (&billing, &[("Organization/org\" },", "Organization/none\" },")], "Organization/none"),
        (&rendering, &[("\"rendering\"", "\"supervisor\"")], ""),
        (&rendering, &[(", \"role\": { \"coding\": [ { \"code\": \"rendering\" } ] }", "")], "1245319599"),
        (&rendering, &[("\"1245319599\"", "\"1234567893\"")], ""),
    ];
    for (what, edits, expected) in rows {
        let mut text = BUNDLE.to_owned();
        for (from, to) in edits {
            assert!(text.contains(from), "{from}");
            // Of two places, the one in the Claim, which is the last.
            let at = text.rfind(from).unwrap();
            text.replace_range(at..at + from.len(), to);
        }
        assert_eq!(what(&read(&text)), expected, "{edits:?}");
    }
}

#[test]
fn emergencies_and_dates_are_read_wherever_they_stand() {
    let emergency = |from: &str, to: &str| {
        let text = BUNDLE.replacen(from, to, 1);
        read(&text)
            .lines
            .iter()
            .map(|line| line.emergency)
            .collect::<Vec<_>>()
    };
    let sub_type =
        "\"use\": \"claim\", \"subType\": { \"coding\": [ { \"code\": \"emergency\" } ] }";
    assert_eq!(emergency("\"use\": \"claim\"", sub_type), [true, true]);
    let admission = "\"use\": \"claim\", \"supportingInfo\": [ { \"category\": { \"coding\": [ { \"code\": \"admtype\" } ] }, \
                     \"code\": { \"coding\": [ { \"code\": \"1\" } ] } } ]";
    assert_eq!(emergency("\"use\": \"claim\"", admission), [true, true]);
    let mark = "\"sequence\": 3, \"extension\": [ { \"url\": \
                \"https://tallystick.example/fhir/StructureDefinition/emergency\", \"valueBoolean\": true } ]";
    assert_eq!(emergency("\"sequence\": 3", mark), [true, false]);

    let no_period = BUNDLE.replacen("\"billablePeriod\"", "\"period\"", 1);
    assert_eq!(read(&no_period).lines[1].from.to_string(), "2026-02-01");
}

#[test]
fn the_hl7_examples_are_read_as_they_say() {
    let Some(root) = cases() else { return };
    let mut out = String::new();
    let mut paths = Vec::new();
    super::cases::files(&root.join("fhir-r4-spec-examples"), &mut paths);
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("Claim-") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for claim in read_claims(&bytes, None, &source()).claims {
            writeln!(
                out,
                "{name}: member {}, billing {}, charge {}",
                claim.member.identifier, claim.billing.identifier, claim.charge
            )
            .unwrap();
            write_beside(&mut out, &claim);
            for line in &claim.lines {
                writeln!(
                    out,
                    "  {} {:?} {} × {} = {} on {}",
                    line.number, line.system, line.procedure, line.quantity, line.charge, line.from
                )
                .unwrap();
                for tooth in &line.detail.teeth {
                    writeln!(out, "    tooth {} {}", tooth.code, tooth.surfaces).unwrap();
                }
                for area in &line.detail.cavities {
                    writeln!(out, "    area {area}").unwrap();
                }
                if let Some(drug) = line.detail.drug {
                    writeln!(out, "    drug {} {} {}", drug.ndc, drug.quantity, drug.unit).unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!(out);
}

/// What a claim has beside its lines, where it has it.
fn write_beside(out: &mut String, claim: &Claim) {
    let of = &claim.circumstances;
    if let Some(referral) = &of.referral {
        writeln!(out, "  referral {referral}").unwrap();
    }
    if let Some(facility) = &of.facility {
        writeln!(out, "  facility {}", facility.identifier).unwrap();
    }
    if let Some(accident) = &of.accident {
        let on = accident
            .on
            .map_or(String::new(), |day| format!(" on {day}"));
        writeln!(out, "  accident {:?}{on}", accident.cause).unwrap();
    }
    let payers = &claim.coordination;
    if !payers.others.is_empty() {
        let named: Vec<&str> = payers
            .others
            .iter()
            .map(|p| p.identifier.as_str())
            .collect();
        writeln!(
            out,
            "  payer {} beside {}",
            payers.sequence,
            named.join(", ")
        )
        .unwrap();
    }
    if let Some(bill) = &claim.institutional {
        let admission = bill
            .admission
            .map_or(String::new(), |day| format!(", admitted {day}"));
        writeln!(
            out,
            "  bill {:?} {} to {}{admission}, discharge {:?}, group {:?}, {} procedures",
            bill.bill_type.to_string(),
            bill.from,
            bill.through,
            bill.discharge.to_string(),
            bill.drg.to_string(),
            bill.procedures.len()
        )
        .unwrap();
    }
}
