//! The servers, what they and this process take of the processors, and what
//! the disk takes to make bytes safe.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::{Add, Sub};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tally_rig::{Postgres, PostgresOptions, Rabbit, RabbitOptions};

/// Ticks of `/proc/PID/stat` a second: what Linux tells programs, whatever the
/// kernel counts in.
const TICKS: f64 = 100.0;

/// The two servers of a run.
pub struct Machine {
    pub postgres: Postgres,
    pub rabbit: Rabbit,
    /// How much longer than this machine's their disk takes.
    slower: Duration,
    /// Where the library is that makes it so.
    _library: Option<tempfile::TempDir>,
}

/// Seconds of processor time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    pub client: f64,
    pub postgres: f64,
    pub broker: f64,
}

impl Cpu {
    pub fn all(self) -> f64 {
        self.client + self.postgres + self.broker
    }
}

impl Sub for Cpu {
    type Output = Self;
    fn sub(self, before: Self) -> Self {
        Self {
            client: self.client - before.client,
            postgres: self.postgres - before.postgres,
            broker: self.broker - before.broker,
        }
    }
}

impl Add for Cpu {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            client: self.client + other.client,
            postgres: self.postgres + other.postgres,
            broker: self.broker + other.broker,
        }
    }
}

impl Machine {
    /// Starts both. PostgreSQL has memory for what is in use of a database and
    /// room for its log, so that no checkpoint falls into one run and not into
    /// another.
    ///
    /// With `disk` both are on a disk that takes so much longer to make things
    /// safe: `fdatasync` and `fsync` of theirs wait before they return.
    pub fn start(disk: Option<Duration>) -> Result<Self> {
        let folder = disk.map(slow_disk).transpose()?;
        let library = folder.as_ref().map(|folder| folder.path().join(LIBRARY));
        let mut options = PostgresOptions::default()
            .set("shared_buffers", "2GB")
            // As docs/operations.md advises: checkpoints are made by time, and pages
            // that go into the log whole are made small.
            .set("max_wal_size", "16GB")
            .set("wal_compression", "lz4")
            .set("checkpoint_timeout", "30min")
            .set("shared_preload_libraries", "pg_stat_statements")
            .set("pg_stat_statements.track_planning", "off");
        let mut broker = RabbitOptions::default();
        if let Some(library) = &library {
            options = options.preload(library);
            broker = broker.preload(library);
        }
        Ok(Self {
            postgres: Postgres::start_in(options)?,
            rabbit: Rabbit::start_in(broker)?,
            slower: disk.unwrap_or_default(),
            _library: folder,
        })
    }

    /// What was used of the processors so far. `/proc/PID/stat` of this process
    /// and of the trees of the servers' first processes, with those they have
    /// waited for.
    pub fn cpu(&self) -> Result<Cpu> {
        let stats = stats()?;
        let tree = |root: Option<u32>| -> Result<f64> {
            let root = root.context("a server has ended")?;
            Ok(tree(&stats, root))
        };
        let own = stats.get(&std::process::id()).map_or(0.0, |stat| stat.own);
        Ok(Cpu {
            client: own,
            postgres: tree(self.postgres.pid())?,
            broker: tree(self.rabbit.pid())?,
        })
    }

    /// The median of writing 8 KiB over what is there and making them safe, on
    /// the disk that PostgreSQL's data is on, and what its disk takes longer.
    pub fn fdatasync(&self, times: usize) -> Result<Duration> {
        let path = self
            .postgres
            .data()
            .parent()
            .context("the data is in a folder")?
            .join("sync");
        let mut file = fs::File::create(&path)?;
        file.write_all(&vec![1; 8192 * 256])?;
        file.sync_all()?;
        let mut taken = Vec::with_capacity(times);
        for n in 0..times {
            file.seek(SeekFrom::Start((n as u64 % 256) * 8192))?;
            let begun = Instant::now();
            file.write_all(&[n as u8; 8192])?;
            file.sync_data()?;
            taken.push(begun.elapsed());
        }
        fs::remove_file(&path)?;
        taken.sort_unstable();
        Ok(taken[taken.len() / 2] + self.slower)
    }
}

const LIBRARY: &str = "slow.so";

/// Makes a library whose `fdatasync` and `fsync` take so much longer, in a folder
/// that the servers' users can read.
fn slow_disk(by: Duration) -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()?;
    let source = folder.path().join("slow.c");
    let each = |name: &str| {
        format!(
            "int {name}(int file) {{\n\
                 static int (*real)(int);\n\
                 if (!real) real = dlsym(RTLD_NEXT, \"{name}\");\n\
                 int done = real(file);\n\
                 usleep({});\n\
                 return done;\n\
             }}\n",
            by.as_micros()
        )
    };
    let text = format!(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <unistd.h>\n{}{}",
        each("fdatasync"),
        each("fsync")
    );
    fs::write(&source, text)?;
    let made = std::process::Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(folder.path().join(LIBRARY))
        .arg(&source)
        .status()
        .context("a slow disk needs a C compiler, as Rust does")?;
    anyhow::ensure!(made.success(), "the library of a slow disk is not made");
    Ok(folder)
}

struct Stat {
    parent: u32,
    /// Its own seconds.
    own: f64,
    /// Those of children it has waited for.
    waited: f64,
}

fn stats() -> Result<BTreeMap<u32, Stat>> {
    let mut stats = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        // The name before it may hold spaces and brackets.
        let Some((_, rest)) = text.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok());
        let (Some(parent), Some(user), Some(system), Some(child_user), Some(child_system)) =
            (number(1), number(11), number(12), number(13), number(14))
        else {
            continue;
        };
        stats.insert(
            pid,
            Stat {
                parent: parent as u32,
                own: (user + system) / TICKS,
                waited: (child_user + child_system) / TICKS,
            },
        );
    }
    Ok(stats)
}

fn tree(stats: &BTreeMap<u32, Stat>, root: u32) -> f64 {
    let mut sum = 0.0;
    let mut todo = vec![root];
    while let Some(pid) = todo.pop() {
        if let Some(stat) = stats.get(&pid) {
            sum += stat.own + stat.waited;
        }
        todo.extend(
            stats
                .iter()
                .filter(|(_, stat)| stat.parent == pid)
                .map(|(pid, _)| *pid),
        );
    }
    sum
}
