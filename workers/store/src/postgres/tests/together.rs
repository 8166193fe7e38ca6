//! Several processes' worth of work on one database, without waiting in a
//! circle.

use std::sync::Arc;

use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;

use super::{beside, open, settings};
use crate::conformance::world::{
    adjudicated, batch, claim_id, contract, integrate_all, moved, submission, token, unit,
};
use crate::port::{Answer, Enrolment, Intake, Log, Reading, Relay, StoreError, Work};
use crate::postgres::PostgresStore;

const UNITS: u64 = 6;
const ROUNDS: u64 = 25;

/// A step of something that others do at once; whether it went through.
fn through<T>(answer: Answer<T>) -> bool {
    match answer {
        Ok(_) => true,
        Err(StoreError::Fenced { .. }) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn take_in(store: &PostgresStore, task: u64) {
    for round in 0..ROUNDS {
        let n = task * 1000 + round;
        // Units in any order, one of them twice.
        let claims: Vec<_> = (0..4)
            .map(|i| (n * 10 + i, (n * 7 + i * (task + 1)) % UNITS))
            .collect();
        let mut new = submission(n, &claims);
        for claim in &mut new.claims {
            if task.is_multiple_of(2) {
                claim.contract = Some(1);
            }
        }
        through(store.accept(&new).await);
    }
}

async fn adjudicate(store: &PostgresStore, limit: u32) {
    for _ in 0..ROUNDS * 2 {
        for partition in 0..2 {
            let queued = store.next(partition, limit).await.unwrap();
            let units: std::collections::BTreeSet<_> = queued.iter().map(|q| q.unit).collect();
            let units: Vec<_> = units.into_iter().collect();
            let states = store.units(&units).await.unwrap();
            let mut used: std::collections::BTreeMap<_, _> = states
                .iter()
                .map(|s| (s.unit, s.accumulators.first().map_or(0, |row| row.used)))
                .collect();
            let mut claims = Vec::new();
            for queued in &queued {
                let of = (0..UNITS).find(|n| unit(*n) == queued.unit).unwrap();
                let plain = adjudicated(queued.claim, of, queued.sequence);
                let (claim, after) = moved(plain, used[&queued.unit]);
                used.insert(queued.unit, after);
                claims.push(claim);
            }
            through(store.commit(&batch(claims)).await);
            let ids: Vec<_> = queued.iter().map(|queued| queued.claim).collect();
            store.published(&ids).await.unwrap();
            store.suspect(&ids).await.unwrap();
        }
        through(integrate_all(store).await);
    }
}

async fn enrol(store: &PostgresStore, task: u64) {
    for round in 0..ROUNDS {
        let of = (round * 5 + task) % UNITS;
        let members: Vec<u64> = (0..4).map(|i| (round * 3 + i * (task + 1)) % 8).collect();
        let mut new = contract(of, &members, round + 1);
        new.members.dedup();
        new.moving = true;
        through(store.put_contract(&new).await);
    }
}

async fn set_aside(store: &PostgresStore) {
    for n in 0..ROUNDS * 2 {
        store
            .failed(claim_id(n * 10 % 250), 1, "a fault")
            .await
            .unwrap();
        if n.is_multiple_of(5) {
            store.release(None).await.unwrap();
        }
    }
    store.release(None).await.unwrap();
}

/// Asserts that every claim was decided, after the one before it, and that
/// balances and histories are what comes of them all.
async fn assert_outcomes(store: &PostgresStore) {
    let mut decided = 0;
    for of in 0..UNITS {
        let state = store.units(&[unit(of)]).await.unwrap().remove(0);
        let (mut previous, mut used) = (0, 0);
        let rows = store.claims_of_unit(unit(of)).await.unwrap();
        for row in &rows {
            assert_eq!(row.previous, previous, "unit {of}");
            previous = row.sequence;
            used += row.outcome.as_ref().unwrap().paid.scaled() + 1;
        }
        assert_eq!(state.done, previous);
        assert_eq!(state.history.len(), rows.len());
        assert_eq!(state.accumulators[0].used, used);
        decided += u64::try_from(rows.len()).unwrap();
    }
    assert!(decided > 50, "{decided} decided");
    assert_eq!(store.head().await.unwrap().adjudicated, decided);
}

/// Two stores, as two processes have them, and eight tasks that meet at six
/// units and eight members.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_in_a_circle() {
    let settings = settings().await;
    let stores = [
        Arc::new(open(&settings).await),
        Arc::new(open(&settings).await),
    ];
    for of in 0..UNITS {
        stores[0]
            .put_contract(&contract(of, &[of], 1))
            .await
            .unwrap();
    }
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let store = Arc::clone(&stores[task % 2]);
        tasks.spawn(async move {
            match task {
                0..3 => take_in(&store, u64::try_from(task).unwrap()).await,
                3 => adjudicate(&store, 3).await,
                4 => adjudicate(&store, 16).await,
                5 => set_aside(&store).await,
                _ => enrol(&store, u64::try_from(task).unwrap()).await,
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    stores[0].release(None).await.unwrap();
    adjudicate(&stores[1], 40).await;
    assert_eq!(stores[0].waiting().await.unwrap().ready, 0);
    integrate_all(&*stores[0]).await.unwrap();
    assert_outcomes(&stores[0]).await;
    // Numbers of claims and events are one order, without a gap.
    for of in 0..UNITS {
        let claims = stores[0].claims_of_unit(unit(of)).await.unwrap();
        let events = stores[0].events(unit(of)).await.unwrap();
        let mut numbers: Vec<u64> = claims.iter().map(|row| row.sequence).collect();
        numbers.extend(events.iter().map(|row| row.sequence));
        numbers.sort_unstable();
        let expected: Vec<u64> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected, "unit {of}");
    }
    let members: Vec<_> = (0..8).map(|member| token("member", member)).collect();
    stores[0].units_of(&members).await.unwrap();
    let mut conn = beside(&settings).await;
    let deadlocks: i64 = sqlx::query_scalar(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(deadlocks, 0, "{}", circles(&mut conn).await);
}

/// What the server says of those that waited in a circle: who waited for what, and
/// their statements.
async fn circles(conn: &mut PgConnection) -> String {
    let log: String = sqlx::query_scalar(
        "SELECT pg_read_file(setting || '/../server.log') FROM pg_settings \
         WHERE name = 'data_directory'",
    )
    .fetch_one(conn)
    .await
    .unwrap_or_else(|error| error.to_string());
    let lines: Vec<&str> = log.lines().collect();
    let found = lines.iter().enumerate();
    found
        .filter(|(_, line)| line.contains("deadlock detected"))
        .flat_map(|(at, _)| lines.iter().skip(at).take(60).copied())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What a relay read is appended, though a place before the last of it has come
/// to light since: the transaction that took it was not over.
#[tokio::test]
async fn a_place_that_comes_to_light_late_refuses_nothing() {
    use crate::conformance::world::{integration, leaves};
    let settings = settings().await;
    let store = open(&settings).await;
    store
        .accept(&submission(1, &[(1, 2), (2, 4), (3, 6)]))
        .await
        .unwrap();
    let queued = store.next(0, 3).await.unwrap();
    let one = |i: usize, of| adjudicated(queued[i].claim, of, 1);
    store.commit(&batch(vec![one(0, 2)])).await.unwrap();
    // Somebody takes a place and does not commit yet.
    let mut slow = beside(&settings).await;
    sqlx::raw_sql(
        "BEGIN; INSERT INTO tally.outbox (claim, entry) \
         SELECT place, 'adjudicated late' FROM tally.claim ORDER BY place OFFSET 1 LIMIT 1",
    )
    .execute(&mut slow)
    .await
    .unwrap();
    store.commit(&batch(vec![one(2, 6)])).await.unwrap();
    let read = store.outbox(10).await.unwrap();
    assert_eq!(read.len(), 2);
    let both = integration(&store, leaves(&read, &[])).await.unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut slow).await.unwrap();
    store.integrate(&both).await.unwrap();
    // It is next; and to have seen it and left it out is refused.
    store.accept(&submission(2, &[(4, 8)])).await.unwrap();
    let last = store.next(0, 9).await.unwrap().pop().unwrap();
    store
        .commit(&batch(vec![adjudicated(last.claim, 8, 1)]))
        .await
        .unwrap();
    let rest = store.outbox(10).await.unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[0].entry, b"adjudicated late");
    let without = integration(&store, leaves(&rest[1..], &[])).await.unwrap();
    assert!(!through(store.integrate(&without).await));
    let all = integration(&store, leaves(&rest, &[])).await.unwrap();
    store.integrate(&all).await.unwrap();
    assert_eq!(store.outbox(10).await.unwrap(), []);
}

/// What one process keeps of histories and what others add to them is one
/// history, in order.
#[tokio::test]
async fn histories_grow_under_whoever_keeps_them() {
    let settings = settings().await;
    let (one, two) = (open(&settings).await, open(&settings).await);
    let claims: Vec<_> = (0..8).map(|n| (n, n % 2)).collect();
    one.accept(&submission(1, &claims)).await.unwrap();
    let units = [unit(1), unit(0), unit(9)];
    for n in 0..8 {
        // Three by the one, one by the other; both look in between.
        let store = if n % 4 == 3 { &two } else { &one };
        let new = adjudicated(claim_id(n), n % 2, n / 2 + 1);
        store.commit(&batch(vec![new])).await.unwrap();
        let at = [(unit(n % 2), n / 2 + 1)];
        let plain = open(&settings).await.units_at(&at).await.unwrap();
        assert_eq!(store.units_at(&at).await.unwrap(), plain);
        if n % 3 == 0 {
            continue;
        }
        let plain = open(&settings).await.units(&units).await.unwrap();
        assert_eq!(plain[(n as usize + 1) % 2].history.len() as u64, n / 2 + 1);
        for store in [&one, &two] {
            assert_eq!(store.units(&units).await.unwrap(), plain);
            assert_eq!(store.units(&units[1..]).await.unwrap(), plain[1..]);
            // Where units are seen to stand, whoever moved them there.
            let at: Vec<_> = plain.iter().map(|state| (state.unit, state.done)).collect();
            assert_eq!(store.units_at(&at).await.unwrap(), plain);
        }
    }
}
