//! What a unit is, in the codes of X12: FHIR has them as UCUM, or as X12's own.

use tally_types::{Code, ShortCode};

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;

/// Units of service, by their UCUM codes (X12 355).
const SERVICE: [(&str, &str); 6] = [
    ("1", "UN"),
    ("{unit}", "UN"),
    ("min", "MJ"),
    ("d", "DA"),
    ("{day}", "DA"),
    ("{visit}", "VS"),
];
/// Units of a drug, by their UCUM codes (X12 CTP05).
const DRUG: [(&str, &str); 8] = [
    ("1", "UN"),
    ("{unit}", "UN"),
    ("{each}", "UN"),
    ("mL", "ML"),
    ("g", "GR"),
    ("mg", "ME"),
    ("[iU]", "F2"),
    ("[IU]", "F2"),
];

/// What a unit of service is; none where it is not said or has no code of X12.
pub(super) fn of_service(quantity: &Node<'_>) -> Result<ShortCode, Fault> {
    of(quantity, &SERVICE)
}

/// Words for time that is no day, of a `code` or a `unit`.
const MINUTES: [&str; 4] = ["min", "minute", "minutes", "mj"];
const OTHER_TIME: [&str; 8] = ["h", "hr", "hour", "hours", "s", "sec", "second", "seconds"];

/// What a unit of a line is. Only anaesthesia is billed by time, in minutes: elsewhere
/// so many minutes would be paid as so many services.
pub(super) fn of_line(quantity: &Node<'_>, procedure: Code) -> Result<ShortCode, Fault> {
    for key in ["code", "unit"] {
        let Some(node) = quantity.get(key)? else {
            continue;
        };
        let word = node.text()?.trim().to_ascii_lowercase();
        let word = word.as_str();
        if OTHER_TIME.contains(&word)
            || (MINUTES.contains(&word) && !scalar::is_anaesthesia(procedure))
        {
            return Err(node.fault(
                IntakeRule::BadUnit,
                "it is a time; only anaesthesia is billed by time, and in minutes",
            ));
        }
    }
    of_service(quantity)
}

/// What a drug is measured in.
pub(super) fn of_drug(quantity: &Node<'_>) -> Result<ShortCode, Fault> {
    of(quantity, &DRUG)
}

fn of(quantity: &Node<'_>, table: &[(&str, &str)]) -> Result<ShortCode, Fault> {
    for key in ["code", "unit"] {
        let Some(node) = quantity.get(key)? else {
            continue;
        };
        let text = node.text()?;
        if let Some((_, code)) = table.iter().find(|(ucum, _)| *ucum == text) {
            return scalar::short_code(&node, code);
        }
        let is_x12 = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if text.len() == 2 && text.bytes().all(is_x12) {
            return scalar::short_code(&node, text);
        }
    }
    Ok(ShortCode::NONE)
}
