//! What an insurer's author writes a policy with.
//!
//! A policy is one function from a claim to a determination, and a description
//! of itself. It is compiled to WebAssembly and run, metered, in a fresh
//! instance for every claim; it reads nothing but the claim, its reference
//! tables and typed aggregates of the family's own history.
//!
//! ```
//! use tally_sdk::prelude::*;
//!
//! clauses! {
//!     /// What the plan pays for.
//!     COVERED = "1.1", "Covered services",
//!         "The plan pays 80 % of the charge of every covered service.";
//!     /// What the member pays.
//!     COINSURANCE = "1.2", "Coinsurance", "The member pays 20 %.";
//! }
//!
//! struct Simple;
//!
//! const PLAN: Plan = Plan {
//!     product: "simple",
//!     title: "The simplest plan",
//!     version: "1",
//!     clauses: clause::ALL,
//!     accumulators: &[],
//!     tables: &[],
//!     pend_reasons: &[],
//!     patterns: &[],
//!     cost_share: &[],
//!     rounding: Rounding::HalfUp,
//! };
//!
//! #[policy]
//! impl Policy for Simple {
//!     const PLAN: &'static Plan = &PLAN;
//!
//!     fn adjudicate(claim: &Claim) -> Determination {
//!         let mut balances = Balances::of(claim, Self::PLAN);
//!         Determination::settled(claim.lines.iter().map(|line| {
//!             let mut work = LineWork::begin(line, clause::COVERED);
//!             work.coinsurance(
//!                 &mut balances,
//!                 Rate::percent(20),
//!                 Rounding::HalfUp,
//!                 CostShare::NONE,
//!                 clause::COINSURANCE,
//!             );
//!             work.finish()
//!         }))
//!     }
//! }
//! ```
//!
//! Natively the same code runs in unit tests, with [`mock`] answering its
//! questions; worked cases run the real component.
//!
//! What there is, by what it is for:
//! - a line's way from charge to payment: [`LineWork`], [`Balances`];
//! - prices: [`fees`] of professional services, [`pricing`] of institutional
//!   ones, [`mod@reference`] tables;
//! - what is not paid whatever the benefit: [`edits`], [`filing`] windows;
//! - cost sharing and what it counts toward: [`Sharing`], [`accrual`];
//! - other payers: [`cob`], with their order;
//! - what came before: [`history`]; what comes late: [`interest`].
//!
//! What the sandbox refuses of any policy, an author meets at once: floats,
//! functions that call themselves (the standard library's sorts do:
//! [`sort_by_key`] does not), and anything of an operating system.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;
// The generated code and the macros name this crate as a policy does.
extern crate self as tally_sdk;

#[doc(hidden)]
pub mod abi;
pub mod accrual;
#[cfg(target_arch = "wasm32")]
mod allocator;
mod benefits;
mod claim;
pub mod cob;
mod codes;
pub mod edits;
pub mod fees;
pub mod history;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
mod order;
mod plan;
pub mod pricing;
pub mod reference;

pub use accrual::{Accrual, Aggregate, CostShare, CoverageTier, Embedded, Network};
pub use benefits::{Balances, Coordinated, CopayOrder, LineWork, Sharing};
pub use claim::{
    Accident, Adjustment, Authorization, Balance, Claim, ClaimKind, Determination, Drug, Finding,
    Institutional, Line, LineDetermination, Member, Payer, Posting, PriorAdjustment, PriorLine,
    Relationship, Sex, Tooth, Verdict,
};
#[doc(hidden)]
pub use codes::Found as __Found;
pub use order::sort_by_key;
pub use plan::{
    Accumulator, AccumulatorId, Clause, ClauseId, CostStep, Denial, Pattern, PatternId, PendId,
    PendReason, Period, Plan, Policy, Scope, TableId, Unit, amount, date,
};
/// Anywhere but on `impl Policy for YourPlan` it does not compile:
///
/// ```compile_fail
/// #[tally_sdk::policy]
/// struct NotAnImplementation;
/// ```
///
/// It takes no arguments:
///
/// ```compile_fail
/// # use tally_sdk::prelude::*;
/// # struct Simple;
/// #[policy(strict)]
/// impl Policy for Simple {
///     const PLAN: &'static Plan = todo!();
///     fn adjudicate(_: &Claim) -> Determination { todo!() }
/// }
/// ```
pub use tally_macros::policy;
pub use tally_types::{
    Carc, Code, CodeSystem, Group, Money, Quantity, Rate, Rounding, ServiceDate, ShortCode,
    UnitPrice, filing, interest,
};

/// Everything a policy uses.
pub mod prelude {
    #[doc(no_inline)]
    pub use alloc::vec::Vec;

    pub use crate::{
        Accrual, Accumulator, AccumulatorId, Aggregate, Balances, Carc, Claim, ClaimKind, Clause,
        ClauseId, Code, CodeSystem, CopayOrder, CostShare, CostStep, CoverageTier, Denial,
        Determination, Embedded, Finding, Group, Line, LineDetermination, LineWork, Member, Money,
        Network, Pattern, PatternId, PendId, PendReason, Period, Plan, Policy, Quantity, Rate,
        Relationship, Rounding, Scope, ServiceDate, Sex, Sharing, ShortCode, TableId, Unit,
        UnitPrice, accrual, accumulators, amount, clauses, cob, codes, date, edits, fees, filing,
        history, patterns, pend_reasons, policy, pricing, reference, sort_by_key, tables,
    };
}
