//! One round: a fresh node on the servers, a load, a fault, healing, and the
//! comparison. All of it follows from a kind and a seed, but for what the
//! machine's schedule does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use tally_core::claim::{ClaimId, Frequency};
use tally_queue::{Consumer, Inspector, bind_results};

use crate::clock::Jumps;
use crate::compare::{Found, Planted, compare};
use crate::dice::Dice;
use crate::kinds::Kind;
use crate::load::{Load, Sent, Submitting};
use crate::payer::{self, Office};
use crate::poison;
use crate::servers::{Doors, Servers};
use crate::site::{PARTITIONS, Process, RESULTS, SUBMITTER, Site};

/// How long nothing may be decided, with all healed, before claims count as
/// lost.
pub const HEADWAY: Duration = Duration::from_secs(90);

/// What a round is a function of.
#[derive(Clone, Copy)]
pub struct Round {
    pub kind: Kind,
    pub seed: u64,
    pub claims: usize,
}

/// The servers, as a round has them.
pub enum Hold<'a> {
    /// Others use them too: nothing is done to the servers themselves.
    Shared(&'a Servers),
    /// Nobody else does.
    Alone(&'a mut Servers),
}

impl Hold<'_> {
    fn servers(&self) -> &Servers {
        match self {
            Self::Shared(servers) => servers,
            Self::Alone(servers) => servers,
        }
    }

    fn alone(&mut self) -> Result<&mut Servers> {
        match self {
            Self::Shared(_) => bail!("others use the servers"),
            Self::Alone(servers) => Ok(servers),
        }
    }
}

/// What waits: ready, held, behind, marks, outbox, results, flags without a
/// place, outcomes, submissions, dead letters.
const WAITING: &str = "select \
    (select count(*) from tally.queue where state = 0), \
    (select count(*) from tally.queue where state = 2), \
    (select count(*) from tally.queue where state = 1), \
    (select count(*) from tally.unjudged), (select count(*) from tally.outbox), \
    (select count(*) from tally.result) + (select count(*) from tally.revised_result), \
    (select count(*) from tally.flag where standing and leaf is null), \
    (select count(*) from tally.outcome), (select count(*) from tally.submission), \
    (select count(*) from tally.dead_letter)";

/// Runs a round. `None` when this machine cannot.
pub fn run(hold: Hold<'_>, round: Round, folder: &Path) -> Result<Option<Found>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(played(hold, round, folder))
}

async fn played(mut hold: Hold<'_>, round: Round, folder: &Path) -> Result<Option<Found>> {
    let Round { kind, seed, claims } = round;
    let mut dice = Dice::new(seed, &kind.name());
    if matches!(kind, Kind::DiskFull | Kind::WalFull) && !hold.servers().disks {
        eprintln!("SKIPPED: {}: no small disks", kind.name());
        return Ok(None);
    }
    let jumps = Jumps::found(folder);
    if kind == Kind::ClockJumps && jumps.is_none() {
        eprintln!(
            "SKIPPED: {}: no libfaketime (`apt-get install libfaketime`)",
            kind.name()
        );
        return Ok(None);
    }
    let load = Arc::new(Load::of(seed, claims, kind.has_acts()));
    ensure!(
        !kind.has_acts() || claims < 200 || load.acts().next().is_some(),
        "no claim is voided or replaced"
    );
    let batch = *dice.pick(&[1, 4, 16, 16, 64, 128]);
    let doors = Doors::before(hold.servers())?;
    let mut site = Site::make(hold.servers(), &doors, folder, batch)?;
    let contracts = folder.join("contracts.json");
    std::fs::write(&contracts, load.contracts_json())?;
    site.run(&["member", "import", &contracts.display().to_string()], 0)?;
    let topology = site.topology(PARTITIONS);
    patiently(async || Ok(topology.declare(&site.broker).await?)).await?;
    let binding = async || Ok(bind_results(&site.broker, &topology, SUBMITTER, RESULTS).await?);
    patiently(binding).await?;
    if kind == Kind::RabbitKilled {
        let mut queues: Vec<String> = topology.places().map(|at| topology.partition(at)).collect();
        queues.extend([topology.dead(), topology.intake(), RESULTS.to_owned()]);
        let begun = Instant::now();
        while !hold.servers().rabbit.has_noted(&site.vhost, &queues) {
            ensure!(
                begun.elapsed() < HEADWAY,
                "RabbitMQ does not note its queues on disk"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let mut play = Play {
        hold: &mut hold,
        doors: &doors,
        site: &mut site,
        load: &load,
        dice,
        planted: Planted {
            by_envelope: kind.by_envelope(),
            pays: kind.has_acts(),
            ..Planted::default()
        },
        workers: Vec::new(),
        relays: Vec::new(),
        node: None,
        victim: None,
    };
    let found = play.all(round, jumps).await;
    site.clear(hold.servers());
    found.map(Some)
}

struct Play<'a, 'h> {
    hold: &'a mut Hold<'h>,
    doors: &'a Doors,
    site: &'a mut Site,
    load: &'a Arc<Load>,
    dice: Dice,
    planted: Planted,
    workers: Vec<usize>,
    relays: Vec<usize>,
    node: Option<usize>,
    /// A claim that is harmed.
    victim: Option<Sent>,
}

/// An environment.
fn life(name: &str, value: impl Into<String>) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.into())]
}

impl Play<'_, '_> {
    async fn all(&mut self, round: Round, jumps: Option<Jumps>) -> Result<Found> {
        let kind = round.kind;
        let mut times = Times::new();
        self.start(kind, jumps.as_ref())?;
        // Long enough that what is done to the servers meets it.
        let pace = if kind.kills_a_server() { 800 } else { 300 };
        let mut load = match kind.by_envelope() {
            false => Submitting::directly(self.site, self.load, round.seed, pace)?,
            true => Submitting::by_envelope(self.site, self.load, round.seed, pace)?,
        };
        let folder = self.site.folder().to_owned();
        let mut office = match self.planted.pays {
            true => Some(Office::open(self.site, &folder, round.seed)?),
            false => None,
        };
        self.inject(kind, jumps.as_ref()).await?;
        times.lap("injected");
        let begun = Instant::now();
        while !load.ended()? {
            ensure!(
                begun.elapsed() < Duration::from_secs(240),
                "the load did not end"
            );
            self.site.wait(Duration::from_millis(50)).await?;
        }
        times.lap("loaded");
        let held = i64::from(self.victim.is_some());
        self.drained(held).await?;
        times.lap("drained");
        self.after(kind).await?;
        self.happened(kind)?;
        times.lap("settled");
        if let Some(office) = &mut office {
            tokio::task::block_in_place(|| office.close())?;
        }
        self.end()?;
        times.lap("ended");
        if self.planted.pays {
            tokio::task::block_in_place(|| payer::settle(self.site))?;
            times.lap("paid");
        }
        let left = patiently(async || self.site.waiting().await).await?;
        let mut found = compare(self.hold.servers(), self.site, self.load, &self.planted).await?;
        for (queue, messages, _) in left {
            found.others += 1;
            found
                .said
                .push(format!("{messages} messages are left in `{queue}`"));
        }
        times.lap("compared");
        self.told(kind, &mut found).await?;
        times.lap("told");
        Ok(found)
    }

    /// Starts the processes of the round.
    fn start(&mut self, kind: Kind, jumps: Option<&Jumps>) -> Result<()> {
        let mut workers = self.dice.between(1, 3);
        let mut relays = 1;
        // A small round may have no second batch: there the first is the one.
        let most = 1 + self.load.claims.len() as u64 / 500;
        // How often a process that ends itself does so.
        let mut deaths = |place: &str| -> Vec<Vec<(String, String)>> {
            (0..self.dice.between(1, 3))
                .map(|_| {
                    let at = self.dice.between(1, 3).min(most);
                    life("TALLY_FAILPOINT", format!("{place}=abort@{at}"))
                })
                .collect()
        };
        let (mut first_worker, mut first_relay, mut node) = (Vec::new(), Vec::new(), Vec::new());
        match kind {
            Kind::Undisturbed => (workers, relays) = (3, 2),
            // Alone until it has died once, so that it gets what it dies with.
            Kind::WorkerAt(place) => {
                first_worker = deaths(place);
                workers = 1;
            }
            Kind::RelayAt(place) => first_relay = deaths(place),
            Kind::NodeAt(place) => node = deaths(place),
            Kind::IntakePanics => {
                let at = self.dice.between(1, 5).min(most);
                node = vec![life("TALLY_FAILPOINT", format!("before-accept=panic@{at}"))];
            }
            Kind::TaskPanics => {
                let at = self.dice.between(1, 2).min(most);
                first_worker = vec![life("TALLY_FAILPOINT", format!("before-ack=panic@{at}"))];
                workers = 1;
            }
            Kind::PoisonClaim | Kind::ClaimDiscarded | Kind::DeadlyClaim => {
                let victim = self.load.victim(&mut self.dice)?;
                let variable = match kind {
                    Kind::DeadlyClaim => "TALLY_DEADLY",
                    _ => "TALLY_POISON",
                };
                // In every life until an operator has looked.
                let harmed = life(variable, victim.charge.to_string());
                first_worker = vec![harmed; 100];
                self.victim = Some(victim);
                workers = 1;
            }
            Kind::ZombieWorker => {
                // Alone until it is halted, so that it gets what it is halted with.
                let at = self.dice.between(1, 4).min(most);
                first_worker = vec![life("TALLY_FAILPOINT", format!("before-commit=stop@{at}"))];
                workers = 1;
            }
            Kind::ZombieRelay => {
                // The only one until it is halted, else another may lead.
                let at = self.dice.between(1, 3).min(most);
                first_relay = vec![life("TALLY_FAILPOINT", format!("after-publish=stop@{at}"))];
            }
            Kind::ClockJumps => {
                let jumps = jumps.context("no clock can be shifted")?;
                first_worker = vec![jumps.environment(); 3];
                first_relay = vec![jumps.environment(); 3];
                workers = 2;
            }
            Kind::Stopped => workers = 2,
            Kind::RelayKilled => relays = self.dice.between(1, 2),
            _ => {}
        }
        for at in 0..relays {
            let lives = if at == 0 {
                std::mem::take(&mut first_relay)
            } else {
                Vec::new()
            };
            self.relays.push(self.site.start("relay", lives)?);
        }
        for at in 0..workers {
            let lives = if at == 0 {
                std::mem::take(&mut first_worker)
            } else {
                Vec::new()
            };
            self.workers.push(self.site.start("worker", lives)?);
        }
        if kind.by_envelope() {
            self.node = Some(self.site.start("node", node)?);
        }
        Ok(())
    }

    /// Pauses for up to so many milliseconds.
    async fn pause(&mut self, low: u64, high: u64) -> Result<()> {
        let pause = Duration::from_millis(self.dice.between(low, high));
        self.site.wait(pause).await
    }

    /// Does what is to be done while the load runs.
    async fn inject(&mut self, kind: Kind, jumps: Option<&Jumps>) -> Result<()> {
        match kind {
            Kind::WorkerKilled | Kind::RelayKilled | Kind::NodeKilled => {
                for _ in 0..self.dice.between(3, 6) {
                    self.pause(100, 900).await?;
                    let node = self.node.map(|node| vec![node]).unwrap_or_default();
                    let of = match kind {
                        Kind::WorkerKilled => &self.workers,
                        Kind::RelayKilled => &self.relays,
                        _ => &node,
                    };
                    let at = *self.dice.pick(of);
                    self.site.kill(at)?;
                }
            }
            Kind::PostgresKilled => {
                for _ in 0..self.dice.between(1, 3) {
                    self.pause(300, 1500).await?;
                    let pause = Duration::from_millis(self.dice.between(0, 1500));
                    self.hold.alone()?.kill_postgres(pause)?;
                }
            }
            Kind::RabbitKilled => {
                for _ in 0..self.dice.between(1, 2) {
                    self.pause(300, 1500).await?;
                    let pause = Duration::from_millis(self.dice.between(0, 1000));
                    self.hold.alone()?.kill_rabbit(pause)?;
                }
            }
            Kind::BrokerReset => {
                for _ in 0..self.dice.between(3, 8) {
                    self.pause(50, 700).await?;
                    self.doors.broker.reset_all();
                }
            }
            Kind::PostgresReset => {
                for _ in 0..self.dice.between(3, 12) {
                    self.pause(20, 400).await?;
                    self.doors.store.reset_all();
                    if self.dice.percent(50) {
                        self.doors.keys.reset_all();
                    }
                }
            }
            Kind::BrokerSilent => {
                self.pause(200, 900).await?;
                self.doors.broker.swallow(true);
                // Shorter and longer than heartbeats allow.
                self.pause(2_000, 25_000).await?;
                if self.dice.percent(50) {
                    self.doors.broker.reset_all();
                }
                self.doors.broker.swallow(false);
            }
            Kind::PostgresSilent => {
                self.pause(200, 900).await?;
                self.doors.store.swallow(true);
                self.pause(1_000, 5_000).await?;
                if self.dice.percent(50) {
                    self.doors.store.reset_all();
                }
                self.doors.store.swallow(false);
            }
            Kind::VaultAway => {
                for _ in 0..self.dice.between(1, 3) {
                    self.pause(100, 700).await?;
                    self.doors.keys.refuse(true);
                    self.doors.keys.reset_all();
                    self.pause(500, 3_000).await?;
                    self.doors.keys.refuse(false);
                }
            }
            Kind::DiskFull => {
                self.pause(100, 900).await?;
                self.hold.alone()?.fill_data()?;
                // What is delivered again and again is tried alone, and counted
                // before; what then fails for want of room is nobody's fault.
                for _ in 0..4 {
                    self.pause(200, 500).await?;
                    self.doors.broker.reset_all();
                }
                self.pause(2_000, 9_000).await?;
                self.hold.alone()?.heal_data()?;
            }
            Kind::WalFull => {
                self.pause(300, 900).await?;
                self.hold.alone()?.fill_wal()?;
                self.pause(500, 3_000).await?;
                self.hold.alone()?.heal_wal()?;
            }
            Kind::QueuesLost => {
                self.pause(500, 1_500).await?;
                let vhost = format!("/api/vhosts/{}", self.site.vhost);
                self.hold.servers().rabbit.manage("DELETE", &vhost, "")?;
                self.pause(0, 1_000).await?;
                self.hold.servers().rabbit.manage("PUT", &vhost, "")?;
            }
            Kind::PoisonMessages => {
                self.pause(100, 800).await?;
                poison::publish(self.site, self.load, &mut self.dice, &mut self.planted).await?;
            }
            Kind::WorkerAt(_) => {
                self.until(self.workers[0], "at its end", |worker| worker.aborts() > 0)
                    .await?;
                if self.dice.percent(50) {
                    self.workers.push(self.site.start("worker", Vec::new())?);
                }
            }
            Kind::ZombieWorker => {
                let zombie = self.workers[0];
                self.until(zombie, "halted", Process::halted).await?;
                // Its partitions go to another.
                self.workers.push(self.site.start("worker", Vec::new())?);
                self.doors.broker.reset_all();
                self.pause(3_000, 6_000).await?;
                self.site.processes[zombie].signal(Signal::CONT);
            }
            Kind::ZombieRelay => {
                let zombie = self.relays[0];
                self.until(zombie, "halted", Process::halted).await?;
                self.relays.push(self.site.start("relay", Vec::new())?);
                // Until the other leads, and has published the same.
                self.pause(13_000, 16_000).await?;
                self.site.processes[zombie].signal(Signal::CONT);
            }
            Kind::Repartitioned => {
                for _ in 0..self.dice.between(1, 2) {
                    self.pause(200, 1_000).await?;
                    let partitions = u16::try_from(self.dice.between(1, 13))?;
                    let number = partitions.to_string();
                    self.site.run(&["migrate", "--partitions", &number], 0)?;
                    self.site.partitions.push(partitions);
                }
            }
            Kind::ClockJumps => {
                let jumps = jumps.context("no clock can be shifted")?;
                for days in [400, -400, 0] {
                    self.pause(200, 900).await?;
                    jumps.jump(days)?;
                }
            }
            Kind::Stopped => {
                for _ in 0..self.dice.between(2, 4) {
                    self.pause(100, 700).await?;
                    let at = *self.dice.pick(&self.workers);
                    self.site.stop(at)?;
                    self.site.go_on(at)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Waits until a process is as it is to be.
    async fn until(&mut self, at: usize, what: &str, is: impl Fn(&Process) -> bool) -> Result<()> {
        let begun = Instant::now();
        while !is(&self.site.processes[at]) {
            ensure!(
                begun.elapsed() < HEADWAY,
                "{} is not {what} yet",
                self.site.processes[at].name
            );
            self.site.wait(Duration::from_millis(20)).await?;
        }
        Ok(())
    }

    /// Waits until nothing waits but what is held and behind it.
    async fn drained(&mut self, held: i64) -> Result<()> {
        let submissions = i64::try_from(self.load.population.files.len())?;
        let letters = i64::try_from(self.planted.letters.values().sum::<usize>())?;
        let mut last = Vec::new();
        let mut moved = Instant::now();
        loop {
            self.site.wait(Duration::from_millis(100)).await?;
            let now = self.site.numbers(self.hold.servers(), WAITING)?;
            let quiet = now[0] == 0 && now[3..7].iter().all(|waiting| *waiting == 0);
            if quiet
                && now[1] == held
                && now[8] == submissions
                && now[9] >= letters
                && patiently(async || self.site.waiting().await)
                    .await?
                    .is_empty()
            {
                return Ok(());
            }
            if now != last {
                moved = Instant::now();
                last = now;
                continue;
            }
            if moved.elapsed() > HEADWAY {
                let queues = self.site.waiting().await?;
                bail!(
                    "nothing moves any more. Ready, held, behind, unjudged, outbox, results, \
                     flags, outcomes, submissions (of {submissions}), letters (of {letters}): \
                     {last:?}; in queues: {queues:?}"
                );
            }
        }
    }

    /// What an operator does when the rest is done.
    async fn after(&mut self, kind: Kind) -> Result<()> {
        if kind == Kind::PoisonMessages {
            return poison::settle(self.site, self.hold.servers(), &mut self.planted).await;
        }
        let Some(victim) = self.victim.take() else {
            return Ok(());
        };
        let id = victim.id.to_string();
        let list = self.json(&["queue", "dead", "list", "--json"])?;
        let claims = list["claims"].as_array().context("a list")?;
        ensure!(
            claims.len() == 1 && claims[0]["claim"] == id,
            "set aside: {claims:?}, planted: {id}"
        );
        let shown = self.json(&["queue", "dead", "show", &id, "--json"])?;
        ensure!(
            shown["behind"].as_u64() > Some(0),
            "nothing is behind it: {shown}"
        );
        // Mended: its worker no longer stumbles over it.
        for at in self.workers.clone() {
            self.site.processes[at].unharmed();
            self.site.stop(at)?;
            self.site.go_on(at)?;
        }
        if kind == Kind::ClaimDiscarded {
            self.json(&["queue", "dead", "discard", &id, "--json"])?;
            self.planted.discarded = Some(victim.id);
        } else {
            self.json(&["queue", "dead", "replay", &id, "--json"])?;
        }
        self.drained(0).await
    }

    fn json(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(
            &self.site.run(arguments, 0)?.stdout,
        )?)
    }

    /// Whether the fault came about at all.
    fn happened(&self, kind: Kind) -> Result<()> {
        let all = &self.site.processes;
        let at = match kind {
            Kind::WorkerAt(_) | Kind::DeadlyClaim => self.workers[0],
            Kind::RelayAt(_) => self.relays[0],
            Kind::NodeAt(_) => self.node.context("a node")?,
            _ => return Ok(()),
        };
        ensure!(
            all[at].aborts() > 0,
            "{} never came to its end",
            all[at].name
        );
        Ok(())
    }

    /// Tells all processes to stop: each must end well.
    fn end(&mut self) -> Result<()> {
        for at in 0..self.site.processes.len() {
            self.site.stop(at)?;
        }
        Ok(())
    }

    /// Each claim was told to its submitter, once or more.
    async fn told(&mut self, kind: Kind, found: &mut Found) -> Result<()> {
        // Its results went with its queue.
        if kind == Kind::QueuesLost {
            return Ok(());
        }
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        let depth = async || {
            let inspector = Inspector::connect(&self.site.broker).await?;
            let depth = inspector.depth(RESULTS).await;
            inspector.close().await;
            Ok(depth?.messages)
        };
        let mut left = patiently(depth).await?;
        let mut consumer = Consumer::new(self.site.broker.clone(), RESULTS, 500);
        let begun = Instant::now();
        loop {
            ensure!(
                begun.elapsed() < 2 * HEADWAY,
                "results are not acknowledged"
            );
            // What is known to be there is waited for, a connection too.
            let patience = match left {
                0 => Duration::from_millis(500),
                _ => HEADWAY,
            };
            let Ok(batch) = tokio::time::timeout(patience, consumer.next(500)).await else {
                ensure!(left == 0, "{left} results are not delivered");
                break;
            };
            // It connects again by itself.
            let Ok(batch) = batch else { continue };
            let delivered = u32::try_from(batch.deliveries().len())?;
            for delivery in batch.deliveries() {
                let headers = delivery.headers();
                if headers
                    .content_type()
                    .is_some_and(|kind| kind.contains("result"))
                {
                    let id = headers.message_id().map(str::to_owned);
                    *told.entry(id.context("a result of no claim")?).or_default() += 1;
                }
            }
            // What is not acknowledged comes again.
            if batch.ack().await.is_ok() {
                left = left.saturating_sub(delivered);
            }
        }
        consumer.close().await;
        // Of what came to stand no more, once more.
        let named: BTreeSet<ClaimId> = self.load.acts().map(|(_, _, named)| named).collect();
        for sent in &self.load.claims {
            let given_up = self.planted.discarded == Some(sent.id);
            let is_void = matches!(sent.act, Some((Frequency::Void, _)));
            let least = 1 + u32::from(named.contains(&sent.id));
            let times = told.get(&sent.id.to_string()).copied().unwrap_or(0);
            if !given_up && !is_void && times < least {
                found.lost += 1;
                found
                    .said
                    .push(format!("the submitter was not told of claim {}", sent.id));
            }
        }
        Ok(())
    }
}

/// Asks the broker until it answers. The harness's own questions are part of no
/// round, and a busy machine may take long to answer one.
async fn patiently<T>(question: impl AsyncFn() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match question().await {
            Err(_) if begun.elapsed() < HEADWAY => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            answer => return answer,
        }
    }
}

/// Says what is of interest to who looks into a round.
pub fn aside(what: &str) {
    if std::env::var_os("TALLY_FAULTS_TIMES").is_some() {
        eprintln!("    {what}");
    }
}

/// Says how long the parts of a round take, where that is asked for.
struct Times(Instant);

impl Times {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self, what: &str) {
        aside(&format!(
            "{what} after {:.1} s",
            self.0.elapsed().as_secs_f64()
        ));
        self.0 = Instant::now();
    }
}
