//! Starting a process of a node, and ending it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tally_queue::Publisher;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Shared, Stop, Stopper, health, intake, relay, worker};
use crate::api::{self, Api};
use crate::config::Config;
use crate::node::Node;
use crate::node::clock::Clock;
use crate::node::consent::Rules;

/// How long the batches at hand may take when the process is told to stop.
const GRACE: Duration = Duration::from_secs(30);
/// The longest that an embedded node leaves what is queued alone.
const DRAIN: Duration = Duration::from_secs(5);

/// What a process is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// API, pages, intake, relay, workers.
    Node,
    /// Workers alone.
    Worker,
    /// The relay alone.
    Relay,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Worker => "worker",
            Self::Relay => "relay",
        }
    }

    /// Whether it does what a role of the database is for.
    fn needs(self, role: &str) -> bool {
        match self {
            Self::Node => true,
            Self::Worker => role == "tally_worker",
            Self::Relay => role == "tally_relay",
        }
    }
}

/// Runs a process of a node until it is told to stop by a signal.
///
/// # Errors
/// When it cannot start, or a part of it ends.
pub async fn run(config: Config, which: Which, clock: Clock) -> Result<()> {
    let (stopper, stop) = Stopper::new();
    let signal = crate::pages::stopped()?;
    let running = tokio::spawn(serve(config, which, clock, stop));
    let abort = running.abort_handle();
    tokio::pin!(running);
    tokio::select! {
        () = signal => {}
        ended = &mut running => return ended.context("the process's main task ended")?,
    }
    tracing::info!("told to stop: ending the batches at hand");
    stopper.stop();
    match tokio::time::timeout(GRACE, &mut running).await {
        Ok(ended) => ended.context("the process's main task ended")?,
        Err(_) => {
            abort.abort();
            tracing::warn!("stopped without ending the batches at hand: they are delivered again");
            Ok(())
        }
    }
}

/// Runs a process until `stop` is told.
///
/// # Errors
/// When it cannot start, or a part of it ends.
pub async fn serve(config: Config, which: Which, clock: Clock, stop: Stop) -> Result<()> {
    let name = config.worker.name.clone().unwrap_or_else(named);
    let handle = crate::metrics::install()?;
    let called = format!("{} {name}", which.name());
    let node = Arc::new(Node::configured(&config, &called, clock).await?);
    if let Some(store) = node.store().postgres() {
        let missing = store.roles_missing().await?;
        let missing: Vec<&str> = missing.into_iter().filter(|r| which.needs(r)).collect();
        anyhow::ensure!(
            missing.is_empty(),
            "the database login of this {} is not in {}: docs/operations.md says which roles each process needs",
            which.name(),
            missing.join(", ")
        );
    }
    let config = Arc::new(config);
    let queued = Arc::new(Notify::new());
    let mut parts: JoinSet<Result<()>> = JoinSet::new();
    let broker = match &config.broker {
        None => None,
        Some(broker) => {
            let settings = broker.settings(&called);
            settings.check()?;
            Some(settings)
        }
    };
    let member = Arc::new(OnceLock::new());
    let has_ledger = which == Which::Node && config.ledger.is_some();
    let watched = health::Watched {
        node: Arc::clone(&node),
        broker: broker.clone().map(Publisher::new),
        metrics: handle,
        ledger: has_ledger.then(|| Arc::clone(&member)),
    };
    let health = health::serve(config.listen.health, watched, stop.clone()).await?;
    tracing::info!(%health, role = which.name(), name, "started");
    parts.spawn(super::watch_rights(stop.clone()));
    match broker {
        Some(broker) => {
            let shared = Arc::new(Shared {
                node: Arc::clone(&node),
                config: Arc::clone(&config),
                broker,
                name,
                queued: Arc::clone(&queued),
                stop: stop.clone(),
                planner: None,
            });
            declare(&shared).await?;
            if which != Which::Relay {
                parts.spawn(worker::run(Arc::clone(&shared)));
            }
            if which != Which::Worker {
                parts.spawn(relay::run(Arc::clone(&shared)));
            }
            if which == Which::Node {
                parts.spawn(intake::run(shared));
            }
        }
        None => {
            anyhow::ensure!(
                which == Which::Node,
                "`tally {}` needs a `[broker]` in its configuration: without one, `tally node` does all the work",
                which.name()
            );
            let (node, queued, stop) = (Arc::clone(&node), Arc::clone(&queued), stop.clone());
            parts.spawn(async move { drain(&node, &queued, &stop).await });
        }
    }
    if which == Which::Node {
        tokio::spawn(see_to_erasures(Arc::clone(&node)));
        let ledger = match &config.ledger {
            None => None,
            Some(ledger) => {
                let started = crate::shared::start(&node, ledger, &stop).await?;
                let mut tasks = started.tasks;
                parts.spawn(async move {
                    while let Some(ended) = tasks.join_next().await {
                        ended.context("a part that follows the shared ledger ended")??;
                    }
                    Ok(())
                });
                Some(member.get_or_init(|| started.member).clone())
            }
        };
        let api = Api {
            node: Arc::clone(&node),
            config: Arc::clone(&config),
            nudge: queued,
            ledger,
        };
        for what in api::see_to(&api)? {
            tracing::warn!("{what}");
        }
        let (api_at, listener) = bind("listen.api", config.listen.api).await?;
        let (pages_at, pages) = bind("listen.pages", config.listen.pages).await?;
        eprintln!(
            "Pages on http://{pages_at}, the API on http://{api_at}/api/v1, readiness on http://{health}/ready — stop with Ctrl-C"
        );
        let ledger = api.ledger.clone();
        let rules = Rules::of(&config);
        for (listener, router) in [
            (listener, api::router(api)),
            (
                pages,
                crate::pages::router(node, config.payer.clone(), rules, ledger),
            ),
        ] {
            let stop = stop.clone();
            parts.spawn(async move {
                let told = async move { stop.told().await };
                let served = axum::serve(listener, router)
                    .with_graceful_shutdown(told)
                    .await;
                served.context("the API or the pages are no longer served")
            });
        }
    } else {
        eprintln!(
            "A {} is up, readiness on http://{health}/ready — stop with Ctrl-C",
            which.name()
        );
    }
    // A part that ends by itself ends the process: whoever runs it starts it
    // again.
    while let Some(ended) = parts.join_next().await {
        ended.context("a part of the process ended")??;
        anyhow::ensure!(stop.is_told(), "a part of the process ended by itself");
    }
    Ok(())
}

/// Destroys the keys of what was erased and has some again, and says so. Beside all else: there
/// may be many erased ones to look at, and nothing of them is shown meanwhile.
async fn see_to_erasures(node: Arc<Node>) {
    if let Err(error) = node.close_reopened().await {
        tracing::warn!(
            error = crate::cli::chain(&error),
            "whether what was erased stays erased is not known: run `tally ledger fsck`"
        );
    }
}

/// Listens, and says where: a port may be any that is free.
async fn bind(setting: &str, at: SocketAddr) -> Result<(SocketAddr, TcpListener)> {
    let listener = TcpListener::bind(at)
        .await
        .with_context(|| format!("`{setting}`: {at} cannot be had"))?;
    Ok((listener.local_addr()?, listener))
}

/// Declares what is ours on the broker, however long that takes; what is there
/// and is not what we declare ends the process.
async fn declare(shared: &Shared) -> Result<()> {
    let topology = shared.topology(shared.node.partitions().get())?;
    let mut patience = super::Patience::new("declaring queues");
    loop {
        match topology.declare(&shared.broker).await {
            Ok(version) => {
                tracing::info!(?version, "the broker is as it should be");
                return Ok(());
            }
            Err(error) if error.is_transient() => {
                if !patience.wait(&shared.stop, &error.into()).await {
                    return Ok(());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Without a broker, one process drains the queue.
async fn drain(node: &Node, queued: &Notify, stop: &Stop) -> Result<()> {
    let mut patience = super::Patience::new("draining the queue");
    loop {
        match node.drain_ready(&|_| ()).await {
            Ok(_) => patience = super::Patience::new("draining the queue"),
            Err(error) => {
                if !patience.wait(stop, &error).await {
                    return Ok(());
                }
                continue;
            }
        }
        tokio::select! {
            () = stop.told() => return Ok(()),
            () = queued.notified() => {}
            () = tokio::time::sleep(DRAIN) => {}
        }
    }
}

/// A name of this machine and process.
fn named() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "localhost" } else { host };
    format!("{host}-{}", std::process::id())
}
