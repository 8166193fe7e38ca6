//! What others dispute of what this node decided, as they told it.

use std::future::Future;

use tally_core::claim::ClaimId;
use tally_types::ServiceDate;

use super::{Answer, Sealed};

/// A dispute that another told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputedRow {
    /// Who disputes: an organisation's id, 1 to 64 characters.
    pub organisation: String,
    /// The index of the dispute in that organisation's own log.
    pub entry: u64,
    /// The claim.
    pub claim: ClaimId,
    /// The index of the adjudication in this node's log.
    pub leaf: u64,
    /// The day on which it was told.
    pub day: ServiceDate,
    /// What opens the commitment on the ledger, sealed under the claim's own record.
    pub told: Sealed,
}

/// Disputes that others told.
pub trait Disputed {
    /// Keeps one; answers whether it was not known: of an adjudication there is of each
    /// organisation the first alone.
    fn keep_disputed(&self, row: &DisputedRow) -> impl Future<Output = Answer<bool>> + Send;
    /// The one that an organisation told of an adjudication, by its index in this node's log.
    fn disputed_by(
        &self,
        organisation: &str,
        leaf: u64,
    ) -> impl Future<Output = Answer<Option<DisputedRow>>> + Send;
    /// The last of them, of a claim or of all, so many at most (zero for all), in the order in
    /// which they were told; and how many there are in all.
    fn disputed(
        &self,
        claim: Option<ClaimId>,
        last: u32,
    ) -> impl Future<Output = Answer<(Vec<DisputedRow>, u64)>> + Send;
}
