//! Servers that are killed, and doors before them that fail.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tally_rig::{Postgres, PostgresOptions, Proxy, Rabbit, RigError};

/// Megabytes of the disk of the data, of that of the write-ahead log.
const DISKS: (u32, u32) = (4000, 1200);

/// Four rounds at once, each of up to ten processes with two pools of twelve: on a slow
/// machine they are all in use.
const CONNECTIONS: &str = "1000";

/// One pair of servers for all rounds, each round with databases and a virtual
/// host of its own there.
pub struct Servers {
    pub postgres: Postgres,
    pub rabbit: Rabbit,
    /// Whether the disks are small ones that can be filled: only root has them.
    pub disks: bool,
    /// A node as `tally migrate` makes it, of which each round has a copy.
    model: Mutex<Option<Model>>,
}

/// A node that nothing was done with yet.
struct Model {
    database: String,
    keys: String,
    folder: tempfile::TempDir,
}

/// A round's own copy.
pub struct Copied {
    pub database: String,
    pub keys: String,
}

impl Servers {
    pub fn start() -> Result<Self> {
        let options = || {
            PostgresOptions::default()
                .set("max_wal_size", "400MB")
                .set("max_connections", CONNECTIONS)
        };
        let small = options().data_on_disk(DISKS.0).wal_on_disk(DISKS.1);
        let (postgres, disks) = match Postgres::start_in(small) {
            Err(RigError::NeedsRoot { .. }) => {
                eprintln!("SKIPPED: only root mounts small disks: no disk will be full");
                (Postgres::start_in(options())?, false)
            }
            started => (started?, true),
        };
        let rabbit = Rabbit::start()?;
        Ok(Self {
            postgres,
            rabbit,
            disks,
            model: Mutex::default(),
        })
    }

    /// Makes databases and a folder of a node. The first is made by `migrate`,
    /// which is told databases and a folder.
    pub fn node(
        &self,
        folder: &Path,
        migrate: impl FnOnce(&str, &str, &Path) -> Result<()>,
    ) -> Result<Copied> {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match model.take() {
            Some(made) => made,
            None => {
                let name = |url: String| url.rsplit('/').next().unwrap_or_default().to_owned();
                let made = Model {
                    database: name(self.postgres.fresh_database()?),
                    keys: name(self.postgres.fresh_database()?),
                    folder: tempfile::tempdir()?,
                };
                migrate(&made.database, &made.keys, &made.folder.path().join("node"))?;
                made
            }
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let copied = Copied {
            database: format!("{}_{count}", made.database),
            keys: format!("{}_{count}", made.keys),
        };
        for (new, old) in [
            (&copied.database, &made.database),
            (&copied.keys, &made.keys),
        ] {
            let copy = format!("create database {new} template {old}");
            self.postgres.ask("postgres", &copy)?;
        }
        copy(&made.folder.path().join("node"), &folder.join("node"))?;
        *model = Some(made);
        Ok(copied)
    }

    pub fn kill_postgres(&mut self, pause: Duration) -> Result<()> {
        tokio::task::block_in_place(|| {
            self.postgres.kill();
            std::thread::sleep(pause);
            self.postgres.again().context("PostgreSQL after its kill")
        })
    }

    pub fn kill_rabbit(&mut self, pause: Duration) -> Result<()> {
        tokio::task::block_in_place(|| {
            self.rabbit.kill();
            std::thread::sleep(pause);
            self.rabbit.again().context("RabbitMQ after its kill")
        })
    }

    /// Leaves the data no room beyond what it has.
    pub fn fill_data(&self) -> Result<()> {
        let data = used(self.postgres.data())?;
        Ok(self.postgres.grow_disk(data)?)
    }

    pub fn heal_data(&mut self) -> Result<()> {
        self.postgres.grow_disk(DISKS.0)?;
        tokio::task::block_in_place(|| self.postgres.again())
            .context("PostgreSQL after a full disk")
    }

    /// Leaves the write-ahead log no room beyond what it has, and writes until
    /// the server has noticed.
    pub fn fill_wal(&mut self) -> Result<()> {
        let wal = used(&self.postgres.data().join("pg_wal"))?;
        self.postgres.grow_wal(wal)?;
        tokio::task::block_in_place(|| {
            for _ in 0..200 {
                let word = "select pg_logical_emit_message(true, 'full', repeat('x', 100000)), \
                            pg_switch_wal()";
                if self.postgres.ask("postgres", word).is_err() {
                    return;
                }
            }
        });
        Ok(())
    }

    pub fn heal_wal(&mut self) -> Result<()> {
        self.postgres.grow_wal(DISKS.1)?;
        tokio::task::block_in_place(|| {
            // It may be restarting by itself, or have given up.
            self.postgres.stop();
            self.postgres.again().context("PostgreSQL after a full log")
        })
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Megabytes that are used of the disk that a folder is on, rounded up.
fn used(folder: &Path) -> Result<u32> {
    let disk = rustix::fs::statvfs(folder)?;
    let bytes = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
    Ok(u32::try_from(bytes.div_ceil(1 << 20))?.max(1))
}

/// What the processes of a round reach the servers by.
pub struct Doors {
    pub store: Proxy,
    pub keys: Proxy,
    pub broker: Proxy,
}

impl Doors {
    pub fn before(servers: &Servers) -> Result<Self> {
        Ok(Self {
            store: Proxy::start(servers.postgres.port())?,
            keys: Proxy::start(servers.postgres.port())?,
            broker: Proxy::start(servers.rabbit.port())?,
        })
    }
}
