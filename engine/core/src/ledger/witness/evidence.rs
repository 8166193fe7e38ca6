//! What a log signed that cannot both be true.

use core::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::super::checkpoint::Checkpoint;
use super::super::note::{Note, Signature};
use super::super::tree::{Hash, ProofError, implied_roots, verify_consistency};
use super::{Signers, signed_by};

const HEAD: &str = "tallystick-evidence/v1";
/// The most bytes that evidence may have.
const MAX_BYTES: usize = 160 * 1024;

/// Two checkpoints of one log, and why they contradict each other: [`Contradiction`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The checkpoint of the smaller tree.
    pub smaller: Note,
    /// That of the larger, or the other of the same size.
    pub larger: Note,
    /// The root of as many entries of the larger tree as the smaller has; the smaller's
    /// own where the epoch's end is what they contradict each other about.
    pub root: Hash,
    /// That it is: a consistency proof from there to the larger tree.
    pub proof: Vec<Hash>,
}

/// What two checkpoints contradict each other about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// Trees of one size with two roots, or a larger tree whose first entries are not
    /// those of the smaller, as a proof shows that holds for the larger tree.
    Histories,
    /// One tree, and two sets of authorities that one set hands over to.
    Handovers,
    /// A set's handover, and a larger tree that the same set signed: its epoch had ended.
    AfterHandover,
}

impl Contradiction {
    /// How it is called where programs read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Histories => "histories",
            Self::Handovers => "handovers",
            Self::AfterHandover => "after_handover",
        }
    }

    /// How two checkpoints contradict each other by themselves about where an epoch ends.
    /// A checkpoint of the handover's own size that hands over to nobody is no sign of a
    /// second history.
    fn of_ends(small: &Checkpoint, large: &Checkpoint) -> Option<Self> {
        let (one, other) = (Ending::of(small)?, Ending::of(large)?);
        if one.signed_by != other.signed_by || one.next.is_empty() {
            return None;
        }
        let two = !other.next.is_empty() && one.next != other.next;
        match small.size.cmp(&large.size) {
            Ordering::Less => Some(Self::AfterHandover),
            Ordering::Equal if two && small.root == large.root => Some(Self::Handovers),
            _ => None,
        }
    }
}

/// The lines behind the root of a shared ledger's checkpoint.
struct Ending<'a> {
    /// Whose it is: the epoch, and its set.
    signed_by: &'a [String],
    /// The set that it hands over to; empty when it does not.
    next: &'a [String],
}

impl<'a> Ending<'a> {
    fn of(checkpoint: &'a Checkpoint) -> Option<Self> {
        let (signed_by, next) = checkpoint.extensions.split_at_checked(2)?;
        let [epoch, set] = signed_by else { return None };
        let is_shared = epoch.starts_with("epoch ") && set.starts_with("set ");
        is_shared.then_some(Self { signed_by, next })
    }
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
    /// the proof says nothing of what the larger tree begins with, and they do not
    /// contradict each other without one.
    #[must_use]
    pub fn of(one: Note, other: Note, proof: &[Hash]) -> Option<Self> {
        let a = Checkpoint::parse(&one.text).ok()?;
        let b = Checkpoint::parse(&other.text).ok()?;
        let (smaller, larger, small, large) = if a.size <= b.size {
            (one, other, a, b)
        } else {
            (other, one, b, a)
        };
        let ends = Contradiction::of_ends(&small, &large).map(|_| small.root);
        let same = (small.size == large.size).then_some(large.root);
        if let Some(root) = same.or(ends) {
            return Some(Self {
                smaller,
                larger,
                root,
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

    /// What they contradict each other about, whoever signed them.
    ///
    /// # Errors
    /// When they do not.
    pub fn contradiction(&self) -> Result<Contradiction, EvidenceError> {
        let read = |note: &Note| {
            Checkpoint::parse(&note.text)
                .map_err(|_| EvidenceError::Form("a note is no checkpoint"))
        };
        let (small, large) = (read(&self.smaller)?, read(&self.larger)?);
        if small.origin != large.origin {
            return Err(EvidenceError::Origin);
        }
        if self.proof.is_empty()
            && self.root == small.root
            && let Some(found) = Contradiction::of_ends(&small, &large)
        {
            return Ok(found);
        }
        verify_consistency(small.size, large.size, &self.proof, &self.root, &large.root)
            .map_err(EvidenceError::Proof)?;
        if self.root == small.root {
            return Err(EvidenceError::Agree);
        }
        Ok(Contradiction::Histories)
    }

    /// What the two texts are called by, whoever signed them: SHA-256 over both, the
    /// smaller tree's first. Of two of one size it is the lesser text.
    #[must_use]
    pub fn name(&self) -> Hash {
        let mut texts = [&self.smaller.text, &self.larger.text];
        let size = |note: &Note| Checkpoint::parse(&note.text).map(|of| of.size).ok();
        if size(&self.smaller) == size(&self.larger) {
            texts.sort();
        }
        // No line of a checkpoint is empty, so this is where the second begins.
        Sha256::digest(texts.map(String::as_str).join("\n")).into()
    }

    /// Takes over who signed, from evidence by the same texts: one line of each key.
    pub fn unite(&mut self, other: &Self) {
        for ours in [&mut self.smaller, &mut self.larger] {
            let same = [&other.smaller, &other.larger];
            let lines = same.into_iter().filter(|note| note.text == ours.text);
            for line in lines.flat_map(|note| &note.signatures) {
                if !ours.signatures.iter().any(|of| key_of(of) == key_of(line)) {
                    ours.signatures.push(line.clone());
                }
            }
        }
    }

    /// Checks it, with no more than the log's keys, of all epochs that are known.
    /// Answers who signed both: at least one, and none of them is honest.
    ///
    /// # Errors
    /// When it shows nothing.
    pub fn check(&self, signers: &[Signers]) -> Result<Vec<String>, EvidenceError> {
        let about = self.contradiction()?;
        // Only a set of authorities has epochs that end.
        let may = |of: &&Signers| {
            about == Contradiction::Histories || matches!(of, Signers::Authorities(_))
        };
        let signers: Vec<_> = signers.iter().filter(may).collect();
        let others = signed_by(&self.larger, &signers);
        let mut both = signed_by(&self.smaller, &signers);
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

/// The key that a line says it is by.
fn key_of(line: &Signature) -> (&str, Option<&[u8]>) {
    (&line.name, line.bytes.get(..4))
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
