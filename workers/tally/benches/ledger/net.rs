//! Authorities as processes of this program, on loopback, in folders and databases of
//! their own.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tally_rig::{Delay, Postgres};
use tally_store::postgres::{PgSettings, migrate};
use tempfile::TempDir;

use crate::events::Events;
use crate::sender::Load;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nothing came for so long: nothing comes any more. Empty blocks have no leaves.
const SILENCE: Duration = Duration::from_millis(500);

pub struct Net<'a> {
    server: &'a Postgres,
    folder: TempDir,
    /// Entries of a block, the most.
    pub most: usize,
    listens: Vec<String>,
    addresses: Vec<String>,
    pub databases: Vec<String>,
    running: Vec<Option<Child>>,
    _proxies: Vec<Delay>,
}

impl Drop for Net<'_> {
    fn drop(&mut self) {
        for child in self.running.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        for url in &self.databases {
            let name = url.rsplit('/').next().unwrap_or_default();
            let name = name.split('?').next().unwrap_or_default();
            let dropped = format!("drop database {name} with (force)");
            // Their disk is wanted again; the rest goes with the server.
            let _ = self.server.ask("postgres", &dropped);
        }
    }
}

impl<'a> Net<'a> {
    /// Starts so many authorities, `round_trip` away from each other.
    pub fn start(
        server: &'a Postgres,
        count: usize,
        most: usize,
        round_trip: Option<Duration>,
    ) -> Result<Self> {
        let held = (0..count).map(|_| TcpListener::bind("127.0.0.1:0"));
        let held = held.collect::<std::io::Result<Vec<_>>>()?;
        let ports = held.iter().map(|held| Ok(held.local_addr()?.port()));
        let ports = ports.collect::<Result<Vec<u16>>>()?;
        drop(held);
        let proxies = match round_trip {
            Some(far) => ports.iter().map(|port| Delay::start(*port, far)).collect(),
            None => Ok(Vec::new()),
        }?;
        let address = |port: u16| format!("127.0.0.1:{port}");
        let listens: Vec<_> = ports.iter().map(|port| address(*port)).collect();
        let addresses = match proxies.is_empty() {
            true => listens.clone(),
            false => proxies.iter().map(|proxy| address(proxy.port())).collect(),
        };
        let mut net = Self {
            server,
            folder: TempDir::new()?,
            most,
            listens,
            addresses,
            databases: Vec::new(),
            running: (0..count).map(|_| None).collect(),
            _proxies: proxies,
        };
        for who in 0..count {
            std::fs::create_dir(net.folder(who))?;
            let database = server.fresh_database()?;
            let settings = PgSettings::new(database.clone());
            tokio::runtime::Runtime::new()?.block_on(migrate(&settings))?;
            net.databases.push(database);
            net.run(who)?;
        }
        if count > 1 {
            net.within("the first block", |net| {
                (0..count).all(|who| net.height(who) > 0)
            })?;
        }
        Ok(net)
    }

    pub fn all(&self) -> Vec<usize> {
        (0..self.running.len()).collect()
    }

    fn folder(&self, who: usize) -> PathBuf {
        self.folder.path().join(who.to_string())
    }

    /// Starts one that does not run.
    pub fn run(&mut self, who: usize) -> Result<()> {
        let child = Command::new(std::env::current_exe()?)
            .arg("authority")
            .arg(format!("who={who}"))
            .arg(format!("most={}", self.most))
            .arg(format!("folder={}", self.folder(who).display()))
            .arg(format!("listen={}", self.listens[who]))
            .arg(format!("addresses={}", self.addresses.join(",")))
            .arg(format!("database={}", self.databases[who]))
            .stdin(Stdio::piped())
            .spawn()?;
        self.running[who] = Some(child);
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self, who: usize) -> Result<()> {
        let mut child = self.running[who].take().context("it runs")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Entries of an envelope, so that a few organisations' make a block.
    fn envelope(&self) -> usize {
        (self.most / 4).clamp(1, 250)
    }

    fn tell(&mut self, of: &[usize], load: Load) -> Result<()> {
        let line = load.to_string();
        for who in of {
            let child = self.running[*who].as_mut().context("it runs")?;
            let input = child.stdin.as_mut().context("it is spoken to")?;
            writeln!(input, "{line}").with_context(|| format!("authority {who} has ended"))?;
        }
        Ok(())
    }

    /// There is always a next envelope.
    pub fn saturate(&mut self, of: &[usize]) -> Result<()> {
        self.tell(of, Load::Saturating(self.envelope()))
    }

    /// So many entries a second come from all of these together.
    pub fn pace(&mut self, of: &[usize], entries: f64) -> Result<()> {
        let size = self.envelope();
        let every = size as f64 * of.len() as f64 / entries * 1e6;
        self.tell(of, Load::Paced(size, every.max(1.0) as u64))
    }

    /// Nothing more comes, and what came stands on all of these, under a checkpoint.
    pub fn settle(&mut self, of: &[usize]) -> Result<()> {
        self.tell(of, Load::Quiet)?;
        let mut since = (Vec::new(), Instant::now());
        self.within("all to have all", |net| {
            let last = of.iter().map(|who| Events::last(&net.folder(*who)));
            let last = last.map(|last| (last.size(), last.kept.last().map_or(0, |kept| kept.size)));
            let sizes: Vec<_> = last.collect();
            if sizes != since.0 {
                since = (sizes, Instant::now());
            }
            let (size, _) = since.0[0];
            let same = since.0.iter().all(|had| *had == (size, size));
            same && since.1.elapsed() > SILENCE
        })
    }

    /// Stops all that run, as a node is stopped.
    pub fn stop(&mut self) -> Result<()> {
        for (who, child) in self.running.iter_mut().enumerate() {
            let Some(mut child) = child.take() else {
                continue;
            };
            drop(child.stdin.take());
            let ended = child.wait()?;
            anyhow::ensure!(ended.success(), "authority {who} ended with {ended}");
        }
        Ok(())
    }

    pub fn height(&self, who: usize) -> u64 {
        let last = Events::last(&self.folder(who));
        last.blocks.last().map_or(0, |last| last.height)
    }

    /// Waits until each of these has so many blocks more.
    pub fn advance(&self, of: &[usize], by: u64) -> Result<()> {
        let high = of.iter().map(|who| self.height(*who)).max();
        let high = high.unwrap_or_default() + by;
        let what = format!("block {high}");
        self.within(&what, |net| of.iter().all(|who| net.height(*who) >= high))
    }

    pub fn events(&self, who: usize) -> Result<Events> {
        Events::read(&self.folder(who))
    }

    pub fn within(&self, what: &str, mut done: impl FnMut(&Self) -> bool) -> Result<()> {
        let start = Instant::now();
        while !done(self) {
            if start.elapsed() > PATIENCE {
                let all = self.all();
                let last = all.iter().map(|who| Events::last(&self.folder(*who)));
                let last: Vec<_> = last
                    .map(|last| (last.blocks.last().copied(), last.kept.last().copied()))
                    .collect();
                bail!("waited {PATIENCE:?} for {what}; {last:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}
