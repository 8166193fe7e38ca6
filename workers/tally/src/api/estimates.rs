//! Estimates: what claims would come to, were they submitted now.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use serde::Serialize;
use tally_core::interchange;
use utoipa::ToSchema;

use super::caller::Caller;
use super::negotiate::{self, FHIR, JSON};
use super::problem::Problem;
use super::submit::{RefusalBody, body, place, refusals};
use super::{Answered, Shared, json};
use crate::bundle::bundle;
use crate::cli::estimate_json;
use crate::node::Delivery;

/// What claims would come to.
#[derive(Serialize, ToSchema)]
#[schema(as = Estimates)]
pub(super) struct EstimatesBody {
    /// Always true: no claim was made, and nobody is bound by it.
    estimate: bool,
    /// Claims read.
    read: u32,
    /// Claims that would be refused.
    refused: u32,
    /// What would be refused, and why.
    refusals: Vec<RefusalBody>,
    /// The others, each after those before it: what `GET /claims/{id}` would answer,
    /// with `estimate`, and for who may ask about cover the balances that were `assumed`.
    estimates: Vec<serde_json::Value>,
}

/// Estimate one claim or a batch
///
/// What each would come to, were it submitted now: by the same code, on the present
/// balances. Nothing is stored but that it was asked.
#[utoipa::path(
    post, path = "/estimates", tag = "claims", operation_id = "estimateClaims",
    security(("organisation" = [])),
    request_body(
        description = "As of a submission; FHIR of the use `predetermination` and dental X12 with CLM19 `PB` too",
        content((serde_json::Value = "application/json"), (serde_json::Value = "application/fhir+json"), (String = "application/fhir+ndjson"), (String = "application/EDI-X12"))
    ),
    responses((status = 200, description = "The estimates", content(
        (EstimatesBody = "application/json"), (serde_json::Value = "application/fhir+json")
    ))),
)]
pub(super) async fn estimate(State(service): Shared, caller: Caller, request: Request) -> Answered {
    let format = negotiate::body(request.headers())?;
    let kind = negotiate::answer(request.headers(), &[JSON, FHIR])?;
    let _place = place(&service)?;
    let bytes = body(&service, request).await?;
    let node = &service.api.node;
    let estimated = node
        .estimate(Delivery {
            submitter: &caller.id,
            interchange: None,
            bytes: &bytes,
            format,
            succeeds: None,
        })
        .await?;
    if kind == FHIR {
        let today = node.clock().today();
        let insurer = service.api.config.payer.in_fhir();
        let mut resources: Vec<String> = estimated
            .estimates
            .iter()
            .map(|of| {
                interchange::predetermination_response(&of.claim, &of.outcome, insurer, today)
            })
            .collect();
        let status = match resources.is_empty() {
            true => super::Code::Refused.status(),
            false => axum::http::StatusCode::OK,
        };
        if !estimated.refusals.is_empty() {
            let refused = refusals(&estimated.refusals);
            resources.push(interchange::operation_outcome(&refused));
        }
        let kind = [(header::CONTENT_TYPE, FHIR)];
        return Ok((status, kind, bundle(&resources)).into_response());
    }
    let refused: Vec<RefusalBody> = estimated.refusals.iter().map(RefusalBody::from).collect();
    if estimated.estimates.is_empty() {
        return Err(Problem::refused(refused, None));
    }
    // What accumulators hold tells of other care: it is for who may ask about cover.
    let sees = caller.asks_eligibility || caller.reads_claims;
    let estimates = estimated.estimates.iter().map(|estimate| {
        let mut told = estimate_json(estimate)?;
        if !sees && let Some(told) = told.as_object_mut() {
            told.remove("assumed");
        }
        Ok(told)
    });
    json(&EstimatesBody {
        estimate: true,
        read: estimated.read,
        refused: u32::try_from(refused.len())?,
        refusals: refused,
        estimates: estimates.collect::<anyhow::Result<_>>()?,
    })
}
