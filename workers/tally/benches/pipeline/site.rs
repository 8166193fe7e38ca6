//! A node on servers, its claims, and the ways of working through them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tally::config::{Broker, Config, Database};
use tally::node::Node;
use tally::node::clock::Clock;
use tally::roles::{self, Shared, Stopper};
use tally_core::claim::ClaimId;
use tally_queue::Settings;
use tally_store::port::{Among, Intake as _, Log as _, Relay as _, Token, Work as _};
use tally_store::postgres::PostgresStore;
use tally_store::vault::random;
use tally_types::ServiceDate;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::commits::Commits;
use crate::load::{self, Filler};
use crate::machine::{Cpu, Machine};

/// Partitions, tasks and connections that work.
pub const PARTITIONS: u32 = 8;
/// Connections of the process, as when it is not said.
const CONNECTIONS: u32 = 16;
/// How long nothing may be committed.
const HEADWAY: Duration = Duration::from_secs(60);

/// What was measured between two moments.
#[derive(Clone, Copy, Default)]
pub struct Measured {
    pub claims: f64,
    pub batches: f64,
    pub seconds: f64,
    pub cpu: Cpu,
}

impl Measured {
    pub fn rate(self) -> f64 {
        self.claims / self.seconds
    }

    /// Microseconds of processors a claim.
    pub fn micros(self, seconds: f64) -> f64 {
        seconds * 1e6 / self.claims
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            claims: self.claims + other.claims,
            batches: self.batches + other.batches,
            seconds: self.seconds + other.seconds,
            cpu: self.cpu + other.cpu,
        }
    }
}

/// A moment of a run.
struct Mark {
    at: Instant,
    claims: u64,
    batches: u64,
    cpu: Cpu,
}

impl Mark {
    fn now(machine: &Machine, commits: &Commits) -> Result<Self> {
        Ok(Self {
            cpu: machine.cpu()?,
            at: Instant::now(),
            claims: commits.claims(),
            batches: commits.batches(),
        })
    }

    fn until(&self, end: &Self) -> Measured {
        Measured {
            claims: (end.claims - self.claims) as f64,
            batches: (end.batches - self.batches) as f64,
            seconds: (end.at - self.at).as_secs_f64(),
            cpu: end.cpu - self.cpu,
        }
    }
}

/// The roles of a process, running.
pub struct Running {
    stopper: Stopper,
    pub queued: Arc<Notify>,
    roles: JoinSet<Result<()>>,
}

impl Running {
    pub async fn end(mut self) -> Result<()> {
        self.stopper.stop();
        while let Some(ended) = self.roles.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// A node and its claims.
pub struct Site {
    pub machine: Arc<Machine>,
    pub node: Arc<Node>,
    pub url: String,
    broker: String,
    folder: TempDir,
    pub filler: Arc<Filler>,
    pub commits: Arc<Commits>,
    pub units: Vec<Token>,
    /// Claims accepted so far.
    accepted: AtomicU32,
}

impl Site {
    /// A new node on a database and a virtual host of its own, whose claims
    /// will be of `units` units.
    pub async fn new(machine: &Arc<Machine>, units: usize, today: ServiceDate) -> Result<Self> {
        let url = machine.postgres.fresh_database()?;
        let broker = machine.rabbit.fresh_vhost()?;
        let folder = tempfile::tempdir()?;
        let config = config(&folder, &url, &broker, 128);
        drop(Node::migrate(&config, Clock::simulated(today)).await?);
        let node = Node::configured(&config, "bench", Clock::simulated(today)).await?;
        Ok(Self {
            machine: Arc::clone(machine),
            node: Arc::new(node),
            url,
            broker,
            folder,
            filler: Arc::new(Filler::new()?),
            commits: Commits::of_worker(),
            units: (0..units)
                .map(|_| Ok(Token(random()?)))
                .collect::<Result<_>>()?,
            accepted: AtomicU32::new(0),
        })
    }

    pub fn store(&self) -> Result<&PostgresStore> {
        self.node.store().postgres().context("on PostgreSQL")
    }

    /// Asks the site's database.
    pub fn ask(&self, sql: &str) -> Result<String> {
        let name = self.url.rsplit('/').next().context("a URL")?;
        let name = name.split('?').next().context("a URL")?;
        Ok(self.machine.postgres.ask(name, sql)?)
    }

    /// Counts the server's statements from now on.
    pub fn forget_statements(&self) -> Result<()> {
        self.ask("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")?;
        self.ask("SELECT pg_stat_statements_reset()").map(drop)
    }

    /// Those that took longest since then, by the claim. Their time is not the
    /// processors' alone: they wait for each other, too.
    pub fn statements(&self, claims: usize) -> Result<String> {
        self.ask(&format!(
            "SELECT round((total_exec_time * 1000 / {claims})::numeric, 2) || ' µs a claim, ' \
                    || calls || ' calls, ' || rows || ' rows, ' || shared_blks_hit || ' hits, ' \
                    || round(wal_bytes / {claims}) || ' B of WAL a claim: ' || left(query, 90) \
             FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 14"
        ))
    }

    /// Takes a file of claims in.
    pub async fn accept_one(&self, size: usize) -> Result<Vec<ClaimId>> {
        let at = self
            .accepted
            .fetch_add(u32::try_from(size)?, Ordering::Relaxed) as usize;
        let file = load::submission(&self.filler, &self.units, PARTITIONS, size, at)?;
        self.node.store().accept(&file).await?;
        Ok(file.claims.iter().map(|claim| claim.id).collect())
    }

    /// Takes claims in, in files of 512, four at a time.
    pub async fn accept(self: &Arc<Self>, claims: usize) -> Result<()> {
        let mut tasks = JoinSet::new();
        let mut left = claims;
        while left > 0 {
            let size = left.min(512);
            left -= size;
            if tasks.len() == 4 {
                tasks.join_next().await.context("a task")???;
            }
            let site = Arc::clone(self);
            tasks.spawn(async move { site.accept_one(size).await.map(drop) });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    }

    fn shared(&self, batch: u16, planned: bool) -> (Arc<Shared>, Stopper) {
        let (stopper, stop) = Stopper::new();
        let mut broker = Settings::new(&self.broker);
        broker.connection_name = "tally bench".to_owned();
        let shared = Shared {
            node: Arc::clone(&self.node),
            config: Arc::new(config(&self.folder, &self.url, &self.broker, batch)),
            broker,
            name: format!("bench-{}", std::process::id()),
            queued: Arc::new(Notify::new()),
            stop,
            planner: planned.then(|| {
                let node = Arc::clone(&self.node);
                load::planner(node, Arc::clone(&self.filler), Arc::clone(&self.commits))
            }),
        };
        (Arc::new(shared), stopper)
    }

    /// Starts roles as `tally node`, `tally worker` and `tally relay` do.
    pub async fn start(
        &self,
        batch: u16,
        relay: bool,
        work: bool,
        planned: bool,
    ) -> Result<Running> {
        let (shared, stopper) = self.shared(batch, planned);
        let topology = shared.topology(PARTITIONS)?;
        topology.declare(&shared.broker).await?;
        let mut roles = JoinSet::new();
        if relay {
            roles.spawn(roles::relay(Arc::clone(&shared)));
        }
        if work {
            roles.spawn(roles::work(Arc::clone(&shared)));
        }
        Ok(Running {
            stopper,
            queued: Arc::clone(&shared.queued),
            roles,
        })
    }

    /// Publishes what was accepted, by the relay.
    pub async fn publish(&self) -> Result<()> {
        let running = self.start(128, true, false, true).await?;
        while !self
            .store()?
            .unpublished(1, Among::Without(&[]))
            .await?
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.end().await
    }

    /// Marks what was accepted as published, as the relay does, without
    /// publishing it.
    pub async fn mark(&self) -> Result<()> {
        loop {
            let rows = self.store()?.unpublished(1024, Among::Without(&[])).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let claims: Vec<ClaimId> = rows.iter().map(|row| row.claim).collect();
            self.store()?.published(&claims).await?;
        }
    }

    /// Waits until so many are committed, counted from `from`.
    async fn reach(&self, from: u64, claims: f64) -> Result<()> {
        let mut last = (self.commits.claims(), Instant::now());
        loop {
            let now = self.commits.claims();
            if (now - from) as f64 >= claims {
                return Ok(());
            }
            if now != last.0 {
                last = (now, Instant::now());
            }
            anyhow::ensure!(last.1.elapsed() < HEADWAY, "nothing is committed any more");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The middle 70 % of so many claims: without the start, and without the
    /// end, where partitions run out.
    async fn middle(&self, from: u64, claims: usize) -> Result<Measured> {
        self.reach(from, claims as f64 * 0.15).await?;
        let begin = Mark::now(&self.machine, &self.commits)?;
        self.reach(from, claims as f64 * 0.85).await?;
        let end = Mark::now(&self.machine, &self.commits)?;
        self.reach(from, claims as f64).await?;
        Ok(begin.until(&end))
    }

    /// The consuming half: claims are accepted and published before; then the
    /// real worker works through them.
    pub async fn consume(self: &Arc<Self>, claims: usize, batch: u16) -> Result<Measured> {
        self.accept(claims).await?;
        self.publish().await?;
        self.consume_ready(claims, batch).await
    }

    /// The same of claims that are published already.
    pub async fn consume_ready(&self, claims: usize, batch: u16) -> Result<Measured> {
        self.settle().await;
        let from = self.commits.claims();
        let running = self.start(batch, false, true, true).await?;
        let measured = self.middle(from, claims).await?;
        running.end().await?;
        Ok(measured)
    }

    /// The floor: as many tasks as there are partitions, each reading the front
    /// of its partition, loading its units, making the same rows and committing
    /// them, on the same store and connections, without a broker.
    pub async fn floor(self: &Arc<Self>, claims: usize, batch: u16) -> Result<Measured> {
        self.accept(claims).await?;
        self.mark().await?;
        self.floor_ready(claims, batch).await
    }

    /// The same of claims that are there already.
    pub async fn floor_ready(self: &Arc<Self>, claims: usize, batch: u16) -> Result<Measured> {
        self.settle().await;
        let from = self.commits.claims();
        let mut tasks = JoinSet::new();
        for partition in 0..PARTITIONS {
            let site = Arc::clone(self);
            tasks.spawn(async move {
                loop {
                    let queued = site.node.store().next(partition, batch.into()).await?;
                    if queued.is_empty() {
                        return anyhow::Ok(());
                    }
                    let planned = load::plan(&site.node, &site.filler, &queued).await?;
                    site.node.store().commit(&planned).await?;
                    site.commits.committed(planned.claims.len() as u64);
                }
            });
        }
        let measured = self.middle(from, claims).await?;
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(measured)
    }

    /// Lets the servers end what they do after claims were put in.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    /// All of it at once: accepted in files of `file`, never more than 8192 of
    /// them undecided, dispatched, consumed, appended to the log, results told.
    pub async fn whole(
        self: &Arc<Self>,
        claims: usize,
        batch: u16,
        file: usize,
    ) -> Result<Measured> {
        let from = self.commits.claims();
        let running = self.start(batch, true, true, true).await?;
        // The relay and the worker have agreed who does what.
        self.feed(1024, file, &running).await?;
        self.reach(from, 1024.0).await?;
        self.drained().await?;
        let begin = Mark::now(&self.machine, &self.commits)?;
        self.feed(claims, file, &running).await?;
        self.drained().await?;
        let end = Mark::now(&self.machine, &self.commits)?;
        running.end().await?;
        Ok(begin.until(&end))
    }

    async fn feed(self: &Arc<Self>, claims: usize, file: usize, running: &Running) -> Result<()> {
        let from = self.commits.claims();
        let mut tasks = JoinSet::new();
        let mut fed = 0;
        while fed < claims {
            while fed as u64 > self.commits.claims() - from + 8192 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if tasks.len() == 4 {
                tasks.join_next().await.context("a task")???;
            }
            let site = Arc::clone(self);
            let queued = Arc::clone(&running.queued);
            tasks.spawn(async move {
                site.accept_one(file).await?;
                queued.notify_one();
                anyhow::Ok(())
            });
            fed += file;
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        self.reach(from, fed as f64).await
    }

    /// Waits until all is on the log and told.
    async fn drained(&self) -> Result<()> {
        loop {
            let store = self.store()?;
            if store.outbox(1).await?.is_empty()
                && store.results(1, Among::Without(&[])).await?.is_empty()
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Claims that fall due at a constant rate, whatever became of those
    /// before: from due to committed, and from accepted to committed.
    pub async fn open_loop(
        self: &Arc<Self>,
        rate: f64,
        time: Duration,
        batch: u16,
        file: usize,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let running = self.start(batch, true, true, true).await?;
        self.feed(1024, file, &running).await?;
        self.drained().await?;
        self.commits.keep_times();
        let from = self.commits.claims();
        let files = (rate * time.as_secs_f64() / file as f64) as u32;
        let begun = Instant::now() + Duration::from_millis(20);
        let mut tasks = JoinSet::new();
        for n in 0..files {
            let due = begun + Duration::from_secs_f64(f64::from(n) * file as f64 / rate);
            let site = Arc::clone(self);
            let queued = Arc::clone(&running.queued);
            tasks.spawn(async move {
                tokio::time::sleep_until(due.into()).await;
                let claims = site.accept_one(file).await?;
                let accepted = Instant::now();
                queued.notify_one();
                anyhow::Ok((due, accepted, claims))
            });
        }
        let mut sent = Vec::new();
        while let Some(done) = tasks.join_next().await {
            sent.push(done??);
        }
        self.reach(from, f64::from(files) * file as f64).await?;
        let times = self.commits.times();
        running.end().await?;
        let (mut due, mut accepted) = (Vec::new(), Vec::new());
        for (due_at, accepted_at, claims) in sent {
            for claim in claims {
                let committed = times.get(&claim).context("a claim has no time")?;
                due.push((*committed - due_at).as_secs_f64());
                accepted.push(
                    committed
                        .saturating_duration_since(accepted_at)
                        .as_secs_f64(),
                );
            }
        }
        due.sort_by(f64::total_cmp);
        accepted.sort_by(f64::total_cmp);
        Ok((due, accepted))
    }
}

fn config(folder: &TempDir, url: &str, broker: &str, batch: u16) -> Config {
    let mut config = Config::of_node(folder.path());
    config.database = Some(Database {
        url: url.to_owned(),
        keys: None,
        connections: CONNECTIONS,
    });
    config.broker = Some(Broker {
        url: broker.to_owned(),
        ca: None,
        prefix: String::new(),
    });
    config.worker.batch = batch;
    config
}
