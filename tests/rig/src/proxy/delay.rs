//! A TCP proxy as far away as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::reset;
use crate::error::{RigError, Tried};
use crate::ports::Port;

/// As much of one direction is on its way at most: 80 MB a second at 100 ms.
const FULL: usize = 8 * 1024 * 1024;

/// Stands before a server on 127.0.0.1 and passes on what it gets, each byte so much
/// later, in order, as fast as it comes: a link with a delay and no bound of its own.
/// It ends with this value, and its connections do.
pub struct Delay {
    port: Port,
    listener: Arc<TcpListener>,
    shared: Arc<Shared>,
    accepts: Option<JoinHandle<()>>,
}

struct Shared {
    target: u16,
    /// Of each direction.
    delay: Duration,
    ends: AtomicBool,
    live: Mutex<BTreeMap<u64, [TcpStream; 2]>>,
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, BTreeMap<u64, [TcpStream; 2]>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delay {
    /// Starts a proxy to a port of 127.0.0.1, where nobody need listen yet. There and
    /// back takes `round_trip` longer: each direction half of it. Connecting does not.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start(target: u16, round_trip: Duration) -> Result<Self, RigError> {
        let port = Port::claim()?;
        let number = port.number();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number))
            .tried(|| format!("listen on port {number}"))?;
        let listener = Arc::new(listener);
        let shared = Arc::new(Shared {
            target,
            delay: round_trip / 2,
            ends: AtomicBool::new(false),
            live: Mutex::default(),
        });
        let accepts = std::thread::spawn({
            let (listener, shared) = (Arc::clone(&listener), Arc::clone(&shared));
            move || accept(&listener, &shared)
        });
        Ok(Self {
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
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        // As with `Proxy`: `accept` fails then, or one connection more wakes it.
        let _ = rustix::net::shutdown(&*self.listener, rustix::net::Shutdown::Read);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()));
        if let Some(accepts) = self.accepts.take() {
            let _ = accepts.join();
        }
        for side in self.shared.live().values().flatten() {
            let _ = side.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for number in 0.. {
        let accepted = listener.accept();
        if shared.ends.load(Ordering::Acquire) {
            return;
        }
        let Ok((client, _)) = accepted else {
            // Too many open files, perhaps: not for long.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.target)) else {
            reset(client);
            continue;
        };
        let (Ok(one), Ok(other)) = (client.try_clone(), server.try_clone()) else {
            reset(client);
            continue;
        };
        shared.live().insert(number, [one, other]);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let ended = carry(&client, &server, shared.delay);
            shared.live().remove(&number);
            if ended.is_err() {
                reset(client);
                reset(server);
            }
        });
    }
}

/// One direction.
#[derive(Default)]
struct Flow {
    /// What is on its way, and when it arrives.
    held: VecDeque<(Instant, Vec<u8>)>,
    /// Bytes of it.
    bytes: usize,
    /// What of the first is sent.
    sent: usize,
    /// The side that speaks has said its last: an empty piece tells the other.
    ended: bool,
    /// The side that listens has been told so.
    told: bool,
}

impl Flow {
    fn take(&mut self, mut from: &TcpStream, delay: Duration) -> io::Result<()> {
        let mut bytes = [0; 64 * 1024];
        match from.read(&mut bytes) {
            Ok(count) => {
                self.ended = count == 0;
                self.bytes += count;
                let due = Instant::now() + delay;
                self.held.push_back((due, bytes[..count].to_vec()));
                Ok(())
            }
            Err(error) => later(error),
        }
    }

    /// Writes what has arrived and can be written.
    fn give(&mut self, mut to: &TcpStream) -> io::Result<()> {
        while let Some((due, bytes)) = self.held.front() {
            if *due > Instant::now() {
                break;
            }
            if bytes.is_empty() {
                self.told = true;
                to.shutdown(Shutdown::Write)?;
            } else {
                match to.write(&bytes[self.sent..]) {
                    Ok(count) => self.sent += count,
                    Err(error) => return later(error),
                }
                if self.sent < bytes.len() {
                    continue;
                }
            }
            self.bytes -= self.sent;
            self.sent = 0;
            self.held.pop_front();
        }
        Ok(())
    }

    fn reads(&self) -> bool {
        !self.ended && self.bytes < FULL
    }

    /// When it next has something to write; `None`: not before more is read.
    fn due(&self) -> Option<Instant> {
        self.held.front().map(|(due, _)| *due)
    }
}

fn later(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

/// Carries both directions until both have ended.
fn carry(client: &TcpStream, server: &TcpStream, delay: Duration) -> io::Result<()> {
    for side in [client, server] {
        side.set_nodelay(true)?;
        side.set_nonblocking(true)?;
    }
    let (mut up, mut down) = (Flow::default(), Flow::default());
    loop {
        up.give(server)?;
        down.give(client)?;
        if up.told && down.told {
            return Ok(());
        }
        let now = Instant::now();
        let interest = |out: &Flow, back: &Flow| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, out.reads());
            // What is due and still here could not be written.
            flags.set(PollFlags::OUT, back.due().is_some_and(|due| due <= now));
            flags
        };
        let sides = [
            (client, interest(&up, &down)),
            (server, interest(&down, &up)),
        ];
        // Asked for nothing, a side that has hung up would answer for ever.
        let asked = sides.iter().filter(|(_, flags)| !flags.is_empty());
        let mut waited: Vec<_> = asked
            .map(|(side, flags)| PollFd::new(*side, *flags))
            .collect();
        let due = [up.due(), down.due()].into_iter().flatten();
        let timeout = due.filter(|due| *due > now).min().map(|due| due - now);
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut waited, timeout.as_ref()) {
            Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
            _ => {}
        }
        if up.reads() {
            up.take(client, delay)?;
        }
        if down.reads() {
            down.take(server, delay)?;
        }
    }
}
