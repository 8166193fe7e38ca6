//! Referrals (part 6): which visits to specialists the primary-care provider
//! wanted.

use alloc::vec::Vec;

use tally_sdk::Authorization;
use tally_sdk::prelude::*;

use crate::anybody::Anybody;

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
    let own = |line: &Line| on_file().any(|auth| is_own(auth, claim, line));
    let lines = || claim.lines.iter().zip(needs);
    let others = lines().filter(|(line, need)| need.is_visit() && !own(line));
    let mut anybody = Anybody::of(claim, others.map(|(line, _)| line));
    let mut units = edits::AuthorizedUnits::of(claim);
    lines()
        .map(|(line, need)| {
            if *need == Need::Nothing {
                return Referral::Good;
            }
            let covered = match own(line) {
                true => units.take(line, |auth| is_own(auth, claim, line)),
                false => need.is_visit() && anybody.take(line, *need == Need::Emergency),
            };
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

/// Whether a referral names who gives or bills a line, and is good for what it is for
/// and for its days.
fn is_own(auth: &Authorization, claim: &Claim, line: &Line) -> bool {
    let named = auth.referral && !auth.provider.is_none();
    named && of(auth, line.service()) && auth.is_good_for(claim, line)
}

/// Whether a referral is of a procedure.
pub fn of(auth: &Authorization, procedure: Code) -> bool {
    auth.procedure.is_none() || auth.procedure == procedure
}
