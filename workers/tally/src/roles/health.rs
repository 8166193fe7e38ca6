//! Liveness, readiness and metrics of a process, on a port of its own: for
//! whoever runs it, not for the public.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tally_queue::Publisher;
use tally_store::port::{Layout as _, Work as _};
use tokio::net::TcpListener;

use super::Stop;
use crate::api::Heard;
use crate::metrics::Handle;
use crate::node::Node;
use crate::shared::Member;

/// How long the database and the broker have to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is looked at.
pub struct Watched {
    /// The node.
    pub node: Arc<Node>,
    /// The broker, where there is one.
    pub broker: Option<Publisher>,
    /// What is counted.
    pub metrics: Handle,
    /// The node on a shared ledger, where it is on one, once it has begun.
    pub ledger: Option<Arc<OnceLock<Member>>>,
}

type Shared = axum::extract::State<Arc<Watched>>;

/// Serves until it is told to stop. Answers where.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(at: SocketAddr, watched: Watched, stop: Stop) -> Result<SocketAddr> {
    let listener = TcpListener::bind(at)
        .await
        .with_context(|| format!("`listen.health`: {at} cannot be had"))?;
    let at = listener.local_addr()?;
    let router = Router::new()
        .route("/live", get(|| async { "ok\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(measured))
        .with_state(Arc::new(watched));
    tokio::spawn(async move {
        let told = async move { stop.told().await };
        if let Err(error) = axum::serve(listener, router)
            .with_graceful_shutdown(told)
            .await
        {
            tracing::error!(%error, "readiness is no longer served");
        }
    });
    Ok(at)
}

/// Whether this process can do its work: the database and the broker answer, and the own log
/// is what the shared ledger has of it. That no other authority of a shared ledger answers is
/// said, and keeps it from nothing but that ledger.
async fn ready(watched: Shared) -> Response {
    let database = within(async { watched.node.store().identity().await.is_ok() }).await;
    let forked = tokio::time::timeout(PATIENCE, watched.node.forked()).await;
    let forked = forked.ok().and_then(Result::ok).flatten();
    let broker = match &watched.broker {
        None => None,
        Some(broker) => Some(within(async { broker.ping().await.is_ok() }).await),
    };
    let ready = database && broker != Some(false) && forked.is_none();
    let ledger = watched.ledger.as_ref().map_or(Heard::NONE, |ledger| {
        ledger.get().map_or(Heard::STARTS, Heard::of)
    });
    let mut body = serde_json::json!({
        "ready": ready,
        "database": said(database),
        "broker": broker.map(said),
        "ledger": ledger.ledger,
        "cut_off": ledger.cut_off,
    });
    if let Some(lacks) = ledger.lacks {
        body["lacks"] = lacks.into();
    }
    if let Some(forked) = forked {
        body["log"] = forked.to_string().into();
    }
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, format!("{body}\n")).into_response()
}

fn said(well: bool) -> &'static str {
    if well { "ok" } else { "does not answer" }
}

async fn within(answers: impl Future<Output = bool>) -> bool {
    tokio::time::timeout(PATIENCE, answers)
        .await
        .unwrap_or(false)
}

/// Prometheus's text.
async fn measured(watched: Shared) -> Response {
    let waiting = tokio::time::timeout(PATIENCE, watched.node.store().waiting()).await;
    if let Ok(Ok(waiting)) = waiting {
        let states = [
            ("ready", waiting.ready),
            ("held", waiting.held),
            ("behind", waiting.behind),
            ("unjudged", waiting.unjudged),
        ];
        for (state, count) in states {
            #[allow(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!("tally_waiting", "state" => state).set(count as f64);
        }
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, crate::metrics::render(&watched.metrics)).into_response()
}
