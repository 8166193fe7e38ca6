//! The events. Fields that no event has are passed over, so that a line may carry its time.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The process that says it.
    pub node: String,
    /// What it says.
    #[serde(flatten)]
    pub event: Event,
}

/// What a node can say. It says each only after it is so, and `signed` before the signature
/// leaves; sizes count leaves, and a root is any text that is the same for the same root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It runs, and its fence let it through.
    Started {
        /// A name that its journal got when it was made.
        journal: String,
        /// The name of its authority key; without one, the node's own name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The last height in its store, if it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height: Option<u64>,
    },
    /// The log as it was founded, before the first block; it may be signed too.
    Founded {
        /// Leaves.
        size: u64,
        /// The root over them.
        root: String,
    },
    /// It ended, by whatever cause; who killed it may say so.
    Killed,
    /// It is in this epoch: at its start, and after the boundary block was committed.
    Epoch {
        /// Which; the first is 0.
        epoch: u64,
        /// The names of the set's keys.
        authorities: Names,
    },
    /// The finalised block that it is about to commit holds this envelope.
    Relayed {
        /// Whose local log.
        organisation: String,
        /// The first entry.
        first: u64,
        /// How many.
        count: u64,
    },
    /// A finalised block is on its disk; said again when the block is delivered again.
    Committed {
        /// Heights begin at 1.
        height: u64,
        /// Leaves after it.
        size: u64,
        /// The root over them.
        root: String,
        /// The epoch that finalised it.
        epoch: u64,
    },
    /// The engine was told that blocks up to here are safe.
    Acknowledged {
        /// The last of them.
        height: u64,
    },
    /// It signed the checkpoint.
    Signed {
        /// Leaves.
        size: u64,
        /// The root over them.
        root: String,
        /// Its epoch.
        epoch: u64,
    },
    /// A valid signature came.
    Collected {
        /// Whose.
        signer: String,
        /// Leaves.
        size: u64,
        /// The root over them.
        root: String,
    },
    /// It serves the checkpoint.
    Published {
        /// Leaves.
        size: u64,
        /// The root over them.
        root: String,
        /// Its epoch.
        epoch: u64,
        /// Whose signatures are on it.
        signers: Names,
    },
    /// A witness cosigned it.
    Cosigned {
        /// The witness's name.
        witness: String,
        /// Leaves.
        size: u64,
        /// The root over them.
        root: String,
    },
}

/// Names: a list, or one text with commas or spaces between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Names(pub BTreeSet<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    List(BTreeSet<String>),
    Text(String),
}

impl From<Written> for Names {
    fn from(written: Written) -> Self {
        match written {
            Written::List(names) => Self(names),
            Written::Text(text) => text
                .split([',', ' '])
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }
}

impl FromIterator<String> for Names {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}
