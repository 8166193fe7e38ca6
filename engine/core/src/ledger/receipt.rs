//! The receipt: one file that shows, offline, what a claim came to and that it
//! stands on the ledger. `docs/receipt.md` gives the format byte by byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use super::access::Reading;
use super::bodies::{PaymentAdvice, ReceivedClaim};
use super::checkpoint::{Checkpoint, CheckpointError};
use super::commitment::{Commitment, Salt, Subject, commit};
use super::entry::Entry;
use super::note::{Note, VerifierKey};
use super::proof::LogProof;
use super::publication::TableHash;
use super::shared::{Authorities, Handover, SetError, Signed};
use super::tree::{ProofError, leaf_hash, verify_inclusion};
use super::trust::Trust;
use crate::adjudication::{Outcome, Transcript};
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

impl Execution {
    /// The backend of what a person determined.
    pub const BY_HAND: &str = "review";

    /// Whether a person determined it, and no policy.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        self.backend == Self::BY_HAND
    }
}

/// What a receipt commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptBody {
    /// The outcome's canonical bytes.
    pub outcome: Blob,
    /// A salted commitment to the policy's context; `None` when none was run.
    pub context: Option<Commitment>,
    /// A commitment to what the policy asked and was answered, under the context's salt: its
    /// answers are few, and may tell of another's care.
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

impl ReceiptBody {
    /// What stands in a body for a transcript, with the context's salt; without one, where no
    /// policy was run and nothing was asked, its hash.
    #[must_use]
    pub fn committed(transcript: &Transcript, context: Option<&Salt>) -> [u8; 32] {
        let under = |salt| commit(Subject::Transcript, salt, &transcript.0.to_canon());
        context.map_or_else(|| transcript.hash(), under)
    }

    /// Whether this transcript is the one that the body commits to. Bodies from before the
    /// commitment had a salt have its hash.
    #[must_use]
    pub fn names(&self, transcript: &Transcript, context: Option<&Salt>) -> bool {
        self.transcript == Self::committed(transcript, context)
            || self.transcript == transcript.hash()
    }
}

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
    /// That it is on a shared ledger, where it is.
    pub shared: Option<SharedProof>,
}

/// That an entry is on a ledger that organisations share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedProof {
    /// The authorities that the proof begins from.
    pub authorities: Authorities,
    /// The last checkpoint of their epoch and of each after it, but for the last.
    pub handovers: Vec<Handover>,
    /// That the entry is in the tree of a checkpoint of the last epoch.
    pub proof: LogProof,
}

/// Whether a receipt that holds is also trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything holds, under keys of the trust file.
    Trusted,
    /// Everything holds, under keys the receipt itself names: there is no trust file, or it
    /// names no log of the receipt.
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
    /// The entry is not of a reading.
    #[error("the entry is not that of a reading")]
    NoReading,
    /// The entry is of nothing that there are receipts of.
    #[error(
        "the entry is of no adjudication, reading, claim received or payment advised: there are no receipts of others"
    )]
    NoReceipt,
    /// The commitment does not open.
    #[error("the body is not what the entry commits to")]
    Commitment,
    /// The body cannot be read.
    #[error("the body cannot be read: {0}")]
    Body(DecodeError),
    /// The outcome cannot be read or does not balance.
    #[error("the outcome does not balance or cannot be read: {0}")]
    Outcome(DecodeError),
    /// The entry names another policy than the outcome, or another prefix.
    #[error("the entry names another policy, or another prefix of the log, than the body")]
    Policy,
    /// The outcome is of another claim.
    #[error("the outcome is of another claim")]
    Claim,
    /// The payment is not of the claim.
    #[error("the payment is not of this claim")]
    Unpaid,
    /// The checkpoint does not hold.
    #[error("the checkpoint does not hold: {0}")]
    Checkpoint(CheckpointError),
    /// The checkpoint has signatures besides that of its log.
    #[error("the checkpoint has signatures that cannot be checked")]
    Signatures,
    /// A log of it is in the trust file, and signed otherwise.
    #[error("not signed as the trust file asks of its log")]
    Untrusted,
    /// The entry is not in the log.
    #[error("the entry is not in the log: {0}")]
    Inclusion(ProofError),
    /// The shared ledger's checkpoint does not hold.
    #[error("the shared ledger's checkpoint does not hold: {0}")]
    Shared(SetError),
    /// The entry is not on the shared ledger.
    #[error("the entry is not on the shared ledger: {0}")]
    SharedInclusion(ProofError),
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
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
        let mut sections = Sections { rest, line: 7 };
        let local = sections.proof("local")?;
        let shared = if sections.rest.is_empty() {
            None
        } else {
            Some(SharedProof::parse(&mut sections)?)
        };
        sections.end()?;
        let receipt = Self {
            claim,
            entry,
            salt,
            body,
            key,
            local,
            shared,
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
        section(f, "local", &proof)?;
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        write!(f, "{shared}")
    }
}

impl core::fmt::Display for SharedProof {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        section(f, "authorities", &self.authorities.text())?;
        for handover in &self.handovers {
            section(f, "handover", &handover.to_string())?;
        }
        section(f, "shared", &self.proof.to_string())
    }
}

/// Writes a section, as [`Sections`] are read.
pub(super) fn section(
    f: &mut core::fmt::Formatter<'_>,
    name: &str,
    text: &str,
) -> core::fmt::Result {
    write!(f, "{name} {}\n{text}", text.len())
}

/// What follows the first lines: a name and a length, and so many bytes.
pub(super) struct Sections<'a> {
    pub(super) rest: &'a str,
    pub(super) line: usize,
}

impl<'a> Sections<'a> {
    /// That nothing follows.
    pub(super) fn end(&self) -> Result<(), ReceiptError> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(ReceiptError::Form {
                line: self.line,
                what: "bytes follow the proof",
            }),
        }
    }

    /// The next section, which is a proof of this name.
    pub(super) fn proof(&mut self, name: &str) -> Result<LogProof, ReceiptError> {
        let (line, text) = self.next(name)?;
        LogProof::parse(text).map_err(|what| ReceiptError::Form { line, what })
    }

    /// Whether a section of this name is next.
    fn is_next(&self, name: &str) -> bool {
        self.rest
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' '))
    }

    /// The next section, which has this name, and the line that it begins in.
    pub(super) fn next(&mut self, name: &str) -> Result<(usize, &'a str), ReceiptError> {
        let line = self.line;
        let fail = |what| ReceiptError::Form { line, what };
        if !self.is_next(name) {
            return Err(fail("another part belongs here"));
        }
        let (head, rest) = self
            .rest
            .split_once('\n')
            .ok_or(fail("the file ends here"))?;
        let length = head
            .split_once(' ')
            .and_then(|(_, length)| length.parse().ok());
        let length: usize = length.ok_or(fail("not a length"))?;
        let (body, rest) = rest
            .split_at_checked(length)
            .ok_or(fail("a length that leads outside the file"))?;
        let lines = body.split('\n').count();
        (self.rest, self.line) = (rest, line.saturating_add(lines));
        Ok((line.saturating_add(1), body))
    }
}

impl SharedProof {
    pub(super) fn parse(sections: &mut Sections<'_>) -> Result<Self, ReceiptError> {
        let fail = |line, what| ReceiptError::Form { line, what };
        let (line, text) = sections.next("authorities")?;
        let authorities =
            Authorities::parse(text).map_err(|_| fail(line, "not a set of authorities"))?;
        let mut handovers = Vec::new();
        while sections.is_next("handover") {
            let (line, text) = sections.next("handover")?;
            let note = Note::parse(text).map_err(|_| fail(line, "not a signed note"))?;
            handovers.push(note);
        }
        let proof = sections.proof("shared")?;
        Ok(Self {
            authorities,
            handovers,
            proof,
        })
    }

    /// Checks that an entry is on the ledger, from the authorities that the proof
    /// itself names; answers the checkpoint, and the sets on the way to it.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self, entry: &[u8]) -> Result<(Signed, Vec<Authorities>), ReceiptError> {
        let (signed, sets) = self
            .authorities
            .reach(&self.handovers, &self.proof.checkpoint)
            .map_err(ReceiptError::Shared)?;
        included(entry, &self.proof, &signed.checkpoint).map_err(ReceiptError::SharedInclusion)?;
        Ok((signed, sets))
    }
}

fn included(entry: &[u8], proof: &LogProof, checkpoint: &Checkpoint) -> Result<(), ProofError> {
    let (size, root) = (checkpoint.size, &checkpoint.root);
    verify_inclusion(&leaf_hash(entry), proof.index, size, &proof.path, root)
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
    let Entry::Adjudicated(adjudication) =
        Entry::from_canon(&receipt.entry).map_err(ReceiptError::Entry)?
    else {
        return Err(ReceiptError::Kind);
    };
    if commit(Subject::Receipt, &receipt.salt, &receipt.body) != adjudication.commitment {
        return Err(ReceiptError::Commitment);
    }
    let (body, outcome) = receipt.open()?;
    if adjudication.policy != outcome.policy() || adjudication.prefix != body.prefix {
        return Err(ReceiptError::Policy);
    }
    if outcome.claim() != receipt.claim {
        return Err(ReceiptError::Claim);
    }
    Ok((proved(receipt, trust)?, outcome))
}

/// Checks the receipt of a reading: that what it says was read, by whom and by what
/// right, is what was entered before it was shown.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_reading(
    receipt: &Receipt,
    trust: Option<&Trust>,
) -> Result<(Verdict, Reading), ReceiptError> {
    let reading = Reading::from_canon(&receipt.body).map_err(ReceiptError::Body)?;
    let entry = Entry::from_canon(&receipt.entry).map_err(ReceiptError::Entry)?;
    match entry {
        Entry::Read(_) | Entry::ReadUnderEmergency(_) => {}
        _ => return Err(ReceiptError::NoReading),
    }
    // Of its kind too: an emergency is not passed off as a right.
    if reading.entry(&receipt.salt) != entry {
        return Err(ReceiptError::Commitment);
    }
    if reading.claim != receipt.claim {
        return Err(ReceiptError::Claim);
    }
    Ok((proved(receipt, trust)?, reading))
}

/// What a receipt shows of its claim.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// What it came to.
    Outcome(Box<Outcome>),
    /// That somebody read it.
    Reading(Box<Reading>),
    /// That it was received.
    Received(ReceivedClaim),
    /// That it was paid, or told that nothing is.
    Payment(PaymentAdvice),
}

/// Checks a receipt, of whatever it is one.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_any(
    receipt: &Receipt,
    trust: Option<&Trust>,
) -> Result<(Verdict, Shown), ReceiptError> {
    let entry = Entry::from_canon(&receipt.entry).map_err(ReceiptError::Entry)?;
    // Its entry follows from salt and body, so that each is what was entered.
    let holds = |made: Entry| match made == entry {
        true => Ok(()),
        false => Err(ReceiptError::Commitment),
    };
    let shown = match &entry {
        Entry::Adjudicated(_) => {
            let (verdict, outcome) = verify_receipt(receipt, trust)?;
            return Ok((verdict, Shown::Outcome(Box::new(outcome))));
        }
        Entry::Read(_) | Entry::ReadUnderEmergency(_) => {
            let (verdict, reading) = verify_reading(receipt, trust)?;
            return Ok((verdict, Shown::Reading(Box::new(reading))));
        }
        Entry::Received(_) => {
            let body = ReceivedClaim::from_canon(&receipt.body).map_err(ReceiptError::Body)?;
            holds(body.entry(&receipt.salt))?;
            if body.claim != receipt.claim {
                return Err(ReceiptError::Claim);
            }
            Shown::Received(body)
        }
        Entry::PaymentAdvised(_) => {
            let body = PaymentAdvice::from_canon(&receipt.body).map_err(ReceiptError::Body)?;
            holds(body.entry(&receipt.salt))?;
            if body.claims.binary_search(&receipt.claim).is_err() {
                return Err(ReceiptError::Unpaid);
            }
            Shown::Payment(body)
        }
        _ => return Err(ReceiptError::NoReceipt),
    };
    Ok((proved(receipt, trust)?, shown))
}

/// Checks that a receipt's entry is on the ledger, and under whose keys.
fn proved(receipt: &Receipt, trust: Option<&Trust>) -> Result<Verdict, ReceiptError> {
    let checkpoint = Checkpoint::open_local(&receipt.local.checkpoint, &receipt.key)
        .map_err(ReceiptError::Checkpoint)?;
    if receipt.local.checkpoint.signatures.len() != 1 {
        return Err(ReceiptError::Signatures);
    }
    included(&receipt.entry, &receipt.local, &checkpoint).map_err(ReceiptError::Inclusion)?;
    let shared = match &receipt.shared {
        Some(proof) => Some(proof.verify(&receipt.entry)?),
        None => None,
    };
    judged(trust, &receipt.key, shared.as_ref())
}

/// Whether what holds is trusted too: of the log of this key, and of the shared ledger that
/// these signed for, whatever the trust file names has to be right.
pub(super) fn judged(
    trust: Option<&Trust>,
    key: &VerifierKey,
    shared: Option<&(Signed, Vec<Authorities>)>,
) -> Result<Verdict, ReceiptError> {
    let Some(trust) = trust else {
        return Ok(Verdict::Consistent);
    };
    let local = trust.log(key.name()).map(|log| log.is_signed_by(key));
    let shared = shared.and_then(|(signed, sets)| {
        let log = trust.log(&signed.checkpoint.origin)?;
        Some(log.is_reached_by(signed, sets))
    });
    match (local, shared) {
        (Some(false), _) | (_, Some(false)) => Err(ReceiptError::Untrusted),
        (Some(true), _) | (_, Some(true)) => Ok(Verdict::Trusted),
        (None, None) => Ok(Verdict::Consistent),
    }
}
