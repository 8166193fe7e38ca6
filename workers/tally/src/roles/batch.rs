//! A batch of deliveries: what they refer to is taken from the store and
//! adjudicated, in one transaction where it can be; then they are acknowledged.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures_util::FutureExt as _;
use tally_core::claim::ClaimId;
use tally_queue::{Batch, Place, Publisher, QueueKey, Reason, Topology};
use tally_store::port::{Queued, Relay as _, Taken, Work as _};
use thiserror::Error;

use super::{Kind, Patience, Shared, kind, surely};
use crate::api::context::Trace;
use crate::failpoint;
use crate::node::Failed;

/// After so many deliveries something may have died of a claim of the batch:
/// they are adjudicated one by one.
const SUSPICIOUS: u64 = 3;
/// How long is waited, from and to, when somebody else was first.
const FENCED: Duration = Duration::from_millis(2);
const FENCED_MOST: Duration = Duration::from_millis(500);
/// Held while a claim is counted and tried: else the one that a process dies of
/// would take along, count by count, those that other partitions try at the
/// same moment, in each of its lives the same.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
/// So many deaths while it was adjudicated alone set a claim aside.
const DEATHS: u32 = 8;

/// Adjudicating it panicked.
#[derive(Debug, Error)]
#[error("the program panicked: {0}")]
pub struct Panicked(String);

impl Panicked {
    /// What a panic says of itself, shortened. Panics of ours hold nothing
    /// that identifies a person.
    pub fn of(said: &(dyn Any + Send)) -> Self {
        let text = said
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| said.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "without a word".to_owned());
        Self(text.chars().take(200).collect())
    }
}

/// What became of claims.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worked {
    /// All are committed.
    All,
    /// What was planned is; some must wait for an act of their unit.
    Left,
    /// Somebody else was first: one must look again.
    Fenced,
}

/// What one try came to.
struct Tried {
    /// What a host fault stopped.
    failed: Vec<Failed>,
    /// Whether something was left for another time.
    left: bool,
}

/// What a partition's task works with.
pub struct Desk<'a> {
    /// What the process shares.
    pub shared: &'a Shared,
    /// Opens references.
    pub key: &'a QueueKey,
    /// The names.
    pub topology: &'a Topology,
    /// The partition.
    pub place: Place,
    /// For what has to be buried.
    pub publisher: &'a Publisher,
    /// Told when groups of facts may wait to be judged.
    pub facts: &'a tokio::sync::Notify,
    /// Claims that were counted before they were tried here: this process lives,
    /// and whatever else stops them, it did not die of them.
    pub suspected: &'a Mutex<BTreeSet<ClaimId>>,
}

impl Desk<'_> {
    /// Works on a batch until every claim it refers to is decided or set
    /// aside, and acknowledges it. It is given up, to be delivered again, when
    /// the process is to stop or the broker is lost.
    pub async fn work(&self, mut batch: Batch) -> Result<()> {
        let (claims, referring) = self.references(&mut batch).await?;
        let again = batch
            .deliveries()
            .iter()
            .map(|d| d.delivered_before())
            .max();
        let alone = again.is_some_and(|times| times >= SUSPICIOUS);
        let mut unknown = BTreeSet::new();
        for claims in evenly(&claims, self.shared.config.worker.batch.into()) {
            if self.settle(claims, alone, &mut unknown).await?.is_none() {
                return Ok(());
            }
        }
        self.bury_unknown(&unknown, &referring, &mut batch).await?;
        failpoint::reach("before-ack");
        self.suspected().clear();
        batch.ack().await?;
        failpoint::reach("after-ack");
        Ok(())
    }

    /// What the deliveries refer to: each claim once, and what each delivery
    /// refers to. What refers to nothing is buried.
    async fn references(&self, batch: &mut Batch) -> Result<(Vec<ClaimId>, Vec<Vec<ClaimId>>)> {
        let mut referring = Vec::with_capacity(batch.deliveries().len());
        let mut bad = Vec::new();
        for (at, delivery) in batch.deliveries().iter().enumerate() {
            let opened = self.key.open(self.place, delivery.body());
            let claims = opened.unwrap_or_else(|error| {
                bad.push((at, error.to_string()));
                Vec::new()
            });
            referring.push(claims.into_iter().map(ClaimId).collect::<Vec<_>>());
        }
        for (at, text) in bad {
            let reason = Reason {
                code: "Q201".to_owned(),
                text,
            };
            batch
                .bury(at, &reason, self.publisher, self.topology)
                .await?;
        }
        let mut seen = BTreeSet::new();
        let claims = referring.iter().flatten().copied();
        let claims = claims.filter(|claim| seen.insert(*claim)).collect();
        Ok((claims, referring))
    }

    /// Works on claims until each is decided, set aside, or found to be unknown.
    /// None when it was told to stop.
    async fn settle(
        &self,
        claims: &[ClaimId],
        alone: bool,
        unknown: &mut BTreeSet<ClaimId>,
    ) -> Result<Option<()>> {
        let stop = &self.shared.stop;
        let limit = u32::from(self.shared.config.worker.batch).saturating_mul(2);
        let mut faults = Patience::new("adjudicating");
        let mut pause = FENCED;
        loop {
            let taken = surely!(
                stop,
                "taking claims",
                Ok(self.shared.store()?.take(claims, limit).await?)
            );
            let Some(taken) = taken else {
                return Ok(None);
            };
            unknown.extend(&taken.unknown);
            if taken.ready.is_empty() {
                return Ok(Some(()));
            }
            let whole = is_whole(claims, &taken);
            let decided = if alone {
                self.one_by_one(taken.ready).await
            } else {
                self.together(taken.ready).await
            };
            self.facts.notify_one();
            match decided {
                // Nothing is left to look for.
                Ok(Worked::All) if whole => return Ok(Some(())),
                Ok(Worked::All | Worked::Left) => pause = FENCED,
                // Somebody else is at it.
                Ok(Worked::Fenced) => {
                    tracing::debug!(claims = claims.len(), alone, "somebody else was first");
                    if !stop.sleep(pause).await {
                        return Ok(None);
                    }
                    pause = pause.saturating_mul(2).min(FENCED_MOST);
                }
                // A host fault may be over in a moment.
                Err(error) => {
                    if !faults.wait(stop, &error).await {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Buries the deliveries that refer to claims the store does not know.
    async fn bury_unknown(
        &self,
        unknown: &BTreeSet<ClaimId>,
        referring: &[Vec<ClaimId>],
        batch: &mut Batch,
    ) -> Result<()> {
        if unknown.is_empty() {
            return Ok(());
        }
        for (at, claims) in referring.iter().enumerate() {
            let missing = claims
                .iter()
                .filter(|claim| unknown.contains(claim))
                .count();
            if missing == 0 {
                continue;
            }
            let of = match claims.len() {
                1 => "the claim".to_owned(),
                all => format!("{missing} of its {all} claims"),
            };
            let reason = Reason {
                code: "Q202".to_owned(),
                text: format!(
                    "the store does not know {of}: was it restored from an older backup?"
                ),
            };
            batch
                .bury(at, &reason, self.publisher, self.topology)
                .await?;
        }
        Ok(())
    }

    /// Adjudicates and commits in one transaction. What is poisoned is found
    /// by halves, in order; it alone counts as failed.
    async fn together(&self, queued: Vec<Queued>) -> Result<Worked> {
        let mut waiting = vec![queued];
        let mut left = false;
        while let Some(mut queued) = waiting.pop() {
            let error = match self.attempt(&queued).await {
                Ok(tried) if tried.failed.is_empty() => {
                    left |= tried.left;
                    continue;
                }
                Ok(Tried { failed, .. }) => {
                    self.shared.node.note_faults(&failed).await?;
                    anyhow::bail!("{}", failed.first().map_or("", |failed| &failed.reason));
                }
                Err(error) => error,
            };
            match kind(&error) {
                Kind::Fenced => return Ok(Worked::Fenced),
                Kind::World => return Err(error),
                Kind::Poison => {}
            }
            if let [only] = &queued[..] {
                let failed = Failed {
                    claim: only.claim,
                    reason: crate::cli::chain(&error),
                };
                self.shared.node.note_faults(&[failed]).await?;
                return Err(error);
            }
            tracing::warn!(
                claims = queued.len(),
                error = crate::cli::chain(&error),
                "a batch is poisoned: looking for the claim by halves"
            );
            let second = queued.split_off(queued.len() / 2);
            waiting.push(second);
            waiting.push(queued);
        }
        Ok(if left { Worked::Left } else { Worked::All })
    }

    /// Adjudicates claims one by one, each counted before: a claim that
    /// processes keep dying of is set aside in the end, and no other.
    async fn one_by_one(&self, queued: Vec<Queued>) -> Result<Worked> {
        let store = self.shared.store()?;
        let mut all = Worked::All;
        for queued in queued {
            let _alone = ALONE.lock().await;
            let mut deaths = 0;
            if !self.suspected().contains(&queued.claim) {
                let counted = store.suspect(&[queued.claim]).await?;
                deaths = counted.first().copied().unwrap_or(0);
                self.suspected().insert(queued.claim);
            }
            if deaths > DEATHS {
                let reason = "workers died each time they adjudicated it";
                store.failed(queued.claim, 1, reason).await?;
                tracing::error!(claim = %queued.claim, "set aside: {reason}");
                return Ok(Worked::Fenced);
            }
            all = all.max(self.together(vec![queued]).await?);
        }
        Ok(all)
    }

    fn suspected(&self) -> MutexGuard<'_, BTreeSet<ClaimId>> {
        let suspected = self.suspected.lock();
        suspected.unwrap_or_else(PoisonError::into_inner)
    }

    /// One try: plan and commit.
    async fn attempt(&self, queued: &[Queued]) -> Result<Tried> {
        let planned = match &self.shared.planner {
            None => {
                let planning = self.shared.node.plan(queued.to_vec());
                AssertUnwindSafe(planning).catch_unwind().await
            }
            Some(planner) => Ok(planner(queued.to_vec()).await),
        };
        let planned = match planned {
            Ok(planned) => planned?,
            Err(said) => return Err(Panicked::of(said.as_ref()).into()),
        };
        failpoint::reach("before-commit");
        self.shared.node.commit(&planned).await?;
        failpoint::reach("after-commit");
        for queued in queued {
            if let Some(parent) = &queued.trace {
                tracing::debug!(
                    claim = %queued.claim,
                    trace = crate::node::keys::hex(&Trace::continuing(Some(parent)).id),
                    parent,
                    "worked on"
                );
            }
        }
        metrics::counter!("tally_claims_adjudicated_total").increment(planned.decided());
        Ok(Tried {
            failed: planned.failed,
            left: planned.left,
        })
    }
}

/// Claims in lots of about `size`: as many as come nearest to it, all alike.
fn evenly(claims: &[ClaimId], size: usize) -> impl Iterator<Item = &[ClaimId]> {
    let size = size.max(1);
    let lots = (claims.len().saturating_add(size / 2) / size).max(1);
    claims.chunks(claims.len().div_ceil(lots).max(1))
}

/// Whether each of the claims asked for is decided, set aside, or among what is
/// ready: then nothing was left out of a batch too large.
fn is_whole(claims: &[ClaimId], taken: &Taken) -> bool {
    let ready: BTreeSet<ClaimId> = taken.ready.iter().map(|queued| queued.claim).collect();
    let here = claims.iter().filter(|claim| ready.contains(claim)).count();
    let elsewhere = taken.done.len() + taken.aside.len() + taken.unknown.len();
    here + elsewhere == claims.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_are_even() {
        let claims: Vec<ClaimId> = (0..200).map(|n| ClaimId([n; 16])).collect();
        let lots = |claims, most| evenly(claims, most).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(lots(&claims, 128), [100, 100]);
        assert_eq!(lots(&claims[..191], 128), [191]);
        assert_eq!(lots(&claims[..192], 128), [96, 96]);
        assert_eq!(lots(&claims[..5], 128), [5]);
        assert_eq!(lots(&claims[..3], 1), [1, 1, 1]);
        assert_eq!(lots(&[], 128), [0; 0]);
    }
}
