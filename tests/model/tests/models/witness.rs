//! Witnesses: a split view is shown to two of them, and found when they compare.
//!
//! More than may be Byzantine are: 2 and 3 of {0, 1, 2, 3}, so consensus has forked. 0 saw
//! `aaa`, 1 saw `aba`, and every checkpoint of either has a quorum: one honest signature and
//! both Byzantine ones. `abb` has the Byzantine ones alone.

use std::collections::BTreeSet;

use stateright::{Model, Property};
use tally_model::rules::{
    Evidence, Refusal, Signed, Statement, Witness, evidence, quorum, tolerated,
};

use super::common::{Log, holds, taken};

pub const ONE_LOG: &str = "no witness cosigns two logs";
pub const GROWS: &str = "no witness cosigns a smaller size after a larger";
pub const QUORUM: &str = "what is cosigned has a quorum";
pub const FOUND: &str = "a split view is found by whoever compares";
pub const JUST: &str = "evidence names more than may be Byzantine, and nobody else";
const SPLIT: &str = "a split view is found";
const BYZANTINE: [u8; 2] = [2, 3];

#[derive(Clone, Default)]
pub struct SplitView {
    pub broken: Option<Refusal>,
    /// The witness answers first and remembers after, and may be killed in between.
    pub remembers_after: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    memory: Witness<Log>,
    cosigned: Vec<Log>,
    unsaved: Option<Log>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    witnesses: [Seen; 2],
    /// What came out of the last comparison.
    evidence: Option<Evidence<u8, Log>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Show(usize, Log),
    Save(usize),
    Kill(usize),
    Compare,
}

fn authorities() -> BTreeSet<u8> {
    (0..4).collect()
}

fn log(choices: [u8; 3]) -> Log {
    choices.into_iter().fold(Log::EMPTY, Log::grow)
}

fn shown() -> BTreeSet<Log> {
    let all = [log([0, 0, 0]), log([0, 1, 0]), log([0, 1, 1])];
    let sizes = |log: Log| (1..=log.size).map(move |size| log.at(size));
    all.into_iter().flat_map(sizes).collect()
}

fn signed(root: Log) -> Signed<u8, Log> {
    let mut signers: BTreeSet<u8> = BYZANTINE.into();
    let views = [log([0, 0, 0]), log([0, 1, 0])];
    let honest = (0..).zip(views).filter(|(_, view)| view.consistent(root));
    signers.extend(honest.map(|(id, _)| id));
    Signed {
        statement: Statement {
            epoch: 0,
            size: u64::from(root.size),
            root,
            next: None,
        },
        signers,
    }
}

fn has_quorum(root: Log) -> bool {
    signed(root).signers.len() >= quorum(authorities().len())
}

/// What two who compare find in all that they have.
fn compared(state: &State) -> Option<Evidence<u8, Log>> {
    let [first, second] = &state.witnesses;
    let pairs = first
        .cosigned
        .iter()
        .flat_map(|one| second.cosigned.iter().map(move |other| (*one, *other)));
    let mut found = pairs.filter_map(|(one, other)| {
        let (older, newer) = if one.size <= other.size {
            (one, other)
        } else {
            (other, one)
        };
        let shown = newer.at(older.size);
        evidence(&authorities(), &signed(older), &signed(newer), shown)
    });
    found.next()
}

fn split(state: &State) -> bool {
    let [first, second] = &state.witnesses;
    let mut ones = first.cosigned.iter();
    ones.any(|one| second.cosigned.iter().any(|other| !one.consistent(*other)))
}

impl Model for SplitView {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            witnesses: [Seen::default(), Seen::default()],
            evidence: None,
        }]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        if state.evidence.is_some() {
            return;
        }
        acts.push(Act::Compare);
        for (place, seen) in state.witnesses.iter().enumerate() {
            if seen.unsaved.is_some() {
                acts.extend([Act::Save(place), Act::Kill(place)]);
                continue;
            }
            for root in shown() {
                let last = seen.memory.last.as_ref().map(|(_, last)| last.size);
                let proven = last
                    .filter(|last| *last <= root.size)
                    .map(|last| root.at(last));
                let size = u64::from(root.size);
                let asked = seen
                    .memory
                    .may_cosign(size, &root, proven.as_ref(), has_quorum(root));
                let new = seen.cosigned.last() != Some(&root);
                if taken(asked, self.broken) && new && seen.cosigned.len() < 4 {
                    acts.push(Act::Show(place, root));
                }
            }
        }
    }

    fn next_state(&self, last: &State, act: Act) -> Option<State> {
        let mut state = last.clone();
        match act {
            Act::Show(place, root) => {
                let seen = &mut state.witnesses[place];
                seen.cosigned.push(root);
                if self.remembers_after {
                    seen.unsaved = Some(root);
                } else {
                    seen.memory.cosign(u64::from(root.size), root);
                }
            }
            Act::Save(place) => {
                let seen = &mut state.witnesses[place];
                let root = seen.unsaved.take()?;
                seen.memory.cosign(u64::from(root.size), root);
            }
            Act::Kill(place) => state.witnesses[place].unsaved = None,
            Act::Compare => {
                state.evidence = Some(compared(&state)?);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_LOG, |_, state: &State| {
                state.witnesses.iter().all(|seen| {
                    let mut all = seen.cosigned.iter();
                    all.all(|one| seen.cosigned.iter().all(|other| one.consistent(*other)))
                })
            }),
            Property::always(GROWS, |_, state: &State| {
                let grows = |seen: &Seen| seen.cosigned.is_sorted_by_key(|log| log.size);
                state.witnesses.iter().all(grows)
            }),
            Property::always(QUORUM, |_, state: &State| {
                let mut cosigned = state.witnesses.iter().flat_map(|seen| &seen.cosigned);
                cosigned.all(|root| has_quorum(*root))
            }),
            Property::always(FOUND, |_, state: &State| {
                split(state) == compared(state).is_some()
            }),
            Property::always(JUST, |_, state: &State| {
                state.evidence.as_ref().is_none_or(|found| {
                    let guilty = found.both.iter().all(|key| BYZANTINE.contains(key));
                    guilty && found.both.len() > tolerated(authorities().len())
                })
            }),
            Property::sometimes(SPLIT, |_, state: &State| state.evidence.is_some()),
        ]
    }
}

#[test]
fn a_split_view_is_found_by_comparing() {
    holds("witnesses, two of four Byzantine", SplitView::default());
}
