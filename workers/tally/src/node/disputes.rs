//! What this node disputes of what others decided.

use anyhow::{Context as _, Result};
use tally_core::canon::{Canon as _, Reader};
use tally_core::claim::ClaimId;
use tally_core::ledger::Salt;
use tally_core::ledger::counterparty::Reexecuted;
use tally_core::ledger::kind;
use tally_core::ledger::shared::OrganisationId;
use tally_store::port::{StatementFilter, StatementRow, Statements as _};

use super::Node;
use crate::shared::REEXECUTION;

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

impl Node {
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
        let (claim, index) = row.about.split_first_chunk::<16>().context(damaged)?;
        let index: [u8; 8] = index.try_into().ok().context(damaged)?;
        Ok(Dispute {
            claim: ClaimId(*claim),
            payer,
            index: u64::from_be_bytes(index),
            difference: found.difference.context(damaged)?.to_string(),
            leaf: row.leaf,
        })
    }
}
