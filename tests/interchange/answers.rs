//! Answers: what they look like, and that their sums agree to the cent.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tally_core::adjudication::{Outcome, Settlement, Status};
use tally_core::claim::Claim;
use tally_core::interchange::{
    PaidOn, claim_response, operation_outcome, outcome_json, read_claims,
};
use tally_types::Money;

use super::frozen::{INSURER, sample_claim, sample_outcome, sample_pended};
use super::generate::{Shown, claims, day, outcomes, source};

/// The text over several lines, nothing else of it changed.
pub fn pretty(text: &str) -> String {
    assert!(!text.contains('\n'), "one line");
    let (mut out, mut depth, mut quoted, mut escaped) = (String::new(), 0, false, false);
    for c in text.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            out.push(c);
            continue;
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => quoted = c == '"',
        }
        let line = format!("\n{}", "  ".repeat(depth));
        match c {
            '{' | '[' | ',' => out.extend([c.to_string(), line]),
            '}' | ']' => out.extend([line, c.to_string()]),
            _ => out.push(c),
        }
    }
    out
}

#[test]
fn outcomes_as_json() {
    let claim = sample_claim();
    insta::assert_snapshot!("settled", pretty(&outcome_json(&claim, &sample_outcome())));
    insta::assert_snapshot!("pended", pretty(&outcome_json(&claim, &sample_pended())));
}

#[test]
fn outcomes_as_claim_responses() {
    let claim = sample_claim();
    let today = day(2026, 1, 21);
    insta::assert_snapshot!(
        "response_settled",
        pretty(&claim_response(
            &claim,
            &sample_outcome(),
            INSURER,
            today,
            None
        ))
    );
    insta::assert_snapshot!(
        "response_pended",
        pretty(&claim_response(
            &claim,
            &sample_pended(),
            INSURER,
            today,
            None
        ))
    );
}

#[test]
fn refusals_as_an_operation_outcome() {
    let file = b"{\"resourceType\":\"Claim\",\"use\":\"predetermination\"}\n{\"resourceType\":\"Clain\"}\n{";
    let read = read_claims(file, None, &source());
    insta::assert_snapshot!(pretty(&operation_outcome(&read.refusals)));
    assert!(operation_outcome(&[]).contains("informational"));
}

// What is needed of a ClaimResponse to add it up; amounts from their text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    outcome: String,
    item: Vec<Item>,
    total: Vec<Adjudication>,
    payment: Option<Payment>,
    process_note: Option<Vec<Note>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    item_sequence: u16,
    adjudication: Vec<Adjudication>,
}

#[derive(Deserialize)]
struct Adjudication {
    category: Concept,
    reason: Option<Concept>,
    amount: Amount,
}

#[derive(Deserialize)]
struct Concept {
    coding: Vec<Coding>,
}

#[derive(Deserialize)]
struct Coding {
    code: String,
}

#[derive(Deserialize)]
struct Amount {
    value: Box<RawValue>,
    currency: String,
}

#[derive(Deserialize)]
struct Payment {
    amount: Amount,
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

impl Amount {
    fn money(&self) -> Money {
        assert_eq!(self.currency, "USD");
        Money::parse(self.value.get()).unwrap()
    }
}

fn of(category: &str, adjudications: &[Adjudication]) -> Money {
    Money::checked_sum(
        adjudications
            .iter()
            .filter(|a| {
                a.category
                    .coding
                    .iter()
                    .any(|coding| coding.code == category)
            })
            .map(|a| a.amount.money()),
    )
    .unwrap()
}

fn adds_up(claim: &Claim, outcome: &Outcome) {
    let text = claim_response(claim, outcome, INSURER, day(2026, 1, 21), None);
    let response: Response = serde_json::from_str(&text).unwrap();
    let mut sums = [Money::ZERO; 4];
    for item in &response.item {
        let adjusted = Money::checked_sum(
            item.adjudication
                .iter()
                .filter(|a| a.reason.is_some())
                .map(|a| a.amount.money()),
        )
        .unwrap();
        let submitted = of("submitted", &item.adjudication);
        let benefit = of("benefit", &item.adjudication);
        if outcome.status() != Status::Pended {
            assert_eq!(submitted.checked_sub(adjusted), Some(benefit));
        }
        for (sum, category) in sums
            .iter_mut()
            .zip(["submitted", "eligible", "PR", "benefit"])
        {
            *sum = sum.checked_add(of(category, &item.adjudication)).unwrap();
        }
        assert!(item.item_sequence > 0);
    }
    let totals = ["submitted", "eligible", "PR", "benefit"].map(|c| of(c, &response.total));
    assert_eq!(sums, totals);
    assert_eq!(
        totals,
        [
            outcome.charge(),
            outcome.allowed(),
            outcome.patient(),
            outcome.paid()
        ]
    );
    let payment = response.payment.map_or(Money::ZERO, |p| p.amount.money());
    assert_eq!(payment, outcome.paid());
    if let Settlement::Pended { resolution, .. } = outcome.settlement() {
        assert_eq!(response.outcome, "queued");
        assert!(response.process_note.unwrap()[0].text.contains(resolution));
    } else {
        assert_eq!(response.outcome, "complete");
    }
}

#[derive(Deserialize)]
struct Export {
    claim: String,
    status: String,
    charge: String,
    allowed: String,
    paid: String,
    patient: String,
    adjustments: Vec<ExportAdjustment>,
    lines: Vec<ExportLine>,
}

#[derive(Deserialize)]
struct ExportLine {
    charge: String,
    paid: String,
    adjustments: Vec<ExportAdjustment>,
}

#[derive(Deserialize)]
#[allow(dead_code)] // that each is there and a text is what is checked
struct ExportAdjustment {
    group: String,
    carc: String,
    rarc: String,
    amount: String,
    clause: String,
}

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn export_adds_up(claim: &Claim, outcome: &Outcome) {
    let export: Export = serde_json::from_str(&outcome_json(claim, outcome)).unwrap();
    assert_eq!(export.claim, outcome.claim().to_string());
    assert_eq!(export.status, outcome.status().as_str());
    assert_eq!(money(&export.allowed), outcome.allowed());
    assert!(export.adjustments.is_empty());
    let mut sums = [Money::ZERO; 3];
    for line in &export.lines {
        let sum = |group: &str| {
            Money::checked_sum(
                line.adjustments
                    .iter()
                    .filter(|a| group.is_empty() || a.group == group)
                    .map(|a| money(&a.amount)),
            )
            .unwrap()
        };
        if export.status == "pended" {
            assert!(line.paid == "0.00" && line.adjustments.is_empty());
        } else {
            assert_eq!(
                money(&line.charge).checked_sub(sum("")),
                Some(money(&line.paid))
            );
        }
        let parts = [money(&line.charge), money(&line.paid), sum("PR")];
        for (total, part) in sums.iter_mut().zip(parts) {
            *total = total.checked_add(part).unwrap();
        }
    }
    assert_eq!(
        sums,
        [&export.charge, &export.paid, &export.patient].map(|text| money(text))
    );
}

proptest! {
    #[test]
    fn answers_add_up(Shown(claim) in claims(), outcome in outcomes()) {
        adds_up(&claim, &outcome);
        export_adds_up(&claim, &outcome);
    }
}

/// Interest is no part of what a claim came to: it adjusts the payment, and nothing else
/// of the answer.
#[test]
fn interest_is_an_adjustment_of_the_payment() {
    let (claim, outcome, on) = (sample_claim(), sample_outcome(), day(2026, 1, 21));
    let of = |paid| {
        let text = claim_response(&claim, &outcome, INSURER, on, paid);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let with = |cents| {
        let interest = Money::cents(cents);
        of(Some(PaidOn { day: on, interest }))
    };
    let plain = with(0);
    // Before a payment told of it, it has no day.
    let mut untold = plain.clone();
    let day = untold["payment"].as_object_mut().unwrap().remove("date");
    assert_eq!(day.unwrap(), "2026-01-21");
    assert_eq!(of(None), untold);
    let mut late = with(123);
    let payment = late["payment"].take();
    let mut expected = plain.clone();
    let before = expected["payment"].take();
    assert_eq!(late, expected);
    assert_eq!(payment["adjustment"]["value"].to_string(), "1.23");
    let cents = |payment: &Value| (payment["amount"]["value"].as_f64().unwrap() * 100.0).round();
    assert_eq!(cents(&payment), cents(&before) + 123.0);
    assert_eq!(payment["date"], before["date"]);
}
