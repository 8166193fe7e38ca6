//! What holds of coordination whatever payers did before.

mod common;

use common::*;
use proptest::prelude::*;
use tally_sdk::cob::prior::{PriorError, Reported, of_claim};
use tally_sdk::cob::{Coordination, Impact, Method, Pocket, PriorPayer, Unpaid};
use tally_sdk::prelude::*;
use tally_sdk::{Coordinated, LineDetermination};

/// A line's own terms.
#[derive(Debug, Clone)]
struct Own {
    charge: i64,
    fee: i64,
    /// Whether the fee holds whatever was charged.
    whatever: bool,
    group: Group,
    copay: i64,
    deductible: bool,
    coinsurance: i64,
    maximum: bool,
    denied: Option<bool>,
    used: [i64; 5],
}

fn own() -> impl Strategy<Value = Own> {
    (
        (0i64..300_000, 0i64..300_000, any::<bool>(), any::<bool>()),
        (0i64..8_000, any::<bool>(), 0i64..=1_000_000, any::<bool>()),
        prop_oneof![8 => Just(None), 1 => any::<bool>().prop_map(Some)],
        [
            0i64..=50_000,
            0i64..=100_000,
            0i64..=200_000,
            0i64..=150_000,
            0i64..=80_000,
        ],
    )
        .prop_map(|(price, share, denied, used)| Own {
            charge: price.0,
            fee: price.1,
            whatever: price.2,
            group: if price.3 { Group::Co } else { Group::Pr },
            copay: share.0,
            deductible: share.1,
            coinsurance: share.2,
            maximum: share.3,
            denied,
            used,
        })
}

/// What a payer did, as anybody may say it: it need not even balance.
/// Paid, left, allowed, presumed, accepted.
type Before = (i64, i64, i64, i64, Option<i64>);

fn before() -> impl Strategy<Value = Vec<Before>> {
    let one = (
        prop_oneof![4 => 0i64..200_000, 1 => -100_000i64..0],
        0i64..200_000,
        0i64..400_000,
        prop_oneof![3 => Just(0i64), 1 => 0i64..50_000],
        proptest::option::of(0i64..300_000),
    );
    proptest::collection::vec(one, 0..4)
}

fn payers(before: &[Before]) -> Vec<PriorPayer> {
    before
        .iter()
        .map(|(paid, left, allowed, presumed, accepted)| PriorPayer {
            allowed: Money::cents(*allowed),
            paid: Money::cents(*paid),
            left: Money::cents(*left),
            accepted: accepted.map(Money::cents),
            presumed: Money::cents(*presumed),
            adjustments: Vec::new(),
        })
        .collect()
}

fn how() -> impl Strategy<Value = Coordination> {
    (
        prop_oneof![
            Just(Method::Standard),
            Just(Method::NonDuplication),
            Just(Method::CarveOut),
            Just(Method::Maintenance),
            Just(Method::MedicareLowestOfThree),
            Just(Method::MedicareLowestOfFour),
        ],
        prop_oneof![
            Just(Unpaid::HighestAllowed),
            Just(Unpaid::OwnAllowed),
            Just(Unpaid::Liability)
        ],
        prop_oneof![Just(Pocket::AsIfPrimary), Just(Pocket::AsBorne)],
    )
        .prop_map(|(method, unpaid, pocket)| Coordination {
            pocket,
            ..coordination(method, unpaid)
        })
}

struct Settled {
    line: LineDetermination,
    done: Coordinated,
    after: [i64; 5],
}

const COUNTED: [AccumulatorId; 5] = [
    accumulator::DEDUCTIBLE,
    accumulator::FAMILY,
    accumulator::POCKET,
    accumulator::MAXIMUM,
    accumulator::OUT,
];

/// What counts toward the out-of-pocket limit is credited to another one.
fn credited(share: CostShare) -> Accrual {
    Accrual::of(share).crediting(CostShare {
        deductible: None,
        out_of_pocket: Some(Embedded::alone(accumulator::OUT)),
    })
}

fn settle(own: &Own, before: &[Before], how: &Coordination) -> Settled {
    let prior = &payers(before);
    let mut claim = tally_sdk::mock::claim(vec![tally_sdk::mock::line(
        Code::of("99213"),
        Money::cents(own.charge),
        DAY,
    )]);
    for (accumulator, used) in COUNTED.into_iter().zip(own.used) {
        claim = claim.with_balance(accumulator, YEAR, used);
    }
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let carc = Carc::ABOVE_FEE_SCHEDULE;
    if own.whatever {
        work.allow(Money::cents(own.fee), own.group, carc, clause::ANY);
    } else {
        work.limit_to(Money::cents(own.fee), own.group, carc, clause::ANY);
    }
    if let Some(patient) = own.denied {
        let denial = if patient {
            Denial::patient(Carc::NOT_COVERED_PLAN, clause::ANY)
        } else {
            Denial::contractual(Carc::TIMELY_FILING, clause::ANY)
        };
        work.refuse(&mut balances, denial);
    }
    if how.method == Method::Maintenance {
        work.set_aside(prior);
    }
    work.copay(
        &mut balances,
        Money::cents(own.copay),
        credited(ONLY_POCKET),
        clause::ANY,
    );
    if own.deductible {
        work.deductible(&mut balances, credited(BOTH), clause::ANY);
    }
    work.coinsurance(
        &mut balances,
        Rate::from_scaled(own.coinsurance),
        Rounding::HalfUp,
        credited(ONLY_POCKET),
        clause::ANY,
    );
    if own.maximum {
        let beyond = Denial::patient(Carc::BENEFIT_MAXIMUM, clause::ANY);
        work.limit_payment(&mut balances, accumulator::MAXIMUM, beyond);
    }
    let done = work.coordinate(&mut balances, prior, how);
    let after = COUNTED.map(|accumulator| balances.used(accumulator, DAY));
    Settled {
        line: work.finish(),
        done,
        after,
    }
}

fn sum(line: &LineDetermination, group: Group) -> i64 {
    let those = line.adjustments.iter().filter(|a| a.group == group);
    those.map(|a| a.amount.scaled()).sum()
}

proptest! {
    #[test]
    fn it_balances_and_pays_at_most_what_is_unpaid(own in own(), prior in before(), how in how()) {
        let Settled { line, done, after } = settle(&own, &prior, &how);
        let impact = Impact::of(Money::cents(own.charge), &payers(&prior));
        let paid = line.paid.scaled();
        let each: i64 = line.adjustments.iter().map(|a| a.amount.scaled()).sum();
        prop_assert_eq!(own.charge - each, paid);
        prop_assert!(paid >= 0 && line.paid <= line.allowed);
        for a in &line.adjustments {
            prop_assert!(!a.amount.is_zero());
            prop_assert!(!a.amount.is_negative() || a.carc == Carc::EXCESS_OF_CHARGES);
        }
        prop_assert!(line.paid <= done.benefit);
        prop_assert_eq!(line.paid, done.paid);
        if prior.is_empty() {
            return Ok(());
        }
        // All payers together stay within the highest allowed amount, unless
        // earlier ones alone are above it.
        let highest = line.allowed.greater(impact.allowed);
        prop_assert!(paid + impact.paid.scaled() <= highest.greater(impact.paid).scaled());
        // The patient owes at most what the last payer left, less the payment.
        let patient = sum(&line, Group::Pr);
        prop_assert_eq!(patient, done.patient.scaled());
        prop_assert!(patient >= 0);
        prop_assert!(patient <= impact.left.less(line.paid).scaled());
        // Every cent has a reason of the line's own, but for presumed payments.
        let unexplained = line.adjustments.iter().any(|a| a.carc == Carc(22));
        prop_assert!(!unexplained || impact.presumed > Money::ZERO);
        // What earlier payers did is at least what they paid, where the charge
        // has room for it.
        prop_assert!(done.prior >= impact.paid.lesser(Money::cents(own.charge)));
        prop_assert!(!line.denied || (line.paid.is_zero() && line.postings.is_empty()));
        for posting in &line.postings {
            prop_assert!(posting.amount > 0);
        }
        for (i, accumulator) in COUNTED.into_iter().enumerate() {
            prop_assert_eq!(after[i], own.used[i] + posted(&line, accumulator));
            let limit = PLAN.accumulators[usize::from(accumulator.0)].limit_in(YEAR);
            prop_assert!(Some(after[i]) <= limit);
        }
        if how.pocket == Pocket::AsBorne {
            let shares: i64 = line
                .adjustments
                .iter()
                .filter(|a| matches!(a.carc, Carc::DEDUCTIBLE | Carc::COINSURANCE | Carc::COPAY))
                .map(|a| a.amount.scaled())
                .sum();
            prop_assert_eq!(posted(&line, accumulator::POCKET), shares);
        }
        // A credit is of what counts toward the own limit, up to its room.
        let room = 80_000 - own.used[4];
        let borne = posted(&line, accumulator::POCKET);
        prop_assert_eq!(posted(&line, accumulator::OUT), borne.min(room));
        if own.maximum && own.denied.is_none() {
            prop_assert_eq!(posted(&line, accumulator::MAXIMUM), paid);
        }
    }

    /// NAIC Model 120 §7.
    #[test]
    fn deductibles_are_credited_as_if_there_were_no_other(own in own(), prior in before(), how in how()) {
        if how.method == Method::Maintenance {
            return Ok(()); // its deductible is of what the others left
        }
        let alone = settle(&own, &[], &how);
        let with = settle(&own, &prior, &how);
        prop_assert_eq!(with.after[0], alone.after[0]);
        prop_assert_eq!(with.after[1], alone.after[1]);
        prop_assert!(with.after[2] <= alone.after[2]);
        prop_assert_eq!(with.done.benefit, alone.line.paid);
        if how.pocket == Pocket::AsIfPrimary {
            prop_assert_eq!(with.after[2], alone.after[2]);
        }
    }

    #[test]
    fn a_higher_prior_payment_never_raises_ours(
        own in own(), prior in before(), how in how(), which in 0usize..4, more in 1i64..100_000,
    ) {
        if prior.is_empty() {
            return Ok(());
        }
        let which = which % prior.len();
        let mut higher = prior.clone();
        higher[which].0 += more;
        let less = settle(&own, &higher, &how).line.paid;
        prop_assert!(less <= settle(&own, &prior, &how).line.paid);
        // And so where the payment comes out of what was left to the patient.
        let last = higher.len() - 1;
        higher[last].1 = (higher[last].1 - more).max(0);
        prop_assert!(settle(&own, &higher, &how).line.paid <= less);
    }

    /// A carve-out of nothing presumed is non-duplication; and no method pays
    /// more than the standard one with the same allowable.
    #[test]
    fn methods_are_ordered(own in own(), mut prior in before()) {
        let by = |method, prior: &[Before]| {
            settle(&own, prior, &coordination(method, Unpaid::HighestAllowed)).line.paid
        };
        prop_assert!(by(Method::NonDuplication, &prior) <= by(Method::Standard, &prior));
        prop_assert!(by(Method::CarveOut, &prior) <= by(Method::NonDuplication, &prior));
        prop_assert!(by(Method::MedicareLowestOfThree, &prior) <= by(Method::Standard, &prior));
        for payer in &mut prior {
            payer.3 = 0;
        }
        prop_assert_eq!(by(Method::NonDuplication, &prior), by(Method::CarveOut, &prior));
    }

    /// Adjustments of a claim are spread to the cent, and no line goes below
    /// zero.
    #[test]
    fn a_claims_adjustments_are_spread_exactly(
        charges in proptest::collection::vec(0i64..100_000, 1..8),
        parts in proptest::collection::vec(0i64..60_000, 0..4),
        above in 0i64..10_000,
    ) {
        let lines: Vec<Reported> = charges
            .iter()
            .map(|charge| Reported {
                charge: Money::cents(*charge),
                paid: None,
                allowed: None,
                adjustments: Vec::new(),
            })
            .collect();
        let of = |code: &str, amount: i64| adjustment(&format!("{code} {}", Money::cents(amount)));
        let mut claim = vec![of("OA 94", -above)];
        claim.extend(parts.iter().map(|part| of("PR 2", *part)));
        let left = charges.iter().sum::<i64>() + above - parts.iter().sum::<i64>();
        match of_claim(&lines, &claim, Some(Money::cents(left)), &[]) {
            Ok(prior) => {
                let sum = |each: fn(&PriorPayer) -> Money| {
                    prior.iter().map(|payer| each(payer).scaled()).sum::<i64>()
                };
                prop_assert_eq!(sum(|payer| payer.paid), left);
                prop_assert_eq!(sum(|payer| payer.left), parts.iter().sum::<i64>());
                prop_assert!(prior.iter().all(|payer| !payer.paid.is_negative()));
            }
            Err(error) => {
                prop_assert_eq!(error, PriorError::Spread);
                prop_assert!(left < 0);
            }
        }
    }
}
