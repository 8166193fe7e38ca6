//! What others dispute of what this node's organisation decided: told by their nodes, and
//! shown to its own people.

use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::ledger::counterparty::ToldDispute;
use utoipa::ToSchema;

use super::{nothing, own};
use crate::api::caller::Caller;
use crate::api::problem::{Code, Problem};
use crate::api::query::{Asked, Fields};
use crate::api::{Answered, Shared, json};
use crate::node::keys::hex;
use crate::node::{DisputedRead, NotKept};

/// The most bytes of a told dispute, sealed: it has some texts of 200 bytes.
const LONGEST: usize = 4096;

/// What became of a dispute that was told.
#[derive(Serialize, ToSchema)]
pub struct ToldBody {
    /// The claim.
    claim: String,
    /// The index of the dispute in the log of who told it.
    entry: u64,
    /// Whether it was not known before.
    new: bool,
}

/// Tells a payer of a dispute
///
/// By the node of the provider that billed a claim, which ran its policy again and entered that it
/// disputes what the payer decided: what opens the commitment on the ledger, sealed to the payer's key
/// there (HPKE base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305). It is kept once it is
/// found to open what stands there. The body's SHA-256 stands in the address, so that the
/// signature of the answer is of it too.
#[utoipa::path(
    post, path = "/ledger/shared/disputes", tag = "ledger", operation_id = "tellDispute",
    security(("organisation" = [])),
    params(("sha256" = String, Query, description = "SHA-256 of the body, 64 hexadecimal digits")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "It is kept", body = ToldBody),
        (status = 200, description = "It was known", body = ToldBody),
        (status = 400, description = "It did not come as it was sent, or is not sealed to this organisation's key"),
        (status = 404, description = "This node is on no shared ledger, or decided nothing like it for the caller"),
        (status = 409, description = "The dispute is not on this node's ledger yet"),
        (status = 410, description = "The claim was erased"),
        (status = 422, description = "It does not hold"),
    ),
)]
pub(in crate::api) async fn tell(
    State(service): Shared,
    caller: Caller,
    Asked(pairs): Asked,
    request: Request,
) -> Answered {
    let member = service.api.ledger.as_ref().ok_or_else(nothing)?;
    let node = &service.api.node;
    let fields = Fields::of(&pairs, &["sha256"])?;
    let body = within(service.bounds.body, request).await?;
    if fields.get("sha256") != Some(&hex(&Sha256::digest(&body))) {
        return Err(unread(
            "The body's SHA-256 is not `sha256` of the address: it came otherwise than it was sent.",
        ));
    }
    let keys = node.envelope_secrets();
    let (by, to) = (&*caller.id, member.organisation.as_str());
    let opened = keys.iter().find_map(|key| key.open_between(by, to, &body));
    let opened = opened.ok_or_else(|| unread("It is not sealed to this organisation's key."))?;
    let told = ToldDispute::from_canon(&opened)
        .map_err(|error| wrong(format!("It is no dispute: {error}.")))?;
    let kept = node.keep_dispute(by, &service.rules, &told).await?;
    let new = kept.map_err(refused)?;
    let mut response = json(&ToldBody {
        claim: told.claim.to_string(),
        entry: told.entry,
        new,
    })?;
    if new {
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(response)
}

/// A body that is no longer than any has to be, and comes in time.
async fn within(time: Duration, request: Request) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(time, to_bytes(request.into_body(), LONGEST)).await;
    let late = |_| Problem::new(Code::BodyTimeout, "Send it again.");
    read.map_err(late)?.map_err(|_| {
        let detail = format!("It did not come whole, or has more than {LONGEST} bytes.");
        Problem::new(Code::TooLarge, detail)
    })
}

fn unread(detail: &'static str) -> Problem {
    Problem::new(Code::Body, detail)
}

fn wrong(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Code::Dispute, detail)
}

fn refused(why: NotKept) -> Problem {
    match why {
        NotKept::Nothing => Problem::new(
            Code::NotFound,
            "Nothing was decided at that index of this node's log of a claim that the organisation billed.",
        ),
        NotKept::NotYet => Problem::new(
            Code::NotYet,
            "This node's ledger does not have the dispute yet: tell it again.",
        ),
        NotKept::Erased => Problem::erased(),
        NotKept::Another => {
            wrong("Another dispute of that adjudication is kept: of each there is one.")
        }
        NotKept::Wrong(why) => wrong(format!("It does not hold: {why}.")),
    }
}

/// A dispute of another.
#[derive(Serialize, ToSchema)]
pub struct DisputedBody {
    /// Who disputes.
    by: String,
    /// The claim.
    claim: String,
    /// The index of the adjudication in this node's log.
    index: u64,
    /// The index of the dispute in the log of who disputes.
    entry: u64,
    /// The day on which it was told.
    told: String,
    /// The first thing that differs, for people: line, field, theirs (this node's), ours,
    /// clause; nothing where the claim was erased.
    difference: Option<String>,
    /// What ran it again: the program and its version; nothing where the claim was erased.
    engine: Option<String>,
}

impl DisputedBody {
    /// A dispute of another, for machines.
    #[must_use]
    pub fn of(dispute: &DisputedRead) -> Self {
        Self {
            by: dispute.by.clone(),
            claim: dispute.claim.to_string(),
            index: dispute.index,
            entry: dispute.entry,
            told: dispute.day.to_string(),
            difference: dispute.difference.clone(),
            engine: dispute.engine.clone(),
        }
    }
}

/// What others dispute of what this node's organisation decided
///
/// As their nodes told it, and as it was found to stand on the ledger. For the organisation
/// itself alone.
#[utoipa::path(
    get, path = "/ledger/shared/disputed", tag = "ledger", operation_id = "listDisputed",
    security(("organisation" = [])),
    responses(
        (status = 200, description = "The disputes, in the order they were told", body = Vec<DisputedBody>),
        (status = 404, description = "This node is on no shared ledger, or is another organisation's"),
    ),
)]
pub(in crate::api) async fn list(State(service): Shared, caller: Caller) -> Answered {
    own(&service, &caller)?;
    let (disputes, _) = service.api.node.disputed(None, 0).await?;
    let body: Vec<DisputedBody> = disputes.iter().map(DisputedBody::of).collect();
    json(&body)
}
