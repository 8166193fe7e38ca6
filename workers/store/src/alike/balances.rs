//! The balances that a batch moves.

use std::collections::BTreeMap;

use crate::port::{AccumulatorName, Adjudicated, Answer};

use super::fenced;

/// A balance as the batch found it and leaves it.
pub(crate) struct Moved<'a> {
    pub(crate) unit: i64,
    pub(crate) name: &'a AccumulatorName,
    pub(crate) before: i64,
    pub(crate) after: i64,
}

/// What an act moves: each balance once.
pub(crate) fn moved_by(unit: i64, movements: &[(AccumulatorName, i64, i64)]) -> Vec<Moved<'_>> {
    movements
        .iter()
        .map(|(name, before, after)| Moved {
            unit,
            name,
            before: *before,
            after: *after,
        })
        .collect()
}

/// What each balance was before the batch and is after it, by the claims and
/// their units. Within the batch, each movement starts where the one before
/// ended.
pub(crate) fn moved<'a>(
    claims: impl Iterator<Item = (i64, &'a Adjudicated)>,
) -> Answer<Vec<Moved<'a>>> {
    let mut moved: BTreeMap<(i64, &AccumulatorName), (i64, i64)> = BTreeMap::new();
    for (unit, claim) in claims {
        for (name, before, after) in &claim.movements {
            let balance = moved.entry((unit, name)).or_insert((*before, *before));
            if balance.1 != *before {
                return Err(fenced("a balance"));
            }
            balance.1 = *after;
        }
    }
    Ok(moved
        .into_iter()
        .map(|((unit, name), (before, after))| Moved {
            unit,
            name,
            before,
            after,
        })
        .collect())
}
