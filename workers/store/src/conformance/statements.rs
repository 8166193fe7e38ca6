//! Statements: made once, in their order in the log.

use std::collections::BTreeSet;
use std::sync::Arc;

use tally_core::ledger::kind;
use tokio::task::JoinSet;

use super::assert_fenced;
use super::world::{
    batch, claim_id, decided, digest, integrate_all, integration, leaves, policy, sealed,
    submission,
};
use crate::port::{NewStatement, StatementFilter, StatementRow, Store, StoreError};

/// The `n`th statement of a kind, as often as it is made.
#[must_use]
pub fn statement(kind: u8, n: u64) -> NewStatement {
    NewStatement {
        kind,
        about: claim_id(n).0.to_vec(),
        once: None,
        entry: format!("statement {kind} {n}").into_bytes(),
        opening: None,
    }
}

/// The same, which is made once, and is a commitment.
#[must_use]
pub fn marked(kind: u8, n: u64) -> NewStatement {
    NewStatement {
        once: Some(digest("mark", n)),
        opening: Some(sealed("statement", n)),
        ..statement(kind, n)
    }
}

/// As it is read, before it has a place.
fn row(id: Option<i64>, of: &NewStatement) -> StatementRow {
    StatementRow {
        id: id.expect("it was made"),
        kind: of.kind,
        about: of.about.clone(),
        entry: of.entry.clone(),
        opening: of.opening.clone(),
        leaf: None,
    }
}

/// All that there are.
///
/// # Panics
/// When they cannot be read.
pub async fn all<S: Store>(store: &S) -> Vec<StatementRow> {
    store.statements(&StatementFilter::default()).await.unwrap()
}

async fn waits<S: Store>(store: &S) -> Vec<Vec<u8>> {
    let outbox = store.outbox(1000).await.unwrap();
    outbox.into_iter().map(|row| row.entry).collect()
}

#[allow(missing_docs)]
pub async fn statements_are_found<S: Store>(store: S) {
    assert_eq!(store.state(&[]).await.unwrap(), []);
    assert_eq!(all(&store).await, []);
    let new = [
        marked(6, 1),
        statement(11, 1),
        marked(6, 2),
        statement(11, 1),
        statement(19, 255),
        NewStatement {
            about: vec![7],
            ..statement(255, 3)
        },
    ];
    let ids = store.state(&new).await.unwrap();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let rows: Vec<_> = ids
        .iter()
        .zip(&new)
        .map(|(id, new)| row(*id, new))
        .collect();
    assert_eq!(all(&store).await, rows);
    assert_eq!(waits(&store).await, new.clone().map(|new| new.entry));

    let found = async |filter: StatementFilter| {
        let found = store.statements(&filter).await.unwrap();
        let at = |row: &StatementRow| rows.iter().position(|of| of == row).unwrap();
        found.iter().map(at).collect::<Vec<_>>()
    };
    let of = |kinds: &[u8], about: Option<u64>, after: Option<usize>, limit| StatementFilter {
        kinds: kinds.to_vec(),
        about: about.map(|n| claim_id(n).0.to_vec()),
        after: after.map(|at| rows[at].id),
        limit,
    };
    assert_eq!(found(of(&[], None, None, 2)).await, [0, 1]);
    assert_eq!(found(of(&[], None, Some(1), 2)).await, [2, 3]);
    assert_eq!(found(of(&[], None, Some(5), 0)).await, [0usize; 0]);
    assert_eq!(found(of(&[11], None, None, 0)).await, [1, 3]);
    assert_eq!(found(of(&[11, 6, 11], None, None, 0)).await, [0, 1, 2, 3]);
    assert_eq!(found(of(&[11, 6], None, None, 3)).await, [0, 1, 2]);
    assert_eq!(found(of(&[11, 6], None, Some(0), 2)).await, [1, 2]);
    assert_eq!(found(of(&[255, 7], None, None, 9)).await, [5]);
    assert_eq!(found(of(&[], Some(1), None, 0)).await, [0, 1, 3]);
    let about = async |kind: u8, about: &[u64]| {
        let about: Vec<_> = about.iter().map(|n| claim_id(*n).0.to_vec()).collect();
        let found = store.statements_about(kind, &about).await.unwrap();
        let at = |row: &StatementRow| rows.iter().position(|of| of == row).unwrap();
        found.iter().map(at).collect::<Vec<_>>()
    };
    assert_eq!(about(6, &[2, 9, 1]).await, [0, 2]);
    assert_eq!(about(11, &[1]).await, [1, 3]);
    assert_eq!(about(11, &[2, 255]).await, [0usize; 0]);
    assert_eq!(about(11, &[]).await, [0usize; 0]);
    assert_eq!(found(of(&[], Some(1), Some(0), 1)).await, [1]);
    assert_eq!(found(of(&[19, 11], Some(1), None, 0)).await, [1, 3]);
    assert_eq!(found(of(&[6], Some(2), Some(2), 0)).await, [0usize; 0]);
}

#[allow(missing_docs)]
pub async fn a_statement_is_made_once<S: Store>(store: S) {
    let first = [marked(6, 1), marked(6, 1), marked(6, 2), statement(11, 1)];
    let ids = store.state(&first).await.unwrap();
    let made = |ids: &[Option<i64>]| ids.iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(made(&ids), [true, false, true, true]);
    // Another entry under the same mark is the same statement; one of another kind, or
    // without a mark, is not.
    let mut other = marked(6, 2);
    other.entry = b"another".to_vec();
    let second = [other, marked(7, 2), statement(11, 1), marked(6, 3)];
    let ids = store.state(&second).await.unwrap();
    assert_eq!(made(&ids), [false, true, true, true]);
    let entries: Vec<_> = all(&store).await.into_iter().map(|row| row.entry).collect();
    let expected = [
        &first[0], &first[2], &first[3], &second[1], &second[2], &second[3],
    ];
    assert_eq!(entries, expected.map(|new| new.entry.clone()));
    assert_eq!(waits(&store).await, entries);
    // Nor is it made again once it is in the log.
    integrate_all(&store).await.unwrap();
    assert_eq!(store.state(&first[..3]).await.unwrap(), [None; 3]);
    assert_eq!(waits(&store).await, Vec::<Vec<u8>>::new());
}

#[allow(missing_docs)]
pub async fn what_cannot_be_stated_changes_nothing<S: Store>(store: S) {
    store.state(&[marked(6, 1)]).await.unwrap();
    let before = (all(&store).await, waits(&store).await);
    for wrong in [
        NewStatement {
            about: vec![],
            ..statement(6, 2)
        },
        NewStatement {
            about: vec![1; 33],
            ..statement(6, 2)
        },
        // Of another kind of entry.
        statement(3, 2),
    ] {
        let new = [marked(6, 3), wrong.clone(), marked(6, 4)];
        assert!(store.state(&new).await.is_err(), "{wrong:?}");
        assert_eq!((all(&store).await, waits(&store).await), before);
    }
    let ids = store.state(&[marked(6, 3)]).await.unwrap();
    assert!(ids[0].is_some());
}

/// Who finds a publication on the log and decides by it comes after what stands of it there.
pub async fn a_publication_comes_with_what_stands_of_it<S: Store>(store: S) {
    let active = NewStatement {
        once: Some(digest("mark", 1)),
        ..statement(15, 1)
    };
    let mut published = policy(1);
    published.stands = vec![active.clone(), statement(15, 2)];
    store.publish(&published).await.unwrap();
    // Nothing is made by a publication that is stored.
    store.publish(&published).await.unwrap();
    let outbox = store.outbox(9).await.unwrap();
    let entries: Vec<_> = outbox.into_iter().map(|row| row.entry).collect();
    let of_both = [&published.entry, &active.entry, &statement(15, 2).entry];
    assert_eq!(entries, of_both.map(Clone::clone));
    // What is said once stays said once.
    let mut again = policy(2);
    again.stands = vec![active];
    store.publish(&again).await.unwrap();
    integrate_all(&store).await.unwrap();
    let filter = StatementFilter::default();
    let places = store.statements(&filter).await.unwrap();
    let places: Vec<_> = places.iter().map(|row| row.leaf).collect();
    assert_eq!(places, [Some(1), Some(2)]);
    assert_eq!(store.head().await.unwrap().size, 4);
}

#[allow(missing_docs)]
pub async fn statements_have_places_among_all_else<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let received = store.state(&[marked(6, 1), marked(6, 2)]).await.unwrap();
    let commit = async || {
        let queued = store.next(0, 1).await.unwrap();
        let batch = batch(vec![decided(&queued[0], 2)]);
        store.commit(&batch).await.unwrap();
    };
    commit().await;
    store.publish(&policy(1)).await.unwrap();
    let read = store.state(&[statement(11, 1)]).await.unwrap();
    commit().await;
    store.state(&[statement(11, 1)]).await.unwrap();
    let outbox = store.outbox(100).await.unwrap();
    let of = |entry: &[u8]| entry.split(|byte| *byte == b' ').next().unwrap().to_vec();
    let kinds: Vec<_> = outbox.iter().map(|row| of(&row.entry)).collect();
    let (claim, stated) = (b"adjudicated".to_vec(), b"statement".to_vec());
    let published = b"published".to_vec();
    let expected = [
        &stated, &stated, &claim, &published, &stated, &claim, &stated,
    ];
    assert_eq!(kinds, expected.map(Clone::clone));

    // In two steps, the first of which ends between two of them.
    let first = integration(&store, leaves(&outbox[..1], &[]))
        .await
        .unwrap();
    store.integrate(&first).await.unwrap();
    assert_fenced(store.integrate(&first).await);
    let places = async || {
        let rows = all(&store).await;
        rows.iter().map(|row| row.leaf).collect::<Vec<_>>()
    };
    assert_eq!(places().await, [Some(0), None, None, None]);
    // What is left out is told, whatever it is of.
    let wrong = integration(&store, leaves(&outbox[2..], &[]))
        .await
        .unwrap();
    assert_fenced(store.integrate(&wrong).await);
    assert_eq!(integrate_all(&store).await.unwrap(), 7);
    assert_eq!(places().await, [Some(0), Some(1), Some(4), Some(6)]);
    let entries = store.entries(0, 9).await.unwrap();
    for row in all(&store).await {
        assert_eq!(
            entries[usize::try_from(row.leaf.unwrap()).unwrap()],
            row.entry
        );
    }
    let published = store.publications().await.unwrap();
    assert_eq!(published[0].leaf, Some(3));
    for (n, place) in [(1, 2), (2, 5)] {
        let claim = store.claim(claim_id(n)).await.unwrap().unwrap();
        assert_eq!(claim.outcome.unwrap().leaf, Some(place));
    }
    let rows = all(&store).await;
    assert_eq!(Some(rows[0].id), received[0]);
    assert_eq!(Some(rows[2].id), read[0]);
}

#[allow(missing_docs)]
pub async fn statements_at_once_are_made_once<S: Store + 'static>(store: S) {
    const MARKS: u64 = 40;
    let store = Arc::new(store);
    let mut tasks = JoinSet::new();
    for task in 0..4u64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut made = Vec::new();
            // Some go up and some down: whoever waits for another must not wait for ever.
            let marks: Vec<u64> = match task % 2 {
                0 => (0..MARKS).collect(),
                _ => (0..MARKS).rev().collect(),
            };
            for marks in marks.chunks(10) {
                let new: Vec<_> = marks.iter().map(|n| marked(6, *n)).collect();
                let ids = store.state(&new).await.unwrap();
                made.extend(ids.into_iter().flatten());
            }
            made
        });
    }
    let mut made = Vec::new();
    while let Some(task) = tasks.join_next().await {
        made.extend(task.unwrap());
    }
    assert_eq!(u64::try_from(made.len()).unwrap(), MARKS);
    let rows = all(&*store).await;
    let ids: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, made.into_iter().collect());
    let entries: BTreeSet<_> = rows.iter().map(|row| row.entry.clone()).collect();
    assert_eq!(u64::try_from(entries.len()).unwrap(), MARKS);
    assert_eq!(integrate_all(&*store).await.unwrap(), MARKS);
    assert!(all(&*store).await.iter().all(|row| row.leaf.is_some()));
}

/// What a reading rests on, and what it must not come after.
fn taken(n: u64) -> [(u8, Vec<u8>); 2] {
    let about = claim_id(n).0.to_vec();
    [(kind::REVOKED, about.clone()), (kind::ERASED, about)]
}

/// None of what was asked for is stated once what it rests on was taken back or erased;
/// what was said of something else, or otherwise of the same, is no reason.
///
/// # Panics
/// When it is not so.
pub async fn nothing_is_stated_after_what_was_taken_back<S: Store>(store: S) {
    let read = |n| [statement(kind::READ, n), statement(kind::READ, n + 1)];
    let granted = [statement(kind::GRANTED, 1), statement(kind::REVOKED, 9)];
    store.state(&granted).await.unwrap();
    let taken = [taken(1), taken(2)].concat();
    let made = store.state_unless(&read(1), &taken).await.unwrap();
    assert!(made.iter().all(Option::is_some), "{made:?}");
    store.state(&[statement(kind::REVOKED, 1)]).await.unwrap();
    let before = (all(&store).await, waits(&store).await);
    assert_fenced(store.state_unless(&read(1), &taken).await);
    assert_eq!((all(&store).await, waits(&store).await), before);
    let made = store.state_unless(&read(1), &taken[2..]).await.unwrap();
    assert!(made.iter().all(Option::is_some), "{made:?}");
    let erased = [statement(kind::ERASED, 2)];
    let held = store.state_unless_held(&erased, &[claim_id(2)]).await;
    held.unwrap();
    assert_fenced(store.state_unless(&read(1), &taken[2..]).await);
    store.state_unless(&read(1), &[]).await.unwrap();
}

/// With many at once: whatever was stated stands before what takes it back.
///
/// # Panics
/// When it does not.
pub async fn what_is_taken_back_at_once_comes_after_what_was_stated<S: Store + 'static>(store: S) {
    let store = Arc::new(store);
    let mut tasks = JoinSet::new();
    for n in 1..=12 {
        let (reads, takes) = (Arc::clone(&store), Arc::clone(&store));
        tasks.spawn(async move {
            let read = [statement(kind::READ, n)];
            loop {
                match reads.state_unless(&read, &taken(n)).await {
                    Ok(_) => {}
                    Err(StoreError::Fenced { .. }) => return,
                    Err(error) => panic!("{error}"),
                }
            }
        });
        tasks.spawn(async move {
            let kind = [kind::REVOKED, kind::ERASED][usize::from(n % 2 == 0)];
            takes.state(&[statement(kind, n)]).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let all = all(&*store).await;
    for n in 1..=12 {
        let about = claim_id(n).0.to_vec();
        let of = all.iter().filter(|row| row.about == about);
        let last = of.max_by_key(|row| row.id).map(|row| row.kind);
        assert_ne!(last, Some(kind::READ), "claim {n}");
    }
}
