//! Brook Dental, an invented product: classes of service, an annual maximum
//! that carries over, waiting periods, limits by tooth and quadrant. The booklet
//! for people is the README; the text is in `clauses`.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod clauses;
mod decision;
mod frequency;
mod mouth;
mod others;
mod plan;
mod review;
mod service;
mod share;

use tally_sdk::prelude::*;

pub use plan::PLAN;

/// The policy.
pub struct Brook;

#[policy]
impl Policy for Brook {
    const PLAN: &'static Plan = &PLAN;

    fn adjudicate(claim: &Claim) -> Determination {
        decision::decide(claim)
    }
}
