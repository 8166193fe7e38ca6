//! From a claim to an outcome that balances.

mod contract;
mod outcome;
pub mod reasons;

pub use contract::{
    Accumulator, AccumulatorPeriod, AccumulatorScope, AccumulatorUnit, Adjustment, Balance, Clause,
    Context, ContextAuthorization, ContextLine, ContextMember, DatedLimit, Description,
    Determination, Finding, LineDetermination, Pattern, Pend, PendReason, Posting, Verdict,
};
pub use outcome::{
    Flagged, LineOutcome, Outcome, OutcomeAdjustment, OutcomeError, OutcomePosting, Settlement,
    Status,
};
