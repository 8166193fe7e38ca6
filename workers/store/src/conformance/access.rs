//! Who may read: patients are drawn once, and what others granted is kept.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::world::{digest, sealed, token};
use crate::port::{ShownRow, Store};

/// The `n`th grant that was shown, about the `about`th member.
#[must_use]
pub fn shown(n: u64, about: u64) -> ShownRow {
    ShownRow {
        commitment: digest("grant", n),
        about: token("member", about),
        opening: sealed("grant", n),
    }
}

/// How grants name a member never changes.
///
/// # Panics
/// When it does.
pub async fn a_patient_is_drawn_once<S: Store + 'static>(store: S) {
    let (one, other) = (token("member", 1), token("member", 2));
    assert_eq!(store.patient(one).await.unwrap(), None);
    let first = sealed("patient", 1);
    assert_eq!(store.keep_patient(one, &first).await.unwrap(), first);
    let again = store.keep_patient(one, &sealed("patient", 2)).await;
    assert_eq!(again.unwrap(), first);
    assert_eq!(store.patient(one).await.unwrap(), Some(first));
    assert_eq!(store.patient(other).await.unwrap(), None);

    // Of several at once one is first, and all are told of it.
    let store = Arc::new(store);
    let mut tasks = JoinSet::new();
    for n in 10..18 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.keep_patient(other, &sealed("patient", n)).await });
    }
    let mut kept = Vec::new();
    while let Some(done) = tasks.join_next().await {
        kept.push(done.unwrap().unwrap());
    }
    let stands = store.patient(other).await.unwrap();
    assert!(kept.iter().all(|of| Some(of) == stands.as_ref()));
}

/// What was shown is found by what it is about.
///
/// # Panics
/// When it is not.
pub async fn what_was_shown_is_kept<S: Store>(store: S) {
    for row in [shown(1, 1), shown(2, 1), shown(3, 2)] {
        assert!(store.keep_shown(&row).await.unwrap());
    }
    // Of one commitment the first.
    let again = ShownRow {
        about: token("member", 2),
        ..shown(1, 1)
    };
    assert!(!store.keep_shown(&again).await.unwrap());
    let mut all = vec![shown(1, 1), shown(2, 1), shown(3, 2)];
    all.sort_by_key(|row| row.commitment);
    let about = |n| {
        let of = all
            .iter()
            .filter(move |row| row.about == token("member", n));
        of.cloned().collect::<Vec<_>>()
    };
    assert_eq!(store.shown(None).await.unwrap(), all);
    for n in 1..=3 {
        let found = store.shown(Some(&[token("member", n)])).await.unwrap();
        assert_eq!(found, about(n));
    }
    // Of several at once, and of none.
    let both = [3, 2, 1].map(|n| token("member", n));
    assert_eq!(store.shown(Some(&both)).await.unwrap(), all);
    assert_eq!(store.shown(Some(&[])).await.unwrap(), []);
}
