//! Remittances balance: a checker of its own, written from the requests for
//! interpretation of X12 (RFI, the numbers below), that shares nothing with what
//! writes them. Amounts are counted in cents from their text.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tally_core::adjudication::{Outcome, Status};
use tally_core::claim::Claim;
use tally_core::interchange::x12::{
    Address, Method, PatientName, Payee, Payer, ProviderAdjustment, Remittance, RemittanceError,
    RemittedClaim, Stamp, remittance,
};
use tally_types::Money;

use super::frozen::{sample_claim, sample_outcome, sample_pended};
use super::generate::{Shown, claims, day, outcomes};

/// Cents of a decimal.
fn cents(text: &str) -> i64 {
    if text.is_empty() {
        return 0;
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(part.len() <= 2, "a fraction of a cent: {text}");
    let part = format!("{part:0<2}");
    let whole = if whole.is_empty() { "0" } else { whole };
    sign * (whole.parse::<i64>().unwrap() * 100 + part.parse::<i64>().unwrap())
}

/// A claim's payment while it is read.
#[derive(Default)]
struct Payment {
    charge: i64,
    paid: i64,
    patient: i64,
    reversal: bool,
    /// Adjustments above the lines.
    above: i64,
    /// Of all, those of group PR.
    borne: i64,
    lines: Vec<Line>,
}

#[derive(Default)]
struct Line {
    charge: i64,
    paid: i64,
    adjusted: i64,
}

/// What is wrong with a remittance's sums, by the rules' numbers.
pub fn unbalanced(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut total, mut kept) = (0, 0);
    let mut payments: Vec<Payment> = Vec::new();
    let segments = text.split('~').map(str::trim).filter(|s| !s.is_empty());
    for segment in segments {
        let elements: Vec<&str> = segment.split('*').collect();
        let of = |at: usize| elements.get(at).copied().unwrap_or("");
        match of(0) {
            "BPR" => total = cents(of(2)),
            "CLP" => payments.push(Payment {
                charge: cents(of(3)),
                paid: cents(of(4)),
                patient: cents(of(5)),
                reversal: of(2) == "22",
                ..Payment::default()
            }),
            "SVC" => payments.last_mut().unwrap().lines.push(Line {
                charge: cents(of(2)),
                paid: cents(of(3)),
                adjusted: 0,
            }),
            "CAS" => {
                let payment = payments.last_mut().unwrap();
                let triples = elements[2..].chunks(3);
                for triple in triples {
                    let amount = cents(triple.get(1).copied().unwrap_or(""));
                    if of(1) == "PR" {
                        payment.borne += amount;
                    }
                    if amount == 0 {
                        wrong.push("an adjustment of nothing".into());
                    }
                    match payment.lines.last_mut() {
                        Some(line) => line.adjusted += amount,
                        None => payment.above += amount,
                    }
                }
            }
            "PLB" => {
                for pair in elements[3..].chunks(2) {
                    kept += cents(pair.get(1).copied().unwrap_or(""));
                }
            }
            _ => {}
        }
    }
    for (at, payment) in payments.iter().enumerate() {
        for line in &payment.lines {
            if line.charge - line.adjusted != line.paid {
                wrong.push(format!("2348: a line of claim {at}"));
            }
        }
        let adjusted: i64 = payment.lines.iter().map(|line| line.adjusted).sum();
        if payment.charge - payment.above - adjusted != payment.paid {
            wrong.push(format!("522, 2570: claim {at}"));
        }
        if !payment.reversal && payment.borne != payment.patient {
            wrong.push(format!("2548: claim {at}"));
        }
        if !payment.lines.is_empty() {
            let charged: i64 = payment.lines.iter().map(|line| line.charge).sum();
            let paid: i64 = payment.lines.iter().map(|line| line.paid).sum();
            if charged != payment.charge {
                wrong.push(format!("2143: the lines of claim {at} are not its charge"));
            }
            if payment.above == 0 && paid != payment.paid {
                wrong.push(format!("2570: the lines of claim {at} are not its payment"));
            }
        }
    }
    if total < 0 {
        wrong.push("222: a negative payment".into());
    }
    let paid: i64 = payments.iter().map(|payment| payment.paid).sum();
    if paid - kept != total {
        wrong.push(format!("1756: {paid} less {kept} is not {total}"));
    }
    wrong
}

fn parts(stamp_control: u32) -> (Payer<'static>, Payee<'static>, Stamp<'static>) {
    let payer = Payer {
        name: "HARBOR HEALTH",
        id: "HARBOR",
        tax: "123456789",
        address: Address {
            street: "1 QUAY",
            city: "HARBOR",
            state: "ME",
            zip: "04000",
        },
        telephone: "5550100",
    };
    let payee = Payee {
        name: "LAKESIDE CLINIC",
        id: "LAKESIDE",
        npi: "1234567893",
    };
    let stamp = Stamp {
        date: day(2026, 1, 22),
        time: "1015",
        control: stamp_control,
        trace: "T-0001",
    };
    (payer, payee, stamp)
}

fn written(
    claims: &[(&Claim, &Outcome)],
    adjustments: &[ProviderAdjustment<'_>],
) -> Result<String, RemittanceError> {
    let (payer, payee, stamp) = parts(31);
    let claims: Vec<RemittedClaim<'_>> = claims
        .iter()
        .map(|(claim, outcome)| RemittedClaim {
            claim,
            outcome,
            patient: PatientName {
                family: "EXAMPLE",
                given: "ALEX",
            },
            filing: "12",
        })
        .collect();
    remittance(&Remittance {
        payer,
        payee,
        method: Method::Ach,
        stamp,
        claims: &claims,
        adjustments,
    })
}

/// Nothing in it is against the guide.
fn assert_sound(text: &str) {
    let file = tally_x12::read(text);
    let [interchange] = &file.interchanges[..] else {
        panic!("one interchange");
    };
    assert_eq!(interchange.faults, []);
    let group = &interchange.groups[0];
    assert_eq!(group.faults, []);
    let judged = tally_x12::ack::judge(group, &group.transactions[0]);
    assert_eq!(judged.codes, [], "{text}");
    assert_eq!(judged.faults(), [], "{text}");
}

#[test]
fn a_remittance_as_x12() {
    let (claim, outcome) = (sample_claim(), sample_outcome());
    let text = written(&[(&claim, &outcome)], &[]).unwrap();
    assert_eq!(unbalanced(&text), [""; 0]);
    insta::assert_snapshot!(text);
}

#[test]
fn a_claim_that_waits_is_not_remitted() {
    let (claim, outcome) = (sample_claim(), sample_pended());
    let refused = written(&[(&claim, &outcome)], &[]).unwrap_err();
    assert_eq!(refused, RemittanceError::Pended(0));
}

#[test]
fn what_would_be_negative_is_carried_forward() {
    let (claim, outcome) = (sample_claim(), sample_outcome());
    let more = outcome.paid().checked_add(Money::cents(1234)).unwrap();
    let recouped = ProviderAdjustment {
        reason: "WO",
        reference: "EARLIER",
        amount: more,
    };
    let text = written(&[(&claim, &outcome)], &[recouped]).unwrap();
    assert!(text.contains("BPR*H*0.00*C*NON"), "{text}");
    assert!(text.contains("FB:T-0001*-12.34~"), "{text}");
    assert_eq!(unbalanced(&text), [""; 0]);
    assert_sound(&text);
}

/// The checker finds what does not add up.
#[test]
fn the_checker_is_not_blind() {
    let (claim, outcome) = (sample_claim(), sample_outcome());
    let text = written(&[(&claim, &outcome)], &[]).unwrap();
    let mut found = BTreeMap::new();
    let segments: Vec<&str> = text.split_inclusive('\n').collect();
    for (at, segment) in segments.iter().enumerate() {
        let tag = &segment[..3];
        if !matches!(tag, "BPR" | "CLP" | "SVC" | "CAS") {
            continue;
        }
        // A cent more, in the first amount.
        let elements: Vec<&str> = segment.split('*').collect();
        let amount = elements
            .iter()
            .position(|element| element.contains('.'))
            .unwrap();
        let more = cents(elements[amount].trim_end_matches("~\n")) + 1;
        let mut changed: Vec<String> = elements.iter().map(|&e| e.to_owned()).collect();
        let end = if elements[amount].ends_with('\n') {
            "~\n"
        } else {
            ""
        };
        changed[amount] = format!("{}.{:02}{end}", more / 100, more % 100);
        let mut all: Vec<String> = segments.iter().map(|&s| s.to_owned()).collect();
        all[at] = changed.join("*");
        let wrong = unbalanced(&all.concat());
        assert!(!wrong.is_empty(), "{segment}");
        *found.entry(tag.to_owned()).or_insert(0) += 1;
    }
    assert_eq!(found.len(), 4, "{found:?}");
}

proptest! {
    /// Whatever claims come to, their remittance balances and is sound.
    #[test]
    fn every_remittance_balances(
        pairs in prop::collection::vec((claims(), outcomes()), 0..4),
        kept in -1_000_000i64..1_000_000,
    ) {
        let pairs: Vec<(Claim, Outcome)> = pairs
            .into_iter()
            .filter_map(|(Shown(mut claim), outcome)| {
                claim.id = outcome.claim();
                let service = claim.lines[0].clone();
                let lines = outcome.lines().iter();
                claim.lines = lines
                    .map(|line| {
                        let mut service = service.clone();
                        service.number = line.number();
                        service
                    })
                    .collect();
                (outcome.status() != Status::Pended).then_some((claim, outcome))
            })
            .collect();
        let borrowed: Vec<(&Claim, &Outcome)> = pairs.iter().map(|(c, o)| (c, o)).collect();
        let adjustment = ProviderAdjustment {
            reason: "WO",
            reference: "X",
            amount: Money::cents(kept),
        };
        let adjustments = if kept == 0 { vec![] } else { vec![adjustment] };
        let text = written(&borrowed, &adjustments).unwrap();
        prop_assert_eq!(&unbalanced(&text), &Vec::<String>::new(), "{}", text);
    }
}
