//! Reading what was decided.

use std::future::Future;
use std::ops::Range;

use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_core::fraud::FlagId;
use tally_types::Money;
use tally_types::ServiceDate;

use super::{ActRow, Answer, FlagRow, Sealed, Token};

/// A claim and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// The claim.
    pub id: ClaimId,
    /// Its unit.
    pub unit: Token,
    /// Its number in the unit.
    pub sequence: u64,
    /// The number of the claim before it in the unit, of those that were not
    /// discarded; zero for the first.
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
    /// What it came to last; `None` while it waits, and when it was discarded.
    pub outcome: Option<OutcomeRow>,
    /// What it does to the unit's past, when it is an act. Of all acts only a
    /// replacement is a claim that comes to something.
    pub act: Option<ActRow>,
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
    /// How often what the claim came to before was taken back.
    pub revision: u32,
    /// The act that took it back: it stands no more.
    pub gone: Option<ClaimId>,
}

/// Which claims to list; every field narrows. Acts that are no claims, and voids,
/// are not among them.
#[derive(Debug, Clone, Default)]
pub struct ClaimFilter {
    /// That stand with this status.
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
    /// Claims that stand paid.
    pub paid: u64,
    /// Claims that stand denied.
    pub denied: u64,
    /// Claims that stand pended.
    pub pended: u64,
    /// Flags that stand.
    pub flags: u64,
    /// Sum of charges of what stands.
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
    /// What the claims came to that a submitter sent or one of some providers billed, as
    /// entries of the log in a range, once each, in their order: at first, and again when it
    /// was decided anew. All entries of the range are walked, and no others.
    fn decided(
        &self,
        submitter: &str,
        providers: &[Token],
        entries: Range<u64>,
        limit: u32,
    ) -> impl Future<Output = Answer<Vec<(ClaimId, u64)>>> + Send;
    /// Every unit that has a claim or an event, in order.
    fn all_units(&self) -> impl Future<Output = Answer<Vec<Token>>> + Send;
    /// A unit's claims and acts in sequence.
    fn claims_of_unit(&self, unit: Token) -> impl Future<Output = Answer<Vec<ClaimRow>>> + Send;
    /// Flags that stand, the highest score first, then the latest, then by id.
    fn flags(&self, filter: &FlagFilter) -> impl Future<Output = Answer<Vec<FlagListed>>> + Send;
    /// Sums.
    fn totals(&self) -> impl Future<Output = Answer<Totals>> + Send;
}
