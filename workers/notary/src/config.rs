use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::{Authority, Error};

/// How one authority takes part.
#[derive(Clone)]
pub struct Config {
    /// The ledger's origin: what is signed for one origin says nothing to another.
    pub namespace: Vec<u8>,
    /// The 32-byte seed of its ed25519 key.
    pub seed: Zeroizing<[u8; 32]>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The authorities of epoch 0, the same everywhere.
    pub authorities: Vec<Authority>,
    /// Where to find some of them now: it overrides what the chain says, for
    /// this node alone. One that joins later names authorities of today here.
    pub known: Vec<Authority>,
    /// The most authorities that an epoch may have, the same everywhere:
    /// mailboxes are allocated for that many.
    pub most_authorities: usize,
    /// The folder of the journal, on a local disk, empty at first.
    pub journal: PathBuf,
    /// A file outside the journal's folder that knows the keys that were made here
    /// ([`enter`](crate::enter)), and which journal each has voted from.
    pub fence: PathBuf,
    /// The most bytes of a payload, the same everywhere, never less than before.
    pub most_payload: usize,
    /// The most bytes of a message on the side channel, the same everywhere.
    pub most_message: usize,
    /// After how long a leader with nothing to say proposes an empty block;
    /// at most half of `leader_timeout`.
    pub pace: Duration,
    /// How long a leader has to propose.
    pub leader_timeout: Duration,
    /// How long a block has from the start of its view to be certified.
    pub certification_timeout: Duration,
    /// How many finalised blocks may wait for their acknowledgement.
    pub window: usize,
    /// Threads of the notary's own runtime.
    pub threads: usize,
}

impl Config {
    /// With the times and bounds that the project uses.
    #[must_use]
    pub fn new(
        namespace: &[u8],
        seed: [u8; 32],
        listen: SocketAddr,
        authorities: Vec<Authority>,
        journal: PathBuf,
        fence: PathBuf,
    ) -> Self {
        Self {
            namespace: namespace.to_vec(),
            seed: Zeroizing::new(seed),
            listen,
            authorities,
            known: Vec::new(),
            most_authorities: 16,
            journal,
            fence,
            most_payload: 256 << 10,
            most_message: 256 << 10,
            pace: Duration::from_millis(250),
            leader_timeout: Duration::from_secs(1),
            certification_timeout: Duration::from_secs(2),
            window: 16,
            threads: 2,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.authorities.len() == 1 {
            return Err(Error::Alone);
        }
        let wrong = [
            (
                self.pace * 2 > self.leader_timeout,
                "the pace is more than half of the leader's timeout",
            ),
            (
                self.leader_timeout >= self.certification_timeout,
                "the timeout of certification is not above the leader's",
            ),
            (
                self.window == 0 || self.threads == 0,
                "a window of 0 blocks, or no threads",
            ),
            (
                self.most_payload > 16 << 20 || self.most_message > 16 << 20,
                "payloads and messages have at most 16 MiB",
            ),
            (
                self.fence.starts_with(&self.journal),
                "the fence is inside the journal's folder and would be lost with it",
            ),
        ];
        match wrong.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, what)) => Err(Error::Setting(what)),
            None => Ok(()),
        }
    }
}
