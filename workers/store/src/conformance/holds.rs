//! Legal holds are placed and lifted, and never forgotten.

use std::sync::Arc;

use tally_core::ledger::kind;
use tokio::task::JoinSet;

use super::assert_fenced;
use super::world::{claim_id, day, digest};
use crate::port::{HoldRow, NewStatement, Store, StoreError};

/// A hold on the `n`th claim.
#[must_use]
pub fn hold(n: u64, name: &str, on: i32, lifted: bool) -> HoldRow {
    HoldRow {
        claim: claim_id(n),
        name: name.to_owned(),
        day: day(on),
        lifted,
    }
}

/// Holds stay in the order they were placed and lifted in.
///
/// # Panics
/// When they do not.
pub async fn holds_are_kept_in_order<S: Store>(store: S) {
    assert_eq!(store.holds(None).await.unwrap(), vec![]);
    let rows = [
        hold(1, "case-7", 1, false),
        hold(2, "audit", 2, false),
        hold(1, "case-7", 31, true),
        hold(1, "case-7", 31, false),
    ];
    for row in &rows {
        store.hold(row).await.unwrap();
    }
    assert_eq!(store.holds(None).await.unwrap(), rows);
    let of_one = store.holds(Some(claim_id(1))).await.unwrap();
    assert_eq!(of_one, [&rows[0], &rows[2], &rows[3]].map(Clone::clone));
    assert_eq!(store.holds(Some(claim_id(9))).await.unwrap(), vec![]);
    for name in ["", &"n".repeat(65)] {
        let wrong = hold(3, name, 1, false);
        assert!(store.hold(&wrong).await.is_err());
    }
}

/// The statement that the `n`th claim was erased.
#[must_use]
pub fn erased(n: u64) -> NewStatement {
    NewStatement {
        kind: kind::ERASED,
        about: claim_id(n).0.to_vec(),
        once: Some(digest("erased", n)),
        entry: format!("erased {n}").into_bytes(),
        opening: None,
    }
}

/// What a hold stands on is not erased, and what was erased is not held.
///
/// # Panics
/// When it is not so.
pub async fn a_hold_and_an_erasure_never_both_stand<S: Store>(store: S) {
    let made = async |n: u64| {
        let about = [claim_id(n).0.to_vec()];
        let made = store.statements_about(kind::ERASED, &about).await;
        made.unwrap().len()
    };
    let claims = [claim_id(1), claim_id(2)];
    let new = [erased(1), erased(2)];
    store.hold(&hold(2, "case-7", 1, false)).await.unwrap();
    store.hold(&hold(2, "audit", 1, false)).await.unwrap();
    store.hold(&hold(2, "audit", 2, true)).await.unwrap();
    store.hold(&hold(3, "audit", 1, false)).await.unwrap();
    assert_fenced(store.state_unless_held(&new, &claims).await);
    assert_eq!((made(1).await, made(2).await), (0, 0));
    // Lifted, and placed again.
    store.hold(&hold(2, "case-7", 2, true)).await.unwrap();
    store.hold(&hold(2, "case-7", 3, false)).await.unwrap();
    assert_fenced(store.state_unless_held(&new, &claims).await);
    store.hold(&hold(2, "case-7", 4, true)).await.unwrap();
    let done = store.state_unless_held(&new, &claims).await.unwrap();
    assert!(done.iter().all(Option::is_some), "{done:?}");
    assert_eq!((made(1).await, made(2).await), (1, 1));
    // Once: what was begun is ended.
    let again = store.state_unless_held(&new, &claims).await.unwrap();
    assert_eq!(again, [None, None]);
    let before = store.holds(None).await.unwrap();
    assert_fenced(store.hold(&hold(1, "case-8", 5, false)).await);
    assert_eq!(store.holds(None).await.unwrap(), before);
    store.hold(&hold(3, "audit", 5, true)).await.unwrap();
}

/// Whoever is first, with many at once.
///
/// # Panics
/// When a claim is both held and erased.
pub async fn holds_and_erasures_at_once_do_not_cross<S: Store + 'static>(store: S) {
    let store = Arc::new(store);
    let mut tasks = JoinSet::new();
    for n in 1..=24 {
        let (holds, erases) = (Arc::clone(&store), Arc::clone(&store));
        tasks.spawn(async move { holds.hold(&hold(n, "case-7", 1, false)).await });
        tasks.spawn(async move {
            let (new, claims) = ([erased(n)], [claim_id(n)]);
            let done = erases.state_unless_held(&new, &claims).await;
            done.map(|_| ())
        });
    }
    let mut fenced = 0;
    while let Some(done) = tasks.join_next().await {
        match done.unwrap() {
            Ok(()) => {}
            Err(StoreError::Fenced { .. }) => fenced += 1,
            Err(error) => panic!("{error}"),
        }
    }
    // Of each two one came first, and the other was refused.
    assert_eq!(fenced, 24);
    for n in 1..=24 {
        let about = [claim_id(n).0.to_vec()];
        let erased = store.statements_about(kind::ERASED, &about).await.unwrap();
        let held = store.holds(Some(claim_id(n))).await.unwrap();
        assert_eq!(erased.len() + held.len(), 1, "claim {n}");
    }
}
