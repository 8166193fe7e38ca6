//! What was erased and has a key again: an older backup of the record keys was put back, or
//! an erasure did not come to its end. Nothing of it is shown, and its keys are destroyed
//! again.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::{Entry, Ground, kind};
use tally_store::port::{Reading as _, StatementFilter, StatementRow};

use super::again::Meant;
use crate::node::Node;
use crate::node::stages::is_claim;

/// Statements that are read at a time.
const PAGE: u32 = 1024;

/// A claim that was erased and has keys again.
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
    /// What was wrong, and what was done; or what to do where it could not be.
    #[must_use]
    pub fn what(&self, closed: &Result<()>) -> String {
        let records = match self.records {
            1 => "1 record".to_owned(),
            n => format!("{n} records"),
        };
        let done = match closed {
            Ok(()) => "its keys were destroyed again".to_owned(),
            Err(error) => format!(
                "nothing of it is shown, and its keys could not be destroyed again ({error:#}): \
                 `tally claim erase {} --ground {}` does it",
                self.claim,
                self.ground.as_str()
            ),
        };
        format!(
            "it was erased, and {records} of it had a key again: an older backup of the record \
             keys was put back, or its erasure did not come to its end: {done}"
        )
    }
}

impl Node {
    /// The claims that the log says were erased and that have keys nevertheless. Nothing is
    /// opened.
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
        while let Some(rows) = self.page_of(&mut filter).await? {
            for (claim, ground) in rows.iter().filter_map(erased) {
                if seen.insert(claim) {
                    found.extend(self.reopened_of(claim, ground).await?);
                }
            }
        }
        Ok(found)
    }

    /// An erased claim, where it has keys again.
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
                let erased = self.erased_of(claim, &again).await?;
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

    /// Destroys the keys of an erased claim again. Nothing more is entered.
    ///
    /// # Errors
    /// When a hold stands on it, or the store or the vault fails.
    pub(in crate::node) async fn close_again(&self, of: &Reopened) -> Result<()> {
        // One at a time on this machine.
        let _one = self.lock()?;
        let meant = match self.meant(of.claim).await? {
            // It may have been run again since.
            Meant::Again(claim, rows) => {
                let erased = self.erased_of(claim, &rows).await?;
                Meant::Again(claim, erased.into_iter().cloned().collect())
            }
            whole @ Meant::Whole(_) => whole,
        };
        ensure!(
            self.is_erased(&meant).await?,
            "it has a number by which it was not erased"
        );
        self.unless_kept(&meant, Ground::Order).await?;
        self.note_all("claim-erased-again", meant.ids().into_iter())
            .await?;
        for record in self.sealed_of(&meant).await?.records {
            self.vault.destroy(record).await?;
        }
        Ok(())
    }

    /// Destroys the keys of what was erased and has some again, and logs it.
    ///
    /// # Errors
    /// When the store or the vault fails.
    pub async fn close_reopened(&self) -> Result<()> {
        for of in self.reopened().await? {
            let closed = self.close_again(&of).await;
            tracing::warn!("claim {}: {}", of.claim, of.what(&closed));
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
