//! The examples in the documents are read as they stand, and the list of
//! refusals is complete.

use std::path::Path;

use tally_core::interchange::{IntakeRule, read_claims, read_contracts};

use super::generate::source;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn example(document: &str) -> &str {
    let (_, rest) = document.split_once("```json\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_claim_of_the_document_is_read() {
    let read = read_claims(
        example(&document("claim-json.md")).as_bytes(),
        None,
        &source(),
    );
    assert_eq!(read.refusals, []);
    let claim = &read.claims[0];
    assert_eq!(claim.charge.to_string(), "245.50");
    assert_eq!(claim.lines[1].quantity.to_string(), "2.5");
    assert!(claim.billing.is_npi);
}

#[test]
fn the_fuller_claim_of_the_document_is_read() {
    let text = document("claim-json.md");
    let (_, rest) = text.split_once("```json\n").unwrap();
    let read = read_claims(example(rest).as_bytes(), None, &source());
    assert_eq!(read.refusals, []);
    let claim = &read.claims[0];
    assert!(claim.member.dependant.is_some() && claim.circumstances.accident.is_some());
    assert_eq!(claim.coordination.others.len(), 1);
    assert_eq!(claim.lines[0].prior[0].adjustments.len(), 1);
    let bill = claim.institutional.as_ref().unwrap();
    assert_eq!((bill.procedures.len(), bill.occurrences.len()), (1, 2));
}

#[test]
fn the_contract_of_the_document_is_read() {
    let read = read_contracts(example(&document("contract-json.md")).as_bytes());
    let Ok(read) = read else {
        panic!("the example is refused");
    };
    assert_eq!(read[0].members[1].spans.len(), 2);
}

#[test]
fn every_rule_is_in_the_document() {
    let text = document("refusals.md");
    for rule in IntakeRule::ALL {
        let row = format!("| {} | {} |", rule.id(), rule.text());
        assert!(text.contains(&row), "{row}");
    }
}
