//! Remittances: what payees are told of claims that are settled.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use tally_store::port::{ClaimFilter, Reading as _};
use tally_types::ServiceDate;
use utoipa::ToSchema;

use super::access::{Why, disclose, entered_as};
use super::caller::Caller;
use super::claims::{not_settled, whose};
use super::negotiate::{self, FHIR, JSON, X12};
use super::problem::{Code, Problem};
use super::query::{Asked, Fields, Named};
use super::{Answered, ROOT, Service, Shared, json};
use crate::bundle::bundle;
use crate::changes::remitted_responses;
use crate::node::consent::Need;
use crate::node::{self, ClaimRead, RemitError, Remitting, ToldClaim, is_gone, settled};

/// The most claims that are looked at for one answer.
const MOST: u32 = 2000;

/// What a payee is paid, and what for.
#[derive(Serialize, ToSchema)]
#[schema(as = Remittance)]
pub(super) struct Remitted {
    /// What the payee is known by in its claims.
    payee: String,
    /// Its name.
    name: String,
    /// The payment's number.
    trace: String,
    /// The day of the payment.
    on: String,
    /// Whether it was made. Then it is what the payment `trace` told of these claims
    /// last; otherwise what would be told of them today.
    made: bool,
    /// How much of it is for these claims, as a decimal of dollars and cents; never
    /// below zero.
    payment: String,
    /// The claims, as `tally claim export` prints them, with `interest` for late payment.
    claims: Vec<serde_json::Value>,
    /// What is taken back, as it had stood: each before what takes its place.
    reversed: Vec<serde_json::Value>,
    /// What earlier payments left with the payee until a correction, and is taken.
    recovered: Vec<Recovered>,
}

/// Money that was left with the payee for a claim, and is taken.
#[derive(Serialize, ToSchema)]
struct Recovered {
    /// The claim that was reversed.
    claim: String,
    /// How much, as a decimal of dollars and cents.
    amount: String,
}

/// What several payees are paid.
#[derive(Serialize, ToSchema)]
#[schema(as = Remittances)]
pub(super) struct AllRemitted {
    /// One for each payee of what would be told, then one for each payment that told.
    remittances: Vec<Remitted>,
    /// Claims that were asked for and wait: they are in none.
    waiting: u32,
}

/// A claim's remittance
///
/// What its payee is told: as our JSON, as an X12 835 of this claim alone, or as a
/// FHIR R4 ClaimResponse. Of a claim that is settled. Of one that was paid, by which
/// payment; its 835 is that of the payment (`GET /payments/{trace}`).
#[utoipa::path(
    get, path = "/claims/{id}/remittance", tag = "claims", operation_id = "getRemittance",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "The remittance", content(
        (Remitted = "application/json"), (String = "application/EDI-X12"), (serde_json::Value = "application/fhir+json")
    ))),
)]
pub(super) async fn one(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
    headers: HeaderMap,
) -> Answered {
    let kind = negotiate::answer(&headers, &[JSON, X12, FHIR])?;
    // An 835 is a standard transaction, whole or not at all (45 CFR 164.502(b)(2)).
    let need = Need {
        amounts: true,
        ..Need::default()
    };
    let disclosed = disclose(&service, &caller, &why, &id, ("api:remittance", need)).await?;
    let read = &disclosed.read;
    if settled(read).is_none() && !is_gone(read) {
        return Err(not_settled(read));
    }
    let reads = std::slice::from_ref(read);
    let answer = if kind == JSON {
        let (due, made) = remit(&service, reads).await?;
        let due = due.first().map(|of| describe(of, false));
        let made = made.last().map(|of| describe(of, true));
        json(&due.or(made).ok_or_else(nothing_told)??)?
    } else {
        written(&service, kind, reads).await?
    };
    entered_as(&service, answer, &disclosed).await
}

/// A claim that was taken back before anybody was told of it.
fn nothing_told() -> Problem {
    Problem::new(
        Code::Unremitted,
        "The claim was taken back before it was paid: nobody is told of it.",
    )
}

/// Remittances of all that is settled
///
/// One for each payee: of the claims that the organisation submitted; of all, for one
/// that may read every claim. At most 2000 claims are looked at.
#[utoipa::path(
    get, path = "/remittances", tag = "claims", operation_id = "listRemittances",
    security(("organisation" = [])),
    params(
        ("payee" = Option<String>, Query, description = "The billing provider, by its NPI as in the claims"),
        ("submitter" = Option<String>, Query, description = "Who submitted them; for an organisation that may read every claim"),
        ("since" = Option<String>, Query, description = "Only claims received on or after this day"),
    ),
    responses((status = 200, description = "The remittances", content(
        (AllRemitted = "application/json"), (String = "application/EDI-X12"), (serde_json::Value = "application/fhir+json")
    ))),
)]
pub(super) async fn all(
    State(service): Shared,
    caller: Caller,
    Asked(pairs): Asked,
    headers: HeaderMap,
) -> Answered {
    let kind = negotiate::answer(&headers, &[JSON, X12, FHIR])?;
    let fields = Fields::of(&pairs, &["payee", "submitter", "since"])?;
    let since = fields.date("since")?;
    let submitter = whose(&caller, fields.get("submitter"))?;
    let node = &service.api.node;
    let mut rows = node
        .store()
        .claims(&ClaimFilter {
            provider: fields.get("payee").map(|id| node.provider_token(id)),
            submitter,
            limit: MOST + 1,
            ..ClaimFilter::default()
        })
        .await?;
    if rows.len() > MOST as usize {
        return Err(Problem::parameter(format!(
            "More than {MOST} claims are meant: name the payee, or ask `tally claim remittance` on the node."
        )));
    }
    rows.retain(|row| !row.discarded && since.is_none_or(|day: ServiceDate| row.received >= day));
    let reads = node.open_claims(rows, "api:remittances").await?;
    let (reads, waiting): (Vec<_>, Vec<_>) = reads
        .into_iter()
        .partition(|read| settled(read).is_some() || is_gone(read));
    if kind != JSON {
        return written(&service, kind, &reads).await;
    }
    let (due, made) = remit(&service, &reads).await?;
    let due = due.iter().map(|of| describe(of, false));
    let described = due.chain(made.iter().map(|of| describe(of, true)));
    json(&AllRemitted {
        remittances: described.collect::<Result<_, _>>()?,
        waiting: u32::try_from(waiting.len())?,
    })
}

fn remitting(service: &Service) -> Remitting<'_> {
    let (node, config) = (&service.api.node, &service.api.config);
    Remitting {
        payer: &config.payer,
        payees: &config.payees,
        on: node.clock().today(),
    }
}

/// What would be told of claims, and what was.
async fn remit(
    service: &Service,
    reads: &[ClaimRead],
) -> Result<(Vec<node::Remitted>, Vec<node::Remitted>), Problem> {
    let node = &service.api.node;
    let remitted = node.remit(reads, &remitting(service)).await;
    let due = remitted.map_err(|error| match error.downcast_ref::<RemitError>() {
        Some(why) => Problem::new(Code::Unremitted, format!("{why}.")),
        None => Problem::from(error),
    })?;
    let told = due
        .iter()
        .flat_map(|of| of.claims.iter().chain(&of.reversed));
    let recovered = due.iter().flat_map(|of| &of.recovered);
    let told = told.map(|of| of.claim);
    let told = told.chain(recovered.map(|(claim, _)| *claim)).collect();
    let made = node.paid_for(reads, &told, "api:remittance").await?;
    Ok((due, made))
}

fn describe(remitted: &node::Remitted, made: bool) -> Result<Remitted, Problem> {
    let claims = remitted.claims.iter().map(ToldClaim::described);
    let reversed = remitted.reversed.iter().map(ToldClaim::described);
    let recovered = remitted.recovered.iter().map(|(claim, amount)| Recovered {
        claim: claim.to_string(),
        amount: amount.to_string(),
    });
    Ok(Remitted {
        payee: remitted.payee.clone(),
        name: remitted.name.clone(),
        trace: remitted.trace.clone(),
        on: remitted.on.to_string(),
        made,
        payment: remitted.payment.to_string(),
        claims: claims.collect::<Result<_, _>>()?,
        reversed: reversed.collect::<Result<_, _>>()?,
        recovered: recovered.collect(),
    })
}

/// The same in X12, an interchange for each payee; or the claims' answers in FHIR.
async fn written(service: &Service, kind: &'static str, reads: &[ClaimRead]) -> Answered {
    let body: String = match kind {
        FHIR => {
            let remitting = remitting(service);
            let interest = service.api.node.interest(reads, &remitting).await?;
            let insurer = remitting.payer.in_fhir();
            bundle(&remitted_responses(reads, insurer, &interest, remitting.on))
        }
        _ => {
            let (due, made) = remit(service, reads).await?;
            match (reads, &due[..], &made[..]) {
                ([_], [], [.., of]) => {
                    let (trace, on) = (&of.trace, of.on);
                    return Err(Problem::new(
                        Code::Unremitted,
                        format!("The claim was told on {on}: GET {ROOT}/payments/{trace}."),
                    ));
                }
                ([_], [], []) => return Err(nothing_told()),
                _ => due.into_iter().map(|of| of.text).collect(),
            }
        }
    };
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}
