//! Evidence of a fork: two statements of one set that cannot both be true.

use std::collections::BTreeSet;

use super::{Statement, quorum};

/// A public checkpoint: a statement and who signed it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signed<K, R> {
    /// What was signed.
    pub statement: Statement<K, R>,
    /// By whom.
    pub signers: BTreeSet<K>,
}

/// What convinces a third party who has the set's keys and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence<K, R> {
    /// The checkpoint of the smaller size.
    pub older: Signed<K, R>,
    /// The other.
    pub newer: Signed<K, R>,
    /// The root that the newer tree has at the older size, shown by a consistency proof from
    /// it to the newer root.
    pub shown: R,
    /// Who signed both: none of them kept the rules.
    pub both: BTreeSet<K>,
}

/// Compares two public checkpoints of one epoch.
///
/// `shown` is the root that the newer tree has at the older size. They conflict when it is not
/// the older root, when something follows a handover, or when two handovers differ.
/// Two quorums of one set of n have n - 2⌊(n-1)/3⌋ signers in common, more than may be Byzantine.
#[must_use]
pub fn evidence<K: Ord + Clone, R: Clone + Eq>(
    authorities: &BTreeSet<K>,
    older: &Signed<K, R>,
    newer: &Signed<K, R>,
    shown: R,
) -> Option<Evidence<K, R>> {
    let (a, b) = (&older.statement, &newer.statement);
    let enough = |signed: &Signed<K, R>| {
        let counted = signed.signers.intersection(authorities).count();
        counted >= quorum(authorities.len())
    };
    if a.epoch != b.epoch || a.size > b.size || !enough(older) || !enough(newer) {
        return None;
    }
    let other_log = shown != a.root;
    let past_handover = a.next.is_some() && a.size < b.size;
    let other_handover = a.next.is_some() && b.next.is_some() && a != b;
    if !other_log && !past_handover && !other_handover {
        return None;
    }
    let both = older.signers.intersection(&newer.signers);
    Some(Evidence {
        older: older.clone(),
        newer: newer.clone(),
        shown,
        both: both
            .filter(|key| authorities.contains(key))
            .cloned()
            .collect(),
    })
}
