//! Epoch change: a boundary block whose checkpoint hands over to the next set.
//!
//! Three blocks, one leaf each: two of epoch 0, of which the second is the boundary, and one of
//! epoch 1. The sets are {0, 1, 2, 3} and {2, 3, 4, 5}; 3 is Byzantine in both and signs
//! everything. After the reader has walked past the boundary the keys of 0 and 1, which have
//! left, may be in anybody's hands, and with 3 they are a quorum of the old set.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use stateright::{Model, Property};
use tally_model::rules::{
    Block, Epochs, Reader, Refusal, Signed, Statement, Store, Witness, evidence, may_sign, quorum,
};

use super::common::{Log, holds, taken};

pub const FORK: &str = "what a reader accepts is one log";
pub const FINAL: &str = "what a reader accepts was finalised";
pub const HANDED: &str = "a reader walks to the set that was agreed";
pub const SHRINKS: &str = "no store shrinks";
pub const RESTS: &str = "nothing more can happen only when the new set's checkpoint is accepted";
pub const OWN: &str = "an honest authority signs only in its own epochs";
const WALKED: &str = "a reader walks to the new set";
const LEAKED: &str = "old keys are in other hands";

#[derive(Clone, Default)]
pub struct Change {
    /// Retired keys are lost before the reader has seen the handover.
    pub early: bool,
    /// The reader asks for the cosignature of a witness that was there all the time.
    pub witnessed: bool,
    /// That witness counts signatures and looks at sizes and roots, but not at who is next.
    pub foreign: bool,
    /// Authority 5 never starts.
    pub dead: bool,
    /// The Byzantine authority says nothing.
    pub withhold: bool,
    /// Who leaves stops at the boundary block, before it signs the handover.
    pub leavers_hurry: bool,
    pub broken: Option<Refusal>,
}

type Checkpoint = Statement<u8, Log>;

static CANDIDATES: LazyLock<Vec<Checkpoint>> = LazyLock::new(Change::candidates);

const BYZANTINE: u8 = 3;
pub const HONEST: [u8; 5] = [0, 1, 2, 4, 5];
pub const BOUNDARY: u8 = 2;
const BLOCKS: u8 = 3;

pub fn set(epoch: u64) -> BTreeSet<u8> {
    if epoch == 0 { 0..4 } else { 2..6 }.collect()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub store: Store<Log>,
    signed: BTreeSet<Checkpoint>,
}

/// Someone who walks from the pinned genesis set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Walk {
    reader: Reader<u8, Log>,
    accepted: BTreeSet<Checkpoint>,
    memory: Witness<Log>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub nodes: Vec<Node>,
    reader: Walk,
    witness: Option<Walk>,
    leaked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Commit(u8),
    Sign(u8, Checkpoint),
    Leak,
    Cosign(Checkpoint),
    Accept(Checkpoint),
}

impl Change {
    /// The finalised block at a height. Where nobody refuses a log that shrinks, the new
    /// epoch begins with a tree of its own.
    pub fn block(&self, height: u64) -> Block<Log> {
        let all = (0..BLOCKS).fold(Log::EMPTY, |log, _| log.grow(0));
        let size = u8::try_from(height).expect("few heights");
        let epoch = u64::from(size > BOUNDARY);
        let anew = self.broken == Some(Refusal::Shrinks) && epoch == 1;
        let root = if anew {
            Log::EMPTY.grow(1)
        } else {
            all.at(size)
        };
        Block {
            size: u64::from(root.size),
            root,
            epoch,
        }
    }

    fn checkpoint(block: &Block<Log>) -> Checkpoint {
        let boundary = block.epoch == 0 && block.root.size == BOUNDARY;
        Statement {
            epoch: block.epoch,
            size: block.size,
            root: block.root,
            next: boundary.then(|| set(1)),
        }
    }

    /// The epochs as a node knows them from its own store.
    fn epochs(node: &Node) -> Epochs<u8> {
        let mut epochs = Epochs::pinned(set(0));
        if node.store.height() >= u64::from(BOUNDARY) {
            epochs.enter(1, set(1), u64::from(BOUNDARY));
        }
        epochs
    }

    /// Everything that anyone may put before a reader: each size and log, in either epoch, and
    /// at the boundary with the next set, an invented one, or none.
    fn candidates() -> Vec<Checkpoint> {
        let mut logs = vec![Log::EMPTY];
        let mut all = Vec::new();
        for size in 1..=BLOCKS {
            let grown = logs.iter().flat_map(|log| [log.grow(0), log.grow(1)]);
            // Two logs at each size are enough: the finalised one, and one that leaves it at
            // its last block.
            logs = grown
                .filter(|log| log.at(size - 1).consistent(Log::EMPTY.grow(0)))
                .collect();
            for root in &logs {
                let mut say = |epoch, next| {
                    all.push(Statement {
                        epoch,
                        size: u64::from(size),
                        root: *root,
                        next,
                    });
                };
                say(0, None);
                say(1, None);
                if size == BOUNDARY {
                    say(0, Some(set(1)));
                    say(0, Some([BYZANTINE].into()));
                }
            }
            logs.retain(|log| *log == (0..size).fold(Log::EMPTY, |log, _| log.grow(0)));
        }
        all
    }

    pub fn signers(&self, state: &State, statement: &Checkpoint) -> BTreeSet<u8> {
        let mut signers: BTreeSet<u8> = HONEST
            .iter()
            .zip(&state.nodes)
            .filter(|(_, node)| node.signed.contains(statement))
            .map(|(id, _)| *id)
            .collect();
        if !self.withhold {
            signers.insert(BYZANTINE);
        }
        if state.leaked {
            signers.extend([0, 1]);
        }
        signers
    }

    /// Whether somebody believes a statement with all signatures that there are.
    fn believes(&self, state: &State, walk: &Walk, statement: &Checkpoint) -> bool {
        let mut signers = self.signers(state, statement);
        if let Ok(epoch) = walk.reader.epochs.epoch(statement.epoch) {
            signers.retain(|key| epoch.authorities.contains(key));
        }
        let shown = walk.reader.held.as_ref().map(|(_, held)| {
            let smaller = held.size.min(statement.root.size);
            let larger = if held.size > smaller {
                *held
            } else {
                statement.root
            };
            larger.at(smaller)
        });
        let ask = |reader: &Reader<u8, Log>| {
            let asked = reader.may_accept(statement, &signers, shown.as_ref(), quorum);
            taken(
                asked,
                self.broken
                    .filter(|broken| *broken != Refusal::PastBoundary),
            )
        };
        let ignored = self.broken == Some(Refusal::PastBoundary) && statement.epoch == 0;
        let believed = if ignored {
            let mut forgetful = walk.reader.clone();
            forgetful.epochs = Epochs::pinned(set(0));
            ask(&forgetful)
        } else {
            ask(&walk.reader)
        };
        believed && !walk.accepted.contains(statement)
    }

    fn cosigns(&self, state: &State, witness: &Walk, statement: &Checkpoint) -> bool {
        let last = witness.memory.last.as_ref().map(|(_, last)| last.size);
        let shown = last
            .filter(|last| *last <= statement.root.size)
            .map(|last| statement.root.at(last));
        let (size, root) = (statement.size, &statement.root);
        let asked = witness.memory.may_cosign(size, root, shown.as_ref(), true);
        let new = !witness.accepted.contains(statement);
        let signers = self.signers(state, statement);
        let counted = signers.intersection(&set(statement.epoch)).count();
        let enough = self.foreign && counted >= quorum(set(statement.epoch).len());
        asked.is_ok() && new && (enough || self.believes(state, witness, statement))
    }

    fn believe(walk: &mut Walk, statement: Checkpoint) {
        walk.reader.accept(&statement);
        walk.accepted.insert(statement);
    }

    fn walked(walk: &Walk) -> bool {
        walk.reader.epochs.epoch(1).is_ok()
    }

    fn one_log(walk: &Walk) -> bool {
        walk.accepted.iter().all(|one| {
            walk.accepted
                .iter()
                .all(|other| one.root.consistent(other.root))
        })
    }

    /// Everything that was finalised.
    fn chain(&self) -> Log {
        self.block(u64::from(BLOCKS)).root
    }

    fn at_rest(&self, state: &State) -> bool {
        let mut acts = Vec::new();
        self.actions(state, &mut acts);
        acts.is_empty()
    }
}

impl Model for Change {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        let node = Node {
            store: Store::default(),
            signed: BTreeSet::new(),
        };
        let walk = Walk {
            reader: Reader::pinned(set(0)),
            accepted: BTreeSet::new(),
            memory: Witness::default(),
        };
        vec![State {
            nodes: vec![node; HONEST.len()],
            reader: walk.clone(),
            witness: self.witnessed.then_some(walk),
            leaked: false,
        }]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        for (id, node) in HONEST.into_iter().zip(&state.nodes) {
            if self.dead && id == 5 {
                continue;
            }
            let height = node.store.height() + 1;
            let leaves = id < 2 && height > u64::from(BOUNDARY);
            if height <= u64::from(BLOCKS) && !leaves {
                let allowed = node.store.may_commit(height, &self.block(height));
                if taken(allowed, self.broken) {
                    acts.push(Act::Commit(id));
                }
            }
            let stopped = self.leavers_hurry && height > u64::from(BOUNDARY) && id < 2;
            for block in node.store.blocks.iter().filter(|_| !stopped) {
                let statement = Self::checkpoint(block);
                let asked = may_sign(&id, &node.store, &Self::epochs(node), &statement);
                if taken(asked, self.broken) && !node.signed.contains(&statement) {
                    acts.push(Act::Sign(id, statement));
                }
            }
        }
        let watcher = state.witness.as_ref().unwrap_or(&state.reader);
        let signed = state.nodes[..2].iter().all(|node| {
            let handed = |statement: &Checkpoint| statement.next.is_some();
            node.signed.iter().any(handed)
        });
        if !state.leaked && signed && (Self::walked(watcher) || (self.early && !self.witnessed)) {
            acts.push(Act::Leak);
        }
        for statement in CANDIDATES.iter() {
            if let Some(witness) = &state.witness
                && self.cosigns(state, witness, statement)
            {
                acts.push(Act::Cosign(statement.clone()));
            }
            let cosigned = state.witness.as_ref();
            if cosigned.is_none_or(|witness| witness.accepted.contains(statement))
                && self.believes(state, &state.reader, statement)
            {
                acts.push(Act::Accept(statement.clone()));
            }
        }
    }

    fn next_state(&self, last: &State, act: Act) -> Option<State> {
        let mut state = last.clone();
        let place = |id| HONEST.iter().position(|honest| *honest == id);
        match act {
            Act::Commit(id) => {
                let node = &mut state.nodes[place(id)?];
                node.store.commit(self.block(node.store.height() + 1));
            }
            Act::Sign(id, statement) => {
                state.nodes[place(id)?].signed.insert(statement);
            }
            Act::Leak => state.leaked = true,
            Act::Cosign(statement) => {
                let witness = state.witness.as_mut()?;
                witness.memory.cosign(statement.size, statement.root);
                Self::believe(witness, statement);
            }
            Act::Accept(statement) => Self::believe(&mut state.reader, statement),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(FORK, |_, state: &State| Self::one_log(&state.reader)),
            Property::always(FINAL, |model: &Self, state: &State| {
                let mut accepted = state.reader.accepted.iter();
                accepted.all(|statement| model.chain().consistent(statement.root))
            }),
            Property::always(HANDED, |_, state: &State| {
                let reached = state.reader.reader.epochs.epoch(1);
                reached.is_ok_and(|epoch| epoch.authorities == set(1)) || reached.is_err()
            }),
            Property::always(SHRINKS, |_, state: &State| {
                state.nodes.iter().all(|node| {
                    let mut pairs = node.store.blocks.windows(2);
                    pairs.all(|pair| pair[0].size <= pair[1].size)
                })
            }),
            Property::always(OWN, |_, state: &State| {
                HONEST.iter().zip(&state.nodes).all(|(id, node)| {
                    let mut signed = node.signed.iter();
                    signed.all(|statement| set(statement.epoch).contains(id))
                })
            }),
            Property::always(RESTS, |model: &Self, state: &State| {
                let mut accepted = state.reader.accepted.iter();
                let of_the_new = accepted.any(|statement| statement.epoch == 1);
                of_the_new || model.early || !model.at_rest(state)
            }),
            Property::sometimes(WALKED, |_, state: &State| Self::walked(&state.reader)),
        ];
        if !self.leavers_hurry {
            properties.push(Property::sometimes(LEAKED, |_, state: &State| state.leaked));
        }
        properties
    }
}

#[test]
fn sizes_go_on_and_old_keys_are_worth_nothing() {
    holds("epochs, one of each set Byzantine", Change::default());
}

#[test]
fn the_new_set_is_reached_though_one_withholds() {
    let model = Change {
        withhold: true,
        ..Change::default()
    };
    holds("epochs, one of each set withholding", model);
}

/// Whoever has only the genesis set cannot know that its keys were retired; a witness that
/// was there does.
#[test]
fn a_witness_remembers_for_who_comes_late() {
    let model = Change {
        early: true,
        witnessed: true,
        dead: true,
        ..Change::default()
    };
    holds("epochs, a late reader with a witness", model);
}

/// Evidence across epochs: two histories part in one epoch, by two logs, by two handovers, or
/// by going on after one.
#[test]
fn what_follows_a_handover_is_evidence() {
    let log = Log::EMPTY.grow(0).grow(0);
    let say = |size: u8, next: Option<BTreeSet<u8>>, signers: [u8; 3]| Signed {
        statement: Statement {
            epoch: 0,
            size: u64::from(size),
            root: log.grow(0).at(size),
            next,
        },
        signers: signers.into(),
    };
    let handover = say(2, Some(set(1)), [0, 1, 3]);
    let names = |older: &Signed<u8, Log>, newer: &Signed<u8, Log>| {
        let found = evidence(&set(0), older, newer, older.statement.root);
        found.map(|found| found.both.into_iter().collect::<Vec<_>>())
    };
    assert_eq!(names(&handover, &say(3, None, [1, 2, 3])), Some(vec![1, 3]));
    let other = say(2, Some([BYZANTINE].into()), [0, 2, 3]);
    assert_eq!(names(&handover, &other), Some(vec![0, 3]));
    assert_eq!(names(&say(1, None, [0, 1, 2]), &handover), None);
    assert_eq!(names(&handover, &handover), None);
    let few = Signed {
        signers: [2, 3].into(),
        ..say(3, None, [1, 2, 3])
    };
    assert_eq!(names(&handover, &few), None);
}
