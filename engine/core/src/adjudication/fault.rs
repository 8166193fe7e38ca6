//! Contract faults: what a policy did that its contract forbids. They are
//! deterministic, so their text may stand in an outcome.

use thiserror::Error;

use super::line::OutcomeError;
use super::rules::EngineRule;

/// Why a policy stopped without an answer. A trap's own text belongs to the
/// machine that ran it, so each kind has one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TrapKind {
    /// It reached what should never be reached: a panic, usually.
    #[error("it gave up (unreachable)")]
    Unreachable,
    /// Memory out of bounds.
    #[error("it reached outside its memory")]
    Memory,
    /// A table out of bounds, a null or wrongly typed indirect call.
    #[error("it called a function that is not there")]
    Call,
    /// Division by zero or integer overflow.
    #[error("its arithmetic failed")]
    Arithmetic,
    /// Anything else the machine forbids.
    #[error("it broke a rule of the machine")]
    Other,
}

/// A contract fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ContractFault {
    /// All fuel is used.
    #[error("the policy used all of its {limit} units of fuel")]
    OutOfFuel {
        /// The limit of its publication.
        limit: u64,
    },
    /// A trap.
    #[error("the policy stopped: {0}")]
    Trap(TrapKind),
    /// An answer or a question cannot be read as the interface says.
    #[error("the policy handed over what is no value of the interface, or over 1,048,576 bytes")]
    BadAnswer,
    /// Too much data in or out of the sandbox.
    #[error("the policy moved more than {limit} bytes across its boundary")]
    TooMuchData {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A code, date or table that has no meaning.
    #[error("the policy asked about a {what} that has no meaning")]
    BadQuestion {
        /// A table, code or date.
        what: &'static str,
    },
    /// Lines missing, doubled, foreign or out of order.
    #[error("{}", wrong_lines(*.expected, *.found))]
    WrongLines {
        /// The line that comes next in the context; zero after the last.
        expected: u16,
        /// The line determined; zero when there is none.
        found: u16,
    },
    /// Something not declared.
    #[error("line {line}: {what} {index} is not declared")]
    BadIndex {
        /// The line, or zero for the claim.
        line: u16,
        /// Clause, accumulator, pend reason, pattern, line or score.
        what: &'static str,
        /// What was named.
        index: u16,
    },
    /// Too many of something.
    #[error("line {line}: {found} {what} are more than {limit}")]
    TooMany {
        /// The line, or zero for the claim.
        line: u16,
        /// Adjustments, postings or findings.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Amounts that are not an outcome.
    #[error(transparent)]
    Unbalanced(#[from] OutcomeError),
    /// A posting of nothing or less, or past the limit.
    #[error("line {line}: {amount} added to {used} of accumulator {accumulator} breaks its limit")]
    OverLimit {
        /// The line.
        line: u16,
        /// The accumulator's position.
        accumulator: u16,
        /// The balance before.
        used: i64,
        /// What was to be added.
        amount: i64,
    },
}

fn wrong_lines(expected: u16, found: u16) -> String {
    match (expected, found) {
        (0, found) => format!("line {found} was determined, which the claim does not have"),
        (expected, 0) => format!("line {expected} was not determined"),
        _ => format!("line {expected} was to be determined next, not line {found}"),
    }
}

impl ContractFault {
    /// The numbered rule this fault is of.
    #[must_use]
    pub fn rule(&self) -> EngineRule {
        match self {
            Self::OutOfFuel { .. } => EngineRule::OutOfFuel,
            Self::Trap(_) => EngineRule::Trap,
            Self::BadAnswer => EngineRule::BadAnswer,
            Self::TooMuchData { .. } => EngineRule::TooMuchData,
            Self::BadQuestion { .. } => EngineRule::BadQuestion,
            Self::WrongLines { .. } => EngineRule::WrongLines,
            Self::BadIndex { .. } => EngineRule::BadIndex,
            Self::TooMany { .. } => EngineRule::TooMany,
            Self::Unbalanced(_) => EngineRule::Unbalanced,
            Self::OverLimit { .. } => EngineRule::OverLimit,
        }
    }
}
