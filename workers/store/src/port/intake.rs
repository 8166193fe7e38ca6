//! Sequencing and queueing.

use std::future::Future;

use tally_core::claim::ClaimId;
use tally_types::Money;
use tally_types::ServiceDate;

use super::{Answer, NewAct, NewStatement, Sealed, Token};

/// A claim to be sequenced and queued.
#[derive(Debug, Clone)]
pub struct NewClaim {
    /// The claim.
    pub id: ClaimId,
    /// The accumulation unit it is sequenced in.
    pub unit: Token,
    /// The partition of the unit.
    pub partition: u32,
    /// The version of the contract it was resolved with; `None` when the member
    /// is unknown.
    pub contract: Option<u32>,
    /// Whether its member was covered in the unit before, and is not enrolled there
    /// any more: it is for a day of then.
    pub former: bool,
    /// The member.
    pub member: Token,
    /// The billing provider.
    pub provider: Token,
    /// When it was received.
    pub received: ServiceDate,
    /// Its first date of service.
    pub first_service: ServiceDate,
    /// Its charge.
    pub charge: Money,
    /// The claim, or the payer's act.
    pub sealed: Sealed,
    /// What it does to the unit's past, when it is an act.
    pub act: Option<NewAct>,
    /// The statement that it was received, where somebody sent it.
    pub statement: Option<NewStatement>,
}

/// One submission: what it came to when it was first seen is what it comes to
/// ever after.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Of submitter and interchange.
    pub token: Token,
    /// The organisation that submits.
    pub submitter: String,
    /// Of what was sent: the same under another content is told apart.
    pub content: Token,
    /// The number of partitions that the claims' partitions are of.
    pub partitions: u32,
    /// The W3C trace context it came with, for whoever adjudicates it elsewhere.
    pub trace: Option<String>,
    /// How many claims were read.
    pub read: u32,
    /// What was refused: encoded by the caller, nothing identifying in it.
    pub refusals: Vec<u8>,
    /// How many were refused.
    pub refused: u32,
    /// What was not refused, in order.
    pub claims: Vec<NewClaim>,
}

/// What a submission came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionRow {
    /// Of what was sent.
    pub content: Token,
    /// How many claims were read.
    pub read: u32,
    /// What was refused.
    pub refusals: Vec<u8>,
    /// How many were refused.
    pub refused: u32,
    /// The claims sequenced, in order.
    pub claims: Vec<ClaimId>,
}

/// Sequencing and queueing, idempotent by submission.
pub trait Intake {
    /// What a submission came to, if it was seen.
    fn submission(
        &self,
        token: Token,
    ) -> impl Future<Output = Answer<Option<SubmissionRow>>> + Send;
    /// Takes a submission in, in one transaction: each claim gets the next
    /// sequence number of its unit, from 1, and a place in its partition's
    /// queue, and it is stated that it was received. One that was seen changes nothing
    /// and gives the first result.
    ///
    /// A claim that came with another submission, a number of partitions that
    /// is not the store's, a claim with a contract that is not of the unit its
    /// member is enrolled under by now (an act goes where the claim is that it
    /// names), a claim named by an act that is not of its unit: [`StoreError::Fenced`](super::StoreError::Fenced), and nothing has
    /// changed. The store must have been set up.
    fn accept(&self, submission: &Submission)
    -> impl Future<Output = Answer<SubmissionRow>> + Send;
}
