//! The ports: what use cases ask of a store. One trait a use, a handful of
//! methods each; every store passes the one conformance suite.
//!
//! Nothing here is in the clear that identifies a person: people, contracts and
//! providers are [`Token`]s, payloads are [`Sealed`] under a key of their own
//! record, which [`crate::vault`] keeps apart.

mod access;
mod acts;
mod appeals;
mod audit;
mod authorizations;
mod detection;
mod disputed;
mod enrolment;
mod holds;
mod intake;
mod layout;
mod log;
mod payments;
mod publications;
mod reading;
mod relay;
mod shared;
mod statements;
mod transient;
mod work;

use thiserror::Error;

pub use access::{Access, ShownRow};
pub use acts::{ActDone, ActKind, ActRow, Acts, Change, Decided, NewAct, Revised, RevisionRow};
pub use appeals::{AppealEffect, AppealEventRow, AppealFilter, AppealRow, Appeals, NewAppealEvent};
pub use audit::{Audit, AuditRow};
pub use authorizations::{
    Authorizations, Following, NewRequest, NewRequestEvent, RequestEventKind, RequestEventRow,
    RequestFilter, RequestRow,
};
pub use detection::{Detection, Judged, Unjudged};
pub use disputed::{Disputed, DisputedRow};
pub use enrolment::{ContractRow, Enrolment, EventRow, NewContract};
pub use holds::{HoldRow, Holds};
pub use intake::{Intake, NewClaim, Submission, SubmissionRow};
pub use layout::{Identity, Layout};
pub use log::{Head, Integration, Leaf, Log, OutboxRow, PendingFlag};
pub use payments::{
    DueRow, NewPayment, PartKind, PartRow, PaymentFilter, PaymentRow, Payments, ToldRow,
};
pub use publications::{NewPolicy, PolicyRow, Publications};
pub use reading::{ClaimFilter, ClaimRow, FlagFilter, FlagListed, OutcomeRow, Reading, Totals};
pub use relay::{Among, DeadLetterRow, DeadLetters, Dispatch, NewDeadLetter, Relay, ResultRow};
pub use shared::{
    Brought, NewBlock, SharedBlock, SharedCheckpoint, SharedHead, SharedLedger, TileRow, Totalled,
};
pub use statements::{NewStatement, StatementFilter, StatementRow, Statements};
pub use work::{
    AccumulatorName, AccumulatorRow, Adjudicated, Batch, FactRow, FlagGroup, FlagRow, Group,
    HeldRow, Queued, Taken, UnitState, Waiting, Work,
};

/// A keyed hash that stands for something identifying. Equal things have equal
/// tokens on one node; without the node's key nothing can be guessed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub [u8; 32]);

/// Names a record: what has a key of its own and can be erased alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub [u8; 16]);

/// A payload under its record's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Whose key it is under.
    pub record: RecordId,
    /// Nonce and ciphertext, as [`crate::vault::RecordKey::seal`] made them.
    pub bytes: Vec<u8>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database failed; nothing was changed.
    #[error("the database failed while {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// The database's schema could not be brought up to date.
    #[error("the database could not be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database's schema is of another version than this program's.
    #[error(
        "the database's schema is of version {found} and this program's of {known}: run \
         `tally migrate` of the later of the two, and use that"
    )]
    Schema {
        /// The database's; zero when it has none.
        found: i64,
        /// The program's.
        known: i64,
    },
    /// Somebody else was there first; nothing was changed. Load again.
    #[error("another worker was first at {what}")]
    Fenced {
        /// What had moved on.
        what: &'static str,
    },
    /// A member is enrolled under another contract.
    #[error(
        "member {position} of the contract is enrolled under another contract: when they move to \
         this one, say `--move`"
    )]
    MemberElsewhere {
        /// Position of the member, from 1.
        position: usize,
    },
    /// A row cannot be what this program wrote.
    #[error("a stored {what} is damaged")]
    Damaged {
        /// What it is.
        what: &'static str,
    },
}

/// What every method answers.
pub type Answer<T> = Result<T, StoreError>;

/// A whole store.
pub trait Store:
    Layout
    + Enrolment
    + Authorizations
    + Intake
    + Work
    + Acts
    + Appeals
    + Detection
    + Log
    + Publications
    + Statements
    + Access
    + Disputed
    + Holds
    + SharedLedger
    + Payments
    + Reading
    + Audit
    + Send
    + Sync
{
}

impl<T> Store for T where
    T: Layout
        + Enrolment
        + Authorizations
        + Intake
        + Work
        + Acts
        + Appeals
        + Detection
        + Log
        + Publications
        + Statements
        + Access
        + Disputed
        + Holds
        + SharedLedger
        + Payments
        + Reading
        + Audit
        + Send
        + Sync
{
}
