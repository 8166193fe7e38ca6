//! Referrals (part 6): which visits to specialists the primary-care provider
//! wanted.

use alloc::vec::Vec;

use tally_sdk::prelude::*;

/// What is on file for a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Referral {
    /// A referral that is good for it, or none is needed.
    Good,
    /// Clause 6.2.
    None,
    /// Clause 6.3.
    NotThis,
    /// Clause 6.4.
    Awaited,
}

/// One answer a line. `covered` says which are covered otherwise: each uses units
/// of a referral up; `needed` says which need one.
pub fn check(claim: &Claim, covered: &[bool], needed: &[bool]) -> Vec<Referral> {
    let on_file = || claim.authorizations.iter().filter(|auth| auth.referral);
    let mut left: Vec<Quantity> = on_file().map(|auth| auth.remaining).collect();
    let lines = claim.lines.iter().zip(covered).zip(needed);
    lines
        .map(|((line, covered), needed)| {
            if !covered {
                return Referral::Good;
            }
            let mut open = line.quantity;
            let mut after = left.clone();
            for (auth, left) in on_file().zip(&mut after) {
                let what = auth.procedure.is_none() || auth.procedure == line.service();
                let whom = auth.provider.is_none() || auth.provider == line.rendering;
                if what && whom && (auth.from..=auth.through).contains(&line.from) {
                    let taken = left.greater(Quantity::ZERO).lesser(open);
                    *left = left.checked_sub(taken).unwrap_or(*left);
                    open = open.checked_sub(taken).unwrap_or(open);
                }
            }
            if open.is_zero() || !needed {
                left = after;
                Referral::Good
            } else if claim.referral {
                Referral::Awaited
            } else if left.is_empty() {
                Referral::None
            } else {
                Referral::NotThis
            }
        })
        .collect()
}
