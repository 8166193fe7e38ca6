//! From a claim to an outcome that balances, in two steps around the sandbox:
//! [`decide`] applies the engine's own rules and makes the policy's context,
//! [`settle`] checks the policy's determination and makes the outcome.
//!
//! Both are functions of their arguments: the same claim, enrolment, policies,
//! history and balances give the same outcome bytes anywhere.

mod act;
mod again;
mod context;
mod contract;
mod decide;
mod describe;
mod fault;
mod history;
mod line;
mod others;
mod outcome;
mod questions;
pub mod reasons;
mod retro;
mod rules;
mod settle;
#[cfg(test)]
pub(crate) mod tests;

pub use act::{Act, ActKind, Review};
pub use again::{NotAgain, alone_again, run_again};
pub use context::{
    Balance, Context, ContextAuthorization, ContextDetail, ContextInstitutional, ContextLine,
    ContextMember, ContextPayer,
};
pub use contract::{
    Accumulator, AccumulatorPeriod, AccumulatorScope, AccumulatorUnit, Adjustment, Clause,
    CostStep, DatedLimit, Description, Determination, Finding, LineDetermination, Pattern, Pend,
    PendReason, Posting, Verdict,
};
pub use decide::{
    AccumulatorKey, Balances, Decision, Inputs, Movement, Policies, PolicyInForce, Run, Settled,
    decide, key_of, past_lines, period_start,
};
pub use describe::{DescriptionError, DescriptionLimits};
pub use fault::{ContractFault, TrapKind};
pub use history::{LineState, PastLine, Use, answer, is_counted, remaining, uses};
pub use line::{LineOutcome, OutcomeAdjustment, OutcomeError, OutcomePosting};
pub use outcome::{Flagged, Outcome, Settlement, Status};
pub use questions::{Answers, Exchange, Measure, Question, TableKey, TableRow, Transcript};
pub use retro::{Change, Nothing, Now, Place, Readjudication, readjudicate};
pub use rules::EngineRule;
pub use settle::{DeterminationLimits, OverLimit, over_limits, settle, settle_by_hand};
