//! Other plans: part 7.

use alloc::vec::Vec;

use tally_sdk::cob::PriorPayer;
use tally_sdk::prelude::*;

use crate::plan::OTHERS;

/// What earlier payers did of each line, in their order; `None` when the claim
/// does not say.
pub fn earlier(claim: &Claim) -> Option<Vec<Vec<PriorPayer>>> {
    if claim.sequence == 0 && !claim.payers.is_empty() {
        return None;
    }
    cob::prior::before_us(claim).ok()
}

/// Denies a line. What earlier payers left to the patient is the patient's, or
/// the provider's, as the denial says; what they took is OA 23.
pub fn deny(
    line: &Line,
    denial: Denial,
    earlier: &[PriorPayer],
    balances: &mut Balances,
) -> LineDetermination {
    if earlier.is_empty() {
        return LineWork::deny(line, denial);
    }
    let mut work = LineWork::begin(line, denial.clause);
    work.coordinate(balances, earlier, &OTHERS);
    work.refuse(balances, denial);
    work.finish()
}
