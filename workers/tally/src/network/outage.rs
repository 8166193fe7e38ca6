//! An authority that is killed while claims flow, and comes back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::organisations::{Founded, Placed};
use super::processes::Processes;
use super::watch::Seen;

/// The longest that it may take to catch up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it is waited for blocks that may never come.
const GROWING: Duration = Duration::from_secs(5);

/// What became of it.
#[derive(Clone)]
pub struct Outage {
    /// Who was killed.
    pub organisation: String,
    /// The height at which it was killed.
    pub from: u64,
    /// The height of the others when it was started again.
    pub to: u64,
    /// How long it took from its start until it knew all that was final then.
    pub recovered: Duration,
}

/// Kills one, and starts it again.
pub struct Plan<'a> {
    founded: &'a Founded,
    processes: &'a Processes,
    whom: &'a Placed,
    /// After so many files.
    kill: u64,
    start: u64,
    from: u64,
    begun: Option<(u64, Instant)>,
}

impl<'a> Plan<'a> {
    /// Kills the last provider after a quarter of `files`, and starts it after three.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(founded: &'a Founded, processes: &'a Processes, files: u64) -> Result<Self> {
        let whom = founded.providers().last();
        Ok(Self {
            founded,
            processes,
            whom: whom.context("a network without a provider")?,
            kill: files / 4,
            start: files * 3 / 4,
            from: 0,
            begun: None,
        })
    }

    /// Before a file is sent: how many were.
    ///
    /// # Errors
    /// When a process cannot be killed or started.
    pub async fn at(&mut self, sent: u64) -> Result<()> {
        if sent == self.kill {
            self.from = self.grown(1).await;
            self.processes.kill(&self.whom.id).await?;
        }
        if sent == self.start {
            let height = self.grown(self.from + 3).await;
            self.processes.begin(self.founded, self.whom).await?;
            self.begun = Some((height, Instant::now()));
        }
        Ok(())
    }

    /// The height, once it is `least`; or as it is, when it does not grow: too few are up.
    async fn grown(&self, least: u64) -> u64 {
        let begun = Instant::now();
        loop {
            let height = Seen::look(self.founded).await.height();
            if height >= least || begun.elapsed() > GROWING {
                return height;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until it knows what it missed.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn over(self) -> Result<Outage> {
        let (to, begun) = self.begun.context("it was never started again")?;
        loop {
            self.processes.check().await?;
            let seen = Seen::look(self.founded).await;
            let own = seen.0.get(&self.whom.id).and_then(Option::as_ref);
            if own.is_some_and(|own| own.status.height >= to) {
                break;
            }
            anyhow::ensure!(
                begun.elapsed() < PATIENCE,
                "{} has not caught up: see {}",
                self.whom.id,
                self.whom.folder.join("log").display()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Outage {
            organisation: self.whom.id.clone(),
            from: self.from,
            to,
            recovered: begun.elapsed(),
        })
    }
}

impl Outage {
    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "organisation": self.organisation,
            "killed_at": self.from,
            "started_at": self.to,
            "recovered_seconds": self.recovered.as_secs_f64(),
        })
    }

    /// For people.
    pub fn told(&self) -> String {
        let meanwhile = if self.to > self.from {
            format!("the others went on to {} without it", self.to)
        } else {
            "nothing was final without it, and nothing was lost".to_owned()
        };
        format!(
            "{} was killed at height {}; {meanwhile}; started again, it had caught up after {:.1} s.",
            self.organisation,
            self.from,
            self.recovered.as_secs_f64()
        )
    }
}
