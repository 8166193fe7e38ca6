//! What is done to a node.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, with several of all.
    Undisturbed,
    /// `kill -9` of workers.
    WorkerKilled,
    /// `kill -9` of the relay.
    RelayKilled,
    /// `kill -9` of the node that takes envelopes in.
    NodeKilled,
    /// A worker ends itself at a place.
    WorkerAt(&'static str),
    /// A relay ends itself at a place.
    RelayAt(&'static str),
    /// The node ends itself at a place.
    NodeAt(&'static str),
    /// A task of a worker panics outside of what is caught.
    TaskPanics,
    /// What takes an envelope in panics, once.
    IntakePanics,
    /// `kill -9` of PostgreSQL.
    PostgresKilled,
    /// `kill -9` of RabbitMQ.
    RabbitKilled,
    /// All connections to the broker are reset, several times.
    BrokerReset,
    /// All connections to the databases are reset, several times.
    PostgresReset,
    /// The broker seems to have fallen silent for a while.
    BrokerSilent,
    /// The database seems to have fallen silent for a while.
    PostgresSilent,
    /// The database of record keys is away for a while.
    VaultAway,
    /// The disk of the data is full for a while.
    DiskFull,
    /// The disk of the write-ahead log is full for a while.
    WalFull,
    /// The virtual host is deleted, and made again.
    QueuesLost,
    /// Messages and envelopes that cannot be used.
    PoisonMessages,
    /// A claim that panics, which an operator lets through in the end.
    PoisonClaim,
    /// A claim that its worker dies of, which an operator lets through.
    DeadlyClaim,
    /// A claim that panics, which an operator gives up.
    ClaimDiscarded,
    /// A worker that is halted with a batch in hand, and goes on when others
    /// have done its work.
    ZombieWorker,
    /// A relay that is halted between publishing and noting it.
    ZombieRelay,
    /// Another number of partitions.
    Repartitioned,
    /// Clocks that jump.
    ClockJumps,
    /// Workers that are told to stop, and started again.
    Stopped,
}

use Kind::*;

/// All of them, with how often they come in a campaign.
pub const KINDS: [(Kind, u32); 40] = [
    (Undisturbed, 1),
    (WorkerKilled, 4),
    (RelayKilled, 3),
    (NodeKilled, 3),
    (WorkerAt("before-commit"), 2),
    (WorkerAt("after-commit"), 2),
    (WorkerAt("act-committed"), 2),
    (WorkerAt("before-ack"), 2),
    (WorkerAt("after-ack"), 2),
    (WorkerAt("before-judge"), 2),
    (RelayAt("before-publish"), 2),
    (RelayAt("after-publish"), 2),
    (RelayAt("results-published"), 2),
    (RelayAt("before-append"), 2),
    (RelayAt("after-append"), 2),
    (NodeAt("before-accept"), 2),
    (NodeAt("after-accept"), 2),
    (NodeAt("before-intake-ack"), 2),
    (TaskPanics, 2),
    (IntakePanics, 1),
    (PostgresKilled, 12),
    (RabbitKilled, 12),
    (BrokerReset, 3),
    (PostgresReset, 3),
    (BrokerSilent, 1),
    (PostgresSilent, 2),
    (VaultAway, 2),
    (DiskFull, 3),
    (WalFull, 6),
    (QueuesLost, 1),
    (PoisonMessages, 2),
    (PoisonClaim, 2),
    (DeadlyClaim, 1),
    (ClaimDiscarded, 2),
    (ZombieWorker, 2),
    (ZombieRelay, 1),
    (Repartitioned, 3),
    (ClockJumps, 2),
    (Stopped, 3),
    (WorkerAt("adjudicated"), 1),
];

impl Kind {
    pub fn name(self) -> String {
        let words = |name: String| {
            let mut words = String::new();
            for c in name.chars() {
                if c.is_ascii_uppercase() && !words.is_empty() {
                    words.push('-');
                }
                words.push(c.to_ascii_lowercase());
            }
            words
        };
        match self {
            WorkerAt(place) => format!("worker-dies-{place}"),
            RelayAt(place) => format!("relay-dies-{place}"),
            NodeAt(place) => format!("node-dies-{place}"),
            other => words(format!("{other:?}")),
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        KINDS
            .iter()
            .map(|(kind, _)| *kind)
            .find(|kind| kind.name() == name)
    }

    /// Whether a server is killed, or dies of what is done.
    pub fn kills_a_server(self) -> bool {
        matches!(self, PostgresKilled | RabbitKilled | WalFull)
    }

    /// Whether something is done to the servers themselves.
    pub fn harms_servers(self) -> bool {
        self.kills_a_server() || self == DiskFull
    }

    /// Whether voids and replacements are among what is submitted: each hand brings
    /// them after what they name, and knows that it came in.
    pub fn has_acts(self) -> bool {
        !self.by_envelope()
    }

    /// Whether claims come as envelopes, through a node's intake.
    pub fn by_envelope(self) -> bool {
        matches!(self, NodeKilled | NodeAt(_) | PoisonMessages | IntakePanics)
    }
}
