//! Aspen Rx, an invented product: a formulary of five tiers, prices to the
//! millionth, step therapy, refills, brands and their generics. The booklet for
//! people is the README; the text is in `clauses`.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod clauses;
mod decision;
mod drug;
mod fills;
mod others;
mod plan;
mod review;
mod share;

use tally_sdk::prelude::*;

pub use plan::PLAN;

/// The policy.
pub struct Aspen;

#[policy]
impl Policy for Aspen {
    const PLAN: &'static Plan = &PLAN;

    fn adjudicate(claim: &Claim) -> Determination {
        decision::decide(claim)
    }
}
