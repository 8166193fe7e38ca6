//! What other payers did to a claim, as any format gives it.

use tally_types::{Group, Money, Quantity};

use super::decimal;
use super::refusal::{Fault, IntakeRule, Place};
use crate::claim::{Limits, PriorLine};

/// The adjustment groups by their codes.
pub(super) const GROUPS: [(&str, Group); 4] = [
    ("CO", Group::Co),
    ("PR", Group::Pr),
    ("OA", Group::Oa),
    ("PI", Group::Pi),
];

/// An amount of another payer: below zero where it took something back.
pub(super) fn signed_money(node: &impl Place, text: &str) -> Result<Money, Fault> {
    match text.strip_prefix('-') {
        None => decimal::money(node, text),
        Some(rest) => {
            let cents = decimal::money(node, rest)?.scaled();
            Ok(Money::cents(cents.saturating_neg()))
        }
    }
}

/// Units that another payer paid for: none where it paid for none.
pub(super) fn units(node: &impl Place, text: &str) -> Result<Quantity, Fault> {
    let is_zero = text.bytes().any(|b| b == b'0') && text.bytes().all(|b| matches!(b, b'0' | b'.'));
    match is_zero {
        true => {
            decimal::money(node, text)?;
            Ok(Quantity::ZERO)
        }
        false => decimal::quantity(node, text),
    }
}

/// Puts what a payer did to a part of a line with what it did to the others: a payer may
/// split a line, and the line is all of its parts.
pub(super) fn join(
    all: &mut Vec<PriorLine>,
    part: PriorLine,
    named: &impl Place,
) -> Result<(), Fault> {
    let Some(had) = all.iter_mut().find(|of| of.payer == part.payer) else {
        all.push(part);
        return Ok(());
    };
    let whole = had.clone().with(part).ok_or_else(|| {
        let reason = "the parts that a payer split the line into come to too much";
        named.fault(IntakeRule::OverLimit, reason)
    })?;
    if whole.adjustments.len() > Limits::PRIOR_ADJUSTMENTS {
        let reason = format!("more than {} adjustments", Limits::PRIOR_ADJUSTMENTS);
        return Err(named.fault(IntakeRule::TooMany, reason));
    }
    *had = whole;
    Ok(())
}
