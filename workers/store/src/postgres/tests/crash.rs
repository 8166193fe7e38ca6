//! A server killed at any moment: what was answered is there, what was not is
//! there whole or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tally_core::claim::ClaimId;
use tally_rig::Postgres;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::open;
use crate::conformance::consistency::assert_consistent;
use crate::conformance::shared::{Growing, append_following, assert_whole};
use crate::conformance::world::{
    adjudicated, batch, claim_id, integrate_all, moved, submission, unit,
};
use crate::port::{Answer, ClaimFilter, Intake, Reading, StoreError, Work};
use crate::postgres::{PgSettings, PostgresStore, migrate};
use crate::vault::{Vault, WrapKey};

const UNITS: u64 = 4;

/// What was answered.
#[derive(Default)]
struct Answered {
    sent: BTreeSet<ClaimId>,
    decided: BTreeSet<ClaimId>,
    height: u64,
}

/// Whether it was answered; a server that is gone comes again.
async fn answered<T>(answer: Answer<T>) -> bool {
    match answer {
        Ok(_) => true,
        Err(StoreError::Fenced { .. }) => false,
        Err(error) => {
            assert!(error.is_transient(), "{error:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
            false
        }
    }
}

async fn send(store: &PostgresStore, task: u64, ends: &AtomicBool, said: &Mutex<Answered>) {
    let mut n = task * 1_000_000;
    while !ends.load(Ordering::Relaxed) {
        let claims: Vec<_> = (0..n % 5).map(|i| (n * 10 + i, (n + i) % UNITS)).collect();
        let new = submission(n, &claims);
        if answered(store.accept(&new).await).await {
            let ids = new.claims.iter().map(|claim| claim.id);
            said.lock().await.sent.extend(ids);
            n += 1;
        }
    }
}

async fn decide(store: &PostgresStore, ends: &AtomicBool, said: &Mutex<Answered>) {
    while !ends.load(Ordering::Relaxed) {
        for partition in 0..2 {
            let Ok(batch) = next_batch(store, partition).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            if answered(store.commit(&batch).await).await {
                let ids = batch.claims.iter().map(|claim| claim.claim);
                said.lock().await.decided.extend(ids);
            }
        }
        answered(integrate_all(store).await).await;
    }
}

/// The same blocks as the other that does this.
async fn share(store: &PostgresStore, ends: &AtomicBool, said: &Mutex<Answered>) {
    let mut ledger = Growing::default();
    while !ends.load(Ordering::Relaxed) {
        match append_following(store, &mut ledger).await {
            Ok(height) => {
                let mut said = said.lock().await;
                said.height = said.height.max(height);
            }
            failed => {
                answered(failed).await;
                ledger = Growing::default();
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn next_batch(store: &PostgresStore, partition: u32) -> Answer<crate::port::Batch> {
    let mut used: [Option<i64>; 4] = [None; 4];
    let mut claims = Vec::new();
    for queued in store.next(partition, 5).await? {
        let of = (0..UNITS).find(|n| unit(*n) == queued.unit).unwrap();
        let at = usize::try_from(of).unwrap();
        let before = match used[at] {
            Some(before) => before,
            None => {
                let state = store.units(&[queued.unit]).await?.remove(0);
                state.accumulators.first().map_or(0, |row| row.used)
            }
        };
        let (claim, after) = moved(adjudicated(queued.claim, of, queued.sequence), before);
        used[at] = Some(after);
        claims.push(claim);
    }
    Ok(batch(claims))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_server_loses_nothing_that_was_answered() {
    let mut server = tokio::task::spawn_blocking(|| Postgres::start().unwrap())
        .await
        .unwrap();
    let url = server.fresh_database().unwrap();
    let mut settings = PgSettings::new(url.clone());
    settings.connect_timeout = Duration::from_secs(2);
    migrate(&settings).await.unwrap();
    let store = Arc::new(open(&settings).await);
    let said = Arc::new(Mutex::new(Answered::default()));
    let ends = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for task in 1..=6 {
        let (store, said, ends) = (Arc::clone(&store), Arc::clone(&said), Arc::clone(&ends));
        tasks.spawn(async move {
            match task {
                1 | 2 => send(&store, task, &ends, &said).await,
                3 | 4 => decide(&store, &ends, &said).await,
                _ => share(&store, &ends, &said).await,
            }
        });
    }
    // Moments that fall in different statements each time.
    for pause in [430, 251, 377, 303] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server.again().unwrap();
            server
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    ends.store(true, Ordering::Relaxed);
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let said = said.lock().await;
    let rows = store.claims(&ClaimFilter::default()).await.unwrap();
    let stored: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    let decided: BTreeSet<_> = rows
        .iter()
        .filter(|row| row.outcome.is_some())
        .map(|row| row.id)
        .collect();
    assert!(said.sent.is_subset(&stored), "a claim was lost");
    assert!(said.decided.is_subset(&decided), "an outcome was lost");
    let height = assert_whole(&*store).await.unwrap_or(0);
    assert!(said.height > 10 && height >= said.height, "{height}");
    assert!(said.decided.len() > 10, "{} decided", said.decided.len());
    assert!(!stored.contains(&claim_id(7)));
    integrate_all(&*store).await.unwrap();
    assert_consistent(&*store, UNITS).await;
}

#[tokio::test]
async fn keys_outlast_their_server() {
    let mut server = tokio::task::spawn_blocking(|| Postgres::start().unwrap())
        .await
        .unwrap();
    let url = server.fresh_database().unwrap();
    let vault = Vault::connect(&url, WrapKey::new([7; 32])).await.unwrap();
    let keys = vault.fresh(300).await.unwrap();
    server = tokio::task::spawn_blocking(move || {
        server.kill();
        server.again().unwrap();
        server
    })
    .await
    .unwrap();
    let ids: Vec<_> = keys.iter().map(crate::vault::RecordKey::id).collect();
    // The connections are gone: they are replaced as they are found so.
    let mut found = vault.keys(&ids).await;
    for _ in 0..8 {
        if found.is_err() {
            found = vault.keys(&ids).await;
        }
    }
    assert_eq!(found.unwrap().len(), 300);
    drop(server);
}
