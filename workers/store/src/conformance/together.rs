//! Several tasks at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::authorizations::{event, following, request};
use super::world::{
    self, adjudicated, batch, change, claim_id, digest, fact, facts, flag, group, integrate_all,
    moved, sealed, submission, token, unit,
};
use crate::port::{
    Answer, Batch, ClaimFilter, Judged, RequestEventKind, Store, StoreError, Submission, Unjudged,
};

const TASKS: u64 = 4;
const UNITS: u64 = 6;

async fn all(mut tasks: JoinSet<()>) {
    while let Some(task) = tasks.join_next().await {
        task.expect("a task that does not panic");
    }
}

/// How much has happened to the requests of the member, whose contracts say how much
/// they know of.
async fn happened<S: Store>(store: &S) -> u32 {
    let rows = store.requests_of(&[token("member", 1)]).await.unwrap();
    let events: usize = rows.iter().map(|row| row.events.len()).sum();
    u32::try_from(events).unwrap()
}

/// Whatever a payer decides while a member moves between contracts that are imported,
/// the latest contract of the member knows of it.
#[allow(missing_docs)]
pub async fn decisions_and_contracts_at_once_know_of_each_other<S: Store + 'static>(store: S) {
    const EVENTS: u32 = 8;
    let store = Arc::new(store);
    for of in [2, 1] {
        let put = world::contract(of, &[of, of + 10], 0);
        store.put_contract(&put).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for task in 1..=TASKS {
        store.put_request(&request(task, 1, "a")).await.unwrap();
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut number = 1;
            while number <= EVENTS {
                let units = store.units_of(&[token("member", 1)]).await.unwrap();
                let of = if units[0] == Some(unit(1)) { 1 } else { 2 };
                let latest = store.contracts(&[(unit(of), None)]).await.unwrap();
                let version = latest[0].as_ref().map_or(0, |row| row.version);
                let known = u64::from(happened(&*store).await) + 1;
                let events = vec![event(task, number, RequestEventKind::Decided)];
                let following = following(1, of, version, events, Some(known));
                match store.follow(&following).await {
                    Ok(_) => number += 1,
                    Err(StoreError::Fenced { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
    }
    for of in [1, 2] {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut put = 0;
            while put < EVENTS {
                let events = happened(&*store).await;
                let mut contract = world::contract(of, &[of + 10, 1], 0);
                contract.moving = true;
                contract.events = events;
                contract.sealed = sealed("contract", events.into());
                match store.put_contract(&contract).await {
                    Ok(_) => put += 1,
                    Err(StoreError::Fenced { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
    }
    all(tasks).await;
    let events = happened(&*store).await;
    assert_eq!(events, u32::try_from(TASKS).unwrap() * EVENTS);
    let unit = store.units_of(&[token("member", 1)]).await.unwrap()[0].unwrap();
    let latest = store.contracts(&[(unit, None)]).await.unwrap();
    let latest = latest[0].as_ref().unwrap();
    assert_eq!(latest.sealed, sealed("contract", events.into()));
}

#[allow(missing_docs)]
pub async fn submissions_at_once_leave_no_gap<S: Store + 'static>(store: S) {
    let store = Arc::new(store);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for n in (0..20).map(|n| task * 100 + n) {
                let claims: Vec<_> = (0..3).map(|i| (n * 10 + i, (n + i) % UNITS)).collect();
                store.accept(&submission(n, &claims)).await.unwrap();
            }
        });
    }
    all(tasks).await;
    let mut count = 0;
    for of in 0..UNITS {
        let rows = store.claims_of_unit(unit(of)).await.unwrap();
        for (row, expected) in rows.iter().zip(1u64..) {
            assert_eq!(row.sequence, expected, "unit {of}");
            count += 1;
        }
    }
    assert_eq!(count, TASKS * 20 * 3);
    assert_eq!(store.waiting().await.unwrap().ready, count);
}

#[allow(missing_docs)]
pub async fn one_submission_at_once_is_taken_in_once<S: Store + 'static>(store: S) {
    let store = Arc::new(store);
    let sent: Submission = submission(1, &[(1, 1), (2, 2), (3, 1)]);
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (store, sent) = (Arc::clone(&store), sent.clone());
        tasks.spawn(async move {
            let row = store.accept(&sent).await.unwrap();
            assert_eq!(row.claims, [claim_id(1), claim_id(2), claim_id(3)]);
        });
    }
    all(tasks).await;
    assert_eq!(store.waiting().await.unwrap().ready, 3);
    assert_eq!(store.totals().await.unwrap().read, 4);
}

/// Takes what is next, adjudicates it against what is stored, commits; what is
/// fenced is taken again.
async fn worker<S: Store>(store: Arc<S>, limit: u32) -> u64 {
    let mut fenced = 0;
    loop {
        let mut idle = true;
        for partition in 0..2 {
            let queued = store.next(partition, limit).await.unwrap();
            if queued.is_empty() {
                continue;
            }
            idle = false;
            let units: BTreeSet<_> = queued.iter().map(|queued| queued.unit).collect();
            let units: Vec<_> = units.into_iter().collect();
            let states = store.units(&units).await.unwrap();
            let mut used: BTreeMap<_, _> = states
                .iter()
                .map(|state| {
                    (
                        state.unit,
                        state.accumulators.first().map_or(0, |row| row.used),
                    )
                })
                .collect();
            let mut claims = Vec::new();
            for queued in &queued {
                let of = (0..UNITS).find(|n| unit(*n) == queued.unit).unwrap();
                let before = used[&queued.unit];
                let claim = adjudicated(queued.claim, of, queued.sequence);
                let (claim, after) = moved(claim, before);
                used.insert(queued.unit, after);
                claims.push(claim);
            }
            match store.commit(&batch(claims)).await {
                Ok(()) => {}
                Err(StoreError::Fenced { .. }) => fenced += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        if idle {
            return fenced;
        }
    }
}

#[allow(missing_docs)]
pub async fn workers_at_once_have_one_effect<S: Store + 'static>(store: S) {
    let store = Arc::new(store);
    let claims: Vec<_> = (0..240).map(|n| (n, n % UNITS)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    // More workers than partitions, so that they meet.
    let mut tasks = JoinSet::new();
    for limit in [1, 3, 8, 16] {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            worker(store, limit).await;
        });
    }
    all(tasks).await;
    assert_eq!(store.waiting().await.unwrap(), Default::default());
    let rows = store.claims(&ClaimFilter::default()).await.unwrap();
    assert_eq!(rows.len(), 240);
    assert!(rows.iter().all(|row| row.outcome.is_some()));
    let outbox = store.outbox(1000).await.unwrap();
    let entries: BTreeSet<_> = outbox.iter().map(|row| row.entry.clone()).collect();
    assert_eq!((outbox.len(), entries.len()), (240, 240));
    for of in 0..UNITS {
        let state = store.units(&[unit(of)]).await.unwrap().remove(0);
        let rows = store.claims_of_unit(unit(of)).await.unwrap();
        let paid: i64 = rows
            .iter()
            .filter_map(|row| row.outcome.as_ref())
            .map(|outcome| outcome.paid.scaled() + 1)
            .sum();
        assert_eq!((state.done, state.accumulators[0].used), (40, paid));
        assert_eq!(state.history.len(), 40);
    }
}

#[allow(missing_docs)]
pub async fn relays_at_once_append_once<S: Store + 'static>(store: S) {
    let store = Arc::new(store);
    let claims: Vec<_> = (0..60).map(|n| (n, n % UNITS)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    let changes: Vec<_> = (0..10).map(|n| change(n, vec![flag(n, 0)])).collect();
    store.judge(&changes).await.unwrap();
    let mut tasks = JoinSet::new();
    let working = Arc::clone(&store);
    tasks.spawn(async move {
        worker(working, 4).await;
    });
    for _ in 0..3 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for _ in 0..20 {
                match integrate_all(&*store).await {
                    Ok(_) | Err(StoreError::Fenced { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
    }
    all(tasks).await;
    integrate_all(&*store).await.unwrap();
    let head = store.head().await.unwrap();
    assert_eq!(head.adjudicated, 60);
    assert_eq!(store.outbox(10).await.unwrap(), []);
    assert_eq!(store.pending_flags(10).await.unwrap(), []);
    let entries = store.entries(0, 1000).await.unwrap();
    assert_eq!(u64::try_from(entries.len()), Ok(head.size));
    let mut whole = tally_core::ledger::tree::Frontier::default();
    for entry in &entries {
        whole.append(tally_core::ledger::tree::leaf_hash(entry));
    }
    let stored = super::world::frontier(&*store, head.size).await.unwrap();
    assert_eq!(stored, whole);
    // Every claim and flag once, each at its place.
    let mut places = BTreeSet::new();
    for row in store.claims(&ClaimFilter::default()).await.unwrap() {
        let leaf = row.outcome.and_then(|outcome| outcome.leaf).unwrap();
        assert!(entries[usize::try_from(leaf).unwrap()].ends_with(&row.id.0));
        assert!(places.insert((leaf, 0)));
    }
    for listed in store.flags(&Default::default()).await.unwrap() {
        let (leaf, slot) = listed.place.unwrap();
        let entry = &entries[usize::try_from(leaf).unwrap()];
        let at = usize::from(slot) * digest("", 0).len();
        assert_eq!(entry[at..at + 32], listed.row.commitment);
        assert!(places.insert((leaf, slot.into())));
    }
}

/// A fact of a claim for each of two groups.
#[must_use]
pub fn stated(claim: u64) -> Batch {
    facts((0..2).map(|of| fact(group(of), claim, 1)).collect())
}

/// Judges all that is marked, until nothing is: each group is flagged by how
/// many facts it has, as far as the store shows after its marks were read.
///
/// # Errors
/// When the store fails, or somebody else judges at the same time.
///
/// # Panics
/// When a group is none of the two.
pub async fn judge<S: Store>(store: &S) -> Answer<()> {
    loop {
        let mut judged = Vec::new();
        for Unjudged { group, marks } in store.unjudged(1).await? {
            let of = (0..2).find(|of| world::group(*of) == group).unwrap();
            let facts = store.facts(&[group]).await?.len();
            tokio::task::yield_now().await;
            judged.push(Judged {
                group,
                marks,
                flags: vec![flag(of, u64::try_from(facts).unwrap())],
            });
        }
        if judged.is_empty() {
            return Ok(());
        }
        store.judge(&judged).await?;
    }
}

#[allow(missing_docs)]
pub async fn flags_at_once_are_of_all_facts<S: Store + 'static>(store: S) {
    let store = Arc::new(store);
    let claims: Vec<_> = (0..TASKS * 10).map(|n| (n, n % UNITS)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for n in task * 10..task * 10 + 10 {
                store.commit(&stated(n)).await.unwrap();
                match judge(&*store).await {
                    Ok(()) | Err(StoreError::Fenced { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
    }
    all(tasks).await;
    judge(&*store).await.unwrap();
    assert_flags_of_all(&*store, TASKS * 10).await;
}

/// Asserts that the flags that stand are of this many facts.
///
/// # Panics
/// When they are not, or the store fails.
pub async fn assert_flags_of_all<S: Store>(store: &S, facts: u64) {
    let listed = store.flags(&Default::default()).await.unwrap();
    let mut found: Vec<_> = listed.into_iter().map(|listed| listed.row).collect();
    let mut expected = vec![flag(0, facts), flag(1, facts)];
    found.sort_by_key(|row| row.id);
    expected.sort_by_key(|row| row.id);
    assert_eq!(found, expected);
    for of in 0..2 {
        let found = store.facts(&[group(of)]).await.unwrap();
        assert_eq!(u64::try_from(found.len()), Ok(facts));
    }
}
