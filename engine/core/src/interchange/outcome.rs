//! Outcomes as JSON: one object a line, amounts as strings.

use tally_types::Money;

use super::json::{Json, list, number, object, text};
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement};
use crate::claim::Claim;

/// An outcome as `tally claim export --json` prints it, on one line.
///
/// `adjustments` of the claim is empty: everything is adjusted line by line,
/// and line adjustments are not repeated above (RFI 522, 2570). A pended claim
/// pays nothing and adjusts nothing; `pend` says why it waits.
#[must_use]
pub fn outcome_json(claim: &Claim, outcome: &Outcome) -> String {
    let (lines, pend) = match outcome.settlement() {
        Settlement::Settled(lines) => (list(lines.iter().map(settled)), Json::Null),
        Settlement::Pended {
            reason,
            text: why,
            resolution,
            line,
            clause,
            charges,
        } => (
            list(
                charges
                    .iter()
                    .map(|(number, charge)| waiting(*number, *charge)),
            ),
            object([
                ("reason", text(reason)),
                ("text", text(why)),
                ("resolution", text(resolution)),
                ("clause", text(clause)),
                ("line", number(line)),
            ]),
        ),
    };
    object([
        ("claim", text(outcome.claim().to_string())),
        ("control_number", text(&claim.control_number)),
        ("status", text(outcome.status().as_str())),
        ("charge", amount(outcome.charge())),
        ("allowed", amount(outcome.allowed())),
        ("paid", amount(outcome.paid())),
        ("patient", amount(outcome.patient())),
        (
            "policy",
            outcome.policy().map_or(Json::Null, |hash| text(hex(&hash))),
        ),
        ("pend", pend),
        ("adjustments", list([])),
        ("lines", lines),
    ])
    .to_string()
}

pub(super) fn amount(amount: Money) -> Json<'static> {
    text(amount.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn settled(line: &LineOutcome) -> Json<'_> {
    object([
        ("line", number(line.number())),
        ("charge", amount(line.charge())),
        ("allowed", amount(line.allowed())),
        ("paid", amount(line.paid())),
        ("patient", amount(line.patient())),
        ("denied", Json::Bool(line.denied())),
        ("clause", text(line.clause())),
        (
            "adjustments",
            list(line.adjustments().iter().map(adjustment)),
        ),
    ])
}

fn adjustment(adjustment: &OutcomeAdjustment) -> Json<'_> {
    object([
        ("group", text(adjustment.group.to_string())),
        ("carc", text(adjustment.carc.to_string())),
        ("rarc", text(adjustment.rarc.to_string())),
        ("amount", amount(adjustment.amount)),
        ("clause", text(&adjustment.clause)),
    ])
}

fn waiting(line: u16, charge: Money) -> Json<'static> {
    object([
        ("line", number(line)),
        ("charge", amount(charge)),
        ("allowed", amount(Money::ZERO)),
        ("paid", amount(Money::ZERO)),
        ("patient", amount(Money::ZERO)),
        ("denied", Json::Bool(false)),
        ("adjustments", list([])),
    ])
}
