//! The receipt: one file that shows, offline, what a claim came to and that it
//! stands on the ledger. `docs/receipt.md` gives the format byte by byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::entry::{Commitment, Entry, Salt, Subject, TableHash, commit};
use super::note::VerifierKey;
use super::proof::LogProof;
use super::tree::{ProofError, leaf_hash, verify_inclusion};
use super::trust::Trust;
use crate::adjudication::Outcome;
use crate::canon::{Blob, Canon, DecodeError};
use crate::claim::ClaimId;

const HEAD: &str = "tallystick-receipt/v1";
/// The most bytes a receipt may have.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How an outcome was come by: what may differ between machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The engine and its version.
    pub engine: String,
    /// What ran the policy; empty when none was run.
    pub backend: String,
    /// Fuel used, of a run that succeeded.
    pub fuel: Option<u64>,
    /// Fuel there was.
    pub fuel_limit: u64,
    /// The table of fuel costs.
    pub fuel_costs: u32,
}

/// What a receipt commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptBody {
    /// The outcome's canonical bytes.
    pub outcome: Blob,
    /// A salted commitment to the policy's context; `None` when none was run.
    pub context: Option<Commitment>,
    /// The hash of what the policy asked and was answered.
    pub transcript: [u8; 32],
    /// The size of the ledger's prefix that said which policy is in force.
    pub prefix: u64,
    /// The tables the policy could look things up in.
    pub tables: Vec<TableHash>,
    /// How it was come by.
    pub execution: Execution,
}

crate::canon_record!(Execution {
    engine,
    backend,
    fuel,
    fuel_limit,
    fuel_costs
});
crate::canon_record!(ReceiptBody {
    outcome,
    context,
    transcript,
    prefix,
    tables,
    execution
});

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The claim.
    pub claim: ClaimId,
    /// The entry on the ledger.
    pub entry: Vec<u8>,
    /// The salt of the commitment in it.
    pub salt: Salt,
    /// What is committed to.
    pub body: Vec<u8>,
    /// The key that signed the local checkpoint.
    pub key: VerifierKey,
    /// That the entry is in the node's own log.
    pub local: LogProof,
}

/// Whether a receipt that holds is also trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything holds, under a key of the trust file.
    Trusted,
    /// Everything holds, under the key the receipt itself names.
    Consistent,
}

/// Why a receipt does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// Not the form of a receipt.
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
    /// The entry is not of an adjudication.
    #[error("the entry is not that of an adjudication")]
    Kind,
    /// The commitment does not open.
    #[error("the body is not what the entry commits to")]
    Commitment,
    /// The body cannot be read.
    #[error("the body cannot be read: {0}")]
    Body(DecodeError),
    /// The outcome cannot be read or does not balance.
    #[error("the outcome does not balance or cannot be read: {0}")]
    Outcome(DecodeError),
    /// The outcome is of another claim.
    #[error("the outcome is of another claim")]
    Claim,
    /// The checkpoint does not hold.
    #[error("the checkpoint does not hold: {0}")]
    Checkpoint(CheckpointError),
    /// The checkpoint has signatures besides that of its log.
    #[error("the checkpoint has signatures that cannot be checked")]
    Signatures,
    /// The log or key is not in the trust file.
    #[error("the log or its key is not in the trust file")]
    Untrusted,
    /// The entry is not in the log.
    #[error("the entry is not in the log: {0}")]
    Inclusion(ProofError),
}

fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N.checked_mul(2)? {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

impl Receipt {
    /// Reads a receipt; only its canonical form. It verifies nothing.
    ///
    /// # Errors
    /// When it is not the form of a receipt.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        let fail = |line, what| ReceiptError::Form { line, what };
        if text.len() > MAX_BYTES {
            return Err(fail(1, "too long"));
        }
        let mut lines = text.splitn(7, '\n');
        let mut next = |line, name: &'static str| {
            let found = lines.next().ok_or(fail(line, "the file ends here"))?;
            if name.is_empty() {
                return Ok(found);
            }
            found
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(' '))
                .ok_or(fail(line, "another field belongs here"))
        };
        if next(1, "")? != HEAD {
            return Err(fail(1, "not a receipt this program can read"));
        }
        let claim =
            ClaimId::parse(next(2, "claim")?).ok_or(fail(2, "not 32 hexadecimal digits"))?;
        let entry = BASE64
            .decode(next(3, "entry")?)
            .map_err(|_| fail(3, "not base64"))?;
        let salt = unhex(next(4, "salt")?).ok_or(fail(4, "not 64 hexadecimal digits"))?;
        let body = BASE64
            .decode(next(5, "body")?)
            .map_err(|_| fail(5, "not base64"))?;
        let key = VerifierKey::parse(next(6, "key")?).map_err(|_| fail(6, "not a verifier key"))?;
        let rest = lines.next().ok_or(fail(7, "the file ends here"))?;
        let (length, rest) = rest
            .strip_prefix("local ")
            .and_then(|rest| rest.split_once('\n'))
            .ok_or(fail(7, "the proof `local` belongs here"))?;
        let length: usize = length.parse().map_err(|_| fail(7, "not a length"))?;
        let (proof, rest) = rest
            .split_at_checked(length)
            .ok_or(fail(7, "a length that leads outside the file"))?;
        if !rest.is_empty() {
            return Err(fail(8, "bytes follow the proof"));
        }
        let local = LogProof::parse(proof).map_err(|what| fail(8, what))?;
        let receipt = Self {
            claim,
            entry,
            salt,
            body,
            key,
            local,
        };
        if receipt.to_string() != text {
            return Err(ReceiptError::Canonical);
        }
        Ok(receipt)
    }

    /// What is committed to, decoded.
    ///
    /// # Errors
    /// When it cannot be read, or its outcome does not balance.
    pub fn open(&self) -> Result<(ReceiptBody, Outcome), ReceiptError> {
        let body = ReceiptBody::from_canon(&self.body).map_err(ReceiptError::Body)?;
        let outcome = Outcome::from_canon(&body.outcome.0).map_err(ReceiptError::Outcome)?;
        Ok((body, outcome))
    }
}

impl core::fmt::Display for Receipt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let proof = self.local.to_string();
        writeln!(f, "{HEAD}")?;
        writeln!(f, "claim {}", self.claim)?;
        writeln!(f, "entry {}", BASE64.encode(&self.entry))?;
        writeln!(f, "salt {}", hex(&self.salt))?;
        writeln!(f, "body {}", BASE64.encode(&self.body))?;
        writeln!(f, "key {}", self.key)?;
        writeln!(f, "local {}", proof.len())?;
        write!(f, "{proof}")
    }
}

/// Checks everything a receipt says, with no more than its own bytes and,
/// where there is one, a trust file.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_receipt(
    receipt: &Receipt,
    trust: Option<&Trust>,
) -> Result<(Verdict, Outcome), ReceiptError> {
    let Entry::Adjudicated(commitment) =
        Entry::from_canon(&receipt.entry).map_err(ReceiptError::Entry)?
    else {
        return Err(ReceiptError::Kind);
    };
    if commit(Subject::Receipt, &receipt.salt, &receipt.body) != commitment {
        return Err(ReceiptError::Commitment);
    }
    let (_, outcome) = receipt.open()?;
    if outcome.claim() != receipt.claim {
        return Err(ReceiptError::Claim);
    }
    let checkpoint = Checkpoint::open(&receipt.local.checkpoint, &receipt.key)
        .map_err(ReceiptError::Checkpoint)?;
    if receipt.local.checkpoint.signatures.len() != 1 {
        return Err(ReceiptError::Signatures);
    }
    let verdict = match trust {
        None => Verdict::Consistent,
        Some(trust) => {
            let log = trust
                .log(&checkpoint.origin)
                .ok_or(ReceiptError::Untrusted)?;
            // A local proof carries the signature of one key.
            if log.quorum != 1 || !log.keys.contains(&receipt.key) {
                return Err(ReceiptError::Untrusted);
            }
            Verdict::Trusted
        }
    };
    verify_inclusion(
        &leaf_hash(&receipt.entry),
        receipt.local.index,
        checkpoint.size,
        &receipt.local.path,
        &checkpoint.root,
    )
    .map_err(ReceiptError::Inclusion)?;
    Ok((verdict, outcome))
}
