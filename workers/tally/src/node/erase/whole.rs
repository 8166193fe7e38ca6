//! All that is kept of a claim, wherever it lies: what moved it, what took it back and what
//! settled it by hand hold copies of it, each under a key of its own.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_store::port::{ClaimRow, Reading as _};
use tally_types::ServiceDate;

use crate::node::Node;
use crate::node::stages::is_claim;
use crate::node::work::is_decided;

/// A claim with all that is kept of it. What replaces it is another claim.
pub(super) struct Whole {
    /// The claim by each number that it has had, the oldest first: a move gives it another.
    pub(super) rows: Vec<ClaimRow>,
    /// What was done to it, by any of them.
    acts: Vec<ClaimRow>,
}

impl Whole {
    /// Every row in which something of the claim is sealed: a void holds all of it, a review
    /// what was determined of it. A replacement holds another claim.
    pub(super) fn sealed(&self) -> impl Iterator<Item = &ClaimRow> {
        let copies = self.acts.iter().filter(|row| !is_claim(row));
        self.rows.iter().chain(copies)
    }

    /// The ids of those rows.
    pub(super) fn ids(&self) -> Vec<ClaimId> {
        self.sealed().map(|row| row.id).collect()
    }

    /// The numbers that the claim has had.
    pub(super) fn numbers(&self) -> Vec<ClaimId> {
        self.rows.iter().map(|row| row.id).collect()
    }

    /// The day on which it first came.
    pub(super) fn made(&self) -> Option<ServiceDate> {
        self.rows.iter().map(|row| row.received).min()
    }

    /// The day on which something of it was last taken in.
    pub(super) fn last_received(&self) -> Option<ServiceDate> {
        let rows = self.rows.iter().chain(&self.acts);
        rows.map(|row| row.received).max()
    }

    /// Whether it came to its end by every number, and no act about it waits.
    pub(super) fn is_settled(&self) -> bool {
        self.rows.iter().all(is_settled) && !self.acts.iter().any(waits)
    }
}

/// Whether a claim or an act is still to be decided.
pub(super) fn waits(row: &ClaimRow) -> bool {
    !row.discarded && !is_decided(row)
}

fn is_settled(row: &ClaimRow) -> bool {
    let outcome = row.outcome.as_ref();
    let decided = outcome.is_some_and(|of| of.status != Status::Pended || of.gone.is_some());
    decided || row.discarded
}

impl Node {
    /// All that is kept of a claim.
    ///
    /// # Errors
    /// When the claim is not known, or is an act, which goes with its claim; when the store
    /// fails.
    pub(super) async fn whole(&self, claim: ClaimId) -> Result<Whole> {
        let row = self.known(claim).await?;
        if let Some(act) = row.act.as_ref().filter(|_| !is_claim(&row)) {
            match act.original {
                Some(of) => bail!(
                    "{claim} is the {} of claim {of}, and is kept and erased with it: name that",
                    act.kind.name()
                ),
                None => bail!(
                    "{claim} is no claim: it decides a contract anew, and holds nothing of any"
                ),
            }
        }
        let rows = self.numbers_of(row).await?;
        let numbers: BTreeSet<ClaimId> = rows.iter().map(|row| row.id).collect();
        let units: BTreeSet<_> = rows.iter().map(|row| row.unit).collect();
        let mut acts = Vec::new();
        for unit in units {
            let mut of = self.store.claims_of_unit(unit).await?;
            of.retain(|row| names_one(row, &numbers));
            acts.append(&mut of);
        }
        Ok(Whole { rows, acts })
    }
}

/// Whether a row is an act about one of these claims.
fn names_one(row: &ClaimRow, claims: &BTreeSet<ClaimId>) -> bool {
    let original = row.act.as_ref().and_then(|act| act.original);
    original.is_some_and(|of| claims.contains(&of))
}
