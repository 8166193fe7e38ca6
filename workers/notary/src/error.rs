use std::path::PathBuf;

/// Why a key is refused, and what to do.
const ANEW: &str = "it could vote twice, so it may not vote again. Make a new key, have the \
                    authorities replace the old one by it (a new epoch), and start with the new \
                    key and an empty journal; the blocks are fetched from the others";

/// Why the notary does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One authority agrees with itself without a notary.
    #[error("a single authority needs no notary: its own log is the ledger")]
    Alone,
    /// A set of authorities that nobody can vote under.
    #[error("the authorities of epoch {epoch} cannot vote: {what}")]
    Authorities {
        /// The epoch that would be theirs.
        epoch: u64,
        /// What is wrong with them.
        what: String,
    },
    /// A setting that does not go together with another.
    #[error("{0}")]
    Setting(&'static str),
    /// Cannot listen.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file of the notary's own.
    #[error("{path}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: std::io::Error,
    },
    /// A file of the notary's own says something it never wrote.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How it is seen.
        what: &'static str,
    },
    /// Another process has the journal or the fence.
    #[error("{path} is in use by another process")]
    InUse {
        /// The lock.
        path: PathBuf,
    },
    /// The fence knows this key, and its journal is gone, replaced or older.
    #[error("this key has voted in epoch {epoch} and {what}: {ANEW}")]
    Fenced {
        /// The last epoch it is known to have voted in.
        epoch: u64,
        /// What is wrong with the journal.
        what: String,
    },
    /// The journal is of this key and the fence does not know it.
    #[error("the journal {path} was begun with a fence that is not here: {ANEW}")]
    NoFence {
        /// The journal's folder.
        path: PathBuf,
    },
    /// A key of which the fence has no row.
    #[error(
        "the fence {path} does not know this key: it was made elsewhere, or what it voted here \
         was lost and the key put back from a backup, and {ANEW}"
    )]
    Unknown {
        /// The fence.
        path: PathBuf,
    },
    /// The fence was put back from a copy, or this key's row is from one.
    #[error(
        "the fence {path} was copied or put back from a backup, and does not know what this key \
         has voted since then: {ANEW}"
    )]
    Copied {
        /// The fence.
        path: PathBuf,
    },
    /// The journal belongs to another key or another chain.
    #[error("the journal {path} is of another {what}")]
    Foreign {
        /// The journal's folder.
        path: PathBuf,
        /// Key or chain.
        what: &'static str,
    },
    /// A quorum finalised what this machine refuses, or the store holds what
    /// was never finalised.
    #[error("block {height} is final and does not fit here: {reason}")]
    Diverged {
        /// The block.
        height: u64,
        /// What the machine or the notary holds against it.
        reason: String,
    },
    /// A finalised block was dropped without an acknowledgement.
    #[error("a finalised block was dropped without being acknowledged")]
    Unacknowledged,
    /// Part of the engine ended by itself.
    #[error("the {0} stopped")]
    Ended(&'static str),
    /// The thread panicked.
    #[error("the notary panicked: {0}")]
    Panicked(String),
}

impl Error {
    /// Whether the key is refused, so that another is needed.
    #[must_use]
    pub fn needs_another_key(&self) -> bool {
        matches!(
            self,
            Self::Fenced { .. } | Self::NoFence { .. } | Self::Unknown { .. } | Self::Copied { .. }
        )
    }
}
