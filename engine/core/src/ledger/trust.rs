//! Which logs and keys a verifier trusts: `tallystick-trust/v1`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::note::{NoteError, VerifierKey};
use super::shared::{Authorities, Authority, Signed, Witness};

const FORMAT: &str = "tallystick-trust/v1";

/// Why a file is no trust file.
#[derive(Debug, Error)]
pub enum TrustError {
    /// Not the JSON it should be.
    #[error("not a trust file")]
    Json(#[from] serde_json::Error),
    /// Another format.
    #[error("its format is not `{FORMAT}`")]
    Format,
    /// A key that is none.
    #[error("log {log}, key {key}: {source}")]
    Key {
        /// Position of the log, from 1.
        log: usize,
        /// Position of the key, from 1.
        key: usize,
        /// What is wrong.
        source: NoteError,
    },
    /// A quorum that cannot be had.
    #[error("log {log}: a quorum of {quorum} cannot be had of {keys} keys of its origin")]
    Quorum {
        /// Position of the log, from 1.
        log: usize,
        /// The quorum.
        quorum: usize,
        /// How many keys there are.
        keys: usize,
    },
    /// A witness's key that is none.
    #[error("log {log}, witness {witness}: {source}")]
    Witness {
        /// Position of the log, from 1.
        log: usize,
        /// Position of the key, from 1.
        witness: usize,
        /// What is wrong.
        source: NoteError,
    },
    /// Cosignatures that cannot be had.
    #[error("log {log}: {cosignatures} cosignatures cannot be had of {witnesses} witnesses")]
    Cosignatures {
        /// Position of the log, from 1.
        log: usize,
        /// How many are demanded.
        cosignatures: usize,
        /// How many witnesses there are, by key.
        witnesses: usize,
    },
    /// Two logs of one name.
    #[error("log {log}: it is named before")]
    Twice {
        /// Position of the second, from 1.
        log: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    logs: Vec<FileLog>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLog {
    origin: String,
    keys: Vec<String>,
    quorum: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    epoch: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    witnesses: Vec<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    cosignatures: usize,
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

/// A log that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedLog {
    /// Its name.
    pub origin: String,
    /// The keys that sign its checkpoints, all under that name.
    pub keys: Vec<VerifierKey>,
    /// How many of them must have signed.
    pub quorum: usize,
    /// The epoch in which these are the keys; 0 where there are none.
    pub epoch: u64,
    /// The keys of witnesses that count.
    pub witnesses: Vec<VerifierKey>,
    /// How many of them must have cosigned.
    pub cosignatures: usize,
}

impl TrustedLog {
    /// A log of one key, as every node keeps one.
    #[must_use]
    pub fn local(key: VerifierKey) -> Self {
        Self {
            origin: key.name().to_owned(),
            keys: vec![key],
            quorum: 1,
            epoch: 0,
            witnesses: Vec::new(),
            cosignatures: 0,
        }
    }

    /// A shared ledger, from a set of its authorities on: every witness of theirs
    /// counts, and none has to have cosigned.
    #[must_use]
    pub fn shared(set: &Authorities) -> Self {
        let key = |authority: &Authority| VerifierKey::new(&set.origin, &authority.key).ok();
        let witness = |of: &Witness| VerifierKey::cosigner(&of.name, &of.key).ok();
        Self {
            origin: set.origin.clone(),
            keys: set.members.iter().filter_map(key).collect(),
            quorum: set.quorum(),
            epoch: set.epoch,
            witnesses: set.witnesses.iter().filter_map(witness).collect(),
            cosignatures: 0,
        }
    }

    /// Whether a key alone signs for this log.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        self.quorum == 1 && self.cosignatures == 0 && self.keys.contains(key)
    }

    /// Whether a checkpoint that was reached over these sets is one of this log: its
    /// keys are those of the set of its epoch, no more and no fewer, and enough of its
    /// witnesses cosigned.
    #[must_use]
    pub fn is_reached_by(&self, signed: &Signed, sets: &[Authorities]) -> bool {
        let pinned = sets.iter().find(|set| set.epoch == self.epoch);
        let keys: BTreeSet<_> = self.keys.iter().map(VerifierKey::public).collect();
        let same = pinned.is_some_and(|set| {
            let theirs: BTreeSet<_> = set.members.iter().map(|of| of.key).collect();
            set.origin == self.origin && set.quorum() == self.quorum && theirs == keys
        });
        let counts = |(name, _): &&(String, u64)| {
            let of = sets.last().map_or(&[][..], |set| &set.witnesses);
            let of = of.iter().find(|witness| witness.name == *name);
            self.witnesses
                .iter()
                .any(|key| key.name() == name && of.is_some_and(|of| of.key == key.public()))
        };
        same && signed.cosigners.iter().filter(counts).count() >= self.cosignatures
    }
}

impl FileLog {
    fn read(self, log: usize) -> Result<TrustedLog, TrustError> {
        let mut keys = Vec::new();
        for (key, text) in (1usize..).zip(&self.keys) {
            let read = VerifierKey::parse(text);
            keys.push(read.map_err(|source| TrustError::Key { log, key, source })?);
        }
        let (quorum, different) = (self.quorum, distinct(&keys));
        let named = keys.iter().all(|key| key.name() == self.origin);
        if !(1..=different).contains(&quorum) || different != keys.len() || !named {
            return Err(TrustError::Quorum {
                log,
                quorum,
                keys: different,
            });
        }
        let mut witnesses = Vec::new();
        for (witness, text) in (1usize..).zip(&self.witnesses) {
            let read = VerifierKey::parse_cosigner(text);
            witnesses.push(read.map_err(|source| TrustError::Witness {
                log,
                witness,
                source,
            })?);
        }
        let (cosignatures, different) = (self.cosignatures, distinct(&witnesses));
        if cosignatures > different || different != witnesses.len() {
            return Err(TrustError::Cosignatures {
                log,
                cosignatures,
                witnesses: different,
            });
        }
        Ok(TrustedLog {
            origin: self.origin,
            keys,
            quorum,
            epoch: self.epoch,
            witnesses,
            cosignatures,
        })
    }
}

/// How many keys there are.
fn distinct(keys: &[VerifierKey]) -> usize {
    let keys: BTreeSet<_> = keys.iter().map(VerifierKey::public).collect();
    keys.len()
}

/// Which logs are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The logs.
    pub logs: Vec<TrustedLog>,
}

impl Trust {
    /// Reads a trust file.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let file: File = serde_json::from_str(text)?;
        if file.format != FORMAT {
            return Err(TrustError::Format);
        }
        let logs = (1usize..)
            .zip(file.logs)
            .map(|(log, entry)| entry.read(log))
            .collect::<Result<Vec<_>, _>>()?;
        let mut named = BTreeSet::new();
        for (log, entry) in (1usize..).zip(&logs) {
            if !named.insert(&entry.origin) {
                return Err(TrustError::Twice { log });
            }
        }
        Ok(Self { logs })
    }

    /// The log of this name.
    #[must_use]
    pub fn log(&self, origin: &str) -> Option<&TrustedLog> {
        self.logs.iter().find(|log| log.origin == origin)
    }
}

impl core::fmt::Display for Trust {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let file = File {
            format: FORMAT.to_owned(),
            logs: self
                .logs
                .iter()
                .map(|log| FileLog {
                    origin: log.origin.clone(),
                    keys: log.keys.iter().map(VerifierKey::to_string).collect(),
                    quorum: log.quorum,
                    epoch: log.epoch,
                    witnesses: log.witnesses.iter().map(VerifierKey::to_string).collect(),
                    cosignatures: log.cosignatures,
                })
                .collect(),
        };
        let text = serde_json::to_string_pretty(&file).map_err(|_| core::fmt::Error)?;
        writeln!(f, "{text}")
    }
}
