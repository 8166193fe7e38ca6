//! A RabbitMQ node of one's own.

mod address;
mod certificates;
mod options;

use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

pub use address::RabbitAddress;
pub use options::RabbitOptions;

use crate::error::{RigError, Tried};
use crate::folder::Folder;
use crate::ports::Port;
use crate::process::Server;
use crate::run::{self, User};
use certificates::Certificates;

/// The time a node has to be ready, recovery included.
const READY: Duration = Duration::from_secs(120);
/// The time it has to end when it is asked to.
const ENDED: Duration = Duration::from_secs(30);
/// Where Debian has what its wrapper on the path runs as another user.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// A RabbitMQ node of one's own, which ends with this value. Its management
/// plugin is on, its account is `guest`.
///
/// What can be asked of any node, such as [`RabbitAddress::url`] and
/// [`RabbitAddress::fresh_vhost`], is reached through this.
pub struct Rabbit {
    address: RabbitAddress,
    user: Option<User>,
    program: PathBuf,
    server: Server,
    /// The registry of Erlang's nodes, for this node alone.
    registry: Server,
    ports: Ports,
    certificates: Option<Certificates>,
    log: PathBuf,
    preload: Option<PathBuf>,
    // Last: it is removed when the processes have ended.
    folder: Folder,
}

struct Ports {
    amqp: Port,
    tls: Port,
    management: Port,
    /// Between nodes, and for `rabbitmqctl`.
    distribution: Port,
    registry: Port,
}

impl Deref for Rabbit {
    type Target = RabbitAddress;

    fn deref(&self) -> &RabbitAddress {
        &self.address
    }
}

impl Rabbit {
    /// Starts a node.
    ///
    /// # Errors
    ///
    /// RabbitMQ is not installed, or does not start.
    pub fn start() -> Result<Rabbit, RigError> {
        Rabbit::start_in(RabbitOptions::default())
    }

    /// Starts a node as told.
    ///
    /// # Errors
    ///
    /// As [`Rabbit::start`]; TLS needs the `openssl` program.
    pub fn start_in(options: RabbitOptions) -> Result<Rabbit, RigError> {
        let program = run::find("rabbitmq-server", &[Path::new(PROGRAMS)], "rabbitmq-server")?;
        let user = User::of_server("rabbitmq", || RigError::Missing {
            program: "rabbitmq-server",
            package: "rabbitmq-server",
        })?;
        let folder = Folder::new("rabbit-")?;
        let ports = Ports {
            amqp: Port::claim()?,
            tls: Port::claim()?,
            management: Port::claim()?,
            distribution: Port::claim()?,
            registry: Port::claim()?,
        };
        for name in ["home", "data", "log"] {
            folder.inner(name, user.as_ref())?;
        }
        let certificates = match options.tls {
            true => Some(Certificates::make(folder.path(), user.as_ref())?),
            false => None,
        };
        let mut rabbit = Rabbit {
            address: RabbitAddress::local(ports.amqp.number(), ports.management.number()),
            user,
            program,
            server: Server::default(),
            registry: Server::default(),
            ports,
            certificates,
            log: folder.path().join("server.log"),
            preload: options.preload.clone(),
            folder,
        };
        rabbit.write(
            "rabbitmq.conf",
            &options.settings(&rabbit.settings()),
            0o644,
        )?;
        rabbit.write("enabled_plugins", "[rabbitmq_management].\n", 0o644)?;
        let secret = std::fs::read_to_string("/proc/sys/kernel/random/uuid")
            .tried(|| "read a random number".into())?;
        rabbit.write("home/.erlang.cookie", &secret, 0o400)?;
        rabbit.again()?;
        Ok(rabbit)
    }

    /// The TCP port of AMQP, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.amqp.number()
    }

    /// The URL of the virtual host `/` over TLS; `None` if that was not asked
    /// for. The certificate is for `localhost` and 127.0.0.1.
    pub fn tls_url(&self) -> Option<String> {
        let port = self.ports.tls.number();
        let url = format!("amqps://guest:guest@localhost:{port}/%2f");
        self.certificates.as_ref().map(|_| url)
    }

    /// The authority that a client of [`Rabbit::tls_url`] must trust, in PEM.
    pub fn ca_path(&self) -> Option<&Path> {
        let certificates = self.certificates.as_ref()?;
        Some(&certificates.authority)
    }

    /// The process id of the node, until it is seen to have ended.
    pub fn pid(&self) -> Option<u32> {
        self.server.id()
    }

    /// The file that the node writes its log to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether the node runs.
    pub fn runs(&mut self) -> bool {
        self.server.runs()
    }

    /// Whether the node has noted on disk that these quorum queues of a virtual
    /// host exist. RabbitMQ 3.10 does so some time after it has said that a queue
    /// is declared, half a second when it is idle; a queue that it is killed
    /// before has no leader ever after (`docs/queue.md`).
    #[must_use]
    pub fn has_noted(&self, vhost: &str, queues: &[String]) -> bool {
        let node = self.node();
        let data = self.folder.path().join("data");
        let names = data
            .join(&node)
            .join("quorum")
            .join(&node)
            .join("names.dets");
        let noted = std::fs::read(names).unwrap_or_default();
        queues.iter().all(|queue| {
            let name = format!("{vhost}_{queue}");
            noted
                .windows(name.len())
                .any(|window| window == name.as_bytes())
        })
    }

    /// What the node is called. A name at `localhost` needs no name server.
    fn node(&self) -> String {
        format!("rig{}@localhost", self.port())
    }

    /// Kills the node as `kill -9` does, and waits until it is gone. One that
    /// has ended already is left so.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Has the node shut down in good order: it closes its connections and says
    /// why. It takes a second or more.
    pub fn stop(&mut self) {
        self.server.stop(Signal::TERM, ENDED);
    }

    /// Starts the node again on the same data and ports, and waits until it
    /// takes connections. One that runs is left so.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn again(&mut self) -> Result<(), RigError> {
        let start = Instant::now();
        if self.server.runs() {
            return Ok(());
        }
        self.start_registry()?;
        let logged = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        let mut command = run::server(self.user.as_ref(), "KILL", &self.program);
        self.surround(&mut command);
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library);
        }
        self.write_to_log(&mut command)?;
        self.server = Server::launch("RabbitMQ", command)?;
        self.await_ready(start, logged)
    }

    /// A command of RabbitMQ's, such as `rabbitmqctl`, for this node. It takes
    /// seconds where [`RabbitAddress::manage`] takes milliseconds.
    ///
    /// # Errors
    ///
    /// The program is missing, or fails.
    pub fn command(&self, program: &'static str, arguments: &[&str]) -> Result<String, RigError> {
        let found = run::find(program, &[Path::new(PROGRAMS)], "rabbitmq-server")?;
        let mut command = run::command(self.user.as_ref(), found);
        self.surround(&mut command);
        command.args(arguments);
        run::output(program, command)
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let listener = |port: &Port| format!("127.0.0.1:{}", port.number());
        let mut settings = vec![
            ("listeners.tcp.1", listener(&self.ports.amqp)),
            ("management.tcp.ip", "127.0.0.1".to_owned()),
            (
                "management.tcp.port",
                self.ports.management.number().to_string(),
            ),
            // Statistics cost time, and tests do not look at them.
            (
                "management_agent.disable_metrics_collector",
                "true".to_owned(),
            ),
        ];
        if let Some(certificates) = &self.certificates {
            let path = |path: &Path| path.display().to_string();
            settings.extend([
                ("listeners.ssl.1", listener(&self.ports.tls)),
                ("ssl_options.cacertfile", path(&certificates.authority)),
                ("ssl_options.certfile", path(&certificates.certificate)),
                ("ssl_options.keyfile", path(&certificates.key)),
                ("ssl_options.verify", "verify_none".to_owned()),
                ("ssl_options.fail_if_no_peer_cert", "false".to_owned()),
            ]);
        }
        settings
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), RigError> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).tried(|| format!("write {}", path.display()))?;
        std::fs::set_permissions(&path, Permissions::from_mode(mode))
            .tried(|| format!("set who may read {}", path.display()))?;
        User::own(self.user.as_ref(), &path)
    }

    /// The environment of all that belongs to this node.
    fn surround(&self, command: &mut Command) {
        let path = |name: &str| self.folder.path().join(name);
        let port = |port: &Port| port.number().to_string();
        command
            .env("HOME", path("home"))
            .env("RABBITMQ_NODENAME", self.node())
            .env("RABBITMQ_DIST_PORT", port(&self.ports.distribution))
            .env("ERL_EPMD_PORT", port(&self.ports.registry))
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_MNESIA_BASE", path("data"))
            .env("RABBITMQ_LOG_BASE", path("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_PID_FILE", path("data/pid"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins"))
            .env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"))
            // There are none: those of the machine are not for us.
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config"))
            .env("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf"))
            // The script becomes the node instead of waiting for it.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                // Two schedulers that sleep when idle, and nothing open to others.
                "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false \
                 -kernel inet_dist_use_interface {127,0,0,1}",
            );
    }

    fn write_to_log(&self, command: &mut Command) -> Result<(), RigError> {
        let log = || File::options().create(true).append(true).open(&self.log);
        let log = log().and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.tried(|| format!("open {}", self.log.display()))?;
        command.stdout(out).stderr(err);
        Ok(())
    }

    /// The node would start one that outlives it.
    fn start_registry(&mut self) -> Result<(), RigError> {
        if self.registry.runs() {
            return Ok(());
        }
        let port = self.ports.registry.number();
        let epmd = run::find("epmd", &[], "erlang-base")?;
        let mut command = run::server(self.user.as_ref(), "KILL", epmd);
        command.args(["-port", &port.to_string(), "-address", "127.0.0.1"]);
        self.write_to_log(&mut command)?;
        self.registry = Server::launch("epmd", command)?;
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if !self.registry.runs() || start.elapsed() > READY {
                return Err(RigError::Failed {
                    what: "starting epmd".into(),
                    said: run::tail(&self.log, 0),
                });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn await_ready(&mut self, start: Instant, logged: u64) -> Result<(), RigError> {
        while !answers(self.port()) {
            if !self.server.runs() {
                return Err(RigError::Failed {
                    what: "starting RabbitMQ".into(),
                    said: run::tail(&self.log, logged),
                });
            }
            if start.elapsed() > READY {
                self.server.kill();
                return Err(RigError::Late {
                    what: "starting RabbitMQ".into(),
                    limit: READY,
                    said: run::tail(&self.log, logged),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Whether a node greets who greets it, as AMQP 0-9-1 has it.
fn answers(port: u16) -> bool {
    let greet = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        // A frame of a method; a refusal would begin with `A`.
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok(first == [1])
    };
    greet().unwrap_or(false)
}
