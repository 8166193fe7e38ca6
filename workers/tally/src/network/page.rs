//! The network's page: authorities, heights, checkpoints, lag, disputes.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::organisations::Founded;
use super::outage::Outage;
use super::processes::Processes;
use super::watch::{Dispute, Looked, Seen};
use crate::pages::{guarded, icon, style, style_href};

struct Site {
    founded: Arc<Founded>,
    processes: Arc<Processes>,
    /// Disputes, as of so many: reading them leaves a trace on the nodes.
    disputes: Mutex<(u64, Vec<Dispute>)>,
    outage: Option<Outage>,
}

impl Site {
    async fn disputes(&self, count: u64) -> Vec<Dispute> {
        let mut known = self.disputes.lock().await;
        if known.0 != count
            && let Ok(disputes) = super::watch::disputes(&self.founded).await
        {
            *known = (count, disputes);
        }
        known.1.clone()
    }
}

struct Row {
    id: String,
    name: String,
    role: &'static str,
    pages: String,
    runs: bool,
    height: u64,
    lag: u64,
    waits: u64,
    checkpoint: u64,
    signers: String,
    /// How far its height is, of the greatest, in hundredths.
    reach: u64,
}

#[derive(Template)]
#[template(path = "network.html")]
struct Page {
    style: String,
    origin: String,
    authorities: usize,
    quorum: usize,
    height: u64,
    entries: u64,
    agreed: u64,
    disputed: u64,
    checkpoint: Option<super::watch::Checkpoint>,
    rows: Vec<Row>,
    disputes: Vec<Dispute>,
    /// Of an authority that was killed while claims flowed.
    outage: Option<String>,
    halted: bool,
    /// It does not look again by itself, so that whoever reads or tabs through it is not
    /// taken back to its top.
    still: bool,
}

/// Whether a page that stands still is asked for.
fn is_still(query: &RawQuery) -> bool {
    query.0.as_deref() == Some("still")
}

/// Takes the page's port.
///
/// # Errors
/// When it cannot be had.
pub async fn listen(port: u16) -> Result<TcpListener> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.with_context(|| {
        format!("port {port} of 127.0.0.1 cannot be had for the page: say another with `--port`, or `--port 0`")
    })
}

/// Serves the page until Ctrl-C.
///
/// # Errors
/// When it cannot be served.
pub async fn serve(
    founded: Arc<Founded>,
    processes: Arc<Processes>,
    outage: Option<Outage>,
    listener: TcpListener,
) -> Result<()> {
    let stop = crate::pages::stopped()?;
    let at = listener.local_addr()?;
    eprintln!("The network's page on http://{at} — stop with Ctrl-C");
    let site = Arc::new(Site {
        founded,
        processes,
        disputes: Mutex::default(),
        outage,
    });
    let router = Router::new()
        .route("/", get(page))
        .route("/{organisation}/stop", post(halt))
        .route("/{organisation}/start", post(resume))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
        .layer(from_fn(guarded))
        .with_state(site);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop);
    served.await.context("the page could not be served")
}

async fn page(State(site): State<Arc<Site>>, query: RawQuery) -> Response {
    let seen = Seen::look(&site.founded).await;
    let running = site.processes.running().await;
    let top = seen.height();
    let rows = site.founded.placed.iter().map(|placed| {
        let looked = seen.0.get(&placed.id).and_then(Option::as_ref);
        let status = looked.map(|looked| &looked.status);
        let height = status.map_or(0, |status| status.height);
        Row {
            id: placed.id.clone(),
            name: placed.name.clone(),
            role: placed.role.as_str(),
            pages: format!("http://{}", placed.pages),
            runs: running.contains(&placed.id) && status.is_some(),
            height,
            lag: top.saturating_sub(height),
            waits: looked.map_or(0, Looked::waits),
            checkpoint: status
                .and_then(|s| s.checkpoint.as_ref())
                .map_or(0, |c| c.size),
            signers: status
                .and_then(|status| Some((status, status.checkpoint.as_ref()?)))
                .map_or(String::new(), |(status, checkpoint)| {
                    let (signed, of) = (checkpoint.signers.len(), status.authorities.len());
                    format!("signed by {signed} of {of}")
                }),
            reach: (height * 100).checked_div(top).unwrap_or(100),
        }
    });
    let rows: Vec<Row> = rows.collect();
    let authorities = seen.authorities();
    let quorum = tally_core::ledger::shared::quorum(authorities);
    let up = rows.iter().filter(|row| row.runs).count();
    let page = Page {
        style: style_href(),
        origin: site.founded.origin.clone(),
        authorities,
        quorum,
        height: top,
        entries: seen.entries(),
        agreed: seen.agreed(),
        disputed: seen.disputed(),
        checkpoint: seen.checkpoint().cloned(),
        halted: up < quorum,
        disputes: site.disputes(seen.disputed()).await,
        outage: site.outage.as_ref().map(Outage::told),
        rows,
        still: is_still(&query),
    };
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn halt(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Response {
    if !is_ours(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    told(site.processes.kill(&id).await, &query)
}

/// Whether a form of this very page was sent: a browser says where it was.
fn is_ours(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_none_or(|from| from == "same-origin")
}

async fn resume(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Response {
    if !is_ours(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let placed = site.founded.placed.iter().find(|placed| placed.id == id);
    match placed {
        Some(placed) => told(site.processes.begin(&site.founded, placed).await, &query),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn told(done: Result<()>, query: &RawQuery) -> Response {
    match done {
        Ok(()) if is_still(query) => Redirect::to("/?still").into_response(),
        Ok(()) => Redirect::to("/").into_response(),
        Err(error) => (StatusCode::CONFLICT, format!("{error:#}")).into_response(),
    }
}
