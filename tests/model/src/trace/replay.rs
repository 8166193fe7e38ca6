//! Replaying a trace under the rules of [`crate::rules`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Line, Reason, Violation};
use crate::rules::{
    Block, Collected, Counters, Delivery, Epochs, Fence, Refusal, Statement, Store, Witness,
    may_publish, may_sign, quorum,
};

/// Organisation, first entry, count.
type Envelope = (String, u64, u64);
/// Size and root.
type Point = (u64, String);

/// Blocks, or their checkpoints, by size.
#[derive(Debug, Default)]
struct BySize(BTreeMap<u64, BTreeSet<Block<String>>>);

impl BySize {
    fn of(&self, size: u64) -> impl Iterator<Item = &Block<String>> {
        self.0.get(&size).into_iter().flatten()
    }

    fn insert(&mut self, block: Block<String>) {
        self.0.entry(block.size).or_default().insert(block);
    }
}

/// What the lines so far amount to.
#[derive(Debug, Default)]
pub struct Trace {
    lines: usize,
    nodes: BTreeMap<String, Node>,
    /// What was finalised, as those who committed it say.
    chain: BTreeMap<u64, (Block<String>, Vec<Envelope>)>,
    finalised: BySize,
    /// What was there before the first block.
    founded: Option<Block<String>>,
    epochs: Epochs<String>,
    /// The height of each boundary block, by epoch.
    boundaries: Vec<u64>,
    fence: Fence<String, String>,
    signed: BTreeMap<Point, BTreeSet<String>>,
    public: BySize,
    witnesses: BTreeMap<String, Witness<String>>,
}

#[derive(Debug, Default)]
struct Node {
    running: bool,
    key: String,
    epoch: Option<u64>,
    store: Store<String>,
    counters: Counters<String>,
    /// Envelopes of the block that is about to be committed.
    pending: Vec<Envelope>,
    collected: Collected<Point, String>,
}

impl Node {
    /// Counters after the envelopes of the next block, whose sizes must add up: a header leaf
    /// and the entries for each. What was in the log before the first block is not known.
    fn admit(
        &self,
        block: &Block<String>,
        envelopes: &[Envelope],
    ) -> Result<Counters<String>, Refusal> {
        let mut counters = self.counters.clone();
        let before = self.store.blocks.last().map(|last| last.size);
        let mut size = before.unwrap_or(0);
        for (organisation, first, count) in envelopes {
            counters.may_admit(organisation, *first, *count)?;
            counters.admit(organisation.clone(), *first, *count);
            size = size.saturating_add(1).saturating_add(*count);
        }
        if size > block.size || (before.is_some() && size != block.size) {
            return Err(Refusal::OtherCount);
        }
        Ok(counters)
    }
}

impl Trace {
    /// Takes in a line; an empty one is passed over.
    ///
    /// # Errors
    /// When it is no event, or not allowed after the lines before.
    pub fn line(&mut self, text: &str) -> Result<(), Violation> {
        self.lines += 1;
        if text.trim().is_empty() {
            return Ok(());
        }
        let read = serde_json::from_str::<Line>(text);
        let said = match read {
            Ok(line) => self.event(&line.node, line.event).map_err(Reason::from),
            Err(error) => Err(Reason::Form(error.to_string())),
        };
        said.map_err(|reason| Violation {
            line: self.lines,
            text: text.to_owned(),
            reason,
        })
    }

    /// How many checkpoints are public: a trace without any shows little.
    #[must_use]
    pub fn public(&self) -> usize {
        self.public.0.values().map(BTreeSet::len).sum()
    }

    /// How many blocks were finalised.
    #[must_use]
    pub fn finalised(&self) -> usize {
        self.chain.len()
    }

    fn event(&mut self, node: &str, event: Event) -> Result<(), Refusal> {
        match event {
            Event::Started {
                journal,
                key,
                height,
            } => {
                let key = key.unwrap_or_else(|| node.to_owned());
                return self.started(node, key, journal, height);
            }
            Event::Cosigned {
                witness,
                size,
                root,
            } => return self.cosigned(witness, size, root),
            _ => {}
        }
        let known = self.nodes.get(node);
        if !known.is_some_and(|node| node.running) {
            return Err(Refusal::NotRunning);
        }
        self.of_running(node, event)
    }

    fn of_running(&mut self, name: &str, event: Event) -> Result<(), Refusal> {
        let node = self.nodes.entry(name.to_owned()).or_default();
        match event {
            Event::Started { .. } | Event::Cosigned { .. } => Ok(()),
            Event::Founded { size, root } => self.founded(Block {
                size,
                root,
                epoch: 0,
            }),
            Event::Killed => {
                node.running = false;
                Ok(())
            }
            Event::Relayed {
                organisation,
                first,
                count,
            } => {
                node.pending.push((organisation, first, count));
                Ok(())
            }
            Event::Acknowledged { height } => {
                node.store.may_acknowledge(height)?;
                node.store.acknowledge(height);
                Ok(())
            }
            Event::Epoch { epoch, authorities } => self.epoch(name, epoch, authorities.0),
            Event::Committed {
                height,
                size,
                root,
                epoch,
            } => self.committed(name, height, Block { size, root, epoch }),
            Event::Signed { size, root, epoch } => self.signed(name, size, root, epoch),
            Event::Collected { signer, size, root } => self.collected(name, signer, (size, root)),
            Event::Published {
                size,
                root,
                epoch,
                signers,
            } => self.published(name, Block { size, root, epoch }, &signers.0),
        }
    }

    fn started(
        &mut self,
        name: &str,
        key: String,
        journal: String,
        height: Option<u64>,
    ) -> Result<(), Refusal> {
        let node = self.nodes.entry(name.to_owned()).or_default();
        if node.running {
            return Err(Refusal::Running);
        }
        self.fence.may_start(&key, &journal)?;
        let new_key = !node.key.is_empty() && node.key != key;
        if height.is_some_and(|height| height < node.store.height()) {
            if !new_key {
                return Err(Refusal::Lost);
            }
            // A new key is what an authority has whose disk was lost.
            *node = Node::default();
        }
        // What it committed and was killed before it could say.
        for unsaid in node.store.height() + 1..=height.unwrap_or(0) {
            let Some((block, envelopes)) = self.chain.get(&unsaid) else {
                break;
            };
            node.counters = node.admit(block, envelopes)?;
            node.store.commit(block.clone());
        }
        self.fence.start(key.clone(), journal);
        node.running = true;
        node.key = key;
        node.epoch = None;
        node.pending.clear();
        node.collected = Collected::default();
        Ok(())
    }

    /// All logs begin alike.
    fn founded(&mut self, block: Block<String>) -> Result<(), Refusal> {
        if self.founded.as_ref().is_some_and(|known| *known != block) {
            return Err(Refusal::Fork);
        }
        self.finalised.insert(block.clone());
        self.founded = Some(block);
        Ok(())
    }

    fn epoch(
        &mut self,
        name: &str,
        epoch: u64,
        authorities: BTreeSet<String>,
    ) -> Result<(), Refusal> {
        let node = self.nodes.entry(name.to_owned()).or_default();
        let last = node.store.blocks.last().map_or(0, |last| last.size);
        let height = node.store.height();
        let known = self.epochs.epoch(epoch).ok();
        let follows = node.epoch.is_some_and(|before| before + 1 == epoch);
        if let Some(known) = known {
            let boundary = epoch.checked_sub(1).and_then(|before| {
                let index = usize::try_from(before).ok()?;
                self.boundaries.get(index).copied()
            });
            let elsewhere = follows && boundary.is_some_and(|boundary| boundary != height);
            if known.authorities != authorities || elsewhere {
                return Err(Refusal::OtherEpoch);
            }
        } else {
            self.epochs.may_enter(epoch, &authorities, last)?;
            if epoch > 0 {
                self.boundaries.push(height);
            }
            self.epochs.enter(epoch, authorities, last);
        }
        if node.epoch.is_some_and(|before| before != epoch) && !follows {
            return Err(Refusal::NotNext);
        }
        node.epoch = Some(epoch);
        Ok(())
    }

    /// Whether a height is one of the epoch's.
    fn of_epoch(&self, height: u64, epoch: u64) -> Result<(), Refusal> {
        self.epochs.epoch(epoch)?;
        let boundary = |epoch: u64| {
            let index = usize::try_from(epoch).ok()?;
            self.boundaries.get(index).copied()
        };
        if boundary(epoch).is_some_and(|last| height > last) {
            return Err(Refusal::PastBoundary);
        }
        let before = epoch.checked_sub(1).and_then(boundary);
        if before.is_some_and(|last| height <= last) {
            return Err(Refusal::BeforeItsEpoch);
        }
        Ok(())
    }

    fn committed(&mut self, name: &str, height: u64, block: Block<String>) -> Result<(), Refusal> {
        self.of_epoch(height, block.epoch)?;
        let node = self.nodes.entry(name.to_owned()).or_default();
        let envelopes = std::mem::take(&mut node.pending);
        let delivery = node.store.may_commit(height, &block)?;
        let known = self.chain.get(&height);
        if delivery == Delivery::Again {
            let same = known.is_none_or(|(_, known)| envelopes.is_empty() || *known == envelopes);
            return if same { Ok(()) } else { Err(Refusal::Fork) };
        }
        node.counters = node.admit(&block, &envelopes)?;
        match known {
            Some(known) if known.0 != block || known.1 != envelopes => return Err(Refusal::Fork),
            Some(_) => {}
            None => {
                self.finalised.insert(block.clone());
                self.chain.insert(height, (block.clone(), envelopes));
            }
        }
        node.store.commit(block);
        Ok(())
    }

    fn signed(&mut self, name: &str, size: u64, root: String, epoch: u64) -> Result<(), Refusal> {
        let node = self.nodes.entry(name.to_owned()).or_default();
        let next = None;
        let statement = Statement {
            epoch,
            size,
            root: root.clone(),
            next,
        };
        let block = Block {
            size,
            root: root.clone(),
            epoch,
        };
        let founding = Store {
            blocks: self.founded.iter().cloned().collect(),
            acknowledged: 0,
        };
        let held = if founding.holds(&block) {
            &founding
        } else {
            &node.store
        };
        may_sign(&node.key, held, &self.epochs, &statement)?;
        let signers = self.signed.entry((size, root.clone())).or_default();
        signers.insert(node.key.clone());
        node.collected.collect((size, root), node.key.clone());
        Ok(())
    }

    fn collected(&mut self, name: &str, signer: String, point: Point) -> Result<(), Refusal> {
        let mut sets = self.epochs.0.iter();
        if !sets.any(|epoch| epoch.authorities.contains(&signer)) {
            return Err(Refusal::NotOfTheSet);
        }
        // Whoever is not in the trace may have signed anything.
        let traced = self.fence.0.contains_key(&signer);
        let signers = self.signed.get(&point);
        if traced && !signers.is_some_and(|signers| signers.contains(&signer)) {
            return Err(Refusal::Forged);
        }
        let node = self.nodes.entry(name.to_owned()).or_default();
        node.collected.collect(point, signer);
        Ok(())
    }

    fn published(
        &mut self,
        name: &str,
        block: Block<String>,
        signers: &BTreeSet<String>,
    ) -> Result<(), Refusal> {
        let statement = Statement {
            epoch: block.epoch,
            size: block.size,
            root: block.root.clone(),
            next: None,
        };
        may_publish(&self.epochs, &statement, signers, quorum)?;
        let node = self.nodes.entry(name.to_owned()).or_default();
        let point = (block.size, block.root.clone());
        if !signers.is_subset(&node.collected.signers(&point)) {
            return Err(Refusal::NotCollected);
        }
        if !self.finalised.of(block.size).any(|held| *held == block) {
            return Err(Refusal::NotFinalised);
        }
        if let Some(before) = block.epoch.checked_sub(1) {
            let last = self.epochs.epoch(before)?.last.unwrap_or(0);
            if !self.public.of(last).any(|public| public.epoch == before) {
                return Err(Refusal::NoHandover);
            }
        }
        self.public.insert(block);
        Ok(())
    }

    fn cosigned(&mut self, name: String, size: u64, root: String) -> Result<(), Refusal> {
        let quorum = self.public.of(size).any(|public| public.root == root);
        let witness = self.witnesses.entry(name).or_default();
        let last = witness.last.as_ref().map_or(0, |(last, _)| *last);
        let shown = self.finalised.of(last).next().map(|block| &block.root);
        witness.may_cosign(size, &root, shown, quorum)?;
        witness.cosign(size, root);
        Ok(())
    }
}
