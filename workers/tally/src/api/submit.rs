//! Submitting claims: taken in once for each idempotency key, and answered with
//! outcomes when they come quickly enough.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tally_core::claim::ClaimId;
use tally_core::interchange::{self, Format, IntakeRule, Refusal};
use tally_store::port::{ClaimRow, Reading as _};
use tokio::sync::{Notify, SemaphorePermit};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::answer::{Summary, encoded, is_decided};
use super::caller::Caller;
use super::negotiate::{self, FHIR, JSON, X12};
use super::problem::{Code, Problem};
use super::query::Named;
use super::{Answered, ROOT, Service, Shared, json};
use crate::bundle::bundle;
use crate::changes::claim_response;
use crate::node::{Acknowledged, Delivery, RefusedClaim, Reused, Submitted};

/// The header that names a submission.
const KEY: &str = "idempotency-key";
/// The most characters of an idempotency key.
const MAX_KEY: usize = 64;
/// How many claims are asked for at once while they are waited for.
const WINDOW: usize = 64;
/// How long it is waited between two looks at the store, at first and at last.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// A claim that was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub struct RefusalBody {
    /// Where in the body.
    #[schema(example = "Claim.item[2].net")]
    place: String,
    /// The numbered rule: `docs/refusals.md` lists them.
    #[schema(example = "I502", pattern = "^I[0-9]{3}$")]
    rule: String,
    /// Why, in a sentence.
    reason: String,
}

impl From<&RefusedClaim> for RefusalBody {
    fn from(refused: &RefusedClaim) -> Self {
        Self {
            place: refused.place.clone(),
            rule: refused.rule.clone(),
            reason: refused.reason.clone(),
        }
    }
}

/// What a submission came to.
#[derive(Serialize, ToSchema)]
#[schema(as = Submission)]
pub(super) struct SubmissionBody {
    /// Its idempotency key.
    submission: String,
    /// `decided` when every claim of it is; `queued` until then.
    #[schema(example = "decided")]
    status: &'static str,
    /// Claims read.
    read: u32,
    /// Claims refused.
    refused: u32,
    /// The claims taken in, in the order of the body.
    claims: Vec<Summary>,
    /// What was refused, and why.
    refusals: Vec<RefusalBody>,
    /// Of a body in X12, when it is submitted: what it is acknowledged with.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgements: Option<AcknowledgementBody>,
    /// Where it is.
    links: SubmissionLinks,
}

/// What a body in X12 is acknowledged with, each an X12 file. They are not kept: the
/// same body under the same key is answered with the same.
#[derive(Serialize, ToSchema)]
#[schema(as = Acknowledgements)]
pub struct AcknowledgementBody {
    /// TA1 and 999 of every interchange.
    #[serde(rename = "999")]
    receipts: String,
    /// 277CA; nothing where no transaction set fits its guide.
    #[serde(rename = "277CA", skip_serializing_if = "String::is_empty")]
    claims: String,
}

impl AcknowledgementBody {
    /// The receipts alone.
    pub(super) fn receipts(receipts: String) -> Self {
        Self {
            receipts,
            claims: String::new(),
        }
    }
}

impl From<Acknowledged> for AcknowledgementBody {
    fn from(acknowledged: Acknowledged) -> Self {
        Self {
            receipts: acknowledged.receipts,
            claims: acknowledged.claims,
        }
    }
}

/// Where a submission is.
#[derive(Serialize, ToSchema)]
pub(super) struct SubmissionLinks {
    /// The submission.
    #[serde(rename = "self")]
    this: String,
}

/// Submit one claim or a batch
///
/// The same key with the same body gives the first result. Answered with every
/// outcome when they come within the node's patience, else with 202 and a link. X12
/// can be answered with its acknowledgements: TA1, 999 and 277CA.
#[utoipa::path(
    post, path = "/claims", tag = "claims", operation_id = "submitClaims",
    security(("organisation" = [])),
    params(
        ("Idempotency-Key" = String, Header, description = "Names the submission: 1 to 64 visible ASCII characters, bare or as a quoted string"),
    ),
    request_body(
        description = "A tallystick-claim/v1 object or a list of them, a FHIR R4 Claim or Bundle, FHIR ndjson, or X12 837",
        content((serde_json::Value = "application/json"), (serde_json::Value = "application/fhir+json"), (String = "application/fhir+ndjson"), (String = "application/EDI-X12"))
    ),
    responses(
        (status = 200, description = "Every claim is decided", content((SubmissionBody = "application/json"), (serde_json::Value = "application/fhir+json"), (String = "application/EDI-X12"))),
        (status = 202, description = "Taken in, and not decided yet", content((SubmissionBody = "application/json"), (serde_json::Value = "application/fhir+json"), (String = "application/EDI-X12")),
            headers(("Location" = String, description = "Where the submission is"))),
    ),
)]
pub(super) async fn submit(State(service): Shared, caller: Caller, request: Request) -> Answered {
    let key = idempotency_key(request.headers())?;
    let format = negotiate::body(request.headers())?;
    let kind = negotiate::answer(request.headers(), &[JSON, FHIR, X12])?;
    if kind == X12 && format != Some(Format::X12) {
        return Err(Problem::new(
            Code::NotAcceptable,
            "Only a body in X12 is acknowledged in X12: ask for application/json or application/fhir+json.",
        ));
    }
    let _place = place(&service)?;
    let bytes = body(&service, request).await?;
    let delivery = Delivery {
        submitter: &caller.id,
        interchange: Some(&key),
        bytes: &bytes,
        format,
        succeeds: None,
    };
    let submitted = {
        // Even when nobody waits for the answer any more.
        let _wakes = Wakes(&service.api.nudge);
        let submitted = service.api.node.submit(delivery).await;
        submitted.map_err(|error| {
            if error.is::<Reused>() {
                Problem::new(
                    Code::KeyReused,
                    "The first body under this key stands: a new body needs a new key.",
                )
            } else {
                Problem::from(error)
            }
        })?
    };
    let acknowledged = match format {
        Some(Format::X12) => {
            let payer = service.api.config.payer.in_x12();
            let node = &service.api.node;
            node.acknowledge(&delivery, &submitted, &payer).await?
        }
        _ => None,
    };
    drop(bytes);
    if !submitted.again {
        crate::metrics::submitted(submitted.claims.len(), submitted.refusals.len());
    }
    if submitted.claims.is_empty() {
        return nothing_taken(&submitted, kind, acknowledged);
    }
    let patience = Duration::from_millis(service.api.config.intake.patience);
    let (rows, decided) = wait(&service, &submitted.claims, patience).await?;
    let status = match decided {
        true => StatusCode::OK,
        false => StatusCode::ACCEPTED,
    };
    let mut response = match kind {
        FHIR => in_fhir(&service, &submitted, rows, decided).await?,
        X12 => in_x12(acknowledged),
        _ => {
            let mut body = describe(&service, &key, &submitted, &rows).await?;
            body.acknowledgements = acknowledged.map(Into::into);
            json(&body)?
        }
    };
    *response.status_mut() = status;
    if !decided {
        let at = HeaderValue::from_str(&address(&key))?;
        response.headers_mut().insert(header::LOCATION, at);
    }
    Ok(response)
}

/// What a submission came to
#[utoipa::path(
    get, path = "/submissions/{key}", tag = "claims", operation_id = "getSubmission",
    security(("organisation" = [])),
    params(("key" = String, Path, description = "The idempotency key it was submitted with, by the same organisation")),
    responses((status = 200, description = "What it came to so far", body = SubmissionBody)),
)]
pub(super) async fn submission(
    State(service): Shared,
    caller: Caller,
    Named(key): Named,
) -> Answered {
    let found = service.api.node.submission(&caller.id, &key).await?;
    let submitted = found.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "The organisation has submitted nothing under this key.",
        )
    })?;
    let rows = service
        .api
        .node
        .store()
        .claims_by_id(&submitted.claims)
        .await?;
    json(&describe(&service, &key, &submitted, &rows).await?)
}

/// Tells whoever drains the queue, whatever becomes of the request.
struct Wakes<'a>(&'a Notify);

impl Drop for Wakes<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// The key, bare or as the string that the draft of the header has.
fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let wrong = |detail: &'static str| Problem::new(Code::Key, detail);
    let mut values = headers.get_all(KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(wrong(
            "Send the header `Idempotency-Key` once: a new one for every new body.",
        ));
    };
    let malformed = "An idempotency key is 1 to 64 visible ASCII characters, \
                     without quotes or backslashes, a letter or digit among them.";
    let text = value.to_str().map_err(|_| wrong(malformed))?.trim();
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let sound = (1..=MAX_KEY).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        // A name of dots alone is lost in an address.
        && key.bytes().any(|byte| byte.is_ascii_alphanumeric());
    match sound {
        true => Ok(key.to_owned()),
        false => Err(wrong(malformed)),
    }
}

/// A place among the submissions that are answered at once.
pub(super) fn place(service: &Service) -> Result<SemaphorePermit<'_>, Problem> {
    service.submissions.try_acquire().map_err(|_| {
        Problem::new(
            Code::Busy,
            "As many submissions are being answered as the node answers at once.",
        )
    })
}

pub(super) async fn body(service: &Service, request: Request) -> Result<Bytes, Problem> {
    let read = Bytes::from_request(request, &());
    match tokio::time::timeout(service.bounds.body, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(BytesRejection::FailedToBufferBody(error)))
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            Err(Problem::new(
                Code::TooLarge,
                format!(
                    "At most {} bytes are taken in at once: send the claims in parts.",
                    service.api.config.intake.limit
                ),
            ))
        }
        Ok(Err(_)) => Err(Problem::new(
            Code::Body,
            "The body could not be read to its end: send it again.",
        )),
        Err(_) => Err(Problem::new(
            Code::BodyTimeout,
            "Send the claims in smaller parts.",
        )),
    }
}

/// Waits until every claim is decided, or for as long as the node's patience
/// lasts; answers the claims as they are then, and whether all are decided.
pub(super) async fn wait(
    service: &Service,
    ids: &[ClaimId],
    patience: Duration,
) -> Result<(Vec<ClaimRow>, bool), Problem> {
    let store = service.api.node.store();
    let until = Instant::now() + patience;
    let mut pause = PAUSE.0;
    // The first that is not decided yet.
    let mut from = 0;
    while let Some(window) = ids.get(from..ids.len().min(from + WINDOW)) {
        if window.is_empty() {
            break;
        }
        let rows = store.claims_by_id(window).await?;
        let decided = rows.iter().take_while(|row| is_decided(row)).count();
        from += decided;
        if decided == window.len() {
            continue;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(PAUSE.1);
    }
    let rows = store.claims_by_id(ids).await?;
    let decided = rows.len() == ids.len() && rows.iter().all(is_decided);
    Ok((rows, decided))
}

fn address(key: &str) -> String {
    format!("{ROOT}/submissions/{}", encoded(key))
}

/// Says what a submission came to, with an audit entry of each claim.
async fn describe(
    service: &Service,
    key: &str,
    submitted: &Submitted,
    rows: &[ClaimRow],
) -> Result<SubmissionBody, Problem> {
    let node = &service.api.node;
    node.note_all("api:submission", rows.iter().map(|row| row.id))
        .await?;
    Ok(SubmissionBody {
        submission: key.to_owned(),
        status: match rows.iter().all(is_decided) {
            true => "decided",
            false => "queued",
        },
        read: submitted.read,
        refused: u32::try_from(submitted.refusals.len())?,
        claims: rows.iter().map(Summary::of).collect(),
        refusals: submitted.refusals.iter().map(RefusalBody::from).collect(),
        acknowledgements: None,
        links: SubmissionLinks { this: address(key) },
    })
}

/// The refusals of a body of which nothing was taken in.
fn nothing_taken(
    submitted: &Submitted,
    kind: &str,
    acknowledged: Option<Acknowledged>,
) -> Answered {
    match kind {
        FHIR => {
            let body = interchange::operation_outcome(&refusals(&submitted.refusals));
            let kind = [(header::CONTENT_TYPE, FHIR)];
            Ok((Code::Refused.status(), kind, body).into_response())
        }
        X12 => {
            let mut response = in_x12(acknowledged);
            *response.status_mut() = Code::Refused.status();
            Ok(response)
        }
        _ => {
            let refusals = submitted.refusals.iter().map(RefusalBody::from).collect();
            // A 277CA names patients, which no problem does.
            let receipts = acknowledged.map(|all| AcknowledgementBody::receipts(all.receipts));
            Err(Problem::refused(refusals, receipts))
        }
    }
}

/// The acknowledgements, as one file of interchanges.
fn in_x12(acknowledged: Option<Acknowledged>) -> Response {
    let body = acknowledged.map_or_else(String::new, |all| all.whole());
    ([(header::CONTENT_TYPE, X12)], body).into_response()
}

/// The refusals as the core has them. The position is not known any more, and
/// stands in no answer.
pub(super) fn refusals(refused: &[RefusedClaim]) -> Vec<Refusal> {
    refused
        .iter()
        .filter_map(|refused| {
            Some(Refusal {
                position: 0,
                place: refused.place.clone(),
                rule: IntakeRule::of_id(&refused.rule)?,
                reason: refused.reason.clone(),
            })
        })
        .collect()
}

/// The answer in FHIR: the ClaimResponse of one claim; a Bundle of them, with
/// an OperationOutcome of what was refused; an OperationOutcome while it waits.
async fn in_fhir(
    service: &Arc<Service>,
    submitted: &Submitted,
    rows: Vec<ClaimRow>,
    decided: bool,
) -> Answered {
    let kind = [(header::CONTENT_TYPE, FHIR)];
    if !decided {
        let body = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","diagnostics":"Taken in, and not decided yet: see the Location."}]}"#;
        return Ok((kind, body).into_response());
    }
    let node = &service.api.node;
    let today = node.clock().today();
    let insurer = service.api.config.payer.in_fhir();
    let reads = node.open_claims(rows, "api:claim-response").await?;
    let paid = node.paid_on(&reads).await?;
    let mut resources: Vec<String> = reads
        .iter()
        .filter_map(|read| {
            let outcome = read.outcome.as_ref()?;
            let paid = paid.get(&read.row.id).copied();
            Some(claim_response(read, outcome, insurer, today, paid))
        })
        .collect();
    if !submitted.refusals.is_empty() || resources.is_empty() {
        resources.push(interchange::operation_outcome(&refusals(
            &submitted.refusals,
        )));
    }
    let body = bundle(&resources);
    Ok((kind, body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bare_or_quoted() {
        let longest = "x".repeat(MAX_KEY);
        let too_long = "x".repeat(MAX_KEY + 1);
        for (header, expected) in [
            ("batch-7", Some("batch-7")),
            ("\"batch-7\"", Some("batch-7")),
            ("a/b?c#d%20", Some("a/b?c#d%20")),
            (longest.as_str(), Some(longest.as_str())),
            (too_long.as_str(), None),
            ("", None),
            ("\"\"", None),
            ("..", None),
            ("a b", None),
            ("\"a", None),
            ("a\\b", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(KEY, HeaderValue::from_str(header).unwrap());
            let key = idempotency_key(&headers).ok();
            assert_eq!(key.as_deref(), expected, "{header}");
        }
        assert!(idempotency_key(&HeaderMap::new()).is_err());
        let mut twice = HeaderMap::new();
        twice.append(KEY, HeaderValue::from_static("a"));
        twice.append(KEY, HeaderValue::from_static("b"));
        assert!(idempotency_key(&twice).is_err());
    }
}
