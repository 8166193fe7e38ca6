//! From a claim to an outcome that balances.

mod contract;
mod describe;
mod fault;
mod flow;
mod history;
mod outcome;
mod questions;
pub mod reasons;
mod rules;
#[cfg(test)]
mod tests;

pub use contract::{
    Accumulator, AccumulatorPeriod, AccumulatorScope, AccumulatorUnit, Adjustment, Balance, Clause,
    Context, ContextAuthorization, ContextLine, ContextMember, DatedLimit, Description,
    Determination, Finding, LineDetermination, Pattern, Pend, PendReason, Posting, Verdict,
};
pub use describe::{DescriptionError, DescriptionLimits};
pub use fault::{ContractFault, TrapKind};
pub use flow::{
    AccumulatorKey, Balances, Decision, DeterminationLimits, Inputs, Movement, Policies,
    PolicyInForce, Run, Settled, decide, period_start, settle,
};
pub use history::{LineState, PastLine, answer, remaining};
pub use outcome::{
    Flagged, LineOutcome, Outcome, OutcomeAdjustment, OutcomeError, OutcomePosting, Settlement,
    Status,
};
pub use questions::{Answers, Exchange, Measure, Question, TableKey, TableRow, Transcript};
pub use rules::EngineRule;
