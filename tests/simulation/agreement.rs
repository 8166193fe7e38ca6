//! In the place of consensus: one verified block of each height becomes final, of those
//! that a quorum voted for in one view. That views do not contradict each other is what
//! consensus promises, and is taken for granted here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tally_core::ledger::shared::{Block, quorum};
use tally_notary::Judged;

use crate::liars::{self, Behaviour};
use crate::mutants::Mutant;
use crate::node::Node;
use crate::world::{Event, Message, VIEW, World};

/// A block that is final.
pub struct Final {
    pub payload: Arc<Vec<u8>>,
    pub digest: [u8; 32],
    /// Who voted for it, and so has it.
    pub voters: BTreeSet<usize>,
}

/// The view that is voted in.
#[derive(Default)]
pub struct View {
    pub number: u64,
    votes: Vec<([u8; 32], BTreeSet<usize>)>,
    payloads: BTreeMap<[u8; 32], Arc<Vec<u8>>>,
}

fn digest(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(payload).into()
}

impl World {
    /// Which node votes with a key of the set.
    pub fn voter(&self, node: usize) -> bool {
        let key = self.nodes[node].key();
        let set = &self.tip.state.authorities.members;
        set.iter().any(|authority| authority.key == key)
    }

    /// Ends the view, and begins the next.
    pub fn next_view(&mut self) -> Result<(), String> {
        self.decide()?;
        self.at(self.now + VIEW, Event::View);
        let number = self.view.number + 1;
        let set = &self.tip.state.authorities.members;
        let turn = usize::try_from(number % set.len() as u64).unwrap();
        let key = set[turn].key;
        let leader = self.nodes.iter().position(|node| node.key() == key);
        self.view = View {
            number,
            ..View::default()
        };
        let Some(leader) = leader else { return Ok(()) };
        let is_at_tip = |node: &Node| node.at().is_some_and(|at| at.id == self.tip.id);
        if !is_at_tip(&self.nodes[leader]) {
            return Ok(());
        }
        let idle = self.dice.percent(15);
        let payloads = match self.nodes[leader].liar {
            None => self.nodes[leader]
                .propose(idle)
                .map(|payload| [payload.clone(), payload]),
            Some(Behaviour::Twin) => {
                let twin = self
                    .twin_of(leader)
                    .filter(|twin| is_at_tip(&self.nodes[*twin]));
                let two = [leader, twin.unwrap_or(leader)];
                let [one, other] = two.map(|node| self.nodes[node].propose(idle));
                one.zip(other).map(<[Vec<u8>; 2]>::from)
            }
            Some(behaviour) => {
                let live = self.nodes[leader].live.as_ref().unwrap();
                let waiting = live.pool.next(&self.tip.state, self.tip.height);
                let who = self.nodes[leader].who;
                let made = liars::proposals(
                    behaviour,
                    who,
                    &self.tip,
                    &waiting,
                    &self.stood,
                    &mut self.dice,
                );
                if made.is_none() {
                    self.watch.caught(behaviour);
                }
                made
            }
        };
        for to in 0..self.nodes.len() {
            if let Some(payloads) = &payloads {
                // Whoever is in the middle hears both.
                let both = payloads[0] != payloads[1] && self.dice.percent(30);
                for (half, payload) in payloads.iter().enumerate() {
                    if both || half == to % 2 {
                        let payload = Arc::new(payload.clone());
                        let view = number;
                        self.send(leader, to, Message::Proposal { view, payload });
                    }
                }
            }
        }
        Ok(())
    }

    /// A node is asked to vote for a block.
    pub fn asked(
        &mut self,
        from: usize,
        node: usize,
        view: u64,
        payload: &Arc<Vec<u8>>,
    ) -> Result<(), String> {
        let mutant = self.plan.mutant;
        let at = self.nodes[node].at();
        if view != self.view.number || at.is_none_or(|at| at.id != self.tip.id) {
            return Ok(());
        }
        if !self.voter(node) {
            return Ok(());
        }
        let digest = digest(payload);
        self.view.payloads.insert(digest, Arc::clone(payload));
        let of = &mut self.nodes[node];
        let twice = of.voted_otherwise(view, digest);
        match of.liar {
            Some(Behaviour::Withhold) => return Ok(()),
            Some(Behaviour::Twin) => {
                let refused = matches!(of.judge(payload, digest, mutant), Judged::Refused(_));
                if twice || refused {
                    return Ok(());
                }
            }
            Some(_) => {}
            None => {
                if twice && mutant != Some(Mutant::VotesTwice) {
                    // Two proposals of one leader in one view: its signatures name it.
                    if let Some(behaviour) = self.nodes[from].liar {
                        self.watch.caught(behaviour);
                    }
                    return Ok(());
                }
                if mutant != Some(Mutant::VerifySkipped)
                    && let Judged::Refused(reason) = of.judge(payload, digest, mutant)
                {
                    self.refused(from, &reason)?;
                    return Ok(());
                }
                if twice {
                    return Err(format!("an honest authority voted twice in view {view}"));
                }
            }
        }
        of.disk.voted.insert(view, digest);
        if !(self.faulty() && self.dice.percent(self.plan.loss)) {
            let delay = self.dice.range(1, 30);
            self.at(self.now + delay, Event::Vote(node, view, digest));
        }
        Ok(())
    }

    fn refused(&mut self, leader: usize, reason: &str) -> Result<(), String> {
        let Some(behaviour) = self.nodes[leader].liar else {
            return Err(format!(
                "what an honest leader proposed is refused: {reason}"
            ));
        };
        self.watch.caught(behaviour);
        Ok(())
    }

    /// The other node of one key.
    fn twin_of(&self, node: usize) -> Option<usize> {
        let who = self.nodes[node].who;
        (0..self.nodes.len()).find(|other| *other != node && self.nodes[*other].who == who)
    }

    /// A vote counts for its key: twins have one.
    pub fn count(&mut self, node: usize, digest: [u8; 32]) {
        let node = self.twin_of(node).map_or(node, |twin| twin.min(node));
        let votes = &mut self.view.votes;
        match votes.iter_mut().find(|(of, _)| *of == digest) {
            Some((_, voters)) => {
                voters.insert(node);
            }
            None => votes.push((digest, BTreeSet::from([node]))),
        }
    }

    /// Whatever has a quorum of votes is final. That it is one block is what consensus
    /// promises while at most f are Byzantine, and what is seen here.
    fn decide(&mut self) -> Result<(), String> {
        let view = std::mem::take(&mut self.view);
        let mut needed = quorum(self.tip.state.authorities.members.len());
        if self.plan.mutant == Some(Mutant::QuorumTooSmall) {
            needed -= 1;
        }
        let mut decided = Vec::new();
        for (digest, voters) in view.votes {
            if voters.len() >= needed {
                let payload = Arc::clone(&view.payloads[&digest]);
                decided.push(Final {
                    payload,
                    digest,
                    voters,
                });
            }
        }
        self.view.number = view.number;
        if let Some(first) = decided.first() {
            let block = Block::parse(&first.payload).map_err(|e| format!("final: {e}"))?;
            let next = self.tip.extend(&block);
            let next = next.map_err(|error| format!("something invalid is final: {error}"))?;
            self.stood.extend(block.envelopes.iter().cloned());
            self.witness.finalised(&block);
            self.tip = Arc::new(next);
            self.watch.finalised(&self.tip);
            self.chain.push(decided);
        }
        Ok(())
    }
}

impl Node {
    /// Whether it voted for another block in this view.
    fn voted_otherwise(&self, view: u64, digest: [u8; 32]) -> bool {
        let voted = self.disk.voted.get(&view);
        voted.is_some_and(|voted| *voted != digest)
    }
}
