//! `tally network`: organisations as processes of their own on one shared ledger; how
//! organisations leave, join and lose a disk there; witnesses.

#[path = "network/afar.rs"]
mod afar;
#[path = "network/billed.rs"]
mod billed;
#[path = "network/checked.rs"]
mod checked;
mod common;
#[path = "network/flow.rs"]
mod flow;
#[path = "network/governance.rs"]
mod governance;
#[path = "network/keys.rs"]
mod keys;
#[path = "network/liar.rs"]
mod liar;
#[path = "network/split.rs"]
mod split;
#[path = "network/stranded.rs"]
mod stranded;
#[path = "network/traced.rs"]
mod traced;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{json, run, tally};
use serde_json::Value;
use tally::shared::client::Client;

/// A process that ends with its handle.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(quiet.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    /// Asks it to end, so that it ends what it started itself.
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(40) {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that is free now.
fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What an address answers, as JSON.
fn get(url: &str) -> Option<Value> {
    let mut answer = ureq::get(url).call().ok()?;
    serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
}

/// Waits until something holds.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(90),
            "not in time: {what}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A command on an organisation's node.
fn at(folder: &Path, organisation: &str, arguments: &[&str]) -> Output {
    let data = folder.join(organisation);
    run([arguments, &["--data", data.to_str().unwrap()]].concat())
}

/// A setting of an organisation's configuration.
fn setting(folder: &Path, organisation: &str, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join(organisation).join("tally.toml")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} = ")));
    line.unwrap().split('"').nth(1).unwrap().to_owned()
}

/// What an organisation's node says of the shared ledger.
fn status(folder: &Path, organisation: &str) -> Option<Value> {
    let api = setting(folder, organisation, "api");
    get(&format!("http://{api}/api/v1/ledger/shared/status"))
}

/// Sends harbor a claim as lakeside does; answers what it said.
fn post(folder: &Path, control: &str, claim: Vec<u8>) -> Value {
    let secret = keys::secret(&folder.join("lakeside"), "signing.key");
    post_as(folder, &Client::new("lakeside", secret), control, claim)
}

/// The same, sent by another.
fn post_as(folder: &Path, client: &Client, control: &str, claim: Vec<u8>) -> Value {
    let api = setting(folder, "harbor-health", "api");
    let url = format!("http://{api}/api/v1/claims");
    let headers = [
        ("Idempotency-Key", format!("\"{control}\"")),
        ("Content-Type", "application/json".to_owned()),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = client.post(&url, Some("harbor-health"), &headers, claim);
    let answer = runtime.block_on(answer).unwrap();
    let said = answer.json().unwrap();
    assert!(matches!(answer.status, 200 | 202), "{said:#}");
    said
}

/// A network that serves its page, in a folder, once its claims are settled.
fn serving(folder: &Path, claims: u32) -> Process {
    let said = folder.with_extension("said");
    let mut command = tally();
    command
        .args(["network", "--authorities", "4", "--port", "0", "--claims"])
        .arg(claims.to_string())
        .arg("--data")
        .arg(folder)
        .env(traced::SAID.0, traced::SAID.1)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&said).unwrap());
    let process = Process(command.spawn().unwrap());
    until("the network serves its page", || {
        let said = std::fs::read_to_string(&said).unwrap();
        assert!(!said.contains("error"), "{said}");
        said.contains("The network's page")
    });
    process
}
