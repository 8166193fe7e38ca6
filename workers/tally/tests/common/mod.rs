//! Running the binary as its user would.
#![allow(dead_code)] // each test file uses a part

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The binary, without what the environment of the test would tell it.
pub fn tally() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tally"));
    command
        .env_remove("TALLY_DATA")
        .env_remove("TALLY_CONFIG")
        .env_remove("TALLY_LOG")
        .env_remove("TALLY_FAILPOINT");
    command
}

/// Runs it with arguments.
pub fn run<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(arguments: I) -> Output {
    tally().args(arguments).output().unwrap()
}

/// Standard output as text, of a run that must end with `code`.
#[track_caller]
pub fn text(output: &Output, code: i32) -> String {
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout: {}\nstderr: {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard output as JSON.
#[track_caller]
pub fn json(output: &Output, code: i32) -> Value {
    serde_json::from_str(&text(output, code)).unwrap()
}

/// Standard error as text.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The folder of shared cases, where it is present.
pub fn cases() -> Option<PathBuf> {
    let folder = std::env::var_os("TALLY_CASES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no folder of shared cases at {}", folder.display());
    None
}

/// A folder that is removed afterwards, and a node's folder in it.
pub fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

/// Whatever stands is what a replay on each backend makes of the claims, and the log and
/// the store say so. `json` runs the binary on a node, for JSON. What `fsck` found.
#[track_caller]
pub fn sound(json: impl Fn(&[&str]) -> Value, backends: &[&str]) -> Value {
    for backend in backends {
        let found = json(&["ledger", "replay", "--backend", backend]);
        assert_eq!(found["chain_breaks"], 0, "{found:#}");
        assert_eq!(found["identical"], true, "{found:#}");
    }
    json(&["ledger", "fsck"])
}

/// A generated population, on disk.
pub struct OnDisk {
    /// The file of contracts.
    pub contracts: PathBuf,
    /// The files of claims, in order.
    pub claims: Vec<PathBuf>,
}

/// A file of contracts.
pub fn contracts_json(contracts: &[tally_core::claim::Contract]) -> String {
    let contracts: Vec<String> = contracts
        .iter()
        .map(tally_core::interchange::contract_json)
        .collect();
    format!("[{}]", contracts.join(","))
}

/// Writes a generated population to a folder.
pub fn population(seed: u64, claims: usize, folder: &Path) -> OnDisk {
    let population = tally::demo::generate::generate(seed, claims);
    let contracts = folder.join("contracts.json");
    std::fs::write(&contracts, contracts_json(&population.contracts)).unwrap();
    let claims = population
        .files
        .iter()
        .enumerate()
        .map(|(position, file)| {
            let path = folder.join(format!("{position:04}-{}", file.name));
            std::fs::write(&path, &file.bytes).unwrap();
            path
        })
        .collect();
    OnDisk { contracts, claims }
}

/// SHA-256 over the lines of `claim export`, sorted: what a node came to.
pub fn exported(data: &Path) -> (usize, String) {
    let output = tally()
        .args(["claim", "export", "--json", "--data"])
        .arg(data)
        .output()
        .unwrap();
    let text = text(&output, 0);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    (lines.len(), lines.join("\n"))
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
