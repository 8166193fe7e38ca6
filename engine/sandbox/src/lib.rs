//! The sandbox: proves a policy harmless, and runs it, metered, in a fresh
//! instance for every claim. The only user of wasmtime.
//!
//! ```text
//! bytes --prove--> Proven --Sandbox::load--> Policy --Policy::run--> Ran
//! ```
//!
//! One [`Sandbox`] serves all threads. It holds [`Limits::CONCURRENT`] slots:
//! whoever calls while all are taken is told so ([`HostFault::Busy`]) rather
//! than made to wait, so a caller runs no more threads than there are slots.
//!
//! Three kinds of failure are kept apart: what a policy decides (a
//! determination), how it breaks its contract ([`ContractFault`], which is
//! deterministic and pends the claim), and what went wrong with the host
//! ([`HostFault`], which says nothing of the claim and is tried again).
//!
//! [`ContractFault`]: tally_core::adjudication::ContractFault

mod bindings;
mod calls;
mod config;
mod faults;
mod limits;
mod machine;
mod module;
mod proof;
mod state;

pub use faults::HostFault;
pub use limits::{ABI, FUEL_COST_TABLE, Limits};
pub use machine::{Backend, LoadError, Policy, Ran, Sandbox};
pub use proof::{Proven, Refused, prove};
