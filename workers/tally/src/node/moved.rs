//! Claims of members whom enrolment did not know: once it does, a re-adjudication moves
//! them to the contract. What the claim came to is taken back where it stands, and it is
//! decided in the contract's order, with the day on which it first came.

use anyhow::{Result, bail};
use tally_core::claim::{ClaimId, Frequency, SubmissionKey};
use tally_store::port::{ClaimFilter, ClaimRow, Reading as _, Submission, Token};

use super::submit::{Sending, Sent};
use super::work::open_claim;
use super::{Anew, Node};

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
    /// Moves the claims that are asked for, where they are of members whom enrolment
    /// knows by now, to the units of their contracts.
    pub(super) async fn move_known(&self, what: &Anew) -> Result<Vec<Moved>> {
        let rows = match what {
            Anew::Claim(claim) => vec![self.row_of(*claim).await?],
            Anew::Member(member) => {
                let filter = ClaimFilter {
                    member: Some(self.member_token(member)),
                    ..ClaimFilter::default()
                };
                self.store.claims(&filter).await?
            }
            Anew::All => {
                let mut rows = Vec::new();
                for unit in self.store.all_units().await? {
                    let of = self.store.claims_of_unit(unit).await?;
                    rows.extend(of.into_iter().filter(is_unknown));
                }
                rows
            }
        };
        // In the order in which they came.
        let mut unknown: Vec<ClaimRow> = rows.into_iter().filter(is_unknown).collect();
        unknown.sort_by_key(|row| (row.received, row.unit, row.sequence));
        let mut moved = Vec::new();
        for row in unknown {
            if self.unit_by_now(&row).await?.is_none() {
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

    /// The unit of the contract that a claim's member is enrolled under by now; none of
    /// an erased claim.
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

    /// The claim that stands for one that was moved to its member's contract; the claim
    /// itself when it was not.
    pub(super) async fn moved_to(&self, row: ClaimRow) -> Result<ClaimRow> {
        if row.contract.is_some() {
            return Ok(row);
        }
        Ok(self.store.claim(moved_as(&row)).await?.unwrap_or(row))
    }
}

/// Whether a row is a claim that stands, decided, without a contract.
fn is_unknown(row: &ClaimRow) -> bool {
    let stands = row.outcome.as_ref().is_some_and(|of| of.gone.is_none());
    row.contract.is_none() && stands && super::stages::is_claim(row)
}
