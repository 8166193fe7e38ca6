//! Amounts that are no outcome.

use tally_types::{Carc, Group, Money, ShortCode};

use super::rig::day;
use crate::adjudication::*;
use crate::canon::Canon;
use crate::claim::ClaimId;

use OutcomeError as O;

fn adjustment(group: Group, carc: u16, amount: i64) -> OutcomeAdjustment {
    OutcomeAdjustment {
        group,
        carc: Carc(carc),
        rarc: ShortCode::NONE,
        amount: Money::cents(amount),
        clause: "1.1".into(),
    }
}

fn posting(before: i64, amount: i64) -> OutcomePosting {
    OutcomePosting {
        accumulator: "deductible".into(),
        period: day("2026-01-01"),
        family: false,
        before,
        amount,
    }
}

fn settle(
    charge: i64,
    allowed: i64,
    adjustments: Vec<OutcomeAdjustment>,
    postings: Vec<OutcomePosting>,
) -> Result<LineOutcome, O> {
    let (charge, allowed) = (Money::cents(charge), Money::cents(allowed));
    LineOutcome::settle(
        1,
        charge,
        allowed,
        false,
        "1.1".into(),
        adjustments,
        postings,
    )
}

fn outcome(lines: Vec<LineOutcome>) -> Result<Outcome, O> {
    Outcome::new(ClaimId([1; 16]), None, Settlement::Settled(lines), vec![])
}

fn numbered(number: u16, charge: i64, postings: Vec<OutcomePosting>) -> LineOutcome {
    let amount = Money::cents(charge);
    LineOutcome::settle(
        number,
        amount,
        amount,
        false,
        "1.1".into(),
        vec![],
        postings,
    )
    .unwrap()
}

/// Those errors that a policy cannot bring about, or not alone; the others are
/// in the table of `settle`.
#[test]
fn errors_of_lines_and_outcomes() {
    let line = 1;
    assert_eq!(
        settle(-1, 0, vec![], vec![]),
        Err(O::NegativeCharge { line })
    );
    for (before, amount) in [(0, 0), (5, -1), (-1, 2), (i64::MAX, 1)] {
        let error = O::Posting {
            line,
            before,
            amount,
        };
        assert_eq!(
            settle(1, 1, vec![], vec![posting(before, amount)]),
            Err(error)
        );
    }
    // The patient's part alone is out of range, though the whole is not.
    let huge = vec![
        adjustment(Group::Pr, 1, i64::MAX),
        adjustment(Group::Oa, 94, -i64::MAX),
        adjustment(Group::Pr, 2, 1),
    ];
    assert_eq!(settle(1, 1, huge, vec![]), Err(O::Overflow { line }));
    assert_eq!(outcome(vec![]), Err(O::Lines));
    let (a, b) = (numbered(1, 1, vec![]), numbered(2, 1, vec![]));
    assert_eq!(outcome(vec![a.clone(), a.clone()]), Err(O::Lines));
    assert_eq!(outcome(vec![b.clone(), a.clone()]), Err(O::Lines));
    assert!(outcome(vec![a, b]).is_ok());
    let half = i64::MAX / 2 + 1;
    let large = vec![numbered(1, half, vec![]), numbered(2, half, vec![])];
    assert_eq!(outcome(large), Err(O::Overflow { line: 0 }));
    let chained = |second: i64| {
        let first = numbered(1, 1, vec![posting(5, 2), posting(7, 1)]);
        outcome(vec![first, numbered(2, 1, vec![posting(second, 1)])])
    };
    assert!(chained(8).is_ok());
    assert_eq!(chained(7), Err(O::Chain { line: 2, before: 7 }));
    let pended = |charges: Vec<(u16, Money)>| {
        let settlement = Settlement::Pended {
            reason: "E301".into(),
            text: "Text.".into(),
            resolution: "Resolution.".into(),
            line: 0,
            clause: "E301".into(),
            charges,
        };
        Outcome::new(ClaimId([1; 16]), None, settlement, vec![])
    };
    assert_eq!(pended(vec![]), Err(O::Lines));
    assert_eq!(
        pended(vec![(2, Money::ZERO), (1, Money::ZERO)]),
        Err(O::Lines)
    );
    let negative = vec![(1, Money::ZERO), (2, Money::cents(-1))];
    assert_eq!(pended(negative), Err(O::NegativeCharge { line: 2 }));
}

/// CARC 94 alone may be negative: a line may pay more than its charge.
#[test]
fn processed_in_excess_of_charges() {
    let excess = vec![adjustment(Group::Oa, 94, -500)];
    let line = settle(1_000, 1_500, excess, vec![]).unwrap();
    assert_eq!(line.paid(), Money::cents(1_500));
    let error = O::NegativeAdjustment {
        line: 1,
        carc: Carc(97),
    };
    let other = vec![adjustment(Group::Co, 97, -500)];
    assert_eq!(settle(1_000, 1_500, other, vec![]), Err(error));
}

#[test]
fn what_the_patient_owes() {
    let line = settle(
        10_000,
        6_000,
        vec![
            adjustment(Group::Co, 45, 4_000),
            adjustment(Group::Pr, 1, 1_000),
            adjustment(Group::Pr, 2, 500),
            adjustment(Group::Co, 253, 90),
        ],
        vec![],
    )
    .unwrap();
    assert_eq!(line.patient(), Money::cents(1_500));
    assert_eq!(line.paid(), Money::cents(4_410));
}

/// Every reason code stands in every group it is permitted in, with a remark
/// where it needs one, and in no other.
#[test]
fn every_reason_code_in_every_group() {
    for reason in reasons::REASONS {
        for group in [Group::Co, Group::Pr, Group::Oa, Group::Pi] {
            let mut one = adjustment(group, reason.carc.0, 100);
            let (line, carc) = (1, reason.carc);
            let permitted = reason.groups.contains(&group);
            let expected = match (permitted, reason.needs_remark) {
                (false, _) => Some(O::GroupNotPermitted { line, group, carc }),
                (true, true) => Some(O::Remark { line, carc }),
                (true, false) => None,
            };
            assert_eq!(settle(100, 100, vec![one.clone()], vec![]).err(), expected);
            one.rarc = ShortCode::of("N130");
            let with_remark = settle(100, 100, vec![one], vec![]);
            assert_eq!(with_remark.is_ok(), permitted, "{group} {carc}");
        }
    }
}

#[test]
fn what_does_not_decode() {
    let line = numbered(1, 100, vec![posting(0, 5)]);
    let bytes = outcome(vec![line]).unwrap().to_canon();
    assert!(Outcome::from_canon(&bytes).is_ok());
    for end in 0..bytes.len() {
        assert!(Outcome::from_canon(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(Outcome::from_canon(&longer).is_err());
    let mut version = bytes;
    version[0] = 2;
    assert!(Outcome::from_canon(&version).is_err());
}
