//! Checkpoints (C2SP tlog-checkpoint): origin, size and root in a signed note.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use super::note::{Note, NoteError, SigningKey, VerifierKey};
use super::tree::Hash;

/// Why a note is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// Not a note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not the form of a checkpoint.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
    /// The origin is not the key's name.
    #[error("the checkpoint is of another log")]
    Origin,
    /// A line after the root, where none belongs.
    #[error("a line follows the root: a log of one key has none there, only a shared ledger has")]
    Extended,
}

/// What a log was at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// Lines after the root, kept as they stand.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64.encode(self.root)
        );
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Note {
        key.sign_note(self.text())
    }

    /// Reads the text of a note; only its canonical form. It verifies nothing.
    ///
    /// # Errors
    /// When it is not the form of a checkpoint.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(CheckpointError::Form("it ends inside a line"))?
            .split('\n');
        let mut next = |what| lines.next().ok_or(CheckpointError::Form(what));
        let origin = next("no origin")?.to_owned();
        let size = next("no size")?
            .parse()
            .map_err(|_| CheckpointError::Form("the size is no number"))?;
        let root = BASE64
            .decode(next("no root")?)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(CheckpointError::Form("the root is not 32 bytes of base64"))?;
        let checkpoint = Self {
            origin,
            size,
            root,
            extensions: lines.map(str::to_owned).collect(),
        };
        if checkpoint.origin.is_empty()
            || checkpoint.extensions.iter().any(String::is_empty)
            || checkpoint.text() != text
        {
            return Err(CheckpointError::Form("not in its canonical form"));
        }
        Ok(checkpoint)
    }

    /// Opens a note that `key` signed, under the key's own name as origin.
    ///
    /// # Errors
    /// When it is no checkpoint of that log signed by that key.
    pub fn open(note: &Note, key: &VerifierKey) -> Result<Self, CheckpointError> {
        note.verify(key)?;
        let checkpoint = Self::parse(&note.text)?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::Origin);
        }
        Ok(checkpoint)
    }

    /// The same, of a log that one key signs alone, as every node keeps one: no line follows
    /// the root. What authorities of a shared ledger sign has its epoch there, so a ledger
    /// of one authority is never taken for a log of that one's, whose key and name it has.
    ///
    /// # Errors
    /// When it is no such checkpoint of that log signed by that key.
    pub fn open_local(note: &Note, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::open(note, key)?;
        match checkpoint.extensions.is_empty() {
            true => Ok(checkpoint),
            false => Err(CheckpointError::Extended),
        }
    }
}
