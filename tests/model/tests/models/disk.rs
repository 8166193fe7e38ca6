//! Disk loss: why a key whose journal is gone may not vote or sign again.
//!
//! Here consensus is not assumed but made small: at each height an authority votes once, as its
//! journal remembers, and a quorum of votes finalises. Of {0, 1, 2, 3}, 3 is Byzantine and
//! votes for everything; the disk of 1 may be lost. The second block puts 4, the new key of
//! that organisation, in the place of 1.

use std::collections::{BTreeMap, BTreeSet};

use stateright::{Model, Property};
use tally_model::rules::{Block, Epochs, Fence, Refusal, Statement, Store, may_sign, quorum};

use super::common::{Log, holds, taken};

pub const FORK: &str = "one block is finalised at each height";
pub const PUBLIC: &str = "no two public checkpoints are inconsistent";
pub const FENCED: &str = "a key votes with one journal";
const BACK: &str = "the new key signs in the next epoch";
const BYZANTINE: u8 = 3;
const BLOCKS: u8 = 3;
const BOUNDARY: u8 = 2;

#[derive(Clone, Default)]
pub struct DiskLoss {
    pub broken: Option<Refusal>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    key: u8,
    up: bool,
    journal: u8,
    /// What the journal remembers: the vote at each height.
    votes: BTreeMap<u8, Log>,
    store: Store<Log>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    nodes: Vec<Node>,
    fence: Fence<u8, u8>,
    /// Every vote that was ever cast, by key and journal.
    cast: BTreeSet<(Log, u8, u8)>,
    signed: BTreeSet<(Log, u8)>,
    wiped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Vote(usize, Log),
    Commit(usize, Log),
    Sign(usize, Log),
    Wipe(usize),
    /// With which key.
    Start(usize, u8),
}

impl DiskLoss {
    fn set(epoch: u64) -> BTreeSet<u8> {
        if epoch == 0 {
            (0..4).collect()
        } else {
            [0, 2, 3, 4].into()
        }
    }

    fn block(log: Log) -> Block<Log> {
        Block {
            size: u64::from(log.size),
            root: log,
            epoch: u64::from(log.size > BOUNDARY),
        }
    }

    fn epochs(node: &Node) -> Epochs<u8> {
        let mut epochs = Epochs::pinned(Self::set(0));
        if node.store.height() >= u64::from(BOUNDARY) {
            epochs.enter(1, Self::set(1), u64::from(BOUNDARY));
        }
        epochs
    }

    fn tip(node: &Node) -> Log {
        node.store
            .blocks
            .last()
            .map_or(Log::EMPTY, |last| last.root)
    }

    /// A quorum of those whose vote counts at that height, the Byzantine one's included.
    fn quorum_of(log: Log, keys: impl Iterator<Item = u8>) -> bool {
        let set = Self::set(Self::block(log).epoch);
        let mut counted: BTreeSet<u8> = keys.filter(|key| set.contains(key)).collect();
        counted.insert(BYZANTINE);
        counted.len() >= quorum(set.len())
    }

    fn finalised(state: &State, log: Log) -> bool {
        let votes = state.cast.iter().filter(|(voted, ..)| *voted == log);
        Self::quorum_of(log, votes.map(|(_, key, _)| *key))
    }

    fn public(state: &State, log: Log) -> bool {
        let signatures = state.signed.iter().filter(|(signed, _)| *signed == log);
        Self::quorum_of(log, signatures.map(|(_, key)| *key))
    }

    /// Logs that anyone voted for, or signed.
    fn logs(state: &State) -> BTreeSet<Log> {
        state.cast.iter().map(|(log, ..)| *log).collect()
    }

    /// At the boundary nobody proposes two blocks: fewer states, and the first shows enough.
    fn proposals(tip: Log) -> impl Iterator<Item = Log> {
        let choices = if tip.size + 1 == BOUNDARY { 1 } else { 2 };
        (0..choices)
            .map(move |choice| tip.grow(choice))
            .filter(|log| log.size <= BLOCKS)
    }
}

impl Model for DiskLoss {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        let node = |key| Node {
            key,
            up: true,
            journal: 0,
            votes: BTreeMap::new(),
            store: Store::default(),
        };
        let mut fence = Fence::default();
        for key in 0..3 {
            fence.start(key, 0);
        }
        vec![State {
            nodes: (0..3).map(node).collect(),
            fence,
            cast: BTreeSet::new(),
            signed: BTreeSet::new(),
            wiped: false,
        }]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        for (place, node) in state.nodes.iter().enumerate() {
            if !node.up {
                for key in [node.key, 4] {
                    if taken(state.fence.may_start(&key, &node.journal), self.broken) {
                        acts.push(Act::Start(place, key));
                    }
                }
                continue;
            }
            for log in Self::proposals(Self::tip(node)) {
                let set = Self::set(Self::block(log).epoch);
                // The boundary block is for a disk that was lost.
                let wanted = log.size < BOUNDARY || state.wiped;
                if wanted && set.contains(&node.key) && !node.votes.contains_key(&log.size) {
                    acts.push(Act::Vote(place, log));
                }
                if Self::finalised(state, log) {
                    acts.push(Act::Commit(place, log));
                }
            }
            let tip = Self::tip(node);
            for log in (1..=tip.size).map(|size| tip.at(size)) {
                let statement = Statement {
                    epoch: Self::block(log).epoch,
                    size: u64::from(log.size),
                    root: log,
                    next: None,
                };
                let asked = may_sign(&node.key, &node.store, &Self::epochs(node), &statement);
                if asked.is_ok() && !state.signed.contains(&(log, node.key)) {
                    acts.push(Act::Sign(place, log));
                }
            }
            if place == 1 && !state.wiped {
                acts.push(Act::Wipe(place));
            }
        }
    }

    fn next_state(&self, last: &State, act: Act) -> Option<State> {
        let mut state = last.clone();
        match act {
            Act::Vote(place, log) => {
                let node = &mut state.nodes[place];
                node.votes.insert(log.size, log);
                state.cast.insert((log, node.key, node.journal));
            }
            Act::Commit(place, log) => {
                let node = &mut state.nodes[place];
                node.store
                    .may_commit(u64::from(log.size), &Self::block(log))
                    .ok()?;
                node.store.commit(Self::block(log));
            }
            Act::Sign(place, log) => {
                let key = state.nodes[place].key;
                state.signed.insert((log, key));
            }
            Act::Wipe(place) => {
                let node = &mut state.nodes[place];
                state.wiped = true;
                node.up = false;
                node.journal += 1;
                node.votes = BTreeMap::new();
                node.store = Store::default();
            }
            Act::Start(place, key) => {
                let node = &mut state.nodes[place];
                node.up = true;
                node.key = key;
                state.fence.start(key, node.journal);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(FORK, |_, state: &State| {
                let logs = Self::logs(state).into_iter();
                one_log(logs.filter(|log| Self::finalised(state, *log)).collect())
            }),
            Property::always(PUBLIC, |_, state: &State| {
                let logs = Self::logs(state).into_iter();
                one_log(logs.filter(|log| Self::public(state, *log)).collect())
            }),
            Property::always(FENCED, |_, state: &State| {
                let keys: BTreeSet<(u8, u8)> = state
                    .cast
                    .iter()
                    .map(|(_, key, journal)| (*key, *journal))
                    .collect();
                let alone: BTreeSet<u8> = keys.iter().map(|(key, _)| *key).collect();
                keys.len() == alone.len()
            }),
            Property::sometimes(BACK, |_, state: &State| {
                let mut signed = state.signed.iter();
                signed.any(|(log, key)| *key == 4 && Self::public(state, *log))
            }),
        ]
    }
}

fn one_log(logs: Vec<Log>) -> bool {
    let mut each = logs.iter();
    each.all(|log| logs.iter().all(|other| log.consistent(*other)))
}

#[test]
fn a_lost_disk_means_a_new_key() {
    holds(
        "disk, one of four Byzantine and one disk lost",
        DiskLoss::default(),
    );
}
