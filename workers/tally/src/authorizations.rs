//! Requests for prior authorisation as JSON: what the command line prints and the API
//! answers.

use serde_json::{Value, json};
use tally_core::authorization::{
    Action, Certification, Earlier, Event, LineState, RequestLine, Stage, Urgency, Verdict,
};
use tally_core::claim::AuthorizationKind;
use tally_core::interchange::{AuthorizationAnswer, authorization_response};
use tally_types::{Quantity, ServiceDate, ShortCode};

use crate::appeals::Texts;
use crate::config::PayerConfig;
use crate::node::{AuthorizationRead, LineUse};

/// The stages by their names.
const STAGES: [(&str, Stage); 9] = [
    ("requested", Stage::Requested),
    ("pended", Stage::Pended),
    ("approved", Stage::Approved),
    ("in-part", Stage::InPart),
    ("denied", Stage::Denied),
    ("expired", Stage::Expired),
    ("used-up", Stage::UsedUp),
    ("cancelled", Stage::Cancelled),
    ("superseded", Stage::Superseded),
];

/// The stages that can be asked for: what is used up is told from claims alone.
fn asked() -> impl Iterator<Item = (&'static str, Stage)> {
    let stages = STAGES.into_iter();
    stages.filter(|(_, stage)| *stage != Stage::UsedUp)
}

/// A stage that is asked for, by its name.
///
/// # Errors
/// With the names there are.
pub fn stage_of(name: &str) -> Result<Stage, String> {
    let found = asked().find(|(known, _)| *known == name);
    found.map(|(_, stage)| stage).ok_or_else(|| {
        let names: Vec<&str> = asked().map(|(name, _)| name).collect();
        names.join(", ")
    })
}

/// The name of where a request stands on a day: what claims have used counts, where
/// it is said.
pub fn stage_name(
    read: &AuthorizationRead,
    used: Option<&[LineUse]>,
    day: ServiceDate,
) -> &'static str {
    let stage = read.state.stage(day);
    let none_left = |line: &LineUse| line.left.is_some_and(Quantity::is_zero);
    let spent = used.is_some_and(|lines| !lines.is_empty() && lines.iter().all(none_left));
    let stage = match stage {
        Stage::Approved | Stage::InPart if spent => Stage::UsedUp,
        stage => stage,
    };
    let found = STAGES.iter().find(|(_, known)| *known == stage);
    found.map_or("requested", |(name, _)| name)
}

/// What is asked for, in a word.
pub fn kind_name(kind: AuthorizationKind) -> &'static str {
    match kind {
        AuthorizationKind::Authorization => "authorization",
        AuthorizationKind::Referral => "referral",
    }
}

/// What is to be done, in a word.
pub fn certification_name(of: Certification) -> &'static str {
    match of {
        Certification::Initial => "initial",
        Certification::Renewal => "renewal",
        Certification::Revised => "revision",
        Certification::Cancel => "cancellation",
    }
}

/// How soon an answer is needed, in a word.
pub fn urgency_name(of: Urgency) -> &'static str {
    match of {
        Urgency::Elective => "elective",
        Urgency::Urgent => "urgent",
        Urgency::Emergency => "emergency",
    }
}

/// What was decided of a line, in a word.
pub fn action_name(action: Option<Action>) -> &'static str {
    match action {
        None => "waits",
        Some(Action::InTotal) => "certified",
        Some(Action::Modified) => "certified in part",
        Some(Action::NotCertified) => "not certified",
        Some(Action::Pended) => "pended",
        Some(Action::Cancelled) => "cancelled",
    }
}

/// What a line is of: a procedure, or a type of service.
pub fn service_of(line: &RequestLine) -> String {
    match (line.procedure.is_none(), line.service.is_none()) {
        (false, _) => line.procedure.to_string(),
        (true, false) => format!("type {}", line.service),
        (true, true) => "whatever is needed".to_owned(),
    }
}

/// A request in short, without its lines.
pub fn summary_json(read: &AuthorizationRead, day: ServiceDate) -> Value {
    let request = &read.record.request;
    let certified = read.state.lines().iter();
    let certified = certified.filter(|line| line.granted().is_some()).count();
    json!({
        "number": read.number,
        "kind": kind_name(request.kind),
        "certification": certification_name(request.certification),
        "urgency": urgency_name(request.urgency),
        "stage": stage_name(read, None, day),
        "received": read.record.received.to_string(),
        "submitter": read.submitter,
        "member": request.member.identifier,
        "provider": request.requesting.identifier,
        "lines": request.lines.len(),
        "certified": certified,
    })
}

/// A request with its lines, what happened to it, and what of it is used. Who decided it
/// at the payer's is named to the payer alone.
pub fn authorization_json(
    read: &AuthorizationRead,
    used: &[LineUse],
    day: ServiceDate,
    texts: Texts,
) -> Value {
    let named = |name: &str| match texts {
        Texts::Told => Value::from(name),
        Texts::WithoutNames | Texts::Withheld => Value::Null,
    };
    let request = &read.record.request;
    let lines = request.lines.iter().zip(read.state.lines());
    let lines: Vec<Value> = lines
        .map(|(asked, line)| line_json(read, asked, line, used))
        .collect();
    let events = read.record.events.iter().zip(&read.contracts);
    let events: Vec<Value> = events
        .map(|(dated, contract)| {
            let (what, by, reason) = match &dated.event {
                Event::Decided(decision) => ("decided", named(&decision.by), None),
                Event::Cancelled { by, reason } => ("cancelled", named(by), Some(reason)),
                // A number, not a name.
                Event::Superseded { by } => ("superseded", Value::from(by.as_str()), None),
                Event::Used { .. } => ("used", Value::from(""), None),
            };
            json!({
                "day": dated.day.to_string(),
                "event": what,
                "by": by,
                "reason": reason,
                "contract_version": contract,
            })
        })
        .collect();
    let (earlier, number) = match &request.earlier {
        None => (None, None),
        Some(Earlier::Authorization(number)) => (Some("authorization"), Some(number)),
        Some(Earlier::Request(number)) => (Some("request"), Some(number)),
    };
    let diagnoses: Vec<String> = request.diagnoses.iter().map(ToString::to_string).collect();
    json!({
        "number": read.number,
        "kind": kind_name(request.kind),
        "certification": certification_name(request.certification),
        "earlier": earlier.map(|of| json!({ "of": of, "number": number })),
        "urgency": urgency_name(request.urgency),
        "stage": stage_name(read, Some(used), day),
        "received": read.record.received.to_string(),
        "submitter": read.submitter,
        "control_number": request.control_number,
        "member": request.member.identifier,
        "provider": request.requesting.identifier,
        "diagnoses": diagnoses,
        "lines": lines,
        "events": events,
    })
}

fn optional(code: ShortCode) -> Option<String> {
    (!code.is_none()).then(|| code.to_string())
}

fn line_json(
    read: &AuthorizationRead,
    asked: &RequestLine,
    line: &LineState,
    used: &[LineUse],
) -> Value {
    let action = read.state.action(asked.number);
    let modifiers = asked.modifiers.iter().filter(|code| !code.is_none());
    let modifiers: Vec<String> = modifiers.map(ToString::to_string).collect();
    let (from, through) = asked.span.unzip();
    let certified = line.granted().map(|(_, grant)| {
        json!({
            "units": grant.units.to_string(),
            "from": grant.from.to_string(),
            "through": grant.through.to_string(),
        })
    });
    let (reason, needs) = match line.decided() {
        Some((_, Verdict::NotCertified(reason))) => (
            Some(json!({ "code": reason.code.to_string(), "text": reason.text })),
            None,
        ),
        Some((_, Verdict::Pended(needs))) => (None, Some(needs)),
        _ => (None, None),
    };
    let using = used.iter().find(|of| of.line == asked.number);
    let left = using.and_then(|of| of.left);
    let claims = using.filter(|of| of.left.is_some()).map(|of| {
        let claims = of.used.iter();
        let claims = claims.map(|by| {
            json!({
                "claim": by.claim.to_string(),
                "line": by.line,
                "on": by.on.to_string(),
                "units": by.units.to_string(),
            })
        });
        claims.collect::<Vec<Value>>()
    });
    json!({
        "line": asked.number,
        "procedure": (!asked.procedure.is_none()).then(|| asked.procedure.to_string()),
        "modifiers": modifiers,
        "service_type": optional(asked.service),
        "provider": asked.servicing.as_ref().map(|of| of.identifier.as_str()),
        "asked": {
            "units": asked.quantity.to_string(),
            "from": from.map(|day| day.to_string()),
            "through": through.map(|day| day.to_string()),
        },
        "status": action_name(action),
        "action": action.map(Action::code),
        "decided": line.decided().map(|(day, _)| day.to_string()),
        "certified": certified,
        "reason": reason,
        "needs": needs,
        "good_through": using.map(|of| of.through.to_string()),
        "left": left.map(|left| left.to_string()),
        "claims": claims,
    })
}

/// The answer to a request as a FHIR `ClaimResponse`.
pub fn response(read: &AuthorizationRead, payer: &PayerConfig, day: ServiceDate) -> String {
    authorization_response(&AuthorizationAnswer {
        state: &read.state,
        id: &read.number,
        insurer: payer.in_fhir(),
        created: day,
    })
}
