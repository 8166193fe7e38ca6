//! The ledger of a single authority, as one has it who configured nothing.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;

const TIMES: usize = 5;

/// From the start of the program in a folder where there is nothing until it has printed
/// the signed checkpoint of the ledger that it founded; the median.
pub fn alone() -> Result<Duration> {
    let mut taken = Vec::new();
    for _ in 0..TIMES {
        let folder = TempDir::new()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tally"));
        command.args(["ledger", "checkpoint", "--json", "--data"]);
        command.arg(folder.path().join("node"));
        let begun = Instant::now();
        let ran = command.output()?;
        taken.push(begun.elapsed());
        let told = String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.success(), "no checkpoint: {told}");
        let said: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
        ensure!(said["note"].is_string(), "no checkpoint: {said}");
    }
    taken.sort_unstable();
    Ok(taken[TIMES / 2])
}
