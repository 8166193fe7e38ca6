use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::Signer as _;
use commonware_cryptography::ed25519::PrivateKey;
use commonware_runtime::{Runner as _, tokio as runtime};
use tokio::sync::{mpsc, watch};

use crate::engine::{self, Setup};
use crate::epochs::Epochs;
use crate::erased::{Blocks, Erased};
use crate::fence::{Fence, STORE};
use crate::machine::{Authority, Machine, Standing};
use crate::side::{self, Inbox, Said};
use crate::{Config, Error, files};

/// How many messages wait to be said on the side channel.
const MESSAGES: usize = 1024;

/// Takes part in the agreement. See the [crate]. Dropping it stops it and waits
/// for its thread, as [`stop`](Self::stop) does; stop it before what comes out of
/// it is dropped, which it takes for an error.
pub struct Notary {
    thread: Option<JoinHandle<Result<(), Error>>>,
    stop: watch::Sender<bool>,
    voice: Voice,
}

/// A notary that runs, and what comes out of it.
pub struct Running<S> {
    /// To stop it, and to speak through.
    pub notary: Notary,
    /// Final blocks, in order of height.
    pub finalised: Blocks<S>,
    /// What other authorities said on the side channel.
    pub heard: Inbox,
}

/// Where the chain stands, about once a second and at each event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The epoch.
    pub epoch: u64,
    /// The height of the last block given out.
    pub delivered: u64,
    /// The height of the last block known to be final.
    pub tip: u64,
    /// The authorities of the epoch.
    pub authorities: Vec<Authority>,
    /// Whether this node is one of them.
    pub votes: bool,
    /// How often an authority was seen to contradict itself since the start.
    pub contradictions: u64,
    /// For how long no other authority was heard: each says something once a second to
    /// those whose keys are of the epoch that it is in, or of the one before.
    pub silent: Duration,
}

/// Speaks to the notary and through it; cheap to clone.
#[derive(Clone)]
pub struct Voice {
    said: mpsc::Sender<Said>,
    nudge: watch::Sender<()>,
    status: watch::Receiver<Status>,
    most: usize,
}

impl Voice {
    /// Says something to every authority that is connected. `false`: it is too
    /// long or too much waits; and what is sent may still be lost.
    pub fn broadcast(&self, message: Vec<u8>) -> bool {
        self.say(Said { message, to: None })
    }

    /// The same to one authority alone, by its public key.
    pub fn tell(&self, key: [u8; 32], message: Vec<u8>) -> bool {
        let to = Some(key);
        self.say(Said { message, to })
    }

    fn say(&self, said: Said) -> bool {
        said.message.len() <= self.most && self.said.try_send(said).is_ok()
    }

    /// There may be something to propose now, or what was missing is there.
    pub fn nudge(&self) {
        self.nudge.send_replace(());
    }

    /// Where the chain stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }
}

/// The public key of a seed, as ed25519 has it.
#[must_use]
pub fn public_key(seed: &[u8; 32]) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(&signer(seed).public_key());
    key
}

fn signer(seed: &[u8; 32]) -> PrivateKey {
    PrivateKey::decode(Copying(seed)).expect("every 32 bytes are a seed")
}

impl Notary {
    /// Starts on a thread of its own. `stored` is the last block that the store
    /// has; the one after it is the first that is delivered.
    ///
    /// # Errors
    /// What can be known at once: settings, files, locks, the fence, the port.
    /// What happens later ends the thread: [`stop`](Self::stop) returns it.
    pub fn start<M: Machine>(
        config: Config,
        machine: M,
        stored: Option<Standing<M::State>>,
    ) -> Result<Running<M::State>, Error> {
        config.check()?;
        let signer = signer(&config.seed);
        let fence = Fence::pass(&config.fence, &config.journal, public_key(&config.seed))?;
        let epochs = Epochs::open(&config, signer.clone())?;
        let listen = |source| Error::Listen {
            address: config.listen,
            source,
        };
        drop(TcpListener::bind(config.listen).map_err(listen)?);

        let (finalised, finalised_out) = mpsc::channel(config.window);
        let (said, said_in) = mpsc::channel(MESSAGES);
        let (heard, heard_out) = side::inbox();
        let (nudge, nudged) = watch::channel(());
        let (status, statuses) = watch::channel(Status::default());
        let (stop, stopped) = watch::channel(false);
        let voice = Voice {
            said,
            nudge,
            status: statuses,
            most: config.most_message,
        };
        let settings = runtime::Config::new()
            .with_storage_directory(config.journal.join(STORE))
            .with_worker_threads(config.threads)
            .with_tcp_nodelay(Some(true));
        let setup = Setup {
            config,
            signer,
            epochs,
            fence,
            machine: Arc::new(Erased::new(machine)),
            stored: stored.map(Erased::standing),
            finalised,
            said: said_in,
            heard,
            nudged,
            status,
            stop: stopped,
        };
        let path = setup.config.journal.clone();
        let thread = std::thread::Builder::new()
            .name("notary".to_owned())
            .spawn(move || run(settings, setup))
            .map_err(files::wrong(&path))?;
        Ok(Running {
            notary: Self {
                thread: Some(thread),
                stop,
                voice,
            },
            finalised: Blocks::new(finalised_out),
            heard: heard_out,
        })
    }

    /// To speak through.
    #[must_use]
    pub fn voice(&self) -> Voice {
        self.voice.clone()
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Stops it and waits until its thread has ended and its locks are free.
    ///
    /// # Errors
    /// Why it had stopped before.
    pub fn stop(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => Err(Error::Panicked(reason(&*panic))),
            None => Ok(()),
        }
    }
}

impl Drop for Notary {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the notary had stopped");
        }
    }
}

// Not generic: see `erased`.
fn run(settings: runtime::Config, setup: Setup<Erased>) -> Result<(), Error> {
    let runner = runtime::Runner::new(settings);
    let run = || runner.start(|context| engine::run(context, setup));
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(run));
    let outcome = outcome.unwrap_or_else(|panic| Err(Error::Panicked(reason(&*panic))));
    if let Err(error) = &outcome {
        tracing::error!(%error, "the notary stops");
    }
    outcome
}

fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_owned())
}
