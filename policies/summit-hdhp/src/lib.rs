//! Summit HDHP, an invented product: a health plan with a high deductible, to be
//! had beside a health savings account. In family cover the deductible is one of
//! the whole family. The booklet for people is the README; the text is in
//! `clauses`.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod category;
pub mod clauses;
mod decision;
mod plan;
mod service;
mod share;

use tally_sdk::prelude::*;

pub use plan::PLAN;

/// The policy.
pub struct Summit;

#[policy]
impl Policy for Summit {
    const PLAN: &'static Plan = &PLAN;

    fn adjudicate(claim: &Claim) -> Determination {
        decision::decide(claim)
    }
}
