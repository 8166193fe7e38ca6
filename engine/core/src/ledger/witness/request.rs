//! Requests to a witness, as bytes, and what a client makes of the answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::checkpoint::Checkpoint;
use super::super::note::{Note, NoteError, VerifierKey};
use super::super::tree::Hash;

/// The most bytes a request may have.
pub const MAX_REQUEST: usize = 72 * 1024;
/// The most hashes of a proof.
const MAX_HASHES: usize = 63;

/// A request to cosign a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The size of the last tree that the witness cosigned.
    pub old: u64,
    /// That the checkpoint's tree goes on from it; empty when that was empty.
    pub proof: Vec<Hash>,
    /// The checkpoint, signed.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
}

impl Request {
    /// A request.
    ///
    /// # Errors
    /// When the note is no checkpoint.
    pub fn new(old: u64, proof: Vec<Hash>, note: Note) -> Result<Self, &'static str> {
        let checkpoint = Checkpoint::parse(&note.text).map_err(|_| "the note is no checkpoint")?;
        Ok(Self {
            old,
            proof,
            note,
            checkpoint,
        })
    }

    /// Reads a request; only its canonical form. It verifies nothing.
    ///
    /// # Errors
    /// When it is not the form of a request.
    pub fn parse(body: &[u8]) -> Result<Self, &'static str> {
        if body.len() > MAX_REQUEST {
            return Err("too long");
        }
        let text = core::str::from_utf8(body).map_err(|_| "not UTF-8")?;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or("no empty line before the checkpoint")?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old ")?.parse().ok())
            .ok_or("no old size")?;
        let proof: Vec<Hash> = lines
            .map(|line| BASE64.decode(line).ok()?.try_into().ok())
            .collect::<Option<_>>()
            .ok_or("a hash that is not 32 bytes of base64")?;
        if proof.len() > MAX_HASHES {
            return Err("too many hashes");
        }
        let note = Note::parse(note).map_err(|_| "the checkpoint is no signed note")?;
        let request = Self::new(old, proof, note)?;
        if request.to_string() != text {
            return Err("not in its canonical form");
        }
        Ok(request)
    }
}

impl core::fmt::Display for Request {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.note)
    }
}

/// The size that a witness says it is at, in an answer of 409.
#[must_use]
pub fn told_size(body: &str) -> Option<u64> {
    let size: u64 = body.strip_suffix('\n')?.parse().ok()?;
    (format!("{size}\n") == body).then_some(size)
}

/// Takes over the cosignatures of an answer into a checkpoint, one of each witness
/// that is known: a later one takes the place of an earlier one. Answers how many.
///
/// # Errors
/// When the answer is no signature lines, or one of a known witness does not hold.
pub fn merge(note: &mut Note, answer: &str, witnesses: &[VerifierKey]) -> Result<usize, NoteError> {
    let answered = Note::parse(&format!("{}\n{answer}", note.text))?;
    let mut taken = 0usize;
    for (line, signature) in answered.signatures.iter().enumerate() {
        let Some(key) = witnesses.iter().find(|key| key.is_of(signature)) else {
            continue;
        };
        answered.verify_cosignature(line, key)?;
        note.signatures.retain(|other| !key.is_of(other));
        note.signatures.push(signature.clone());
        taken = taken.saturating_add(1);
    }
    Ok(taken)
}
