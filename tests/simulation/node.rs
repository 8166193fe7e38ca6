//! A node: the parts of the product as they are, over a disk that outlives a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tally::shared::{Chain, Gossip, Pool, Scribe, Taken, UnderWay};
use tally_core::canon::Canon as _;
use tally_core::ledger::Entry;
use tally_core::ledger::shared::{Block, Charter, Envelope, Motion, Snapshot};
use tally_notary::{Header, Judged, Machine as _};

use crate::disk::{Store, ready};
use crate::liars::Behaviour;
use crate::mutants::{self, Mutant};
use crate::people::{self, ORIGIN, id};
use crate::traced::{killed, speaking};

/// The most entries of an envelope here: small, so that there are many.
const CUT: usize = 3;

/// What a kill leaves.
#[derive(Default)]
pub struct Disk {
    pub store: Store,
    /// The node's own log.
    pub log: Vec<Vec<u8>>,
    /// What it voted for in each view: the journal of the notary.
    pub voted: BTreeMap<u64, [u8; 32]>,
    /// How often its authority's key was made anew.
    pub made: u32,
    /// The proposals it voted on.
    pub ayes: BTreeSet<[u8; 32]>,
}

/// What a kill takes.
pub struct Live {
    pub scribe: Scribe,
    pub pool: Arc<Pool>,
    pub chain: Chain,
    under_way: UnderWay,
    again: u64,
    /// Blocks after the last that were judged, and hold.
    judged: Vec<([u8; 32], Arc<Snapshot>)>,
}

pub struct Node {
    pub who: usize,
    pub liar: Option<Behaviour>,
    pub disk: Disk,
    pub live: Option<Live>,
    /// Its authority's public keys: as it began, and made anew.
    pub keys: [[u8; 32]; 2],
    /// What a liar heard, to say it again.
    pub heard: Vec<Gossip>,
}

/// Where and when a node acts.
pub struct Moment<'a> {
    pub charter: &'a Charter,
    pub genesis: &'a Arc<Snapshot>,
    pub instant: Instant,
    pub now: u64,
    pub mutant: Option<Mutant>,
}

impl Node {
    pub fn new(who: usize, liar: Option<Behaviour>) -> Self {
        let disk = Disk {
            log: vec![people::genesis(who)],
            ..Disk::default()
        };
        Self {
            who,
            liar,
            disk,
            live: None,
            keys: [0, 1].map(|made| people::key(who, "authority", made).verifier().public()),
            heard: Vec::new(),
        }
    }

    /// How it is called in a trace; a liar is not.
    pub fn speaker(&self) -> Option<&'static str> {
        self.liar.is_none().then_some(people::NAMES[self.who])
    }

    pub fn start(&mut self, moment: &Moment<'_>) -> Vec<Gossip> {
        assert!(self.live.is_none());
        let pool = Arc::new(Pool::default());
        let store = &self.disk.store;
        let opened = Scribe::open(store, moment.charter, moment.genesis, Arc::clone(&pool));
        let mut scribe = ready(opened).unwrap();
        let made = self.disk.made;
        let journal = format!("{}/{made}", people::NAMES[self.who]);
        let key = people::key(self.who, "authority", made);
        speaking(self.speaker(), || {
            ready(scribe.resume(store, Some(key), &journal)).unwrap();
        });
        let chain = Chain {
            genesis: Arc::clone(moment.genesis),
            pool: Arc::clone(&pool),
        };
        let said = scribe.take_outbox();
        self.live = Some(Live {
            scribe,
            pool,
            chain,
            under_way: UnderWay::default(),
            again: moment.now + 2_000,
            judged: Vec::new(),
        });
        said
    }

    pub fn kill(&mut self, mutant: Option<Mutant>) {
        if self.live.take().is_none() {
            return;
        }
        if let Some(name) = self.speaker() {
            killed(name);
        }
        if mutant == Some(Mutant::ForgetsWhenKilled) {
            self.disk.store.forget_last();
        }
    }

    /// The authority's key that it has now.
    pub fn key(&self) -> [u8; 32] {
        self.keys[self.disk.made as usize]
    }

    pub fn at(&self) -> Option<Arc<Snapshot>> {
        self.live.as_ref().map(|live| Arc::clone(live.scribe.at()))
    }

    /// Somebody said something; answers what that one is told alone.
    pub fn heard(&mut self, gossip: Gossip) -> Vec<Gossip> {
        let speaker = self.speaker();
        let Some(live) = &mut self.live else {
            return Vec::new();
        };
        let bytes = gossip.to_canon();
        if self.liar == Some(Behaviour::Replay) && self.heard.len() < 64 {
            self.heard.push(gossip);
        }
        let heard = speaking(speaker, || {
            ready(live.scribe.heard(&self.disk.store, &bytes)).unwrap()
        });
        match heard.expect("what was said can be read") {
            Taken::Asks(from) if self.liar.is_none() => {
                ready(live.scribe.handovers(&self.disk.store, from)).unwrap()
            }
            _ => Vec::new(),
        }
    }

    /// What it proposes, as an honest leader.
    pub fn propose(&self, idle: bool) -> Option<Vec<u8>> {
        let live = self.live.as_ref()?;
        let at = live.scribe.at();
        let header = Header {
            epoch: at.state.authorities.epoch,
            height: at.height + 1,
            parent: live.scribe.id(),
        };
        let proposed = (!idle).then(|| live.chain.propose(at, header)).flatten();
        Some(proposed.unwrap_or_else(|| live.chain.empty(at, header)))
    }

    /// What it says of a block after the last that it has. What was judged is known, as the
    /// notary knows it.
    pub fn judge(
        &mut self,
        payload: &[u8],
        digest: [u8; 32],
        mutant: Option<Mutant>,
    ) -> Judged<Arc<Snapshot>> {
        let Some(live) = &mut self.live else {
            return Judged::Missing;
        };
        if let Some((_, known)) = live.judged.iter().find(|(of, _)| *of == digest) {
            return Judged::Holds(Arc::clone(known));
        }
        let at = live.scribe.at();
        let header = Header {
            epoch: at.state.authorities.epoch,
            height: at.height + 1,
            parent: live.scribe.id(),
        };
        let at = mutants::before(mutant, at, payload);
        let judged = live.chain.judge(&at, header, payload);
        if let Judged::Holds(next) = &judged {
            live.judged.push((digest, Arc::clone(next)));
        }
        judged
    }

    /// A final block comes, once or again; answers what stands after it.
    pub fn deliver(
        &mut self,
        payload: &[u8],
        digest: [u8; 32],
        mutant: Option<Mutant>,
    ) -> Result<Arc<Snapshot>, String> {
        let next = match self.judge(payload, digest, mutant) {
            Judged::Holds(next) => next,
            Judged::Refused(reason) => return Err(format!("what is final is refused: {reason}")),
            Judged::Missing => return Err("a final block and nobody to judge it".into()),
        };
        let block = Block::parse(payload).map_err(|error| error.to_string())?;
        let speaker = self.speaker();
        let live = self.live.as_mut().ok_or("nobody runs")?;
        let store = &self.disk.store;
        speaking(speaker, || -> Result<(), anyhow::Error> {
            // At least once, as it is promised.
            for _ in 0..2 {
                ready(live.scribe.write(store, &block, &next, digest))?;
            }
            if next.boundary {
                ready(live.scribe.keep(store))?;
            }
            Ok(())
        })
        .map_err(|error| format!("{error:#}"))?;
        live.judged.clear();
        Ok(next)
    }

    /// What it does every so often; answers what it says.
    pub fn tick(&mut self, moment: &Moment<'_>) -> Vec<Gossip> {
        let speaker = self.speaker();
        self.vote();
        let Some(live) = &mut self.live else {
            return Vec::new();
        };
        let store = &self.disk.store;
        let mut said = Vec::new();
        speaking(speaker, || {
            ready(live.scribe.keep(store)).unwrap();
            if moment.now >= live.again {
                live.again = moment.now + 2_000;
                if moment.mutant != Some(Mutant::SignsOnce) {
                    live.scribe.say_again();
                }
            }
        });
        said.extend(live.scribe.take_outbox());
        let state = Arc::clone(&live.scribe.at().state);
        let Some(next) = state.next(&id(self.who)) else {
            return said;
        };
        let again = live.under_way.again(next, moment.instant);
        if moment.mutant != Some(Mutant::RelaysOnce) {
            for envelope in again {
                live.pool.put(&state, envelope.clone());
                said.push(Gossip::Envelope(Box::new(envelope)));
            }
        }
        while let Some(first) = live.under_way.room(next) {
            let from = usize::try_from(first).unwrap();
            let entries: Vec<_> = self.disk.log.iter().skip(from).take(CUT).cloned().collect();
            if entries.is_empty() {
                break;
            }
            let key = people::key(self.who, "signing", 0);
            let envelope = Envelope::seal(ORIGIN, id(self.who), first, entries, &key);
            live.pool.put(&state, envelope.clone());
            said.push(Gossip::Envelope(Box::new(envelope.clone())));
            live.under_way.put(envelope, moment.instant);
        }
        said
    }

    /// Votes for every proposal that is open, as the command does: when it may by what
    /// this node knows.
    fn vote(&mut self) {
        let Some(at) = self.at() else { return };
        for proposal in at.state.motions.keys() {
            let motion = Motion {
                proposal: *proposal,
                assent: true,
            };
            let may = at.state.may_vote(&id(self.who), motion).is_ok();
            if may && self.liar.is_none() && self.disk.ayes.insert(*proposal) {
                self.disk.log.push(Entry::Voted(motion).to_canon());
            }
        }
    }
}
