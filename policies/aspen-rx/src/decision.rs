//! The decision: what is denied, what waits, and otherwise what is shared.

use alloc::vec::Vec;

use tally_sdk::cob::PriorPayer;
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::drug::{self, Channel, Drug, Named, Tier};
use crate::fills::{Left, Steps};
use crate::plan::pend;
use crate::{fills, others, review, share};

/// Days within which a claim must come, clause 2.1.
const FILING_DAYS: i32 = 180;

/// What becomes of the lines before anything is shared.
struct Decided<'a> {
    denials: Vec<Option<Denial>>,
    /// The drugs of the lines that are not denied.
    covered: Vec<Option<&'a Drug>>,
    /// Which lines an authorisation covers.
    authorized: Vec<bool>,
    /// What is left of limits of quantity.
    left: Vec<Option<Left>>,
}

impl Decided<'_> {
    /// Whether something of a line is covered.
    fn covers(&self, i: usize) -> bool {
        let none_left = self.left.get(i).copied().flatten();
        let none_left = none_left.is_some_and(|left| left.units <= 0);
        self.covered.get(i).is_some_and(Option::is_some) && !none_left
    }
}

/// Decides a claim.
pub fn decide(claim: &Claim) -> Determination {
    let drugs = drug::look_up(claim);
    let refused: Vec<Option<Denial>> = claim
        .lines
        .iter()
        .zip(&drugs)
        .map(|(line, drug)| refused(claim, line, drug.as_ref()))
        .collect();
    let mut steps = Steps::of(claim, &open(&drugs, &refused));
    let mut decided = part_4(claim, &drugs, &refused, &steps.lack);
    // A first step needs none itself: what is decided of it stays.
    if steps.count(claim, |i| decided.covers(i)) {
        decided = part_4(claim, &drugs, &refused, &steps.lack);
    }
    let earlier = match others::earlier(claim) {
        Some(earlier) => earlier,
        None if decided.covered.iter().any(Option::is_some) => {
            return Determination::pended(pend::EARLIER, 0, clause::EARLIER_UNKNOWN);
        }
        None => Vec::new(),
    };
    let lines = settle(claim, &decided, &earlier);
    let findings = review::findings(claim, &lines);
    Determination::settled(lines).with_findings(findings)
}

/// Part 4, for the lines that are not refused; `lack` tells which lack a first step.
fn part_4<'a>(
    claim: &Claim,
    drugs: &'a [Option<Drug>],
    refused: &[Option<Denial>],
    lack: &[bool],
) -> Decided<'a> {
    let mut denials = refused.to_vec();
    let authorized = authorized(claim, &open(drugs, &denials), lack);
    let granted = |i: usize| authorized.get(i) == Some(&true);
    for (i, (denial, drug)) in denials.iter_mut().zip(drugs).enumerate() {
        let Some(drug) = drug.as_ref().filter(|_| denial.is_none() && !granted(i)) else {
            continue;
        };
        let carc = Carc::NO_AUTHORIZATION;
        if drug.authorization {
            *denial = Some(Denial::contractual(carc, clause::AUTHORIZATION));
        } else if lack.get(i) == Some(&true) {
            *denial = Some(Denial::contractual(carc, clause::STEP));
        }
    }
    let soon = fills::too_soon(claim, &open(drugs, &denials));
    for (denial, _) in denials.iter_mut().zip(soon).filter(|(_, soon)| *soon) {
        *denial = Some(Denial::contractual(Carc::FREQUENCY, clause::REFILL));
    }
    let covered = open(drugs, &denials);
    let left = fills::left(claim, &covered);
    Decided {
        denials,
        covered,
        authorized,
        left,
    }
}

/// Settles the lines, as they stand on the claim.
fn settle(
    claim: &Claim,
    decided: &Decided<'_>,
    earlier: &[Vec<PriorPayer>],
) -> Vec<LineDetermination> {
    let mut balances = Balances::of(claim, &crate::PLAN);
    let mut lines = Vec::with_capacity(claim.lines.len());
    for (i, line) in claim.lines.iter().enumerate() {
        let earlier = earlier.get(i).map_or(&[][..], Vec::as_slice);
        let denial = decided.denials.get(i).copied().flatten();
        let granted = decided.authorized.get(i) == Some(&true);
        lines.push(match (denial, decided.covered.get(i).copied().flatten()) {
            (None, Some(drug)) => {
                let left = decided.left.get(i).copied().flatten();
                share::settle(line, drug, granted, left, earlier, &mut balances)
            }
            (denial, _) => {
                let denial = denial.unwrap_or(NOT_COVERED);
                others::deny(line, denial, earlier, &mut balances)
            }
        });
    }
    lines
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
