//! One claim in three forms comes to one outcome: the same bytes.

mod common;
#[path = "common/x12.rs"]
mod x12;

use serde_json::json;
use tally::node::clock::Clock;
use tally::node::{Delivery, Node};
use tally_core::interchange::read_contracts;
use tally_store::port::Reading as _;
use tally_types::ServiceDate;
use x12::{Professional, professional};

#[path = "common/office.rs"]
mod office;

const FHIR: &str = r#"{
  "resourceType": "Claim", "status": "active", "use": "claim",
  "identifier": [ { "value": "A-1" } ],
  "type": { "coding": [ { "system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "professional" } ] },
  "patient": { "identifier": { "value": "M-1001" } },
  "created": "2026-02-12",
  "provider": { "identifier": { "system": "http://hl7.org/fhir/sid/us-npi", "value": "2000001372" } },
  "priority": { "coding": [ { "code": "normal" } ] },
  "diagnosis": [ { "sequence": 1, "diagnosisCodeableConcept": { "coding": [ { "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "J06.9" } ] } } ],
  "insurance": [ { "sequence": 1, "focal": true, "coverage": { "display": "Harbor" } } ],
  "item": [
    { "sequence": 1, "diagnosisSequence": [ 1 ],
      "productOrService": { "coding": [ { "system": "http://www.ama-assn.org/go/cpt", "code": "99396" } ] },
      "modifier": [ { "coding": [ { "code": "25" } ] } ],
      "servicedDate": "2026-02-10", "locationCodeableConcept": { "coding": [ { "system": "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set", "code": "11" } ] },
      "quantity": { "value": 1 }, "net": { "value": 180.00, "currency": "USD" } },
    { "sequence": 2, "diagnosisSequence": [ 1 ],
      "productOrService": { "coding": [ { "system": "http://www.ama-assn.org/go/cpt", "code": "97110" } ] },
      "servicedDate": "2026-02-11", "locationCodeableConcept": { "coding": [ { "system": "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set", "code": "11" } ] },
      "quantity": { "value": 3 }, "net": { "value": 133.35, "currency": "USD" } }
  ],
  "total": { "value": 313.35, "currency": "USD" }
}"#;

fn forms() -> [(&'static str, String); 3] {
    let in_x12 = professional(
        9,
        &[Professional {
            control: "A-1",
            member: "M-1001",
            charge: "313.35",
            diagnosis: "J069",
            lines: &[
                ("99396", "25", "180", "1", "20260210"),
                ("97110", "", "133.35", "3", "20260211"),
            ],
        }],
    );
    let ours = json!({
        "format": "tallystick-claim/v1", "kind": "professional", "control_number": "A-1",
        "member": "M-1001", "billing": "2000001372", "diagnoses": ["J069"],
        "lines": [
            { "procedure": "99396", "modifiers": ["25"], "place": "11", "diagnoses": [1],
              "charge": "180.00", "from": "2026-02-10" },
            { "procedure": "97110", "place": "11", "diagnoses": [1], "quantity": "3",
              "charge": "133.35", "from": "2026-02-11" },
        ],
    });
    [
        ("x12", in_x12),
        ("fhir", FHIR.to_owned()),
        ("json", ours.to_string()),
    ]
}

/// A claim's id is made of who sent it, in what and where in it: sent under one
/// control number, each to a node of its own, all three are the same claim. What they
/// came to has the same bytes, and so the same hash.
#[tokio::test(flavor = "multi_thread")]
async fn three_forms_of_a_claim_come_to_the_same_bytes() {
    let mut outcomes = Vec::new();
    for (form, text) in forms() {
        let folder = tempfile::tempdir().unwrap();
        let day = ServiceDate::parse("2026-03-02").unwrap();
        let node = Node::open(folder.path(), Clock::simulated(day))
            .await
            .unwrap();
        let Ok(contracts) = read_contracts(office::CONTRACT.as_bytes()) else {
            panic!("the contract")
        };
        node.enrol(&contracts[0], false).await.unwrap();
        let submitted = node
            .submit(Delivery {
                submitter: "riverside",
                interchange: Some("2026-0001"),
                bytes: text.as_bytes(),
                format: None,
                succeeds: None,
            })
            .await
            .unwrap();
        assert_eq!(submitted.refusals, [], "{form}");
        node.drain(&|_| ()).await.unwrap();
        let row = node
            .store()
            .claim(submitted.claims[0])
            .await
            .unwrap()
            .unwrap();
        let outcome = row.outcome.unwrap();
        assert!(outcome.paid.scaled() > 0, "{form}");
        let read = node.read_claim(row.id, "test").await.unwrap();
        let line =
            tally_core::interchange::outcome_json(&read.claim, read.outcome.as_ref().unwrap());
        outcomes.push((form, row.id, line, outcome.outcome_hash));
    }
    for (form, id, line, hash) in &outcomes[1..] {
        assert_eq!((id, line), (&outcomes[0].1, &outcomes[0].2), "{form}");
        assert_eq!(hash, &outcomes[0].3, "{form}");
    }
}
