//! What was read of units' histories, kept for the next batch.
//!
//! A unit's history only grows, in the order of its claims, and a row of it is
//! written with the outcome that moves the unit on: what was read when the unit
//! stood at a number is all there will ever be up to it. So the number and the
//! lines up to it are kept, and the database is asked for what came after.
//! Without this a unit with many claims would be read from its beginning each
//! time, at a cost that grows with their square. Payloads are kept as they are
//! stored: sealed, and of no use once their key is destroyed.
//!
//! A database that was restored from a backup stands behind what was read from
//! it. Nobody restores one under a connection, so a new connection empties what
//! is kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use crate::port::{Sealed, Token, UnitState};

/// Bytes of payloads that are kept, about. When there are more, all are let go:
/// which would be asked for again nobody knows.
const MOST: usize = 64 << 20;
/// What a line takes beside its payload.
const BESIDE: usize = 48;

#[derive(Default)]
pub(super) struct Histories(Mutex<Held>);

#[derive(Default)]
struct Held {
    units: HashMap<Token, Past>,
    bytes: usize,
}

/// A unit's history up to a number.
struct Past {
    through: u64,
    lines: Vec<Sealed>,
}

impl Histories {
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

    /// Puts what is at hand before what was read after it, and keeps the whole.
    /// Answers false, with nothing of use in the states, when what was at hand
    /// is not any more: then all is to be read.
    pub(super) fn join(&self, known: &[u64], states: &mut [UnitState]) -> bool {
        let mut held = self.held();
        let is_there = |(known, state): (&u64, &UnitState)| {
            let past = held.units.get(&state.unit);
            *known == 0 || *known <= state.done && past.is_some_and(|past| past.through == *known)
        };
        if !known.iter().zip(&*states).all(is_there) {
            for state in &*states {
                held.forget(&state.unit);
            }
            return false;
        }
        for (known, state) in known.iter().zip(states) {
            if *known == 0 {
                held.forget(&state.unit);
            }
            held.extend(state);
        }
        if held.bytes > MOST {
            *held = Held::default();
        }
        true
    }
}

impl Held {
    fn forget(&mut self, unit: &Token) {
        if let Some(past) = self.units.remove(unit) {
            self.bytes = self.bytes.saturating_sub(size(&past.lines));
        }
    }

    /// Adds a unit's new lines to those that are kept, and gives it all of them.
    fn extend(&mut self, state: &mut UnitState) {
        if state.done == 0 {
            return;
        }
        self.bytes = self.bytes.saturating_add(size(&state.history));
        let past = self.units.entry(state.unit).or_insert_with(|| Past {
            through: 0,
            lines: Vec::new(),
        });
        past.through = state.done;
        past.lines.append(&mut state.history);
        state.history = past.lines.clone();
    }
}

fn size(lines: &[Sealed]) -> usize {
    lines.iter().map(|line| line.bytes.len() + BESIDE).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::world::{sealed, unit};

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
        let kept = Histories::default();
        assert_eq!(kept.known(&[unit(1)]), [0]);
        let mut states = [state(3, 0..3)];
        assert!(kept.join(&[0], &mut states));
        assert_eq!(states, [state(3, 0..3)]);
        assert_eq!(kept.known(&[unit(1), unit(2)]), [3, 0]);

        // Two new, then none.
        let mut states = [state(5, 3..5)];
        assert!(kept.join(&[3], &mut states));
        assert_eq!(states, [state(5, 0..5)]);
        let mut states = [state(5, 5..5)];
        assert!(kept.join(&[5], &mut states));
        assert_eq!(states, [state(5, 0..5)]);
    }

    #[test]
    fn what_another_task_has_moved_on_is_read_again() {
        let kept = Histories::default();
        assert!(kept.join(&[0], &mut [state(3, 0..3)]));
        assert!(kept.join(&[3], &mut [state(4, 3..4)]));
        // This one asked for what came after 3.
        assert!(!kept.join(&[3], &mut [state(4, 3..4)]));
        assert_eq!(kept.known(&[unit(1)]), [0]);
        // Two that had nothing do not add up.
        assert!(kept.join(&[0], &mut [state(4, 0..4)]));
        let mut states = [state(4, 0..4)];
        assert!(kept.join(&[0], &mut states));
        assert_eq!(states, [state(4, 0..4)]);
    }

    #[test]
    fn a_database_that_stands_behind_is_read_from_the_beginning() {
        let kept = Histories::default();
        assert!(kept.join(&[0], &mut [state(3, 0..3)]));
        assert!(!kept.join(&[3], &mut [state(2, 0..0)]));
        assert_eq!(kept.known(&[unit(1)]), [0]);
        assert_eq!(kept.held().bytes, 0);
    }
}
