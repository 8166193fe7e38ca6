//! Claims that stand elsewhere than they would if all had been known when they came: of
//! members whom enrolment did not know, or who were covered by another contract on the
//! day. Once that is known, a re-adjudication moves them. What the claim came to is taken
//! back where it stands, and it is decided in the contract's order, with the day on which
//! it first came.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use tally_core::claim::{ClaimId, Frequency, SubmissionKey};
use tally_store::port::{ClaimFilter, ClaimRow, Enrolment as _, Reading as _, Submission, Token};

use super::submit::{Sending, Sent};
use super::work::open_claim;
use super::{Anew, Node};

/// How many units are looked through at a time.
const UNITS: usize = 256;
/// How many claims of a provider are looked through at a time.
const CLAIMS: u32 = 1024;

/// What a move came to.
pub(super) struct Moved {
    /// What takes the claim back, and the claim as it is decided from now on.
    pub(super) claims: Vec<ClaimId>,
    /// The claim as it is decided from now on.
    pub(super) row: ClaimRow,
}

/// The ids under which a claim is moved: of what takes it back, and its own.
fn ids(row: &ClaimRow) -> [ClaimId; 2] {
    [0, 1].map(|position| {
        ClaimId::of(&SubmissionKey {
            submitter: row.submitter.clone(),
            interchange: format!("moved/{}", row.id),
            position,
        })
    })
}

/// The id of a claim once it is moved to its member's contract.
#[must_use]
pub fn moved_as(row: &ClaimRow) -> ClaimId {
    let [_, moved] = ids(row);
    moved
}

impl Node {
    /// Moves the claims that are asked for to the units of the contracts under which
    /// their members were covered, as is known by now, where they stand elsewhere.
    pub(super) async fn move_known(&self, what: &Anew) -> Result<Vec<Moved>> {
        let mut rows = match what {
            Anew::Claim(claim) => self.movable(vec![self.row_of(*claim).await?]).await?,
            Anew::Member(member) => {
                let filter = ClaimFilter {
                    member: Some(self.member_token(member)),
                    ..ClaimFilter::default()
                };
                self.movable(self.store.claims(&filter).await?).await?
            }
            Anew::All => {
                let mut rows = Vec::new();
                for units in self.store.all_units().await?.chunks(UNITS) {
                    let mut of = Vec::new();
                    for unit in units {
                        of.extend(self.store.claims_of_unit(*unit).await?);
                    }
                    rows.extend(self.movable(of).await?);
                }
                rows
            }
        };
        // In the order in which they came.
        rows.sort_by_key(|row| (row.received, row.unit, row.sequence));
        let mut moved = Vec::new();
        for row in rows {
            let unit = self.unit_by_now(&row).await?;
            if unit.is_none_or(|unit| unit == row.unit) {
                continue;
            }
            let token = self.act_token(&format!("moved/{}", row.id));
            let sending = Sending::Move(&row);
            let claims = self.take_in(token, token, &sending).await?.claims;
            let row = self.row_of(moved_as(&row)).await?;
            moved.push(Moved { claims, row });
        }
        Ok(moved)
    }

    /// Of claims, those that may stand elsewhere than they would if all had been known
    /// when they came: of members whom enrolment did not know, or who were covered in
    /// another unit before.
    async fn movable(&self, rows: Vec<ClaimRow>) -> Result<Vec<ClaimRow>> {
        let mut rows = rows;
        rows.retain(stands);
        let members: BTreeSet<Token> = rows.iter().map(|row| row.member).collect();
        let members: Vec<Token> = members.into_iter().collect();
        let before = self.store.units_before(&members).await?;
        let left = members.into_iter().zip(before);
        let left: BTreeSet<Token> = left
            .filter(|(_, before)| !before.is_empty())
            .map(|(member, _)| member)
            .collect();
        rows.retain(|row| row.contract.is_none() || left.contains(&row.member));
        Ok(rows)
    }

    /// The unit of the contract under which a claim's member was covered, as is known by
    /// now; none of a member who is not enrolled, or of an erased claim.
    async fn unit_by_now(&self, row: &ClaimRow) -> Result<Option<Token>> {
        let keys = self.vault.keys(&[row.sealed.record]).await?;
        let Some(key) = keys.get(&row.sealed.record) else {
            return Ok(None);
        };
        let mut claim = open_claim(key, &row.sealed)?;
        let enrolled = self.enrolled(std::slice::from_ref(&claim)).await?;
        let resolved = self.resolve(&mut claim, &row.submitter, self.partitions(), &enrolled);
        Ok(resolved.is_enrolled().then_some(resolved.unit))
    }

    /// What takes a claim back where it stands, and the same claim for its contract: with
    /// the day of its first receipt, by which it is in time or late.
    pub(super) async fn prepare_move(
        &self,
        token: Token,
        content: Token,
        row: &ClaimRow,
    ) -> Result<Submission> {
        let key = self.vault.key(row.sealed.record).await?;
        let stored = open_claim(&key, &row.sealed)?;
        let [back, id] = ids(row);
        let today = self.clock.today();
        let mut void = stored.clone();
        void.id = back;
        void.frequency = Frequency::Void;
        void.replaces = Some(row.id);
        void.received = today;
        let mut claim = stored;
        claim.id = id;
        claim.frequency = Frequency::Original;
        claim.replaces = None;
        let sent = Sent {
            submitter: &row.submitter,
            token,
            content,
            read: 2,
            refusals: Vec::new(),
            submission: None,
        };
        let mut submission = self.seal(sent, vec![void, claim]).await?;
        let [_, moved] = submission.claims.as_mut_slice() else {
            bail!(
                "claim {} cannot be moved to its member's contract: it was taken back or replaced meanwhile",
                row.id
            );
        };
        if moved.contract.is_none() {
            bail!("the member of claim {} is not enrolled any more", row.id);
        }
        // In the contract it is known from today.
        moved.received = today;
        Ok(submission)
    }

    /// The claim that stands for one that was moved to another contract; the claim itself
    /// when it was not.
    pub(super) async fn moved_to(&self, row: ClaimRow) -> Result<ClaimRow> {
        let mut row = row;
        while let Some(now) = self.store.claim(moved_as(&row)).await? {
            row = now;
        }
        Ok(row)
    }

    /// A claim by every number that it has had, the oldest first.
    pub(super) async fn numbers_of(&self, row: ClaimRow) -> Result<Vec<ClaimRow>> {
        let mut first = row;
        while let Some(before) = self.moved_from(&first).await? {
            first = before;
        }
        let mut next = self.store.claim(moved_as(&first)).await?;
        let mut numbers = vec![first];
        while let Some(row) = next {
            next = self.store.claim(moved_as(&row)).await?;
            numbers.push(row);
        }
        Ok(numbers)
    }

    /// The claim that got this number when it was moved. Nothing names it: its number is
    /// made of the older one, which is sought among the claims of its sender and provider.
    async fn moved_from(&self, row: &ClaimRow) -> Result<Option<ClaimRow>> {
        // What is moved goes to a contract, as an original that nobody sent.
        let may_be = row.act.is_none() && row.contract.is_some();
        if !may_be || self.received_statement(row.id).await?.is_some() {
            return Ok(None);
        }
        let mut filter = ClaimFilter {
            provider: Some(row.provider),
            submitter: Some(row.submitter.clone()),
            limit: CLAIMS,
            ..ClaimFilter::default()
        };
        loop {
            let rows = self.store.claims(&filter).await?;
            let Some(last) = rows.last() else {
                return Ok(None);
            };
            filter.after = Some(last.id);
            let before = rows.into_iter().find(|before| moved_as(before) == row.id);
            if before.is_some() {
                return Ok(before);
            }
        }
    }
}

/// Whether a row is a claim that stands, decided.
fn stands(row: &ClaimRow) -> bool {
    let stands = row.outcome.as_ref().is_some_and(|of| of.gone.is_none());
    stands && super::stages::is_claim(row)
}
