//! What is read of a request, and what is wrong with one.

use super::*;
use crate::claim::{AuthorizationKind, ClaimKind};
use crate::interchange::IntakeRule as R;
use tally_types::{Code, Quantity, ShortCode};

const PAS: &str = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/";

#[test]
fn a_request_is_read() {
    let request = read(REQUEST);
    assert!(request.kind == AuthorizationKind::Authorization);
    assert_eq!(request.certification, Certification::Initial);
    assert!(request.earlier.is_none());
    assert_eq!(request.urgency, Urgency::Urgent);
    assert!(request.claim == ClaimKind::Professional);
    assert_eq!(request.control_number, "CANARY-R-1");
    assert_eq!(request.member.identifier, "CANARY-M-1");
    assert_eq!(request.requesting.identifier, "1234567893");
    assert_eq!(request.diagnoses, [Code::of("M545")]);
    let [first, second] = request.lines.as_slice() else {
        panic!("two lines")
    };
    assert_eq!((first.number, second.number), (1, 2));
    assert_eq!(first.procedure, Code::of("72148"));
    assert_eq!(first.quantity, Quantity::ONE);
    assert_eq!(first.span, Some((day("2026-02-20"), day("2026-02-20"))));
    assert!(first.servicing.is_none() && first.traces.is_empty());
    assert_eq!(second.procedure, Code::of("97110"));
    assert_eq!(second.traces, ["CANARY-T-2", "CANARY-T-3"]);
    assert_eq!(second.service, ShortCode::of("PT"));
    assert_eq!(second.modifiers[0], ShortCode::of("GP"));
    assert_eq!(second.quantity, Quantity::whole(12).unwrap());
    assert_eq!(second.unit, ShortCode::of("VS"));
    assert_eq!(second.span, Some((day("2026-03-01"), day("2026-03-31"))));
    assert_eq!(second.diagnoses, 1);
    // The one who is to give it, not the one who referred.
    assert!(
        second
            .servicing
            .as_ref()
            .is_some_and(|to| to.identifier == "1245319599")
    );
}

#[test]
fn a_referral_may_name_a_type_of_service_alone() {
    let text = REQUEST.replace("\"HS\"", "\"SC\"").replace(
        "\"system\": \"http://www.ama-assn.org/go/cpt\", \"code\": \"97110\"",
        "\"system\": \"https://codesystem.x12.org/005010/1365\", \"code\": \"3\"",
    );
    // One item is of a referral, the other is not.
    let refusal = read_authorization_request(text.as_bytes()).err().unwrap();
    assert_eq!(
        (refusal.rule, refusal.place.as_str()),
        (
            R::NotUnderstood,
            "Bundle.entry[0].resource.item[1].extension"
        )
    );
    let mut bundle: Value = serde_json::from_str(&text).unwrap();
    let claim = &mut bundle["entry"][0]["resource"];
    claim["item"].as_array_mut().unwrap().truncate(1);
    claim["item"][0]
        .as_object_mut()
        .unwrap()
        .remove("servicedPeriod");
    claim["careTeam"][1]["extension"] = serde_json::json!([
        { "url": format!("{PAS}extension-careTeamClaimScope"), "valueBoolean": true }
    ]);
    let request = read(&bundle.to_string());
    assert!(request.kind == AuthorizationKind::Referral);
    assert!(request.lines[0].procedure.is_none() && request.lines[0].span.is_none());
}

#[test]
fn an_update_names_what_it_is_of() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut bundle: Value = serde_json::from_str(REQUEST).unwrap();
        change(&mut bundle["entry"][0]["resource"]);
        read_authorization_request(bundle.to_string().as_bytes())
    };
    let certification = |claim: &mut Value, code: &str| {
        claim["extension"]
            .as_array_mut()
            .unwrap()
            .push(serde_json::json!({
                "url": format!("{PAS}extension-certificationType"),
                "valueCodeableConcept": { "coding": [ { "code": code } ] }
            }));
    };
    for (code, of) in [
        ("R", Certification::Renewal),
        ("S", Certification::Revised),
        ("3", Certification::Cancel),
    ] {
        let found = with(&|claim| {
            certification(claim, code);
            claim["insurance"][0]["preAuthRef"] = serde_json::json!(["AUTH1"]);
        });
        let request = found.ok().unwrap();
        assert_eq!(request.certification, of);
        assert!(request.earlier == Some(Earlier::Authorization("AUTH1".into())));
        let refusal = with(&|claim| certification(claim, code)).err().unwrap();
        assert_eq!(refusal.rule, R::Missing);
        assert!(refusal.place.ends_with("insurance[0].preAuthRef"));
    }
    let related = with(&|claim| {
        claim["related"] = serde_json::json!([ { "claim": { "reference": "Claim/earlier" } } ]);
    });
    let related = related.ok().unwrap();
    assert_eq!(related.certification, Certification::Revised);
    assert!(related.earlier == Some(Earlier::Request("earlier".into())));
    let by_item = with(&|claim| {
        certification(claim, "R");
        claim["item"][0]["extension"]
            .as_array_mut()
            .unwrap()
            .push(serde_json::json!({
                "url": format!("{PAS}extension-authorizationNumber"), "valueString": "AUTH2"
            }));
    });
    assert!(by_item.ok().unwrap().earlier == Some(Earlier::Authorization("AUTH2".into())));
    let two = with(&|claim| {
        certification(claim, "R");
        claim["insurance"][0]["preAuthRef"] = serde_json::json!(["AUTH1", "AUTH2"]);
    });
    assert_eq!(two.err().unwrap().rule, R::Missing);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (from, to, rule, place) in [
        ("\"preauthorization\"", "\"claim\"", R::NotAClaim, "use"),
        ("\"preauthorization\"", "7", R::WrongType, "use"),
        ("\"active\"", "\"draft\"", R::NotActive, "status"),
        (
            "\"priority\"",
            "\"implicitRules\": \"CANARY\", \"was\"",
            R::NotUnderstood,
            "implicitRules",
        ),
        (
            "\"priority\"",
            "\"modifierExtension\": [ { \"url\": \"CANARY\" } ], \"was\"",
            R::NotUnderstood,
            "modifierExtension[0]",
        ),
        ("\"professional\"", "\"CANARY\"", R::UnknownKind, "type"),
        (
            "\"U\"",
            "\"CANARY\"",
            R::BadCode,
            "extension[0].valueCodeableConcept.coding[0].code",
        ),
        (
            "\"provider\": { \"reference\": \"Organization/o\" }",
            "\"provider\": {}",
            R::NoProvider,
            "provider",
        ),
        (
            "\"provider\": { \"reference\": \"Organization/o\" },",
            "",
            R::Missing,
            "provider",
        ),
        (
            "\"patient\": { \"reference\": \"Patient/CANARY\" },",
            "",
            R::Missing,
            "patient",
        ),
        (
            "\"focal\": true",
            "\"focal\": false",
            R::Coverage,
            "insurance",
        ),
        (
            "\"M54.5\"",
            "\"CANARY CANARY\"",
            R::BadCode,
            "diagnosis[0].diagnosisCodeableConcept.coding[0].code",
        ),
        ("\"item\": [", "\"was\": [", R::Missing, "item"),
        (
            "\"sequence\": 2, \"careTeamSequence\"",
            "\"sequence\": 1, \"careTeamSequence\"",
            R::Sequence,
            "item[1].sequence",
        ),
        (
            "\"sequence\": 2, \"careTeamSequence\"",
            "\"sequence\": 0, \"careTeamSequence\"",
            R::Sequence,
            "item[0].sequence",
        ),
        (
            "\"sequence\": 2, \"careTeamSequence\"",
            "\"careTeamSequence\"",
            R::Missing,
            "item[0].sequence",
        ),
        (
            "[ 2, 1 ]",
            "[ 2, 9 ]",
            R::Pointer,
            "item[0].careTeamSequence[1]",
        ),
        (
            "\"diagnosisSequence\": [ 1 ]",
            "\"diagnosisSequence\": [ 4 ]",
            R::Pointer,
            "item[0].diagnosisSequence[0]",
        ),
        (
            "\"HS\"",
            "\"CANARY\"",
            R::BadCode,
            "item[0].extension[2].valueCodeableConcept.coding[0].code",
        ),
        (
            "\"I\"",
            "\"1\"",
            R::BadCode,
            "item[0].extension[3].valueCodeableConcept.coding[0].code",
        ),
        (
            "\"1245319599\"",
            "\"A CANARY OF A LONG NAME\"",
            R::BadCode,
            "careTeam[0].provider",
        ),
        (
            "\"97110\"",
            "\"CANARY\"",
            R::BadCode,
            "item[0].productOrService.coding[0].code",
        ),
        (
            "\"productOrService\": { \"coding\": [ { \"system\": \"http://www.ama-assn.org/go/cpt\", \"code\": \"72148\" } ] },",
            "",
            R::NoCode,
            "item[1].productOrService",
        ),
        (
            "\"end\": \"2026-03-31\"",
            "\"end\": \"2026-02-28\"",
            R::DatesOutOfOrder,
            "item[0].servicedPeriod",
        ),
        (
            "\"2026-02-20\"",
            "\"2026-02-30\"",
            R::BadDate,
            "item[1].servicedDate",
        ),
        (
            "\"servicedPeriod\"",
            "\"servicedDate\": \"2026-03-01\", \"servicedPeriod\"",
            R::WrongType,
            "item[0].servicedPeriod",
        ),
        (
            "\"value\": 12",
            "\"value\": 0",
            R::BadQuantity,
            "item[0].quantity.value",
        ),
        (
            "\"value\": 12",
            "\"value\": -1",
            R::Negative,
            "item[0].quantity.value",
        ),
        (
            "\"value\": 12",
            "\"value\": 99999999",
            R::OverLimit,
            "item[0].quantity.value",
        ),
        (
            "\"value\": 12",
            "\"comparator\": \"<\", \"value\": 12",
            R::NotUnderstood,
            "item[0].quantity.comparator",
        ),
        (
            "\"GP\"",
            "\"CANARY CANARY\"",
            R::BadCode,
            "item[0].modifier[0].coding[0].code",
        ),
        (
            "\"servicedDate\"",
            "\"modifierExtension\": [ { \"url\": \"x/modifierextension-infoCancelled\", \"valueBoolean\": true } ], \"servicedDate\"",
            R::NotUnderstood,
            "item[1].modifierExtension[0]",
        ),
        (
            "\"value\": \"CANARY-T-2\"",
            "\"value\": \"\\u0007\"",
            R::BadText,
            "item[0].extension[0].valueIdentifier.value",
        ),
    ] {
        assert!(REQUEST.contains(from), "{from}");
        let text = REQUEST.replacen(from, to, 1);
        let Err(refusal) = read_authorization_request(text.as_bytes()) else {
            panic!("{to} is read")
        };
        let expected = format!("Bundle.entry[0].resource.{place}");
        assert_eq!(
            (refusal.rule, refusal.place.as_str()),
            (rule, expected.as_str()),
            "{from} → {to}: {}",
            refusal.reason
        );
        assert!(!refusal.reason.contains("CANARY"), "{}", refusal.reason);
    }
    for (text, rule) in [
        ("", R::Empty),
        ("\u{feff}{}", R::ByteOrderMark),
        ("{", R::NotJson),
        ("{ \"resourceType\": \"Patient\" }", R::NoClaim),
        ("{ \"resourceType\": \"Bundle\" }", R::NoClaim),
        (
            "{ \"resourceType\": \"Claim\", \"use\": 1, \"use\": 1 }",
            R::DuplicateKey,
        ),
        ("[]", R::NoClaim),
    ] {
        let found = read_authorization_request(text.as_bytes()).err();
        assert_eq!(found.map(|refusal| refusal.rule), Some(rule), "{text}");
    }
}

#[test]
fn what_is_not_withdrawn_is_read() {
    let text = REQUEST.replace("\"servicedDate\"", "\"modifierExtension\": [ { \"url\": \"x/modifierextension-infoCancelled\", \"valueBoolean\": false } ], \"servicedDate\"");
    assert!(read(&text) == read(REQUEST));
}
