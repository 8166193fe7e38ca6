//! A TCP proxy that fails on command.

mod delay;
mod flow;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{RigError, Tried};
use crate::ports::Port;

pub use delay::Delay;

/// Stands before a server on 127.0.0.1 and passes on what it gets, until it is
/// told not to. It ends with this value, and resets its connections then.
pub struct Proxy {
    port: Port,
    listener: Arc<TcpListener>,
    shared: Arc<Shared>,
    accepts: Option<JoinHandle<()>>,
}

struct Shared {
    target: u16,
    ends: AtomicBool,
    refuses: AtomicBool,
    /// Locked while bytes are passed on, so that none is once this is set.
    swallows: RwLock<bool>,
    /// How many bytes of clients are still passed on; `None`: all.
    allowance: Mutex<Option<u64>>,
    live: Mutex<Live>,
    /// A connection has ended.
    ended: Condvar,
}

#[derive(Default)]
struct Live {
    next: u64,
    connections: BTreeMap<u64, Arc<Connection>>,
}

struct Connection {
    /// Wakes the connection's thread, to look what it is told.
    wake: OwnedFd,
    reset: AtomicBool,
}

impl Connection {
    fn wake(&self) {
        // Refused only when it has been woken beyond counting.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl Proxy {
    /// Starts a proxy to a port of 127.0.0.1, where nobody need listen yet.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start(target: u16) -> Result<Proxy, RigError> {
        let port = Port::claim()?;
        let number = port.number();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number))
            .tried(|| format!("listen on port {number}"))?;
        let listener = Arc::new(listener);
        let shared = Arc::new(Shared {
            target,
            ends: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            swallows: RwLock::new(false),
            allowance: Mutex::new(None),
            live: Mutex::default(),
            ended: Condvar::new(),
        });
        let accepts = std::thread::spawn({
            let (listener, shared) = (listener.clone(), shared.clone());
            move || accept(&listener, &shared)
        });
        Ok(Proxy {
            port,
            listener,
            shared,
            accepts: Some(accepts),
        })
    }

    /// The port to connect to, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// How many connections are live.
    pub fn connections(&self) -> usize {
        self.shared.live().connections.len()
    }

    /// Resets every live connection, on both sides, and returns when that is
    /// done. What it held back is lost. New connections are passed on as before.
    pub fn reset_all(&self) {
        let mut live = self.shared.live();
        let last = live.next;
        for connection in live.connections.values() {
            connection.reset.store(true, Ordering::Release);
            connection.wake();
        }
        while live.connections.keys().any(|number| *number < last) {
            let waited = self.shared.ended.wait(live);
            live = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether bytes, and ends of connections, are read and held back in both
    /// directions: the peer seems to have fallen silent. When that is over they
    /// are passed on, in order.
    pub fn swallow(&self, swallows: bool) {
        let flag = self.shared.swallows.write();
        *flag.unwrap_or_else(PoisonError::into_inner) = swallows;
        self.shared.wake_all();
    }

    /// Whether new connections are closed at once. Live ones are left alone.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::Release);
    }

    /// After so many more bytes of clients, counted over all connections, the
    /// rest is thrown away in silence; with `None` no longer. What servers say
    /// is always passed on.
    pub fn drop_bytes_after(&self, bytes: Option<u64>) {
        *self.shared.allowance() = bytes;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        // On Linux, `accept` then fails; if it does not, one connection more
        // wakes it.
        let _ = rustix::net::shutdown(&*self.listener, rustix::net::Shutdown::Read);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()));
        if let Some(accepts) = self.accepts.take() {
            let _ = accepts.join();
        }
        self.reset_all();
    }
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allowance(&self) -> MutexGuard<'_, Option<u64>> {
        self.allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_all(&self) {
        for connection in self.live().connections.values() {
            connection.wake();
        }
    }

    /// How many of some bytes of a client are passed on.
    fn allowed(&self, bytes: usize) -> usize {
        match &mut *self.allowance() {
            None => bytes,
            Some(left) => {
                let allowed = usize::try_from(*left).map_or(bytes, |left| left.min(bytes));
                *left -= allowed as u64;
                allowed
            }
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.ends.load(Ordering::Acquire) {
            return;
        }
        let Ok((client, _)) = accepted else {
            // Too many open files, perhaps: not for long.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        if shared.refuses.load(Ordering::Acquire) {
            reset(client);
            continue;
        }
        let Ok(wake) = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) else {
            reset(client);
            continue;
        };
        let connection = Arc::new(Connection {
            wake,
            reset: AtomicBool::new(false),
        });
        let mut live = shared.live();
        let number = live.next;
        live.next += 1;
        live.connections.insert(number, connection.clone());
        drop(live);
        let shared = shared.clone();
        std::thread::spawn(move || {
            pass(client, &connection, &shared);
            shared.live().connections.remove(&number);
            shared.ended.notify_all();
        });
    }
}

/// One connection, from its first byte to its end.
fn pass(client: TcpStream, connection: &Connection, shared: &Shared) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.target)) else {
        return reset(client);
    };
    if flow::carry(&client, &server, connection, shared).is_err() {
        reset(client);
        reset(server);
    }
}

/// Ends a connection so that its peer sees a reset, not an end.
fn reset(stream: TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    drop(stream);
}
