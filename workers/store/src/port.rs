//! The ports: what use cases ask of a store. One trait a use, a handful of
//! methods each; every store passes the one conformance suite.
//!
//! Nothing here is in the clear that identifies a person: people, contracts and
//! providers are [`Token`]s, payloads are [`Sealed`] under a key of their own
//! record, which [`crate::vault`] keeps apart.

use std::future::Future;

use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_core::fraud::{DetectorId, FlagId};
use tally_core::ledger::Commitment;
use tally_core::ledger::tree::{Hash, Node};
use tally_types::{Money, ServiceDate};
use thiserror::Error;

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
    /// Somebody else was there first; nothing was changed. Load again.
    #[error("another worker was first at {what}")]
    Fenced {
        /// What had moved on.
        what: &'static str,
    },
    /// A member is enrolled under another contract.
    #[error("member {position} of the contract is enrolled under another contract")]
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

// ---- enrolment --------------------------------------------------------------

/// A contract to be stored, as its unit's next version.
#[derive(Debug, Clone)]
pub struct NewContract {
    /// The accumulation unit.
    pub unit: Token,
    /// Its members, the subscriber first.
    pub members: Vec<Token>,
    /// The contract.
    pub sealed: Sealed,
}

/// A contract as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractRow {
    /// The accumulation unit.
    pub unit: Token,
    /// Its version, from 1. Versions are never changed.
    pub version: u32,
    /// The contract.
    pub sealed: Sealed,
}

/// Contracts and whose they are.
pub trait Enrolment {
    /// Stores a contract as a new version and answers the version. A member
    /// that the new version does not name stays with the unit.
    fn put_contract(&self, contract: &NewContract) -> impl Future<Output = Answer<u32>> + Send;
    /// A version of a unit's contract; the latest when none is said.
    fn contract(
        &self,
        unit: Token,
        version: Option<u32>,
    ) -> impl Future<Output = Answer<Option<ContractRow>>> + Send;
    /// The unit a member is enrolled under.
    fn unit_of(&self, member: Token) -> impl Future<Output = Answer<Option<Token>>> + Send;
}

// ---- intake -----------------------------------------------------------------

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
    /// The claim.
    pub sealed: Sealed,
}

/// One submission: what it came to when it was first seen is what it comes to
/// ever after.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Of submitter and interchange.
    pub token: Token,
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
    /// queue. One that was seen changes nothing and gives the first result. A
    /// claim that came with another submission: [`StoreError::Fenced`].
    fn accept(&self, submission: &Submission)
    -> impl Future<Output = Answer<SubmissionRow>> + Send;
}

// ---- work -------------------------------------------------------------------

/// A claim waiting to be adjudicated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The claim.
    pub claim: ClaimId,
    /// Its unit.
    pub unit: Token,
    /// Its number in the unit, from 1.
    pub sequence: u64,
    /// The version of the contract it was resolved with.
    pub contract: Option<u32>,
    /// How often a host fault stopped it.
    pub attempts: u32,
    /// The claim.
    pub sealed: Sealed,
}

/// Names an accumulator of a unit in one period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccumulatorName {
    /// The member it is of; `None` for the family's.
    pub member: Option<Token>,
    /// The product.
    pub product: String,
    /// The accumulator.
    pub name: String,
    /// First day of the period.
    pub period: ServiceDate,
}

/// A balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccumulatorRow {
    /// The accumulator.
    pub name: AccumulatorName,
    /// What has accumulated: minor units, or a count.
    pub used: i64,
}

/// What a unit has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// The unit.
    pub unit: Token,
    /// The sequence number of its last adjudicated claim; zero before the first.
    pub done: u64,
    /// Its balances, in order of their names.
    pub accumulators: Vec<AccumulatorRow>,
    /// The lines of its earlier claims, a payload a claim, in sequence.
    pub history: Vec<Sealed>,
}

/// A group of facts of one detector that are judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The detector.
    pub detector: DetectorId,
    /// The token of the fact's key.
    pub key: Token,
}

/// A fact a detector remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRow {
    /// Its group.
    pub group: Group,
    /// The claim.
    pub claim: ClaimId,
    /// The line.
    pub line: u16,
    /// The fact.
    pub sealed: Sealed,
}

/// A flag as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagRow {
    /// Its id.
    pub id: FlagId,
    /// The pattern's name.
    pub pattern: String,
    /// 0 to 1000.
    pub score: u16,
    /// The first date of service in it.
    pub first_seen: ServiceDate,
    /// The last date of service in it.
    pub last_seen: ServiceDate,
    /// The money at stake.
    pub exposure: Money,
    /// The claims that make it.
    pub claims: Vec<ClaimId>,
    /// Its members.
    pub members: Vec<Token>,
    /// Its providers.
    pub providers: Vec<Token>,
    /// The flag, and the salt of its commitment.
    pub sealed: Sealed,
    /// The commitment, which goes to the ledger in a padded batch.
    pub commitment: Commitment,
}

/// All flags of a group as they now are; those it had and has no more are
/// withdrawn. A flag whose `commitment` is already stored stays as it is: if it
/// was withdrawn, it stands again, with the place it had in the log.
#[derive(Debug, Clone)]
pub struct FlagChange {
    /// The group; of a policy's findings, the claim they are of.
    pub group: FlagGroup,
    /// The flags.
    pub flags: Vec<FlagRow>,
}

/// Whose flags are replaced together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlagGroup {
    /// A detector's.
    Facts(Group),
    /// Findings of the policy on a claim.
    Findings(ClaimId),
}

/// A claim adjudicated.
#[derive(Debug, Clone)]
pub struct Adjudicated {
    /// The claim.
    pub claim: ClaimId,
    /// Its unit.
    pub unit: Token,
    /// Its number in the unit.
    pub sequence: u64,
    /// Paid, denied or pended.
    pub status: Status,
    /// Charge.
    pub charge: Money,
    /// Allowed.
    pub allowed: Money,
    /// Paid.
    pub paid: Money,
    /// The patient's.
    pub patient: Money,
    /// The policy that was run.
    pub policy: Option<[u8; 32]>,
    /// SHA-256 of the outcome bytes.
    pub outcome_hash: [u8; 32],
    /// All that was decided, under the claim's key.
    pub record: Sealed,
    /// Its lines for later claims of the unit, under the claim's key.
    pub history: Sealed,
    /// The balances it moved: name, before, after.
    pub movements: Vec<(AccumulatorName, i64, i64)>,
    /// Its entry for the ledger.
    pub entry: Vec<u8>,
}

/// Everything a batch of claims came to. There may be no claims: facts are
/// stated again, and flags change, without one.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The claims, a unit's in sequence.
    pub claims: Vec<Adjudicated>,
    /// Groups that were judged, each with how many facts it had before this
    /// batch: one that has another number by now is fenced.
    pub groups: Vec<(Group, u64)>,
    /// New facts, and facts stated again: one of the same group, claim and
    /// line replaces what is stored.
    pub facts: Vec<FactRow>,
    /// Flags that changed.
    pub flags: Vec<FlagChange>,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Claims that can be adjudicated.
    pub ready: u64,
    /// Claims set aside after host faults.
    pub held: u64,
    /// Claims that wait behind those of their unit.
    pub behind: u64,
}

/// Adjudicating what is queued.
pub trait Work {
    /// The next claims of a partition, in order, without those set aside and
    /// those that come after one in their unit.
    fn next(&self, partition: u32, limit: u32) -> impl Future<Output = Answer<Vec<Queued>>> + Send;
    /// The state of units, in the order asked.
    fn units(&self, units: &[Token]) -> impl Future<Output = Answer<Vec<UnitState>>> + Send;
    /// All facts of groups, by group as asked, then by claim and line.
    fn facts(&self, groups: &[Group]) -> impl Future<Output = Answer<Vec<FactRow>>> + Send;
    /// The flags that stand in groups, by group as asked.
    fn flags_in(
        &self,
        groups: &[FlagGroup],
    ) -> impl Future<Output = Answer<Vec<(FlagGroup, FlagRow)>>> + Send;
    /// Commits a batch in one transaction and takes its claims off the queue.
    ///
    /// A claim that has an outcome, or is set aside or behind one that is; a
    /// sequence number that is not the unit's next; a balance that is not the
    /// one before (zero before the first); a group that has not as many facts
    /// as when it was judged: [`StoreError::Fenced`], and nothing has changed.
    /// Of two changes of a group of flags, the later holds; so of two facts of
    /// the same group, claim and line.
    fn commit(&self, batch: &Batch) -> impl Future<Output = Answer<()>> + Send;
    /// Counts a host fault of a claim; at `limit` it is set aside. Answers
    /// whether it is; never, when it is not in the queue.
    fn failed(&self, claim: ClaimId, limit: u32) -> impl Future<Output = Answer<bool>> + Send;
    /// Makes claims that were set aside ready again, and those behind them,
    /// with no attempts counted. Answers how many were set aside.
    fn release(&self) -> impl Future<Output = Answer<u64>> + Send;
    /// What waits.
    fn waiting(&self) -> impl Future<Output = Answer<Waiting>> + Send;
}

// ---- the log ----------------------------------------------------------------

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
    /// Appends, in one transaction; [`StoreError::Fenced`] when the log is not
    /// of the size it starts from, when what comes from the outbox is not what
    /// waits there, from the front and in order, or when a flag has a place
    /// already. What came from the outbox leaves it, and its claim, policy or
    /// flags learn their place. Without leaves, only the checkpoint is new.
    fn integrate(&self, integration: &Integration) -> impl Future<Output = Answer<()>> + Send;
    /// Nodes, as asked by level and index; `None` where there is none.
    fn nodes(&self, nodes: &[(u8, u64)]) -> impl Future<Output = Answer<Vec<Option<Hash>>>> + Send;
    /// Entries from an index on.
    fn entries(&self, from: u64, limit: u32) -> impl Future<Output = Answer<Vec<Vec<u8>>>> + Send;
}

// ---- policies ---------------------------------------------------------------

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
    /// Stores a policy and its entry for the ledger. One whose entry is stored
    /// changes nothing.
    fn publish(&self, policy: &NewPolicy) -> impl Future<Output = Answer<()>> + Send;
    /// Every publication, in order.
    fn publications(&self) -> impl Future<Output = Answer<Vec<PolicyRow>>> + Send;
    /// A component by its hash.
    fn component(&self, hash: [u8; 32]) -> impl Future<Output = Answer<Option<Vec<u8>>>> + Send;
}

// ---- reading ----------------------------------------------------------------

/// A claim and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// The claim.
    pub id: ClaimId,
    /// Its unit.
    pub unit: Token,
    /// Its number in the unit.
    pub sequence: u64,
    /// The version of the contract it was resolved with.
    pub contract: Option<u32>,
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
    /// The claim.
    pub sealed: Sealed,
    /// What it came to; `None` while it waits.
    pub outcome: Option<OutcomeRow>,
}

/// What a claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRow {
    /// Paid, denied or pended.
    pub status: Status,
    /// Allowed.
    pub allowed: Money,
    /// Paid.
    pub paid: Money,
    /// The patient's.
    pub patient: Money,
    /// The policy that was run.
    pub policy: Option<[u8; 32]>,
    /// SHA-256 of the outcome bytes.
    pub outcome_hash: [u8; 32],
    /// All that was decided.
    pub record: Sealed,
    /// The index of its entry; `None` while it waits in the outbox.
    pub leaf: Option<u64>,
}

/// Which claims to list; every field narrows.
#[derive(Debug, Clone, Default)]
pub struct ClaimFilter {
    /// With this status.
    pub status: Option<Status>,
    /// Of this member.
    pub member: Option<Token>,
    /// Of this unit.
    pub unit: Option<Token>,
    /// Of this billing provider.
    pub provider: Option<Token>,
    /// Only those with an id above.
    pub after: Option<ClaimId>,
    /// At most so many; zero is no limit.
    pub limit: u32,
}

/// Which flags to list; every field narrows.
#[derive(Debug, Clone, Default)]
pub struct FlagFilter {
    /// This one.
    pub id: Option<FlagId>,
    /// Of this pattern.
    pub pattern: Option<String>,
    /// Of this provider.
    pub provider: Option<Token>,
    /// Of this member.
    pub member: Option<Token>,
    /// With this claim.
    pub claim: Option<ClaimId>,
    /// Last seen on or after.
    pub from: Option<ServiceDate>,
    /// First seen on or before.
    pub through: Option<ServiceDate>,
    /// With at least this score.
    pub score: Option<u16>,
    /// At most so many; zero is no limit.
    pub limit: u32,
}

/// A flag, and where it is committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagListed {
    /// The flag.
    pub row: FlagRow,
    /// Its entry and slot; `None` while it waits for a batch.
    pub place: Option<(u64, u16)>,
}

/// Sums over everything adjudicated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Claims read in all submissions.
    pub read: u64,
    /// Claims refused.
    pub refused: u64,
    /// Claims paid.
    pub paid: u64,
    /// Claims denied.
    pub denied: u64,
    /// Claims pended.
    pub pended: u64,
    /// Flags that stand.
    pub flags: u64,
    /// Sum of charges of what was adjudicated.
    pub charge: Money,
    /// Sum allowed.
    pub allowed: Money,
    /// Sum paid.
    pub paid_amount: Money,
    /// Sum of the patients'.
    pub patient: Money,
}

/// Reading what was decided.
pub trait Reading {
    /// One claim.
    fn claim(&self, id: ClaimId) -> impl Future<Output = Answer<Option<ClaimRow>>> + Send;
    /// Claims in order of their ids.
    fn claims(&self, filter: &ClaimFilter) -> impl Future<Output = Answer<Vec<ClaimRow>>> + Send;
    /// Every unit that has a claim, in order.
    fn all_units(&self) -> impl Future<Output = Answer<Vec<Token>>> + Send;
    /// A unit's claims in sequence.
    fn claims_of_unit(&self, unit: Token) -> impl Future<Output = Answer<Vec<ClaimRow>>> + Send;
    /// Flags that stand, the highest score first, then the latest, then by id.
    fn flags(&self, filter: &FlagFilter) -> impl Future<Output = Answer<Vec<FlagListed>>> + Send;
    /// Sums.
    fn totals(&self) -> impl Future<Output = Answer<Totals>> + Send;
}

// ---- audit ------------------------------------------------------------------

/// Who read or did what, to which record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What: a stable short name.
    pub action: String,
    /// To what: a claim's or flag's id, or a token in hexadecimal.
    pub subject: String,
}

/// The audit trail: it only grows.
pub trait Audit {
    /// Notes what was done, durably, before it is answered.
    fn note(&self, rows: &[AuditRow]) -> impl Future<Output = Answer<()>> + Send;
    /// The latest, newest first.
    fn audit(&self, limit: u32) -> impl Future<Output = Answer<Vec<AuditRow>>> + Send;
}

/// A whole store.
pub trait Store:
    Enrolment + Intake + Work + Log + Publications + Reading + Audit + Send + Sync
{
}

impl<T> Store for T where
    T: Enrolment + Intake + Work + Log + Publications + Reading + Audit + Send + Sync
{
}
