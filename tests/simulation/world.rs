//! The simulated world: nodes, a network that fails, a clock, and in the place of
//! consensus an agreement that makes one verified block of each height final.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tally::shared::{Contradiction, Gossip};
use tally_core::canon::Canon as _;
use tally_core::ledger::Entry;
use tally_core::ledger::shared::{Charter, Envelope, MotionId, OrganisationId, Proposal, Snapshot};

use crate::agreement::{Final, View};
use crate::dice::Dice;
use crate::liars::{self, Behaviour};
use crate::mutants::Mutant;
use crate::node::{Moment, Node};
use crate::people::{self, JOINER, Turn, id};
use crate::plan::Plan;
use crate::verdict::Watch;
use crate::witness::Witness;

/// How long a view is, and how often a node looks.
pub const VIEW: u64 = 120;
const TICK: u64 = 60;
/// When faults end, and when all must be well at the latest.
pub const FAULTS: u64 = 6_000;
const LATEST: u64 = FAULTS + 60_000;

/// What travels.
#[derive(Clone)]
pub enum Message {
    Gossip(Gossip),
    Proposal { view: u64, payload: Arc<Vec<u8>> },
}

/// What happens.
pub enum Event {
    Comes(usize, usize, Message),
    Vote(usize, u64, [u8; 32]),
    Tick(usize),
    View,
    Kill(usize),
    Start(usize),
    Enter(usize),
    Part(Vec<bool>),
    Propose(Turn),
}

pub struct World {
    pub plan: Plan,
    pub dice: Dice,
    pub now: u64,
    begun: Instant,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    pub charter: Charter,
    pub genesis: Arc<Snapshot>,
    pub nodes: Vec<Node>,
    /// Which side of a partition each is on.
    sides: Vec<bool>,
    pub view: View,
    /// Final blocks; more than one of a height is a fork.
    pub chain: Vec<Vec<Final>>,
    /// What all final blocks come to, by the rules.
    pub tip: Arc<Snapshot>,
    pub stood: Vec<Envelope>,
    pub watch: Watch,
    pub witness: Witness,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let charter = people::charter(plan.founders);
        let genesis = Arc::new(Snapshot::found(&charter).unwrap());
        let liar = |who| plan.liars.get(&who).copied();
        let twins = plan.liars.iter().filter(|(_, of)| **of == Behaviour::Twin);
        let who = (0..plan.founders).chain([JOINER]);
        let who = who.chain(twins.map(|(who, _)| *who));
        let nodes: Vec<_> = who.map(|who| Node::new(who, liar(who))).collect();
        let mut world = Self {
            dice: Dice::new(plan.seed ^ 0x5eed),
            now: 0,
            begun: Instant::now(),
            events: BTreeMap::new(),
            sequence: 0,
            sides: vec![false; nodes.len()],
            nodes,
            view: View::default(),
            chain: Vec::new(),
            tip: Arc::clone(&genesis),
            stood: Vec::new(),
            watch: Watch::new(&genesis),
            witness: Witness::new(&charter, &genesis),
            charter,
            genesis,
            plan,
        };
        world.schedule();
        world
    }

    pub fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((time, self.sequence), event);
    }

    /// All that happens by itself.
    fn schedule(&mut self) {
        let founders = self.plan.founders;
        self.at(VIEW, Event::View);
        let twins = founders + 1..self.nodes.len();
        for node in (0..founders).chain(twins.clone()) {
            self.at(0, Event::Start(node));
            for _ in 0..self.dice.range(2, 7) {
                let time = self.dice.range(0, FAULTS - 500);
                self.at(time, Event::Enter(node));
            }
        }
        for node in 0..self.nodes.len() {
            let offset = self.dice.range(1, TICK);
            self.at(offset, Event::Tick(node));
        }
        for _ in 0..self.plan.kills {
            let (node, time) = (
                self.dice.below(founders),
                self.dice.range(300, FAULTS - 300),
            );
            self.at(time, Event::Kill(node));
            let back = time + self.dice.range(50, 1_500);
            self.at(back.min(FAULTS), Event::Start(node));
        }
        for _ in 0..self.plan.partitions {
            let time = self.dice.range(200, FAULTS - 1_500);
            let all = 0..self.nodes.len();
            let sides = all.map(|_| self.dice.percent(50)).collect();
            self.at(time, Event::Part(sides));
            let heal = time + self.dice.range(200, 1_200);
            self.at(heal, Event::Part(vec![false; self.nodes.len()]));
        }
        self.at(FAULTS, Event::Part(vec![false; self.nodes.len()]));
        for node in (0..founders).chain(twins) {
            self.at(FAULTS, Event::Start(node));
        }
        for (place, turn) in self.plan.turns.clone().into_iter().enumerate() {
            let time = 800 + 2_000 * place as u64;
            self.at(time, Event::Propose(turn));
        }
    }

    /// Runs until all is well after the faults, or something is wrong.
    pub fn run(&mut self) -> Result<(), String> {
        while let Some(((time, _), event)) = self.events.pop_first() {
            self.now = time;
            if time > LATEST {
                return Err(format!("stuck: {}", self.stuck().unwrap_or_default()));
            }
            let view = matches!(event, Event::View);
            self.happens(event)?;
            if view && time > FAULTS + 500 && self.stuck().is_none() {
                return Ok(());
            }
        }
        Err("nothing happens any more".into())
    }

    fn moment(&self) -> (Arc<Snapshot>, Charter, Instant, u64, Option<Mutant>) {
        (
            Arc::clone(&self.genesis),
            self.charter.clone(),
            self.begun + Duration::from_millis(self.now),
            self.now,
            self.plan.mutant,
        )
    }

    fn with<T>(&mut self, node: usize, run: impl FnOnce(&mut Node, &Moment<'_>) -> T) -> T {
        let (genesis, charter, instant, now, mutant) = self.moment();
        let moment = Moment {
            charter: &charter,
            genesis: &genesis,
            instant,
            now,
            mutant,
        };
        run(&mut self.nodes[node], &moment)
    }

    fn happens(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::View => self.next_view()?,
            Event::Tick(node) => {
                self.at(self.now + TICK, Event::Tick(node));
                if self.nodes[node].live.is_some() {
                    self.fetch(node)?;
                    let said = self.with(node, |node, moment| node.tick(moment));
                    self.say(node, said);
                    self.looked(node)?;
                    self.manage(node);
                }
            }
            Event::Comes(from, node, message) => match message {
                Message::Gossip(gossip) => {
                    let answers = self.nodes[node].heard(gossip);
                    for answer in answers {
                        self.send(node, from, Message::Gossip(answer));
                    }
                    self.looked(node)?;
                }
                Message::Proposal { view, payload } => self.asked(from, node, view, &payload)?,
            },
            Event::Vote(node, view, digest) => {
                if view == self.view.number {
                    self.count(node, digest);
                }
            }
            Event::Kill(node) => self.nodes[node].kill(self.plan.mutant),
            Event::Start(node) => {
                if self.nodes[node].live.is_none() {
                    let said = self.with(node, Node::start);
                    self.say(node, said);
                }
            }
            Event::Enter(node) => {
                let entry = people::entry(self.nodes[node].who, &mut self.dice);
                if self.nodes[node].live.is_some() {
                    self.nodes[node].disk.log.push(entry);
                }
            }
            Event::Part(sides) => self.sides = sides,
            Event::Propose(turn) => self.move_for(turn),
        }
        Ok(())
    }

    pub fn faulty(&self) -> bool {
        self.now < FAULTS
    }

    /// Sends something to one node, as the network likes.
    pub fn send(&mut self, from: usize, to: usize, message: Message) {
        let (loss, again) = if self.faulty() {
            (self.plan.loss, 10)
        } else {
            (0, 0)
        };
        let apart = self.sides[from] != self.sides[to];
        if from != to && (apart || self.dice.percent(loss)) {
            return;
        }
        let copies = 1 + u64::from(self.dice.percent(again));
        for _ in 0..copies {
            let slow = self.faulty() && self.dice.percent(5);
            let delay = self.dice.range(1, if slow { 800 } else { 40 });
            self.at(self.now + delay, Event::Comes(from, to, message.clone()));
        }
    }

    /// Says to all others what a node says, or what a liar says in its place.
    fn say(&mut self, node: usize, said: Vec<Gossip>) {
        for gossip in said {
            let all = match self.nodes[node].liar {
                None => vec![(None, gossip)],
                Some(behaviour) => {
                    let who = self.nodes[node].who;
                    let key = people::key(who, "authority", self.nodes[node].disk.made);
                    for note in liars::aside(behaviour, &key, &gossip) {
                        self.watch.signed(who, &note);
                    }
                    let heard = std::mem::take(&mut self.nodes[node].heard);
                    let all = liars::says(behaviour, &key, gossip, &heard, &mut self.dice);
                    self.nodes[node].heard = heard;
                    all
                }
            };
            for (half, gossip) in all {
                if let Gossip::Signed(note) = &gossip {
                    self.watch.signed(self.nodes[node].who, note);
                }
                for to in (0..self.nodes.len()).filter(|to| *to != node) {
                    if half.is_none_or(|half| half == to as u64 % 2) {
                        self.send(node, to, Message::Gossip(gossip.clone()));
                    }
                }
            }
        }
    }

    /// A node fetches the next final block, from whoever has it and is to be reached.
    fn fetch(&mut self, node: usize) -> Result<(), String> {
        for _ in 0..4 {
            let Some(at) = self.nodes[node].at() else {
                return Ok(());
            };
            let Some(decided) = self.chain.get(usize::try_from(at.height).unwrap()) else {
                return Ok(());
            };
            let own = decided.iter().find(|one| one.voters.contains(&node));
            let one = own.unwrap_or(&decided[0]);
            let has = |other: usize| {
                let live = self.nodes[other].at();
                live.is_some_and(|of| of.height > at.height || one.voters.contains(&other))
            };
            let near = |other: &usize| self.sides[*other] == self.sides[node];
            let reached = (0..self.nodes.len()).filter(near).any(has);
            if !reached || (self.faulty() && self.dice.percent(40)) {
                return Ok(());
            }
            let (payload, digest) = (Arc::clone(&one.payload), one.digest);
            let mutant = self.plan.mutant;
            let next = self.nodes[node].deliver(&payload, digest, mutant)?;
            let honest = self.nodes[node].liar.is_none();
            if honest {
                self.watch.committed(&next, digest)?;
            }
            if self.faulty() && self.dice.percent(self.plan.dies) {
                // Killed after it wrote and signed, and before it said so.
                self.nodes[node].kill(self.plan.mutant);
                let back = self.now + self.dice.range(20, 600);
                self.at(back, Event::Start(node));
                return Ok(());
            }
        }
        Ok(())
    }

    /// What those who run a node do: one whose new key is in force is started with it, once
    /// the handover is public (docs/model.md: who leaves signs the handover first), and so
    /// is one that has joined.
    fn manage(&mut self, node: usize) {
        let Some(at) = self.nodes[node].at() else {
            return;
        };
        let who = self.nodes[node].who;
        let member = at.state.members.get(&id(who));
        let now = member.and_then(|member| member.organisation.authority);
        let new = now == Some(self.nodes[node].keys[1]);
        let public = self.nodes[node]
            .disk
            .store
            .walks_to(at.state.authorities.epoch);
        if new && public && self.nodes[node].disk.made == 0 {
            self.nodes[node].kill(self.plan.mutant);
            self.nodes[node].disk.made = 1;
            let back = self.now + self.dice.range(20, 600);
            self.at(back, Event::Start(node));
        }
        let joiner = self.plan.founders;
        if at.state.next(&id(JOINER)).is_some() && self.nodes[joiner].live.is_none() {
            let start = self.now + self.dice.range(20, 600);
            self.at(start, Event::Start(joiner));
        }
    }

    /// An honest authority proposes a change; if it may not now, a little later.
    fn move_for(&mut self, turn: Turn) {
        let by: Vec<usize> = (0..self.plan.founders)
            .filter(|node| self.nodes[*node].liar.is_none() && self.voter(*node))
            .collect();
        let by = *self.dice.pick(&by);
        let Some(at) = self.nodes[by].at() else {
            self.at(self.now + 300, Event::Propose(turn));
            return;
        };
        let proposal = Proposal {
            epoch: at.state.authorities.epoch,
            change: turn.change(),
        };
        let who: OrganisationId = id(self.nodes[by].who);
        if at.state.may_propose(&who, &proposal).is_ok() {
            let proposed: MotionId = proposal.id();
            let entry = Entry::Proposed(Box::new(proposal)).to_canon();
            if self.nodes[by].disk.ayes.insert(proposed) {
                self.nodes[by].disk.log.push(entry);
            }
        }
    }

    /// Looks at a node after it did something.
    fn looked(&mut self, node: usize) -> Result<(), String> {
        let of = &mut self.nodes[node];
        let Some(live) = of.live.as_mut().filter(|_| of.liar.is_none()) else {
            return Ok(());
        };
        for found in live.scribe.take_contradictions() {
            let Contradiction {
                by, note, evidence, ..
            } = found;
            let liar = self.plan.liars.iter().find(|(who, _)| id(**who) == by);
            let Some((_, behaviour)) = liar else {
                return Err(format!("evidence names `{by}`, who is honest:\n{note}"));
            };
            self.watch.named(*behaviour);
            if let Some(evidence) = evidence {
                self.watch.shown(&evidence, &by)?;
            }
        }
        let kept = live.scribe.kept().cloned();
        self.watch.kept(node, kept.as_ref(), &of.disk.store)?;
        match kept {
            Some(kept) => self.witness.kept(&kept, &of.disk.store, self.plan.mutant),
            None => Ok(()),
        }
    }

    /// What is not well yet.
    pub fn stuck(&self) -> Option<String> {
        for node in self.nodes.iter().filter(|node| node.liar.is_none()) {
            let name = people::NAMES[node.who];
            let member = self.tip.state.members.get(&id(node.who));
            let Some(member) = member else { continue };
            let Some(at) = node.at() else {
                return Some(format!("{name} is not back"));
            };
            if !member.left && member.next != node.disk.log.len() as u64 {
                let (next, of) = (member.next, node.disk.log.len());
                return Some(format!("{next} of {of} entries of {name} stand"));
            }
            let size = self.tip.frontier.size();
            if at.frontier.size() != size {
                return Some(format!("{name} is at {}, not {size}", at.frontier.size()));
            }
            let kept = node.live.as_ref().and_then(|live| live.scribe.kept());
            let kept = kept.map(|kept| (kept.size, kept.epoch));
            if kept.is_none_or(|(kept, _)| kept != size) {
                return Some(format!("{name} has {kept:?} under a quorum, not {size}"));
            }
        }
        None
    }
}
