//! Who asks for a claim, and for what: purposes, breaking the glass, what is cut from the
//! answer, and the receipt of each reading.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::{Value, json};
use tally_core::claim::{Claim, ClaimId};
use tally_core::ledger::access::{Denied, Purpose, View};

use super::answer::address;
use super::caller::Caller;
use super::claims::not_yet;
use super::problem::{Code, Problem};
use super::{Answered, Service, Shared, text};
use crate::node::consent::{Allowed, Asking, Beside, Disclosed, Need, Refused};
use crate::node::keys::{hex, unhex};

/// What a claim is read for.
pub(super) const PURPOSE: HeaderName = HeaderName::from_static("purpose-of-use");
/// Why a claim is read without a right.
pub(super) const BREAK_GLASS: HeaderName = HeaderName::from_static("break-glass");
/// Where the receipt of a reading is.
const RECEIPT: HeaderName = HeaderName::from_static("reading-receipt");

/// An answer with diagnoses, services and amounts.
pub(super) const WHOLE: Need = Need {
    care: true,
    amounts: true,
    party: false,
    entered: false,
};

/// An answer with amounts.
pub(super) const AMOUNTS: Need = Need {
    care: false,
    amounts: true,
    party: false,
    entered: false,
};

/// An answer about what is on the ledger.
pub(super) const ENTERED: Need = Need {
    care: false,
    amounts: false,
    party: false,
    entered: true,
};

/// Why a claim is asked for, as the request says.
pub(super) struct Why {
    purpose: Option<Purpose>,
    emergency: Option<String>,
}

/// A header's text, where it is there, once.
fn said(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes()).ok();
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text.trim().to_owned())),
        _ => Err(Problem::parameter(format!(
            "The header `{name}` is UTF-8, and stands once."
        ))),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Why {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let emergency = said(&parts.headers, &BREAK_GLASS)?;
        let purpose = match said(&parts.headers, &PURPOSE)? {
            None => emergency.as_ref().map(|_| Purpose::BreakTheGlass),
            Some(code) => Some(Purpose::parse(&code).ok_or_else(no_purpose)?),
        };
        Ok(Self { purpose, emergency })
    }
}

fn no_purpose() -> Problem {
    let codes: Vec<_> = Purpose::all().map(Purpose::code).collect();
    Problem::parameter(format!(
        "`Purpose-Of-Use` is a code of HL7 v3 PurposeOfUse: {}.",
        codes.join(", ")
    ))
}

/// What cannot be cut without losing its proof.
pub(super) const PROVEN: Need = Need {
    care: false,
    amounts: true,
    party: true,
    entered: true,
};

fn asking(caller: &Caller, why: &Why) -> Asking {
    Asking {
        who: (!caller.reads_claims).then(|| caller.id.clone()),
        person: caller.person.clone(),
        purpose: why.purpose,
        emergency: why.emergency.clone(),
    }
}

/// A claim that the caller may read, for what it says it is read for, and that is noted.
/// What may not be read is as if it were not there. What is made of it is answered by
/// [`entered_as`], which enters the reading.
pub(super) async fn disclose(
    service: &Service,
    caller: &Caller,
    why: &Why,
    id: &str,
    (action, need): (&str, Need),
) -> Result<Disclosed, Problem> {
    let id = ClaimId::parse(id).ok_or_else(Problem::no_claim)?;
    let asking = asking(caller, why);
    let node = &service.api.node;
    let answer = node
        .disclose(&service.rules, id, &asking, (action, need))
        .await?;
    answer.map_err(refused)
}

/// What is told of a claim that is not shown.
fn refused(why: Refused) -> Problem {
    match why {
        Refused::Denied(why) => told(why),
        Refused::Beyond => Problem::new(
            Code::Forbidden,
            "What the claim is read for does not need this: `GET /claims/{id}` shows what it does.",
        ),
        Refused::NotYet(row) => not_yet(&row),
        Refused::Erased => Problem::erased(),
    }
}

/// What is told of a refusal: nothing of the claim, but what the caller said wrong.
fn told(why: Denied) -> Problem {
    let code = match why {
        Denied::Request | Denied::EmergencyPurpose | Denied::EmergencyReason => Code::Parameter,
        Denied::Unknown | Denied::Left | Denied::EmergencyRole => Code::Forbidden,
        _ => return Problem::no_claim(),
    };
    Problem::new(code, format!("{}.", why.told()))
}

/// What is decided of claims that an answer would show beside the one that was asked for:
/// of each by itself, for what the caller says. Nothing is noted yet.
pub(super) async fn beside(
    service: &Service,
    (caller, why): (&Caller, &Why),
    claims: &BTreeSet<ClaimId>,
    need: Need,
) -> Result<Beside, Problem> {
    let (node, asking) = (&service.api.node, asking(caller, why));
    let decided = node.decide_beside(&service.rules, &asking, claims, need);
    Ok(decided.await?)
}

/// An answer that shows something of a claim: the reading is entered first, and the
/// answer says where its receipt is. The payer's own is not entered.
pub(super) async fn entered_as(
    service: &Service,
    answer: Response,
    disclosed: &Disclosed,
) -> Answered {
    entered_each(service, answer, &[&disclosed.allowed]).await
}

/// The same of an answer that shows several claims: the readings of all, in order. Where one
/// of them may not be read any more nothing is shown.
pub(super) async fn entered_each(
    service: &Service,
    mut answer: Response,
    allowed: &[&Allowed],
) -> Answered {
    let entered = service.api.node.enter_reads(&service.rules, allowed);
    let entered = entered.await?.map_err(|(claim, why)| {
        let asked_for = allowed.first().map(|of| of.claim());
        match asked_for == Some(claim) {
            true => refused(why),
            false => Problem::new(
                Code::NotYet,
                "What may be read of the claims beside this one was taken back meanwhile: ask again.",
            ),
        }
    })?;
    for (claim, reading) in entered {
        let claim = address(claim);
        let at = format!("{claim}/readings/{}/receipt", hex(&reading));
        let at = HeaderValue::from_str(&at)?;
        answer.headers_mut().append(RECEIPT, at);
    }
    Ok(answer)
}

/// Leaves of a claim what who reads it may be shown: adds what was done where that is
/// care, takes away what it cost where that is not shown.
pub(super) fn cut(object: &mut Value, claim: &Claim, view: View) {
    if let (false, Some(fields)) = (view.amounts, object.as_object_mut()) {
        let keep = ["claim", "status", "received", "taken_back_by", "links"];
        fields.retain(|name, _| keep.contains(&name.as_str()));
    }
    if view.care {
        object["kind"] = crate::view::kind(claim.kind).into();
        let diagnoses = claim.diagnoses.iter().map(ToString::to_string);
        object["diagnoses"] = diagnoses.collect::<Vec<_>>().into();
        object["services"] = services(claim);
    }
}

/// What was done, line by line.
fn services(claim: &Claim) -> Value {
    let lines = claim.lines.iter().map(|line| {
        let modifiers = line.modifiers.iter().filter(|code| !code.is_none());
        json!({
            "line": line.number,
            "procedure": (!line.procedure.is_none()).then(|| line.procedure.to_string()),
            "modifiers": modifiers.map(ToString::to_string).collect::<Vec<_>>(),
            "revenue": (!line.revenue.is_none()).then(|| line.revenue.to_string()),
            "quantity": line.quantity.to_string(),
            "from": line.from.to_string(),
            "through": line.through.to_string(),
        })
    });
    lines.collect()
}

/// A reading's receipt
///
/// That this organisation read a claim, when, for what and by what right, was entered
/// before it was shown: one file that `tally ledger verify` accepts, offline. Its address
/// is in the header `Reading-Receipt` of what was read.
#[utoipa::path(
    get, path = "/claims/{id}/readings/{reading}/receipt", tag = "claims", operation_id = "getReadingReceipt",
    security(("organisation" = [])),
    params(
        ("id" = String, Path, description = "The claim's id"),
        ("reading" = String, Path, description = "The reading: 64 hexadecimal digits"),
    ),
    responses((status = 200, description = "The receipt", body = String, content_type = "text/plain")),
)]
pub(super) async fn receipt(
    State(service): Shared,
    caller: Caller,
    Path((id, reading)): Path<(String, String)>,
) -> Answered {
    let nothing = || Problem::new(Code::NotFound, "There is no such reading of yours.");
    let claim = ClaimId::parse(&id).ok_or_else(nothing)?;
    let reading = unhex::<32>(&reading).ok_or_else(nothing)?;
    let reader = (!caller.reads_claims).then_some(caller.id.as_str());
    let node = &service.api.node;
    let receipt = node.reading_receipt(claim, &reading, reader).await?;
    Ok(text(receipt.ok_or_else(nothing)?.to_string()))
}
