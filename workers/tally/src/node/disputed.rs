//! What others dispute of what this node decided, as they told it.

use std::collections::BTreeSet;

use anyhow::Result;
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::counterparty::{ToldDispute, ToldError};
use tally_store::port::{Disputed as _, DisputedRow, Log as _, Reading as _, SharedLedger as _};
use tally_store::vault::RecordKey;
use tally_types::ServiceDate;

use super::Node;
use super::consent::Rules;
use crate::printable::printable;

/// The label of what is sealed of a told dispute.
const DISPUTED: &str = "disputed";

/// A dispute that another organisation told this node of.
pub struct DisputedRead {
    /// Who disputes.
    pub by: String,
    /// The claim.
    pub claim: ClaimId,
    /// The index of the adjudication in this node's log.
    pub index: u64,
    /// The index of the dispute in the log of who disputes.
    pub entry: u64,
    /// The day on which it was told.
    pub day: ServiceDate,
    /// The first thing that differs, for people; nothing where the claim was erased.
    pub difference: Option<String>,
    /// What ran it again: the program and its version.
    pub engine: Option<String>,
}

/// Why a told dispute is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// Nothing like it was decided here for who tells it.
    Nothing,
    /// This node's ledger does not have the dispute yet.
    NotYet,
    /// The claim was erased.
    Erased,
    /// Another dispute of that adjudication is kept.
    Another,
    /// It does not hold.
    Wrong(ToldError),
}

impl Node {
    /// Keeps a dispute that a provider tells, of a claim that it billed, once it is found on
    /// the ledger. Answers whether it was not known.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_dispute(
        &self,
        by: &str,
        rules: &Rules,
        told: &ToldDispute,
    ) -> Result<Result<bool, NotKept>> {
        let (claim, index) = (told.claim, told.index);
        if let Some(known) = self.store.disputed_by(by, index).await? {
            let is_it = (known.claim, known.entry) == (claim, told.entry);
            return Ok(is_it.then_some(false).ok_or(NotKept::Another));
        }
        let billed = rules.payees_of(by);
        let billed: Vec<_> = billed.map(|of| self.provider_token(of)).collect();
        let range = index..index.saturating_add(1);
        let decided = self.store.decided(by, &billed, range, 1).await?;
        let row = self.store.claim(claim).await?;
        let (Some(row), true) = (row, decided == [(claim, index)]) else {
            return Ok(Err(NotKept::Nothing));
        };
        let Some((adjudication, disputed)) = self.both(by, told.entry, index).await? else {
            return Ok(Err(NotKept::NotYet));
        };
        if let Err(wrong) = told.check(&adjudication, &disputed) {
            return Ok(Err(NotKept::Wrong(wrong)));
        }
        // Nothing is opened for what does not hold.
        let record = row.sealed.record;
        let Some(read) = self.open_claims(vec![row], "dispute-told").await?.pop() else {
            return Ok(Err(NotKept::Erased));
        };
        if !rules.runs_again(by, &read.row, &read.claim) {
            return Ok(Err(NotKept::Nothing));
        }
        let Some(key) = self.vault.keys(&[record]).await?.remove(&record) else {
            return Ok(Err(NotKept::Erased));
        };
        let kept = DisputedRow {
            organisation: by.to_owned(),
            entry: told.entry,
            claim,
            leaf: index,
            day: self.clock.today(),
            told: key.seal(DISPUTED, &told.to_canon())?,
        };
        let is_new = self.store.keep_disputed(&kept).await?;
        if is_new {
            // What differs tells of care and amounts: that is no business of the log's.
            tracing::warn!(%claim, by, "is disputed; `tally ledger disputed` says why");
        }
        Ok(Ok(is_new))
    }

    /// What others dispute, of a claim or of all, the last so many (all where it is zero), in
    /// the order in which they told it, and how many there are; an audit entry says so first.
    ///
    /// # Errors
    /// When the store fails, or what it holds is damaged.
    pub async fn disputed(
        &self,
        claim: Option<ClaimId>,
        last: u32,
    ) -> Result<(Vec<DisputedRead>, u64)> {
        let (rows, count) = self.store.disputed(claim, last).await?;
        self.note_all("disputed-read", rows.iter().map(|row| row.claim))
            .await?;
        let erased = self.erased_among(rows.iter().map(|row| row.claim)).await?;
        let records: Vec<_> = rows.iter().map(|row| row.told.record).collect();
        let keys = self.vault.keys(&records).await?;
        let read = rows.iter().map(|row| {
            let key = keys.get(&row.told.record);
            read(row, key.filter(|_| !erased.contains(&row.claim)))
        });
        Ok((read.collect(), count))
    }

    /// What is wrong with what others told, each with whose and which entry it is; and how
    /// many of them hold, or cannot be opened any more.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn check_disputed(&self) -> Result<(u64, Vec<(String, &'static str)>)> {
        let (rows, _) = self.store.disputed(None, 0).await?;
        let (mut sound, mut faults) = (0, Vec::new());
        let records: BTreeSet<_> = rows.iter().map(|row| row.told.record).collect();
        let records: Vec<_> = records.into_iter().collect();
        let keys = self.vault.keys(&records).await?;
        for row in &rows {
            let key = keys.get(&row.told.record);
            match self.unlike_told(row, key).await? {
                None => sound += 1,
                Some(what) => {
                    let place = format!("dispute {} of {}", row.entry, row.organisation);
                    faults.push((place, what));
                }
            }
        }
        Ok((sound, faults))
    }

    /// The adjudication of an index of this node's log, and what stands on the shared ledger at
    /// an entry of another's; nothing where one is missing.
    async fn both(&self, by: &str, entry: u64, leaf: u64) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Some(place) = self.store.shared_place(by, entry).await? else {
            return Ok(None);
        };
        let disputed = self.store.shared_leaves(place, 1).await?.pop();
        let adjudication = self.store.entries(leaf, 1).await?.pop();
        Ok(adjudication.zip(disputed))
    }

    async fn unlike_told(
        &self,
        row: &DisputedRow,
        key: Option<&RecordKey>,
    ) -> Result<Option<&'static str>> {
        let both = self.both(&row.organisation, row.entry, row.leaf).await?;
        let Some((adjudication, disputed)) = both else {
            return Ok(Some("an entry that it is about is missing"));
        };
        let Some(key) = key else {
            return Ok(None);
        };
        let Some(told) = opened(row, key) else {
            return Ok(Some("what is kept of it cannot be opened, or is another's"));
        };
        let wrong = told.check(&adjudication, &disputed).is_err();
        Ok(wrong.then_some("what is kept of it is not what stands on the ledger"))
    }
}

/// What is kept of one, if it is what its row says.
fn opened(row: &DisputedRow, key: &RecordKey) -> Option<ToldDispute> {
    let opened = key.open(DISPUTED, &row.told).ok()?;
    let told = ToldDispute::from_canon(&opened).ok()?;
    let is_its = (told.claim, told.index, told.entry) == (row.claim, row.leaf, row.entry);
    is_its.then_some(told)
}

fn read(row: &DisputedRow, key: Option<&RecordKey>) -> DisputedRead {
    let found = key.map(|key| opened(row, key).map(|told| told.found));
    let damaged = || "what is kept of it is damaged: run `tally ledger fsck`".to_owned();
    let (difference, engine) = match found {
        None => (None, None),
        Some(None) => (Some(damaged()), None),
        Some(Some(found)) => {
            let difference = found.difference.map(|of| printable(&of.to_string()));
            (difference, Some(printable(&found.engine)))
        }
    };
    DisputedRead {
        by: row.organisation.clone(),
        claim: row.claim,
        index: row.leaf,
        entry: row.entry,
        day: row.day,
        difference,
        engine,
    }
}
