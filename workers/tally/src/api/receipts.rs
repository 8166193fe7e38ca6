//! Receipts of a claim's way: that it was received.

use axum::extract::State;
use tally_core::claim::ClaimId;
use tally_store::port::Reading as _;

use super::caller::Caller;
use super::problem::Problem;
use super::query::Named;
use super::{Answered, Shared, text};

/// That a claim was received
///
/// A receipt, which `tally ledger verify` accepts offline: which claim, of which file (by
/// its SHA-256), from whom, on which day. It is there before the claim is decided, for who
/// submitted it. It is a part of taking the claim in, and no reading of it.
#[utoipa::path(
    get, path = "/claims/{id}/received", tag = "claims", operation_id = "getReceived",
    security(("organisation" = [])),
    params(("id" = String, Path, description = "The claim's id")),
    responses((status = 200, description = "The receipt", body = String, content_type = "text/plain")),
)]
pub(super) async fn received(State(service): Shared, caller: Caller, Named(id): Named) -> Answered {
    let node = &service.api.node;
    let id = ClaimId::parse(&id).ok_or_else(Problem::no_claim)?;
    let row = node.store().claim(id).await?;
    row.filter(|row| caller.reads_claims || row.submitter == caller.id)
        .ok_or_else(Problem::no_claim)?;
    let receipt = node.received_receipt(id).await?;
    let receipt = receipt.ok_or_else(Problem::no_claim)?;
    Ok(text(receipt.to_string()))
}
