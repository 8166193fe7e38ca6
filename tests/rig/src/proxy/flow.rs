//! Bytes from one side to the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rustix::event::{PollFd, PollFlags, poll};

use super::{Connection, Shared};

/// As much is held for a side that does not read, before the other is not read.
const FULL: usize = 256 * 1024;

/// One direction.
#[derive(Default)]
struct Flow {
    held: Vec<u8>,
    /// What of `held` is sent.
    sent: usize,
    /// The side that speaks has said its last.
    ended: bool,
    /// The side that listens has been told so.
    told: bool,
}

impl Flow {
    fn waits(&self) -> bool {
        self.sent < self.held.len()
    }

    /// Reads what is there.
    fn take(&mut self, mut from: &TcpStream, allowed: impl Fn(usize) -> usize) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        let mut bytes = [0; 64 * 1024];
        match from.read(&mut bytes) {
            Ok(0) => self.ended = true,
            Ok(count) => self.held.extend_from_slice(&bytes[..allowed(count)]),
            Err(error) if later(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes what can be written.
    fn give(&mut self, mut to: &TcpStream) -> io::Result<()> {
        while self.waits() {
            match to.write(&self.held[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.held.clear();
        self.sent = 0;
        if self.ended && !self.told {
            self.told = true;
            to.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

fn later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Carries both directions until both have ended. An error is to be passed on
/// as a reset: one of the sides has, or was told to.
pub(super) fn carry(
    client: &TcpStream,
    server: &TcpStream,
    connection: &Connection,
    shared: &Shared,
) -> io::Result<()> {
    for side in [client, server] {
        side.set_nodelay(true)?;
        side.set_nonblocking(true)?;
    }
    let (mut up, mut down) = (Flow::default(), Flow::default());
    loop {
        let flag = shared.swallows.read();
        let flag = flag.unwrap_or_else(PoisonError::into_inner);
        let swallows = *flag;
        if !swallows {
            up.give(server)?;
            down.give(client)?;
        }
        drop(flag);
        if up.told && down.told {
            return Ok(());
        }
        let interest = |out: &Flow, back: &Flow| {
            let reads = !out.ended && (swallows || out.held.len() < FULL);
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, reads);
            flags.set(PollFlags::OUT, !swallows && back.waits());
            flags
        };
        let mut waited = vec![PollFd::new(&connection.wake, PollFlags::IN)];
        for (side, flags) in [
            (client, interest(&up, &down)),
            (server, interest(&down, &up)),
        ] {
            // Asked for nothing, a side that has hung up would answer for ever.
            if !flags.is_empty() {
                waited.push(PollFd::new(side, flags));
            }
        }
        match poll(&mut waited, None) {
            Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
            _ => {}
        }
        // What woke it is looked at now and at the top.
        let _ = rustix::io::read(&connection.wake, &mut [0; 8]);
        if connection.reset.load(Ordering::Acquire) {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if interest(&up, &down).contains(PollFlags::IN) {
            up.take(client, |bytes| shared.allowed(bytes))?;
        }
        if interest(&down, &up).contains(PollFlags::IN) {
            down.take(server, |bytes| bytes)?;
        }
    }
}
