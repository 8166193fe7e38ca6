//! When what was committed. The worker counts claims in a metric of the task
//! that committed them, right after: so it is seen here without a hook.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tally_core::claim::ClaimId;
use tally_store::port::Batch;

/// What was committed so far.
#[derive(Default)]
pub struct Commits {
    claims: AtomicU64,
    batches: AtomicU64,
    /// Whether times are kept.
    timed: std::sync::atomic::AtomicBool,
    /// What each task has planned last.
    planned: Mutex<HashMap<tokio::task::Id, Vec<ClaimId>>>,
    at: Mutex<BTreeMap<ClaimId, Instant>>,
}

impl Commits {
    /// The one that the worker's metric counts in.
    pub fn of_worker() -> Arc<Self> {
        static ONE: OnceLock<Arc<Commits>> = OnceLock::new();
        Arc::clone(ONE.get_or_init(|| {
            let one = Arc::new(Self::default());
            let _ = metrics::set_global_recorder(Told(Arc::clone(&one)));
            one
        }))
    }

    pub fn claims(&self) -> u64 {
        self.claims.load(Ordering::Relaxed)
    }

    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Keeps the times of commits from now on.
    pub fn keep_times(&self) {
        self.timed.store(true, Ordering::Relaxed);
    }

    /// The times that were kept.
    pub fn times(&self) -> BTreeMap<ClaimId, Instant> {
        self.timed.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.at.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The task at hand is about to commit this.
    pub fn planned(&self, batch: &Batch) {
        if self.timed.load(Ordering::Relaxed)
            && let Some(task) = tokio::task::try_id()
        {
            let claims = batch.claims.iter().map(|claim| claim.claim).collect();
            let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
            planned.insert(task, claims);
        }
    }

    /// The task at hand has committed so many.
    pub fn committed(&self, count: u64) {
        let now = Instant::now();
        self.claims.fetch_add(count, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        if self.timed.load(Ordering::Relaxed)
            && let Some(task) = tokio::task::try_id()
        {
            let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
            let claims = planned.remove(&task).unwrap_or_default();
            drop(planned);
            let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
            at.extend(claims.into_iter().map(|claim| (claim, now)));
        }
    }
}

/// What the worker's metric is counted in.
struct Told(Arc<Commits>);

struct Adjudicated(Arc<Commits>);

impl CounterFn for Adjudicated {
    fn increment(&self, count: u64) {
        self.0.committed(count);
    }
    fn absolute(&self, _: u64) {}
}

impl Recorder for Told {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match key.name() {
            "tally_claims_adjudicated_total" => {
                Counter::from_arc(Arc::new(Adjudicated(Arc::clone(&self.0))))
            }
            _ => Counter::noop(),
        }
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
