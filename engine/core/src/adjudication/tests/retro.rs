//! What holds of a unit whose past changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tally_types::Group;

use super::rig::{World, adjust, determine, line, post, settled};
use crate::adjudication::*;
use crate::canon::Canon as _;
use crate::claim::{Claim, ClaimId, ServiceLine};

const DAYS: [&str; 4] = ["2025-12-30", "2026-01-02", "2026-06-30", "2026-07-01"];

/// The plan of the rig: a deductible of 500.00 a member and year, then 20 % of
/// what is left, which counts with it toward a limit of the family; one claim in
/// seven waits.
fn plan(run: &Run, inputs: &Inputs<'_>) -> Determination {
    if inputs.claim.charge.scaled() % 7 == 0 {
        return Determination {
            verdict: Verdict::Pended(Pend {
                reason: 0,
                line: 0,
                clause: 0,
            }),
            findings: vec![],
        };
    }
    let mut used: BTreeMap<(u16, _), i64> = run
        .context
        .balances
        .iter()
        .map(|balance| ((balance.accumulator, balance.period), balance.used))
        .collect();
    let limits: Vec<Option<i64>> = run
        .policy
        .description
        .accumulators
        .iter()
        .map(|accumulator| accumulator.limit_in(super::rig::day("2026-01-01")))
        .collect();
    let lines: Vec<&ServiceLine> = run
        .context
        .lines
        .iter()
        .map(|line| &inputs.claim.lines[usize::from(line.number) - 1])
        .collect();
    settled(
        lines
            .into_iter()
            .map(|line| {
                let charge = line.charge.scaled();
                let mut share = |accumulator: u16, amount: i64| {
                    let period = run
                        .context
                        .balances
                        .iter()
                        .filter(|b| b.accumulator == accumulator && b.period <= line.from)
                        .map(|b| b.period)
                        .max()
                        .unwrap();
                    let used = used.get_mut(&(accumulator, period)).unwrap();
                    let left = limits[usize::from(accumulator)].map_or(i64::MAX, |l| l - *used);
                    let taken = amount.min(left).max(0);
                    *used += taken;
                    taken
                };
                let deductible = share(0, charge);
                let coinsurance = share(1, (charge - deductible) / 5);
                let mut adjustments = Vec::new();
                let mut postings = Vec::new();
                if deductible > 0 {
                    adjustments.push(adjust(Group::Pr, 1, deductible));
                    postings.push(post(0, deductible));
                }
                if coinsurance > 0 {
                    adjustments.push(adjust(Group::Pr, 2, coinsurance));
                    postings.push(post(1, coinsurance));
                }
                determine(line, adjustments, postings)
            })
            .collect(),
    )
}

fn run(inputs: &Inputs<'_>, run: &Run) -> Result<Settled, OutcomeError> {
    settle(inputs.claim, run, Ok(plan(run, inputs)))
}

/// Claims of one unit, by the charges and days of their lines. Claims themselves
/// have no `Debug`.
fn unit() -> impl Strategy<Value = Vec<Vec<(i64, usize)>>> {
    let claim = proptest::collection::vec((1i64..60_000, 0usize..4), 1..4);
    proptest::collection::vec(claim, 1..9)
}

fn claims(of: &[Vec<(i64, usize)>], from: u8) -> Vec<Claim> {
    (from..)
        .zip(of)
        .map(|(id, lines)| {
            let lines = (1u16..)
                .zip(lines)
                .map(|(number, (charge, on))| {
                    line(number, &format!("9{id:02}{number}"), *charge, DAYS[*on])
                })
                .collect();
            Claim {
                id: ClaimId([id; 16]),
                ..super::rig::claim(lines)
            }
        })
        .collect()
}

/// A unit as it stands: what its claims came to, decided one after the other.
struct Unit {
    world: World,
    outcomes: Vec<Outcome>,
    balances: BTreeMap<AccumulatorKey, i64>,
}

fn decided(inputs: &Inputs<'_>) -> Result<Settled, OutcomeError> {
    match decide(inputs)? {
        Decision::Done(settled) => Ok(*settled),
        Decision::Run(of) => run(inputs, &of),
    }
}

impl Unit {
    fn of(claims: &[Claim]) -> Self {
        let mut world = World::new(vec![]);
        let mut outcomes = Vec::new();
        for claim in claims {
            let inputs = Inputs {
                claim,
                enrolled: Some((&world.contract, 0)),
                policies: &world,
                history: &world.history,
                balances: &world,
            };
            let done = decided(&inputs).unwrap();
            for movement in &done.movements {
                world.used.insert(movement.key.clone(), movement.after);
            }
            world.history.extend(done.lines);
            outcomes.push(done.outcome);
        }
        let balances = world.used.clone();
        Self {
            world,
            outcomes,
            balances,
        }
    }

    /// What it comes to when its places hold these claims from now on.
    fn readjudicated<'a>(&'a self, now: &[Option<&'a Claim>]) -> Readjudication<'a> {
        let places: Vec<Place<'a>> = now
            .iter()
            .enumerate()
            .map(|(at, claim)| Place {
                standing: self.outcomes.get(at),
                now: claim.map(|claim| Now {
                    claim,
                    enrolled: Some((&self.world.contract, 0)),
                    policies: &self.world,
                }),
            })
            .collect();
        readjudicate(&places, vec![], &Nothing, |_, inputs| decided(inputs)).unwrap()
    }
}

/// Balances that hold something.
fn held(balances: &BTreeMap<AccumulatorKey, i64>) -> Vec<(Vec<u8>, i64)> {
    balances
        .iter()
        .filter(|(_, used)| **used != 0)
        .map(|(key, used)| (key.to_canon(), *used))
        .collect()
}

/// The outcomes that stand after the changes, place by place.
fn standing(unit: &Unit, done: &Readjudication<'_>) -> Vec<Option<Vec<u8>>> {
    let mut outcomes: Vec<Option<Vec<u8>>> = unit
        .outcomes
        .iter()
        .map(|outcome| Some(outcome.to_canon()))
        .collect();
    for change in &done.changes {
        let settled = change.settled.as_ref();
        let now = settled.map(|settled| settled.outcome.to_canon());
        if change.place < outcomes.len() {
            outcomes[change.place] = now;
        } else {
            outcomes.push(now);
        }
    }
    outcomes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Where nothing changed, nothing changes.
    #[test]
    fn what_is_the_same_comes_out_the_same(of in unit()) {
        let claims = claims(&of, 1);
        let unit = Unit::of(&claims);
        let done = unit.readjudicated(&claims.iter().map(Some).collect::<Vec<_>>());
        prop_assert!(done.changes.is_empty());
        prop_assert_eq!(held(&done.balances), held(&unit.balances));
        prop_assert!(done.movements(&unit.balances).is_empty());
    }

    /// A claim that is voided was never there: of the others each comes to what it
    /// would have, and so do the balances. Of the last, nothing else changes.
    #[test]
    fn a_voided_claim_was_never_there(of in unit(), at in any::<prop::sample::Index>()) {
        let claims = claims(&of, 1);
        let unit = Unit::of(&claims);
        let at = at.index(claims.len());
        let now: Vec<Option<&Claim>> =
            claims.iter().enumerate().map(|(i, c)| (i != at).then_some(c)).collect();
        let done = unit.readjudicated(&now);
        let mut without = claims.clone();
        without.remove(at);
        let never = Unit::of(&without);
        let mut expected: Vec<Option<Vec<u8>>> =
            never.outcomes.iter().map(|outcome| Some(outcome.to_canon())).collect();
        expected.insert(at, None);
        prop_assert_eq!(standing(&unit, &done), expected);
        prop_assert_eq!(held(&done.balances), held(&never.balances));
        prop_assert!(done.changes.iter().all(|change| change.place >= at));
        let first = done.changes.first().unwrap();
        prop_assert_eq!(first.place, at);
        prop_assert!(first.settled.is_none());
        if at + 1 == claims.len() {
            prop_assert_eq!(done.changes.len(), 1);
        }
    }

    /// A claim that is replaced was always its replacement.
    #[test]
    fn a_replacement_was_always_there(
        of in unit(),
        by in proptest::collection::vec((1i64..60_000, 0usize..4), 1..4),
        at in any::<prop::sample::Index>(),
    ) {
        let mut claims = claims(&of, 1);
        let unit = Unit::of(&claims);
        let at = at.index(claims.len());
        let new = self::claims(&[by], 100).remove(0);
        claims[at] = new;
        let done = unit.readjudicated(&claims.iter().map(Some).collect::<Vec<_>>());
        let always = Unit::of(&claims);
        let expected: Vec<Option<Vec<u8>>> =
            always.outcomes.iter().map(|outcome| Some(outcome.to_canon())).collect();
        prop_assert_eq!(standing(&unit, &done), expected);
        prop_assert_eq!(held(&done.balances), held(&always.balances));
        prop_assert!(done.changes.iter().all(|change| change.reversed.is_some()));
    }

    /// What is undone is undone: a replacement replaced by the first version again
    /// leaves the unit as it was, to the byte.
    #[test]
    fn what_is_undone_leaves_nothing(
        of in unit(),
        by in proptest::collection::vec((1i64..60_000, 0usize..4), 1..4),
        at in any::<prop::sample::Index>(),
    ) {
        let claims = claims(&of, 1);
        let unit = Unit::of(&claims);
        let at = at.index(claims.len());
        let mut changed = claims.clone();
        changed[at] = self::claims(&[by], 100).remove(0);
        let once = Unit::of(&changed);
        let back = once.readjudicated(&claims.iter().map(Some).collect::<Vec<_>>());
        let expected: Vec<Option<Vec<u8>>> =
            unit.outcomes.iter().map(|outcome| Some(outcome.to_canon())).collect();
        prop_assert_eq!(standing(&once, &back), expected);
        prop_assert_eq!(held(&back.balances), held(&unit.balances));
        // The movements bring the balances there.
        let mut books = once.balances.clone();
        for movement in back.movements(&once.balances) {
            let used = books.entry(movement.key).or_insert(0);
            prop_assert_eq!(*used, movement.before);
            *used = movement.after;
        }
        prop_assert_eq!(held(&books), held(&unit.balances));
    }
}
