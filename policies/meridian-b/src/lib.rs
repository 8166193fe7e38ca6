//! Meridian B, an invented product of the kind of Medicare's Part B: a fee
//! schedule, unit limits and pairs, one deductible, 20 %, sequestration. The
//! booklet for people is the README; the text is in `clauses`.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod clauses;
mod decision;
mod edit;
mod fates;
mod fee;
mod modifiers;
mod pairs;
mod plan;
mod review;
mod share;
mod values;

use tally_sdk::prelude::*;

pub use plan::PLAN;

/// The policy.
pub struct Meridian;

#[policy]
impl Policy for Meridian {
    const PLAN: &'static Plan = &PLAN;

    fn adjudicate(claim: &Claim) -> Determination {
        decision::decide(claim)
    }
}
