//! What waits, and what it came to.

use std::future::Future;

use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_core::fraud::DetectorId;
use tally_core::fraud::FlagId;
use tally_core::ledger::Commitment;
use tally_types::Money;
use tally_types::ServiceDate;

use super::{ActKind, Answer, AuditRow, Sealed, Token};

/// A claim waiting to be adjudicated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The claim.
    pub claim: ClaimId,
    /// Its unit.
    pub unit: Token,
    /// Its number in the unit, from 1.
    pub sequence: u64,
    /// The number of the claim before it in the unit, of those that were not
    /// discarded; zero for the first. Events may stand between.
    pub previous: u64,
    /// What it does to the unit's past, when it is an act.
    pub act: Option<ActKind>,
    /// The version of the contract it was resolved with.
    pub contract: Option<u32>,
    /// How often a host fault stopped it.
    pub attempts: u32,
    /// The W3C trace context it came with, where a broker stands between.
    pub trace: Option<String>,
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
    /// The lines of its earlier claims as they stand, a payload a place, in
    /// sequence.
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
    /// What is to be adjudicated, in order of arrival, which is in sequence
    /// within a unit: what is ready up to the claims asked of.
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
    /// The numbers of partitions that what is in the queue was given its
    /// partition by, in order.
    fn generations(&self) -> impl Future<Output = Answer<Vec<u32>>> + Send;
    /// Claims by their ids, with what is ready before them in their units: of
    /// all that, the first `limit` in order of arrival.
    fn take(&self, claims: &[ClaimId], limit: u32) -> impl Future<Output = Answer<Taken>> + Send;
    /// The state of units, in the order asked.
    fn units(&self, units: &[Token]) -> impl Future<Output = Answer<Vec<UnitState>>> + Send;
    /// The state of units as they stand, or stood when the number of their last
    /// adjudicated claim was this, in the order asked. Asked with the number
    /// before the first claim of a batch, which is what the batch is fenced by,
    /// it is what the batch follows on, or the batch is refused.
    fn units_at(
        &self,
        units: &[(Token, u64)],
    ) -> impl Future<Output = Answer<Vec<UnitState>>> + Send;
    /// Commits a batch in one transaction, takes its claims off the queue, and
    /// marks the groups of its facts to be judged.
    ///
    /// An act, a claim that has an outcome, or is set aside or behind one that is, or
    /// was discarded; one whose previous claim is not the unit's last
    /// adjudicated; a balance that is not the one before (zero before the
    /// first): [`StoreError::Fenced`](super::StoreError::Fenced), and nothing has changed. Of two facts of
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
    fn discard(&self, claim: ClaimId, note: &AuditRow)
    -> impl Future<Output = Answer<bool>> + Send;
    /// What waits.
    fn waiting(&self) -> impl Future<Output = Answer<Waiting>> + Send;
}
