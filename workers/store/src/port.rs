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

// ---- layout -----------------------------------------------------------------

/// What a store was set up as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the log.
    pub origin: String,
    /// How many partitions claims are queued in from now on.
    pub partitions: u32,
}

/// What every process on one store must agree on.
pub trait Layout {
    /// What the store was set up as; `None` before it was.
    fn identity(&self) -> impl Future<Output = Answer<Option<Identity>>> + Send;
    /// Sets up a store that is not; one that is keeps what it has. Answers what
    /// holds.
    fn set_up(&self, identity: &Identity) -> impl Future<Output = Answer<Identity>> + Send;
    /// Queues claims in another number of partitions from now on; what is
    /// queued keeps the partition it has, of the number it was given by.
    fn repartition(&self, partitions: u32) -> impl Future<Output = Answer<()>> + Send;
}

// ---- enrolment --------------------------------------------------------------

/// A contract to be stored, as its unit's next version.
#[derive(Debug, Clone)]
pub struct NewContract {
    /// The accumulation unit.
    pub unit: Token,
    /// Its members, the subscriber first.
    pub members: Vec<Token>,
    /// Whether members who are enrolled under another contract move to this
    /// one.
    pub moving: bool,
    /// The contract.
    pub sealed: Sealed,
    /// Groups of facts to be judged again, for what the contract says of its
    /// members.
    pub touched: Vec<Group>,
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

/// A member moved from one contract to another: an event in the order of both
/// units. Claims numbered before it stay where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRow {
    /// The unit in whose order it stands.
    pub unit: Token,
    /// Its number there: claims and events share the numbers.
    pub sequence: u64,
    /// Who moved.
    pub member: Token,
    /// The unit left.
    pub from: Token,
    /// The unit joined.
    pub to: Token,
}

/// Contracts and whose they are.
pub trait Enrolment {
    /// Stores a contract as a new version and answers the version. A member
    /// that the new version does not name stays with the unit. One who is
    /// enrolled under another moves, when they may, and both units get an
    /// event; otherwise [`StoreError::MemberElsewhere`].
    fn put_contract(&self, contract: &NewContract) -> impl Future<Output = Answer<u32>> + Send;
    /// A version of a unit's contract; the latest when none is said.
    fn contract(
        &self,
        unit: Token,
        version: Option<u32>,
    ) -> impl Future<Output = Answer<Option<ContractRow>>> + Send;
    /// The unit a member is enrolled under.
    fn unit_of(&self, member: Token) -> impl Future<Output = Answer<Option<Token>>> + Send;
    /// A unit's events, in order.
    fn events(&self, unit: Token) -> impl Future<Output = Answer<Vec<EventRow>>> + Send;
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
    /// The organisation that submits.
    pub submitter: String,
    /// The number of partitions that the claims' partitions are of.
    pub partitions: u32,
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
    /// queue. One that was seen changes nothing and gives the first result.
    ///
    /// A claim that came with another submission, a number of partitions that
    /// is not the store's, a claim with a contract that is not of the unit its
    /// member is enrolled under by now: [`StoreError::Fenced`], and nothing has
    /// changed. The store must have been set up.
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
    /// The number of the claim before it in the unit; zero for the first.
    /// Events may stand between.
    pub previous: u64,
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

/// Everything a batch of claims came to.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The claims, a unit's in sequence.
    pub claims: Vec<Adjudicated>,
    /// New facts: one of the same group, claim and line replaces what is
    /// stored. Their groups wait to be judged.
    pub facts: Vec<FactRow>,
    /// The policy's findings, as flags, of claims that have any.
    pub findings: Vec<(ClaimId, Vec<FlagRow>)>,
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
    /// Marks on groups of facts that are to be judged.
    pub unjudged: u64,
}

/// Claims found by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// What is to be adjudicated: of each unit that a claim was asked of, what
    /// is ready up to that claim, in sequence. In order of arrival.
    pub ready: Vec<Queued>,
    /// Those that have an outcome or were discarded.
    pub done: Vec<ClaimId>,
    /// Those that are set aside, or wait behind one that is.
    pub aside: Vec<ClaimId>,
    /// Those that this store does not know.
    pub unknown: Vec<ClaimId>,
}

/// A claim that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRow {
    /// The claim.
    pub claim: ClaimId,
    /// Its unit.
    pub unit: Token,
    /// Its number in the unit.
    pub sequence: u64,
    /// How often a host fault stopped it.
    pub attempts: u32,
    /// What stopped it last; nothing identifying in it.
    pub reason: String,
    /// Claims that wait behind it.
    pub behind: u64,
}

/// Adjudicating what is queued.
pub trait Work {
    /// The next claims of a partition, whatever number of partitions it is of,
    /// in order, without those set aside and those that come after one in
    /// their unit.
    fn next(&self, partition: u32, limit: u32) -> impl Future<Output = Answer<Vec<Queued>>> + Send;
    /// Claims by their ids, with what is ready before them in their units: the
    /// first of each unit, at most `limit` in all, which is at least one a
    /// unit.
    fn take(
        &self,
        claims: &[ClaimId],
        limit: u32,
    ) -> impl Future<Output = Answer<Taken>> + Send;
    /// The state of units, in the order asked.
    fn units(&self, units: &[Token]) -> impl Future<Output = Answer<Vec<UnitState>>> + Send;
    /// Commits a batch in one transaction, takes its claims off the queue, and
    /// marks the groups of its facts to be judged.
    ///
    /// A claim that has an outcome, or is set aside or behind one that is, or
    /// was discarded; one whose previous claim is not the unit's last
    /// adjudicated; a balance that is not the one before (zero before the
    /// first): [`StoreError::Fenced`], and nothing has changed. Of two facts of
    /// the same group, claim and line, the later holds.
    fn commit(&self, batch: &Batch) -> impl Future<Output = Answer<()>> + Send;
    /// Counts a host fault of a claim, and notes what it was; at `limit` it is
    /// set aside. Answers whether it is; never, when it is not in the queue.
    fn failed(
        &self,
        claim: ClaimId,
        limit: u32,
        reason: &str,
    ) -> impl Future<Output = Answer<bool>> + Send;
    /// Claims that are set aside, in order of arrival.
    fn held(&self) -> impl Future<Output = Answer<Vec<HeldRow>>> + Send;
    /// Makes a claim that was set aside ready again, or all of them, and those
    /// behind, with no attempts counted. Answers how many were set aside.
    fn release(&self, claim: Option<ClaimId>) -> impl Future<Output = Answer<u64>> + Send;
    /// Gives up a claim that is set aside, with an entry in the audit trail: it
    /// never has an outcome, its number is closed, and those behind it are
    /// ready. Answers whether it was set aside.
    fn discard(
        &self,
        claim: ClaimId,
        note: &AuditRow,
    ) -> impl Future<Output = Answer<bool>> + Send;
    /// What waits.
    fn waiting(&self) -> impl Future<Output = Answer<Waiting>> + Send;
}

// ---- detection --------------------------------------------------------------

/// A group of facts that is to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// The group.
    pub group: Group,
    /// Every mark on it, in order: a fact was added, or something its facts
    /// are judged by has changed.
    pub marks: Vec<i64>,
}

/// A group that was judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The group.
    pub group: Group,
    /// The marks that were there before its facts were read.
    pub marks: Vec<i64>,
    /// All flags of the group as they now are; those it had and has no more
    /// are withdrawn. A flag whose `commitment` is already stored stays as it
    /// is: if it was withdrawn, it stands again, with the place it had in the
    /// log.
    pub flags: Vec<FlagRow>,
}

/// Judging groups of facts. Adjudication marks them and goes on; whoever
/// judges looks at all facts of a group, so that what is flagged is a function
/// of the set of claims.
pub trait Detection {
    /// Groups that are marked, the one marked first in front.
    fn unjudged(&self, limit: u32) -> impl Future<Output = Answer<Vec<Unjudged>>> + Send;
    /// All facts of groups, by group as asked, then by claim and line.
    fn facts(&self, groups: &[Group]) -> impl Future<Output = Answer<Vec<FactRow>>> + Send;
    /// The flags that stand in groups, by group as asked.
    fn flags_in(
        &self,
        groups: &[FlagGroup],
    ) -> impl Future<Output = Answer<Vec<(FlagGroup, FlagRow)>>> + Send;
    /// Replaces the flags of groups and takes the marks off, in one
    /// transaction. A mark that is gone means that somebody else judged the
    /// group meanwhile: [`StoreError::Fenced`], and nothing has changed.
    fn judge(&self, judged: &[Judged]) -> impl Future<Output = Answer<()>> + Send;
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
    /// The number of the claim before it in the unit; zero for the first.
    pub previous: u64,
    /// The organisation that submitted it.
    pub submitter: String,
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
    /// What it came to; `None` while it waits, and when it was discarded.
    pub outcome: Option<OutcomeRow>,
    /// Whether it was discarded: it never comes to anything.
    pub discarded: bool,
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
    /// Submitted by this organisation.
    pub submitter: Option<String>,
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
    /// Claims by their ids, in the order asked; those not known are left out.
    fn claims_by_id(&self, ids: &[ClaimId]) -> impl Future<Output = Answer<Vec<ClaimRow>>> + Send;
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

// ---- the broker's side ------------------------------------------------------

/// A claim to be published to its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch {
    /// The claim.
    pub claim: ClaimId,
    /// The number of partitions its partition is of.
    pub partitions: u32,
    /// Its partition.
    pub partition: u32,
}

/// A claim decided, to be told to whoever submitted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRow {
    /// Its place: results are told in this order.
    pub id: i64,
    /// The claim.
    pub claim: ClaimId,
    /// The organisation that submitted it.
    pub submitter: String,
    /// Paid, denied or pended.
    pub status: Status,
    /// SHA-256 of the outcome bytes.
    pub outcome_hash: [u8; 32],
}

/// What a store does beside a message broker. The store is the truth: what the
/// broker holds can be published again from it.
pub trait Relay {
    /// Claims that are ready and not published, in order of arrival.
    fn unpublished(&self, limit: u32) -> impl Future<Output = Answer<Vec<Dispatch>>> + Send;
    /// Notes that the broker has them.
    fn published(&self, claims: &[ClaimId]) -> impl Future<Output = Answer<()>> + Send;
    /// Counts as not published what of a partition is ready and was published
    /// longer ago than so many seconds: the broker has lost it. Answers how
    /// many.
    fn lost(
        &self,
        partitions: u32,
        partition: u32,
        seconds: u32,
    ) -> impl Future<Output = Answer<u64>> + Send;
    /// The numbers of partitions that claims in the queue were given by.
    fn generations(&self) -> impl Future<Output = Answer<Vec<u32>>> + Send;
    /// Results that were not told yet, in order.
    fn results(&self, limit: u32) -> impl Future<Output = Answer<Vec<ResultRow>>> + Send;
    /// Notes that they were told.
    fn told(&self, ids: &[i64]) -> impl Future<Output = Answer<()>> + Send;
    /// Counts, before claims are tried again that were delivered before, that
    /// something may have died of them. Answers the count of each, as asked;
    /// zero for one that is not in the queue.
    fn suspect(&self, claims: &[ClaimId]) -> impl Future<Output = Answer<Vec<u32>>> + Send;
    /// Notes that a worker lives, and answers all that were heard of in so many
    /// seconds by the database's clock, in order of their names.
    fn alive(
        &self,
        worker: &str,
        seconds: u32,
    ) -> impl Future<Output = Answer<Vec<String>>> + Send;
    /// Forgets a worker that ends.
    fn ended(&self, worker: &str) -> impl Future<Output = Answer<()>> + Send;
}

/// A message that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// Names the message: one that is stored already is stored once.
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

/// A whole store.
pub trait Store:
    Layout
    + Enrolment
    + Intake
    + Work
    + Detection
    + Log
    + Publications
    + Reading
    + Audit
    + Send
    + Sync
{
}

impl<T> Store for T where
    T: Layout
        + Enrolment
        + Intake
        + Work
        + Detection
        + Log
        + Publications
        + Reading
        + Audit
        + Send
        + Sync
{
}
