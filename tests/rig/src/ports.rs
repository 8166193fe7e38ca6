//! Ports that nobody else takes.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::error::{RigError, Tried};

/// A TCP port on 127.0.0.1 that is ours while this lives, also while nobody
/// listens on it.
///
/// It lies below the range from which the kernel takes ports for outgoing
/// connections: there, a client that keeps trying a dead server's port sooner
/// or later connects to itself, and the server cannot have its port again. The
/// claim is a socket in the abstract namespace, which has the reach of the
/// ports themselves and goes with the process.
pub(crate) struct Port {
    number: u16,
    _claim: UnixListener,
}

impl Port {
    pub(crate) fn claim() -> Result<Port, RigError> {
        let (low, high) = range();
        for turn in 0_u64..10_000 {
            let random = RandomState::new().hash_one(turn);
            let number = low + (random % u64::from(high - low)) as u16;
            if let Some(port) = Port::claim_one(number) {
                return Ok(port);
            }
        }
        Err(io::Error::from(io::ErrorKind::AddrInUse))
            .tried(|| format!("find a free port between {low} and {high}"))
    }

    fn claim_one(number: u16) -> Option<Port> {
        let name = SocketAddr::from_abstract_name(format!("tally-rig-port-{number}")).ok()?;
        let claim = UnixListener::bind_addr(&name).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Port {
            number,
            _claim: claim,
        })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

/// From where to where ports are ours to choose.
fn range() -> (u16, u16) {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let outgoing: Option<u16> = said
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok());
    match outgoing {
        Some(first) if first >= 16_000 => (11_000, first.min(32_768)),
        // A machine set up otherwise: above what is usual.
        _ => (61_000, 65_535),
    }
}
