//! Every coding of a concept is looked at: one of a list that is not known may stand
//! first. Two that are known and contradict each other refuse the claim.

use serde_json::{Value, json};
use tally_core::claim::{AccidentCause, Claim, Frequency};
use tally_core::interchange::{IntakeRule, read_claims};
use tally_types::CodeSystem;

use super::generate::source;

const OURS: &str = "0123456789abcdef0123456789abcdef";
const CPT: &str = "http://www.ama-assn.org/go/cpt";
const SNOMED: &str = "http://snomed.info/sct";
const NDC: &str = "http://hl7.org/fhir/sid/ndc";
const UNIVERSAL: &str = "http://www.ada.org/universaltooth";
const FDI: &str = "http://terminology.hl7.org/CodeSystem/ex-tooth";

/// A concept: an own coding first, that nobody knows, and then these.
fn concept(codings: &[(&str, &str)]) -> Value {
    let mut all = vec![json!({ "system": "urn:own", "code": "Q7" })];
    all.extend(
        codings
            .iter()
            .map(|(system, code)| json!({ "system": system, "code": code })),
    );
    json!({ "coding": all })
}

fn plain(code: &str) -> Value {
    json!({ "coding": [ { "code": code } ] })
}

fn base(kind: &str) -> Value {
    json!({
        "resourceType": "Claim", "status": "active", "use": "claim", "type": plain(kind),
        "patient": { "identifier": { "value": "M-1" } }, "created": "2026-01-20",
        "provider": { "identifier": { "value": "P-1" } },
        "insurance": [ { "sequence": 1, "focal": true, "coverage": { "display": "x" } } ],
        "item": [ { "sequence": 1, "servicedDate": "2026-01-05", "net": { "value": 10 },
                    "productOrService": { "coding": [ { "system": CPT, "code": "99213" } ] } } ]
    })
}

/// The claim, or the rule and place of its refusal.
fn read(claim: &Value) -> Result<Claim, (IntakeRule, String)> {
    let mut reading = read_claims(claim.to_string().as_bytes(), None, &source());
    match reading.refusals.pop() {
        Some(refusal) => Err((refusal.rule, refusal.place)),
        None => Ok(reading.claims.remove(0)),
    }
}

fn with(kind: &str, edit: impl FnOnce(&mut Value)) -> Result<Claim, (IntakeRule, String)> {
    let mut claim = base(kind);
    edit(&mut claim);
    read(&claim)
}

fn differ<T>(place: &str) -> Result<T, (IntakeRule, String)> {
    Err((IntakeRule::CodesDiffer, place.to_owned()))
}

fn related(relationship: Value) -> Result<Frequency, (IntakeRule, String)> {
    with("professional", |claim| {
        claim["related"] =
            json!([ { "relationship": relationship, "reference": { "value": OURS } } ]);
    })
    .map(|claim| claim.frequency)
}

#[test]
fn a_relationship_is_read_in_any_coding() {
    let list = "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship";
    assert_eq!(
        related(concept(&[(list, "prior")])),
        Ok(Frequency::Replacement)
    );
    assert_eq!(related(concept(&[("urn:x", "voids")])), Ok(Frequency::Void));
    assert_eq!(
        related(concept(&[(list, "associated")])),
        Ok(Frequency::Original)
    );
    assert_eq!(
        related(concept(&[(list, "prior"), (list, "replaces")])),
        Ok(Frequency::Replacement)
    );
    let at = "Claim.related[0].relationship";
    assert_eq!(
        related(concept(&[(list, "prior"), (list, "voids")])),
        differ(&format!("{at}.coding[2].code"))
    );
    assert_eq!(
        related(concept(&[])),
        Err((IntakeRule::NotUnderstood, at.to_owned()))
    );
}

/// What was done, and the list that the code is of.
fn product(
    kind: &str,
    codings: &[(&str, &str)],
) -> Result<(CodeSystem, String), (IntakeRule, String)> {
    let claim = with(kind, |claim| {
        claim["item"][0]["productOrService"] = concept(codings);
    })?;
    let line = &claim.lines[0];
    Ok((line.system, line.procedure.to_string()))
}

#[test]
fn the_code_that_services_are_billed_by_is_taken() {
    let hcpcs = |code: &str| Ok((CodeSystem::Hcpcs, code.to_owned()));
    let ndc = Ok((CodeSystem::Ndc, "00069258710".to_owned()));
    let (visit, drug) = ((CPT, "99213"), (NDC, "00069258710"));
    let snomed = (SNOMED, "185349003");
    assert_eq!(product("professional", &[snomed, visit]), hcpcs("99213"));
    assert_eq!(
        product("professional", &[drug, (CPT, "J1234")]),
        hcpcs("J1234")
    );
    assert_eq!(product("professional", &[snomed, drug]), ndc);
    assert_eq!(product("pharmacy", &[(CPT, "J1234"), drug]), ndc);
    assert_eq!(
        product("professional", &[visit, (CPT, "99214")]),
        differ("Claim.item[0].productOrService.coding[2].code")
    );
}

/// Every concept of an item and of a claim: where it stands, what its list is, a code of
/// it, another, and how to see what was read.
#[test]
#[rustfmt::skip] // a row a line
fn other_concepts_are_read_in_any_coding() {
    type Row<'a> = (&'a str, &'a str, bool, (&'a str, &'a str), &'a str, &'a str, fn(&Claim) -> String);
    let place = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set";
    let icd = "http://hl7.org/fhir/sid/icd-10-cm";
    let rows: [Row<'_>; 8] = [
        ("professional", "/type", false, ("http://terminology.hl7.org/CodeSystem/claim-type", "vision"), "oral", "code",
            |claim| format!("{:?}", claim.kind)),
        ("professional", "/item/0/modifier", true, ("https://bluebutton.cms.gov/resources/codesystem/hcpcs", "26"), "TC", "code",
            |claim| claim.lines[0].modifiers[0].to_string()),
        ("professional", "/item/0/locationCodeableConcept", false, (place, "22"), "11", "code",
            |claim| claim.lines[0].place.to_string()),
        ("institutional", "/item/0/revenue", false, ("https://www.nubc.org/CodeSystem/RevenueCodes", "0450"), "0120", "code",
            |claim| claim.lines[0].revenue.to_string()),
        ("professional", "/diagnosis", false, (icd, "E11.9"), "I10", "diagnosisCodeableConcept.coding[2].code",
            |claim| claim.diagnoses[0].to_string()),
        ("institutional", "/procedure", false, ("http://hl7.org/fhir/sid/icd-10-pcs", "0DTJ4ZZ"), "0DTJ0ZZ", "procedureCodeableConcept.coding[2].code",
            |claim| claim.institutional.as_ref().unwrap().procedures[0].code.to_string()),
        ("institutional", "/supportingInfo", false, ("https://www.nubc.org/CodeSystem/PatientDischargeStatus", "01"), "30", "code.coding[2].code",
            |claim| claim.institutional.as_ref().unwrap().discharge.to_string()),
        ("professional", "/accident", false, ("http://terminology.hl7.org/CodeSystem/v3-ActIncidentCode", "WPA"), "MVA", "type.coding[2].code",
            |claim| format!("{:?}", claim.circumstances.accident.unwrap().cause)),
    ];
    for (kind, at, list, (system, code), other, tail, seen) in rows {
        let put = |codings: &[(&str, &str)]| with(kind, |claim| {
            let concept = concept(codings);
            let value = match at {
                "/diagnosis" => json!([ { "sequence": 1, "diagnosisCodeableConcept": concept } ]),
                "/procedure" => json!([ { "sequence": 1, "procedureCodeableConcept": concept } ]),
                "/supportingInfo" => json!([ { "sequence": 1, "category": plain("discharge-status"), "code": concept } ]),
                "/accident" => json!({ "date": "2026-01-02", "type": concept }),
                _ if list => json!([concept]),
                _ => concept,
            };
            let (parent, key) = at.rsplit_once('/').unwrap();
            claim.pointer_mut(parent).unwrap()[key] = value;
        });
        let read = put(&[(system, code)]).unwrap();
        let found = seen(&read).to_lowercase();
        let expected = match code { "WPA" => "employment".to_owned(), code => code.replace('.', "").to_lowercase() };
        assert_eq!(found, expected, "{at}");
        let (rule, place) = put(&[(system, code), (system, other)]).err().unwrap();
        assert_eq!(rule, IntakeRule::CodesDiffer, "{at}");
        assert!(place.ends_with(tail), "{at}: {place}");
    }
}

#[test]
fn a_role_a_type_and_a_category_are_read_in_any_coding() {
    let own = |codes: &[&str]| {
        let codings: Vec<_> = codes.iter().map(|code| ("urn:carin", *code)).collect();
        concept(&codings)
    };
    let rendering = |codes: &[&str]| {
        let claim = with("professional", |claim| {
            claim["careTeam"] = json!([ { "sequence": 1, "role": own(codes),
                "provider": { "identifier": { "value": "D-1" } } } ]);
            claim["item"][0]["careTeamSequence"] = json!([1]);
        })?;
        Ok(claim.lines[0].rendering.is_some())
    };
    assert_eq!(rendering(&["rendering"]), Ok(true));
    assert_eq!(rendering(&["primary", "attending"]), Ok(true));
    assert_eq!(rendering(&["supervisor"]), Ok(false));
    assert_eq!(
        rendering(&["rendering", "referring"]),
        differ("Claim.careTeam[0].role.coding[2].code")
    );

    let diagnoses = |codes: &[&str]| {
        with("institutional", |claim| {
            claim["diagnosis"] = json!([ { "sequence": 1, "type": [ own(codes) ],
                "diagnosisCodeableConcept": plain("I10") } ]);
        })
        .map(|claim| claim.diagnoses.len())
    };
    assert_eq!(diagnoses(&["admitting"]), Ok(0));
    assert_eq!(diagnoses(&["principal"]), Ok(1));

    let admission = |codes: &[&str]| {
        with("institutional", |claim| {
            claim["supportingInfo"] = json!([ { "sequence": 1, "category": own(codes),
                "code": plain("3") } ]);
        })
        .map(|claim| claim.institutional.unwrap().admission_type.to_string())
    };
    assert_eq!(admission(&["admtype"]), Ok("3".to_owned()));
    assert_eq!(
        admission(&["admtype", "discharge"]),
        differ("Claim.supportingInfo[0].category.coding[2].code")
    );
    let accident = with("professional", |claim| {
        claim["accident"] = json!({ "date": "2026-01-02", "type": plain("fall") });
    });
    assert!(accident.unwrap().circumstances.accident.unwrap().cause == AccidentCause::Other);
}

#[test]
fn what_another_payer_did_is_read_in_any_coding() {
    const CARC: &str = "https://x12.org/codes/claim-adjustment-reason-codes";
    let decision = |category: Value, reasons: &[(&str, &str)]| {
        let claim = with("professional", |claim| {
            claim["contained"] = json!([ { "resourceType": "ClaimResponse", "id": "r", "item": [ {
                "itemSequence": 1, "adjudication": [ { "category": category,
                    "reason": concept(reasons), "amount": { "value": 4 } } ] } ] } ]);
            claim["insurance"][0]["sequence"] = json!(2);
            claim["insurance"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "sequence": 1, "focal": false,
                "coverage": { "display": "x" }, "claimResponse": { "reference": "#r" } }));
        })?;
        let prior = &claim.lines[0].prior[0];
        let reasons = prior.adjustments.iter().map(|of| of.reason.to_string());
        Ok((
            prior.paid.to_string(),
            reasons.collect::<Vec<_>>().join(" "),
        ))
    };
    let of = |paid: &str, reasons: &str| Ok((paid.to_owned(), reasons.to_owned()));
    let list = "http://terminology.hl7.org/CodeSystem/adjudication";
    assert_eq!(decision(concept(&[(list, "benefit")]), &[]), of("4.00", ""));
    assert_eq!(decision(concept(&[]), &[(CARC, "45")]), of("0.00", "45"));
    let at = "Claim.contained[0].item[0].adjudication[0]";
    assert_eq!(
        decision(concept(&[]), &[(CARC, "45"), (CARC, "2")]),
        differ(&format!("{at}.reason.coding[2].code"))
    );
    assert_eq!(
        decision(concept(&[(list, "benefit"), (list, "copay")]), &[]),
        differ(&format!("{at}.category.coding[2].code"))
    );
}

/// The teeth of a claim with an item for each body site.
fn teeth(sites: &[Value]) -> Result<Vec<String>, (IntakeRule, String)> {
    let claim = with("oral", |claim| {
        let item = claim["item"][0].clone();
        let items = (1..).zip(sites).map(|(number, site)| {
            let mut item = item.clone();
            item["sequence"] = json!(number);
            item["bodySite"] = site.clone();
            item
        });
        claim["item"] = items.collect();
    })?;
    let teeth = claim.lines.iter().flat_map(|line| &line.detail.teeth);
    Ok(teeth.map(|tooth| tooth.code.to_string()).collect())
}

#[test]
fn teeth_of_no_list_are_of_one_numbering() {
    let found = |sites: &[Value]| teeth(sites).map(|teeth| teeth.join(" "));
    let named = |teeth: &str| Ok(teeth.to_owned());
    let bad = |item: usize| {
        let place = format!("Claim.item[{item}].bodySite.coding[0].code");
        Err((IntakeRule::BadCode, place))
    };
    // 26 is the lower right incisor by the one, and the upper left molar by the other.
    assert_eq!(found(&[plain("26")]), bad(0));
    // Numbers that are of one numbering alone say by which the others are told.
    assert_eq!(found(&[plain("26"), plain("46")]), named("14 30"));
    assert_eq!(found(&[plain("26"), plain("A")]), named("26 A"));
    assert_eq!(found(&[plain("26"), plain("3"), plain("46")]), bad(0));
    assert_eq!(found(&[plain("3"), plain("46")]), bad(0));
    // A list that is named counts, here and for the others.
    let by = |system: &str, code: &str| json!({ "coding": [ { "system": system, "code": code } ] });
    assert_eq!(found(&[by(FDI, "26")]), named("14"));
    assert_eq!(found(&[by(UNIVERSAL, "26"), plain("11")]), named("26 11"));
    // Both lists in one concept, of one tooth and of two.
    let (universal, fdi) = ((UNIVERSAL, "14"), (FDI, "26"));
    assert_eq!(found(&[concept(&[universal, fdi])]), named("14"));
    assert_eq!(
        found(&[concept(&[(UNIVERSAL, "26"), fdi])]),
        differ("Claim.item[0].bodySite.coding[2].code")
    );
    // 10 is a tooth, or a quadrant.
    assert_eq!(found(&[plain("10")]), bad(0));
    assert_eq!(found(&[plain("01")]), named(""));
}

#[test]
fn a_claim_is_paid_to_who_bills() {
    let payee = |payee: Value| {
        let read = with("professional", |claim| claim["payee"] = payee);
        read.map(|_| ())
    };
    let refused = |at: &str| Err((IntakeRule::NotAssigned, format!("Claim.payee.{at}")));
    let list = "http://terminology.hl7.org/CodeSystem/payeetype";
    assert_eq!(
        payee(json!({ "type": concept(&[(list, "provider")]) })),
        Ok(())
    );
    assert_eq!(payee(json!({ "type": plain("other") })), Ok(()));
    assert_eq!(
        payee(json!({ "type": concept(&[(list, "subscriber")]) })),
        refused("type")
    );
    assert_eq!(payee(json!({ "type": concept(&[]) })), refused("type"));
    let party = json!({ "type": plain("other"), "party": { "reference": "Patient/1" } });
    assert_eq!(payee(party), refused("party"));
}

#[test]
fn only_anaesthesia_is_billed_in_minutes() {
    let unit = |procedure: &str, quantity: Value| {
        with("professional", |claim| {
            claim["item"][0]["productOrService"]["coding"][0]["code"] = json!(procedure);
            claim["item"][0]["quantity"] = quantity;
        })
        .map(|claim| claim.lines[0].detail.unit.to_string())
    };
    let refused = |key: &str| {
        let place = format!("Claim.item[0].quantity.{key}");
        Err((IntakeRule::BadUnit, place))
    };
    let minutes = json!({ "value": 45, "system": "http://unitsofmeasure.org", "code": "min" });
    assert_eq!(unit("00142", minutes.clone()), Ok("MJ".to_owned()));
    assert_eq!(unit("97110", minutes), refused("code"));
    assert_eq!(
        unit("97110", json!({ "value": 45, "unit": "minutes" })),
        refused("unit")
    );
    assert_eq!(
        unit("97110", json!({ "value": 45, "unit": "MJ" })),
        refused("unit")
    );
    assert_eq!(
        unit("00142", json!({ "value": 1, "code": "h" })),
        refused("code")
    );
    assert_eq!(
        unit("97110", json!({ "value": 3, "code": "1" })),
        Ok("UN".to_owned())
    );
}
