//! Which logs and keys a verifier trusts: `tallystick-trust/v1`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::note::{NoteError, VerifierKey};

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
            .map(|(log, entry)| {
                let keys = (1usize..)
                    .zip(&entry.keys)
                    .map(|(key, text)| {
                        VerifierKey::parse(text).map_err(|source| TrustError::Key {
                            log,
                            key,
                            source,
                        })
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                let distinct = keys
                    .iter()
                    .map(VerifierKey::public)
                    .collect::<std::collections::BTreeSet<_>>()
                    .len();
                let named = keys.iter().all(|key| key.name() == entry.origin);
                if entry.quorum == 0 || entry.quorum > distinct || distinct != keys.len() || !named
                {
                    return Err(TrustError::Quorum {
                        log,
                        quorum: entry.quorum,
                        keys: distinct,
                    });
                }
                Ok(TrustedLog {
                    origin: entry.origin,
                    keys,
                    quorum: entry.quorum,
                })
            })
            .collect::<Result<_, _>>()?;
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
                })
                .collect(),
        };
        let text = serde_json::to_string_pretty(&file).map_err(|_| core::fmt::Error)?;
        writeln!(f, "{text}")
    }
}
