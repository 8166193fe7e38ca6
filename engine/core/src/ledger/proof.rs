//! Proofs as text (C2SP tlog-proof).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::note::Note;
use super::tree::Hash;

const HEAD: &str = "c2sp.org/tlog-proof@v1\n";
/// A tree of 2^64 leaves has no longer path.
const MAX_HASHES: usize = 64;

/// That an entry is in a log: its index, the path to the root, a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// The entry's index.
    pub index: u64,
    /// From the leaf's sibling up.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl LogProof {
    /// Reads a proof; only its canonical form, without extra data. The error
    /// says what is wrong.
    ///
    /// # Errors
    /// When it is not the form of a proof.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix(HEAD).ok_or("its first line is another")?;
        let (head, checkpoint) = rest
            .split_once("\n\n")
            .ok_or("no empty line before the checkpoint")?;
        let mut lines = head.split('\n');
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(|index| index.parse().ok())
            .ok_or("no index")?;
        let path: Vec<Hash> = lines
            .map(|line| BASE64.decode(line).ok()?.try_into().ok())
            .collect::<Option<_>>()
            .ok_or("a hash that is not 32 bytes of base64")?;
        if path.len() > MAX_HASHES {
            return Err("too many hashes");
        }
        let checkpoint = Note::parse(checkpoint).map_err(|_| "its checkpoint is no signed note")?;
        let proof = Self {
            index,
            path,
            checkpoint,
        };
        if proof.to_string() != text {
            return Err("not in its canonical form");
        }
        Ok(proof)
    }
}

impl core::fmt::Display for LogProof {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{HEAD}index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
