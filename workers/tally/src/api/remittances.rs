//! Remittances: what payees are told of claims that are settled.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use tally_core::claim::ClaimId;
use tally_store::port::{ClaimFilter, Reading as _};
use tally_types::ServiceDate;
use utoipa::ToSchema;

use super::access::{AMOUNTS, Why, beside, disclose, entered_as, entered_each};
use super::caller::Caller;
use super::claims::{not_settled, whose};
use super::negotiate::{self, FHIR, JSON, X12};
use super::problem::{Code, Problem};
use super::query::{Asked, Fields, Named};
use super::{Answered, ROOT, Service, Shared, json};
use crate::bundle::bundle;
use crate::changes::remitted_responses;
use crate::node::consent::{Allowed, Beside};
use crate::node::{self, ClaimRead, RemitError, Remitting, ToldClaim, is_gone, settled};

/// What is noted of the claims of a claim's remittance, and of those of all.
const ONE: &str = "api:remittance";
const ALL: &str = "api:remittances";
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
/// What its payee is told: as our JSON, as an X12 835, or as a
/// FHIR R4 ClaimResponse. Of a claim that is settled. Of one that was paid, by which
/// payment; its 835 is that of the payment (`GET /payments/{trace}`). What it replaces and
/// what replaces it is told with it: where one of these may not be read there is neither
/// JSON nor an 835, and the ClaimResponse, which is of this claim alone.
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
    let asked = (&caller, &why);
    let disclosed = disclose(&service, &caller, &why, &id, (ONE, AMOUNTS)).await?;
    let read = &disclosed.read;
    if settled(read).is_none() && !is_gone(read) {
        return Err(not_settled(read));
    }
    let reads = std::slice::from_ref(read);
    if kind == FHIR {
        let answer = responses(&service, reads).await?;
        return entered_as(&service, answer, &disclosed).await;
    }
    let (due, made) = remit(&service, reads).await?;
    let told = due.iter().chain(&made).flat_map(node::Remitted::told);
    let others: BTreeSet<_> = told.filter(|claim| *claim != read.row.id).collect();
    let others = whole(&service, asked, &others).await?;
    let answer = if kind == JSON {
        let due = due.first().map(|of| describe(of, false));
        let made = made.last().map(|of| describe(of, true));
        json(&due.or(made).ok_or_else(nothing_told)??)?
    } else {
        in_x12(reads, due, &made)?
    };
    let allowed = std::iter::once(&disclosed.allowed).chain(&others);
    entered_each(&service, answer, &allowed.collect::<Vec<_>>()).await
}

/// By what right the other claims of a remittance are read, which is told whole or not at
/// all: without one of them it would not say what is paid.
async fn whole(
    service: &Service,
    asked: (&Caller, &Why),
    others: &BTreeSet<ClaimId>,
) -> Result<Vec<Allowed>, Problem> {
    let node = &service.api.node;
    let Beside { may, not } = beside(service, asked, others, AMOUNTS).await?;
    if !not.is_empty() {
        node.note_kept_back(&not).await?;
        return Err(Problem::new(
            Code::Forbidden,
            "The remittance is told with that of other claims at its place in the contract, which replace it \
             or are replaced by it, and the organisation may not read all of them for this. What this claim \
             came to is at `GET /claims/{id}`, and here as `application/fhir+json`.",
        ));
    }
    node.note_all(ONE, others.iter().copied()).await?;
    Ok(may)
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
    let reads = node.open_claims(rows, ALL).await?;
    let (reads, waiting): (Vec<_>, Vec<_>) = reads
        .into_iter()
        .partition(|read| settled(read).is_some() || is_gone(read));
    if kind == FHIR {
        return responses(&service, &reads).await;
    }
    let (due, made) = remit(&service, &reads).await?;
    // What replaces a claim, or is replaced by it, was sent by the same organisation.
    let told = due.iter().chain(&made).flat_map(node::Remitted::told);
    let mut others: BTreeSet<_> = told.collect();
    for read in &reads {
        others.remove(&read.row.id);
    }
    node.note_all(ALL, others.into_iter()).await?;
    if kind == X12 {
        return in_x12(&reads, due, &made);
    }
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

/// What would be told of claims, and what was. Nothing is noted.
async fn remit(
    service: &Service,
    reads: &[ClaimRead],
) -> Result<(Vec<node::Remitted>, Vec<node::Remitted>), Problem> {
    let node = &service.api.node;
    let remitted = node.remit(reads, &remitting(service), None).await;
    let due = remitted.map_err(|error| match error.downcast_ref::<RemitError>() {
        Some(why) => Problem::new(Code::Unremitted, format!("{why}.")),
        None => Problem::from(error),
    })?;
    let told = due.iter().flat_map(node::Remitted::told).collect();
    let made = node.paid_for(reads, &told, None).await?;
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

/// The same in X12, an interchange for each payee.
fn in_x12(reads: &[ClaimRead], due: Vec<node::Remitted>, made: &[node::Remitted]) -> Answered {
    match (reads, &due[..], made) {
        ([_], [], [.., of]) => {
            let (trace, on) = (&of.trace, of.on);
            Err(Problem::new(
                Code::Unremitted,
                format!("The claim was told on {on}: GET {ROOT}/payments/{trace}."),
            ))
        }
        ([_], [], []) => Err(nothing_told()),
        _ => {
            let text: String = due.into_iter().map(|of| of.text).collect();
            Ok(([(header::CONTENT_TYPE, X12)], text).into_response())
        }
    }
}

/// What claims came to in FHIR, each by itself: nothing of others at their places.
async fn responses(service: &Service, reads: &[ClaimRead]) -> Answered {
    let remitting = remitting(service);
    let interest = service.api.node.interest(reads, &remitting).await?;
    let insurer = remitting.payer.in_fhir();
    let body = bundle(&remitted_responses(reads, insurer, &interest, remitting.on));
    Ok(([(header::CONTENT_TYPE, FHIR)], body).into_response())
}
