//! What is told at once, and that a notary can be stopped and started again in
//! one process.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tally_notary::{
    Authority, Config, Error, Header, Judged, Machine, Notary, Running, Standing, public_key,
};
use tempfile::TempDir;

/// Counts blocks; says nothing.
struct Count;

impl Machine for Count {
    type State = u64;

    fn genesis(&self) -> u64 {
        0
    }

    fn propose(&self, _: &u64, _: Header) -> Option<Vec<u8>> {
        None
    }

    fn empty(&self, _: &u64, _: Header) -> Vec<u8> {
        Vec::new()
    }

    fn judge(&self, parent: &u64, header: Header, _: &[u8]) -> Judged<u64> {
        assert_eq!(header.height, parent + 1);
        Judged::Holds(parent + 1)
    }

    fn next_authorities(&self, _: &u64) -> Option<Vec<Authority>> {
        None
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn config(folder: &Path, addresses: &[SocketAddr], me: usize) -> Config {
    let seed = |at: usize| [at as u8 + 1; 32];
    let authority = |(at, address): (usize, &SocketAddr)| Authority {
        key: public_key(&seed(at)),
        address: address.to_string(),
    };
    let authorities = addresses.iter().enumerate().map(authority).collect();
    let folder = folder.join(me.to_string());
    let (journal, fence) = (folder.join("journal"), folder.join("fence"));
    tally_notary::enter(&fence, &public_key(&seed(me))).unwrap();
    let mut config = Config::new(b"o", seed(me), addresses[me], authorities, journal, fence);
    config.pace = Duration::from_millis(50);
    config
}

fn refused(config: Config) -> Error {
    match Notary::start(config, Count, None) {
        Ok(_) => panic!("it starts"),
        Err(error) => error,
    }
}

#[test]
fn a_seed_has_the_key_that_ed25519_gives_it() {
    for byte in 0..=255 {
        let seed = std::array::from_fn(|at| byte ^ at as u8);
        let key = SigningKey::from_bytes(&seed).verifying_key();
        assert_eq!(public_key(&seed), key.to_bytes());
    }
}

#[test]
fn one_authority_needs_no_notary() {
    let folder = TempDir::new().unwrap();
    assert!(matches!(
        refused(config(folder.path(), &[free()], 0)),
        Error::Alone
    ));
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let folder = TempDir::new().unwrap();
    let good = || config(folder.path(), &[free(), free()], 0);
    let changes: [fn(&mut Config); 5] = [
        |config| config.pace = config.leader_timeout,
        |config| config.certification_timeout = config.leader_timeout,
        |config| config.window = 0,
        |config| config.most_payload = 1 << 30,
        |config| config.fence = config.journal.join("fence"),
    ];
    for change in changes {
        let mut config = good();
        change(&mut config);
        assert!(matches!(refused(config), Error::Setting(_)));
    }
    let mut none = good();
    none.authorities.clear();
    assert!(matches!(refused(none), Error::Authorities { epoch: 0, .. }));
}

#[test]
fn a_port_that_is_taken_is_told() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = refused(config(folder.path(), &[address, free()], 0));
    assert!(matches!(error, Error::Listen { address: of, .. } if of == address));
}

fn take(running: &mut Running<u64>, blocks: u64) -> Standing<u64> {
    let mut last = None;
    for _ in 0..blocks {
        let block = running.finalised.blocking_recv().expect("a block");
        assert_eq!(block.state, block.height);
        block.acknowledge.done();
        last = Some(Standing {
            epoch: block.epoch,
            height: block.height,
            digest: block.digest,
            state: block.state,
        });
    }
    last.unwrap()
}

#[test]
fn stopped_and_started_again_in_one_process() {
    let folder = TempDir::new().unwrap();
    let addresses = [free(), free(), free(), free()];
    let start = |me, stored| Notary::start(config(folder.path(), &addresses, me), Count, stored);
    let mut running: Vec<_> = (0..4).map(|me| start(me, None).unwrap()).collect();
    let at: Vec<_> = running.iter_mut().map(|one| take(one, 5)).collect();
    assert!(
        at.iter()
            .all(|one| one.height == 5 && one.digest == at[0].digest)
    );
    let in_use = refused(config(folder.path(), &addresses, 0));
    assert!(matches!(in_use, Error::InUse { .. }));
    for one in running {
        assert!(one.notary.runs());
        // Blocks that wait are dropped with the receiver, as at any stop.
        one.notary.stop().unwrap();
    }
    let stored = |me: usize| Some(at[me].clone());
    let mut running: Vec<_> = (0..4).map(|me| start(me, stored(me)).unwrap()).collect();
    for one in &mut running {
        assert_eq!(take(one, 1).height, 6, "goes on from what is stored");
        take(one, 5);
    }
}

#[test]
fn a_block_that_is_dropped_stops_the_notary() {
    let folder = TempDir::new().unwrap();
    let addresses = [free(), free(), free(), free()];
    let start = |me| Notary::start(config(folder.path(), &addresses, me), Count, None).unwrap();
    let mut running: Vec<_> = (0..4).map(start).collect();
    take(&mut running[0], 2);
    drop(running[0].finalised.blocking_recv().unwrap());
    while running[0].notary.runs() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = running.remove(0).notary.stop();
    assert!(matches!(ended, Err(Error::Unacknowledged)), "{ended:?}");
}
