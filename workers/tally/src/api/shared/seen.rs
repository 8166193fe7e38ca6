//! The last checkpoint, as it is shown: verified once, however often it is asked for.

use anyhow::Result;
use tally_core::ledger::Note;
use tally_store::port::{SharedCheckpoint, SharedLedger};
use tokio::sync::Mutex;

use super::CheckpointBody;
use crate::node::keys::hex;

/// The checkpoint that was verified last, and what is shown of it.
#[derive(Default)]
pub(in crate::api) struct Seen(Mutex<Option<(SharedCheckpoint, CheckpointBody)>>);

impl Seen {
    /// What is shown of a checkpoint that is kept.
    ///
    /// # Errors
    /// When the store fails, or has a checkpoint that does not hold.
    pub(super) async fn body(
        &self,
        store: &impl SharedLedger,
        kept: SharedCheckpoint,
    ) -> Result<CheckpointBody> {
        // Who asks meanwhile waits for that one.
        let mut seen = self.0.lock().await;
        if let Some((_, body)) = seen.as_ref().filter(|(of, _)| *of == kept) {
            return Ok(body.clone());
        }
        let body = verified(store, &kept).await?;
        *seen = Some((kept, body.clone()));
        Ok(body)
    }
}

/// What is shown of a checkpoint that is kept, verified now.
pub(super) async fn verified(
    store: &impl SharedLedger,
    kept: &SharedCheckpoint,
) -> Result<CheckpointBody> {
    let note = Note::parse(&kept.note)?;
    let handovers = store.handovers().await?;
    let set = crate::shared::authorities_of(store, kept.epoch, &handovers).await?;
    let signed = set.verify(&note)?;
    Ok(CheckpointBody {
        size: kept.size,
        root: hex(&signed.checkpoint.root),
        epoch: kept.epoch,
        signers: signed.signers.iter().map(ToString::to_string).collect(),
        cosigners: signed.cosigners.into_iter().map(|(name, _)| name).collect(),
    })
}
