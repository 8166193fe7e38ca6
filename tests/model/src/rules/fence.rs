//! The fence: a key is bound to the journal it first voted with.

use std::collections::BTreeMap;

use super::Refusal;

/// Which journal each key has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence<K: Ord, J>(pub BTreeMap<K, J>);

impl<K: Ord, J> Default for Fence<K, J> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone, J: PartialEq> Fence<K, J> {
    /// Whether a key may start with a journal: a new key with any, a known key with its own.
    ///
    /// # Errors
    /// When the key has another: it may have voted for what it no longer remembers.
    pub fn may_start(&self, key: &K, journal: &J) -> Result<(), Refusal> {
        match self.0.get(key) {
            Some(bound) if bound != journal => Err(Refusal::OtherJournal),
            _ => Ok(()),
        }
    }

    /// Starts it.
    pub fn start(&mut self, key: K, journal: J) {
        self.0.insert(key, journal);
    }
}
