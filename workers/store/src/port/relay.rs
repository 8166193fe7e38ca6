//! A store beside a message broker: what to publish, and what came back dead.

use std::future::Future;

use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;

use super::{Answer, AuditRow, Sealed, Token};

/// A claim to be published to its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The claim.
    pub claim: ClaimId,
    /// The number of partitions its partition is of.
    pub partitions: u32,
    /// Its partition.
    pub partition: u32,
    /// The W3C trace context it came with.
    pub trace: Option<String>,
}

/// A claim decided, or decided anew, to be told to whoever submitted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRow {
    /// Its place: results are told in this order.
    pub id: i64,
    /// The claim.
    pub claim: ClaimId,
    /// The organisation that submitted it.
    pub submitter: String,
    /// Paid, denied or pended, and SHA-256 of the outcome bytes; `None` when it
    /// stands no more.
    pub decided: Option<(Status, [u8; 32])>,
}

/// Some of all there are.
#[derive(Debug, Clone, Copy)]
pub enum Among<'a, K> {
    /// All but these.
    Without(&'a [K]),
    /// This alone.
    Only(&'a K),
}

impl<K: Clone> Among<'_, K> {
    /// Those left out, and the only one.
    pub(crate) fn parts(self) -> (Vec<K>, Option<K>) {
        match self {
            Self::Without(keys) => (keys.to_vec(), None),
            Self::Only(key) => (Vec::new(), Some(key.clone())),
        }
    }
}

/// What a store does beside a message broker. The store is the truth: what the
/// broker holds can be published again from it.
pub trait Relay {
    /// Claims that are ready and not published, in order of arrival: of these
    /// partitions.
    fn unpublished(
        &self,
        limit: u32,
        of: Among<'_, u32>,
    ) -> impl Future<Output = Answer<Vec<Dispatch>>> + Send;
    /// Notes that the broker has them.
    fn published(&self, claims: &[ClaimId]) -> impl Future<Output = Answer<()>> + Send;
    /// Counts as not published what of a partition is ready and was published
    /// longer ago than so many seconds, the first `limit` in order of arrival:
    /// the broker has lost it. Answers how many.
    fn lost(
        &self,
        partitions: u32,
        partition: u32,
        seconds: u32,
        limit: u32,
    ) -> impl Future<Output = Answer<u64>> + Send;
    /// Results that were not told yet, in order: of these submitters.
    fn results(
        &self,
        limit: u32,
        of: Among<'_, String>,
    ) -> impl Future<Output = Answer<Vec<ResultRow>>> + Send;
    /// Notes that they were told.
    fn told(&self, ids: &[i64]) -> impl Future<Output = Answer<()>> + Send;
    /// Counts, before claims are tried again that were delivered before, that
    /// something may have died of them. Answers the count of each, as asked;
    /// zero for one that is not in the queue.
    fn suspect(&self, claims: &[ClaimId]) -> impl Future<Output = Answer<Vec<u32>>> + Send;
    /// Notes that a worker lives, and answers all that were heard of in so many
    /// seconds by the database's clock, in order of their names.
    fn alive(&self, worker: &str, seconds: u32)
    -> impl Future<Output = Answer<Vec<String>>> + Send;
    /// Forgets a worker that ends.
    fn ended(&self, worker: &str) -> impl Future<Output = Answer<()>> + Send;
}

/// A message that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// Names the message: one that waits already is stored once; one that
    /// comes back after it was settled is another.
    pub token: Token,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The queue it came from.
    pub queue: String,
    /// Why: a stable code.
    pub code: String,
    /// Why, for a person; nothing identifying in it.
    pub reason: String,
    /// The organisation that sent it, when that is known.
    pub submitter: Option<String>,
    /// The message: its body and what it says of itself.
    pub sealed: Sealed,
}

/// A dead letter as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterRow {
    /// Names it to an operator, from 1.
    pub id: u64,
    /// What is known of it.
    pub letter: NewDeadLetter,
    /// What was done about it, and when: `replayed` or `discarded`.
    pub settled: Option<(String, i64)>,
}

/// Messages that could not be used, kept until an operator settles them.
pub trait DeadLetters {
    /// Stores a dead letter; answers its number.
    fn bury(&self, letter: &NewDeadLetter) -> impl Future<Output = Answer<u64>> + Send;
    /// Dead letters, the latest first: those that wait, or all.
    fn dead(
        &self,
        all: bool,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<DeadLetterRow>>> + Send;
    /// One.
    fn dead_letter(&self, id: u64) -> impl Future<Output = Answer<Option<DeadLetterRow>>> + Send;
    /// Settles one, with an entry in the audit trail whose action is what was
    /// done. Answers whether it waited.
    fn settle(
        &self,
        id: u64,
        done: &str,
        note: &AuditRow,
    ) -> impl Future<Output = Answer<bool>> + Send;
}
