//! Delivery and the quorum: blocks to the store at least once, with crashes between commit and
//! acknowledgement; checkpoint signatures over a network that loses, repeats and reorders.
//!
//! Consensus is assumed: one finalised chain, `aa…`. Each height had another proposal, `b`.
//! Authorities from 0 keep the rules and the last `byzantine` do not: they sign everything.
//! Where there are more of them than consensus bears, each honest node is given any chain.
//! Node 0 collects; that nobody is special is by symmetry.

use std::collections::{BTreeMap, BTreeSet};

use stateright::{Model, Property};
use tally_model::rules::{
    Block, Collected, Delivery, Epochs, Refusal, Signed, Statement, Store, evidence, may_publish,
    may_sign, quorum, tolerated,
};

use super::common::{Log, holds, taken};

pub const FORK: &str = "no two public checkpoints are inconsistent";
pub const FINAL: &str = "a public checkpoint is of a finalised prefix";
pub const KEPT: &str = "what was acknowledged is on disk";
pub const ONCE: &str = "each block stands once";
pub const HELD: &str = "what is public is on the disks of more honest nodes than may fail";
pub const EVIDENCE: &str = "a public fork names more than may be Byzantine, and nobody else";
pub const RESTS: &str = "nothing more can happen only when all is public";
const PUBLIC: &str = "something is public";
const FORKED: &str = "two public checkpoints are inconsistent";

#[derive(Clone)]
pub struct Quorum {
    pub authorities: u8,
    pub byzantine: u8,
    /// Byzantine authorities say nothing at all.
    pub withhold: bool,
    /// The last honest node never starts.
    pub dead: bool,
    pub heights: u8,
    /// How many blocks the engine delivers before it waits for an acknowledgement.
    pub ahead: u64,
    pub crashes: u8,
    pub losses: u8,
    /// Signatures are sent again while nobody says that they came.
    pub resend: bool,
    /// A block that is delivered again is not recognised.
    pub forgets_heights: bool,
    pub broken: Option<Refusal>,
    pub quorum: fn(usize) -> usize,
}

impl Default for Quorum {
    fn default() -> Self {
        Self {
            authorities: 4,
            byzantine: 1,
            withhold: false,
            dead: false,
            heights: 2,
            ahead: 1,
            crashes: 1,
            losses: 1,
            resend: true,
            forgets_heights: false,
            broken: None,
            quorum,
        }
    }
}

type Checkpoint = Statement<u8, Log>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    up: bool,
    /// What the engine had been told was safe when the node started: it delivers from there.
    from: u64,
    pub store: Store<Log>,
    /// What it signed, where that is sent only once.
    sent: BTreeSet<Log>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub nodes: Vec<Node>,
    network: BTreeSet<(u8, Log)>,
    collected: Collected<Log, u8>,
    pub public: BTreeMap<Log, BTreeSet<u8>>,
    crashes: u8,
    losses: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Commit(u8, u64, Log),
    Acknowledge(u8, u64),
    Sign(u8, Log),
    Lose(u8, Log),
    Collect(u8, Log),
    Kill(u8),
    Start(u8),
}

impl Quorum {
    pub fn honest(&self) -> u8 {
        self.authorities - self.byzantine
    }

    pub fn authorities(&self) -> BTreeSet<u8> {
        (0..self.authorities).collect()
    }

    fn forks(&self) -> bool {
        usize::from(self.byzantine) > tolerated(usize::from(self.authorities))
    }

    fn epochs(&self) -> Epochs<u8> {
        Epochs::pinned(self.authorities())
    }

    fn block(log: Log) -> Block<Log> {
        Block {
            size: u64::from(log.size),
            root: log,
            epoch: 0,
        }
    }

    fn checkpoint(log: Log) -> Checkpoint {
        Statement {
            epoch: 0,
            size: u64::from(log.size),
            root: log,
            next: None,
        }
    }

    fn tip(node: &Node) -> Log {
        node.store
            .blocks
            .last()
            .map_or(Log::EMPTY, |last| last.root)
    }

    /// What the engine delivers at a height.
    fn finalised(&self, node: &Node, height: u64) -> Vec<Log> {
        if height > u64::from(self.heights) {
            return Vec::new();
        }
        if let Some(held) = node.store.at(height) {
            return vec![held.root];
        }
        let size = u8::try_from(height).expect("few heights");
        let choices = if self.forks() { 2 } else { 1 };
        let before = Self::tip(node);
        if before.size + 1 == size {
            (0..choices).map(|choice| before.grow(choice)).collect()
        } else {
            // The parent is not there: only a broken rule leads here.
            vec![(0..size).fold(Log::EMPTY, |log, _| log.grow(0))]
        }
    }

    fn of_node(&self, state: &State, id: u8, acts: &mut Vec<Act>) {
        let node = &state.nodes[usize::from(id)];
        let may = |asked: Result<(), Refusal>| taken(asked, self.broken);
        // Blocks in hand: delivered since the start, the last of them not yet acknowledged.
        for height in node.from + 1..=node.store.acknowledged + self.ahead {
            for log in self.finalised(node, height) {
                let allowed = node.store.may_commit(height, &Self::block(log));
                if taken(allowed, self.broken) {
                    acts.push(Act::Commit(id, height, log));
                }
            }
        }
        let next = node.store.acknowledged + 1;
        if next <= u64::from(self.heights) && may(node.store.may_acknowledge(next)) {
            acts.push(Act::Acknowledge(id, next));
        }
        // What it might sign: its own log at each size, and the proposals on top of it.
        let tip = Self::tip(node);
        let own = (1..=tip.size).map(|size| tip.at(size));
        let proposals = (0..2).filter(|_| tip.size < self.heights);
        for log in own.chain(proposals.map(|choice| tip.grow(choice))) {
            let allowed = may_sign(&id, &node.store, &self.epochs(), &Self::checkpoint(log));
            let again = self.resend || !node.sent.contains(&log);
            if may(allowed) && again && !state.network.contains(&(id, log)) {
                acts.push(Act::Sign(id, log));
            }
        }
        if state.crashes > 0 {
            acts.push(Act::Kill(id));
        }
    }

    fn of_network(&self, state: &State, acts: &mut Vec<Act>) {
        let collecting = state.nodes[0].up;
        for &(signer, log) in &state.network {
            let new = !state.collected.signers(&log).contains(&signer);
            if new && collecting {
                acts.push(Act::Collect(signer, log));
            }
            if state.losses > 0 && signer != 0 {
                acts.push(Act::Lose(signer, log));
            }
        }
        if self.withhold || !collecting {
            return;
        }
        // A Byzantine signature matters where an honest one is.
        for (log, signers) in &state.collected.0 {
            for signer in self.honest()..self.authorities {
                if !signers.contains(&signer) {
                    acts.push(Act::Collect(signer, *log));
                }
            }
        }
    }

    /// All honest stores that hold a log.
    fn holders(state: &State, log: Log) -> usize {
        let holds = |node: &&Node| node.store.holds(&Self::block(log));
        state.nodes.iter().filter(holds).count()
    }

    fn at_rest(&self, state: &State) -> bool {
        let mut acts = Vec::new();
        self.actions(state, &mut acts);
        !acts
            .into_iter()
            .any(|act| self.next_state(state, act).is_some())
    }

    fn one_log(state: &State) -> bool {
        let mut logs = state.public.keys();
        logs.all(|log| state.public.keys().all(|other| log.consistent(*other)))
    }

    fn fork_is_evident(&self, state: &State) -> bool {
        let f = tolerated(usize::from(self.authorities));
        state.public.iter().all(|(older, by)| {
            state.public.range(older..).all(|(newer, also)| {
                if older.consistent(*newer) {
                    return true;
                }
                let signed = |log: &Log, signers: &BTreeSet<u8>| Signed {
                    statement: Self::checkpoint(*log),
                    signers: signers.clone(),
                };
                let (older_one, newer_one) = (signed(older, by), signed(newer, also));
                let shown = newer.at(older.size);
                let found = evidence(&self.authorities(), &older_one, &newer_one, shown);
                found.is_some_and(|found| {
                    let guilty = found.both.iter().all(|key| *key >= self.honest());
                    found.both.len() > f && guilty
                })
            })
        })
    }
}

impl Model for Quorum {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        let node = |id| Node {
            up: !(self.dead && id + 1 == self.honest()),
            from: 0,
            store: Store::default(),
            sent: BTreeSet::new(),
        };
        vec![State {
            nodes: (0..self.honest()).map(node).collect(),
            network: BTreeSet::new(),
            collected: Collected::default(),
            public: BTreeMap::new(),
            crashes: self.crashes,
            losses: self.losses,
        }]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        for (id, node) in (0..).zip(&state.nodes) {
            if node.up {
                self.of_node(state, id, acts);
            } else if !(self.dead && id + 1 == self.honest()) {
                acts.push(Act::Start(id));
            }
        }
        self.of_network(state, acts);
    }

    fn next_state(&self, last: &State, act: Act) -> Option<State> {
        let mut state = last.clone();
        match act {
            Act::Commit(id, height, log) => {
                let store = &mut state.nodes[usize::from(id)].store;
                let block = Self::block(log);
                let again = store.may_commit(height, &block) == Ok(Delivery::Again);
                if again && !self.forgets_heights {
                    return None;
                }
                if store.height() > u64::from(self.heights) {
                    return None;
                }
                store.commit(block);
            }
            Act::Acknowledge(id, height) => {
                state.nodes[usize::from(id)].store.acknowledge(height);
            }
            Act::Sign(id, log) => {
                state.network.insert((id, log));
                if !self.resend {
                    state.nodes[usize::from(id)].sent.insert(log);
                }
            }
            Act::Lose(signer, log) => {
                state.network.remove(&(signer, log));
                state.losses -= 1;
            }
            Act::Collect(signer, log) => {
                state.collected.collect(log, signer);
                let signers = state.collected.signers(&log);
                let enough = may_publish(
                    &self.epochs(),
                    &Self::checkpoint(log),
                    &signers,
                    self.quorum,
                );
                if enough.is_ok() {
                    state.public.entry(log).or_insert(signers);
                }
            }
            Act::Kill(id) => {
                state.nodes[usize::from(id)].up = false;
                state.crashes -= 1;
                if id == 0 {
                    state.collected = Collected::default();
                }
            }
            Act::Start(id) => {
                let node = &mut state.nodes[usize::from(id)];
                node.up = true;
                node.from = node.store.acknowledged;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(KEPT, |_, state: &State| {
                let kept = |node: &Node| node.store.acknowledged <= node.store.height();
                state.nodes.iter().all(|node| node.up || kept(node))
            }),
            Property::always(ONCE, |_, state: &State| {
                let once = |node: &Node| {
                    let mut logs = node.store.blocks.iter().zip(1..);
                    logs.all(|(block, height)| block.size == height)
                };
                state.nodes.iter().all(once)
            }),
            Property::always(HELD, |model: &Self, state: &State| {
                let n = usize::from(model.authorities);
                let honest = quorum(n) - usize::from(model.byzantine);
                state
                    .public
                    .keys()
                    .all(|log| Self::holders(state, *log) >= honest)
            }),
            Property::always(EVIDENCE, Self::fork_is_evident),
            Property::always(RESTS, |model: &Self, state: &State| {
                let all = state.public.keys().any(|log| log.size == model.heights);
                all || model.forks() || !model.at_rest(state)
            }),
            Property::sometimes(PUBLIC, |_, state: &State| !state.public.is_empty()),
        ];
        if self.forks() {
            // The model is not empty: a fork that should be there is found.
            properties.push(Property::sometimes(FORKED, |_, state: &State| {
                !Self::one_log(state)
            }));
        } else {
            properties.push(Property::always(FORK, |_, state: &State| {
                Self::one_log(state)
            }));
            properties.push(Property::always(FINAL, |model: &Self, state: &State| {
                let chain = (0..model.heights).fold(Log::EMPTY, |log, _| log.grow(0));
                state.public.keys().all(|log| chain.consistent(*log))
            }));
        }
        properties
    }
}

#[test]
fn one_of_four_signs_anything() {
    // A signature that is lost is one that nobody collects; what is never published does no
    // harm. So losses are for the models below, where something must be.
    let model = Quorum {
        losses: 0,
        ..Quorum::default()
    };
    holds("quorum, one of four Byzantine", model);
}

#[test]
fn one_of_four_withholds() {
    let model = Quorum {
        withhold: true,
        ahead: 2,
        ..Quorum::default()
    };
    holds("quorum, one of four withholding", model);
}

#[test]
fn one_of_four_is_dead() {
    let model = Quorum {
        byzantine: 0,
        dead: true,
        crashes: 0,
        ..Quorum::default()
    };
    holds("quorum, one of four dead", model);
}

/// With two of four Byzantine consensus may fork. The fork is found, and whoever sees both
/// sides can name the two.
#[test]
fn two_of_four_fork_and_are_named() {
    let model = Quorum {
        byzantine: 2,
        crashes: 0,
        losses: 0,
        ..Quorum::default()
    };
    holds("quorum, two of four Byzantine", model);
}
