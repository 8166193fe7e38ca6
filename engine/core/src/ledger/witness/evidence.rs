//! What a log signed that cannot both be true.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use super::super::checkpoint::Checkpoint;
use super::super::note::Note;
use super::super::tree::{Hash, ProofError, implied_roots, verify_consistency};
use super::{Signers, signed_by};

const HEAD: &str = "tallystick-evidence/v1";
/// The most bytes that evidence may have.
const MAX_BYTES: usize = 160 * 1024;

/// Two checkpoints of one log, and why they contradict each other: trees of one size
/// with two roots, or a larger tree whose first entries are not those of the smaller,
/// as a proof shows that holds for the larger tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The checkpoint of the smaller tree.
    pub smaller: Note,
    /// That of the larger, or the other of the same size.
    pub larger: Note,
    /// The root of as many entries of the larger tree as the smaller has.
    pub root: Hash,
    /// That it is: a consistency proof from there to the larger tree.
    pub proof: Vec<Hash>,
}

/// Why evidence shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EvidenceError {
    /// Not the form of evidence.
    #[error("not evidence: {0}")]
    Form(&'static str),
    /// Of two logs.
    #[error("the checkpoints are of two logs")]
    Origin,
    /// They may both be true.
    #[error("the checkpoints agree")]
    Agree,
    /// The proof does not hold.
    #[error("the proof does not hold for the larger tree: {0}")]
    Proof(ProofError),
    /// Nobody signed both.
    #[error("nobody who is known signed both")]
    Nobody,
}

impl Evidence {
    /// What two checkpoints and a proof that was given with them come to; `None` when
    /// the proof says nothing of what the larger tree begins with.
    #[must_use]
    pub fn of(one: Note, other: Note, proof: &[Hash]) -> Option<Self> {
        let a = Checkpoint::parse(&one.text).ok()?;
        let b = Checkpoint::parse(&other.text).ok()?;
        let (smaller, larger, small, large) = if a.size <= b.size {
            (one, other, a, b)
        } else {
            (other, one, b, a)
        };
        if small.size == large.size {
            return Some(Self {
                smaller,
                larger,
                root: large.root,
                proof: Vec::new(),
            });
        }
        let (root, _) = implied_roots(small.size, large.size, proof)?;
        Some(Self {
            smaller,
            larger,
            root,
            proof: proof.to_vec(),
        })
    }

    /// Whether the checkpoints contradict each other, whoever signed them.
    #[must_use]
    pub fn contradicts(&self) -> bool {
        self.contradiction().is_ok()
    }

    fn contradiction(&self) -> Result<(), EvidenceError> {
        let read = |note: &Note| {
            Checkpoint::parse(&note.text)
                .map_err(|_| EvidenceError::Form("a note is no checkpoint"))
        };
        let (small, large) = (read(&self.smaller)?, read(&self.larger)?);
        if small.origin != large.origin {
            return Err(EvidenceError::Origin);
        }
        verify_consistency(small.size, large.size, &self.proof, &self.root, &large.root)
            .map_err(EvidenceError::Proof)?;
        if self.root == small.root {
            return Err(EvidenceError::Agree);
        }
        Ok(())
    }

    /// Checks it, with no more than the log's keys, of all epochs that are known.
    /// Answers who signed both: at least one, and none of them is honest.
    ///
    /// # Errors
    /// When it shows nothing.
    pub fn check(&self, signers: &[Signers]) -> Result<Vec<String>, EvidenceError> {
        self.contradiction()?;
        let others = signed_by(&self.larger, signers);
        let mut both = signed_by(&self.smaller, signers);
        both.retain(|name| others.contains(name));
        if both.is_empty() {
            return Err(EvidenceError::Nobody);
        }
        Ok(both)
    }

    /// Reads evidence; only its canonical form. It verifies nothing.
    ///
    /// # Errors
    /// When it is not the form of evidence.
    pub fn parse(text: &str) -> Result<Self, EvidenceError> {
        let form = EvidenceError::Form;
        if text.len() > MAX_BYTES {
            return Err(form("too long"));
        }
        let rest = text
            .strip_prefix(HEAD)
            .and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(form("its first line is another"))?;
        let (smaller, rest) = note(rest)?;
        let (larger, rest) = note(rest)?;
        let hash = |line: &str| BASE64.decode(line).ok()?.try_into().ok();
        let mut lines = rest.split('\n');
        let root = lines.next().and_then(|line| line.strip_prefix("root "));
        let root = root.and_then(hash).ok_or(form("no root"))?;
        let proof = lines.filter(|line| !line.is_empty()).map(hash);
        let proof = proof
            .collect::<Option<_>>()
            .ok_or(form("a line that is no hash"))?;
        let evidence = Self {
            smaller,
            larger,
            root,
            proof,
        };
        if evidence.to_string() != text {
            return Err(form("not in its canonical form"));
        }
        Ok(evidence)
    }
}

/// A note behind its length, and what follows it.
fn note(text: &str) -> Result<(Note, &str), EvidenceError> {
    let form = EvidenceError::Form;
    let (length, rest) = text
        .strip_prefix("note ")
        .and_then(|rest| rest.split_once('\n'))
        .ok_or(form("a note belongs there"))?;
    let length: usize = length.parse().map_err(|_| form("not a length"))?;
    let (note, rest) = rest
        .split_at_checked(length)
        .ok_or(form("a length that leads outside"))?;
    let note = Note::parse(note).map_err(|_| form("a note that is none"))?;
    Ok((note, rest))
}

impl core::fmt::Display for Evidence {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{HEAD}")?;
        for note in [&self.smaller, &self.larger] {
            let text = note.to_string();
            write!(f, "note {}\n{text}", text.len())?;
        }
        writeln!(f, "root {}", BASE64.encode(self.root))?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        Ok(())
    }
}
