//! A PostgreSQL server of one's own.

mod address;
mod options;

use std::fs::File;
use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

pub use address::PostgresAddress;
pub use options::PostgresOptions;

use crate::error::{RigError, Tried};
use crate::folder::{Folder, resize};
use crate::ports::Port;
use crate::process::Server;
use crate::run::{self, User};

/// The time a server has to be ready, recovery included.
const READY: Duration = Duration::from_secs(60);
/// The time it has to end when it is asked to.
const ENDED: Duration = Duration::from_secs(10);

/// A PostgreSQL server of one's own, which ends with this value. Its settings
/// are real where they matter: `fsync` and `full_page_writes` are on.
///
/// What can be asked of any server, such as [`PostgresAddress::url`] and
/// [`PostgresAddress::fresh_database`], is reached through this.
pub struct Postgres {
    address: PostgresAddress,
    user: Option<User>,
    programs: PathBuf,
    data: PathBuf,
    wal: Option<PathBuf>,
    log: PathBuf,
    server: Server,
    /// Shared memory of a server that was killed, which its next start or we
    /// must give back.
    left: Option<SharedMemory>,
    port: Port,
    preload: Option<PathBuf>,
    // Last: it is removed when the server has ended.
    _folder: Folder,
}

impl Deref for Postgres {
    type Target = PostgresAddress;

    fn deref(&self) -> &PostgresAddress {
        &self.address
    }
}

impl Postgres {
    /// Starts a server on the temporary folder's disk.
    ///
    /// # Errors
    ///
    /// PostgreSQL is not installed, or does not start.
    pub fn start() -> Result<Postgres, RigError> {
        Postgres::start_in(PostgresOptions::default())
    }

    /// Starts a server as told.
    ///
    /// # Errors
    ///
    /// As [`Postgres::start`]; a small disk needs root.
    pub fn start_in(options: PostgresOptions) -> Result<Postgres, RigError> {
        let programs = programs()?;
        let user = User::of_server("postgres", missing)?;
        let folder = Folder::new("postgres-")?;
        let sockets = folder.inner("sockets", user.as_ref())?;
        let disk = |name: &str, megabytes: Option<u32>| match megabytes {
            Some(megabytes) => folder.disk(name, user.as_ref(), megabytes),
            None => folder.inner(name, user.as_ref()),
        };
        let data = disk("data", options.data_megabytes)?;
        let wal = match options.wal_megabytes {
            Some(_) => Some(disk("wal", options.wal_megabytes)?),
            None => None,
        };

        let mut initdb = run::command(user.as_ref(), programs.join("initdb"));
        // Machines do not lose power in tests: the first files need no sync.
        initdb.args(["--no-sync", "-A", "trust", "-U", "postgres"]);
        initdb.args(["--no-locale", "-E", "UTF8", "-D"]).arg(&data);
        if let Some(wal) = &wal {
            initdb.arg("--waldir").arg(wal);
        }
        run::output("initdb", initdb)?;

        let port = Port::claim()?;
        let settings = data.join("postgresql.conf");
        // After what `initdb` found out about the machine: the last holds.
        let text = options.settings(port.number(), &sockets);
        let file = File::options().append(true).open(&settings);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .tried(|| format!("write {}", settings.display()))?;
        let log = folder.path().join("server.log");
        let mut postgres = Postgres {
            address: PostgresAddress::local(port.number()),
            user,
            programs,
            data,
            wal,
            log,
            server: Server::default(),
            left: None,
            port,
            preload: options.preload,
            _folder: folder,
        };
        postgres.again()?;
        Ok(postgres)
    }

    /// The TCP port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process id of its first process, until it is seen to have ended.
    pub fn pid(&self) -> Option<u32> {
        self.server.id()
    }

    /// The folder of the data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The file that the server writes its log to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Kills the server as `kill -9` does, and waits until its processes have
    /// noticed and ended: what they wrote before is written, and no more comes.
    /// A server that has ended already is left so.
    pub fn kill(&mut self) {
        if let Some(id) = self.pid() {
            self.left = SharedMemory::of(id, &self.data);
        }
        self.server.kill();
    }

    /// Starts the server again on the same data and port, and waits until it
    /// has recovered. One that runs, perhaps recovering from a panic by itself,
    /// is waited for.
    ///
    /// # Errors
    ///
    /// It does not start or does not recover: its disk may still be full.
    pub fn again(&mut self) -> Result<(), RigError> {
        let start = Instant::now();
        loop {
            if self.runs() {
                match self.ask("postgres", "select 1") {
                    Err(_) if start.elapsed() < READY => {
                        std::thread::sleep(Duration::from_millis(20));
                        continue;
                    }
                    answer => return answer.map(|_| ()),
                }
            }
            let logged = std::fs::metadata(&self.log).map_or(0, |log| log.len());
            self.launch()?;
            let ready = self.await_ready(start, logged);
            let Err(RigError::Failed { said, .. }) = &ready else {
                return ready;
            };
            // A process of the killed server has not ended yet.
            let orphans = said.contains("is still in use") || said.contains("postmaster.pid\"");
            if !orphans || start.elapsed() > READY {
                return ready;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether the server's first process runs. One that could not recover from
    /// a full disk has ended by itself.
    pub fn runs(&mut self) -> bool {
        self.server.runs()
    }

    /// Ends the server at once, without a checkpoint, but with its memory given
    /// back. [`Postgres::again`] may follow.
    pub fn stop(&mut self) {
        // Its immediate shutdown.
        self.server.stop(Signal::QUIT, ENDED);
    }

    /// Changes the size of the data's small disk.
    ///
    /// # Errors
    ///
    /// The data has no disk of its own, or holds more already.
    pub fn grow_disk(&self, megabytes: u32) -> Result<(), RigError> {
        resize(&self.data, megabytes)
    }

    /// Changes the size of the write-ahead log's small disk.
    ///
    /// # Errors
    ///
    /// The log has no disk of its own, or holds more already.
    pub fn grow_wal(&self, megabytes: u32) -> Result<(), RigError> {
        resize(self.wal.as_ref().unwrap_or(&self.data), megabytes)
    }

    fn launch(&mut self) -> Result<(), RigError> {
        let log = || File::options().create(true).append(true).open(&self.log);
        let log = log().and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.tried(|| format!("open {}", self.log.display()))?;
        // Asked to quit it gives its shared memory back; killed it cannot.
        let mut command = run::server(self.user.as_ref(), "QUIT", self.programs.join("postgres"));
        command.arg("-D").arg(&self.data).stdout(out).stderr(err);
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library);
        }
        self.server = Server::launch("PostgreSQL", command)?;
        Ok(())
    }

    fn await_ready(&mut self, start: Instant, logged: u64) -> Result<(), RigError> {
        let file = self.data.join("postmaster.pid");
        loop {
            let Some(server) = self.pid() else {
                return Ok(());
            };
            // The eighth line is its state, the first says whose.
            let said = std::fs::read_to_string(&file).unwrap_or_default();
            let mut lines = said.lines();
            let own = lines.next() == Some(server.to_string().as_str());
            if own && lines.nth(6).is_some_and(|state| state.trim() == "ready") {
                self.left = None;
                return Ok(());
            }
            if !self.runs() {
                return Err(RigError::Failed {
                    what: "starting PostgreSQL".into(),
                    said: run::tail(&self.log, logged),
                });
            }
            if start.elapsed() > READY {
                self.kill();
                return Err(RigError::Late {
                    what: "starting PostgreSQL".into(),
                    limit: READY,
                    said: run::tail(&self.log, logged),
                });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        if let Some(left) = self.left.take() {
            left.give_back();
        }
    }
}

/// Shared memory outside the data folder, which a killed server leaves to its
/// next start.
struct SharedMemory {
    /// The System V segment that says the folder is in use.
    segment: Option<String>,
    files: Vec<String>,
}

impl SharedMemory {
    fn of(server: u32, data: &Path) -> Option<SharedMemory> {
        let maps = std::fs::read_to_string(format!("/proc/{server}/maps")).ok()?;
        let files = maps
            .lines()
            .filter_map(|line| Some(&line[line.find("/dev/shm/PostgreSQL.")?..]))
            .map(str::to_owned)
            .collect();
        let said = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let segment = said.lines().nth(6);
        let segment = segment.and_then(|keys| keys.split_whitespace().nth(1));
        Some(SharedMemory {
            segment: segment.map(str::to_owned),
            files,
        })
    }

    fn give_back(self) {
        if let Some(segment) = self.segment {
            let mut command = run::command(None, "ipcrm");
            command.args(["--shmem-id", &segment]);
            // The segment may have gone; nobody waits for it.
            let _ = command.output();
        }
        for file in self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

fn missing() -> RigError {
    RigError::Missing {
        program: "postgres",
        package: "postgresql",
    }
}

/// The folder of the newest server's programs, which Debian keeps off the path.
fn programs() -> Result<PathBuf, RigError> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let newest = versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
            let programs = path.join("bin");
            programs
                .join("postgres")
                .is_file()
                .then_some((version, programs))
        })
        .max();
    if let Some((_, programs)) = newest {
        return Ok(programs);
    }
    let found = run::find("postgres", &[], "postgresql")?;
    let parent = found
        .parent()
        .filter(|folder| folder.join("initdb").is_file());
    parent.map(Path::to_owned).ok_or_else(missing)
}
