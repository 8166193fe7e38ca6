//! What a payer sends the provider of a claim so that it can run the policy again.

use anyhow::{Context as _, Result};
use tally_core::adjudication::{Context, Transcript};
use tally_core::canon::{Blob, Canon as _};
use tally_core::claim::ClaimId;
use tally_core::ledger::Entry;
use tally_core::ledger::counterparty::{Dossier, Opening, others_care};
use tally_core::ledger::tree::leaf_hash;
use tally_store::port::{Publications as _, Reading as _};

use super::Node;
use super::record::Record;
use super::work::RECORD;

impl Node {
    /// The dossier of a claim that was decided; `None` when what the policy was given tells
    /// of another provider's care, which nobody else is shown.
    ///
    /// # Errors
    /// When the claim is not known, waits, or was erased.
    pub async fn dossier(&self, id: ClaimId) -> Result<Option<Dossier>> {
        let row = self.store.claim(id).await?;
        let row = row.with_context(|| format!("no claim {id} on this node"))?;
        let outcome = row.outcome.clone();
        let outcome = outcome.with_context(|| format!("claim {id} waits to be adjudicated"))?;
        let mut reads = self.open_claims(vec![row], "dossier").await?;
        let read = reads
            .pop()
            .with_context(|| format!("claim {id} was erased"))?;
        let receipt = self.receipt(id).await?;
        let key = self.vault.key(outcome.record.record).await?;
        let record = Record::from_canon(&key.open(RECORD, &outcome.record)?)
            .context("the stored record is damaged: run `tally ledger fsck`")?;
        let (body, decided) = record.open()?;
        if let Some(context) = &record.context {
            let context = Context::from_canon(&context.bytes.0)?;
            let transcript = Transcript(record.transcript.clone());
            if others_care(&read.claim, &context, &transcript).is_err() {
                return Ok(None);
            }
        }
        let publication = match decided.policy() {
            None => None,
            Some(policy) => {
                // The last publication of that policy that the decision could see.
                let rows = self.store.publications().await?;
                let seen = rows
                    .into_iter()
                    .filter(|row| row.leaf.is_some_and(|leaf| leaf < body.prefix));
                let of_policy = seen.filter(|row| {
                    matches!(Entry::from_canon(&row.entry), Ok(Entry::Policy(p)) if p.publication.policy == policy)
                });
                let last = of_policy.max_by_key(|row| row.leaf);
                Some(leaf_hash(
                    &last.context("its policy is not published")?.entry,
                ))
            }
        };
        Ok(Some(Dossier {
            receipt: receipt.to_string(),
            claim: Blob(read.claim.to_canon()),
            context: record.context.map(|context| Opening {
                salt: context.salt,
                bytes: context.bytes,
            }),
            transcript: Blob(record.transcript.to_canon()),
            publication,
        }))
    }
}
