//! The local log.

use std::future::Future;

use tally_core::ledger::Commitment;
use tally_core::ledger::tree::Hash;
use tally_core::ledger::tree::Node;

use super::Answer;

/// Where the log stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Entries.
    pub size: u64,
    /// Adjudications among them.
    pub adjudicated: u64,
    /// The signed checkpoint of that size; `None` before the first.
    pub checkpoint: Option<String>,
}

/// An entry that waits to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place: entries are appended in this order.
    pub id: i64,
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
}

/// A commitment to a flag that waits for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingFlag {
    /// Its place: the oldest first.
    pub id: i64,
    /// The commitment.
    pub commitment: Commitment,
}

/// An entry to be appended.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
    /// The outbox row it comes from.
    pub outbox: Option<i64>,
    /// The flags in it, each with its slot.
    pub flags: Vec<(i64, u16)>,
}

/// Entries appended together, under one checkpoint.
#[derive(Debug, Clone)]
pub struct Integration {
    /// The size before.
    pub from: u64,
    /// The entries, in order.
    pub leaves: Vec<Leaf>,
    /// The nodes that became complete.
    pub nodes: Vec<Node>,
    /// Adjudications in the log after it.
    pub adjudicated: u64,
    /// The signed checkpoint after it.
    pub checkpoint: String,
}

/// The local log.
pub trait Log {
    /// Where the log stands.
    fn head(&self) -> impl Future<Output = Answer<Head>> + Send;
    /// What waits to be appended, in order.
    fn outbox(&self, limit: u32) -> impl Future<Output = Answer<Vec<OutboxRow>>> + Send;
    /// Commitments that are in no entry yet, of flags that stand, oldest first.
    fn pending_flags(&self, limit: u32) -> impl Future<Output = Answer<Vec<PendingFlag>>> + Send;
    /// Appends, in one transaction; [`StoreError::Fenced`](super::StoreError::Fenced) when the log is not
    /// of the size it starts from, when what comes from the outbox is not what
    /// waits there, from the front and in order, or when a flag has a place
    /// already. What came from the outbox leaves it, and its claim, policy,
    /// statement or flags learn their place. Without leaves, only the checkpoint is new.
    fn integrate(&self, integration: &Integration) -> impl Future<Output = Answer<()>> + Send;
    /// Nodes, as asked by level and index; `None` where there is none.
    fn nodes(&self, nodes: &[(u8, u64)]) -> impl Future<Output = Answer<Vec<Option<Hash>>>> + Send;
    /// Entries from an index on.
    fn entries(&self, from: u64, limit: u32) -> impl Future<Output = Answer<Vec<Vec<u8>>>> + Send;
}
