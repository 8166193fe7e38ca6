//! What holds of every determination a policy could give.

use proptest::prelude::*;
use tally_types::{Carc, Group, Money, ShortCode};

use super::rig::{World, description, line, settled};
use crate::adjudication::*;
use crate::canon::Canon;
use crate::claim::ServiceLine;

const DAYS: [&str; 4] = ["2025-12-30", "2026-01-02", "2026-06-30", "2026-07-01"];

/// Charges, and the day of each line. Claims themselves have no `Debug`.
fn charges() -> impl Strategy<Value = Vec<(i64, usize)>> {
    proptest::collection::vec((0i64..200_000, 0usize..4), 1..7)
}

fn lines(charges: Vec<(i64, usize)>) -> Vec<ServiceLine> {
    (1u16..)
        .zip(charges)
        .map(|(number, (charge, on))| line(number, &format!("9921{number}"), charge, DAYS[on]))
        .collect()
}

/// Amounts near each other and near the edges of what can be held.
fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -100i64..60_000,
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0)],
    ]
}

fn adjustment() -> impl Strategy<Value = Adjustment> {
    let code = prop_oneof![
        Just((Group::Co, 45)),
        Just((Group::Pr, 1)),
        Just((Group::Pr, 2)),
        Just((Group::Pr, 119)),
        Just((Group::Co, 253)),
    ];
    (code, 1i64..60_000, 0u16..3).prop_map(|((group, carc), amount, clause)| Adjustment {
        group,
        carc: Carc(carc),
        rarc: ShortCode::NONE,
        amount: Money::cents(amount),
        clause,
    })
}

fn posting() -> impl Strategy<Value = Posting> {
    (0u16..4, 1i64..6).prop_map(|(accumulator, amount)| Posting {
        accumulator,
        amount: if accumulator == 2 {
            amount
        } else {
            amount * 997
        },
    })
}

/// What spoils a line: which of its parts, and with what.
#[derive(Debug, Clone)]
struct Spoil {
    part: u8,
    amount: i64,
    code: (Group, u16),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let groups = [Group::Co, Group::Pr, Group::Oa, Group::Pi];
    let code = (0usize..4, prop_oneof![3 => Just(94), 1 => 0u16..300]);
    (0u8..10, amount(), code).prop_map(move |(part, amount, (group, carc))| Spoil {
        part,
        amount,
        code: (groups[group], carc),
    })
}

type Parts = Vec<(Vec<Adjustment>, Vec<Posting>, Option<Spoil>)>;

/// Six lines' parts, of which one in fifteen is spoilt.
fn parts() -> impl Strategy<Value = Parts> {
    let adjustments = proptest::collection::vec(adjustment(), 0..4);
    let postings = proptest::collection::vec(posting(), 0..4);
    let spoil = proptest::option::weighted(1.0 / 15.0, spoil());
    proptest::collection::vec((adjustments, postings, spoil), 6)
}

/// A determination of the claim that balances, but for what is spoilt.
fn determine(world: &World, parts: Parts) -> Determination {
    let lines = world.claim.lines.iter().zip(parts);
    let lines = lines.map(|(given, (mut adjustments, postings, spoil))| {
        let mut left = given.charge.scaled();
        adjustments.retain_mut(|adjustment| {
            let amount = adjustment.amount.scaled().min(left);
            left -= amount;
            adjustment.amount = Money::cents(amount);
            amount != 0
        });
        let mut line = super::rig::determine(given, adjustments, postings);
        if let Some(Spoil { part, amount, code }) = spoil {
            let money = Money::cents(amount);
            match part {
                0 => line.allowed = money,
                1 => line.paid = money,
                2 => line.denied = true,
                3 => line.clause = 3,
                4 => line.postings.push(Posting {
                    accumulator: 0,
                    amount,
                }),
                5 => line.postings.push(Posting {
                    accumulator: 4,
                    amount: 1,
                }),
                _ => {
                    line.adjustments.push(Adjustment {
                        group: code.0,
                        carc: Carc(code.1),
                        rarc: ShortCode::NONE,
                        amount: money,
                        clause: 0,
                    });
                    // Balanced all the same, where that can be.
                    line.paid = line.paid.checked_sub(money).unwrap_or_default();
                    line.allowed = line.allowed.checked_sub(money).unwrap_or_default();
                }
            }
        }
        line
    });
    settled(lines.collect())
}

fn balances(line: &LineOutcome) -> bool {
    let adjusted: i128 = line
        .adjustments()
        .iter()
        .map(|a| i128::from(a.amount.scaled()))
        .sum();
    let patient: i128 = line
        .adjustments()
        .iter()
        .filter(|a| a.group == Group::Pr)
        .map(|a| i128::from(a.amount.scaled()))
        .sum();
    i128::from(line.charge().scaled()) - adjusted == i128::from(line.paid().scaled())
        && i128::from(line.patient().scaled()) == patient
        && !line.paid().is_negative()
        && line.paid() <= line.allowed()
        && line
            .adjustments()
            .iter()
            .all(|a| !a.clause.is_empty() && !a.amount.is_zero())
        && (!line.denied() || (line.paid().is_zero() && line.postings().is_empty()))
}

fn used() -> impl Strategy<Value = [i64; 3]> {
    [0i64..50_000, 0i64..80_000, 0i64..20]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// An outcome that balances, or a fault that pends and moves nothing.
    #[test]
    fn every_determination_balances_or_is_a_fault(
        given in charges(),
        parts in parts(),
        used in used(),
    ) {
        let mut world = World::new(lines(given));
        for (accumulator, used) in (0u16..).zip(used) {
            let period = if accumulator == 2 { "2025-07-01" } else { "2026-01-01" };
            let key = world.key(accumulator, period);
            world.used.insert(key, used);
        }
        let determination = determine(&world, parts);
        let settled = world.settle(Ok(determination.clone()));
        let outcome = &settled.outcome;
        prop_assert_eq!(outcome.charge(), world.claim.charge);
        let bytes = outcome.to_canon();
        prop_assert_eq!(&Outcome::from_canon(&bytes).unwrap(), outcome);
        prop_assert_eq!(world.settle(Ok(determination)).outcome.to_canon(), bytes);
        prop_assert_eq!(settled.lines.len(), world.claim.lines.len());
        if settled.fault.is_some() {
            prop_assert_eq!(outcome.status(), Status::Pended);
            prop_assert!(settled.movements.is_empty());
            prop_assert_eq!(outcome.paid(), Money::ZERO);
            return Ok(());
        }
        prop_assert!(outcome.lines().iter().all(balances));
        let sum = |of: fn(&LineOutcome) -> Money| -> i64 {
            outcome.lines().iter().map(|line| of(line).scaled()).sum()
        };
        prop_assert_eq!(outcome.paid().scaled(), sum(LineOutcome::paid));
        prop_assert_eq!(outcome.patient().scaled(), sum(LineOutcome::patient));

        // Movements are exactly the postings, never below zero, never above
        // a limit, and no accumulator is moved that was not posted to.
        let plan = description("gold");
        for movement in &settled.movements {
            prop_assert_eq!(world.used(&movement.key), movement.before);
            prop_assert!(movement.before >= 0 && movement.after > movement.before);
            let of = plan.accumulators.iter().find(|a| a.name == movement.key.name).unwrap();
            if let Some(limit) = of.limit_in(movement.key.period) {
                prop_assert!(movement.after <= limit);
            }
            let posted: i64 = outcome
                .lines()
                .iter()
                .flat_map(|line| line.postings())
                .filter(|p| p.accumulator == movement.key.name && p.period == movement.key.period)
                .map(|p| p.amount)
                .sum();
            prop_assert_eq!(movement.after - movement.before, posted);
        }
        let posted: std::collections::BTreeSet<_> = outcome
            .lines()
            .iter()
            .flat_map(|line| line.postings())
            .map(|p| (&p.accumulator, p.period))
            .collect();
        prop_assert_eq!(posted.len(), settled.movements.len());
        prop_assert!(settled.movements.windows(2).all(|w| w[0].key < w[1].key));
    }

    /// An amount of a settled line that is changed by itself no longer
    /// balances, so the bytes do not decode.
    #[test]
    fn a_changed_amount_does_not_decode(
        given in charges(),
        parts in parts(),
        at in any::<prop::sample::Index>(),
        by in prop_oneof![-3i64..0, 1i64..4, any::<i64>().prop_filter("a change", |n| *n != 0)],
    ) {
        let world = World::new(lines(given));
        let mut parts = parts;
        parts.iter_mut().for_each(|part| part.2 = None);
        let settled = world.settle(Ok(determine(&world, parts)));
        for line in settled.outcome.lines() {
            let bytes = line.to_canon();
            prop_assert_eq!(&LineOutcome::from_canon(&bytes).unwrap(), line);
            // number, denied, charge, allowed, paid, clause, adjustments.
            let mut amounts = vec![3, 19];
            let mut offset = 27 + 4 + line.clause().len() + 4;
            for adjustment in line.adjustments() {
                amounts.push(offset + 11);
                offset += 19 + 4 + adjustment.clause.len();
            }
            let at = *at.get(&amounts);
            let mut changed = bytes;
            let field: [u8; 8] = changed[at..at + 8].try_into().unwrap();
            let amount = i64::from_be_bytes(field).wrapping_add(by);
            changed[at..at + 8].copy_from_slice(&amount.to_be_bytes());
            prop_assert!(LineOutcome::from_canon(&changed).is_err());
        }
    }

    /// Whatever byte of an outcome is changed, it does not decode or it is
    /// another outcome that balances, with those bytes as its only encoding.
    #[test]
    fn a_changed_byte_is_no_outcome_or_another(
        given in charges(),
        parts in parts(),
        at in any::<prop::sample::Index>(),
        flip in 1u8..=255,
    ) {
        let world = World::new(lines(given));
        let mut bytes = world.settle(Ok(determine(&world, parts))).outcome.to_canon();
        *at.get_mut(&mut bytes) ^= flip;
        if let Ok(other) = Outcome::from_canon(&bytes) {
            prop_assert_eq!(other.to_canon(), bytes);
            prop_assert!(other.lines().iter().all(balances));
        }
    }

    #[test]
    fn junk_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Outcome::from_canon(&bytes);
        let _ = Description::from_canon(&bytes);
        let _ = Context::from_canon(&bytes);
        let _ = Vec::<Exchange>::from_canon(&bytes);
    }
}
