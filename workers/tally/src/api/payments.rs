//! Payments: what was paid, to the payee's organisation, or to whoever submitted all
//! that a payment tells.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use tally_core::ledger::Receipt;
use tally_store::port::{PaymentFilter, PaymentRow, Payments as _, Token};
use utoipa::ToSchema;

use super::caller::Caller;
use super::negotiate::{self, FHIR, JSON, X12};
use super::problem::{Code, Problem};
use super::query::{Asked, Fields, Named};
use super::{Answered, Service, Shared, json, paged};
use crate::bundle::bundle;
use crate::changes::paid_responses;
use crate::node::{OnItsWay, Paid, PaymentRead, ToldClaim};

/// Payments of a page, when nothing is said, and at most.
const LIMITS: (u32, u32) = (50, 200);

/// A payment.
#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub(super) struct Summary {
    /// Its number (TRN02 of its 835).
    trace: String,
    /// What the payee is known by in its claims.
    payee: String,
    /// Its name.
    name: String,
    /// The day of it.
    on: String,
    /// How much, as a decimal of dollars and cents; never below zero.
    payment: String,
    /// What the payee's payment before carried forward, and this one took.
    brought: String,
    /// What is carried forward for the next to take.
    forwarded: String,
    /// How many parts it has.
    parts: u32,
}

/// A page of payments.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentPage)]
pub(super) struct Page {
    /// The latest first.
    payments: Vec<Summary>,
    /// Where the next page is; nothing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What a payment told of a claim.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentPart)]
pub(super) struct Part {
    /// The claim.
    claim: String,
    /// The how-manieth outcome of the claim it is of, from zero.
    revision: u32,
    /// `payment`, `reversal`, `reversal-ahead` (the money stays until the correction) or
    /// `recovery` (it is taken).
    what: String,
    /// What the claim was paid; of a reversal, what is taken back.
    paid: String,
    /// The interest beside it.
    interest: String,
    /// What stays with the payee, or is taken.
    withheld: String,
    /// Whether the claim's record was erased.
    erased: bool,
    /// Where the receipt of what the claim came to is.
    receipt: String,
}

/// A payment with all that it told.
#[derive(Serialize, ToSchema)]
#[schema(as = PaymentTold)]
pub(super) struct Whole {
    /// The payment.
    #[serde(flatten)]
    payment: Summary,
    /// SHA-256 of its 835, in hexadecimal.
    hash: String,
    /// The receipt that it was advised, for the first of its claims: `tally ledger verify`
    /// accepts it, offline. Nothing of a payment that was made before they were entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    /// What it told, in order.
    told: Vec<Part>,
    /// The claims, as `tally claim export` prints them, with their `interest`.
    claims: Vec<serde_json::Value>,
    /// What was taken back, as it had stood.
    reversed: Vec<serde_json::Value>,
}

impl Summary {
    fn of(row: &PaymentRow, payee: &str, name: &str) -> Self {
        Self {
            trace: row.trace.clone(),
            payee: payee.to_owned(),
            name: name.to_owned(),
            on: row.day.to_string(),
            payment: row.amount.to_string(),
            brought: row.brought.to_string(),
            forwarded: row.forwarded.to_string(),
            parts: row.parts,
        }
    }
}

/// The payees whose payments the caller's organisation may read.
fn own(service: &Service, caller: &Caller) -> Vec<Token> {
    let payees = service.api.config.payees.iter();
    payees
        .filter(|payee| payee.organisation == caller.id)
        .map(|payee| service.api.node.provider_token(&payee.identifier))
        .collect()
}

fn no_payment() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such payment among those the organisation may see.",
    )
}

/// List payments
///
/// Those of a payee of the organisation (`organisation` of its `[[payee]]`), when it is
/// named; otherwise those of which everything was submitted by the organisation. All, for
/// one that may read every claim.
#[utoipa::path(
    get, path = "/payments", tag = "claims", operation_id = "listPayments",
    security(("organisation" = [])),
    params(
        ("payee" = Option<String>, Query, description = "The payee, by its NPI as in the claims"),
        ("since" = Option<String>, Query, description = "Only payments on or after this day"),
        ("before" = Option<String>, Query, description = "Only payments made before the one of this number"),
        ("limit" = Option<u32>, Query, description = "Payments of a page: 1 to 200, 50 when it is not said"),
    ),
    responses((status = 200, description = "A page of payments", body = Page,
        headers(("Link" = String, description = "The next page, as `rel=\"next\"`")))),
)]
pub(super) async fn list(State(service): Shared, caller: Caller, Asked(pairs): Asked) -> Answered {
    let fields = Fields::of(&pairs, &["payee", "since", "before", "limit"])?;
    let limit = fields.number("limit", LIMITS.0, 1..=LIMITS.1)?;
    let node = &service.api.node;
    let payee = fields.get("payee").map(|id| node.provider_token(id));
    let before = match fields.get("before") {
        None => None,
        Some(trace) => {
            let row = node.store().payment(trace).await?;
            let row = row.filter(|row| may_read(&service, &caller, row));
            let wrong = || Problem::parameter("`before` is the number of a payment.");
            Some(row.ok_or_else(wrong)?.id)
        }
    };
    let owned = payee.is_some_and(|payee| own(&service, &caller).contains(&payee));
    let filter = PaymentFilter {
        payee,
        submitter: (!caller.reads_claims && !owned).then(|| caller.id.clone()),
        since: fields.date("since")?,
        before,
        limit: limit + 1,
    };
    let mut reads = node.read_payments(&filter, "api:payments").await?;
    // One more than a page tells whether there is a next.
    let more = reads.len() > limit as usize;
    reads.truncate(limit as usize);
    let next = reads.last().filter(|_| more).map(|last| {
        fields.next(
            "payments",
            ("before", &last.row.trace),
            limit,
            &["payee", "since"],
        )
    });
    let summary = |of: &PaymentRead| Summary::of(&of.row, &of.payee, &of.name);
    let page = Page {
        payments: reads.iter().map(summary).collect(),
        next,
    };
    paged(&page, page.next.as_deref())
}

fn may_read(service: &Service, caller: &Caller, row: &PaymentRow) -> bool {
    caller.reads_claims
        || row.submitter.as_deref() == Some(&caller.id)
        || own(service, caller).contains(&row.payee)
}

/// A payment
///
/// What it told: as our JSON, as its X12 835, the same bytes as were made, or as the
/// FHIR R4 ClaimResponses of its claims. Where a record of it was erased its 835 cannot be
/// given any more.
#[utoipa::path(
    get, path = "/payments/{trace}", tag = "claims", operation_id = "getPayment",
    security(("organisation" = [])),
    params(("trace" = String, Path, description = "The payment's number (TRN02 of its 835)")),
    responses((status = 200, description = "The payment", content(
        (Whole = "application/json"), (String = "application/EDI-X12"), (serde_json::Value = "application/fhir+json")
    ))),
)]
pub(super) async fn one(
    State(service): Shared,
    caller: Caller,
    Named(trace): Named,
    headers: HeaderMap,
) -> Answered {
    let kind = negotiate::answer(&headers, &[JSON, X12, FHIR])?;
    let node = &service.api.node;
    let row = node.store().payment(&trace).await?;
    row.filter(|row| may_read(&service, &caller, row))
        .ok_or_else(no_payment)?;
    let paid = node.read_payment(&trace, "api:payment").await?;
    let paid = paid.ok_or_else(no_payment)?;
    let body = match kind {
        X12 if paid.told.text.is_empty() => {
            return Err(Problem::new(
                Code::Erased,
                "A record of the payment was erased: its 835 cannot be given again.",
            ));
        }
        X12 => paid.told.text,
        FHIR => bundle(&paid_responses(&paid, service.api.config.payer.in_fhir())),
        _ => {
            let claim = paid.parts.iter().map(|part| part.claim).min();
            let receipt = match claim {
                None => None,
                // What was paid can be read though its entry is on its way to the log still.
                Some(claim) => match node.payment_receipt(&trace, claim).await {
                    Err(error) if error.is::<OnItsWay>() => None,
                    receipt => receipt?,
                },
            };
            return json(&whole(&paid, receipt)?);
        }
    };
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

fn whole(paid: &Paid, receipt: Option<Receipt>) -> Result<Whole, Problem> {
    let claims = paid.told.claims.iter().map(ToldClaim::described);
    let reversed = paid.told.reversed.iter().map(ToldClaim::described);
    let part = |part: &tally_store::port::PartRow| Part {
        claim: part.claim.to_string(),
        revision: part.revision,
        what: part.kind.name().to_owned(),
        paid: part.paid.to_string(),
        interest: part.interest.to_string(),
        withheld: part.withheld.to_string(),
        erased: paid.erased.contains(&part.claim),
        receipt: format!("/api/v1/claims/{}/receipt", part.claim),
    };
    Ok(Whole {
        payment: Summary::of(&paid.row, &paid.told.payee, &paid.told.name),
        hash: crate::node::keys::hex(&paid.row.hash),
        receipt: receipt.map(|receipt| receipt.to_string()),
        told: paid.parts.iter().map(part).collect(),
        claims: claims.collect::<Result<_, _>>()?,
        reversed: reversed.collect::<Result<_, _>>()?,
    })
}
