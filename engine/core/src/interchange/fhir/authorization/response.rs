//! Writes the answer to a request: a `ClaimResponse`.

use tally_types::{ServiceDate, ShortCode};

use super::super::super::json::{Json, list, number, object, text};
use super::super::super::tally::kind_word;
use super::super::explanation::insurer_named;
use super::super::write::{
    ADJUDICATION, CLAIM_TYPE, TRACE_NUMBER, coding, concept, day, identifier, logical, period,
    system_of, unless_empty,
};
use super::AuthorizationAnswer;
use super::codes::{PAS, REVIEW_ACTION, REVIEW_REASON, SERVICE_TYPE};
use crate::authorization::{Action, Grant, LineState, RequestLine, Stage, State, Verdict};

/// Our numbers for requests.
const REQUEST_ID: &str = "https://tallystick.example/fhir/authorization-request";

/// The answer to a request as a FHIR R4 `ClaimResponse` of the use `preauthorization`,
/// on one line, in the shape of Da Vinci PAS. Every item of the request is in it by its
/// sequence and trace numbers, with what was decided of it; what is certified has the
/// days and units. It is `queued` while nothing is decided, `partial` while some of it
/// is, else `complete`. Notes say why a line is not certified, and what is needed.
#[must_use]
pub fn authorization_response(answer: &AuthorizationAnswer<'_>) -> String {
    let state = answer.state;
    let request = state.request();
    let notes = Notes::of(state);
    let number = state.number();
    let of_request = match request.control_number.as_str() {
        "" => object([("display", text("The request"))]),
        number => logical(number.to_owned()),
    };
    object([
        ("resourceType", text("ClaimResponse")),
        ("id", text(answer.id)),
        (
            "identifier",
            list([identifier(Some(REQUEST_ID), answer.id.to_owned())]),
        ),
        ("status", text("active")),
        (
            "type",
            concept([coding(CLAIM_TYPE, kind_word(request.claim))]),
        ),
        ("use", text("preauthorization")),
        ("patient", logical(request.member.identifier.clone())),
        ("created", day(answer.created)),
        ("insurer", insurer_named(&answer.insurer)),
        ("requestor", logical(request.requesting.identifier.clone())),
        ("request", of_request),
        ("outcome", text(outcome(state, answer.created))),
        ("disposition", text(disposition(state, answer.created))),
        (
            "preAuthRef",
            match number {
                "" => Json::Null,
                number => text(number),
            },
        ),
        ("preAuthPeriod", whole_period(state)),
        (
            "item",
            list(
                request
                    .lines
                    .iter()
                    .zip(state.lines())
                    .map(|(asked, line)| item(state, asked, line, &notes)),
            ),
        ),
        ("processNote", notes.json()),
    ])
    .to_string()
}

fn outcome(state: &State, today: ServiceDate) -> &'static str {
    let settled = |line: &LineState| !matches!(line.decided(), Some((_, Verdict::Pended(_))));
    match state.stage(today) {
        Stage::Requested => "queued",
        Stage::Pended if state.lines().iter().any(settled) => "partial",
        Stage::Pended => "queued",
        _ => "complete",
    }
}

fn disposition(state: &State, today: ServiceDate) -> &'static str {
    match state.stage(today) {
        Stage::Requested => "Received, not yet decided.",
        Stage::Pended => "More is needed.",
        Stage::Approved => "Certified in total.",
        Stage::InPart => "Certified in part.",
        Stage::Denied => "Not certified.",
        Stage::Expired => "Certified, for days that are over.",
        Stage::UsedUp => "Certified, and all units are used.",
        Stage::Cancelled => "Taken back.",
        Stage::Superseded => "Replaced by a revision.",
    }
}

/// From the first to the last day that anything is good for.
fn whole_period(state: &State) -> Json<'static> {
    let grants = || state.lines().iter().filter_map(|line| line.granted());
    let from = grants().map(|(_, grant)| grant.from).min();
    let through = grants().map(|(_, grant)| grant.through).max();
    match (from, through) {
        (Some(from), Some(through)) => period(from, Some(through)),
        _ => Json::Null,
    }
}

fn item<'a>(
    state: &'a State,
    asked: &'a RequestLine,
    line: &'a LineState,
    notes: &Notes<'_>,
) -> Json<'a> {
    let mut extensions: Vec<Json<'a>> = Vec::new();
    for trace in &asked.traces {
        extensions.push(object([
            ("url", text(TRACE_NUMBER)),
            ("valueIdentifier", object([("value", text(trace.as_str()))])),
        ]));
    }
    if let Some((from, through)) = asked.span {
        extensions.push(object([
            ("url", pas("extension-itemRequestedServiceDate")),
            ("valuePeriod", period(from, Some(through))),
        ]));
    }
    if let Some((since, grant)) = line.granted() {
        extensions.push(object([
            ("url", pas("extension-itemPreAuthIssueDate")),
            ("valueDate", day(since)),
        ]));
        extensions.push(object([
            ("url", pas("extension-itemPreAuthPeriod")),
            ("valuePeriod", period(grant.from, Some(grant.through))),
        ]));
        extensions.push(authorized(asked, &grant));
        if let Some(provider) = &asked.servicing {
            extensions.push(object([
                ("url", pas("extension-itemAuthorizedProvider")),
                (
                    "extension",
                    list([object([
                        ("url", text("provider")),
                        ("valueReference", logical(provider.identifier.clone())),
                    ])]),
                ),
            ]));
        }
    }
    object([
        ("extension", unless_empty(extensions)),
        ("itemSequence", number(asked.number)),
        ("noteNumber", notes.of_line(asked.number)),
        ("adjudication", list([adjudication(state, asked, line)])),
    ])
}

fn pas(name: &str) -> Json<'static> {
    text(format!("{PAS}{name}"))
}

/// What is certified: the procedure, and the units.
fn authorized<'a>(asked: &RequestLine, grant: &Grant) -> Json<'a> {
    let coded = match asked.procedure.is_none() {
        true if asked.service.is_none() => Json::Null,
        true => coding(SERVICE_TYPE, asked.service),
        false => object([
            ("system", system_of(asked.system).map_or(Json::Null, text)),
            ("code", text(asked.procedure.to_string())),
        ]),
    };
    let product = match coded {
        Json::Null => None,
        coded => Some(object([
            ("url", text("productOrServiceCode")),
            ("valueCodeableConcept", concept([coded])),
        ])),
    };
    let units = object([
        ("url", text("quantity")),
        ("valueQuantity", object([("value", number(grant.units))])),
    ]);
    object([
        ("url", pas("extension-itemAuthorizedDetail")),
        ("extension", list(product.into_iter().chain([units]))),
    ])
}

/// What was decided: a category that PAS fixes, since it requires one, and the review.
fn adjudication(state: &State, asked: &RequestLine, line: &LineState) -> Json<'static> {
    let review = state.action(asked.number).map(|action| {
        let code = Some(object([
            ("url", pas("extension-reviewActionCode")),
            (
                "valueCodeableConcept",
                concept([coding(REVIEW_ACTION, action.code())]),
            ),
        ]));
        let quoted = line.granted().map(|_| {
            object([
                ("url", text("number")),
                ("valueString", text(state.number().to_owned())),
            ])
        });
        let reason = why(line, action).map(|code| {
            object([
                ("url", text("reasonCode")),
                (
                    "valueCodeableConcept",
                    concept([coding(REVIEW_REASON, code)]),
                ),
            ])
        });
        object([
            ("url", pas("extension-reviewAction")),
            (
                "extension",
                list([code, quoted, reason].into_iter().flatten()),
            ),
        ])
    });
    object([
        ("extension", unless_empty(review)),
        ("category", concept([coding(ADJUDICATION, "submitted")])),
    ])
}

fn why(line: &LineState, action: Action) -> Option<ShortCode> {
    match line.decided() {
        Some((_, Verdict::NotCertified(reason))) if action == Action::NotCertified => {
            Some(reason.code)
        }
        _ => None,
    }
}

/// Why lines are not certified, and what is needed: a note each, by line.
struct Notes<'a>(Vec<(u16, &'a str)>);

impl<'a> Notes<'a> {
    fn of(state: &'a State) -> Self {
        let mut notes = Vec::new();
        for line in state.lines() {
            match line.decided() {
                Some((_, Verdict::NotCertified(reason))) => {
                    notes.push((line.number(), reason.text.as_str()));
                }
                Some((_, Verdict::Pended(needs))) if state.cancelled().is_none() => {
                    notes.extend(needs.iter().map(|need| (line.number(), need.as_str())));
                }
                _ => {}
            }
        }
        Self(notes)
    }

    fn of_line(&self, line: u16) -> Json<'static> {
        let numbered = (1u32..).zip(&self.0);
        let own = numbered.filter(|(_, (of, _))| *of == line);
        unless_empty(own.map(|(position, _)| number(position)))
    }

    fn json(&self) -> Json<'a> {
        unless_empty((1u32..).zip(&self.0).map(|(position, (_, words))| {
            object([
                ("number", number(position)),
                ("type", text("display")),
                ("text", text(*words)),
            ])
        }))
    }
}
