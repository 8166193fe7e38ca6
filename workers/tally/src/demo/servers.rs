//! The demo's node on real servers: PostgreSQL holds what the folder would,
//! RabbitMQ carries claims to workers. The same claims come to the same.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tally_queue::{Inspector, Publisher, Topology};
use tally_store::port::{Reading as _, Waiting, Work as _};
use tally_store::postgres::{PgSettings, remove};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::config::{Broker, Config, Database, NodeConfig};
use crate::node::Node;
use crate::node::clock::Clock;
use crate::roles::{self, Shared, Stopper};

/// How often it is looked whether all is done.
const LOOK: Duration = Duration::from_millis(50);
/// How long nothing may be decided before the demo gives up.
const HEADWAY: Duration = Duration::from_secs(60);

/// A node on servers, with its roles in this process.
pub struct Servers {
    /// The node.
    pub node: Arc<Node>,
    shared: Arc<Shared>,
    stopper: Stopper,
    roles: JoinSet<Result<()>>,
    /// Whether what was made is removed in the end.
    thrown_away: bool,
}

impl Servers {
    /// Sets up the node and starts its relay and workers. `kept` when its
    /// folder was named: then it can go on another time.
    ///
    /// # Errors
    /// When a server cannot be reached, or holds another node.
    pub async fn start(
        folder: &Path,
        broker: &str,
        database: &str,
        clock: Clock,
        kept: bool,
    ) -> Result<Self> {
        let mut broker = Broker {
            url: broker.to_owned(),
            ca: None,
            prefix: String::new(),
        };
        let settings = broker.settings("demo");
        // Before anything is made in the database.
        let reached = Publisher::new(settings.clone());
        reached
            .ping()
            .await
            .context("the broker of `--broker` cannot be reached")?;
        reached.close().await;
        let mut config = Config::of_node(folder);
        config.database = Some(Database {
            url: database.to_owned(),
            keys: None,
            connections: 16,
        });
        config.broker = Some(broker.clone());
        let made = Node::migrate(&config, clock)
            .await
            .context("the database of `--database` cannot be used: say an empty one, or with `--data` the folder of the demo that it holds")?;
        let node = Arc::new(made.node);
        // Queues of its own, whoever else is on the broker.
        let own = node.origin().rsplit('/').next().unwrap_or_default();
        broker.prefix = format!("demo-{own}.");
        config.broker = Some(broker);
        let (stopper, stop) = Stopper::new();
        let shared = Arc::new(Shared {
            node: Arc::clone(&node),
            config: Arc::new(config),
            broker: settings,
            name: format!("demo-{}", std::process::id()),
            queued: Arc::new(Notify::new()),
            stop,
            planner: None,
        });
        let topology = shared.topology(node.partitions().get())?;
        topology
            .declare(&shared.broker)
            .await
            .context("the broker of `--broker` cannot be used")?;
        let mut roles = JoinSet::new();
        roles.spawn(roles::work(Arc::clone(&shared)));
        roles.spawn(roles::relay(Arc::clone(&shared)));
        Ok(Self {
            node,
            shared,
            stopper,
            roles,
            thrown_away: !kept,
        })
    }

    /// Waits until all that is queued is decided, judged and on the log, then
    /// ends the roles.
    ///
    /// # Errors
    /// When it makes no headway.
    pub async fn finish(&mut self, progress: &(dyn Fn(u64) + Sync)) -> Result<()> {
        self.shared.queued.notify_one();
        let mut last = None;
        let mut moved = std::time::Instant::now();
        loop {
            let waiting = self.node.store().waiting().await?;
            let totals = self.node.store().totals().await?;
            progress(totals.paid + totals.denied + totals.pended);
            if waiting == Waiting::default() {
                break;
            }
            anyhow::ensure!(
                waiting.held == 0,
                "{} claims were set aside after host faults: see the log",
                waiting.held
            );
            if last != Some(waiting) {
                moved = std::time::Instant::now();
                last = Some(waiting);
            }
            anyhow::ensure!(
                moved.elapsed() < HEADWAY,
                "nothing was decided for {} s: do the servers answer?",
                HEADWAY.as_secs()
            );
            tokio::time::sleep(LOOK).await;
        }
        self.stopper.stop();
        while let Some(ended) = self.roles.join_next().await {
            ended.context("a role ended")??;
        }
        self.node.judge().await?;
        self.node.integrate(false).await?;
        if self.node.lacks_last_batch().await? {
            self.node.integrate(true).await?;
        }
        Ok(())
    }

    /// Removes what was made, unless it is to be kept.
    ///
    /// # Errors
    /// When a server cannot be reached.
    pub async fn clean(self) -> Result<()> {
        if !self.thrown_away {
            return Ok(());
        }
        let topology: Topology = self.shared.topology(self.node.partitions().get())?;
        let inspector = Inspector::connect(&self.shared.broker).await?;
        inspector.remove(&topology).await?;
        inspector.close().await;
        if let Some(database) = &self.shared.config.database {
            remove(&PgSettings::new(&database.url)).await?;
        }
        Ok(())
    }
}

impl Config {
    /// A node in a folder, all else as when it is not said.
    #[must_use]
    pub fn of_node(folder: &Path) -> Self {
        Self {
            node: NodeConfig {
                data: folder.to_owned(),
                payer: "tallystick".to_owned(),
                partitions: crate::node::PARTITIONS,
                policies: Default::default(),
            },
            listen: Default::default(),
            database: None,
            broker: None,
            ledger: None,
            worker: Default::default(),
            intake: Default::default(),
            payer: Default::default(),
            code_lists: Vec::new(),
            payees: Vec::new(),
            organisations: Vec::new(),
            retention: Vec::new(),
            tampers: false,
        }
    }
}
