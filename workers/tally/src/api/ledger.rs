//! The ledger's public bytes: for everyone, without a token.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse as _;

use super::{Answered, Shared, text};

/// The signed checkpoint
///
/// A C2SP signed note: the log's name, its size and its root.
#[utoipa::path(
    get, path = "/ledger/checkpoint", tag = "ledger", operation_id = "getCheckpoint",
    responses((status = 200, description = "The checkpoint", body = String, content_type = "text/plain")),
)]
pub(super) async fn checkpoint(State(service): Shared) -> Answered {
    let (note, _) = service.api.node.checkpoint().await?;
    Ok(text(note.to_string()))
}

/// The trust file
///
/// The key of this node's log. Whoever verifies should have it from elsewhere
/// too: compare them.
#[utoipa::path(
    get, path = "/ledger/trust", tag = "ledger", operation_id = "getTrust",
    responses((status = 200, description = "The trust file", body = serde_json::Value)),
)]
pub(super) async fn trust(State(service): Shared) -> Answered {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, service.api.node.trust().await?.to_string()).into_response())
}
