//! What other payers did, where the engine itself denies some lines of a claim:
//! the policy is told of its own lines alone, and a denied line shows what earlier
//! payers did of it.
//!
//! A claim says what another payer paid and adjusted as a whole (X12 loop 2320)
//! beside what it did of each line (2430). Of lines that no policy is given the
//! whole must not speak either, or it no longer adds up.

use tally_types::{Group, Money};

use super::context::ContextPayer;
use crate::claim::{Claim, OtherPayer, PriorAdjustment, PriorLine, ServiceLine};

/// What a payer did of one line, with its part of each adjustment of the claim.
struct Answer {
    paid: Money,
    /// Left to the patient.
    left: Money,
    parts: Vec<Money>,
}

fn prior(line: &ServiceLine, at: u8) -> Option<&PriorLine> {
    line.prior.iter().find(|prior| prior.payer == at)
}

fn sum<'a>(
    adjustments: impl Iterator<Item = &'a PriorAdjustment>,
    of: impl Fn(&PriorAdjustment) -> bool,
) -> Option<Money> {
    Money::checked_sum(adjustments.filter(|a| of(a)).map(|a| a.amount))
}

fn at_least_nothing(amount: Money) -> Money {
    if amount.is_negative() {
        Money::ZERO
    } else {
        amount
    }
}

/// What a payer did of each line, where it says so of all of them and its amounts
/// add up. What it adjusted of the claim as a whole goes to the lines by what is
/// left of each; what it paid above the charge (negative), by the charges.
fn answers(claim: &Claim, at: u8, payer: &OtherPayer) -> Option<Vec<Answer>> {
    let by_line = claim.lines.iter().any(|line| prior(line, at).is_some());
    let as_a_whole = payer.paid.is_some() && !payer.adjustments.is_empty();
    if !by_line && !as_a_whole {
        return None;
    }
    let mut answers = Vec::with_capacity(claim.lines.len());
    for line in &claim.lines {
        let (paid, left) = match prior(line, at) {
            Some(prior) => {
                let adjusted = sum(prior.adjustments.iter(), |_| true)?;
                let paid = line.charge.checked_sub(adjusted)?;
                if paid != prior.paid {
                    return None;
                }
                (paid, sum(prior.adjustments.iter(), is_patients)?)
            }
            None if by_line => return None,
            None => (line.charge, Money::ZERO),
        };
        let parts = Vec::with_capacity(payer.adjustments.len());
        answers.push(Answer { paid, left, parts });
    }
    for adjustment in &payer.adjustments {
        let weights: Vec<Money> = if adjustment.amount.is_negative() {
            claim.lines.iter().map(|line| line.charge).collect()
        } else {
            let left = answers.iter().map(|answer| at_least_nothing(answer.paid));
            left.collect()
        };
        let parts = apportion(adjustment.amount, &weights)?;
        for (answer, part) in answers.iter_mut().zip(parts) {
            answer.paid = answer.paid.checked_sub(part)?;
            if is_patients(adjustment) {
                answer.left = answer.left.checked_add(part)?;
            }
            answer.parts.push(part);
        }
    }
    Some(answers)
}

fn is_patients(adjustment: &PriorAdjustment) -> bool {
    adjustment.group == Group::Pr
}

/// Parts of an amount by weights, which sum to it: each what its weight takes the
/// running share to, in whole cents. None where the amount is above the weights
/// together, or they are nothing.
fn apportion(amount: Money, weights: &[Money]) -> Option<Vec<Money>> {
    let whole = i128::from(Money::checked_sum(weights.iter().copied())?.scaled());
    let amount = i128::from(amount.scaled());
    if amount > whole || (whole == 0 && amount != 0) {
        return None;
    }
    let mut parts = Vec::with_capacity(weights.len());
    let (mut running, mut given) = (0i128, 0i128);
    for weight in weights {
        running = running.checked_add(i128::from(weight.scaled()))?;
        let share = match whole {
            0 => 0,
            _ => amount.checked_mul(running)?.checked_div(whole)?,
        };
        let part = i64::try_from(share.checked_sub(given)?).ok()?;
        parts.push(Money::cents(part));
        given = share;
    }
    Some(parts)
}

/// Another payer as the policy is told of it, that is given some lines of a claim.
///
/// Given all of them, or where the amounts do not add up, it is told what the
/// sender says. A payer that is silent of a line that is not given, and has
/// adjusted nothing of the claim as a whole, says nothing of the whole.
pub(super) fn narrowed(claim: &Claim, at: u8, payer: &OtherPayer, given: &[u16]) -> ContextPayer {
    let told = ContextPayer::of(payer);
    if given.len() == claim.lines.len() {
        return told;
    }
    if let Some(answers) = answers(claim, at, payer) {
        return without(claim, &answers, given, payer).unwrap_or(told);
    }
    let heard = |line: &ServiceLine| prior(line, at).is_some();
    let (ours, others): (Vec<&ServiceLine>, Vec<&ServiceLine>) = claim
        .lines
        .iter()
        .partition(|line| given.contains(&line.number));
    let of_ours = !ours.is_empty() && ours.into_iter().all(heard);
    if of_ours && payer.adjustments.is_empty() && !others.into_iter().all(heard) {
        return ContextPayer {
            paid: None,
            remaining: None,
            ..told
        };
    }
    told
}

/// A payer's amounts without what it did of lines that are not given.
fn without(
    claim: &Claim,
    answers: &[Answer],
    given: &[u16],
    payer: &OtherPayer,
) -> Option<ContextPayer> {
    let mut told = ContextPayer::of(payer);
    for (line, answer) in claim.lines.iter().zip(answers) {
        if given.contains(&line.number) {
            continue;
        }
        if let Some(paid) = told.paid {
            told.paid = Some(paid.checked_sub(answer.paid)?);
        }
        if let Some(remaining) = told.remaining {
            let less = remaining.checked_sub(at_least_nothing(answer.left))?;
            told.remaining = Some(at_least_nothing(less));
        }
        for (adjustment, part) in told.adjustments.iter_mut().zip(&answer.parts) {
            adjustment.amount = adjustment.amount.checked_sub(*part)?;
        }
    }
    told.adjustments
        .retain(|adjustment| !adjustment.amount.is_zero());
    Some(told)
}

/// What earlier payers did of a line that the engine denies: the charge less what
/// the last of them left to the patient (X12 RFI 1696, 2143, 2194). Nothing where
/// there are none, or one is not heard of.
pub(super) fn impact(claim: &Claim, number: u16) -> Money {
    earlier(claim, number).unwrap_or(Money::ZERO)
}

fn earlier(claim: &Claim, number: u16) -> Option<Money> {
    let line = claim.lines.iter().position(|line| line.number == number)?;
    let charge = claim.lines.get(line)?.charge;
    let mut paid = Money::ZERO;
    let mut left = charge;
    for place in 1..claim.coordination.sequence {
        let mut payers = (0u8..).zip(&claim.coordination.others);
        let (at, payer) = payers.find(|(_, payer)| payer.sequence == place)?;
        let answers = answers(claim, at, payer)?;
        let answer = answers.get(line)?;
        paid = paid.checked_add(at_least_nothing(answer.paid))?;
        left = at_least_nothing(answer.left);
    }
    let rest = at_least_nothing(charge.checked_sub(paid)?);
    charge.checked_sub(if left < rest { left } else { rest })
}
