//! What changes the past: voids, and all that a claim ever came to.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tally_store::port::ClaimRow;
use utoipa::ToSchema;

use super::access::{Why, disclose, entered_as};
use super::caller::Caller;
use super::claims::find;
use super::problem::{Code, Problem};
use super::query::Named;
use super::submit::wait;
use super::{Answered, Shared, json};
use crate::changes::{changes_json, stage_json_naming, standing};
use crate::node::consent::Need;

/// What an act came to, as far as the organisation is a party to it.
#[derive(Serialize, ToSchema)]
#[schema(as = ActResult)]
pub(super) struct Done {
    /// The act: it is found by this id as a claim is.
    act: String,
    /// `done`, or `waiting`.
    status: &'static str,
    /// What was taken back, and what took its place: `reversed` and `corrected`,
    /// each an outcome of a claim.
    changes: Vec<serde_json::Value>,
}

/// All that a claim ever came to.
#[derive(Serialize, ToSchema)]
#[schema(as = ClaimHistory)]
pub(super) struct History {
    /// The claim.
    claim: String,
    /// Its outcomes, those of what it replaces and of what replaces it, in the order
    /// of time, each with what took it back.
    outcomes: Vec<serde_json::Value>,
}

/// Void a claim
///
/// What it came to is reversed, and later claims of its contract come out as if it
/// had never been. Asked again, the first is answered. A replacement or a void can
/// also be sent as a claim of the frequency 7 or 8.
#[utoipa::path(
    post, path = "/claims/{id}/void", tag = "claims", operation_id = "voidClaim",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses(
        (status = 200, description = "It is done", body = Done),
        (status = 202, description = "Taken in, and not done yet", body = Done),
    ),
)]
pub(super) async fn void(State(service): Shared, caller: Caller, Named(id): Named) -> Answered {
    let row = find(&service, &caller, &id).await?;
    if row.submitter != caller.id {
        return Err(Problem::no_claim());
    }
    let node = &service.api.node;
    let submitted = node.void(row.id, &caller.id).await;
    service.api.nudge.notify_one();
    let submitted = submitted?;
    let Some(act) = submitted.claims.first().copied() else {
        let why = submitted.refusals.first();
        return Err(Problem::new(
            Code::Refused,
            why.map_or_else(String::new, |why| format!("{} {}.", why.rule, why.reason)),
        ));
    };
    let patience = Duration::from_millis(service.api.config.intake.patience);
    let (rows, decided) = wait(&service, &[act], patience).await?;
    let changes = match decided {
        true => {
            let stages = node.stages(row.unit, "api:void").await?;
            let ours: Vec<_> = stages
                .iter()
                .filter(|stage| caller.is_party_to(&stage.row.submitter))
                .collect();
            changes_json(ours.iter().copied(), &BTreeSet::from([act]))
        }
        false => Vec::new(),
    };
    let mut response = json(&Done {
        act: act.to_string(),
        status: rows.first().map_or("waiting", standing),
        changes,
    })?;
    if !decided {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    Ok(response)
}

/// All that a claim ever came to
///
/// Which claim or act brought an outcome about, or took it back, is named where it is of
/// the same claim, or the organisation is a party to it.
#[utoipa::path(
    get, path = "/claims/{id}/history", tag = "claims", operation_id = "getClaimHistory",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "Its outcomes", body = History)),
)]
pub(super) async fn history(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
) -> Answered {
    let need = Need {
        amounts: true,
        ..Need::default()
    };
    let disclosed = disclose(&service, &caller, &why, &id, ("api:history", need)).await?;
    let row = &disclosed.read.row;
    let is_party = |of: &ClaimRow| disclosed.view.context || caller.is_party_to(&of.submitter);
    let node = &service.api.node;
    let history = node.claim_history(row, "api:history", is_party).await?;
    let outcomes = history.stages.iter();
    let outcomes = outcomes.map(|stage| stage_json_naming(stage, &history.named));
    let answer = json(&History {
        claim: row.id.to_string(),
        outcomes: outcomes.collect(),
    })?;
    entered_as(&service, answer, &disclosed).await
}
