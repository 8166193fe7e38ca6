//! Processes of a server that was killed, until they are gone.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// One process, not the next that gets its number.
#[derive(PartialEq, Eq)]
pub(crate) struct Process {
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
    /// All that a process has forked and that still run.
    pub(crate) fn children_of(parent: u32) -> Vec<Process> {
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
            .filter_map(|pid| {
                let stat = Stat::read(pid)?;
                (u32::try_from(stat.parent) == Ok(parent)).then_some(Process {
                    pid,
                    started: stat.started,
                })
            })
            .collect()
    }

    /// Whether it still runs. One that nobody has buried yet does not.
    fn runs(&self) -> bool {
        Stat::read(self.pid)
            .is_some_and(|stat| stat.started == self.started && !matches!(stat.state, 'Z' | 'X'))
    }
}

/// Waits until all have ended. They end by themselves when they notice that
/// their parent has; one that has not after `patience` is killed.
pub(crate) fn await_end(orphans: &[Process], patience: Duration) {
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
