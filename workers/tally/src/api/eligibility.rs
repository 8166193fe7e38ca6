//! Eligibility: whether a member is covered, and what is left of their benefits.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use tally_core::interchange::x12::text_of;
use tally_core::interchange::{self, Format, read_eligibility_request};

use super::caller::Caller;
use super::negotiate::{self, FHIR, X12};
use super::problem::{Code, Problem};
use super::submit::{AcknowledgementBody, body, place};
use super::{Answered, Shared};

/// Ask whether members are covered
///
/// An X12 270 is answered with a 271, a FHIR R4 CoverageEligibilityRequest with a
/// CoverageEligibilityResponse. For an organisation that may ask.
#[utoipa::path(
    post, path = "/eligibility", tag = "eligibility", operation_id = "askEligibility",
    security(("organisation" = [])),
    request_body(
        description = "X12 270 inquiries, or a CoverageEligibilityRequest, alone or in a Bundle with what it refers to",
        content((String = "application/EDI-X12"), (serde_json::Value = "application/fhir+json"))
    ),
    responses((status = 200, description = "What is so of them", content(
        (String = "application/EDI-X12"), (serde_json::Value = "application/fhir+json")
    ))),
)]
pub(super) async fn ask(State(service): Shared, caller: Caller, request: Request) -> Answered {
    if !caller.asks_eligibility {
        return Err(Problem::new(
            Code::Forbidden,
            "Eligibility is for organisations that may ask about members.",
        ));
    }
    let format = negotiate::body(request.headers())?;
    // It is answered as it is asked.
    let kind = match format {
        Some(Format::X12) => X12,
        Some(Format::FhirNdjson) => {
            return Err(Problem::new(
                Code::MediaType,
                "The kinds that are read: application/EDI-X12, application/fhir+json.",
            ));
        }
        _ => FHIR,
    };
    negotiate::answer(request.headers(), &[kind])?;
    let _place = place(&service)?;
    let bytes = body(&service, request).await?;
    let (node, payer) = (&service.api.node, &service.api.config.payer);
    let typed = [(header::CONTENT_TYPE, kind)];
    if kind == X12 {
        let answered = node.eligibility_x12(&text_of(&bytes), payer).await?;
        if answered.text.is_empty() {
            let acknowledged = AcknowledgementBody::receipts(answered.receipts);
            return Err(Problem::no_inquiry(acknowledged));
        }
        return Ok((typed, answered.text).into_response());
    }
    match read_eligibility_request(&bytes) {
        Ok(request) => {
            let (response, _) = node.eligibility_fhir(&request, payer).await?;
            Ok((typed, response).into_response())
        }
        Err(refusal) => {
            let outcome = interchange::operation_outcome(&[refusal]);
            Ok((Code::Refused.status(), typed, outcome).into_response())
        }
    }
}
