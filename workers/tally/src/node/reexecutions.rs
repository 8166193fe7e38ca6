//! Adjudications of others that this node ran again: what it entered of them, which it
//! disputes, and what the payer signed of those.

use std::collections::{BTreeSet, VecDeque};

use anyhow::{Context as _, Result};
use tally_core::canon::{Canon, DecodeError, Reader};
use tally_core::claim::ClaimId;
use tally_core::ledger::Salt;
use tally_core::ledger::counterparty::{Reexecuted, ToldDispute};
use tally_core::ledger::kind;
use tally_core::ledger::shared::OrganisationId;
use tally_store::port::{NewStatement, StatementFilter, StatementRow, Statements as _};
use tally_store::vault;
use tally_types::ServiceDate;

use super::Node;
use crate::shared::signed::Kept;

/// Statements that are read at a time: each may keep an answer.
const PAGE: u32 = 64;
/// The same, where all are opened.
const FEW: u32 = 8;

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
    /// Whether what the payer signed is kept.
    pub signed: bool,
}

/// The label of what is sealed of a re-execution.
pub(super) const REEXECUTION: &str = "reexecution";

/// What is kept of a re-execution, behind the salt. The entry commits to what was found, and
/// to no more.
struct Opened {
    salt: Salt,
    found: Reexecuted,
    payer: OrganisationId,
    /// The day on which it was entered.
    day: Option<ServiceDate>,
    /// What the payer signed, of a dispute.
    answer: Option<Kept>,
}

impl Opened {
    fn read(opened: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(opened);
        let salt = Salt::take(&mut reader)?;
        let (found, payer) = (Canon::take(&mut reader)?, Canon::take(&mut reader)?);
        // Earlier versions kept no more.
        let is_all = reader.left() == 0;
        let (day, answer) = match is_all {
            true => (None, None),
            false => (Some(Canon::take(&mut reader)?), Canon::take(&mut reader)?),
        };
        Ok(Self {
            salt,
            found,
            payer,
            day,
            answer,
        })
    }
}

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

/// Statements of re-executions, a page at a time.
fn of_kinds(kinds: &[u8]) -> StatementFilter {
    StatementFilter {
        kinds: kinds.to_vec(),
        limit: PAGE,
        ..StatementFilter::default()
    }
}

impl Node {
    /// Enters what came of running a payer's adjudication again, which it showed in a signed
    /// answer: with a dispute that is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn enter_reexecuted(
        &self,
        payer: &OrganisationId,
        (claim, index): (ClaimId, u64),
        found: &Reexecuted,
        answer: Kept,
    ) -> Result<()> {
        let salt = vault::random()?;
        let entry = found.entry(&salt);
        let mut opening = salt.to_vec();
        found.put(&mut opening);
        payer.put(&mut opening);
        self.clock.today().put(&mut opening);
        let answer = found.difference.is_some().then_some(answer);
        answer.put(&mut opening);
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
        let mut done = BTreeSet::new();
        let mut filter = of_kinds(&[kind::AGREED, kind::DISPUTED]);
        while let Some(rows) = self.page_of(&mut filter).await? {
            done.extend(rows.iter().filter_map(|row| marked(&row.about)));
        }
        Ok(done)
    }

    /// All disputes, in the order they were entered, but for those of claims that were erased;
    /// an audit entry says so first.
    ///
    /// # Errors
    /// When the store fails, or what it holds is damaged.
    pub async fn disputes(&self) -> Result<Vec<Dispute>> {
        Ok(self.last_disputes(usize::MAX).await?.0)
    }

    /// The last disputes, so many at most, and how many there are in all.
    ///
    /// # Errors
    /// As [`Self::disputes`].
    pub async fn last_disputes(&self, most: usize) -> Result<(Vec<Dispute>, usize)> {
        let (mut last, mut count) = (VecDeque::new(), 0);
        let mut filter = of_kinds(&[kind::DISPUTED]);
        while let Some(rows) = self.page_of(&mut filter).await? {
            count += rows.len();
            last.extend(rows);
            last.drain(..last.len().saturating_sub(most));
        }
        let found = self.disputes_in(last.make_contiguous()).await?;
        let disputes: Vec<_> = found.into_iter().map(|(dispute, _)| dispute).collect();
        self.note_all("disputes-read", disputes.iter().map(|d| d.claim))
            .await?;
        Ok((disputes, count))
    }

    /// The disputes about a claim, each with what the payer signed, where that is kept; an
    /// audit entry says so first.
    ///
    /// # Errors
    /// As [`Self::disputes`].
    pub async fn disputes_of(&self, claim: ClaimId) -> Result<Vec<(Dispute, Option<Kept>)>> {
        let mut rows = self.reexecutions_of(claim).await?;
        rows.retain(|row| row.kind == kind::DISPUTED);
        let found = self.disputes_in(&rows).await?;
        self.note_all("dispute-read", found.iter().map(|(d, _)| d.claim))
            .await?;
        Ok(found)
    }

    /// Disputes that stand in this node's own log and were entered after the `last` that was
    /// found before: of each the payer, the claim, and the index of the adjudication in the
    /// payer's own log; nothing when there are no more now. What was erased, or is damaged, is
    /// left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn disputes_after(
        &self,
        last: &mut Option<i64>,
    ) -> Result<Vec<(OrganisationId, (ClaimId, u64))>> {
        let mut found = Vec::new();
        while found.is_empty() {
            let filter = StatementFilter {
                after: *last,
                limit: FEW,
                ..of_kinds(&[kind::DISPUTED])
            };
            let mut rows = self.store.statements(&filter).await?;
            // What has no place yet may come behind what has: it is looked at again.
            let placed = rows.iter().position(|row| row.leaf.is_none());
            rows.truncate(placed.unwrap_or(rows.len()));
            let Some(end) = rows.last().map(|row| row.id) else {
                break;
            };
            for row in &rows {
                match self.open_reexecution(row).await {
                    Ok(Some(opened)) => {
                        found.extend(marked(&row.about).map(|of| (opened.payer, of)))
                    }
                    Ok(None) => {}
                    Err(error) if super::passes(&error) => return Err(error),
                    Err(error) => tracing::warn!("a dispute is not told: {error:#}"),
                }
            }
            *last = Some(end);
        }
        Ok(found)
    }

    /// What the payer is told of a dispute; nothing where it was erased.
    ///
    /// # Errors
    /// When the store fails, or what it holds is damaged.
    pub async fn dispute_to_tell(
        &self,
        (claim, index): (ClaimId, u64),
    ) -> Result<Option<ToldDispute>> {
        let filter = StatementFilter {
            about: Some(mark(claim, index)),
            ..of_kinds(&[kind::DISPUTED])
        };
        let row = self.store.statements(&filter).await?.pop();
        let Some((row, entry)) = row.and_then(|row| row.leaf.map(|leaf| (row, leaf))) else {
            return Ok(None);
        };
        let Some(opened) = self.open_reexecution(&row).await? else {
            return Ok(None);
        };
        Ok(Some(ToldDispute {
            claim,
            index,
            entry,
            salt: opened.salt,
            found: opened.found,
        }))
    }

    /// What was entered of running adjudications of a claim again.
    pub(super) async fn reexecutions_of(&self, claim: ClaimId) -> Result<Vec<StatementRow>> {
        let mut found = Vec::new();
        let mut filter = of_kinds(&[kind::AGREED, kind::DISPUTED]);
        let is_of = |row: &StatementRow| marked(&row.about).is_some_and(|(of, _)| of == claim);
        while let Some(rows) = self.page_of(&mut filter).await? {
            found.extend(rows.into_iter().filter(is_of));
        }
        Ok(found)
    }

    /// The day on which a re-execution was entered; none where that was not kept yet, or it
    /// cannot be opened any more.
    pub(super) async fn entered_on(&self, row: &StatementRow) -> Result<Option<ServiceDate>> {
        Ok(self
            .open_reexecution(row)
            .await?
            .and_then(|opened| opened.day))
    }

    async fn disputes_in(&self, rows: &[StatementRow]) -> Result<Vec<(Dispute, Option<Kept>)>> {
        let mut disputes = Vec::new();
        for row in rows {
            let Some(opened) = self.open_reexecution(row).await? else {
                continue;
            };
            let (claim, index) = marked(&row.about).context(DAMAGED)?;
            let dispute = Dispute {
                claim,
                payer: opened.payer,
                index,
                difference: opened.found.difference.context(DAMAGED)?.to_string(),
                leaf: row.leaf,
                signed: opened.answer.is_some(),
            };
            disputes.push((dispute, opened.answer));
        }
        Ok(disputes)
    }

    /// What is kept of a re-execution; nothing of one that was erased.
    async fn open_reexecution(&self, row: &StatementRow) -> Result<Option<Opened>> {
        let sealed = row.opening.as_ref().context(DAMAGED)?;
        let mut keys = self.vault.keys(&[sealed.record]).await?;
        let Some(key) = keys.remove(&sealed.record) else {
            return Ok(None);
        };
        let opened = key.open(REEXECUTION, sealed)?;
        Ok(Some(Opened::read(&opened).context(DAMAGED)?))
    }
}

/// What is found damaged.
const DAMAGED: &str = "what is stored of a re-execution is damaged: run `tally ledger fsck`";

/// What was found, as it is committed to, of what is kept behind the salt.
pub(super) fn reexecuted(kept: &[u8]) -> Option<Vec<u8>> {
    let found = Reexecuted::take(&mut Reader::new(kept)).ok()?;
    Some(found.to_canon())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stores hold from before a day and an answer were kept is read all the same.
    #[test]
    fn what_was_kept_before_is_read() {
        let mut kept = [7; 32].to_vec();
        let found = Reexecuted::unproven([1; 32], "tally 0.1.0", "D104");
        found.put(&mut kept);
        OrganisationId::parse("harbor").unwrap().put(&mut kept);
        let opened = Opened::read(&kept).unwrap();
        assert_eq!(opened.found, found);
        assert!(opened.day.is_none() && opened.answer.is_none());

        let day = ServiceDate::parse("2026-03-02").unwrap();
        day.put(&mut kept);
        None::<Kept>.put(&mut kept);
        let opened = Opened::read(&kept).unwrap();
        assert_eq!(opened.day, Some(day));
        assert!(opened.answer.is_none());
        // What is committed to stands before both.
        assert_eq!(reexecuted(&kept[32..]), Some(found.to_canon()));
    }
}
