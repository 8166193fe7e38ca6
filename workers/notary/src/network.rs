//! The authenticated network between authorities, and what travels on it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::{marshal, simplex};
use commonware_cryptography::ChaCha20Poly1305;
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_p2p::authenticated::lookup;
use commonware_p2p::utils::mux::{self, MuxHandle, Muxer, SubReceiver, SubSender};
use commonware_p2p::{
    Address, AddressableManager as _, AddressableTrackedPeers, Ingress, Receiver, Sender,
    max_message_size,
};
use commonware_runtime::{Quota, Supervisor as _};
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::{Hostname, NZU32, NZUsize};

use crate::block::{Block, Digest};
use crate::config::Config;
use crate::epochs::{Epochs, Term};
use crate::parts::Runtime;
use crate::{Authority, Error};

pub(crate) type Handshake = Cups<Sake<PrivateKey>, ChaCha20Poly1305>;
pub(crate) type Network = lookup::Network<Runtime, Handshake>;
pub(crate) type Oracle = lookup::Oracle<PublicKey>;

/// How many sets are kept connected: who has just left may still learn that.
const SETS: usize = 2;

/// Clocks of authorities may be this far apart when they connect.
const CLOCKS: Duration = Duration::from_secs(10);

pub(crate) fn open(context: &Runtime, config: &Config, signer: PrivateKey) -> (Network, Oracle) {
    let most = config.most_authorities as u32;
    let largest = max_message_size(&[
        mux::prefixed(simplex::max_payload_size::<Scheme, Digest>(most)),
        marshal::max_payload_size::<Standard<Block>, Scheme>(most, &config.most_payload),
        config.most_message,
        crate::side::most(most),
    ]);
    let handshake = Cups::new(
        Sake {
            signer,
            synchrony_bound: CLOCKS,
            max_handshake_age: 2 * CLOCKS,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let namespace = [&config.namespace[..], b"/net"].concat();
    let peers = NZUsize!(config.most_authorities + config.known.len() + 1);
    let mut network = lookup::Config::local(
        handshake,
        &namespace,
        config.listen,
        peers,
        largest,
        NZUsize!(1024),
    );
    // Who connects is known by its key; where from is not looked at, since
    // authorities may stand behind a gateway or have a name for an address.
    network.bypass_ip_check = true;
    network.tracked_peer_sets = NZUsize!(SETS);
    network.allowed_handshake_rate_per_ip = Quota::per_second(NZU32!(256));
    network.allowed_handshake_rate_per_subnet = Quota::per_second(NZU32!(256));
    network.block_duration = Duration::from_mins(10);
    lookup::Network::new(context.child("network"), network)
}

/// Mailboxes are allocated for every peer and the whole burst at the start: a
/// burst of a few hundred, refilled every 10 µs.
pub(crate) fn quota() -> Quota {
    let refilled = Duration::from_micros(10);
    Quota::with_period(refilled)
        .expect("the period is not zero")
        .allow_burst(NZU32!(256))
}

/// Of what authorities say beside the chain: 1,000 messages a second in each way with each
/// peer, and a burst. An honest one says a signature for each block and, loaded as much as
/// may be, some hundred envelopes a second; one that says more is read no faster.
pub(crate) fn quota_of_gossip() -> Quota {
    Quota::per_second(NZU32!(1_000)).allow_burst(NZU32!(256))
}

/// Of how they learn which epoch it is: one says that once a second, and is answered with
/// a certificate that is verified.
pub(crate) fn quota_of_control() -> Quota {
    Quota::per_second(NZU32!(50)).allow_burst(NZU32!(64))
}

/// Connects to the authorities of an epoch, and to those known besides.
pub(crate) fn track(oracle: &mut Oracle, term: &Term, config: &Config) -> Result<(), Error> {
    let known = |key: &[u8; 32]| config.known.iter().find(|known| known.key == *key);
    let (mut primary, mut secondary) = (Vec::new(), Vec::new());
    for authority in &term.authorities {
        primary.extend(peer(known(&authority.key).unwrap_or(authority)));
    }
    for authority in &config.known {
        if !term.authorities.iter().any(|of| of.key == authority.key) {
            secondary.extend(peer(authority));
        }
    }
    let twice = |_| Error::Setting("an authority is known by two addresses");
    let peers = AddressableTrackedPeers::new(
        primary.try_into().map_err(twice)?,
        secondary.try_into().map_err(twice)?,
    );
    let _ = oracle.track(term.epoch, peers);
    Ok(())
}

fn peer(authority: &Authority) -> Option<(PublicKey, Address)> {
    let key = Epochs::key(authority)?;
    let address = address(&authority.address);
    if address.is_none() {
        let key = crate::files::hex(&authority.key);
        tracing::warn!(
            key,
            address = authority.address,
            "an authority has no usable address"
        );
    }
    Some((key, address?))
}

fn address(text: &str) -> Option<Address> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.into());
    }
    let (host, port) = text.rsplit_once(':')?;
    Some(Address::Asymmetric {
        ingress: Ingress::Dns {
            host: Hostname::new(host).ok()?,
            port: port.parse().ok()?,
        },
        egress: (Ipv4Addr::UNSPECIFIED, 0).into(),
    })
}

/// A channel of which each epoch has its own. That of the next is opened one
/// epoch ahead, so that what a faster authority says in it is not lost.
pub(crate) struct Lane<S: Sender> {
    mux: MuxHandle<S>,
    ahead: Option<(u64, Pair<S>)>,
}

pub(crate) type Pair<S> = (SubSender<S>, SubReceiver<<S as LimitedKey>::Key>);

/// The key type of a sender, by another name.
pub(crate) trait LimitedKey {
    type Key: commonware_cryptography::PublicKey;
}

impl<S: Sender> LimitedKey for S {
    type Key = S::PublicKey;
}

impl<S: Sender<PublicKey = PublicKey>> Lane<S> {
    pub fn new(
        context: Runtime,
        (sender, receiver): (S, impl Receiver<PublicKey = PublicKey>),
    ) -> Self {
        let (muxer, mux) = Muxer::new(context, sender, receiver);
        drop(muxer.start());
        Self { mux, ahead: None }
    }

    pub async fn of(&mut self, epoch: u64) -> Result<Pair<S>, Error> {
        let ahead = self.ahead.take().filter(|(of, _)| *of == epoch);
        let closed = |_| Error::Ended("network");
        let pair = match ahead {
            Some((_, pair)) => pair,
            None => self.mux.register(epoch).await.map_err(closed)?,
        };
        let next = self.mux.register(epoch + 1).await.map_err(closed)?;
        self.ahead = Some((epoch + 1, next));
        Ok(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_hosts_or_names() {
        assert!(matches!(
            address("127.0.0.1:9"),
            Some(Address::Symmetric(_))
        ));
        assert!(matches!(address("[::1]:9"), Some(Address::Symmetric(_))));
        let named = address("payer.example:9000").unwrap();
        assert_eq!(named.ingress().port(), 9000);
        for wrong in ["", "payer.example", "payer.example:x", "-:1"] {
            assert!(address(wrong).is_none(), "{wrong}");
        }
    }
}
