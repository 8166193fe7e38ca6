//! What changes the past: voids, and all that a claim ever came to.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tally_core::claim::ClaimId;
use tally_store::port::{ClaimRow, Reading as _};
use utoipa::ToSchema;

use super::access::{AMOUNTS, Why, beside, disclose, entered_each};
use super::caller::Caller;
use super::claims::find;
use super::problem::{Code, Problem};
use super::query::Named;
use super::submit::wait;
use super::{Answered, Service, Shared, json};
use crate::changes::{changes_json, stage_json_naming, standing};
use crate::node::Stage;
use crate::node::consent::Allowed;

/// What is noted of the claims of a history.
const HISTORY: &str = "api:history";

/// What an act came to, as far as the organisation is a party to it.
#[derive(Serialize, ToSchema)]
#[schema(as = ActResult)]
pub(super) struct Done {
    /// The act: it is found by this id as a claim is.
    act: String,
    /// `done`, or `waiting`.
    status: &'static str,
    /// What was taken back, and what took its place: `reversed` and `corrected`,
    /// each an outcome of a claim that the organisation sent and may read.
    changes: Vec<serde_json::Value>,
}

/// All that a claim ever came to.
#[derive(Serialize, ToSchema)]
#[schema(as = ClaimHistory)]
pub(super) struct History {
    /// The claim.
    claim: String,
    /// Its outcomes, those of what it replaces and of what replaces it where these may be
    /// read too, in the order of time, each with what took it back.
    outcomes: Vec<serde_json::Value>,
}

/// Void a claim
///
/// What it came to is reversed, and later claims of its contract come out as if it
/// had never been: of that it tells what the organisation sent and may read. Asked again,
/// the first is answered. A replacement or a void can also be sent as a claim of the
/// frequency 7 or 8.
#[utoipa::path(
    post, path = "/claims/{id}/void", tag = "claims", operation_id = "voidClaim",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses(
        (status = 200, description = "It is done", body = Done),
        (status = 202, description = "Taken in, and not done yet", body = Done),
    ),
)]
pub(super) async fn void(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
) -> Answered {
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
    let (changes, read) = match decided {
        true => changes(&service, (&caller, &why), (&row, act)).await?,
        false => (Vec::new(), Vec::new()),
    };
    let mut response = json(&Done {
        act: act.to_string(),
        status: rows.first().map_or("waiting", standing),
        changes,
    })?;
    if !decided {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    entered_each(&service, response, &read.iter().collect::<Vec<_>>()).await
}

/// What an act changed of what the caller sent and may read, and by what right: each claim
/// is decided by itself, and noted where it is shown.
async fn changes(
    service: &Service,
    asked: (&Caller, &Why),
    (row, act): (&ClaimRow, ClaimId),
) -> Result<(Vec<serde_json::Value>, Vec<Allowed>), Problem> {
    let (node, acts) = (&service.api.node, BTreeSet::from([act]));
    let changed = node.changed_by(row.unit, &acts).await?;
    let changed: Vec<ClaimId> = changed.into_iter().collect();
    let mut sent = node.store().claims_by_id(&changed).await?;
    sent.retain(|of| asked.0.is_party_to(&of.submitter));
    let sent = sent.iter().map(|of| of.id).collect();
    let beside = beside(service, asked, &sent, AMOUNTS).await?;
    let may: BTreeSet<ClaimId> = beside.claims().collect();
    let stages = node.stages_of_claims(row.unit, &may, Some("api:void"));
    let stages = stages.await?;
    let changes = changes_json(&stages, &acts);
    Ok((changes, shown(beside.may, &stages)))
}

/// The readings of the claims that are shown: of one that was erased nothing is.
fn shown(may: Vec<Allowed>, stages: &[Stage]) -> Vec<Allowed> {
    let is_shown = |of: &Allowed| {
        let claim = of.claim();
        stages.iter().any(|stage| stage.row.id == claim)
    };
    may.into_iter().filter(is_shown).collect()
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
    let disclosed = disclose(&service, &caller, &why, &id, (HISTORY, AMOUNTS)).await?;
    let row = &disclosed.read.row;
    let node = &service.api.node;
    let here = node.claims_at_place(row).await?.into_iter();
    let others = here.map(|of| of.id).filter(|id| *id != row.id).collect();
    let others = beside(&service, (&caller, &why), &others, AMOUNTS).await?;
    let may: BTreeSet<ClaimId> = others.claims().collect();
    let stages = node.history_with(row, may, HISTORY).await?;
    let is_party = |of: &ClaimRow| disclosed.view.context || caller.is_party_to(&of.submitter);
    let named = node.named_beside(row, is_party).await?;
    let outcomes = stages.iter().map(|stage| stage_json_naming(stage, &named));
    let answer = json(&History {
        claim: row.id.to_string(),
        outcomes: outcomes.collect(),
    })?;
    let others = shown(others.may, &stages);
    let allowed = std::iter::once(&disclosed.allowed).chain(&others);
    entered_each(&service, answer, &allowed.collect::<Vec<_>>()).await
}
