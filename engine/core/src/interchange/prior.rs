//! What other payers did to a claim, as any format gives it.

use tally_types::{Group, Money, Quantity};

use super::decimal;
use super::refusal::{Fault, Place};

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
