//! Prior authorisation and referral: what a provider asks for, and what it came to.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use tally_core::interchange::{self, Format, read_authorization_request};
use utoipa::ToSchema;

use super::caller::Caller;
use super::claims::whose;
use super::negotiate::{self, FHIR, JSON};
use super::problem::{Code, Problem};
use super::query::{Asked, Fields, Named};
use super::submit::{body, place};
use super::{Answered, ROOT, Service, Shared, json, paged};
use crate::appeals::Texts;
use crate::authorizations::{authorization_json, response, stage_of, summary_json};
use crate::node::{AuthorizationError, AuthorizationRead, Listing};

/// How many requests are listed when it is not said, and at most.
const LIMITS: (usize, usize) = (50, 500);

/// The most requests that are looked at for one page: where one stands is known when it is
/// opened.
const MOST: usize = 2000;

/// A page of requests for prior authorisation.
#[derive(Serialize, ToSchema)]
#[schema(as = Authorizations)]
pub(super) struct Listed {
    /// In short: `number`, `kind`, `certification`, `urgency`, `stage`, `received`,
    /// `submitter`, `member`, `provider`, `lines`, `certified`. The latest first.
    authorizations: Vec<serde_json::Value>,
    /// Where the next page is; nothing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Ask for a prior authorisation or a referral
///
/// A FHIR R4 Claim of the use `preauthorization`, alone or in a Bundle, as Da Vinci PAS
/// has it; answered with a ClaimResponse. A request is known by its identifier and its
/// provider: the same again is answered with what became of the first. One whose
/// certification type is `3` takes back what it names.
#[utoipa::path(
    post, path = "/authorizations", tag = "authorizations", operation_id = "requestAuthorization",
    security(("organisation" = [])),
    request_body(
        description = "A Claim of the use preauthorization, alone or in a Bundle with what it refers to",
        content((serde_json::Value = "application/fhir+json"))
    ),
    responses(
        (status = 200, description = "It had been taken in before, or took back what it names", content((serde_json::Value = "application/fhir+json"), (serde_json::Value = "application/json"))),
        (status = 201, description = "It is taken in", content((serde_json::Value = "application/fhir+json"), (serde_json::Value = "application/json")),
            headers(("Location" = String, description = "Where the request is"))),
    ),
)]
pub(super) async fn request(State(service): Shared, caller: Caller, request: Request) -> Answered {
    if !matches!(
        negotiate::body(request.headers())?,
        None | Some(Format::FhirJson)
    ) {
        return Err(Problem::new(
            Code::MediaType,
            "The kind that is read: application/fhir+json.",
        ));
    }
    let kind = negotiate::answer(request.headers(), &[FHIR, JSON])?;
    let _place = place(&service)?;
    let bytes = body(&service, request).await?;
    let asked = match read_authorization_request(&bytes) {
        Ok(asked) => asked,
        Err(refusal) => {
            let typed = [(header::CONTENT_TYPE, FHIR)];
            let outcome = interchange::operation_outcome(&[refusal]);
            return Ok((Code::Refused.status(), typed, outcome).into_response());
        }
    };
    let node = &service.api.node;
    let requested = node.request_authorization(asked, &caller.id).await;
    let requested = requested.map_err(problem)?;
    let read = &requested.read;
    let mut answer = answer(&service, &caller, read, kind).await?;
    // A cancellation makes nothing new.
    if !requested.again && read.record.events.is_empty() {
        *answer.status_mut() = StatusCode::CREATED;
        let at = format!("{ROOT}/authorizations/{}", read.number);
        answer.headers_mut().insert(header::LOCATION, at.parse()?);
    }
    Ok(answer)
}

/// A request and what it came to
///
/// By the number that it was answered with. With what is certified and left of it; the
/// claims that used it are those that the organisation is a party to. Who decided it or took
/// it back is named to one that may read every claim, and null for others.
#[utoipa::path(
    get, path = "/authorizations/{number}", tag = "authorizations", operation_id = "getAuthorization",
    security(("organisation" = [])),
    params(("number" = String, Path, description = "The request's number, which is the authorisation's")),
    responses((status = 200, description = "The request", content((serde_json::Value = "application/json"), (serde_json::Value = "application/fhir+json")))),
)]
pub(super) async fn one(
    State(service): Shared,
    caller: Caller,
    Named(number): Named,
    headers: HeaderMap,
) -> Answered {
    let kind = negotiate::answer(&headers, &[JSON, FHIR])?;
    let submitter = whose(&caller, None)?;
    let node = &service.api.node;
    let read = node
        .read_authorization(&number, submitter.as_deref(), "api:authorization")
        .await
        .map_err(problem)?;
    answer(&service, &caller, &read, kind).await
}

/// List requests
///
/// Those that the organisation submitted; all, for one that may read every claim. The
/// latest first. At most 2000 are looked at for a page: with a `stage` it may have fewer than
/// `limit`, and none, and still say where the next is.
#[utoipa::path(
    get, path = "/authorizations", tag = "authorizations", operation_id = "listAuthorizations",
    security(("organisation" = [])),
    params(
        ("member" = Option<String>, Query, description = "Of this member, by the id on the card"),
        ("stage" = Option<String>, Query, description = "Only those that stand so today, claims apart: `requested`, `pended`, `approved`, `in-part`, `denied`, `expired`, `cancelled`, `superseded`"),
        ("submitter" = Option<String>, Query, description = "Submitted by this organisation; for one that may read every claim"),
        ("before" = Option<String>, Query, description = "Only requests taken in before the one of this number"),
        ("limit" = Option<u32>, Query, description = "Requests of a page: 1 to 500, 50 when it is not said"),
    ),
    responses((status = 200, description = "A page of requests", body = Listed,
        headers(("Link" = String, description = "The next page, as `rel=\"next\"`")))),
)]
pub(super) async fn list(State(service): Shared, caller: Caller, Asked(pairs): Asked) -> Answered {
    let fields = Fields::of(&pairs, &["member", "stage", "submitter", "before", "limit"])?;
    let stage = fields.get("stage").map(|name| {
        stage_of(name).map_err(|names| Problem::parameter(format!("`stage` is one of {names}.")))
    });
    let stage = stage.transpose()?;
    let limit = fields.number("limit", LIMITS.0, 1..=LIMITS.1)?;
    let submitter = whose(&caller, fields.get("submitter"))?;
    let node = &service.api.node;
    let listing = Listing {
        member: fields.get("member"),
        submitter: submitter.as_deref(),
        stage,
        before: fields.get("before"),
        limit,
        most: MOST,
    };
    let page = node.authorizations(&listing, "api:authorizations").await;
    let page = page.map_err(|error| match error.downcast_ref() {
        Some(AuthorizationError::Unknown) => {
            Problem::parameter("`before` is the number of a request.")
        }
        _ => Problem::from(error),
    })?;
    let next = page.next.map(|last| {
        fields.next(
            "authorizations",
            ("before", &last),
            limit,
            &["member", "stage", "submitter"],
        )
    });
    let today = node.clock().today();
    let summaries = page.reads.iter().map(|read| summary_json(read, today));
    let page = Listed {
        authorizations: summaries.collect(),
        next,
    };
    paged(&page, page.next.as_deref())
}

async fn answer(
    service: &Service,
    caller: &Caller,
    read: &AuthorizationRead,
    kind: &'static str,
) -> Answered {
    let (node, payer) = (&service.api.node, &service.api.config.payer);
    let today = node.clock().today();
    if kind == FHIR {
        let typed = [(header::CONTENT_TYPE, FHIR)];
        return Ok((typed, response(read, payer, today)).into_response());
    }
    let party = whose(caller, None)?;
    let used = node
        .authorization_use(read, party.as_deref(), "api:authorization-use")
        .await?;
    // Who decides at the payer's is the payer's to know.
    let texts = match caller.reads_claims {
        true => Texts::Told,
        false => Texts::WithoutNames,
    };
    json(&authorization_json(read, &used, today, texts))
}

/// What is said when a request cannot be taken in or found.
fn problem(error: anyhow::Error) -> Problem {
    match error.downcast_ref::<AuthorizationError>() {
        None => Problem::from(error),
        Some(AuthorizationError::Unknown) => Problem::new(
            Code::NotFound,
            "There is no such request among those the organisation may see.",
        ),
        Some(AuthorizationError::Erased) => Problem::new(
            Code::Erased,
            "The key of its record was destroyed. Nobody can open it.",
        ),
        Some(AuthorizationError::NotEnrolled) => Problem::new(
            Code::Refused,
            "The member is not enrolled: send the identifier on the card.",
        ),
        Some(other) => {
            let mut text = other.to_string();
            if let Some(first) = text.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            Problem::new(Code::Refused, format!("{text}."))
        }
    }
}
