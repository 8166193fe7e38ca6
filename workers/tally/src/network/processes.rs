//! The organisations' processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use super::organisations::{Founded, Placed, WITNESS};
use crate::shared::client::Client;

/// How long a node may take until it is ready.
const READY: Duration = Duration::from_secs(120);
/// How long a node may take until it has ended.
const ENDED: Duration = Duration::from_secs(20);

/// How the witness's process is called among the others.
const THE_WITNESS: &str = "the witness";

/// Processes by organisation, and the witness's; they end with this one.
pub struct Processes(Mutex<BTreeMap<String, Running>>);

/// A process, and where it says what it does.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Processes {
    /// Starts them all, and waits until they are ready.
    ///
    /// # Errors
    /// When one ends, or is not ready in time: its log says why.
    pub async fn start(founded: &Founded) -> Result<Self> {
        let processes = Self(Mutex::default());
        processes.begin_witness(founded).await?;
        for placed in &founded.placed {
            processes.begin(founded, placed).await?;
        }
        let progress = crate::cli::Progress::bar("starting", founded.placed.len() as u64);
        for (position, placed) in (1u64..).zip(&founded.placed) {
            processes.ready(placed).await?;
            progress.at(position);
        }
        progress.done();
        Ok(processes)
    }

    /// Waits until a node answers.
    ///
    /// # Errors
    /// When one ends, or it is not ready in time: its log says why.
    pub async fn ready(&self, placed: &Placed) -> Result<()> {
        let client = Client::new("network", [0; 32]);
        let url = format!("http://{}/api/v1/ledger/shared/status", placed.api);
        let begun = Instant::now();
        loop {
            self.check().await?;
            let answer = client.get(&url, None).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            anyhow::ensure!(
                begun.elapsed() < READY,
                "{} is not ready: see {}",
                placed.id,
                placed.folder.join("log").display()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts the witness.
    async fn begin_witness(&self, founded: &Founded) -> Result<()> {
        let folder = founded.witness_folder();
        let mut command = program()?;
        command
            .args(["ledger", "witness", "--name", WITNESS])
            .arg("--data")
            .arg(&folder)
            .arg("--charter")
            .arg(founded.charter_file())
            .arg("--listen")
            .arg(founded.witness.to_string());
        self.run(THE_WITNESS, command, &folder.join("log")).await
    }

    /// Starts one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn begin(&self, founded: &Founded, placed: &Placed) -> Result<()> {
        let mut command = program()?;
        command
            .arg("node")
            .arg("--config")
            .arg(placed.folder.join("tally.toml"))
            .arg("--day")
            .arg(founded.day.to_string());
        if placed.tampers {
            command.arg("--tamper");
        }
        self.run(&placed.id, command, &placed.folder.join("log"))
            .await
    }

    async fn run(&self, id: &str, mut command: Command, log: &Path) -> Result<()> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("{} could not be made", log.display()))?;
        let child = command
            .stderr(file)
            .spawn()
            .with_context(|| format!("{id} could not be started"))?;
        let log = log.to_owned();
        let running = Running { child, log };
        self.0.lock().await.insert(id.to_owned(), running);
        Ok(())
    }

    /// Whether all still run.
    ///
    /// # Errors
    /// When one has ended.
    pub async fn check(&self) -> Result<()> {
        for (id, running) in self.0.lock().await.iter_mut() {
            if let Some(status) = running.child.try_wait()? {
                anyhow::bail!(
                    "{id} ended by itself ({status}): {} ends with `{}`",
                    running.log.display(),
                    last_line(&running.log)
                );
            }
        }
        Ok(())
    }

    /// Kills one, without a word.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&self, id: &str) -> Result<()> {
        let running = self.0.lock().await.remove(id);
        let mut running = running.with_context(|| format!("{id} does not run"))?;
        running.child.kill().await.context("it could not be killed")
    }

    /// Which run.
    pub async fn running(&self) -> Vec<String> {
        let mut running = Vec::new();
        for (id, process) in self.0.lock().await.iter_mut() {
            if matches!(process.child.try_wait(), Ok(None)) {
                running.push(id.clone());
            }
        }
        running
    }

    /// Ends them all.
    ///
    /// # Errors
    /// When one cannot be ended.
    pub async fn stop(&self) -> Result<()> {
        let mut running = std::mem::take(&mut *self.0.lock().await);
        for process in running.values() {
            if let Some(id) = process.child.id() {
                terminate(id)?;
            }
        }
        for Running { child, .. } in running.values_mut() {
            if tokio::time::timeout(ENDED, child.wait()).await.is_err() {
                child.kill().await?;
            }
        }
        Ok(())
    }
}

/// What a log ends with.
fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("nothing").to_owned()
}

/// Names the process that a process of a network ends with.
const PARENT: &str = "TALLY_NETWORK";

/// Sees to it that this process ends with the network that it is of, however that ends.
///
/// # Errors
/// When it has ended already.
pub fn end_with_network() -> Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    let Ok(parent) = std::env::var(PARENT) else {
        return Ok(());
    };
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let present = getppid().map(|id| id.as_raw_nonzero().to_string());
    anyhow::ensure!(present == Some(parent), "the network ended");
    Ok(())
}

/// This program, for a process of its own.
fn program() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("where this program is")?);
    command
        .env(PARENT, std::process::id().to_string())
        .env_remove("TALLY_CONFIG")
        .env_remove("TALLY_DATA")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

/// Asks a process to end.
fn terminate(id: u32) -> Result<()> {
    let pid = i32::try_from(id)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let pid = pid.context("a process without a number")?;
    match rustix::process::kill_process(pid, rustix::process::Signal::TERM) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
