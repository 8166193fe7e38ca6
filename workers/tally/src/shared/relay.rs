//! This node's own log, sent to the shared ledger: what stands there already says
//! what is next, so there is nothing to remember.

use anyhow::Result;
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Envelope, OrganisationId, State};
use tally_store::port::Log;

/// The most entries of one envelope.
const ENTRIES: u32 = 250;
/// The most bytes of one envelope's entries, but for a single larger one.
const BYTES: usize = 48 * 1024;
/// How many envelopes are under way at once.
const AHEAD: usize = 8;

/// Who sends.
pub struct Sender {
    /// The organisation.
    pub organisation: OrganisationId,
    /// Its signing key.
    pub key: SigningKey,
}

impl Sender {
    /// The envelopes of what is next of the node's own log, in order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next(&self, store: &impl Log, state: &State) -> Result<Vec<Envelope>> {
        let Some(mut first) = state.next(&self.organisation) else {
            return Ok(Vec::new());
        };
        let mut envelopes = Vec::new();
        while envelopes.len() < AHEAD {
            let mut entries = store.entries(first, ENTRIES).await?;
            let mut bytes = 0usize;
            let fits = entries
                .iter()
                .take_while(|entry| {
                    bytes += entry.len();
                    bytes <= BYTES
                })
                .count();
            entries.truncate(fits.max(1));
            if entries.is_empty() {
                break;
            }
            let count = entries.len() as u64;
            envelopes.push(Envelope::seal(
                &state.origin,
                self.organisation.clone(),
                first,
                entries,
                &self.key,
            ));
            first += count;
        }
        Ok(envelopes)
    }
}
