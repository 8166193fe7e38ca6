//! The roles of a node's processes beside a broker: *intake* takes in what
//! outside systems publish, the *relay* publishes what the store says is to be
//! published and appends to the log, *workers* adjudicate. `tally node` has
//! all of them and the API; `tally worker` and `tally relay` have one, to scale
//! out.
//!
//! The store is the truth. What a process does for the broker's sake it can do
//! again: a message twice is told by the fence, one that is lost is published
//! again.

mod aside;
mod batch;
mod fleet;
pub(crate) mod health;
mod intake;
mod relay;
mod start;
mod worker;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::BoxFuture;
use tally_queue::{QueueError, Settings, Topology};
use tally_store::port::{Layout as _, Queued, StoreError, Work as _};
use tally_store::postgres::PostgresStore;
use tally_store::vault::VaultError;
use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::node::{Node, Planned};

pub use intake::{Letter, directory};
pub use relay::run as relay;
pub use start::{Which, run, serve};
pub use worker::run as work;

/// The first pause before something is tried again, doubled each time.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest.
const PAUSE_MOST: Duration = Duration::from_secs(2);

/// What the tasks of a process share.
pub struct Shared {
    /// The node.
    pub node: Arc<Node>,
    /// What it was told.
    pub config: Arc<Config>,
    /// How the broker is reached.
    pub broker: Settings,
    /// Tells this process from others.
    pub name: String,
    /// Told when claims were queued here, so that the relay need not look.
    pub queued: Arc<Notify>,
    /// Whether to stop.
    pub stop: Stop,
    /// How a batch comes to its outcomes: the node's way, unless a benchmark
    /// measures all but that.
    pub planner: Option<Planner>,
}

/// A way of coming to outcomes.
pub type Planner = Box<dyn Fn(Vec<Queued>) -> BoxFuture<'static, Result<Planned>> + Send + Sync>;

impl Shared {
    /// The store, which beside a broker is PostgreSQL.
    fn store(&self) -> Result<&PostgresStore> {
        let store = self.node.store().postgres();
        store.context("beside a broker the store is PostgreSQL")
    }

    /// The numbers of partitions there are: what claims are queued by now, and
    /// what some are still queued by.
    async fn generations(&self) -> Result<BTreeSet<u32>> {
        let store = self.store()?;
        let mut generations: BTreeSet<u32> = store.generations().await?.into_iter().collect();
        generations.extend(store.identity().await?.map(|identity| identity.partitions));
        Ok(generations)
    }

    /// Names and arguments of what is on the broker, for a number of
    /// partitions.
    ///
    /// # Errors
    /// When there are too many, or the prefix is no name.
    pub fn topology(&self, partitions: u32) -> Result<Topology> {
        let prefix = self.config.broker.as_ref().map_or("", |b| &b.prefix);
        Ok(Topology::new(prefix, u16::try_from(partitions)?)?)
    }
}

/// Told once, to all who listen.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Who tells.
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// A pair.
    pub fn new() -> (Self, Stop) {
        let (tell, told) = watch::channel(false);
        (Self(tell), Stop(told))
    }

    /// Tells everybody to stop.
    pub fn stop(&self) {
        let _ = self.0.send(true);
    }
}

impl Stop {
    /// Whether it was told.
    pub fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is, or whoever could tell is gone.
    pub async fn told(&self) {
        let _ = self.0.clone().wait_for(|told| *told).await;
    }

    /// Sleeps, unless it is told; answers whether it was not.
    pub async fn sleep(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.told() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Somebody else was first: look again.
    Fenced,
    /// It is about what was to be done, and will be the same again.
    Poison,
    /// It is about the world: try again later.
    World,
}

fn kind(error: &anyhow::Error) -> Kind {
    let store = error.downcast_ref::<StoreError>();
    let vault = error.downcast_ref::<VaultError>();
    if let Some(StoreError::Fenced { .. }) = store {
        return Kind::Fenced;
    }
    let poisoned = store.is_some_and(StoreError::is_harmful)
        || error.is::<batch::Panicked>()
        // A key that is erased or damaged stays so: it is of one record.
        || vault.is_some_and(|error| !error.is_transient());
    if poisoned { Kind::Poison } else { Kind::World }
}

/// What the database denied this process's login: nothing that time mends.
static DENIED: OnceLock<String> = OnceLock::new();

/// Ends the process when its login lacks a right: another that has it is to
/// take its place.
async fn watch_rights(stop: Stop) -> Result<()> {
    while stop.sleep(PAUSE_MOST).await {
        if let Some(denied) = DENIED.get() {
            anyhow::bail!(
                "the database login of this process lacks a right ({denied}): docs/operations.md says which roles each process needs"
            );
        }
    }
    Ok(())
}

/// Pauses that grow, told in the log when they have grown long.
struct Patience {
    doing: &'static str,
    pause: Duration,
}

impl Patience {
    fn new(doing: &'static str) -> Self {
        Self {
            doing,
            pause: PAUSE,
        }
    }

    /// Waits before another try; answers whether there is to be one.
    async fn wait(&mut self, stop: &Stop, error: &anyhow::Error) -> bool {
        let denied = error.downcast_ref::<StoreError>();
        if denied.is_some_and(StoreError::is_denied) {
            let _ = DENIED.set(crate::cli::chain(error));
        }
        if self.pause == PAUSE {
            tracing::warn!(
                doing = self.doing,
                error = crate::cli::chain(error),
                "trying again"
            );
        } else if self.pause >= PAUSE_MOST {
            tracing::error!(
                doing = self.doing,
                error = crate::cli::chain(error),
                "still trying"
            );
        }
        let again = stop.sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MOST);
        again
    }
}

/// Does something until it is done, however long the world is against it. None
/// when it was told to stop.
macro_rules! surely {
    ($stop:expr, $doing:literal, $attempt:expr) => {{
        let mut patience = $crate::roles::Patience::new($doing);
        loop {
            let attempt: anyhow::Result<_> = async { $attempt }.await;
            match attempt {
                Ok(done) => break Some(done),
                Err(error) => {
                    if !patience.wait($stop, &error).await {
                        break None;
                    }
                }
            }
        }
    }};
}
pub(crate) use surely;

/// Whether something is gone from the broker that we had declared there.
fn is_missing(error: &QueueError) -> bool {
    matches!(error, QueueError::Missing { .. })
}
