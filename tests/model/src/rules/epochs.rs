//! Epochs: one set of authorities each, from a boundary to the next.

use std::collections::BTreeSet;

use super::Refusal;

/// One epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch<K> {
    /// Whose signatures count.
    pub authorities: BTreeSet<K>,
    /// The size after its boundary block, once that is known.
    pub last: Option<u64>,
}

/// The epochs somebody knows, from the pinned genesis set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epochs<K>(pub Vec<Epoch<K>>);

impl<K> Default for Epochs<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Clone> Epochs<K> {
    /// Only the genesis set.
    #[must_use]
    pub fn pinned(authorities: BTreeSet<K>) -> Self {
        let last = None;
        Self(vec![Epoch { authorities, last }])
    }

    /// One epoch.
    ///
    /// # Errors
    /// When it is not known.
    pub fn epoch(&self, epoch: u64) -> Result<&Epoch<K>, Refusal> {
        let index = usize::try_from(epoch).ok();
        let found = index.and_then(|index| self.0.get(index));
        found.ok_or(Refusal::UnknownEpoch)
    }

    /// Whether an epoch's authorities have anything to say of a size: an epoch's checkpoints
    /// are larger than the last boundary, and none is larger than its own.
    ///
    /// # Errors
    /// Past its boundary, before its first block, or not known.
    pub fn may_count(&self, epoch: u64, size: u64) -> Result<&Epoch<K>, Refusal> {
        let known = self.epoch(epoch)?;
        if known.last.is_some_and(|last| size > last) {
            return Err(Refusal::PastBoundary);
        }
        let before = epoch.checked_sub(1).map(|before| self.epoch(before));
        if let Some(before) = before.transpose()?
            && before.last.is_none_or(|last| size <= last)
        {
            return Err(Refusal::BeforeItsEpoch);
        }
        Ok(known)
    }

    /// Whether an epoch may begin after a boundary block that left the log at `size`.
    ///
    /// # Errors
    /// When it is not the next, or is known with another set or boundary.
    pub fn may_enter(
        &self,
        epoch: u64,
        authorities: &BTreeSet<K>,
        size: u64,
    ) -> Result<(), Refusal> {
        let Ok(known) = self.epoch(epoch) else {
            let next = epoch == self.0.len() as u64 && !authorities.is_empty();
            return if next { Ok(()) } else { Err(Refusal::NotNext) };
        };
        let before = epoch.checked_sub(1).map(|before| self.epoch(before));
        let boundary = before.transpose()?.and_then(|before| before.last);
        if known.authorities != *authorities || boundary.is_some_and(|last| last != size) {
            return Err(Refusal::OtherEpoch);
        }
        Ok(())
    }

    /// Begins it; what is known stays.
    pub fn enter(&mut self, epoch: u64, authorities: BTreeSet<K>, size: u64) {
        if self.epoch(epoch).is_ok() {
            return;
        }
        if let Some(before) = self.0.last_mut() {
            before.last = Some(size);
        }
        let last = None;
        self.0.push(Epoch { authorities, last });
    }
}
