//! Retroactive re-adjudication: what a unit's claims come to when an earlier one
//! is voided or replaced, or when eligibility, a price or a policy changes.
//!
//! All claims of the unit are decided anew, in their order, as if it had always
//! been so. What comes out as it stands is left alone; what comes out otherwise is
//! a pair, the reversal always before the correction. The balances are those that
//! the unit would have had.

use std::collections::BTreeMap;

use super::decide::{AccumulatorKey, Balances, Inputs, Movement, Policies, Settled};
use super::history::PastLine;
use super::outcome::Outcome;
use crate::canon::Canon as _;
use crate::claim::{Claim, Contract};

/// A place in a unit's order: what stands there, and what is to.
pub struct Place<'a> {
    /// What the claim there came to; none when it was not decided yet.
    pub standing: Option<&'a Outcome>,
    /// The claim that is to stand there from now on: the same one, or the one that
    /// replaces it; none when it is voided.
    pub now: Option<Now<'a>>,
}

/// A claim, and whose it is.
#[derive(Clone, Copy)]
pub struct Now<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// The contract and the position of the member in it; `None` when the member
    /// is unknown.
    pub enrolled: Option<(&'a Contract, usize)>,
    /// The policies that were known when the claim was decided, or are to be known
    /// from now on.
    pub policies: &'a dyn Policies,
}

/// What changes at a place.
pub struct Change<'a, S = Settled> {
    /// The place, from zero.
    pub place: usize,
    /// What no longer stands: it is reversed, before anything is put in its place.
    pub reversed: Option<&'a Outcome>,
    /// What stands from now on.
    pub settled: Option<S>,
}

/// What a unit comes to.
pub struct Readjudication<'a, S = Settled> {
    /// What changes, in the order of the places.
    pub changes: Vec<Change<'a, S>>,
    /// The lines of all claims, as later claims see them.
    pub lines: Vec<PastLine>,
    /// The balances that its claims move.
    pub balances: BTreeMap<AccumulatorKey, i64>,
}

/// Balances as claims move them, from where they began.
struct Books<'b> {
    opening: &'b dyn Balances,
    moved: BTreeMap<AccumulatorKey, i64>,
}

/// Where nothing was used before.
pub struct Nothing;

impl Balances for Nothing {
    fn used(&self, _: &AccumulatorKey) -> i64 {
        0
    }
}

impl Balances for Books<'_> {
    fn used(&self, key: &AccumulatorKey) -> i64 {
        let moved = self.moved.get(key).copied();
        moved.unwrap_or_else(|| self.opening.used(key))
    }
}

/// Decides all claims of a unit anew. `history` is of what came before the first
/// place, and belongs to nobody here, as are the `opening` balances; `decided` decides the claim of a place: its
/// position is given, and what the claim is decided on.
///
/// # Errors
/// As `decided`.
pub fn readjudicate<'a, S: AsRef<Settled>, E>(
    places: &[Place<'a>],
    history: Vec<PastLine>,
    opening: &dyn Balances,
    mut decided: impl FnMut(usize, &Inputs<'_>) -> Result<S, E>,
) -> Result<Readjudication<'a, S>, E> {
    let mut lines = history;
    let mut books = Books {
        opening,
        moved: BTreeMap::new(),
    };
    let mut changes = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let settled = match place.now {
            None => None,
            Some(now) => {
                let decided = decided(
                    at,
                    &Inputs {
                        claim: now.claim,
                        enrolled: now.enrolled,
                        policies: now.policies,
                        history: &lines,
                        balances: &books,
                    },
                )?;
                let settled = decided.as_ref();
                for movement in &settled.movements {
                    books.moved.insert(movement.key.clone(), movement.after);
                }
                lines.extend(settled.lines.iter().cloned());
                Some(decided)
            }
        };
        let same = match (place.standing, &settled) {
            (Some(stands), Some(decided)) => {
                stands.to_canon() == decided.as_ref().outcome.to_canon()
            }
            (None, None) => true,
            _ => false,
        };
        if !same {
            changes.push(Change {
                place: at,
                reversed: place.standing,
                settled,
            });
        }
    }
    Ok(Readjudication {
        changes,
        lines,
        balances: books.moved,
    })
}

impl<S> Readjudication<'_, S> {
    /// The movements that bring a unit's balances to what they are now: those that
    /// differ, in order of their keys.
    #[must_use]
    pub fn movements(&self, before: &BTreeMap<AccumulatorKey, i64>) -> Vec<Movement> {
        let keys: std::collections::BTreeSet<&AccumulatorKey> =
            before.keys().chain(self.balances.keys()).collect();
        let used = |of: &BTreeMap<AccumulatorKey, i64>, key| of.get(key).copied().unwrap_or(0);
        keys.into_iter()
            .map(|key| Movement {
                key: key.clone(),
                before: used(before, key),
                after: used(&self.balances, key),
            })
            .filter(|movement| movement.before != movement.after)
            .collect()
    }
}
