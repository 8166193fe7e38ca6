//! Checkpoints: who signs which, and when one is public.

use std::collections::{BTreeMap, BTreeSet};

use super::{Block, Epochs, Refusal, Store};

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement<K, R> {
    /// The epoch whose authorities sign it.
    pub epoch: u64,
    /// Leaves.
    pub size: u64,
    /// The root over them.
    pub root: R,
    /// The next epoch's authorities, on a boundary block: then it is a handover.
    pub next: Option<BTreeSet<K>>,
}

/// Whether an authority may sign: it is of the epoch's set, the epoch may speak of that size,
/// and the block is on its own disk.
///
/// # Errors
/// Which of these does not hold.
pub fn may_sign<K: Ord + Clone, R: Clone + PartialEq>(
    key: &K,
    store: &Store<R>,
    epochs: &Epochs<K>,
    statement: &Statement<K, R>,
) -> Result<(), Refusal> {
    let epoch = epochs.may_count(statement.epoch, statement.size)?;
    if !epoch.authorities.contains(key) {
        return Err(Refusal::NotOfTheSet);
    }
    let block = Block {
        size: statement.size,
        root: statement.root.clone(),
        epoch: statement.epoch,
    };
    if !store.holds(&block) {
        return Err(Refusal::SignedUncommitted);
    }
    Ok(())
}

/// Whether signatures make a checkpoint public, by a rule for the quorum.
///
/// # Errors
/// A signer that is not of the set, a set that may not speak of that size, too few.
pub fn may_publish<K: Ord + Clone, R>(
    epochs: &Epochs<K>,
    statement: &Statement<K, R>,
    signers: &BTreeSet<K>,
    quorum: fn(usize) -> usize,
) -> Result<(), Refusal> {
    let epoch = epochs.may_count(statement.epoch, statement.size)?;
    if !signers.is_subset(&epoch.authorities) {
        return Err(Refusal::NotOfTheSet);
    }
    if signers.len() < quorum(epoch.authorities.len()) {
        return Err(Refusal::TooFew);
    }
    Ok(())
}

/// The signatures somebody has received; a signature that comes again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Collected<S: Ord, K: Ord>(pub BTreeMap<S, BTreeSet<K>>);

impl<S: Ord, K: Ord> Default for Collected<S, K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Ord + Clone, K: Ord + Clone> Collected<S, K> {
    /// Takes one in.
    pub fn collect(&mut self, statement: S, signer: K) {
        self.0.entry(statement).or_default().insert(signer);
    }

    /// Whose signatures are there.
    #[must_use]
    pub fn signers(&self, statement: &S) -> BTreeSet<K> {
        self.0.get(statement).cloned().unwrap_or_default()
    }
}
