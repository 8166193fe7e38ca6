//! Relaying local logs: one counter for each organisation.

use std::collections::BTreeMap;

use super::Refusal;

/// The next entry of each organisation's local log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counters<O: Ord>(pub BTreeMap<O, u64>);

impl<O: Ord> Default for Counters<O> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<O: Ord + Clone> Counters<O> {
    /// The entry that is to come.
    #[must_use]
    pub fn next(&self, organisation: &O) -> u64 {
        self.0.get(organisation).copied().unwrap_or(0)
    }

    /// Whether an envelope may stand next.
    ///
    /// # Errors
    /// When it has no entries, some that stand already, or leaves some out.
    pub fn may_admit(&self, organisation: &O, first: u64, count: u64) -> Result<(), Refusal> {
        if count == 0 {
            return Err(Refusal::NoEntries);
        }
        match first.cmp(&self.next(organisation)) {
            std::cmp::Ordering::Less => Err(Refusal::Again),
            std::cmp::Ordering::Greater => Err(Refusal::EntriesMissing),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    /// Takes it in.
    pub fn admit(&mut self, organisation: O, first: u64, count: u64) {
        self.0.insert(organisation, first.saturating_add(count));
    }
}
