//! What this node keeps of a claim that another decided: what came of running it again, and
//! of a dispute what the payer signed.

use std::collections::BTreeSet;

use anyhow::Result;
use tally_core::claim::ClaimId;
use tally_core::ledger::erasure::{Hold, Kept, Kind};
use tally_store::port::{Reading as _, StatementRow};

use super::whole::Whole;
use crate::node::Node;

/// All that is meant by a claim.
pub(super) enum Meant {
    /// One that was taken in here.
    Whole(Whole),
    /// One of another's, and what was entered of running it again.
    Again(ClaimId, Vec<StatementRow>),
}

impl Meant {
    /// The ids under which something of it is sealed.
    pub(super) fn ids(&self) -> Vec<ClaimId> {
        match self {
            Self::Whole(whole) => whole.ids(),
            Self::Again(claim, _) => vec![*claim],
        }
    }
}

impl Node {
    /// All that is meant by a claim.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub(super) async fn meant(&self, claim: ClaimId) -> Result<Meant> {
        let again = self.reexecuted_only(claim).await?;
        Ok(match again.is_empty() {
            true => Meant::Whole(self.whole(claim).await?),
            false => Meant::Again(claim, again),
        })
    }

    /// What was entered of running a claim again that was not taken in here.
    pub(super) async fn reexecuted_only(&self, claim: ClaimId) -> Result<Vec<StatementRow>> {
        match self.store.claim(claim).await? {
            Some(_) => Ok(Vec::new()),
            None => self.reexecutions_of(claim).await,
        }
    }

    /// Those of such statements that the log says were erased.
    pub(super) async fn erased_of<'a>(
        &self,
        claim: ClaimId,
        rows: &'a [StatementRow],
    ) -> Result<Vec<&'a StatementRow>> {
        let erased = self.erasures(&[claim]).await?;
        let erased: BTreeSet<u64> = erased.into_iter().map(|(index, ..)| index).collect();
        let is = |row: &&StatementRow| row.leaf.is_some_and(|leaf| erased.contains(&leaf));
        Ok(rows.iter().filter(is).collect())
    }

    /// Since when that is kept. Where it is not known, since today: then only an order passes.
    pub(super) async fn kept_again<'a>(
        &self,
        rows: &[StatementRow],
        holds: &'a [Hold],
    ) -> Result<Kept<'a>> {
        let mut days = Vec::new();
        for row in rows {
            let day = self.entered_on(row).await?;
            days.push(day.unwrap_or(self.clock.today()));
        }
        let today = self.clock.today();
        let first = days.iter().min().copied().unwrap_or(today);
        let last = days.iter().max().copied().unwrap_or(today);
        Ok(Kept {
            kind: Kind::Claim,
            made: first,
            last_activity: last,
            last_in_effect: None,
            settled: true,
            holds,
        })
    }
}
