//! Contracts, whose they are, and moves between them.

use std::future::Future;

use super::{Answer, Group, Sealed, Token};

/// A contract to be stored, as its unit's next version.
#[derive(Debug, Clone)]
pub struct NewContract {
    /// The accumulation unit.
    pub unit: Token,
    /// Its members, the subscriber first.
    pub members: Vec<Token>,
    /// Those that it names for days that are over, and who are covered under another
    /// contract since: they stay there.
    pub left: Vec<Token>,
    /// Whether members who are enrolled under another contract move to this
    /// one.
    pub moving: bool,
    /// The contract.
    pub sealed: Sealed,
    /// How many events the requests of its members had come to: what is on file of
    /// them is in it.
    pub events: u32,
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
    /// event; otherwise [`StoreError::MemberElsewhere`](super::StoreError::MemberElsewhere).
    /// Fenced when more happened to its members' requests than it knows of.
    fn put_contract(&self, contract: &NewContract) -> impl Future<Output = Answer<u32>> + Send;
    /// Versions of units' contracts, the latest where none is said, in the order
    /// asked.
    fn contracts(
        &self,
        of: &[(Token, Option<u32>)],
    ) -> impl Future<Output = Answer<Vec<Option<ContractRow>>>> + Send;
    /// The units members are enrolled under, in the order asked.
    fn units_of(
        &self,
        members: &[Token],
    ) -> impl Future<Output = Answer<Vec<Option<Token>>>> + Send;
    /// The units that members were covered under before, in the order asked: those
    /// they moved from, and those whose contracts named them as having left.
    fn units_before(
        &self,
        members: &[Token],
    ) -> impl Future<Output = Answer<Vec<Vec<Token>>>> + Send;
    /// A unit's events, in order.
    fn events(&self, unit: Token) -> impl Future<Output = Answer<Vec<EventRow>>> + Send;
}
