//! Acts: what changes the past of a unit, in its order. What was decided is
//! never rewritten; what stands now is the last of what came to be.

use std::future::Future;

use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_types::Money;

use super::{
    AccumulatorName, Adjudicated, Answer, FactRow, FlagRow, Group, OutcomeRow, Sealed, Token,
};

/// Kinds of acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActKind {
    /// A sender takes a claim back.
    Void,
    /// A sender puts another claim in the place of one.
    Replacement,
    /// A payer decides all claims of the unit anew.
    Readjudication,
    /// A payer settles a claim by hand.
    Review,
}

impl ActKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Void,
        Self::Replacement,
        Self::Readjudication,
        Self::Review,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::Replacement => "replacement",
            Self::Readjudication => "readjudication",
            Self::Review => "review",
        }
    }
}

/// An act to be sequenced and queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewAct {
    /// What it does.
    pub kind: ActKind,
    /// The claim that it names, of the same unit.
    pub original: Option<ClaimId>,
}

/// An act, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActRow {
    /// What it does.
    pub kind: ActKind,
    /// The claim that it names.
    pub original: Option<ClaimId>,
    /// What it came to; `None` while it waits.
    pub done: Option<Sealed>,
}

/// What a claim is decided to, another time.
#[derive(Debug, Clone)]
pub struct Decided {
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
    /// Its entry for the ledger.
    pub entry: Vec<u8>,
}

/// What a claim came to is taken back, and something put in its place or not.
#[derive(Debug, Clone)]
pub struct Revised {
    /// The claim.
    pub claim: ClaimId,
    /// The reversal, with its salt, under the claim's key.
    pub reversal: Sealed,
    /// The reversal's entry for the ledger.
    pub reversal_entry: Vec<u8>,
    /// What the claim comes to from now on; `None` when it stands no more.
    pub now: Option<Decided>,
}

/// What changes at a place of a unit's order.
#[derive(Debug, Clone)]
pub enum Change {
    /// A claim that stood there.
    Revised(Box<Revised>),
    /// The act itself, which is a claim, comes to stand there. Its own history has
    /// no lines and it moves no balances: the act does.
    Own(Box<Adjudicated>),
}

/// All that an act comes to.
#[derive(Debug, Clone)]
pub struct ActDone {
    /// The act.
    pub act: ClaimId,
    /// Its unit.
    pub unit: Token,
    /// Its number in the unit.
    pub sequence: u64,
    /// What it came to, under its own key.
    pub record: Sealed,
    /// What changes, in the order of the places: entries go to the ledger in this
    /// order, a reversal before what follows it.
    pub changes: Vec<Change>,
    /// The lines, as later claims see them, of the places that changed: the number
    /// of the place, and the lines.
    pub histories: Vec<(u64, Sealed)>,
    /// The balances it moves: name, before, after.
    pub movements: Vec<(AccumulatorName, i64, i64)>,
    /// New facts.
    pub facts: Vec<FactRow>,
    /// Facts that are no more: of claims that stand no more.
    pub forgotten: Vec<(Group, ClaimId, u16)>,
    /// The policies' findings of what changed; none for what stands no more.
    pub findings: Vec<(ClaimId, Vec<FlagRow>)>,
}

/// One time that what a claim came to was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRow {
    /// The claim.
    pub claim: ClaimId,
    /// The how-manieth time, from 1.
    pub number: u32,
    /// The act that did it.
    pub act: ClaimId,
    /// The act's number in the unit.
    pub sequence: u64,
    /// The reversal, with its salt.
    pub reversal: Sealed,
    /// The index of the reversal's entry; `None` while it waits in the outbox.
    pub reversal_leaf: Option<u64>,
    /// What took its place, for the same claim.
    pub now: Option<OutcomeRow>,
}

/// Acts.
pub trait Acts {
    /// Commits what an act comes to, in one transaction, and takes it off the
    /// queue. Fenced as [`Work::commit`](super::Work::commit) is, and when the act
    /// was done before.
    fn commit_act(&self, done: &ActDone) -> impl Future<Output = Answer<()>> + Send;
    /// All revisions of a unit's claims, in the order in which they came about.
    fn revisions(&self, unit: Token) -> impl Future<Output = Answer<Vec<RevisionRow>>> + Send;
    /// What a unit's claims that have revisions came to at first, in their order.
    fn first_outcomes(
        &self,
        unit: Token,
    ) -> impl Future<Output = Answer<Vec<(ClaimId, OutcomeRow)>>> + Send;
}
