//! Published policies.

use std::future::Future;

use tally_types::ServiceDate;

use super::{Answer, NewStatement};

/// A policy to be published.
#[derive(Debug, Clone)]
pub struct NewPolicy {
    /// The product.
    pub product: String,
    /// The first date of service it is in force on.
    pub effective: ServiceDate,
    /// SHA-256 of the component.
    pub hash: [u8; 32],
    /// The component.
    pub component: Vec<u8>,
    /// The entry for the ledger: a signed publication.
    pub entry: Vec<u8>,
    /// What the ledger is told right after it: that it is active, and what it supersedes.
    pub stands: Vec<NewStatement>,
}

/// A policy as published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// The index of its entry; `None` while it waits in the outbox.
    pub leaf: Option<u64>,
    /// SHA-256 of the component.
    pub hash: [u8; 32],
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
}

/// Published policies and their components.
pub trait Publications {
    /// Stores a policy, its entry for the ledger and what stands of it, all or nothing: who
    /// sees it on the log and decides by it comes after its activation there. One whose entry
    /// is stored changes nothing.
    fn publish(&self, policy: &NewPolicy) -> impl Future<Output = Answer<()>> + Send;
    /// Every publication, in order.
    fn publications(&self) -> impl Future<Output = Answer<Vec<PolicyRow>>> + Send;
    /// A component by its hash.
    fn component(&self, hash: [u8; 32]) -> impl Future<Output = Answer<Option<Vec<u8>>>> + Send;
}
