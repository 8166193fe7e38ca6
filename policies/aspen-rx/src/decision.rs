//! The decision: what is denied, what waits, and otherwise what is shared.

use alloc::vec::Vec;

use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::drug::{self, Channel, Drug, Named, Tier};
use crate::plan::pend;
use crate::{fills, others, review, share};

/// Days within which a claim must come, clause 2.1.
const FILING_DAYS: i32 = 180;

/// Decides a claim.
pub fn decide(claim: &Claim) -> Determination {
    let drugs = drug::look_up(claim);
    let mut denials: Vec<Option<Denial>> = claim
        .lines
        .iter()
        .zip(&drugs)
        .map(|(line, drug)| refused(claim, line, drug.as_ref()))
        .collect();
    let steps = fills::lack_step(claim, &open(&drugs, &denials));
    let authorized = authorized(claim, &open(&drugs, &denials), &steps);
    let granted = |i: usize| authorized.get(i) == Some(&true);
    for (i, (denial, drug)) in denials.iter_mut().zip(&drugs).enumerate() {
        let Some(drug) = drug.as_ref().filter(|_| denial.is_none() && !granted(i)) else {
            continue;
        };
        let carc = Carc::NO_AUTHORIZATION;
        if drug.authorization {
            *denial = Some(Denial::contractual(carc, clause::AUTHORIZATION));
        } else if steps.get(i) == Some(&true) {
            *denial = Some(Denial::contractual(carc, clause::STEP));
        }
    }
    let soon = fills::too_soon(claim, &open(&drugs, &denials));
    for (denial, _) in denials.iter_mut().zip(soon).filter(|(_, soon)| *soon) {
        *denial = Some(Denial::contractual(Carc::FREQUENCY, clause::REFILL));
    }
    let covered = open(&drugs, &denials);
    let left = fills::left(claim, &covered);
    let earlier = match others::earlier(claim) {
        Some(earlier) => earlier,
        None if covered.iter().any(Option::is_some) => {
            return Determination::pended(pend::EARLIER, 0, clause::EARLIER_UNKNOWN);
        }
        None => Vec::new(),
    };
    let mut balances = Balances::of(claim, &crate::PLAN);
    let mut lines = Vec::with_capacity(claim.lines.len());
    for (i, line) in claim.lines.iter().enumerate() {
        let earlier = earlier.get(i).map_or(&[][..], Vec::as_slice);
        let denial = denials.get(i).copied().flatten();
        lines.push(match (denial, covered.get(i).copied().flatten()) {
            (None, Some(drug)) => {
                let left = left.get(i).copied().flatten();
                share::settle(line, drug, granted(i), left, earlier, &mut balances)
            }
            (denial, _) => {
                let denial = denial.unwrap_or(NOT_COVERED);
                others::deny(line, denial, earlier, &mut balances)
            }
        });
    }
    let findings = review::findings(claim, &lines);
    Determination::settled(lines).with_findings(findings)
}

/// Clause 1.4.
const NOT_COVERED: Denial = Denial::patient(Carc::NOT_COVERED_PLAN, clause::NOT_COVERED);

/// The drugs of the lines that are not denied so far.
fn open<'a>(drugs: &'a [Option<Drug>], denials: &[Option<Denial>]) -> Vec<Option<&'a Drug>> {
    let lines = drugs.iter().zip(denials);
    lines
        .map(|(drug, denial)| drug.as_ref().filter(|_| denial.is_none()))
        .collect()
}

/// Which lines an authorisation covers, of those to which one matters: lines use
/// authorisations up in their order.
fn authorized(claim: &Claim, drugs: &[Option<&Drug>], steps: &[bool]) -> Vec<bool> {
    let matters: Vec<bool> = drugs
        .iter()
        .zip(steps)
        .map(|(drug, step)| {
            drug.is_some_and(|drug| *step || drug.authorization || drug.generic.is_some())
        })
        .collect();
    edits::authorized_lines(claim, &matters)
}

/// What is denied whatever came before.
fn refused(claim: &Claim, line: &Line, drug: Option<&Drug>) -> Option<Denial> {
    let lacking =
        |remark, clause| Denial::contractual(Carc::LACKS_INFORMATION, clause).remark(remark);
    let other = Denial::patient(Carc::NOT_COVERED_PLAN, clause::OTHER_CLAIMS);
    let quantity = match drug::named(claim, line) {
        Named::Other => return Some(other),
        Named::Nothing => return Some(lacking(ShortCode::of("M119"), clause::NO_CODE)),
        Named::Drug(_, quantity) => quantity,
    };
    if edits::filed_late(claim, line, FILING_DAYS) {
        return Some(Denial::contractual(Carc::TIMELY_FILING, clause::TIMELY));
    }
    if quantity <= Quantity::ZERO {
        return Some(lacking(ShortCode::of("N378"), clause::NO_QUANTITY));
    }
    let Some(drug) = drug else {
        return Some(NOT_COVERED);
    };
    if drug.given && drug.tier != Tier::Five {
        return Some(other);
    }
    let Some(channel) = drug.channel else {
        return Some(Denial::patient(Carc::OUT_OF_NETWORK, clause::NETWORK));
    };
    let special = matches!(channel, Channel::Specialty | Channel::Clinic);
    let right = special == (drug.tier == Tier::Five);
    (!right).then_some(Denial::patient(Carc::OUT_OF_NETWORK, clause::SPECIALTY))
}
