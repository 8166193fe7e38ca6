//! Legal holds: what must not be erased.

use std::future::Future;

use tally_core::claim::ClaimId;
use tally_types::ServiceDate;

use super::{Answer, NewStatement};

/// A hold is placed, or lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// The claim.
    pub claim: ClaimId,
    /// The hold's name, 1 to 64 characters: a case's number.
    pub name: String,
    /// The day.
    pub day: ServiceDate,
    /// Whether it is lifted.
    pub lifted: bool,
}

/// Legal holds.
pub trait Holds {
    /// Places a hold, or lifts one. None is placed on a claim that a statement says was
    /// erased: [`StoreError::Fenced`](super::StoreError::Fenced).
    fn hold(&self, row: &HoldRow) -> impl Future<Output = Answer<()>> + Send;
    /// Makes statements as [`Statements::state`](super::Statements::state) does, of the erasure
    /// of claims, in one transaction with a look at what holds them: where a hold stands on
    /// one of them, none is made ([`StoreError::Fenced`](super::StoreError::Fenced)).
    fn state_unless_held(
        &self,
        new: &[NewStatement],
        claims: &[ClaimId],
    ) -> impl Future<Output = Answer<Vec<Option<i64>>>> + Send;
    /// What was placed and lifted, of a claim or of all, in that order.
    fn holds(&self, claim: Option<ClaimId>) -> impl Future<Output = Answer<Vec<HoldRow>>> + Send;
}
