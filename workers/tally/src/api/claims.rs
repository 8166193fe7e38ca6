//! Reading claims: those an organisation is a party to, and no others.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use comfy_table::ContentArrangement;
use serde::Serialize;
use tally_core::adjudication::Status;
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::interchange;
use tally_core::ledger::shared::OrganisationId;
use tally_core::ledger::tree::leaf_hash;
use tally_queue::envelope::NodePublicKey;
use tally_store::any::AnyStore;
use tally_store::port::{ClaimFilter, ClaimRow, Log as _, Reading as _, StoreError, Token};
use utoipa::ToSchema;

use super::access::{ENTERED, PROVEN, WHOLE, Why, cut, disclose, entered_as};
use super::answer::{Links, Summary, status};
use super::caller::Caller;
use super::negotiate::{self, FHIR, JSON, TEXT};
use super::problem::{Code, Problem};
use super::query::{Asked, Fields, Named};
use super::{Answered, Service, Shared, json, paged, text};
use crate::eob;
use crate::node::consent::Need;
use crate::node::keys::hex;
use crate::node::{ClaimRead, explained, is_gone};
use crate::shared::Ledger as _;
use crate::view::ClaimView;

/// Claims of a page, when nothing is said, and at most.
const LIMITS: (u32, u32) = (50, 200);
/// Entries of the log that are looked at by one query for what was decided, and at most for
/// one answer.
const WINDOW: u64 = 10_000;
const WALKED: u64 = 1_000_000;

/// A page of claims.
#[derive(Serialize, ToSchema)]
#[schema(as = ClaimPage)]
pub(super) struct Page {
    /// In order of their ids.
    claims: Vec<Summary>,
    /// Where the next page is; nothing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// That an entry is on the ledger (RFC 6962, section 2.1.1).
#[derive(Serialize, ToSchema)]
#[schema(as = InclusionProof)]
pub(super) struct Proof {
    /// The claim.
    claim: String,
    /// The index of its entry.
    index: u64,
    /// The hash of its entry as a leaf, in hexadecimal.
    leaf: String,
    /// The hashes from the leaf to the root, in hexadecimal.
    hashes: Vec<String>,
    /// The signed checkpoint that has the root: a C2SP signed note.
    checkpoint: String,
}

/// Claims that were decided, in the order of their entries.
#[derive(Serialize, ToSchema)]
pub(super) struct DecidedPage {
    /// In the order of their entries.
    decided: Vec<DecidedClaim>,
    /// From which index on to ask the next time: all before it was looked at.
    next: u64,
}

/// A claim that was decided.
#[derive(Serialize, ToSchema)]
pub(super) struct DecidedClaim {
    /// The claim.
    claim: String,
    /// The index of the adjudication in this node's own log.
    index: u64,
}

/// List claims
///
/// Those the organisation submitted; all, for one that may read every claim.
#[utoipa::path(
    get, path = "/claims", tag = "claims", operation_id = "listClaims",
    security(("organisation" = [])),
    params(
        ("status" = Option<String>, Query, description = "`paid`, `denied` or `pended`"),
        ("member" = Option<String>, Query, description = "The member's id, as sent"),
        ("submitter" = Option<String>, Query, description = "Who submitted them; for an organisation that may read every claim"),
        ("after" = Option<String>, Query, description = "Only claims after this id"),
        ("limit" = Option<u32>, Query, description = "Claims of a page: 1 to 200, 50 when it is not said"),
    ),
    responses((status = 200, description = "A page of claims", body = Page,
        headers(("Link" = String, description = "The next page, as `rel=\"next\"`")))),
)]
pub(super) async fn list(State(service): Shared, caller: Caller, Asked(pairs): Asked) -> Answered {
    let fields = Fields::of(&pairs, &["status", "member", "submitter", "after", "limit"])?;
    let status = fields.get("status").map(parse_status).transpose()?;
    let after = fields.claim("after")?;
    let limit = fields.number("limit", LIMITS.0, 1..=LIMITS.1)?;
    let submitter = whose(&caller, fields.get("submitter"))?;
    let node = &service.api.node;
    let mut rows = node
        .store()
        .claims(&ClaimFilter {
            status,
            member: fields.get("member").map(|id| node.member_token(id)),
            submitter,
            after,
            limit: limit + 1,
            ..ClaimFilter::default()
        })
        .await?;
    // One more than a page tells whether there is a next.
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    node.note_all("api:claims", rows.iter().map(|row| row.id))
        .await?;
    let next = rows.last().filter(|_| more).map(|last| {
        fields.next(
            "claims",
            ("after", &last.id.to_string()),
            limit,
            &["status", "member", "submitter"],
        )
    });
    let page = Page {
        claims: rows.iter().map(Summary::of).collect(),
        next,
    };
    paged(&page, page.next.as_deref())
}

/// Whose claims are meant: the caller's, or as asked by one that may read every claim.
pub(super) fn whose(caller: &Caller, asked: Option<&str>) -> Result<Option<String>, Problem> {
    match (asked, caller.reads_claims) {
        (asked, true) => Ok(asked.map(str::to_owned)),
        (Some(asked), false) if asked != caller.id => Err(Problem::new(
            Code::Forbidden,
            "Another's claims are for organisations that may read every claim.",
        )),
        (_, false) => Ok(Some(caller.id.clone())),
    }
}

fn parse_status(text: &str) -> Result<Status, Problem> {
    [Status::Paid, Status::Denied, Status::Pended]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| Problem::parameter("`status` is `paid`, `denied` or `pended`."))
}

/// A claim and what it came to
///
/// The object that `tally claim export` prints a line of, with `received` and
/// `links`; of a claim that waits, what is known of it.
#[utoipa::path(
    get, path = "/claims/{id}", tag = "claims", operation_id = "getClaim",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "The claim", body = serde_json::Value)),
)]
pub(super) async fn one(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
) -> Answered {
    let disclosed = disclose(&service, &caller, &why, &id, ("api:claim", Need::default())).await?;
    let (read, view) = (&disclosed.read, disclosed.view);
    let mut object = match &read.outcome {
        Some(outcome) => serde_json::from_str(&interchange::outcome_json(&read.claim, outcome))?,
        None => serde_json::json!({
            "claim": read.row.id.to_string(),
            "control_number": read.claim.control_number,
            "status": status(&read.row),
            "charge": read.row.charge.to_string(),
        }),
    };
    if is_gone(read) {
        let by = read.row.outcome.as_ref().and_then(|outcome| outcome.gone);
        object["status"] = status(&read.row).into();
        object["taken_back_by"] = by.map(|by| by.to_string()).into();
    }
    object["received"] = read.row.received.to_string().into();
    object["links"] = serde_json::to_value(Links::of(&read.row))?;
    cut(&mut object, &read.claim, view);
    entered_as(&service, json(&object)?, &disclosed).await
}

/// A claim's explanation of benefits
///
/// Line by line, from charge to payment, each adjustment with its clause: as
/// JSON, as text, or as a FHIR R4 ClaimResponse. What accumulators held before and after,
/// and what the policy found, is of other care: the payer alone is shown it.
#[utoipa::path(
    get, path = "/claims/{id}/eob", tag = "claims", operation_id = "getExplanation",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "The explanation", content(
        (serde_json::Value = "application/json"), (String = "text/plain"), (serde_json::Value = "application/fhir+json")
    ))),
)]
pub(super) async fn explanation(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
    headers: HeaderMap,
) -> Answered {
    let kind = negotiate::answer(&headers, &[JSON, TEXT, FHIR])?;
    let disclosed = disclose(&service, &caller, &why, &id, ("api:eob", WHOLE)).await?;
    let read = &disclosed.read;
    let Some(outcome) = &read.outcome else {
        return Err(not_yet(&read.row));
    };
    let node = &service.api.node;
    let answer = if kind == FHIR {
        let payer = &service.api.config.payer;
        let body = node.claim_response(read, outcome, payer).await?;
        ([(header::CONTENT_TYPE, FHIR)], body).into_response()
    } else {
        let mut view = ClaimView::of(read, &node.book().await?);
        if !disclosed.view.context {
            view = view.without_context();
        }
        match kind == TEXT {
            true => text(eob::text(&view, ContentArrangement::Disabled)),
            false => json(&view)?,
        }
    };
    entered_as(&service, answer, &disclosed).await
}

/// A claim's explanation for its member
///
/// A FHIR R4 ExplanationOfBenefit (CARIN Blue Button), of a claim that is settled and
/// whose member is enrolled.
#[utoipa::path(
    get, path = "/claims/{id}/explanation", tag = "claims", operation_id = "getMemberExplanation",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "The explanation", content((serde_json::Value = "application/fhir+json")))),
)]
pub(super) async fn member_explanation(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
    headers: HeaderMap,
) -> Answered {
    negotiate::answer(&headers, &[FHIR])?;
    let disclosed = disclose(&service, &caller, &why, &id, ("api:explanation", WHOLE)).await?;
    let read = &disclosed.read;
    if explained(read).is_none() {
        return Err(not_settled(read));
    }
    let payer = &service.api.config.payer;
    let explanation = service.api.node.explanation(read, payer).await?;
    let body = explanation.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "The claim is of nobody who is enrolled: there is no patient to explain it to.",
        )
    })?;
    let answer = ([(header::CONTENT_TYPE, FHIR)], body).into_response();
    entered_as(&service, answer, &disclosed).await
}

/// A claim's receipt
///
/// One file that `tally ledger verify` accepts, offline. It is whole, with what
/// accumulators held before: for the payer, and whose providers billed or rendered.
#[utoipa::path(
    get, path = "/claims/{id}/receipt", tag = "claims", operation_id = "getReceipt",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "The receipt", body = String, content_type = "text/plain")),
)]
pub(super) async fn receipt(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
) -> Answered {
    let disclosed = disclose(&service, &caller, &why, &id, ("receipt-read", PROVEN)).await?;
    let receipt = service.api.node.receipt_of_read(&disclosed.read).await?;
    entered_as(&service, text(receipt.to_string()), &disclosed).await
}

/// That a claim's entry is on the ledger
#[utoipa::path(
    get, path = "/claims/{id}/proof", tag = "claims", operation_id = "getProof",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "The proof", body = Proof)),
)]
pub(super) async fn proof(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
) -> Answered {
    let disclosed = disclose(&service, &caller, &why, &id, ("receipt-read", ENTERED)).await?;
    let receipt = service.api.node.receipt_of_read(&disclosed.read).await?;
    let answer = json(&Proof {
        claim: receipt.claim.to_string(),
        index: receipt.local.index,
        leaf: hex(&leaf_hash(&receipt.entry)),
        hashes: receipt.local.path.iter().map(|hash| hex(hash)).collect(),
        checkpoint: receipt.local.checkpoint.to_string(),
    })?;
    entered_as(&service, answer, &disclosed).await
}

/// What was decided of the organisation's claims
///
/// Of those that it submitted, and of those that its providers billed, whoever submitted
/// them: as entries of this node's own log from an index on, in their order: which claim,
/// and where. It says nothing of what a claim came to. `next` is from where on to ask the
/// next time, also where there is nothing: what an answer costs is what the log has grown by.
#[utoipa::path(
    get, path = "/claims/decided", tag = "claims", operation_id = "listDecided",
    security(("organisation" = [])),
    params(
        ("from" = Option<u64>, Query, description = "The first index; 0 when it is not said"),
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 200, 50 when it is not said"),
    ),
    responses((status = 200, description = "What was decided", body = DecidedPage)),
)]
pub(super) async fn decided(
    State(service): Shared,
    caller: Caller,
    Asked(pairs): Asked,
) -> Answered {
    let fields = Fields::of(&pairs, &["from", "limit"])?;
    let from = match fields.get("from") {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| Problem::parameter("`from` is an index of the log."))?,
    };
    let limit = fields.number("limit", LIMITS.0, 1..=LIMITS.1)?;
    let node = &service.api.node;
    let billed = service.rules.payees_of(&caller.id);
    let billed: Vec<_> = billed.map(|of| node.provider_token(of)).collect();
    let (found, next) = decided_since(node.store(), (&caller.id, &billed), from, limit).await?;
    let claims = found.iter().map(|(claim, _)| *claim);
    node.note_all("api:decided", claims).await?;
    let decided = found.into_iter().map(|(claim, index)| DecidedClaim {
        claim: claim.to_string(),
        index,
    });
    json(&DecidedPage {
        decided: decided.collect(),
        next,
    })
}

/// What was decided from an index on of a submitter's claims and of some providers', and
/// from where on to ask next.
async fn decided_since(
    store: &AnyStore,
    (submitter, billed): (&str, &[Token]),
    mut from: u64,
    limit: u32,
) -> Result<(Vec<(ClaimId, u64)>, u64), StoreError> {
    let size = store.head().await?.size;
    let end = size.min(from.saturating_add(WALKED));
    while from < end {
        let to = end.min(from.saturating_add(WINDOW));
        let found = store.decided(submitter, billed, from..to, limit).await?;
        let is_full = found.len() as u64 >= u64::from(limit);
        match found.last() {
            Some((_, last)) if is_full => return Ok((found.clone(), last.saturating_add(1))),
            Some(_) => return Ok((found, to)),
            None => from = to,
        }
    }
    Ok((Vec::new(), from))
}

/// What running a claim's policy again needs
///
/// Sealed to the organisation's key on the shared ledger (HPKE base mode, X25519,
/// HKDF-SHA256, ChaCha20-Poly1305): receipt, claim, the policy's context with its salt, and
/// what the policy asked and was answered. Nothing of other providers' care is in it.
#[utoipa::path(
    get, path = "/claims/{id}/dossier", tag = "claims", operation_id = "getDossier",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "The dossier, sealed", body = Vec<u8>, content_type = "application/octet-stream")),
)]
pub(super) async fn dossier(
    State(service): Shared,
    caller: Caller,
    why: Why,
    Named(id): Named,
) -> Answered {
    let nowhere = || {
        Problem::new(
            Code::NotFound,
            "The organisation is on no ledger that this node shares.",
        )
    };
    let ledger = service.api.ledger.as_ref().ok_or_else(nowhere)?;
    let to = OrganisationId::parse(&caller.id).ok_or_else(nowhere)?;
    let state = std::sync::Arc::clone(&ledger.subscribe().borrow().state);
    let member = state.members.get(&to).filter(|member| !member.left);
    let sealing = member.ok_or_else(nowhere)?.organisation.sealing;
    let key = NodePublicKey::new(&sealing).ok_or_else(nowhere)?;
    let need = Need {
        party: true,
        ..ENTERED
    };
    let disclosed = disclose(&service, &caller, &why, &id, ("api:dossier", need)).await?;
    let dossier = service.api.node.dossier(disclosed.read.row.id).await?;
    let dossier = dossier.ok_or_else(|| {
        Problem::new(
            Code::Forbidden,
            "What the policy was given tells of another provider's care: there is the receipt, and no dossier.",
        )
    })?;
    let sealed = key.seal_between(
        ledger.organisation.as_str(),
        to.as_str(),
        &dossier.to_canon(),
    )?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    entered_as(&service, (kind, sealed).into_response(), &disclosed).await
}

/// A claim that the caller may act on: its own. Another's is as if it were not there.
pub(super) async fn find(
    service: &Service,
    caller: &Caller,
    id: &str,
) -> Result<ClaimRow, Problem> {
    let id = ClaimId::parse(id).ok_or_else(Problem::no_claim)?;
    let row = service.api.node.store().claim(id).await?;
    row.filter(|row| caller.is_party_to(&row.submitter))
        .ok_or_else(Problem::no_claim)
}

/// Why there is nothing yet of a claim that is not settled.
pub(super) fn not_settled(read: &ClaimRead) -> Problem {
    match &read.outcome {
        Some(_) => Problem::new(
            Code::NotYet,
            "The claim is pended: there is nothing of it until it is settled.",
        ),
        None => not_yet(&read.row),
    }
}

pub(super) fn not_yet(row: &ClaimRow) -> Problem {
    let detail = match (&row.outcome, row.discarded) {
        (_, true) => "The claim was discarded: it never comes to anything.",
        (None, false) => "The claim waits to be adjudicated.",
        (Some(_), false) => "The claim is decided and not on the ledger yet.",
    };
    Problem::new(Code::NotYet, detail)
}
