//! A unit's past as it stands, and what an act makes of it. A worker does it once,
//! a replay does it again: both by this.

use std::collections::BTreeMap;
use std::sync::Arc;

use tally_core::adjudication::{
    AccumulatorKey, Balances, Decision, Inputs, Nothing, Now, Outcome, Place, Review, Run, Settled,
    Transcript, decide, over_limits, readjudicate, settle_by_hand,
};
use tally_core::claim::{Claim, ClaimId, Contract};
use tally_core::ledger::Execution;
use tally_sandbox::{Backend, FUEL_COST_TABLE};
use tally_store::port::AccumulatorName;

use super::Node;
use super::work::{Adjudication, ENGINE, Halt, UnitWork, adjudicate};
use crate::policies::Book;

/// A claim at its place, and what it is decided by.
pub(super) struct Occupant {
    pub(super) claim: Claim,
    pub(super) contract: Option<Arc<Contract>>,
    /// The prefix of the log that says which policies there are.
    pub(super) prefix: u64,
    /// What a person determined.
    pub(super) review: Option<Review>,
    /// What it came to last; nothing yet when it is to be put there.
    pub(super) outcome: Option<Outcome>,
}

/// A place in a unit's order.
pub(super) struct Spot {
    /// The number in the unit of the claim that came first.
    pub(super) sequence: u64,
    /// The claim that stands there.
    pub(super) occupant: Option<Occupant>,
}

/// All places of a unit, in order.
#[derive(Default)]
pub(super) struct Past {
    pub(super) spots: Vec<Spot>,
    /// Where each claim stands or stood.
    places: BTreeMap<ClaimId, usize>,
}

/// What an act does.
pub(super) enum Doing {
    /// A claim is taken back.
    Void(ClaimId),
    /// Another claim is put in the place of one.
    Replace(ClaimId, Box<Occupying>),
    /// All is decided anew.
    Readjudicate {
        contract: Option<Arc<Contract>>,
        prefix: u64,
    },
    /// A claim is settled by hand.
    Review(Review),
}

/// A claim that is to stand somewhere.
pub(super) struct Occupying {
    pub(super) claim: Claim,
    pub(super) contract: Option<Arc<Contract>>,
    pub(super) prefix: u64,
}

/// What changes at a place.
pub(super) struct Changed {
    /// The place.
    pub(super) at: usize,
    /// What stood there: the claim, and what it had come to.
    pub(super) before: Option<(Claim, Outcome)>,
    /// What stands there now: the claim, what it comes to, the prefix of the log
    /// that it was decided by.
    pub(super) now: Option<(Claim, Adjudication, u64)>,
}

/// What an act comes to.
pub(super) struct Acted {
    /// In the order of the places.
    pub(super) changed: Vec<Changed>,
    /// The balances that the unit's claims move, as they are now.
    pub(super) balances: BTreeMap<AccumulatorName, i64>,
    /// The lines of all claims.
    pub(super) lines: Vec<tally_core::adjudication::PastLine>,
}

impl AsRef<Settled> for Adjudication {
    fn as_ref(&self) -> &Settled {
        &self.settled
    }
}

impl Past {
    /// A claim that was decided comes after those before it.
    pub(super) fn push(&mut self, sequence: u64, occupant: Occupant) {
        self.places.insert(occupant.claim.id, self.spots.len());
        self.spots.push(Spot {
            sequence,
            occupant: Some(occupant),
        });
    }

    /// A claim that nothing is known of any more keeps its place.
    pub(super) fn push_erased(&mut self, sequence: u64, claim: ClaimId) {
        self.places.insert(claim, self.spots.len());
        self.spots.push(Spot {
            sequence,
            occupant: None,
        });
    }

    /// Where a claim stands or stood.
    fn place(&self, claim: ClaimId) -> Option<usize> {
        self.places.get(&claim).copied()
    }

    /// A claim that stands, and its place.
    pub(super) fn standing(&self, claim: ClaimId) -> Option<(usize, &Occupant)> {
        let at = self.place(claim)?;
        let occupant = self.spots.get(at)?.occupant.as_ref()?;
        (occupant.claim.id == claim).then_some((at, occupant))
    }

    /// Puts a claim where another is, or nothing; answers what stood there.
    pub(super) fn put(
        &mut self,
        original: ClaimId,
        occupant: Option<Occupant>,
        id: ClaimId,
    ) -> Option<(usize, Occupant)> {
        let at = self.place(original)?;
        self.places.insert(id, at);
        let spot = self.spots.get_mut(at)?;
        let stood = std::mem::replace(&mut spot.occupant, occupant)?;
        Some((at, stood))
    }

    /// All claims are decided by these from now on. Those of members whom the contract
    /// names no more, for they moved to another, keep the version that named them.
    pub(super) fn decide_by(&mut self, contract: Option<&Arc<Contract>>, prefix: u64) {
        for occupant in self.spots.iter_mut().filter_map(|s| s.occupant.as_mut()) {
            let member = &occupant.claim.member;
            let names = |contract: &Arc<Contract>| contract.find(member).is_some();
            let left = contract.is_some_and(|contract| !names(contract))
                && occupant.contract.as_ref().is_some_and(names);
            if !left {
                occupant.contract = contract.map(Arc::clone);
            }
            occupant.prefix = prefix;
        }
    }

    /// A claim is settled by hand from now on.
    pub(super) fn review(&mut self, review: Review) {
        let at = self.place(review.claim);
        let spot = at.and_then(|at| self.spots.get_mut(at));
        if let Some(occupant) = spot.and_then(|spot| spot.occupant.as_mut())
            && occupant.claim.id == review.claim
        {
            occupant.review = Some(review);
        }
    }

    /// Does an act: what stands afterwards is decided anew, in order. `opening` is
    /// what the balances would be without any claim that is known.
    ///
    /// # Errors
    /// When a claim cannot be brought to an outcome.
    pub(super) fn act(
        &mut self,
        node: &Node,
        book: &Book,
        doing: Doing,
        opening: &BTreeMap<AccumulatorName, i64>,
        backend: Backend,
    ) -> Result<Acted, Halt> {
        // What stood where another claim, or none, is to stand.
        let mut stood = match doing {
            Doing::Void(claim) => self.put(claim, None, claim),
            Doing::Replace(original, new) => {
                let id = new.claim.id;
                let occupant = Occupant {
                    claim: new.claim,
                    contract: new.contract,
                    prefix: new.prefix,
                    review: None,
                    outcome: None,
                };
                self.put(original, Some(occupant), id)
            }
            Doing::Readjudicate { contract, prefix } => {
                self.decide_by(contract.as_ref(), prefix);
                None
            }
            Doing::Review(review) => {
                self.review(review);
                None
            }
        };
        let mut books: BTreeMap<u64, Book> = BTreeMap::new();
        for occupant in self.spots.iter().filter_map(|spot| spot.occupant.as_ref()) {
            let prefix = occupant.prefix;
            books.entry(prefix).or_insert_with(|| book.at(prefix));
        }
        let places: Vec<Place<'_>> = self
            .spots
            .iter()
            .enumerate()
            .map(|(at, spot)| Place {
                standing: match &stood {
                    Some((of, before)) if *of == at => before.outcome.as_ref(),
                    _ => spot.occupant.as_ref().and_then(|o| o.outcome.as_ref()),
                },
                now: spot.occupant.as_ref().and_then(|occupant| {
                    let contract = occupant.contract.as_deref();
                    Some(Now {
                        claim: &occupant.claim,
                        enrolled: contract.and_then(|c| Some((c, c.find(&occupant.claim.member)?))),
                        policies: books.get(&occupant.prefix)?,
                    })
                }),
            })
            .collect();
        let opening = Opening { node, opening };
        let done = readjudicate(&places, Vec::new(), &opening, |at, inputs| {
            let occupant = self.spots.get(at).and_then(|spot| spot.occupant.as_ref());
            let occupant = occupant.ok_or(Halt::NotLoaded)?;
            let book = books.get(&occupant.prefix).ok_or(Halt::NotLoaded)?;
            decided(occupant, inputs, book, backend)
        })?;
        let balances = done
            .balances
            .iter()
            .map(|(key, used)| (node.accumulator_name(key), *used))
            .collect();
        let lines = done.lines;
        let changes: Vec<(usize, Option<Adjudication>)> = done
            .changes
            .into_iter()
            .map(|change| (change.place, change.settled))
            .collect();
        let changed = changes
            .into_iter()
            .map(|(at, settled)| {
                let mut occupant = self.spots.get_mut(at).and_then(|s| s.occupant.as_mut());
                let before = match stood.take_if(|(of, _)| *of == at) {
                    Some((_, before)) => before.outcome.map(|outcome| (before.claim, outcome)),
                    None => occupant
                        .as_mut()
                        .and_then(|stays| Some((stays.claim.clone(), stays.outcome.take()?))),
                };
                let now = settled.zip(occupant).map(|(adjudication, occupant)| {
                    occupant.outcome = Some(adjudication.settled.outcome.clone());
                    (occupant.claim.clone(), adjudication, occupant.prefix)
                });
                Changed { at, before, now }
            })
            .collect();
        Ok(Acted {
            changed,
            balances,
            lines,
        })
    }
}

/// Balances that no claim that is known has moved.
pub(super) struct Opening<'a> {
    pub(super) node: &'a Node,
    pub(super) opening: &'a BTreeMap<AccumulatorName, i64>,
}

impl Balances for Opening<'_> {
    fn used(&self, key: &AccumulatorKey) -> i64 {
        if self.opening.is_empty() {
            return Nothing.used(key);
        }
        let name = self.node.accumulator_name(key);
        self.opening.get(&name).copied().unwrap_or(0)
    }
}

/// Decides a claim as a person or its policy does.
fn decided(
    occupant: &Occupant,
    inputs: &Inputs<'_>,
    book: &Book,
    backend: Backend,
) -> Result<Adjudication, Halt> {
    if let Some(review) = &occupant.review
        && let Decision::Run(run) = decide(inputs)?
        && run.policy.hash == review.policy
    {
        let decided = by_hand(&occupant.claim, &run, review)?;
        let over = over_limits(&decided.settled.outcome, &run.policy.description);
        if !over.is_empty() {
            tracing::warn!(claim = %occupant.claim.id, postings = over.len(), "a review holds above a limit: the accumulator is over it");
        }
        return Ok(decided);
    }
    let contract = occupant.contract.as_deref();
    let history = Arc::new(inputs.history.to_vec());
    adjudicate(
        book,
        &occupant.claim,
        contract,
        &history,
        inputs.balances,
        backend,
    )
}

/// Settles a claim by what a person determined of it: it holds, above a limit too.
pub(super) fn by_hand(claim: &Claim, run: &Run, review: &Review) -> Result<Adjudication, Halt> {
    Ok(Adjudication {
        settled: settle_by_hand(claim, run, review.lines.clone())?,
        context: None,
        transcript: Transcript::default(),
        tables: Vec::new(),
        execution: Execution {
            engine: ENGINE.to_owned(),
            backend: Execution::BY_HAND.to_owned(),
            fuel: None,
            fuel_limit: 0,
            fuel_costs: FUEL_COST_TABLE,
        },
    })
}

/// What a unit has come to after an act.
impl Acted {
    pub(super) fn unit(&self) -> UnitWork {
        UnitWork::of(self.balances.clone(), self.lines.clone())
    }
}
