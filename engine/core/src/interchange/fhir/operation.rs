//! Refusals as a FHIR R4 `OperationOutcome`.

use super::super::json::{Json, list, object, text};
use super::super::refusal::Refusal;
use super::types;
use super::write::coding;

const RULE: &str = "https://tallystick.example/fhir/CodeSystem/intake-rule";

/// Refusals as a FHIR R4 `OperationOutcome`, on one line; without any, it says
/// that all went well.
#[must_use]
pub fn operation_outcome(refusals: &[Refusal]) -> String {
    let issues = if refusals.is_empty() {
        list([object([
            ("severity", text("information")),
            ("code", text("informational")),
            ("diagnostics", text("No claim was refused.")),
        ])])
    } else {
        list(refusals.iter().map(issue))
    };
    object([
        ("resourceType", text("OperationOutcome")),
        ("issue", issues),
    ])
    .to_string()
}

fn issue(refusal: &Refusal) -> Json<'_> {
    // A path within FHIR may stand as an expression; a line of a file not.
    let path = refusal
        .place
        .split_once(": ")
        .map_or(refusal.place.as_str(), |(_, path)| path);
    let resource = path.split(['.', '[']).next().unwrap_or_default();
    let is_path = types::known(resource).is_some();
    object([
        ("severity", text("error")),
        ("code", text(refusal.rule.issue_type())),
        (
            "details",
            object([
                ("coding", list([coding(RULE, refusal.rule.id())])),
                ("text", text(refusal.rule.text())),
            ]),
        ),
        (
            "diagnostics",
            text(format!("{}: {}", refusal.place, refusal.reason)),
        ),
        (
            "expression",
            if is_path {
                list([text(path)])
            } else {
                Json::Null
            },
        ),
    ])
}
