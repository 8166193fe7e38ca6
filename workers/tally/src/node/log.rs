//! The local log: one authority, one key. Adjudication writes an outbox and
//! never waits; here the outbox is appended in order, batches of flags are put
//! in on their schedule, and the result is signed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::fraud::schedule::{BatchRandom, SLOTS, Schedule, Tick, fill};
use tally_core::ledger::tree::{
    Frontier, Hash, HashSource, ProofError, inclusion_proof, leaf_hash,
};
use tally_core::ledger::{
    Checkpoint, Entry, LogProof, Note, Receipt, SharedProof, Trust, TrustedLog, tiles,
};
use tally_store::port::{
    Head, Integration, Leaf, Log as _, OutcomeRow, PendingFlag, Reading as _, SharedLedger as _,
};
use tally_store::vault;

use super::keys::Keys;
use super::record::Record;
use super::{ClaimRead, Node, is_fenced};
use crate::shared::Prover;

/// Entries appended at once.
const AT_ONCE: u32 = 512;
/// Entries looked at first from the end: as a rule it is an outcome and its batches. Then
/// twice as many each time: many claims may have been received since.
const LOOK_BACK: u64 = 4;

/// Nodes of the tree at hand, by level and index.
type Held = BTreeMap<(u8, u64), Hash>;

impl Node {
    /// Computes something over the tree, fetching the nodes that it asks for.
    async fn over_tree<T>(
        &self,
        compute: impl Fn(&dyn HashSource) -> Result<T, ProofError>,
    ) -> Result<T> {
        let mut held = Held::default();
        loop {
            match compute(&held) {
                Err(ProofError::Missing { level, index }) => {
                    let found = self.store.nodes(&[(level, index)]).await?;
                    let Some(hash) = found.into_iter().next().flatten() else {
                        bail!(
                            "the log's node {index} of level {level} is missing: run `tally ledger fsck`"
                        );
                    };
                    held.insert((level, index), hash);
                }
                done => return Ok(done?),
            }
        }
    }

    /// Appends the first entry of a new log. A key begins one log: where its store is
    /// empty again, what it signed next would be a second history.
    pub(super) async fn begin_log(&self) -> Result<()> {
        let keys = self.folder.join("keys");
        if self.store.head().await?.size > 0 {
            return Keys::begun(&keys);
        }
        anyhow::ensure!(
            !Keys::has_begun(&keys),
            "the log of this node is gone: its store is empty, and the key in {} has signed a log before. \
             Put the newest backup of the store back; where there is none, begin a new node in a new folder: \
             it has another key and another origin (docs/operations.md#keys)",
            keys.display()
        );
        let genesis = Entry::Genesis {
            origin: self.origin.clone(),
            key: self.keys.log.verifier().public(),
        };
        let leaf = Leaf {
            entry: genesis.to_canon(),
            outbox: None,
            flags: Vec::new(),
        };
        match self
            .append(&Head::default(), Frontier::default(), vec![leaf], 0)
            .await
        {
            Err(error) if is_fenced(&error) => {}
            other => other?,
        }
        Keys::begun(&keys)
    }

    /// Appends what waits in the outbox. When the queue has been drained, a
    /// last batch of flags follows. Answers whether the log has grown.
    ///
    /// # Errors
    /// When the store fails, or knows that the shared ledger has another log as this node's
    /// ([`Forked`](super::Forked)).
    pub async fn integrate(&self, drained: bool) -> Result<bool> {
        let mut grown = false;
        loop {
            match self.integrate_once(drained).await {
                Ok(Some(last)) => {
                    grown = true;
                    if last {
                        return Ok(grown);
                    }
                }
                Ok(None) => return Ok(grown),
                // Another process appended: look again.
                Err(error) if is_fenced(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Appends what waits, where this part of the node may and nothing is in the way: it is
    /// not for the caller to wait, or to fail, for the log.
    pub(super) async fn hurry(&self) {
        if let Err(error) = self.integrate(false).await {
            tracing::debug!(
                error = format!("{error:#}"),
                "what waits is left to the relay"
            );
        }
    }

    /// The same for adjudication, which goes on where the log may not.
    pub(super) async fn integrate_if_level(&self, drained: bool) -> Result<()> {
        match self.integrate(drained).await {
            Err(error) if error.is::<super::Forked>() => Ok(()),
            done => done.map(drop),
        }
    }

    /// Whether the last batch of a drain is due: none came since the log's last outcome,
    /// but the one that is due with every so many of them. Whoever reads the log could say
    /// so, flags or none.
    pub(crate) async fn lacks_last_batch(&self) -> Result<bool> {
        let head = self.store.head().await?;
        let mut batches = 0u64;
        let mut to = head.size;
        let mut step = LOOK_BACK;
        while to > 0 {
            let from = to.saturating_sub(step);
            step = step.saturating_mul(2).min(AT_ONCE.into());
            let entries = self.store.entries(from, u32::try_from(to - from)?).await?;
            for entry in entries.iter().rev() {
                let counted = match Entry::from_canon(entry) {
                    Ok(Entry::Flags(_)) => {
                        batches += 1;
                        continue;
                    }
                    Ok(Entry::Adjudicated(_)) => u64::from(Schedule::is_due(head.adjudicated)),
                    Ok(Entry::Reversed(_)) => 0,
                    _ => continue,
                };
                return Ok(batches <= counted);
            }
            to = from;
        }
        Ok(false)
    }

    /// Whether something was appended, and whether that was all there was.
    async fn integrate_once(&self, drained: bool) -> Result<Option<bool>> {
        let rows = self.store.outbox(AT_ONCE).await?;
        let last = rows.len() < AT_ONCE as usize;
        if rows.is_empty() && !drained {
            return Ok(None);
        }
        if let Some(forked) = self.forked().await? {
            return Err(forked.into());
        }
        let head = self.store.head().await?;
        let mut pending = self.store.pending_flags(AT_ONCE).await?;
        let mut schedule = Schedule {
            adjudicated: head.adjudicated,
        };
        let mut leaves = Vec::new();
        for row in rows {
            let adjudicated = matches!(Entry::from_canon(&row.entry), Ok(Entry::Adjudicated(_)));
            leaves.push(Leaf {
                entry: row.entry,
                outbox: Some(row.id),
                flags: Vec::new(),
            });
            if adjudicated {
                let (next, due) = schedule.after(Tick::Adjudicated);
                schedule = next;
                if due {
                    leaves.push(flags_leaf(&mut pending)?);
                }
            }
        }
        if last && drained {
            let (next, due) = schedule.after(Tick::Drained);
            schedule = next;
            if due {
                leaves.push(flags_leaf(&mut pending)?);
            }
        }
        let frontier = self
            .over_tree(|source| Frontier::of(head.size, source))
            .await?;
        crate::failpoint::reach("before-append");
        self.append(&head, frontier, leaves, schedule.adjudicated)
            .await?;
        crate::failpoint::reach("after-append");
        Ok(Some(last))
    }

    async fn append(
        &self,
        head: &Head,
        mut frontier: Frontier,
        leaves: Vec<Leaf>,
        adjudicated: u64,
    ) -> Result<()> {
        let nodes = leaves
            .iter()
            .flat_map(|leaf| frontier.append(leaf_hash(&leaf.entry)))
            .collect();
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: frontier.size(),
            root: frontier.root(),
            extensions: Vec::new(),
        };
        self.store
            .integrate(&Integration {
                from: head.size,
                leaves,
                nodes,
                adjudicated,
                checkpoint: checkpoint.sign(&self.keys.log).to_string(),
            })
            .await?;
        Ok(())
    }

    /// The signed checkpoint, with what it says.
    ///
    /// # Errors
    /// When there is none, or it is not this node's.
    pub async fn checkpoint(&self) -> Result<(Note, Checkpoint)> {
        let head = self.store.head().await?;
        let text = head.checkpoint.context("the log has no checkpoint yet")?;
        let note = Note::parse(&text)?;
        let checkpoint = Checkpoint::open(&note, self.keys.log.verifier())?;
        Ok((note, checkpoint))
    }

    /// The trust file of this node's log.
    ///
    /// # Errors
    /// When what is stored of the shared ledger is damaged.
    pub async fn trust(&self) -> Result<Trust> {
        let mut logs = vec![TrustedLog::local(self.keys.log.verifier().clone())];
        let founders = crate::shared::founders_if_any(&self.store).await?;
        logs.extend(founders.as_ref().map(TrustedLog::shared));
        Ok(Trust { logs })
    }

    /// That an entry of this log is on it, under the present checkpoint; and on the
    /// shared ledger, once it is there.
    pub(super) async fn proofs(&self, index: u64) -> Result<(LogProof, Option<SharedProof>)> {
        let prover = self.prover().await?;
        self.proofs_by(prover.as_ref(), index).await
    }

    /// The same, by one checkpoint of the shared ledger for several.
    pub(super) async fn proofs_by(
        &self,
        prover: Option<&Prover>,
        index: u64,
    ) -> Result<(LogProof, Option<SharedProof>)> {
        let (note, checkpoint) = self.checkpoint().await?;
        let path = self
            .over_tree(|source| inclusion_proof(source, index, checkpoint.size))
            .await?;
        let local = LogProof {
            index,
            path,
            checkpoint: note,
        };
        let shared = match prover {
            None => None,
            Some(prover) => prover.prove(&self.store, index).await?,
        };
        if let Some(shared) = &shared {
            // Who has the signing key could have put another entry there.
            let there = self.store.shared_leaves(shared.proof.index, 1).await?;
            anyhow::ensure!(
                there == self.store.entries(index, 1).await?,
                "the shared ledger has another entry in the place of entry {index} of this node's log: \
                 somebody else signs with its `signing` key (docs/operations.md#keys)"
            );
        }
        Ok((local, shared))
    }

    /// The receipt of a claim, under the present checkpoint.
    ///
    /// # Errors
    /// When the claim is not known, waits, or was erased.
    pub async fn receipt(&self, id: ClaimId) -> Result<Receipt> {
        let row = self
            .store
            .claim(id)
            .await?
            .with_context(|| format!("no claim {id} on this node"))?;
        let outcome = row
            .outcome
            .with_context(|| format!("claim {id} waits to be adjudicated"))?;
        let index = outcome
            .leaf
            .with_context(|| format!("claim {id} is not on the ledger yet"))?;
        self.audit("receipt-read", &[id.to_string()]).await?;
        self.receipt_of_row(id, &outcome, index).await
    }

    async fn receipt_of_row(
        &self,
        id: ClaimId,
        outcome: &OutcomeRow,
        index: u64,
    ) -> Result<Receipt> {
        let key = self.vault.key(outcome.record.record).await?;
        ensure!(
            self.erased_among([id]).await?.is_empty(),
            "claim {id} was erased"
        );
        let record = Record::from_canon(&key.open(super::work::RECORD, &outcome.record)?)
            .context("the stored record is damaged: run `tally ledger fsck`")?;
        let (local, shared) = self.proofs(index).await?;
        self.receipt_of(id, &record, local, shared)
    }

    /// The receipt of a claim whose reading was noted.
    ///
    /// # Errors
    /// When it is not on the ledger, or was erased.
    pub async fn receipt_of_read(&self, read: &ClaimRead) -> Result<Receipt> {
        let outcome = read.row.outcome.as_ref();
        let outcome = outcome.context("the claim waits to be adjudicated")?;
        let index = outcome.leaf.context("the claim is not on the ledger yet")?;
        self.receipt_of_row(read.row.id, outcome, index).await
    }

    /// Proves entries of this log on the shared ledger; `None` where there is none.
    pub(super) async fn prover(&self) -> Result<Option<Prover>> {
        Prover::open(&self.store, &self.keys.log.verifier().public()).await
    }

    fn receipt_of(
        &self,
        id: ClaimId,
        record: &Record,
        local: LogProof,
        shared: Option<SharedProof>,
    ) -> Result<Receipt> {
        let entry = record.entry();
        Ok(Receipt {
            claim: id,
            entry: entry.context("the stored record is damaged: run `tally ledger fsck`")?,
            salt: record.salt,
            body: record.body.0.clone(),
            key: self.keys.log.verifier().clone(),
            local,
            shared,
        })
    }

    /// Every entry of the log, in order.
    pub(super) async fn all_entries(&self, size: u64) -> Result<Vec<Vec<u8>>> {
        let mut entries: Vec<Vec<u8>> = Vec::new();
        while (entries.len() as u64) < size {
            let more = self.store.entries(entries.len() as u64, 4096).await?;
            if more.is_empty() {
                bail!(
                    "the log ends at {} of {size} entries: run `tally ledger fsck`",
                    entries.len()
                );
            }
            entries.extend(more);
        }
        entries.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(entries)
    }

    /// Writes what anyone may have, and the receipts of all claims:
    /// `checkpoint`, `tile/…`, `receipts/<claim>`, `trust.json`.
    ///
    /// # Errors
    /// When the folder cannot be written or the log is damaged.
    pub async fn export(&self, out: &Path, progress: &dyn Fn(u64, u64)) -> Result<Exported> {
        let (note, checkpoint) = self.checkpoint().await?;
        let entries = self.all_entries(checkpoint.size).await?;
        let mut frontier = Frontier::default();
        let mut held = Held::default();
        for entry in &entries {
            for node in frontier.append(leaf_hash(entry)) {
                held.insert((node.level, node.index), node.hash);
            }
        }
        if frontier.root() != checkpoint.root {
            bail!("the entries do not give the root that was signed: run `tally ledger fsck`");
        }
        let write = |path: &str, bytes: &[u8]| -> Result<()> {
            let path = out.join(path);
            let folder = path.parent().unwrap_or(out);
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&path, bytes))
                .with_context(|| format!("{} could not be written", path.display()))
        };
        for tile in tiles::tiles(checkpoint.size) {
            let path = tiles::tile_path(tile.level, tile.index, tile.width);
            write(&path, &tiles::tile_bytes(&held, tile)?)?;
        }
        for (index, bundle) in (0u64..).zip(entries.chunks(256)) {
            let mut bytes = Vec::new();
            for entry in bundle {
                tiles::push_entry(&mut bytes, entry)
                    .context("an entry is too long for a bundle")?;
            }
            write(&tiles::bundle_path(index, bundle.len() as u64), &bytes)?;
        }
        let rows = self.store.claims(&Default::default()).await?;
        let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
        if !ids.is_empty() {
            self.audit("receipt-exported", &ids).await?;
        }
        let total = rows.len() as u64;
        let prover = self.prover().await?;
        let mut receipts = 0;
        let mut erased = 0;
        for chunk in rows.chunks(256) {
            let ids: Vec<_> = chunk
                .iter()
                .filter_map(|row| Some(row.outcome.as_ref()?.record.record))
                .collect();
            let keys = self.vault.keys(&ids).await?;
            let gone = self.erased_among(chunk.iter().map(|row| row.id)).await?;
            for row in chunk {
                let Some((outcome, leaf)) = row
                    .outcome
                    .as_ref()
                    .and_then(|outcome| Some((outcome, outcome.leaf?)))
                    // What was appended meanwhile is for the next export.
                    .filter(|(_, leaf)| *leaf < checkpoint.size)
                else {
                    continue;
                };
                let key = keys.get(&outcome.record.record);
                let Some(key) = key.filter(|_| !gone.contains(&row.id)) else {
                    erased += 1;
                    continue;
                };
                let record = Record::from_canon(&key.open(super::work::RECORD, &outcome.record)?)
                    .context("a stored record is damaged: run `tally ledger fsck`")?;
                let path = inclusion_proof(&held, leaf, checkpoint.size)?;
                let local = LogProof {
                    index: leaf,
                    path,
                    checkpoint: note.clone(),
                };
                let shared = match &prover {
                    None => None,
                    Some(prover) => prover.prove(&self.store, leaf).await?,
                };
                let receipt = self.receipt_of(row.id, &record, local, shared)?;
                write(
                    &format!("receipts/{}", row.id),
                    receipt.to_string().as_bytes(),
                )?;
                receipts += 1;
                progress(receipts, total);
            }
        }
        write("trust.json", self.trust().await?.to_string().as_bytes())?;
        write("checkpoint", note.to_string().as_bytes())?;
        Ok(Exported {
            size: checkpoint.size,
            receipts,
            erased,
        })
    }
}

/// What was exported.
pub struct Exported {
    /// Entries of the log.
    pub size: u64,
    /// Receipts written.
    pub receipts: u64,
    /// Claims whose record was erased: they have none.
    pub erased: u64,
}

/// A batch of flags: the oldest that wait, padded with dummies.
fn flags_leaf(pending: &mut Vec<PendingFlag>) -> Result<Leaf> {
    let mut random = BatchRandom {
        dummies: [[0; 32]; SLOTS],
        order: [0; SLOTS],
    };
    for dummy in &mut random.dummies {
        *dummy = vault::random()?;
    }
    for order in &mut random.order {
        *order = u128::from_be_bytes(vault::random()?);
    }
    let commitments: Vec<_> = pending.iter().map(|flag| flag.commitment).collect();
    let filled = fill(&commitments, &random);
    let flags = pending
        .drain(..filled.places.len())
        .zip(&filled.places)
        .map(|(flag, slot)| (flag.id, u16::try_from(*slot).unwrap_or(u16::MAX)))
        .collect();
    Ok(Leaf {
        entry: Entry::Flags(Box::new(filled.batch)).to_canon(),
        outbox: None,
        flags,
    })
}

#[cfg(test)]
mod tests {
    use tally_types::ServiceDate;

    use super::*;
    use crate::node::Delivery;
    use crate::node::clock::Clock;

    /// So many claims of somebody who is not enrolled, in one file.
    fn claims(first: u64, count: u64) -> String {
        let of = |number: u64| {
            format!(
                r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"S-{number}",
                "member":"NOBODY","billing":"2000001372","diagnoses":["J06.9"],"lines":[{{
                "procedure":"99213","place":"11","quantity":"1","charge":"{}.00","from":"2026-02-10"}}]}}"#,
                100 + number
            )
        };
        let all: Vec<String> = (first..first + count).map(of).collect();
        format!("[{}]", all.join(","))
    }

    /// What the log ends in: for each entry whether it is a batch of flags.
    async fn ends_in(node: &Node, count: u64) -> Vec<bool> {
        let size = node.store.head().await.unwrap().size;
        let entries = node.store.entries(size - count, 64).await.unwrap();
        let is_batch = |entry: &Vec<u8>| matches!(Entry::from_canon(entry), Ok(Entry::Flags(_)));
        entries.iter().map(is_batch).collect()
    }

    /// What its key signed next would be a second history.
    #[tokio::test]
    async fn a_log_whose_store_is_gone_is_not_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let day = ServiceDate::parse("2026-03-02").unwrap();
        let data = folder.path().join("node");
        let open = || async { Node::open(&data, Clock::simulated(day)).await };
        let size = |node: Node| async move { node.store.head().await.unwrap().size };
        let before = size(open().await.unwrap()).await;
        // A folder of an earlier version knows of it from its first start on.
        fs::remove_file(data.join("keys/log-begun")).unwrap();
        assert_eq!(size(open().await.unwrap()).await, before);
        for name in ["node.db", "node.db-wal", "node.db-shm"] {
            let _ = fs::remove_file(data.join(name));
        }
        for _ in 0..2 {
            let refused = open().await.err().unwrap().to_string();
            assert!(
                refused.contains("the log of this node is gone"),
                "{refused}"
            );
            assert!(refused.contains("newest backup"), "{refused}");
        }
    }

    /// A drain ends in a batch of its own, also where its last outcome has one already:
    /// what is found of it is found after it is on the log.
    #[tokio::test]
    async fn a_drain_ends_in_a_batch_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let day = ServiceDate::parse("2026-03-02").unwrap();
        let data = folder.path().join("node");
        let node = Node::open(&data, Clock::simulated(day)).await.unwrap();
        let mut sizes = Vec::new();
        for (first, count, expected) in [
            (0, 63, vec![false, true]),
            (63, 1, vec![false, true, true]),
            // Between two batches it was received, and decided.
            (64, 1, vec![true, false, false, true]),
        ] {
            let file = claims(first, count);
            node.submit(Delivery::local(file.as_bytes(), None))
                .await
                .unwrap();
            node.drain(&|_| ()).await.unwrap();
            let last = expected.len() as u64;
            assert_eq!(ends_in(&node, last).await, expected, "{first}");
            sizes.push(node.store.head().await.unwrap().size);
            node.drain(&|_| ()).await.unwrap();
            assert_eq!(sizes.last(), Some(&node.store.head().await.unwrap().size));
        }
    }
}
