//! Adjudications of others that this node ran again: what it entered of them, and which
//! it disputes.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use tally_core::canon::{Canon as _, Reader};
use tally_core::claim::ClaimId;
use tally_core::ledger::Salt;
use tally_core::ledger::counterparty::Reexecuted;
use tally_core::ledger::kind;
use tally_core::ledger::shared::OrganisationId;
use tally_store::port::{NewStatement, StatementFilter, StatementRow, Statements as _};
use tally_store::vault;

use super::Node;

/// An adjudication that this node ran again, and that came to something else.
pub struct Dispute {
    /// The claim.
    pub claim: ClaimId,
    /// Who decided it.
    pub payer: OrganisationId,
    /// The index of the adjudication in the payer's own log.
    pub index: u64,
    /// The first thing that differs, for people.
    pub difference: String,
    /// The index of the dispute in this node's own log, once it is there.
    pub leaf: Option<u64>,
}

/// The label of what is sealed of a re-execution.
pub(super) const REEXECUTION: &str = "reexecution";

/// What a re-execution is about, as its statement is found by: the claim, and the index
/// of the adjudication in the payer's own log.
fn mark(claim: ClaimId, index: u64) -> Vec<u8> {
    [&claim.0[..], &index.to_be_bytes()].concat()
}

/// What [`mark`] made of claim and index.
fn marked(mark: &[u8]) -> Option<(ClaimId, u64)> {
    let (claim, index) = mark.split_first_chunk::<16>()?;
    Some((ClaimId(*claim), u64::from_be_bytes(index.try_into().ok()?)))
}

impl Node {
    /// Enters what came of running a payer's adjudication again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn enter_reexecuted(
        &self,
        payer: &OrganisationId,
        (claim, index): (ClaimId, u64),
        found: &Reexecuted,
    ) -> Result<()> {
        let salt = vault::random()?;
        let entry = found.entry(&salt);
        let mut opening = salt.to_vec();
        found.put(&mut opening);
        payer.put(&mut opening);
        match &found.difference {
            None => tracing::info!(%claim, "run again: agreed"),
            // What differs tells of care and amounts: that is no business of the log's.
            Some(_) => {
                tracing::warn!(%claim, %payer, "run again: disputed; `tally ledger disputes` says why");
            }
        }
        let key = self.vault.fresh_one().await?;
        let statement = NewStatement {
            kind: entry.kind(),
            about: mark(claim, index),
            once: Some(found.adjudication),
            entry: entry.to_canon(),
            opening: Some(key.seal(REEXECUTION, &opening)?),
        };
        self.store.state(&[statement]).await?;
        self.integrate(false).await?;
        Ok(())
    }

    /// The adjudications that were run again: claim, and index in the payer's own log.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reexecuted(&self) -> Result<BTreeSet<(ClaimId, u64)>> {
        let filter = StatementFilter {
            kinds: vec![kind::AGREED, kind::DISPUTED],
            ..StatementFilter::default()
        };
        let rows = self.store.statements(&filter).await?;
        Ok(rows.iter().filter_map(|row| marked(&row.about)).collect())
    }

    /// All disputes, in the order they were entered; an audit entry says so first.
    ///
    /// # Errors
    /// When the store fails, or what it holds is damaged.
    pub async fn disputes(&self) -> Result<Vec<Dispute>> {
        let filter = StatementFilter {
            kinds: vec![kind::DISPUTED],
            ..StatementFilter::default()
        };
        let rows = self.store.statements(&filter).await?;
        let mut disputes = Vec::new();
        for row in rows {
            disputes.push(self.dispute(&row).await?);
        }
        self.note_all("disputes-read", disputes.iter().map(|d| d.claim))
            .await?;
        Ok(disputes)
    }

    async fn dispute(&self, row: &StatementRow) -> Result<Dispute> {
        let damaged = "a stored dispute is damaged: run `tally ledger fsck`";
        let sealed = row.opening.as_ref().context(damaged)?;
        let opened = self
            .vault
            .key(sealed.record)
            .await?
            .open(REEXECUTION, sealed)?;
        let mut reader = Reader::new(&opened);
        Salt::take(&mut reader)?;
        let found = Reexecuted::take(&mut reader)?;
        let payer = OrganisationId::take(&mut reader)?;
        let (claim, index) = marked(&row.about).context(damaged)?;
        Ok(Dispute {
            claim,
            payer,
            index,
            difference: found.difference.context(damaged)?.to_string(),
            leaf: row.leaf,
        })
    }
}

/// What was found, as it is committed to, of what is kept behind the salt.
pub(super) fn reexecuted(kept: &[u8]) -> Option<Vec<u8>> {
    let found = Reexecuted::take(&mut Reader::new(kept)).ok()?;
    Some(found.to_canon())
}
