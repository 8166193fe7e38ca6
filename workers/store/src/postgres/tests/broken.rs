//! Connections that are reset, and a server that falls silent.

use std::time::{Duration, Instant};

use tally_rig::{Proxy, shared_postgres};

use super::{open, settings};
use crate::conformance::world::{batch, claim_id, decided, fact, facts, group, submission};
use crate::port::{Answer, Intake, Reading, StoreError, Work};
use crate::postgres::{PgSettings, PostgresStore};

/// A store behind a proxy.
async fn behind() -> (Proxy, PgSettings) {
    let settings = settings().await;
    tokio::task::spawn_blocking(move || {
        let address = shared_postgres();
        let (rest, database) = settings.url.rsplit_once('/').unwrap();
        let port: u16 = rest.rsplit_once(':').unwrap().1.parse().unwrap();
        let database = database.split('?').next().unwrap();
        let proxy = Proxy::start(port).unwrap();
        let url = address.through(&proxy).url(database);
        let mut settings = PgSettings::new(url);
        settings.statement_timeout = Duration::from_secs(1);
        settings.connect_timeout = Duration::from_secs(1);
        (proxy, settings)
    })
    .await
    .unwrap()
}

/// Tries until the store answers; what it says until then passes.
async fn patient<T>(mut work: impl AsyncFnMut() -> Answer<T>) -> T {
    let start = Instant::now();
    loop {
        match work().await {
            Ok(answer) => return answer,
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                assert!(start.elapsed() < Duration::from_secs(30), "{error:?}");
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_connection_that_was_reset_is_replaced() {
    let (proxy, settings) = behind().await;
    let store = open(&settings).await;
    store.accept(&submission(1, &[(1, 2)])).await.unwrap();
    for n in 2..6 {
        proxy.reset_all();
        let new = submission(n, &[(n, 2)]);
        patient(async || store.accept(&new).await).await;
    }
    assert_eq!(store.waiting().await.unwrap().ready, 5);
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let (proxy, settings) = behind().await;
    let store = open(&settings).await;
    store.accept(&submission(1, &[(1, 2)])).await.unwrap();
    let queued = store.next(0, 1).await.unwrap();
    proxy.swallow(true);
    let start = Instant::now();
    let silent = store.commit(&batch(vec![decided(&queued[0], 2)])).await;
    let error = silent.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    // New connections fall silent as well.
    assert!(store.waiting().await.unwrap_err().is_transient());
    assert!(start.elapsed() < Duration::from_secs(8));
    proxy.swallow(false);
    // It may have been heard after all: then doing it again is fenced.
    match patient(
        async || match store.commit(&batch(vec![decided(&queued[0], 2)])).await {
            Err(StoreError::Fenced { .. }) => Ok(true),
            Err(error) => Err(error),
            Ok(()) => Ok(false),
        },
    )
    .await
    {
        true | false => {}
    }
    let row = store.claim(claim_id(1)).await.unwrap().unwrap();
    assert!(row.outcome.is_some());
}

#[tokio::test]
async fn what_does_not_pass_is_not_transient() {
    let store = open(&settings().await).await;
    let orphan = facts(vec![fact(group(1), 99, 1)]);
    assert!(!store.commit(&orphan).await.unwrap_err().is_transient());
    let mut refused =
        crate::conformance::world::change(1, vec![crate::conformance::world::flag(1, 1)]);
    refused.flags[0].score = 1001;
    use crate::port::Detection;
    let error = store.judge(&[refused]).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }));
    assert!(!error.is_transient(), "{error:?}");
    // Nobody listens there.
    let nowhere = PgSettings::new("postgres://postgres@127.0.0.1:1/nowhere");
    let Err(error) = PostgresStore::connect(&nowhere).await else {
        panic!("connected to nothing");
    };
    assert!(error.is_transient(), "{error:?}");
}
