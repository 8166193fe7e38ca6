//! Dead letters: what came from the broker and could not be used, sealed, until
//! an operator settles it.

use anyhow::{Context as _, Result};
use tally_core::canon::Canon as _;
use tally_store::port::{DeadLetterRow, Sealed};

use super::Node;
use crate::roles::Letter;

/// What a dead letter is sealed as.
const DEAD: &str = "dead-letter";

impl Node {
    /// Seals a dead letter under a key of its own.
    pub(crate) async fn seal_letter(&self, letter: &Letter) -> Result<Sealed> {
        let key = self.vault.fresh_one().await?;
        Ok(key.seal(DEAD, &letter.to_canon())?)
    }

    /// Opens a dead letter.
    ///
    /// # Errors
    /// When it was erased or is damaged.
    pub(crate) async fn open_letter(&self, row: &DeadLetterRow) -> Result<Letter> {
        let sealed = &row.letter.sealed;
        let key = self.vault.key(sealed.record).await?;
        Letter::from_canon(&key.open(DEAD, sealed)?).context("a stored dead letter is damaged")
    }
}
