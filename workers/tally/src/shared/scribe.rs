//! What a node does with what is final, and with what others say: it writes blocks,
//! signs their checkpoints, and keeps those that a quorum signed. It knows no network
//! and no clock: what it has to say lies in its outbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tally_core::canon::{Canon as _, DecodeError};
use tally_core::ledger::shared::{Audit, Authorities, Block, Charter, Gossip, Snapshot};
use tally_core::ledger::{Checkpoint, Note, Signature, SigningKey};
use tally_store::port::{SharedCheckpoint, SharedLedger};

use super::pool::Pool;
use super::signatures::{Collector, Contradiction, Gathered};
use super::trace;
use super::writer::Writer;

/// Leaves read at once.
const PAGE: u32 = 1_000;
/// The most handovers that are said to who asks for them: it asks again for what follows.
const HANDOVERS: usize = 16;

/// What becomes of what was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing more is to be done.
    Done,
    /// There is something new to order.
    ToOrder,
    /// Who said it asks for the handovers from that epoch on ([`Scribe::handovers`]).
    Asks(u64),
}

/// Writes what is final, and gathers signatures.
pub struct Scribe {
    writer: Writer,
    genesis: Arc<Snapshot>,
    /// Signs checkpoints, where the node is an authority.
    key: Option<SigningKey>,
    pool: Arc<Pool>,
    collector: Collector,
    /// Checkpoints that a quorum signed and that are not kept yet.
    ready: BTreeMap<(u64, u64), Gathered>,
    /// The last checkpoint that is kept.
    kept: Option<SharedCheckpoint>,
    /// The epoch that the handovers kept lead to.
    reached: u64,
    /// The last of them.
    handover: Option<String>,
    /// The last signature of each epoch whose handover is not kept.
    signed: BTreeMap<u64, Gossip>,
    outbox: Vec<Gossip>,
}

impl Scribe {
    /// Goes on where the store stands; the charter is written when it has nothing.
    /// Envelopes that are heard of are put into the pool.
    ///
    /// # Errors
    /// When the store fails, or holds another ledger.
    pub async fn open(
        store: &impl SharedLedger,
        charter: &Charter,
        genesis: &Arc<Snapshot>,
        pool: Arc<Pool>,
    ) -> Result<Self> {
        let writer = Writer::open(store, charter, genesis).await?;
        let mut collector = Collector::new(&genesis.state.origin);
        let handovers = store.handovers().await?;
        let mut set = genesis.state.authorities.clone();
        for handover in &handovers {
            let note = Note::parse(&handover.note)?;
            let next = set.read(&note)?.1.context("a handover that is none")?;
            collector.ended(&set, handover.size, note);
            set = next;
        }
        Ok(Self {
            writer,
            genesis: Arc::clone(genesis),
            key: None,
            pool,
            collector,
            ready: BTreeMap::new(),
            kept: store.shared_checkpoint().await?,
            reached: handovers.len() as u64,
            handover: handovers.into_iter().next_back().map(|last| last.note),
            signed: BTreeMap::new(),
            outbox: Vec::new(),
        })
    }

    /// Where the ledger stands.
    #[must_use]
    pub fn at(&self) -> &Arc<Snapshot> {
        self.writer.at()
    }

    /// How whoever orders the blocks names the last.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        self.writer.id()
    }

    /// The last checkpoint that is kept.
    #[must_use]
    pub fn kept(&self) -> Option<&SharedCheckpoint> {
        self.kept.as_ref()
    }

    /// The epoch that the checkpoints which are kept hand over to.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.reached
    }

    /// What is to be said to others by now.
    #[must_use]
    pub fn take_outbox(&mut self) -> Vec<Gossip> {
        std::mem::take(&mut self.outbox)
    }

    /// The public key of the authority, if it is one's node.
    #[must_use]
    pub fn key(&self) -> Option<[u8; 32]> {
        self.key.as_ref().map(|key| key.verifier().public())
    }

    /// After a start: the last block's checkpoint may lack signatures still. From now on
    /// this key signs, where it is an authority's; its votes are in the journal that is
    /// called so.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn resume(
        &mut self,
        store: &impl SharedLedger,
        key: Option<SigningKey>,
        journal: &str,
    ) -> Result<()> {
        self.key = key;
        trace::started(journal, self.key(), self.at());
        trace::founded(&self.genesis);
        self.sign_again(store).await?;
        self.keep(store).await
    }

    /// Signs what it may not have said before it was stopped: handovers that are not kept
    /// yet, which nobody else may be left to sign, and the last checkpoint.
    async fn sign_again(&mut self, store: &impl SharedLedger) -> Result<()> {
        let at = Arc::clone(self.at());
        let handovers = store.handovers().await?;
        let mut begun = handovers.last().map_or(0, |last| last.size);
        if self.reached < at.state.authorities.epoch {
            for (set, checkpoint) in handed_over(store).await? {
                if set.epoch < at.signers.epoch {
                    begun = checkpoint.size;
                }
                if set.epoch >= self.reached {
                    self.sign(&set, &checkpoint);
                }
            }
        }
        // Where nothing was entered since the epoch began, the handover says it.
        if !at.boundary && at.frontier.size() > begun {
            self.sign(&at.signers, &at.checkpoint());
        }
        Ok(())
    }

    /// Writes the block that led to `next`, and signs its checkpoint. One that is there
    /// already is left alone.
    ///
    /// # Errors
    /// When the store fails: then it may be tried again.
    pub async fn write(
        &mut self,
        store: &impl SharedLedger,
        block: &Block,
        next: &Arc<Snapshot>,
        id: [u8; 32],
    ) -> Result<()> {
        let (height, size) = (self.at().height, self.at().frontier.size());
        self.writer.write(store, block, next, id).await?;
        if next.height <= height {
            return Ok(());
        }
        trace::committed(block, next);
        self.pool.prune(&next.state);
        if next.frontier.size() > size || next.boundary {
            self.sign(&next.signers, &next.checkpoint());
        }
        Ok(())
    }

    fn sign(&mut self, set: &Authorities, checkpoint: &Checkpoint) {
        let (told, gathered) = self.collector.written(set, checkpoint, self.key.as_ref());
        if let Some(told) = told {
            self.outbox.push(told.clone());
            // The last of an epoch is said until it is kept: the next epoch rests on it.
            self.signed.insert(set.epoch, told);
        }
        self.gathered(gathered);
    }

    fn gathered(&mut self, gathered: Option<Gathered>) {
        if let Some(new) = gathered {
            let place = (new.checkpoint.epoch, new.checkpoint.size);
            self.ready.insert(place, new);
        }
    }

    /// Another authority said something. Answers what is to be done about it.
    ///
    /// # Errors
    /// When the store fails. What cannot be read is in the answer.
    pub async fn heard(
        &mut self,
        store: &impl SharedLedger,
        message: &[u8],
    ) -> Result<Result<Taken, DecodeError>> {
        match Gossip::from_canon(message) {
            Ok(Gossip::Envelope(envelope)) => {
                let state = Arc::clone(&self.at().state);
                let new = self.pool.put(&state, *envelope);
                return Ok(Ok(if new { Taken::ToOrder } else { Taken::Done }));
            }
            Ok(Gossip::Signed(note)) => {
                let gathered = self.collector.heard(&note);
                self.gathered(gathered);
            }
            Ok(Gossip::Checkpoint(note)) => self.told(store, &note).await?,
            Ok(Gossip::Handovers(from)) => return Ok(Ok(Taken::Asks(from))),
            Err(error) => return Ok(Err(error)),
        }
        Ok(Ok(Taken::Done))
    }

    /// Another authority says which checkpoint a quorum signed: taken if it is of this
    /// node's own chain.
    async fn told(&mut self, store: &impl SharedLedger, note: &str) -> Result<()> {
        let Some(((epoch, size), gathered)) = self.collector.told(note) else {
            return Ok(());
        };
        self.gathered(gathered);
        let ours = self.kept.as_ref();
        if ours.is_none_or(|ours| (ours.epoch, ours.size) < (epoch, size)) {
            self.keep(store).await?;
        }
        self.take_cosigned(store, note).await
    }

    /// Takes over the cosignatures of witnesses that this node could not reach, of the
    /// checkpoint that is its own last too.
    async fn take_cosigned(&mut self, store: &impl SharedLedger, note: &str) -> Result<()> {
        let set = Arc::clone(&self.at().signers);
        let ours = self.kept.clone();
        let may = |ours: &SharedCheckpoint| ours.epoch == set.epoch && !set.witnesses.is_empty();
        let Some(ours) = ours.filter(may) else {
            return Ok(());
        };
        let known = Note::parse(&ours.note)?;
        if !note.starts_with(&known.text) {
            return Ok(());
        }
        let note = match Note::parse(note) {
            Ok(note) if note.text == known.text => note,
            _ => return Ok(()),
        };
        let mut keys = set.cosigners().unwrap_or_default();
        keys.retain(|key| !known.signatures.iter().any(|line| key.is_of(line)));
        let lines = note.signatures.iter().enumerate();
        let holds = |at| {
            keys.iter()
                .any(|key| note.verify_cosignature(at, key).is_ok())
        };
        let lines = lines.filter(|(at, _)| holds(*at));
        let with = Note {
            text: known.text,
            signatures: lines.map(|(_, line)| line.clone()).collect(),
        };
        if with.signatures.is_empty() {
            return Ok(());
        }
        let note = with.to_string();
        self.cosign(store, &SharedCheckpoint { note, ..ours }).await
    }

    /// Keeps what a quorum has signed: of each epoch the last, and none of an epoch whose
    /// beginning is not kept, since nobody could follow to it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep(&mut self, store: &impl SharedLedger) -> Result<()> {
        loop {
            let epoch = self.reached;
            let after = self.ready.split_off(&(epoch + 1, 0));
            let of_epoch = std::mem::replace(&mut self.ready, after);
            let Some(((found, _), last)) = of_epoch.into_iter().next_back() else {
                return Ok(());
            };
            let Gathered {
                checkpoint,
                says,
                signers,
            } = last;
            let united = match &self.kept {
                Some(kept) if (kept.epoch, kept.size) == (checkpoint.epoch, checkpoint.size) => {
                    united(kept, &checkpoint)?
                }
                _ => checkpoint,
            };
            let newer = |kept: &SharedCheckpoint| *kept != united && kept.size <= united.size;
            if found == epoch && self.kept.as_ref().is_none_or(newer) {
                if let Err(error) = store.keep_checkpoint(&united).await {
                    let place = (united.epoch, united.size);
                    let checkpoint = united;
                    let kept = Gathered {
                        checkpoint,
                        says,
                        signers,
                    };
                    self.ready.insert(place, kept);
                    return Err(error.into());
                }
                trace::published(epoch, &says, &signers);
                self.collector.forget((united.epoch, united.size));
                self.kept = Some(united.clone());
            }
            if found != epoch || !united.hands_over {
                return Ok(());
            }
            self.reached += 1;
            self.handover = Some(united.note);
            self.signed.retain(|of, _| *of > epoch);
        }
    }

    /// Adds a witness's cosignature to the checkpoint, if it is still the last.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cosign(
        &mut self,
        store: &impl SharedLedger,
        with: &SharedCheckpoint,
    ) -> Result<()> {
        let last = self.kept.as_ref();
        let Some(last) = last.filter(|last| (last.epoch, last.size) == (with.epoch, with.size))
        else {
            return Ok(());
        };
        let merged = united(last, with)?;
        if merged != *last {
            store.keep_checkpoint(&merged).await?;
            self.kept = Some(merged);
        }
        Ok(())
    }

    /// What may have been lost is said again: the own last signatures, the last checkpoint
    /// and the last handover; and who lacks handovers of what it has written asks for them.
    pub fn say_again(&mut self) {
        self.outbox.extend(self.signed.values().cloned());
        let kept = self.kept.as_ref().map(|kept| kept.note.clone());
        let last = self
            .handover
            .clone()
            .filter(|last| kept.as_ref() != Some(last));
        let notes = kept.into_iter().chain(last);
        self.outbox.extend(notes.map(Gossip::Checkpoint));
        if self.reached < self.at().state.authorities.epoch {
            self.outbox.push(Gossip::Handovers(self.reached));
        }
    }

    /// The handovers from that of an epoch on, for who asked: a few at once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn handovers(&self, store: &impl SharedLedger, from: u64) -> Result<Vec<Gossip>> {
        if from >= self.reached {
            return Ok(Vec::new());
        }
        let kept = store.handovers().await?.into_iter();
        let from = kept.skip_while(|handover| handover.epoch < from);
        let some = from.take(HANDOVERS);
        Ok(some
            .map(|handover| Gossip::Checkpoint(handover.note))
            .collect())
    }

    /// Takes out what authorities signed that is not what this node has written.
    #[must_use]
    pub fn take_contradictions(&mut self) -> Vec<Contradiction> {
        self.collector.take_contradictions()
    }
}

/// The last checkpoint of each epoch that has ended, and who signs it, from the leaves.
async fn handed_over(store: &impl SharedLedger) -> Result<Vec<(Authorities, Checkpoint)>> {
    let first = store.shared_leaves(0, 1).await?;
    let mut audit = Audit::begin(first.first().context("the store has no charter")?)?;
    let (mut found, mut read) = (Vec::new(), 1);
    loop {
        let leaves = store.shared_leaves(read, PAGE).await?;
        if leaves.is_empty() {
            return Ok(found);
        }
        for leaf in &leaves {
            found.extend(audit.leaf(leaf)?);
        }
        read += leaves.len() as u64;
    }
}

/// A checkpoint with the signatures of both; the first alone when they say different
/// things.
fn united(one: &SharedCheckpoint, other: &SharedCheckpoint) -> Result<SharedCheckpoint> {
    let (mut note, more) = (Note::parse(&one.note)?, Note::parse(&other.note)?);
    let key = |line: &Signature| (line.name.clone(), line.bytes.get(..4).map(<[u8]>::to_vec));
    if note.text == more.text {
        for line in more.signatures {
            if !note.signatures.iter().any(|known| key(known) == key(&line)) {
                note.signatures.push(line);
            }
        }
    }
    Ok(SharedCheckpoint {
        note: note.to_string(),
        ..one.clone()
    })
}

#[cfg(test)]
mod tests;
