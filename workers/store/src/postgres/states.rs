//! What units have come to, kept for the next batch.
//!
//! A unit's history only grows, in the order of its claims, and a row of it is
//! written with the outcome that moves the unit on, as are its balances: what a
//! unit had come to when it stood at a number is all there will ever be up to
//! it. So the number is kept, with the lines up to it and the balances at it. A
//! worker that sees, when it takes claims, that a unit still stands there need
//! not read it; for one that has moved on, the database is asked for the lines
//! that came after. Without this a unit with many claims would be read from its
//! beginning each time, at a cost that grows with their square. Lines are kept
//! as they are stored: sealed, and of no use once their key is destroyed.
//!
//! Nothing here is trusted: a batch is committed only where each unit still
//! stands at the number it was planned from, and each balance at what it was.
//!
//! An act changes what stands: a unit that one has touched is read from its
//! beginning each time, and nothing is kept of it.
//!
//! A database that was restored from a backup stands behind what was read from
//! it. Nobody restores one under a connection, so a new connection empties what
//! is kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use crate::port::{AccumulatorName, AccumulatorRow, Adjudicated, Sealed, Token, UnitState};

/// Bytes that are kept, about. When there are more, a quarter is let go, of any
/// units: which would be asked for again nobody knows.
const MOST: usize = 64 << 20;
/// What a line takes beside its payload, and a balance beside its names.
const BESIDE: usize = 48;
const BALANCE: usize = 112;

#[derive(Default)]
pub(super) struct States(Mutex<Held>);

#[derive(Default)]
struct Held {
    units: HashMap<Token, Past>,
    bytes: usize,
}

/// What a unit had come to when it stood at a number.
#[derive(Default)]
struct Past {
    through: u64,
    balances: Vec<AccumulatorRow>,
    lines: Vec<Sealed>,
}

impl States {
    /// A task that panicked here has left one thing or the other, whole.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// Lets go of everything.
    pub(super) fn clear(&self) {
        *self.held() = Held::default();
    }

    /// How far each unit's history is at hand; zero where nothing is.
    pub(super) fn known(&self, units: &[Token]) -> Vec<u64> {
        let held = self.held();
        units
            .iter()
            .map(|unit| held.units.get(unit).map_or(0, |past| past.through))
            .collect()
    }

    /// The state of those that are known as they stand at these numbers.
    pub(super) fn at(&self, units: &[(Token, u64)]) -> Vec<Option<UnitState>> {
        let held = self.held();
        let nothing = Past::default();
        units
            .iter()
            .map(|(unit, done)| {
                let past = match done {
                    0 => Some(&nothing),
                    _ => held.units.get(unit).filter(|past| past.through == *done),
                };
                past.map(|past| UnitState {
                    unit: *unit,
                    done: *done,
                    accumulators: past.balances.clone(),
                    history: past.lines.clone(),
                })
            })
            .collect()
    }

    /// Lets go of a unit whose past has changed.
    pub(super) fn forget(&self, unit: &Token) {
        self.held().forget(unit);
    }

    /// Puts what is at hand before what was read after it, and keeps the whole.
    /// Answers false, with nothing of use in the states, when what was at hand
    /// is not any more: then all is to be read.
    pub(super) fn join(&self, read: &mut [(u64, &mut UnitState)]) -> bool {
        let mut held = self.held();
        let is_there = |(known, state): &(u64, &mut UnitState)| {
            let past = held.units.get(&state.unit);
            *known == 0 || *known <= state.done && past.is_some_and(|past| past.through == *known)
        };
        if !read.iter().all(is_there) {
            for (_, state) in read {
                held.forget(&state.unit);
            }
            return false;
        }
        for (known, state) in read {
            let mut past = held.forget(&state.unit);
            if *known == 0 {
                past = Past::default();
            }
            past.lines.append(&mut state.history);
            state.history.clone_from(&past.lines);
            if state.done > 0 {
                past.through = state.done;
                past.balances.clone_from(&state.accumulators);
                held.keep(state.unit, past);
            }
        }
        held.bound();
        true
    }

    /// Moves units on by a batch that was committed when they stood at these
    /// numbers. What was kept of another moment is let go.
    pub(super) fn move_on(&self, before: &BTreeMap<Token, u64>, claims: &[Adjudicated]) {
        let mut held = self.held();
        let mut moved: HashMap<Token, Past> = HashMap::new();
        for (unit, done) in before {
            let past = held.forget(unit);
            // Before its first claim a unit has come to nothing.
            if past.through == *done {
                moved.insert(*unit, past);
            }
        }
        for claim in claims {
            let Some(past) = moved.get_mut(&claim.unit) else {
                continue;
            };
            past.through = claim.sequence;
            past.lines.push(claim.history.clone());
            for (name, _, after) in &claim.movements {
                past.set(name, *after);
            }
        }
        for (unit, past) in moved {
            held.keep(unit, past);
        }
        held.bound();
    }
}

impl Past {
    /// In order of their names.
    fn set(&mut self, name: &AccumulatorName, used: i64) {
        match self.balances.binary_search_by(|row| row.name.cmp(name)) {
            Ok(at) => {
                if let Some(row) = self.balances.get_mut(at) {
                    row.used = used;
                }
            }
            Err(at) => {
                let name = name.clone();
                self.balances.insert(at, AccumulatorRow { name, used });
            }
        }
    }

    fn size(&self) -> usize {
        let balance = |row: &AccumulatorRow| row.name.product.len() + row.name.name.len() + BALANCE;
        let lines = self.lines.iter().map(|line| line.bytes.len() + BESIDE);
        self.balances.iter().map(balance).chain(lines).sum()
    }
}

impl Held {
    /// Lets go of a unit; answers what was kept of it.
    fn forget(&mut self, unit: &Token) -> Past {
        let past = self.units.remove(unit).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(past.size());
        past
    }

    fn keep(&mut self, unit: Token, past: Past) {
        self.bytes = self.bytes.saturating_add(past.size());
        self.units.insert(unit, past);
    }

    fn bound(&mut self) {
        if self.bytes <= MOST {
            return;
        }
        let units: Vec<Token> = self.units.keys().copied().collect();
        for unit in units {
            if self.bytes <= MOST / 4 * 3 {
                return;
            }
            self.forget(&unit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::world::{adjudicated, claim_id, sealed, unit};

    fn join(kept: &States, known: u64, states: &mut [UnitState; 1]) -> bool {
        let [state] = states;
        kept.join(&mut [(known, state)])
    }

    fn state(done: u64, lines: std::ops::Range<u64>) -> UnitState {
        UnitState {
            unit: unit(1),
            done,
            accumulators: Vec::new(),
            history: lines.map(|n| sealed("history", n)).collect(),
        }
    }

    #[test]
    fn what_is_kept_and_what_is_new_are_one_history() {
        let kept = States::default();
        assert_eq!(kept.known(&[unit(1)]), [0]);
        let mut states = [state(3, 0..3)];
        assert!(join(&kept, 0, &mut states));
        assert_eq!(states, [state(3, 0..3)]);
        assert_eq!(kept.known(&[unit(1), unit(2)]), [3, 0]);

        // Two new, then none.
        let mut states = [state(5, 3..5)];
        assert!(join(&kept, 3, &mut states));
        assert_eq!(states, [state(5, 0..5)]);
        let mut states = [state(5, 5..5)];
        assert!(join(&kept, 5, &mut states));
        assert_eq!(states, [state(5, 0..5)]);
    }

    #[test]
    fn what_another_task_has_moved_on_is_read_again() {
        let kept = States::default();
        assert!(join(&kept, 0, &mut [state(3, 0..3)]));
        assert!(join(&kept, 3, &mut [state(4, 3..4)]));
        // This one asked for what came after 3.
        assert!(!join(&kept, 3, &mut [state(4, 3..4)]));
        assert_eq!(kept.known(&[unit(1)]), [0]);
        // Two that had nothing do not add up.
        assert!(join(&kept, 0, &mut [state(4, 0..4)]));
        let mut states = [state(4, 0..4)];
        assert!(join(&kept, 0, &mut states));
        assert_eq!(states, [state(4, 0..4)]);
    }

    #[test]
    fn a_database_that_stands_behind_is_read_from_the_beginning() {
        let kept = States::default();
        assert!(join(&kept, 0, &mut [state(3, 0..3)]));
        assert!(!join(&kept, 3, &mut [state(2, 0..0)]));
        assert_eq!(kept.known(&[unit(1)]), [0]);
        assert_eq!(kept.held().bytes, 0);
    }

    #[test]
    fn when_there_is_too_much_some_units_are_let_go() {
        let kept = States::default();
        let large = |n| UnitState {
            unit: unit(n),
            history: vec![Sealed {
                bytes: vec![0; 1 << 20],
                ..sealed("history", n)
            }],
            ..state(1, 0..0)
        };
        for n in 0..100 {
            assert!(join(&kept, 0, &mut [large(n)]));
            assert!(kept.held().bytes <= MOST);
        }
        let units: Vec<Token> = (0..100).map(unit).collect();
        let known = kept
            .known(&units)
            .iter()
            .filter(|known| **known == 1)
            .count();
        assert!((48..64).contains(&known), "{known}");
    }

    #[test]
    fn what_was_committed_moves_a_unit_on() {
        let kept = States::default();
        let first = adjudicated(claim_id(1), 1, 1);
        let third = adjudicated(claim_id(3), 1, 3);
        // A new unit has come to nothing: that needs no reading.
        let at = |done| kept.at(&[(unit(1), done)]).pop().unwrap();
        assert_eq!(at(0).unwrap().accumulators, []);
        assert_eq!(at(1), None);
        kept.move_on(
            &BTreeMap::from([(unit(1), 0)]),
            &[first.clone(), third.clone()],
        );
        let state = at(3).unwrap();
        assert_eq!(state.history, [first.history, third.history.clone()]);
        let moved: BTreeMap<_, i64> = first
            .movements
            .iter()
            .chain(&third.movements)
            .map(|(name, _, after)| (name.clone(), *after))
            .collect();
        let balances = state
            .accumulators
            .into_iter()
            .map(|row| (row.name, row.used));
        assert!(balances.eq(moved));
        assert_eq!(at(2), None);
        // Somebody else has moved it on from 3 to 4 before this: all is let go.
        kept.move_on(&BTreeMap::from([(unit(1), 4)]), &[third]);
        assert_eq!(kept.known(&[unit(1)]), [0]);
        assert_eq!(kept.held().bytes, 0);
    }
}
