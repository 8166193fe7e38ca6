//! Answers of other payers: our own ClaimResponse says the same to the next payer as
//! the outcome does, and those of the cases are read or refused with a place.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};
use tally_core::adjudication::{Outcome, Settlement};
use tally_core::claim::{Claim, PriorAdjustment};
use tally_core::interchange::{cancelled_claim_response, claim_response, read_claims};
use tally_types::{Group, Money, ServiceDate, ShortCode};

use super::cases::{cases, files};
use super::frozen::{INSURER, sample_claim, sample_outcome};
use super::generate::{day, outcomes, source};

/// A claim with these items, that another payer has answered.
fn claim(items: &[(u64, Money)], answer: &Value) -> Value {
    let items: Vec<Value> = items
        .iter()
        .map(|(sequence, charge)| {
            let charge: Value = serde_json::from_str(&charge.to_string()).unwrap();
            json!({ "sequence": sequence, "servicedDate": "2026-01-05",
                    "productOrService": { "coding": [ { "code": "exam" } ] },
                    "net": { "value": charge } })
        })
        .collect();
    let mut answer = answer.clone();
    answer["id"] = json!("r");
    json!({
        "resourceType": "Claim", "status": "active", "use": "claim",
        "contained": [ answer ],
        "type": { "coding": [ { "code": "professional" } ] },
        "patient": { "identifier": { "value": "M-1" } },
        "provider": { "identifier": { "value": "P-1" } },
        "insurance": [
            { "sequence": 2, "focal": true, "coverage": { "display": "ours" } },
            { "sequence": 1, "focal": false, "coverage": { "identifier": { "value": "FIRST" } },
              "claimResponse": { "reference": "#r" } } ],
        "item": items,
    })
}

fn read(claim: &Value) -> Result<Claim, String> {
    let mut read = read_claims(claim.to_string().as_bytes(), None, &source());
    match read.refusals.pop() {
        Some(refusal) => Err(format!(
            "{} {}: {}",
            refusal.rule.id(),
            refusal.place,
            refusal.reason
        )),
        None => Ok(read.claims.remove(0)),
    }
}

fn answered(outcome: &Outcome, created: ServiceDate) -> Claim {
    let text = claim_response(&sample_claim(), outcome, INSURER, created, None);
    let items: Vec<(u64, Money)> = outcome
        .lines()
        .iter()
        .map(|line| (line.number().into(), line.charge()))
        .collect();
    match read(&claim(&items, &serde_json::from_str(&text).unwrap())) {
        Ok(claim) => claim,
        Err(refusal) => panic!("{refusal}"),
    }
}

proptest! {
    #[test]
    fn the_next_payer_reads_what_the_outcome_says(outcome in outcomes()) {
        if let Settlement::Pended { .. } = outcome.settlement() {
            return Ok(());
        }
        let claim = answered(&outcome, day(2026, 1, 20));
        prop_assert_eq!(claim.coordination.sequence, 2);
        let payer = &claim.coordination.others[0];
        prop_assert_eq!(&payer.identifier, "FIRST");
        prop_assert_eq!(payer.sequence, 1);
        prop_assert_eq!(payer.paid, Some(outcome.paid()));
        prop_assert_eq!(payer.remaining, Some(outcome.patient()));
        prop_assert_eq!(payer.decided, Some(day(2026, 1, 20)));
        for (line, decided) in claim.lines.iter().zip(outcome.lines()) {
            let prior = &line.prior[0];
            prop_assert_eq!(prior.paid, decided.paid());
            prop_assert_eq!(prior.remaining, Some(decided.patient()));
            let expected: Vec<PriorAdjustment> = decided
                .adjustments()
                .iter()
                .map(|a| PriorAdjustment {
                    group: a.group,
                    reason: ShortCode::parse(&a.carc.to_string()).unwrap(),
                    amount: a.amount,
                })
                .collect();
            prop_assert!(prior.adjustments == expected);
            // charge − Σ adjustments = paid, as the first payer reported it.
            let taken = Money::checked_sum(prior.adjustments.iter().map(|a| a.amount));
            prop_assert_eq!(line.charge.checked_sub(taken.unwrap()), Some(prior.paid));
        }
    }
}

#[test]
fn what_gives_no_reasons_is_read_by_its_categories() {
    let answer = json!({ "resourceType": "ClaimResponse", "created": "2026-01-18",
        "total": [ { "category": { "coding": [ { "code": "benefit" } ] }, "amount": { "value": 70.5 } } ],
        "item": [ { "itemSequence": 1, "adjudication": [
            { "category": { "coding": [ { "code": "eligible" } ] }, "amount": { "value": 90 } },
            { "category": { "coding": [ { "code": "copay" } ] }, "amount": { "value": 10 } },
            { "category": { "coding": [ { "code": "coinsurance" } ] }, "amount": { "value": 9.5 } },
            { "category": { "coding": [ { "code": "eligpercent" } ] }, "value": 80.0 },
            { "category": { "coding": [ { "code": "benefit" } ] }, "amount": { "value": 70.5 } } ] } ] });
    let Ok(read) = read(&claim(&[(1, Money::cents(10_000))], &answer)) else {
        panic!("refused");
    };
    let prior = &read.lines[0].prior[0];
    assert_eq!(prior.paid, Money::cents(7_050));
    let adjustments: Vec<(Group, String, i64)> = prior
        .adjustments
        .iter()
        .map(|a| (a.group, a.reason.to_string(), a.amount.scaled()))
        .collect();
    assert_eq!(
        adjustments,
        [(Group::Pr, "3".into(), 1_000), (Group::Pr, "2".into(), 950)]
    );
    assert_eq!(read.coordination.others[0].paid, Some(Money::cents(7_050)));
}

#[test]
fn an_answer_taken_back_is_the_same_and_cancelled() {
    let (claim, outcome, created) = (sample_claim(), sample_outcome(), day(2026, 1, 21));
    let active = claim_response(&claim, &outcome, INSURER, created, None);
    let cancelled = cancelled_claim_response(&claim, &outcome, INSURER, created);
    assert_ne!(active, cancelled);
    assert_eq!(active.replacen("\"active\"", "\"cancelled\"", 1), cancelled);
}

fn responses(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(map) => {
            if map
                .get("resourceType")
                .is_some_and(|kind| kind == "ClaimResponse")
            {
                found.push(value.clone());
            }
            map.values().for_each(|value| responses(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| responses(value, found)),
        _ => {}
    }
}

#[test]
fn the_answers_of_the_cases_are_read_or_refused_with_a_place() {
    let Some(root) = cases() else { return };
    let mut out = String::new();
    for folder in [
        "fhir-r4-spec-examples",
        "cms-bfd-eob",
        "davinci-priorauth-ri",
        "hcx",
    ] {
        let mut paths = Vec::new();
        files(&root.join(folder), &mut paths);
        for path in paths {
            let bytes = std::fs::read(&path).unwrap();
            let mut found = Vec::new();
            if let Ok(value) = serde_json::from_slice(&bytes) {
                responses(&value, &mut found);
            }
            for answer in found {
                let sequences = answer["item"].as_array().map_or(&[][..], Vec::as_slice);
                let mut items: Vec<(u64, Money)> = sequences
                    .iter()
                    .filter_map(|item| Some((item["itemSequence"].as_u64()?, Money::cents(100))))
                    .collect();
                if items.is_empty() {
                    items.push((1, Money::cents(100)));
                }
                write!(out, "{}: ", path.file_stem().unwrap().to_string_lossy()).unwrap();
                match read(&claim(&items, &answer)) {
                    Err(refusal) => writeln!(out, "{refusal}").unwrap(),
                    Ok(claim) => {
                        let payer = &claim.coordination.others[0];
                        let amount = |amount: Option<Money>| {
                            amount.map_or("nothing".to_owned(), |amount| amount.to_string())
                        };
                        write!(out, "{} paid", amount(payer.paid)).unwrap();
                        for line in claim.lines.iter().flat_map(|line| &line.prior) {
                            let of = line
                                .adjustments
                                .iter()
                                .map(|a| format!("{} {} {}", a.group, a.reason, a.amount));
                            let of: Vec<String> = of.collect();
                            write!(out, "; {} [{}]", line.paid, of.join(", ")).unwrap();
                        }
                        out.push('\n');
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(out);
}
