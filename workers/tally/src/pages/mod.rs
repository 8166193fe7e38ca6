//! The pages: rendered here, without scripts, for this machine only. All they
//! need is in the binary, and nothing is fetched from elsewhere.
//!
//! They read protected health information through the node's audited reads,
//! and show what the command line shows: both build on [`crate::view`].

mod appeals;
mod assets;
mod chart;
mod claim;
mod claims;
mod eob;
mod error;
mod flag;
mod flags;
mod guard;
mod ledger;
mod member;
mod overview;
mod payments;
mod policy;
mod readings;
mod show;
mod standing;
mod statement;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::header;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tally_store::port::{Log as _, Reading as _, Work as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub(crate) use self::assets::{icon, style, style_href};
use self::error::Failure;
pub(crate) use self::guard::guard as guarded;
use crate::api::Heard;
use crate::config::PayerConfig;
use crate::node::Node;
use crate::node::consent::Rules;
use crate::shared::Member;

/// How long open connections may keep us after we were told to stop.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the handlers share.
struct Site {
    node: Arc<Node>,
    /// Whose decisions these are, and by which levels they are appealed.
    payer: PayerConfig,
    /// Who may read.
    rules: Rules,
    /// The ledger that the organisation shares with others.
    ledger: Option<Member>,
    summary: Mutex<Option<Arc<overview::Summary>>>,
}

type Shared = axum::extract::State<Arc<Site>>;
/// A query string, pair by pair.
type Asked = axum::extract::Query<Vec<(String, String)>>;
type Answered = Result<Response, Failure>;

/// The pages of a node of a payer, on a shared ledger or on none.
pub fn router(node: Arc<Node>, payer: PayerConfig, rules: Rules, ledger: Option<Member>) -> Router {
    let site = Site {
        node,
        payer,
        rules,
        ledger,
        summary: Mutex::default(),
    };
    Router::new()
        .route("/", get(overview::page))
        .route("/appeals", get(appeals::page))
        .route("/payments", get(payments::page))
        .route("/payments/{trace}", get(payments::one))
        .route("/payments/{trace}/835", get(payments::remittance))
        .route("/claims", get(claims::page))
        .route("/claims/{id}", get(claim::page))
        .route("/claims/{id}/eob", get(eob::page))
        .route("/claims/{id}/receipt", get(claim::receipt))
        .route("/claims/{id}/claim-response", get(claim::claim_response))
        .route("/flags", get(flags::page))
        .route("/flags/{id}", get(flag::page))
        .route("/members/{id}", get(member::page))
        .route("/members/{id}/statement", get(statement::page))
        .route("/policies", get(policy::list))
        .route("/policies/{hash}", get(policy::page))
        .route("/policies/{hash}/component.wasm", get(policy::component))
        .route("/ledger", get(ledger::page))
        .route("/ledger/checkpoint", get(ledger::checkpoint))
        .route("/ledger/trust.json", get(ledger::trust))
        .route("/verify", get(assets::verify))
        .route("/verify.css", get(assets::verify_style))
        .route("/verify.js", get(assets::verify_script))
        .route("/health", get(health))
        .route(assets::STYLE, get(assets::style))
        .route(assets::ICON, get(assets::icon))
        .fallback(error::no_page)
        .method_not_allowed_fallback(error::no_method)
        .layer(from_fn(guard::guard))
        .with_state(Arc::new(site))
}

/// Serves the pages on localhost until Ctrl-C or SIGTERM. Where they are is
/// said on standard error: standard output may be a machine's.
///
/// # Errors
/// When the port cannot be had.
pub async fn serve(node: Arc<Node>, port: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| {
            format!(
                "port {port} of 127.0.0.1 cannot be had for the pages: \
                 say another with `--port`, or `--port 0` for any that is free"
            )
        })?;
    let stop = stopped()?;
    let at = listener.local_addr().context("the port is not known")?;
    eprintln!("Pages on http://{at} — stop with Ctrl-C");
    let told = Arc::new(Notify::new());
    let tell = Arc::clone(&told);
    let server = axum::serve(
        listener,
        router(node, PayerConfig::default(), Rules::default(), None),
    )
    .with_graceful_shutdown(async move {
        stop.await;
        tell.notify_one();
    });
    // A browser may hold a connection open for as long as it likes.
    let late = async {
        told.notified().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        served = server.into_future() => served.context("the pages could not be served"),
        () = late => Ok(()),
    }
}

/// Waits for Ctrl-C or SIGTERM; they are listened for from the call on.
pub(crate) fn stopped() -> Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let heard = |kind| signal(kind).context("signals cannot be listened for");
        let mut interrupt = heard(SignalKind::interrupt())?;
        let mut terminate = heard(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// For whoever watches the process: nothing that identifies anyone.
async fn health(site: Shared) -> Answered {
    let store = site.node.store();
    let (head, totals, waiting) = (
        store.head().await?,
        store.totals().await?,
        store.waiting().await?,
    );
    let ledger = site.ledger.as_ref().map_or(Heard::NONE, Heard::of);
    let body = serde_json::json!({
        "status": "ok",
        "entries": head.size,
        "adjudicated": totals.paid + totals.denied + totals.pended,
        "waiting": { "ready": waiting.ready, "held": waiting.held, "behind": waiting.behind },
        "ledger": ledger.ledger,
        "cut_off": ledger.cut_off,
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, format!("{body}\n")).into_response())
}
