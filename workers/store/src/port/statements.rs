//! Statements: entries of the log that are of no adjudication, policy or batch
//! of flags. Claims received, agreement and dispute, grants and readings,
//! payments advised, erasures, what becomes of policies, proposals and votes.

use std::future::Future;

use super::{Answer, Sealed};

/// A statement to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStatement {
    /// The number of its entry's kind ([`tally_core::ledger::Entry::kind`]), 6 or more.
    pub kind: u8,
    /// What it is about, 1 to 32 bytes: a claim's id, a grant's commitment.
    pub about: Vec<u8>,
    /// Of statements of one kind with one such mark the first alone is made; `None`
    /// where there may be many.
    pub once: Option<[u8; 32]>,
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
    /// Salt and body of the commitment in it, where it is one.
    pub opening: Option<Sealed>,
}

/// A statement that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// Its place among statements.
    pub id: i64,
    /// The number of its entry's kind.
    pub kind: u8,
    /// What it is about.
    pub about: Vec<u8>,
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
    /// Salt and body of the commitment in it.
    pub opening: Option<Sealed>,
    /// Its place in the log, once it is there.
    pub leaf: Option<u64>,
}

/// Which statements are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementFilter {
    /// Of these kinds; of all when empty.
    pub kinds: Vec<u8>,
    /// About this.
    pub about: Option<Vec<u8>>,
    /// After this one.
    pub after: Option<i64>,
    /// So many at most; zero for all.
    pub limit: u32,
}

/// Statements.
pub trait Statements {
    /// Makes statements, in one transaction, each with its entry in the outbox, in the
    /// order given. Answers the place of each; `None` for one that was made before.
    fn state(&self, new: &[NewStatement]) -> impl Future<Output = Answer<Vec<Option<i64>>>> + Send;
    /// Makes statements as [`Self::state`] does, in one transaction with a look at what was
    /// taken back or erased: where there is a statement of one of these kinds about one of
    /// these, none is made ([`StoreError::Fenced`](super::StoreError::Fenced)). What is taken
    /// back or erased at once comes before all of it or after.
    fn state_unless(
        &self,
        new: &[NewStatement],
        taken: &[(u8, Vec<u8>)],
    ) -> impl Future<Output = Answer<Vec<Option<i64>>>> + Send;
    /// Statements, in the order they were made. Some that are made at once may come to
    /// light after others that have a later place: who goes on from the last may miss
    /// them, as long as they have no place in the log.
    fn statements(
        &self,
        filter: &StatementFilter,
    ) -> impl Future<Output = Answer<Vec<StatementRow>>> + Send;
    /// Statements of a kind about any of these, in the order they were made.
    fn statements_about(
        &self,
        kind: u8,
        about: &[Vec<u8>],
    ) -> impl Future<Output = Answer<Vec<StatementRow>>> + Send;
}
