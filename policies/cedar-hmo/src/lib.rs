//! Cedar HMO, an invented product: a primary-care provider who refers, a network
//! without exceptions but emergencies, copayments alone, and hospital prices by
//! the day, the case and the diagnosis-related group. The booklet for people is
//! the README; the text is in `clauses`.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod anybody;
mod authorized;
mod category;
pub mod clauses;
mod count;
mod decision;
mod fit;
mod on_file;
mod plan;
mod referral;
mod service;
mod share;
mod stay;
mod visit;

use tally_sdk::prelude::*;

pub use plan::PLAN;

/// The policy.
pub struct Cedar;

#[policy]
impl Policy for Cedar {
    const PLAN: &'static Plan = &PLAN;

    fn adjudicate(claim: &Claim) -> Determination {
        decision::decide(claim)
    }
}
