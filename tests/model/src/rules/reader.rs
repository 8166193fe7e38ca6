//! A reader: walks from the pinned genesis set over handovers, and remembers.

use std::collections::BTreeSet;

use super::{Epochs, Refusal, Statement, may_publish};

/// What a reader knows of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader<K, R> {
    /// The sets it has walked over.
    pub epochs: Epochs<K>,
    /// Size and root of the largest checkpoint it accepted.
    pub held: Option<(u64, R)>,
}

impl<K: Ord + Clone, R: Clone + Eq> Reader<K, R> {
    /// Knows the genesis set and nothing else.
    #[must_use]
    pub fn pinned(authorities: BTreeSet<K>) -> Self {
        Self {
            epochs: Epochs::pinned(authorities),
            held: None,
        }
    }

    /// Whether a checkpoint is to be believed.
    ///
    /// `shown` is the root that the larger of the two trees, this one and the held one, has at
    /// the smaller size, by a consistency proof. Without it the keys of a set that is no longer
    /// in force could say anything about the past.
    ///
    /// # Errors
    /// As [`may_publish`]; not consistent with what is held; another handover.
    pub fn may_accept(
        &self,
        statement: &Statement<K, R>,
        signers: &BTreeSet<K>,
        shown: Option<&R>,
        quorum: fn(usize) -> usize,
    ) -> Result<(), Refusal> {
        may_publish(&self.epochs, statement, signers, quorum)?;
        if let Some((size, root)) = &self.held {
            let smaller = if *size <= statement.size {
                root
            } else {
                &statement.root
            };
            if shown != Some(smaller) {
                return Err(Refusal::OtherThanHeld);
            }
        }
        match &statement.next {
            Some(next) => self
                .epochs
                .may_enter(statement.epoch + 1, next, statement.size),
            None => Ok(()),
        }
    }

    /// Believes it, and walks where it hands over.
    pub fn accept(&mut self, statement: &Statement<K, R>) {
        if let Some(next) = &statement.next {
            self.epochs
                .enter(statement.epoch + 1, next.clone(), statement.size);
        }
        if self
            .held
            .as_ref()
            .is_none_or(|(size, _)| *size < statement.size)
        {
            self.held = Some((statement.size, statement.root.clone()));
        }
    }
}
