//! What was erased and can be opened again: an older backup of the record keys was put
//! back, or an erasure did not come to its end.

use std::collections::BTreeSet;

use anyhow::Result;
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::{Entry, Ground, kind};
use tally_store::port::{Reading as _, StatementFilter, StatementRow, Statements as _};

use crate::node::Node;
use crate::node::stages::is_claim;

/// Statements that are read at a time.
const PAGE: u32 = 1024;
/// How many claims a node names when it starts.
const NAMED: usize = 32;

/// A claim that was erased and can be opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reopened {
    /// The claim.
    pub claim: ClaimId,
    /// On which ground it was erased.
    pub ground: Ground,
    /// How many records of it have a key.
    pub records: usize,
}

impl Reopened {
    /// What is wrong, and what to do.
    #[must_use]
    pub fn what(&self) -> String {
        format!(
            "it was erased, and {} of it can be opened again: an older backup of the record \
             keys was put back, or its erasure did not come to its end: erase it again: \
             `tally claim erase {} --ground {}`",
            match self.records {
                1 => "1 record".to_owned(),
                n => format!("{n} records"),
            },
            self.claim,
            self.ground.as_str()
        )
    }
}

impl Node {
    /// The claims that the log says were erased and that can be opened nevertheless.
    /// Nothing is opened.
    ///
    /// # Errors
    /// When the store or the vault fails.
    pub async fn reopened(&self) -> Result<Vec<Reopened>> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut filter = StatementFilter {
            kinds: vec![kind::ERASED],
            limit: PAGE,
            ..StatementFilter::default()
        };
        loop {
            let rows = self.store.statements(&filter).await?;
            let Some(last) = rows.last() else {
                return Ok(found);
            };
            filter.after = Some(last.id);
            for (claim, ground) in rows.iter().filter_map(erased) {
                if seen.insert(claim) {
                    found.extend(self.reopened_of(claim, ground).await?);
                }
            }
        }
    }

    /// An erased claim, where it can be opened again.
    pub(in crate::node) async fn reopened_of(
        &self,
        claim: ClaimId,
        ground: Ground,
    ) -> Result<Option<Reopened>> {
        let row = self.store.claim(claim).await?;
        // An act is looked at with its claim.
        if row.as_ref().is_some_and(|row| !is_claim(row)) {
            return Ok(None);
        }
        let records: Vec<_> = match row {
            Some(_) => {
                let whole = self.whole(claim).await?;
                whole.sealed().map(|row| row.sealed.record).collect()
            }
            None => {
                let again = self.reexecutions_of(claim).await?;
                let erased = self.erased_among(claim, &again).await?;
                let sealed = erased.iter().filter_map(|row| row.opening.as_ref());
                sealed.map(|sealed| sealed.record).collect()
            }
        };
        let records = self.vault.keys(&records).await?.len();
        Ok((records > 0).then_some(Reopened {
            claim,
            ground,
            records,
        }))
    }

    /// Logs what was erased and can be opened again.
    ///
    /// # Errors
    /// When the store or the vault fails.
    pub async fn warn_of_reopened(&self) -> Result<()> {
        let found = self.reopened().await?;
        for of in found.iter().take(NAMED) {
            tracing::warn!("claim {}: {}", of.claim, of.what());
        }
        if let Some(more) = found.len().checked_sub(NAMED).filter(|more| *more > 0) {
            tracing::warn!("and {more} more: `tally ledger fsck` names all");
        }
        Ok(())
    }
}

/// Whose erasure a statement is of, and on which ground.
fn erased(row: &StatementRow) -> Option<(ClaimId, Ground)> {
    let about: [u8; 16] = row.about.as_slice().try_into().ok()?;
    match Entry::from_canon(&row.entry).ok()? {
        Entry::Erased { ground, .. } => Some((ClaimId(about), ground)),
        _ => None,
    }
}
