//! The payer's office, which pays while claims come in and are taken back: two runs at
//! once, ended at any moment; and what must be true of the payments in the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tally::node::{ClaimRead, Node};
use tally_core::adjudication::{Outcome, Status};
use tally_core::claim::ClaimId;
use tally_store::port::{PartKind, Payments as _};
use tally_types::Money;

use crate::compare::Found;
use crate::dice::Dice;
use crate::site::{Site, tally};

/// Runs that pay at once.
const CLERKS: usize = 2;
/// How many of a hundred runs are ended from outside, and end themselves at a place.
const KILLED: u64 = 30;
const ENDS_ITSELF: u64 = 20;
/// The longest between two runs of a clerk, in milliseconds.
const PAUSE: u64 = 800;
/// How long a run may take before it is ended, for the servers may be away.
const PATIENCE: Duration = Duration::from_secs(20);
/// Ahead of every clock that there is.
const AHEAD: i32 = 800;

/// The office at work.
pub struct Office {
    closed: Arc<AtomicBool>,
    clerks: Vec<JoinHandle<Result<()>>>,
}

impl Office {
    /// Begins to pay through the doors.
    pub fn open(site: &Site, folder: &Path, seed: u64) -> Result<Self> {
        let closed = Arc::new(AtomicBool::new(false));
        let clerks = (0..CLERKS).map(|at| {
            let dice = Dice::new(seed, &format!("clerk {at}"));
            let log = File::create(folder.join(format!("clerk-{at}.log")))?;
            let (config, closed) = (site.config.clone(), Arc::clone(&closed));
            Ok(std::thread::spawn(move || {
                pay(&config, dice, &log, &closed)
            }))
        });
        let clerks = clerks.collect::<Result<_>>()?;
        Ok(Self { closed, clerks })
    }

    /// Lets each finish what is in hand.
    pub fn close(&mut self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        for clerk in self.clerks.drain(..) {
            let ended = clerk.join().ok();
            ended.context("a clerk panicked")??;
        }
        Ok(())
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

fn pay(config: &Path, mut dice: Dice, log: &File, closed: &AtomicBool) -> Result<()> {
    while !closed.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(dice.between(0, PAUSE)));
        let mut command: Command = tally();
        command
            .args(["payment", "run", "--json", "--config"])
            .arg(config);
        if dice.percent(ENDS_ITSELF) {
            let place = dice.pick(&["before-pay", "after-pay"]);
            let at = dice.between(1, 6);
            command.env("TALLY_FAILPOINT", format!("{place}=abort@{at}"));
        }
        let most = match dice.percent(KILLED) {
            true => Duration::from_millis(dice.between(50, 2_000)),
            false => PATIENCE,
        };
        command.stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        let mut run = command.spawn()?;
        let begun = Instant::now();
        // What it could not do is done by a later one.
        while run.try_wait()?.is_none() {
            if begun.elapsed() > most {
                run.kill()?;
                run.wait()?;
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}

/// Pays what is left, on a day after every other: then nothing is due.
pub fn settle(site: &Site) -> Result<()> {
    let today = tally::node::clock::Clock::System.today();
    let on = today.plus_days(AHEAD).context("a day")?.to_string();
    let run = ["payment", "run", "--json", "--ahead", "--on", &on];
    site.run(&run, 0)?;
    let again = site.run(&run, 0)?;
    ensure!(
        again.stdout.is_empty(),
        "more was to be told after all had been: {}",
        String::from_utf8_lossy(&again.stdout)
    );
    Ok(())
}

/// What stands is paid once, and what does not is taken back.
pub async fn paid(
    node: &Node,
    reads: &BTreeMap<ClaimId, ClaimRead>,
    found: &mut Found,
) -> Result<()> {
    let all: Vec<ClaimId> = reads.keys().copied().collect();
    let mut told: BTreeMap<ClaimId, Vec<(PartKind, u32, Money)>> = BTreeMap::new();
    for chunk in all.chunks(256) {
        for row in node.store().told_of(chunk).await? {
            let part = row.part;
            let of = told.entry(part.claim).or_default();
            of.push((part.kind, part.revision, part.paid));
        }
    }
    let parts = told.values().flatten();
    let back = parts
        .filter(|(kind, ..)| *kind != PartKind::Payment)
        .count();
    crate::round::aside(&format!(
        "{} claims told of, {back} parts taken back",
        told.len()
    ));
    let none = Vec::new();
    for (id, read) in reads {
        let parts = told.get(id).unwrap_or(&none);
        let mut has: Option<(u32, Money)> = None;
        for (kind, revision, paid) in parts {
            let follows = match kind {
                PartKind::Payment => has.replace((*revision, *paid)).is_none(),
                PartKind::Reversal | PartKind::ReversalAhead => {
                    has.take() == Some((*revision, *paid))
                }
                PartKind::Recovery => true,
            };
            if !follows {
                found.doubled += 1;
                found.say(format!(
                    "claim {id}: a payment tells of revision {revision} what does not follow"
                ));
            }
        }
        let stands = read.row.outcome.as_ref().filter(|of| of.gone.is_none());
        let settled = |of: &&Outcome| of.status() != Status::Pended;
        let outcome = read.outcome.as_ref().filter(settled);
        let owed = stands.and(outcome).map(|outcome| outcome.paid());
        let paid = has.map(|(_, paid)| paid);
        if owed != paid {
            found.lost += 1;
            found.say(format!(
                "claim {id}: {owed:?} is owed and {paid:?} stands paid"
            ));
        }
    }
    Ok(())
}
