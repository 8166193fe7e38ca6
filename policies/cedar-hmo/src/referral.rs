//! Referrals (part 6): which visits to specialists the primary-care provider
//! wanted.

use alloc::vec::Vec;

use tally_sdk::Authorization;
use tally_sdk::prelude::*;

use crate::anybody;

/// How a line stands to referrals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It is not covered otherwise.
    Nothing,
    /// It is covered without one; of one to who gives it, it uses units up.
    Other,
    /// An emergency visit: without one too, but it uses up what there is.
    Emergency,
    /// A visit that needs one.
    Visit,
}

impl Need {
    /// Whether a referral to anybody is for such lines.
    pub fn is_visit(self) -> bool {
        matches!(self, Self::Emergency | Self::Visit)
    }
}

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

/// One answer a line.
pub fn check(claim: &Claim, needs: &[Need]) -> Vec<Referral> {
    let on_file = || claim.authorizations.iter().filter(|auth| auth.referral);
    let none = on_file().next().is_none();
    let mut units = edits::AuthorizedUnits::of(claim);
    anybody::count_used(claim, needs, &mut units);
    let lines = claim.lines.iter().zip(needs);
    lines
        .map(|(line, need)| {
            if *need == Need::Nothing {
                return Referral::Good;
            }
            let to_this =
                |auth: &Authorization| !auth.provider.is_none() && good(auth, claim, line);
            let named = on_file().any(to_this);
            let covered = units.take(line, |auth| match named {
                true => to_this(auth),
                false => need.is_visit() && good(auth, claim, line),
            });
            if covered || *need != Need::Visit {
                Referral::Good
            } else if claim.referral {
                Referral::Awaited
            } else if none {
                Referral::None
            } else {
                Referral::NotThis
            }
        })
        .collect()
}

/// Whether a referral is good for what a line is for, who gives it and its days.
fn good(auth: &Authorization, claim: &Claim, line: &Line) -> bool {
    auth.referral && of(auth, line.service()) && auth.is_good_for(claim, line)
}

/// Whether a referral is of a procedure.
pub fn of(auth: &Authorization, procedure: Code) -> bool {
    auth.procedure.is_none() || auth.procedure == procedure
}
