//! When flags are committed to the shared ledger: in batches of a fixed size,
//! padded with dummies, on a schedule that flags do not influence. Who reads
//! the ledger learns how much was adjudicated and nothing of what was found.
//!
//! A batch is due after every 64th adjudicated entry and at the end of each
//! drain, flags or none. What does not fit waits for the next.

use crate::canon::{Canon, DecodeError, Reader};

/// Commitments in a batch: as many as outcomes from one to the next, so that
/// what is found rarely has to wait.
pub const SLOTS: usize = 64;
/// Adjudicated entries from one batch to the next.
pub const EVERY: u64 = 64;

/// A salted commitment to a flag, or a dummy: nobody else can tell.
pub type Commitment = [u8; 32];

/// What moves the schedule on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// One more outcome is on the ledger.
    Adjudicated,
    /// The queue has been drained.
    Drained,
}

/// Where the schedule stands: its whole state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    /// Entries adjudicated since the ledger began.
    pub adjudicated: u64,
}

impl Schedule {
    /// The schedule after `tick`, and whether a batch is due right then.
    #[must_use]
    pub fn after(self, tick: Tick) -> (Self, bool) {
        match tick {
            Tick::Drained => (self, true),
            Tick::Adjudicated => {
                let adjudicated = self.adjudicated.saturating_add(1);
                (Self { adjudicated }, Self::is_due(adjudicated))
            }
        }
    }

    /// Whether a batch is due with the so-manieth adjudicated entry.
    #[must_use]
    pub fn is_due(adjudicated: u64) -> bool {
        adjudicated.is_multiple_of(EVERY)
    }
}

/// Random bytes for one batch, fresh from the operating system; never reused.
pub struct BatchRandom {
    /// What fills the slots that have no flag.
    pub dummies: [Commitment; SLOTS],
    /// What orders the slots.
    pub order: [u128; SLOTS],
}

/// One batch as it is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Commitments and dummies, in an order that tells nothing.
    pub slots: [Commitment; SLOTS],
}

/// A batch, with what only its maker knows.
pub struct Filled {
    /// What is appended.
    pub batch: Batch,
    /// The slots of the first pending commitments, in their order. The rest of
    /// what is pending waits.
    pub places: Vec<usize>,
}

/// Fills the batch that is due with the first of `pending`, oldest first.
#[must_use]
pub fn fill(pending: &[Commitment], random: &BatchRandom) -> Filled {
    let taken = pending.len().min(SLOTS);
    let contents = pending
        .iter()
        .take(SLOTS)
        .chain(random.dummies.iter().skip(taken));
    let mut drawn: Vec<(u128, usize, &Commitment)> = random
        .order
        .iter()
        .zip(contents)
        .enumerate()
        .map(|(i, (order, commitment))| (*order, i, commitment))
        .collect();
    drawn.sort_unstable();
    let mut slots = [[0; 32]; SLOTS];
    let mut placed = Vec::new();
    for (place, (slot, (_, i, commitment))) in slots.iter_mut().zip(drawn).enumerate() {
        *slot = *commitment;
        if i < taken {
            placed.push((i, place));
        }
    }
    placed.sort_unstable();
    Filled {
        batch: Batch { slots },
        places: placed.into_iter().map(|(_, place)| place).collect(),
    }
}

impl Canon for Batch {
    fn put(&self, out: &mut Vec<u8>) {
        self.slots.iter().for_each(|slot| slot.put(out));
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut slots = [[0; 32]; SLOTS];
        for slot in &mut slots {
            *slot = Canon::take(from)?;
        }
        Ok(Self { slots })
    }
}

crate::canon_record!(Schedule { adjudicated });

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Debug, Clone)]
    enum Step {
        Adjudicated { flags: usize },
        Drained,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            30 => (0usize..4).prop_map(|flags| Step::Adjudicated { flags }),
            1 => Just(Step::Drained),
        ];
        prop::collection::vec(step, 0..400)
    }

    fn random(seed: u64) -> BatchRandom {
        let draw = |domain: u8, i: usize| {
            super::super::fact::hash("test", &[&[domain], &seed.to_be_bytes(), &i.to_be_bytes()])
        };
        BatchRandom {
            dummies: core::array::from_fn(|i| draw(1, i)),
            order: core::array::from_fn(|i| {
                u128::from_be_bytes(*draw(2, i).first_chunk().unwrap())
            }),
        }
    }

    /// Runs the steps: the positions of batches, the batches, what waits, and
    /// all flags in order of their making.
    fn run(steps: &[Step]) -> (Vec<usize>, Vec<Batch>, Vec<Commitment>, Vec<Commitment>) {
        let mut schedule = Schedule::default();
        let (mut at, mut batches) = (Vec::new(), Vec::new());
        let (mut pending, mut all): (Vec<Commitment>, Vec<Commitment>) = Default::default();
        for (i, step) in steps.iter().enumerate() {
            let tick = match step {
                Step::Drained => Tick::Drained,
                Step::Adjudicated { flags } => {
                    for n in 0..*flags {
                        let text = [&i.to_be_bytes()[..], &n.to_be_bytes()].concat();
                        let commitment = super::super::fact::hash("flag", &[&text]);
                        pending.push(commitment);
                        all.push(commitment);
                    }
                    Tick::Adjudicated
                }
            };
            let (next, due) = schedule.after(tick);
            schedule = next;
            if due {
                let filled = fill(&pending, &random(i as u64));
                for (commitment, place) in pending.iter().zip(&filled.places) {
                    assert_eq!(filled.batch.slots[*place], *commitment);
                }
                pending.drain(..filled.places.len());
                at.push(i);
                batches.push(filled.batch);
            }
        }
        (at, batches, pending, all)
    }

    proptest! {
        #[test]
        fn flags_change_neither_number_nor_position_nor_size(steps in steps()) {
            let quiet: Vec<Step> = steps.iter().map(|step| match step {
                Step::Drained => Step::Drained,
                Step::Adjudicated { .. } => Step::Adjudicated { flags: 0 },
            }).collect();
            let (at, batches, pending, all) = run(&steps);
            prop_assert_eq!(&at, &run(&quiet).0);
            let drains = steps.iter().filter(|s| matches!(s, Step::Drained)).count();
            prop_assert_eq!(at.len(), (steps.len() - drains) / 64 + drains);
            prop_assert!(batches.iter().all(|b| b.to_canon().len() == SLOTS * 32));
            // Nothing is lost and nothing is committed twice.
            let on_ledger: BTreeSet<Commitment> =
                batches.iter().flat_map(|b| b.slots).collect();
            prop_assert_eq!(on_ledger.len(), batches.len() * SLOTS);
            let waiting: BTreeSet<_> = pending.iter().copied().collect();
            for flag in all {
                prop_assert!(on_ledger.contains(&flag) != waiting.contains(&flag));
            }
        }
    }

    #[test]
    fn overflow_waits_oldest_first() {
        let pending: Vec<Commitment> = (0u8..70).map(|n| [n; 32]).collect();
        for (n, taken) in [(0, 0), (3, 3), (64, 64), (70, 64)] {
            let filled = fill(&pending[..n], &random(7));
            assert_eq!(filled.places.len(), taken);
            for (i, place) in filled.places.iter().enumerate() {
                assert_eq!(filled.batch.slots[*place], pending[i]);
            }
        }
        assert!(fill(&pending, &random(1)).places != fill(&pending, &random(2)).places);
        let batch = fill(&pending, &random(1)).batch;
        assert_eq!(Batch::from_canon(&batch.to_canon()), Ok(batch));
    }
}
