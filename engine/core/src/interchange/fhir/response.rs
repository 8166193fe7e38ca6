//! Answers in FHIR R4: a `ClaimResponse` for an outcome, an
//! `OperationOutcome` for refusals.

use tally_types::{Carc, Money, ServiceDate};

use super::super::json::{Json, list, number, object, text};
use super::super::refusal::Refusal;
use super::super::tally::kind_word;
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, Settlement, Status};
use crate::claim::Claim;

const CLAIM_TYPE: &str = "http://terminology.hl7.org/CodeSystem/claim-type";
const ADJUDICATION: &str = "http://terminology.hl7.org/CodeSystem/adjudication";
const PAYMENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/ex-paymenttype";
const CARC: &str = "https://x12.org/codes/claim-adjustment-reason-codes";
const RARC: &str = "https://x12.org/codes/remittance-advice-remark-codes";
const GROUP: &str = "https://x12.org/codes/claim-adjustment-group-codes";
const CLAUSE: &str = "https://tallystick.example/fhir/CodeSystem/clause";
const RULE: &str = "https://tallystick.example/fhir/CodeSystem/intake-rule";
const CLAIM_ID: &str = "https://tallystick.example/fhir/claim";

/// The answer to a claim as a FHIR R4 `ClaimResponse`, on one line.
///
/// Every item has its charge (`submitted`), the allowed amount (`eligible`),
/// each adjustment with its group, reason and clause, and what is paid
/// (`benefit`): `submitted − Σ adjustments = benefit`. A claim that waits is
/// `queued`, without amounts, with a note of what would resolve it.
#[must_use]
pub fn claim_response(claim: &Claim, outcome: &Outcome, created: ServiceDate) -> String {
    let status = outcome.status();
    let (result, disposition) = match outcome.settlement() {
        Settlement::Settled(_) if status == Status::Denied => ("complete", "Denied".to_owned()),
        Settlement::Settled(_) => ("complete", "Processed".to_owned()),
        Settlement::Pended { text, .. } => ("queued", format!("Pended: {text}")),
    };
    object([
        ("resourceType", text("ClaimResponse")),
        ("id", text(outcome.claim().to_string())),
        (
            "identifier",
            list([identifier(Some(CLAIM_ID), outcome.claim().to_string())]),
        ),
        ("status", text("active")),
        ("type", concept([coding(CLAIM_TYPE, kind_word(claim.kind))])),
        ("use", text("claim")),
        ("patient", reference(claim.member.identifier.clone())),
        ("created", text(created.to_string())),
        (
            "insurer",
            object([("display", text("The insurer of the plan"))]),
        ),
        ("requestor", reference(claim.billing.identifier.clone())),
        (
            "request",
            if claim.control_number.is_empty() {
                Json::Null
            } else {
                reference(claim.control_number.clone())
            },
        ),
        ("outcome", text(result)),
        ("disposition", text(disposition)),
        ("item", items(outcome)),
        ("total", totals(outcome)),
        ("payment", payment(outcome, created)),
        ("processNote", notes(outcome)),
    ])
    .to_string()
}

fn identifier(system: Option<&'static str>, value: String) -> Json<'static> {
    object([
        ("system", system.map_or(Json::Null, text)),
        ("value", text(value)),
    ])
}

fn reference(value: String) -> Json<'static> {
    object([("identifier", identifier(None, value))])
}

fn coding(system: &'static str, code: impl ToString) -> Json<'static> {
    object([("system", text(system)), ("code", text(code.to_string()))])
}

fn concept<'a>(codings: impl IntoIterator<Item = Json<'a>>) -> Json<'a> {
    object([("coding", list(codings))])
}

fn money(amount: Money) -> Json<'static> {
    object([("value", number(amount)), ("currency", text("USD"))])
}

/// A list, or nothing: FHIR has no empty lists.
fn unless_empty<'a>(items: impl IntoIterator<Item = Json<'a>>) -> Json<'a> {
    match list(items) {
        Json::List(items) if items.is_empty() => Json::Null,
        items => items,
    }
}

fn named(category: &'static str, amount: Money) -> Json<'static> {
    object([
        ("category", concept([coding(ADJUDICATION, category)])),
        ("amount", money(amount)),
    ])
}

/// An adjustment: its category in FHIR's words where there is one, and in the
/// group of the remittance.
fn adjustment(adjustment: &OutcomeAdjustment) -> Json<'_> {
    let category = match adjustment.carc {
        Carc::DEDUCTIBLE => Some(coding(ADJUDICATION, "deductible")),
        Carc::COPAY => Some(coding(ADJUDICATION, "copay")),
        _ => None,
    };
    let categories = category
        .into_iter()
        .chain([coding(GROUP, adjustment.group)]);
    let remark = (!adjustment.rarc.is_none()).then(|| coding(RARC, adjustment.rarc));
    let reasons = [coding(CARC, adjustment.carc)]
        .into_iter()
        .chain(remark)
        .chain([coding(CLAUSE, &adjustment.clause)]);
    object([
        ("category", concept(categories)),
        ("reason", concept(reasons)),
        ("amount", money(adjustment.amount)),
    ])
}

fn items(outcome: &Outcome) -> Json<'_> {
    match outcome.settlement() {
        Settlement::Settled(lines) => unless_empty(lines.iter().map(item)),
        Settlement::Pended { line, charges, .. } => {
            unless_empty(charges.iter().map(|(sequence, charge)| {
                let note = if *line == 0 || line == sequence {
                    list([number(1)])
                } else {
                    Json::Null
                };
                object([
                    ("itemSequence", number(sequence)),
                    ("noteNumber", note),
                    ("adjudication", list([named("submitted", *charge)])),
                ])
            }))
        }
    }
}

fn item(line: &LineOutcome) -> Json<'_> {
    let adjudication = [
        named("submitted", line.charge()),
        named("eligible", line.allowed()),
    ]
    .into_iter()
    .chain(line.adjustments().iter().map(adjustment))
    .chain([named("benefit", line.paid())]);
    object([
        ("itemSequence", number(line.number())),
        ("adjudication", list(adjudication)),
    ])
}

fn totals(outcome: &Outcome) -> Json<'static> {
    let submitted = named("submitted", outcome.charge());
    if outcome.status() == Status::Pended {
        return list([submitted]);
    }
    list([
        submitted,
        named("eligible", outcome.allowed()),
        object([
            ("category", concept([coding(GROUP, "PR")])),
            ("amount", money(outcome.patient())),
        ]),
        named("benefit", outcome.paid()),
    ])
}

fn payment(outcome: &Outcome, created: ServiceDate) -> Json<'static> {
    if outcome.paid().is_zero() {
        return Json::Null;
    }
    object([
        ("type", concept([coding(PAYMENT_TYPE, "complete")])),
        ("date", text(created.to_string())),
        ("amount", money(outcome.paid())),
    ])
}

fn notes(outcome: &Outcome) -> Json<'_> {
    let Settlement::Pended {
        reason,
        text: why,
        resolution,
        ..
    } = outcome.settlement()
    else {
        return Json::Null;
    };
    list([object([
        ("number", number(1)),
        ("type", text("display")),
        ("text", text(format!("{reason}: {why} {resolution}"))),
    ])])
}

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
    let is_path = path.starts_with("Claim") || path.starts_with("Bundle");
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
