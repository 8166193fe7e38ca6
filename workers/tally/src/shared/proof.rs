//! That an entry of this node's own log stands on the shared ledger.

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_core::ledger::erasure::{Brought, SharedErasure};
use tally_core::ledger::shared::{Authorities, MAX_ENVELOPE_ENTRIES, Snapshot, State};
use tally_core::ledger::tree::inclusion_proof;
use tally_core::ledger::{Entry, LogProof, Note, SharedProof, kind};
use tally_store::port::{SharedCheckpoint, SharedLedger};

use super::tiled::over;

const DAMAGED: &str = "what is stored of the shared ledger is damaged: run `tally ledger fsck`";

/// What a node's receipts share: everything but index and path.
pub struct Prover {
    organisation: String,
    founders: Authorities,
    handovers: Vec<Note>,
    checkpoint: Note,
    size: u64,
}

impl Prover {
    /// What the store has of the shared ledger; `None` where there is no checkpoint that
    /// a quorum signed, or the log of this key is on no ledger.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    pub async fn open(store: &impl SharedLedger, log: &[u8; 32]) -> Result<Option<Self>> {
        let (Some(head), Some(kept)) =
            (store.shared_head().await?, store.shared_checkpoint().await?)
        else {
            return Ok(None);
        };
        let snapshot = Snapshot::from_canon(&head.snapshot).context(DAMAGED)?;
        let Some(member) = snapshot.state.member_of_log(log) else {
            return Ok(None);
        };
        let founders = founders(store).await?;
        let handovers = notes(&store.handovers().await?, kept.epoch)?;
        Ok(Some(Self {
            organisation: member.organisation.id.to_string(),
            founders,
            handovers,
            checkpoint: Note::parse(&kept.note).context(DAMAGED)?,
            size: kept.size,
        }))
    }

    /// The proof of an entry of the node's own log; `None` while it is not under a
    /// checkpoint that a quorum signed.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    pub async fn prove(
        &self,
        store: &(impl SharedLedger + Sync),
        index: u64,
    ) -> Result<Option<SharedProof>> {
        let place = store.shared_place(&self.organisation, index).await?;
        let Some(place) = place.filter(|place| *place < self.size) else {
            return Ok(None);
        };
        Ok(Some(SharedProof {
            authorities: self.founders.clone(),
            handovers: self.handovers.clone(),
            proof: self.at(store, place).await?,
        }))
    }

    /// What an erasure needs besides these proofs, of its entry and of what it is of: what
    /// brought each.
    ///
    /// # Errors
    /// When the store fails or is damaged.
    pub async fn erasure(
        &self,
        store: &(impl SharedLedger + Sync),
        erased: SharedProof,
        stays: SharedProof,
    ) -> Result<SharedErasure> {
        Ok(SharedErasure {
            erased_by: self.brought(store, erased.proof.index).await?,
            erased,
            stays_by: self.brought(store, stays.proof.index).await?,
            stays: stays.proof,
        })
    }

    /// The header of the envelope that brought the entry at a place: the last before it.
    async fn brought(&self, store: &(impl SharedLedger + Sync), place: u64) -> Result<Brought> {
        let from = place.saturating_sub(MAX_ENVELOPE_ENTRIES as u64);
        let before = u32::try_from(place.saturating_sub(from))?;
        let leaves = store.shared_leaves(from, before).await?;
        let (at, header) = (from..)
            .zip(leaves)
            .filter(|(_, leaf)| Entry::kind_of(leaf) == Some(kind::ENVELOPE))
            .last()
            .context(DAMAGED)?;
        Ok(Brought {
            header,
            proof: self.at(store, at).await?,
        })
    }

    /// That a leaf is on the ledger.
    async fn at(&self, store: &(impl SharedLedger + Sync), place: u64) -> Result<LogProof> {
        Ok(LogProof {
            index: place,
            path: over(store, |source| inclusion_proof(source, place, self.size)).await?,
            checkpoint: self.checkpoint.clone(),
        })
    }
}

/// The authorities of epoch 0, as the charter names them; `None` where there is no
/// shared ledger.
///
/// # Errors
/// When the store fails or is damaged.
pub async fn founders_if_any(store: &impl SharedLedger) -> Result<Option<Authorities>> {
    let charter = store.shared_leaves(0, 1).await?;
    match charter.first().map(|leaf| Entry::from_canon(leaf)) {
        None => Ok(None),
        Some(Ok(Entry::Charter(charter))) => {
            Ok(Some(State::found(&charter).context(DAMAGED)?.authorities))
        }
        Some(_) => anyhow::bail!(DAMAGED),
    }
}

/// The same, of a ledger that is there.
///
/// # Errors
/// When the store fails or is damaged.
pub async fn founders(store: &impl SharedLedger) -> Result<Authorities> {
    founders_if_any(store).await?.context(DAMAGED)
}

/// The handovers that lead to an epoch.
fn notes(handovers: &[SharedCheckpoint], epoch: u64) -> Result<Vec<Note>> {
    let before = handovers.iter().filter(|handover| handover.epoch < epoch);
    let notes = before.map(|handover| Note::parse(&handover.note));
    notes.collect::<Result<_, _>>().context(DAMAGED)
}

/// The authorities of all epochs that the store knows, from the founders on.
///
/// # Errors
/// When the store fails or is damaged.
pub async fn all_authorities(store: &impl SharedLedger) -> Result<Vec<Authorities>> {
    let handovers = notes(&store.handovers().await?, u64::MAX)?;
    Ok(founders(store).await?.walk(&handovers)?.0)
}

/// The authorities of an epoch that the store knows: the founders', or those that a
/// handover names.
///
/// # Errors
/// When the store fails, is damaged, or the epoch is not known.
pub async fn authorities_of(
    store: &impl SharedLedger,
    epoch: u64,
    handovers: &[SharedCheckpoint],
) -> Result<Authorities> {
    let founders = founders(store).await?;
    let notes = notes(handovers, epoch)?;
    let (mut sets, _) = founders.walk(&notes)?;
    let last = sets.pop().filter(|set| set.epoch == epoch);
    last.with_context(|| format!("the handover to epoch {epoch} is not here yet"))
}
