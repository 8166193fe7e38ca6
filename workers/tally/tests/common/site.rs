//! A node on real servers, each process the real binary.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tally::config::Config;
use tally::node::Node;
use tally::node::clock::Clock;
use tally_rig::{shared_postgres, shared_rabbit};

use crate::common::{json, tally};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A database and a virtual host of its own, a configuration, and the
/// processes that were started on it.
pub struct Site {
    folder: tempfile::TempDir,
    /// Of the broker.
    pub broker: String,
    /// Of the database.
    pub database: String,
    /// The configuration.
    pub config: PathBuf,
}

impl Site {
    /// Servers are started when they are not there; the node is set up.
    pub fn new(more: &str) -> Self {
        Self::on(shared_rabbit().fresh_vhost().unwrap(), more)
    }

    /// On a broker of one's own, by its URL.
    pub fn on(broker: String, more: &str) -> Self {
        let more = format!("[broker]\nurl = {broker:?}\n{more}");
        Self::with(broker, &more)
    }

    /// A node without a broker.
    pub fn alone() -> Self {
        Self::with(String::new(), "")
    }

    fn with(broker: String, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = shared_postgres().fresh_database().unwrap();
        let config = folder.path().join("tally.toml");
        let text = format!(
            "[node]\ndata = {:?}\npayer = \"harbor-health\"\n[listen]\napi = \"127.0.0.1:0\"\npages = \"127.0.0.1:0\"\n\
             health = \"127.0.0.1:0\"\n[database]\nurl = {database:?}\nconnections = 8\n{more}",
            folder.path().join("data"),
        );
        std::fs::write(&config, text).unwrap();
        let site = Self {
            folder,
            broker,
            database,
            config,
        };
        let made = json(&site.command(&["migrate", "--json"]).output().unwrap(), 0);
        assert_eq!(made["partitions"], 8, "{made}");
        site
    }

    /// A place for files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with arguments, on this node.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tally();
        command.args(arguments).arg("--config").arg(&self.config);
        command
    }

    /// Starts a process of the node, under a name.
    pub fn start(&self, role: &str, name: &str) -> Process {
        let mut command = self.command(&[role]);
        self.spawn(
            command.env("TALLY_WORKER_NAME", name),
            &format!("{role}-{name}"),
        )
    }

    /// Starts a command that runs until it is told to stop.
    pub fn spawn(&self, command: &mut Command, name: &str) -> Process {
        let log = self.folder().join(format!("{name}.log"));
        let child = command
            .env("TALLY_LOG", "info,tally::roles=debug")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Process { child, log }
    }

    /// The node, in this process.
    pub async fn node(&self, clock: Clock) -> Node {
        let config = self.read();
        Node::configured(&config, "test", clock).await.unwrap()
    }

    /// The configuration.
    pub fn read(&self) -> Config {
        let text = std::fs::read_to_string(&self.config).unwrap();
        Config::of("tally.toml", &text, []).unwrap()
    }
}

/// A process of a node. One that is dropped is killed.
pub struct Process {
    child: Child,
    /// Where it logs to.
    pub log: PathBuf,
}

impl Process {
    /// Tells it to stop, and waits until it has; answers whether it ended well.
    pub fn end(mut self) -> bool {
        let pid = i32::try_from(self.child.id()).unwrap();
        let told = Command::new("kill").arg(pid.to_string()).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().success()
    }

    /// Where it serves something, as it says when it has started.
    pub fn address(&self, before: &str) -> String {
        let found = || {
            let log = std::fs::read_to_string(&self.log).ok()?;
            let (_, rest) = log.split_once(before)?;
            let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:[]".contains(c)))?;
            rest.get(..end).map(str::to_owned)
        };
        until(before, found)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for something.
#[track_caller]
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The same, with an await in it.
pub async fn until_async<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A field of JSON as text.
pub fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
