//! What must hold, at every step and at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tally_core::canon::Canon as _;
use tally_core::ledger::shared::{Authorities, OrganisationId, Snapshot, audit};
use tally_core::ledger::witness::{Evidence, Signers};
use tally_core::ledger::{Checkpoint, Entry, Note};
use tally_store::port::{SharedCheckpoint, SharedLedger as _};

use crate::disk::{Store, ready};
use crate::liars::Behaviour;
use crate::people::{NAMES, id};
use crate::world::World;

/// What was seen.
pub struct Watch {
    genesis: Authorities,
    /// The blocks that honest nodes wrote, by height.
    blocks: BTreeMap<u64, ([u8; 32], [u8; 32])>,
    /// The roots that the final chain had, by size.
    roots: BTreeMap<u64, [u8; 32]>,
    /// The sets that agreed, by epoch.
    sets: BTreeMap<u64, Arc<Authorities>>,
    /// Who signed what text.
    signed: BTreeMap<String, BTreeMap<usize, Note>>,
    /// The set that handovers lead to, and the size there.
    walked: BTreeMap<Vec<String>, (Authorities, u64)>,
    /// What each node kept last.
    kept: BTreeMap<usize, SharedCheckpoint>,
    /// How often each behaviour was seen for what it is, and named by its signature.
    pub caught: BTreeMap<Behaviour, u64>,
    pub named: BTreeMap<Behaviour, u64>,
    pub checkpoints: u64,
    pub evidence: u64,
}

impl Watch {
    pub fn new(genesis: &Snapshot) -> Self {
        let mut watch = Self {
            genesis: genesis.state.authorities.clone(),
            blocks: BTreeMap::new(),
            roots: BTreeMap::new(),
            sets: BTreeMap::new(),
            signed: BTreeMap::new(),
            walked: BTreeMap::new(),
            kept: BTreeMap::new(),
            caught: BTreeMap::new(),
            named: BTreeMap::new(),
            checkpoints: 0,
            evidence: 0,
        };
        watch.finalised(genesis);
        watch
    }

    pub fn caught(&mut self, behaviour: Behaviour) {
        *self.caught.entry(behaviour).or_default() += 1;
    }

    pub fn named(&mut self, behaviour: Behaviour) {
        *self.named.entry(behaviour).or_default() += 1;
        self.caught(behaviour);
    }

    pub fn signed(&mut self, who: usize, note: &str) {
        let note = Note::parse(note).unwrap();
        let signed = self.signed.entry(note.text.clone()).or_default();
        signed.insert(who, note);
    }

    pub fn finalised(&mut self, next: &Snapshot) {
        let (size, root) = (next.frontier.size(), next.frontier.root());
        self.roots.insert(size, root);
        let (epoch, set) = (next.signers.epoch, Arc::clone(&next.signers));
        self.sets.insert(epoch, set);
    }

    /// No fork: whoever is honest wrote the same block at a height.
    pub fn committed(&mut self, next: &Snapshot, digest: [u8; 32]) -> Result<(), String> {
        let block = (next.id, digest);
        match self.blocks.insert(next.height, block) {
            Some(other) if other != block => Err(format!("a fork at height {}", next.height)),
            _ => Ok(()),
        }
    }

    /// Every checkpoint that a node keeps holds from the pinned genesis set on, and is of
    /// the final chain.
    pub fn kept(
        &mut self,
        node: usize,
        kept: Option<&SharedCheckpoint>,
        store: &Store,
    ) -> Result<(), String> {
        let Some(kept) = kept.filter(|kept| self.kept.get(&node) != Some(kept)) else {
            return Ok(());
        };
        let before = self.kept.insert(node, kept.clone());
        if before.is_some_and(|before| before.size > kept.size) {
            return Err(format!("a checkpoint shrinks to {}", kept.size));
        }
        self.checkpoints += 1;
        let handovers = ready(store.handovers()).unwrap();
        let to_it = handovers.into_iter().filter(|of| of.epoch < kept.epoch);
        let (set, from) = self.walk(to_it.map(|of| of.note).collect())?;
        let note = Note::parse(&kept.note).map_err(|error| error.to_string())?;
        let signed = set.verify(&note);
        let signed = signed.map_err(|error| format!("a kept checkpoint: {error}"))?;
        if kept.size < from {
            return Err(format!(
                "a checkpoint of {} after a handover at {from}",
                kept.size
            ));
        }
        if self.roots.get(&kept.size) != Some(&signed.checkpoint.root) {
            return Err(format!(
                "a quorum signed another root of size {}",
                kept.size
            ));
        }
        Ok(())
    }

    /// From the pinned genesis set over handovers; each way is walked once.
    fn walk(&mut self, handovers: Vec<String>) -> Result<(Authorities, u64), String> {
        if let Some(known) = self.walked.get(&handovers) {
            return Ok(known.clone());
        }
        let notes = handovers.iter().map(|note| Note::parse(note));
        let notes: Result<Vec<_>, _> = notes.collect();
        let walked = self
            .genesis
            .walk(&notes.map_err(|error| error.to_string())?);
        let (mut sets, from) = walked.map_err(|error| format!("a handover: {error}"))?;
        let reached = (sets.pop().ok_or("no set")?, from);
        self.walked.insert(handovers, reached.clone());
        Ok(reached)
    }

    /// The keys of all epochs.
    pub fn signers(&self) -> Vec<Signers> {
        let sets = self.sets.values();
        sets.map(|set| Signers::Authorities(Authorities::clone(set)))
            .collect()
    }

    /// What liars signed, each text by each.
    pub fn signed_by(&self, liars: &BTreeMap<usize, Behaviour>) -> Vec<(usize, Note)> {
        let all = self.signed.values().flatten();
        let by = all.filter(|(who, _)| liars.contains_key(who));
        by.map(|(who, note)| (*who, note.clone())).collect()
    }

    /// A node's evidence holds by the keys alone, and names who it says.
    pub fn shown(&self, evidence: &Evidence, by: &OrganisationId) -> Result<(), String> {
        let names = evidence.check(&self.signers());
        match names {
            Ok(names) if names == [by.to_string()] => Ok(()),
            other => Err(format!("evidence against `{by}` comes to {other:?}")),
        }
    }

    /// Whatever was signed by anybody: no quorum for what is not the chain's, and two
    /// texts of one size by one key are evidence that names who.
    fn all_signed(&mut self, liars: &BTreeMap<usize, Behaviour>) -> Result<(), String> {
        let mut by_place: BTreeMap<(u64, usize), Vec<&Note>> = BTreeMap::new();
        for (text, notes) in &self.signed {
            let checkpoint = Checkpoint::parse(text).map_err(|error| error.to_string())?;
            let right = self.roots.get(&checkpoint.size) == Some(&checkpoint.root);
            let epoch = checkpoint.extensions[0].strip_prefix("epoch ").unwrap();
            let set = self.sets.get(&epoch.parse().unwrap());
            let set = set.ok_or("a checkpoint of no epoch")?;
            if !right && notes.len() >= set.quorum() {
                return Err(format!("a quorum signed what is not the chain's:\n{text}"));
            }
            for (who, note) in notes {
                if !right && !liars.contains_key(who) {
                    return Err(format!("{} signed what is not the chain's", NAMES[*who]));
                }
                let place = by_place.entry((checkpoint.size, *who)).or_default();
                place.push(note);
            }
        }
        let signers = self.signers();
        let of_one_size = by_place.iter().flat_map(|((_, who), notes)| {
            let pairs = notes.windows(2);
            pairs.map(|pair| (*who, pair[0].clone(), pair[1].clone()))
        });
        let pairs: Vec<_> = of_one_size.chain(self.behind_handovers()).collect();
        for (who, one, other) in pairs {
            let evidence = Evidence::of(one, other, &[]);
            let evidence = evidence.ok_or("two notes are no evidence")?;
            if !evidence.contradicts() {
                continue;
            }
            self.evidence += 1;
            let names = evidence
                .check(&signers)
                .map_err(|error| error.to_string())?;
            if names != [id(who).to_string()] || !liars.contains_key(&who) {
                return Err(format!("evidence names {names:?} for {}", NAMES[who]));
            }
        }
        Ok(())
    }

    /// Handovers, and what the same key signed of larger trees in the epoch that they ended.
    fn behind_handovers(&self) -> Vec<(usize, Note, Note)> {
        let read = |text: &String| Checkpoint::parse(text).unwrap();
        let all = self.signed.iter().map(|(text, notes)| (read(text), notes));
        let all: Vec<_> = all.collect();
        let mut found = Vec::new();
        for (handover, ended) in all.iter().filter(|(of, _)| of.extensions.len() > 2) {
            let behind = |of: &Checkpoint| {
                of.size > handover.size && of.extensions[..2] == handover.extensions[..2]
            };
            for (_, notes) in all.iter().filter(|(of, _)| behind(of)) {
                let both = notes.iter().filter_map(|(who, note)| {
                    let handover = ended.get(who)?.clone();
                    Some((*who, handover, note.clone()))
                });
                found.extend(both);
            }
        }
        found
    }
}

/// What must hold at the end of a seed.
pub fn end(world: &mut World) -> Result<(), String> {
    let liars = world.plan.liars.clone();
    world.watch.all_signed(&liars)?;
    let honest = world.nodes.iter().filter(|node| node.liar.is_none());
    let mut stores = honest.filter_map(|node| Some((node.at()?, node.disk.store.leaves())));
    let (_, leaves) = stores.clone().next().ok_or("nobody is honest")?;
    let audited = audit(leaves.iter().map(Vec::as_slice));
    let (state, frontier) = audited.map_err(|error| format!("the audit: {error}"))?;
    if !stores.all(|(at, of)| of == leaves && *at.state == state && at.frontier == frontier) {
        return Err("what an honest node has is not what the audit comes to".into());
    }
    stands(world, &leaves)
}

/// Each entry of an honest organisation stands once, in the order of its log.
fn stands(world: &World, leaves: &[Vec<u8>]) -> Result<(), String> {
    let mut entered: BTreeMap<String, Vec<&Vec<u8>>> = BTreeMap::new();
    let mut rest = leaves[1..].iter();
    while let Some(leaf) = rest.next() {
        let Ok(Entry::Envelope(header)) = Entry::from_canon(leaf) else {
            return Err("an envelope's header is none".into());
        };
        let of = entered.entry(header.organisation.to_string()).or_default();
        of.extend(rest.by_ref().take(header.count as usize));
    }
    for node in world.nodes.iter().filter(|node| node.liar.is_none()) {
        let Some(member) = world.tip.state.members.get(&id(node.who)) else {
            continue;
        };
        let log = &node.disk.log;
        let stand = entered.remove(NAMES[node.who]).unwrap_or_default();
        let whole = stand.len() == log.len() || member.left;
        if !whole || !stand.iter().zip(log).all(|(stands, own)| **stands == *own) {
            return Err(format!(
                "lost: {} of {} entries of {} stand in order",
                stand.len(),
                log.len(),
                NAMES[node.who]
            ));
        }
    }
    Ok(())
}

/// The behaviours of a plan, each once.
pub fn behaviours(world: &World) -> BTreeSet<Behaviour> {
    world.plan.liars.values().copied().collect()
}
