//! The erasure receipt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use super::shared::SharedErasure;
use crate::canon::{Canon as _, DecodeError};
use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::entry::{Entry, Ground};
use crate::ledger::note::VerifierKey;
use crate::ledger::proof::LogProof;
use crate::ledger::receipt::{ReceiptError, Sections, Verdict, hex, judged, section, unhex};
use crate::ledger::shared::OrganisationId;
use crate::ledger::tree::{ProofError, leaf_hash, verify_inclusion};
use crate::ledger::trust::Trust;

const HEAD: &str = "tallystick-erasure/v1";
/// What the receipt says, in words, as a line of it.
const SAYS: &str = "The key and salt of this entry were destroyed. The leaf stays and the log still verifies; what it commits to can be opened by nobody.";
/// The most bytes an erasure receipt may have.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// That what an entry commits to was erased: a text file, as a receipt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureReceipt {
    /// The leaf hash of the entry that nobody can open any more.
    pub leaf: [u8; 32],
    /// The entry of the erasure, which names the other's index and the ground.
    pub entry: Vec<u8>,
    /// The key that signed the checkpoint of both proofs.
    pub key: VerifierKey,
    /// That the entry which cannot be opened is in the log.
    pub stays: LogProof,
    /// That the entry of the erasure is in the log, at the same checkpoint.
    pub erased: LogProof,
    /// That both are on a shared ledger, where they are.
    pub shared: Option<SharedErasure>,
}

/// Why an erasure receipt does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ErasureError {
    /// Not the form of one.
    #[error("line {line}: {what}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Not in its canonical form.
    #[error("not in its canonical form")]
    Canonical,
    /// The entry cannot be read.
    #[error("the entry cannot be read: {0}")]
    Entry(DecodeError),
    /// The entry is of no erasure.
    #[error("the entry is not that of an erasure")]
    Kind,
    /// The proofs are of other entries.
    #[error("the proofs are not of the entry that was erased and of one after it")]
    Index,
    /// The proofs are of two checkpoints, or of one of its own log that several signed.
    #[error(
        "the proofs of one log belong to one checkpoint, with one signature where the log is the node's own"
    )]
    Checkpoints,
    /// The checkpoint does not hold.
    #[error("the checkpoint: {0}")]
    Checkpoint(CheckpointError),
    /// One of the two is not in the log.
    #[error("the {which} is not in the log: {source}")]
    Inclusion {
        /// Which.
        which: &'static str,
        /// Why.
        source: ProofError,
    },
    /// One of what the shared proof needs is not on the shared ledger.
    #[error("the {which} is not on the shared ledger: {source}")]
    SharedInclusion {
        /// Which.
        which: &'static str,
        /// Why.
        source: ProofError,
    },
    /// On the shared ledger the entries are of others, or of other places of a log.
    #[error("no organisation brought both entries to the shared ledger, as those of its log")]
    Brought,
    /// As of a receipt of a claim.
    #[error(transparent)]
    Receipt(ReceiptError),
}

impl From<ReceiptError> for ErasureError {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::Form { line, what } => Self::Form { line, what },
            other => Self::Receipt(other),
        }
    }
}

/// What an erasure receipt shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whether it is under a key that is trusted.
    pub verdict: Verdict,
    /// The index of the entry that cannot be opened.
    pub index: u64,
    /// Why it was erased.
    pub ground: Ground,
    /// Whose log it is in, by the shared ledger, where it stands there. The name of the key
    /// is but what the receipt calls that log.
    pub organisation: Option<OrganisationId>,
}

impl ErasureReceipt {
    /// Reads one; only its canonical form. It verifies nothing.
    ///
    /// # Errors
    /// When it is not the form of one.
    pub fn parse(text: &str) -> Result<Self, ErasureError> {
        let fail = |line, what| ErasureError::Form { line, what };
        if text.len() > MAX_BYTES {
            return Err(fail(1, "too long"));
        }
        let mut lines = text.splitn(6, '\n');
        let mut next = |line, name: &str| {
            let found = lines.next().ok_or(fail(line, "the file ends here"))?;
            found
                .strip_prefix(name)
                .ok_or(fail(line, "another field belongs here"))
        };
        if !next(1, HEAD)?.is_empty() {
            return Err(fail(1, "not an erasure receipt this program can read"));
        }
        if !next(2, SAYS)?.is_empty() {
            return Err(fail(2, "other words"));
        }
        let leaf = unhex(next(3, "leaf ")?).ok_or(fail(3, "not 64 hexadecimal digits"))?;
        let entry = BASE64.decode(next(4, "entry ")?);
        let entry = entry.map_err(|_| fail(4, "not base64"))?;
        let key = VerifierKey::parse(next(5, "key ")?);
        let key = key.map_err(|_| fail(5, "not a verifier key"))?;
        let rest = next(6, "")?;
        let mut sections = Sections { rest, line: 6 };
        let (stays, erased) = (sections.proof("stays")?, sections.proof("erased")?);
        let shared = match sections.rest.is_empty() {
            true => None,
            false => Some(SharedErasure::parse(&mut sections)?),
        };
        sections.end()?;
        let receipt = Self {
            leaf,
            entry,
            key,
            stays,
            erased,
            shared,
        };
        if receipt.to_string() != text {
            return Err(ErasureError::Canonical);
        }
        Ok(receipt)
    }

    /// Checks everything it says, with no more than its own bytes and, where there is
    /// one, a trust file.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self, trust: Option<&Trust>) -> Result<Shown, ErasureError> {
        let entry = Entry::from_canon(&self.entry).map_err(ErasureError::Entry)?;
        let Entry::Erased { index, ground } = entry else {
            return Err(ErasureError::Kind);
        };
        if self.stays.index != index || self.erased.index <= index {
            return Err(ErasureError::Index);
        }
        let note = &self.erased.checkpoint;
        if *note != self.stays.checkpoint || note.signatures.len() != 1 {
            return Err(ErasureError::Checkpoints);
        }
        let checkpoint =
            Checkpoint::open_local(note, &self.key).map_err(ErasureError::Checkpoint)?;
        let both = [
            (
                "entry of the erasure",
                &leaf_hash(&self.entry),
                &self.erased,
            ),
            ("entry that was erased", &self.leaf, &self.stays),
        ];
        for (which, leaf, proof) in both {
            let (size, root) = (checkpoint.size, &checkpoint.root);
            verify_inclusion(leaf, proof.index, size, &proof.path, root)
                .map_err(|source| ErasureError::Inclusion { which, source })?;
        }
        let shared = match &self.shared {
            Some(of) => Some(of.verify(
                (&self.entry, self.erased.index),
                (&self.leaf, self.stays.index),
            )?),
            None => None,
        };
        let (shared, organisation) = shared.unzip();
        Ok(Shown {
            verdict: judged(trust, &self.key, shared.as_ref())?,
            index,
            ground,
            organisation,
        })
    }
}

impl core::fmt::Display for ErasureReceipt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{HEAD}\n{SAYS}")?;
        writeln!(f, "leaf {}", hex(&self.leaf))?;
        writeln!(f, "entry {}", BASE64.encode(&self.entry))?;
        writeln!(f, "key {}", self.key)?;
        for (name, proof) in [("stays", &self.stays), ("erased", &self.erased)] {
            section(f, name, &proof.to_string())?;
        }
        match &self.shared {
            Some(shared) => write!(f, "{shared}"),
            None => Ok(()),
        }
    }
}
