//! A node of a round: its databases, its virtual host, its folder, its
//! processes, which are started again when they die.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tally::config::Config;
use tally_core::ledger::SigningKey;
use tally_queue::{Inspector, QueueKey, Settings, Topology};

use crate::servers::{Copied, Doors, Servers};

/// Who submits.
pub const SUBMITTER: &str = "harness";
/// The payer.
pub const PAYER: &str = "tallystick";
/// The queue of the submitter's results.
pub const RESULTS: &str = "harness.results";
/// Partitions at first.
pub const PARTITIONS: u16 = 8;
/// The largest envelope, in bytes.
pub const LIMIT: usize = 1 << 20;

/// How a process ends with nobody at fault.
const GRACE: Duration = Duration::from_secs(40);
/// A process that died is not started again at once.
const PAUSE: Duration = Duration::from_millis(300);

/// What is set in the environment of a process's next lives, one after the
/// other; nothing after that.
type Lives = Vec<Vec<(String, String)>>;

/// A process of the node.
pub struct Process {
    pub name: String,
    role: &'static str,
    child: Option<Child>,
    lives: Lives,
    started: Instant,
    /// How often it died, and of which signals.
    pub deaths: Vec<ExitStatus>,
}

impl Process {
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Its next lives are as others'.
    pub fn unharmed(&mut self) {
        self.lives.clear();
    }

    /// Whether it is halted.
    pub fn halted(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    /// Whether it listens to whoever tells it to stop: from then on it must end
    /// well.
    fn listens(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        // Bit N - 1 is signal N.
        caught.is_some_and(|mask| mask & (1 << (Signal::TERM.as_raw() - 1)) != 0)
    }

    /// How often it ended itself at a failpoint.
    pub fn aborts(&self) -> usize {
        let abort = |status: &&ExitStatus| status.signal() == Some(Signal::ABORT.as_raw());
        self.deaths.iter().filter(abort).count()
    }
}

/// A node of a round.
pub struct Site {
    folder: PathBuf,
    pub database: String,
    pub keys: String,
    pub vhost: String,
    /// What the processes are told, and what the harness is, who uses no doors.
    pub config: PathBuf,
    pub direct: PathBuf,
    pub processes: Vec<Process>,
    /// The broker without a door.
    pub broker: Settings,
    pub through: Settings,
    pub partitions: Vec<u16>,
}

impl Site {
    /// Makes databases, a virtual host and a folder, and sets the node up.
    pub fn make(servers: &Servers, doors: &Doors, folder: &Path, batch: u64) -> Result<Self> {
        let name = |url: String| url.rsplit('/').next().unwrap_or_default().to_owned();
        let vhost = name(servers.rabbit.fresh_vhost()?);
        let direct_url = servers.rabbit.vhost_url(&vhost);
        let door_url = servers.rabbit.through(&doors.broker).vhost_url(&vhost);
        let text = |data: &Path, store: String, keys: String, broker: &str| {
            let key: String = signer()
                .verifier()
                .public()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            format!(
                "[node]\ndata = {data:?}\npayer = \"{PAYER}\"\npartitions = {PARTITIONS}\n\
                 [listen]\napi = \"127.0.0.1:0\"\npages = \"127.0.0.1:0\"\nhealth = \"127.0.0.1:0\"\n\
                 [database]\nurl = {store:?}\nkeys = {keys:?}\nconnections = 12\n\
                 [broker]\nurl = {broker:?}\n[worker]\nbatch = {batch}\n[intake]\nlimit = {LIMIT}\n\
                 [[organisation]]\nid = \"{SUBMITTER}\"\nkey = \"{key}\"\n"
            )
        };
        let (config, direct) = (folder.join("tally.toml"), folder.join("direct.toml"));
        let Copied { database, keys } = servers.node(folder, |database, keys, data| {
            let model = folder.join("model.toml");
            let (store, keys) = (servers.postgres.url(database), servers.postgres.url(keys));
            std::fs::write(&model, text(data, store, keys, &direct_url))?;
            run(&model, &["migrate"], 0).map(|_| ())
        })?;
        let data = folder.join("node");
        let store_door = servers.postgres.through(&doors.store);
        let keys_door = servers.postgres.through(&doors.keys);
        std::fs::write(
            &config,
            text(
                &data,
                store_door.url(&database),
                keys_door.url(&keys),
                &door_url,
            ),
        )?;
        std::fs::write(
            &direct,
            text(
                &data,
                servers.postgres.url(&database),
                servers.postgres.url(&keys),
                &direct_url,
            ),
        )?;
        Ok(Self {
            folder: folder.to_owned(),
            database,
            keys,
            vhost,
            config,
            direct,
            processes: Vec::new(),
            broker: Settings::new(direct_url),
            through: Settings::new(door_url),
            partitions: vec![PARTITIONS],
        })
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a command of the binary on the node, which must end with `code`.
    pub fn run(&self, arguments: &[&str], code: i32) -> Result<Output> {
        run(&self.direct, arguments, code)
    }

    /// What the harness connects with.
    pub fn read_config(&self, through: bool) -> Result<Config> {
        Ok(Config::read(if through {
            &self.config
        } else {
            &self.direct
        })?)
    }

    pub fn topology(&self, partitions: u16) -> Topology {
        Topology::new("", partitions).unwrap()
    }

    /// The folder of the node's secrets.
    pub fn keys_folder(&self) -> PathBuf {
        self.folder.join("node/keys")
    }

    /// The key of references.
    pub fn queue_key(&self) -> Result<QueueKey> {
        let secret = secret(&self.keys_folder().join("queue.key"))?;
        Ok(QueueKey::new(secret))
    }

    /// The node's key of envelopes.
    pub fn envelope_key(&self) -> Result<[u8; 32]> {
        secret(&self.keys_folder().join("envelope.key"))
    }

    /// Starts a process. The first of `lives` is what its environment has at
    /// first, the next what it has when it is started again.
    pub fn start(&mut self, role: &'static str, lives: Lives) -> Result<usize> {
        let at = self.processes.len();
        self.processes.push(Process {
            name: format!("{role}-{at}"),
            role,
            child: None,
            lives,
            started: Instant::now(),
            deaths: Vec::new(),
        });
        self.revive(at)?;
        Ok(at)
    }

    fn revive(&mut self, at: usize) -> Result<()> {
        let process = &mut self.processes[at];
        let log = self.folder.join(format!("{}.log", process.name));
        let log = File::options().create(true).append(true).open(log)?;
        let life = match process.lives.is_empty() {
            true => Vec::new(),
            false => process.lives.remove(0),
        };
        // It ends with the harness, however that ends.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_tally")])
            .args([process.role, "--config"])
            .arg(&self.config)
            .env_remove("TALLY_DATA")
            .env_remove("TALLY_FAILPOINT")
            .env("TALLY_LOG", "info,tally::roles=debug")
            .env("TALLY_WORKER_NAME", &process.name)
            .envs(life)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        process.child = Some(command.spawn()?);
        process.started = Instant::now();
        Ok(())
    }

    /// Starts again what has died.
    pub fn look_after(&mut self) -> Result<()> {
        for at in 0..self.processes.len() {
            let process = &mut self.processes[at];
            let Some(child) = &mut process.child else {
                continue;
            };
            if process.started.elapsed() < PAUSE {
                continue;
            }
            if let Some(status) = child.try_wait()? {
                process.deaths.push(status);
                self.revive(at)?;
            }
        }
        Ok(())
    }

    /// Waits while looking after the processes.
    pub async fn wait(&mut self, pause: Duration) -> Result<()> {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            self.look_after()?;
            tokio::time::sleep(Duration::from_millis(20).min(pause)).await;
        }
        Ok(())
    }

    /// As `kill -9`, and at once again.
    pub fn kill(&mut self, at: usize) -> Result<()> {
        let process = &mut self.processes[at];
        if let Some(child) = &mut process.child {
            child.kill()?;
            process.deaths.push(child.wait()?);
        }
        self.revive(at)
    }

    /// Tells a process to stop and waits for it: it must end well. It is not
    /// started again.
    pub fn stop(&mut self, at: usize) -> Result<()> {
        let process = &mut self.processes[at];
        // Told before it listens for that, it dies of it, and had nothing in hand.
        let starting = !process.listens();
        process.signal(Signal::CONT);
        process.signal(Signal::TERM);
        let Some(mut child) = process.child.take() else {
            return Ok(());
        };
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                let starting = starting && status.signal() == Some(Signal::TERM.as_raw());
                ensure!(
                    status.success() || starting,
                    "{} was told to stop and ended with {status}",
                    process.name
                );
                return Ok(());
            }
            if begun.elapsed() > GRACE {
                let _ = child.kill();
                let _ = child.wait();
                bail!("{} did not stop within {GRACE:?}", process.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts a process that was stopped.
    pub fn go_on(&mut self, at: usize) -> Result<()> {
        self.revive(at)
    }

    /// Ends a process without its consent, for good.
    pub fn end(&mut self, at: usize) {
        if let Some(mut child) = self.processes[at].child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Messages that wait in the node's queues, each with its queue and how many
    /// take from it.
    pub async fn waiting(&self) -> Result<Vec<(String, u32, u32)>> {
        let inspector = Inspector::connect(&self.broker).await?;
        let first = self.topology(PARTITIONS);
        let mut names = vec![first.dead(), first.intake()];
        for partitions in &self.partitions {
            let topology = self.topology(*partitions);
            names.extend(topology.places().map(|place| topology.partition(place)));
        }
        let mut waiting = Vec::new();
        for name in names {
            match inspector.depth(&name).await {
                Ok(depth) if depth.messages == 0 => {}
                Ok(depth) => waiting.push((name, depth.messages, depth.consumers)),
                // Drained and removed.
                Err(tally_queue::QueueError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        inspector.close().await;
        Ok(waiting)
    }

    /// Numbers that the database answers.
    pub fn numbers(&self, servers: &Servers, sql: &str) -> Result<Vec<i64>> {
        let said = tokio::task::block_in_place(|| servers.postgres.ask(&self.database, sql))?;
        said.split('|')
            .map(|number| number.trim().parse().context("no number"))
            .collect()
    }

    /// Removes databases and the virtual host.
    pub fn clear(&mut self, servers: &Servers) {
        for at in 0..self.processes.len() {
            self.end(at);
        }
        for database in [&self.database, &self.keys] {
            let drop = format!("drop database {database} with (force)");
            let _ = servers.postgres.ask("postgres", &drop);
        }
        let vhost = format!("/api/vhosts/{}", self.vhost);
        let _ = servers.rabbit.manage("DELETE", &vhost, "");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for at in 0..self.processes.len() {
            self.end(at);
        }
    }
}

fn run(config: &Path, arguments: &[&str], code: i32) -> Result<Output> {
    let mut command = tally();
    let output = command
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()?;
    ensure!(
        output.status.code() == Some(code),
        "`tally {}` ended with {:?}: {}",
        arguments.join(" "),
        output.status.code(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

/// The binary, without what the environment would tell it.
pub fn tally() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tally"));
    command
        .env_remove("TALLY_DATA")
        .env_remove("TALLY_CONFIG")
        .env_remove("TALLY_LOG")
        .env_remove("TALLY_FAILPOINT");
    command
}

/// The submitter's key.
pub fn signer() -> SigningKey {
    SigningKey::new(SUBMITTER, &[7; 32]).unwrap()
}

fn secret(path: &Path) -> Result<[u8; 32]> {
    let text = std::fs::read_to_string(path)?;
    tally::node::keys::unhex(text.trim()).context("a key is 64 digits")
}
