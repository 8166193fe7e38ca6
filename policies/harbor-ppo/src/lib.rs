//! Harbor Family PPO, an invented product: two network tiers, embedded
//! deductibles and out-of-pocket limits, a benefit for each category of
//! service. The booklet for people is the README; the text is in `clauses`.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod category;
pub mod clauses;
mod decision;
mod plan;
mod review;
mod service;
mod share;

use tally_sdk::prelude::*;

pub use plan::PLAN;

/// The policy.
pub struct Harbor;

#[policy]
impl Policy for Harbor {
    const PLAN: &'static Plan = &PLAN;

    fn adjudicate(claim: &Claim) -> Determination {
        decision::decide(claim)
    }
}
