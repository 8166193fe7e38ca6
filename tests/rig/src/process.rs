//! A server's first process, and those it has forked, until they are gone.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{RigError, Tried};
use crate::keeper;

/// The time that processes of a killed server have to notice it.
const ORPHANS: Duration = Duration::from_secs(10);

/// A server's first process, killed with this value.
#[derive(Default)]
pub(crate) struct Server(Option<Child>);

impl Server {
    pub(crate) fn launch(what: &str, command: Command) -> Result<Server, RigError> {
        let child = keeper::spawn(command).tried(|| format!("start {what}"))?;
        Ok(Server(Some(child)))
    }

    /// Its process id, until it is seen to have ended.
    pub(crate) fn id(&self) -> Option<u32> {
        self.0.as_ref().map(Child::id)
    }

    pub(crate) fn runs(&mut self) -> bool {
        let child = self.0.as_mut();
        let runs = child.is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if !runs {
            self.0 = None;
        }
        runs
    }

    /// As `kill -9`; then waits for what it had forked.
    pub(crate) fn kill(&mut self) {
        let Some(mut child) = self.0.take() else {
            return;
        };
        let orphans = Process::descendants_of(child.id());
        // Refused only when it has ended.
        let _ = child.kill();
        let _ = child.wait();
        await_end(&orphans, ORPHANS);
    }

    /// Asks it to end, and kills it if it has not in time.
    pub(crate) fn stop(&mut self, signal: Signal, patience: Duration) {
        let start = Instant::now();
        let pid = self.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let (Some(pid), true) = (pid, self.runs()) {
            // Refused only when it has ended.
            let _ = kill_process(pid, signal);
        }
        while self.runs() {
            if start.elapsed() > patience {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One process, not the next that gets its number.
struct Process {
    pid: i32,
    /// In clock ticks since boot.
    started: u64,
}

struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Stat> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before it may hold spaces and brackets.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        Some(Stat {
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            started: fields.nth(17)?.parse().ok()?,
        })
    }
}

impl Process {
    /// All that a process has forked, and what they have, and still run.
    fn descendants_of(ancestor: u32) -> Vec<Process> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten();
        let all: Vec<(i32, Stat)> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
            .filter_map(|pid| Some((pid, Stat::read(pid)?)))
            .collect();
        let mut ancestors: Vec<i32> = i32::try_from(ancestor).into_iter().collect();
        let mut found = Vec::new();
        while let Some(parent) = ancestors.pop() {
            for (pid, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
                ancestors.push(*pid);
                found.push(Process {
                    pid: *pid,
                    started: stat.started,
                });
            }
        }
        found
    }

    /// Whether it still runs. One that nobody has buried yet does not.
    fn runs(&self) -> bool {
        Stat::read(self.pid)
            .is_some_and(|stat| stat.started == self.started && !matches!(stat.state, 'Z' | 'X'))
    }
}

/// Waits until all have ended. They end by themselves when they notice that
/// their parent has; one that has not after `patience` is killed.
fn await_end(orphans: &[Process], patience: Duration) {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    let mut killed = false;
    loop {
        let left: Vec<_> = orphans.iter().filter(|orphan| orphan.runs()).collect();
        if left.is_empty() || start.elapsed() > patience * 2 {
            return;
        }
        if !killed && start.elapsed() > patience {
            killed = true;
            for orphan in left {
                if let Some(pid) = Pid::from_raw(orphan.pid) {
                    // It may have ended meanwhile.
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
