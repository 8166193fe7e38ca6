//! The local log and what is published in it.

use std::collections::BTreeMap;

use tally_core::ledger::tree::{self, leaf_hash};

use super::assert_fenced;
use super::world::{
    batch, change, claim_id, decided, digest, drain, flag, frontier, integrate_all, integration,
    leaves, policy, seen, submission,
};
use crate::port::{Head, Leaf, OutboxRow, Store};

#[allow(missing_docs)]
pub async fn the_log_grows_from_the_outbox<S: Store>(store: S) {
    assert_eq!(store.head().await.unwrap(), Head::default());
    assert_eq!(store.outbox(10).await.unwrap(), []);
    // An empty log can be signed.
    store
        .integrate(&integration(&store, vec![]).await.unwrap())
        .await
        .unwrap();
    let head = store.head().await.unwrap();
    assert_eq!(
        (head.size, head.checkpoint.as_deref()),
        (0, Some("checkpoint 0"))
    );

    store.publish(&policy(1)).await.unwrap();
    let claims: Vec<(u64, u64)> = (1..=7).map(|n| (n, n)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    drain(&store).await.unwrap();
    store
        .judge(&[change(1, vec![flag(1, 0), flag(2, 0)])])
        .await
        .unwrap();
    let outbox = store.outbox(100).await.unwrap();
    assert_eq!(outbox.len(), 8);
    assert_eq!(store.outbox(3).await.unwrap(), outbox[..3]);
    assert_eq!(outbox[0].entry, policy(1).entry);

    // In three steps: three entries, nothing, and the rest with the flags.
    let first = integration(&store, leaves(&outbox[..3], &[]))
        .await
        .unwrap();
    store.integrate(&first).await.unwrap();
    assert_eq!(store.outbox(100).await.unwrap(), outbox[3..]);
    let again = integration(&store, vec![]).await.unwrap();
    store.integrate(&again).await.unwrap();
    assert_eq!(integrate_all(&store).await.unwrap(), 9);
    let head = store.head().await.unwrap();
    assert_eq!((head.size, head.adjudicated), (9, 7));
    assert_eq!(head.checkpoint.as_deref(), Some("checkpoint 9"));
    assert_eq!(store.outbox(100).await.unwrap(), []);
    assert_eq!(store.pending_flags(100).await.unwrap(), []);

    // Entries, nodes and places are those of the tree.
    let entries = store.entries(0, 100).await.unwrap();
    assert_eq!(entries.len(), 9);
    let relayed: Vec<_> = outbox.into_iter().map(|row| row.entry).collect();
    assert_eq!(entries[..8], relayed[..]);
    assert_eq!(store.entries(6, 2).await.unwrap(), entries[6..8]);
    assert_eq!(store.entries(9, 2).await.unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(
        store.entries(u64::MAX, 2).await.unwrap(),
        Vec::<Vec<u8>>::new()
    );
    let mut whole = tree::Frontier::default();
    let mut nodes = BTreeMap::new();
    for entry in &entries {
        for node in whole.append(leaf_hash(entry)) {
            nodes.insert((node.level, node.index), node.hash);
        }
    }
    let mut asked: Vec<_> = nodes.keys().copied().collect();
    asked.reverse();
    asked.extend([(0, 9), (5, 0), (0, u64::MAX), (255, 3)]);
    let found = store.nodes(&asked).await.unwrap();
    let expected: Vec<_> = asked.iter().map(|node| nodes.get(node).copied()).collect();
    assert_eq!(found, expected);
    assert_eq!(frontier(&store, 9).await.unwrap(), whole);
    for row in store.claims(&Default::default()).await.unwrap() {
        let leaf = row
            .outcome
            .and_then(|outcome| outcome.leaf)
            .expect("a place");
        let entry = &entries[usize::try_from(leaf).unwrap()];
        assert!(entry.ends_with(&row.id.0));
    }
    let published = store.publications().await.unwrap();
    assert_eq!(published[0].leaf, Some(0));
    let mut places: Vec<_> = store.flags(&Default::default()).await.unwrap();
    places.sort_by_key(|listed| listed.place);
    let places: Vec<_> = places.iter().map(|listed| listed.place).collect();
    assert_eq!(places, [Some((8, 0)), Some((8, 1))]);
}

#[allow(missing_docs)]
pub async fn a_log_of_another_size_is_fenced<S: Store>(store: S) {
    store
        .accept(&submission(1, &[(1, 2), (2, 2)]))
        .await
        .unwrap();
    drain(&store).await.unwrap();
    let outbox = store.outbox(10).await.unwrap();
    let first = integration(&store, leaves(&outbox[..1], &[]))
        .await
        .unwrap();
    store.integrate(&first).await.unwrap();
    let before = seen(&store).await.unwrap();
    assert_fenced(store.integrate(&first).await);
    let mut ahead = integration(&store, leaves(&outbox[1..], &[]))
        .await
        .unwrap();
    ahead.from = 2;
    assert_fenced(store.integrate(&ahead).await);
    ahead.from = 0;
    assert_fenced(store.integrate(&ahead).await);
    ahead.from = u64::MAX;
    assert_fenced(store.integrate(&ahead).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    ahead.from = 1;
    store.integrate(&ahead).await.unwrap();
}

#[allow(missing_docs)]
pub async fn the_outbox_is_relayed_in_order<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2), (3, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    drain(&store).await.unwrap();
    let outbox = store.outbox(10).await.unwrap();
    let before = seen(&store).await.unwrap();
    let changed = OutboxRow {
        entry: b"something else".to_vec(),
        ..outbox[0].clone()
    };
    for rows in [
        // Not from the front; out of order; twice; another entry; not there.
        vec![outbox[1].clone()],
        vec![outbox[1].clone(), outbox[0].clone()],
        vec![outbox[0].clone(), outbox[0].clone()],
        vec![changed],
        vec![OutboxRow {
            id: outbox[2].id + 1,
            ..outbox[0].clone()
        }],
    ] {
        let wrong = integration(&store, leaves(&rows, &[])).await.unwrap();
        assert_fenced(store.integrate(&wrong).await);
        assert_eq!(seen(&store).await.unwrap(), before);
    }
    // Entries that come from nowhere may stand between.
    let mut mixed = leaves(&outbox, &[]);
    mixed.insert(
        1,
        Leaf {
            entry: b"a padded batch".to_vec(),
            outbox: None,
            flags: Vec::new(),
        },
    );
    let right = integration(&store, mixed).await.unwrap();
    store.integrate(&right).await.unwrap();
    let leaf = |id| {
        let claims = store.claim(claim_id(id));
        async { claims.await.unwrap().unwrap().outcome.unwrap().leaf }
    };
    assert_eq!(leaf(1).await, Some(0));
    assert_eq!(leaf(2).await, Some(2));
    assert_eq!(leaf(3).await, Some(3));
}

#[allow(missing_docs)]
pub async fn a_flag_has_one_place<S: Store>(store: S) {
    store
        .judge(&[change(1, vec![flag(1, 0), flag(2, 0)])])
        .await
        .unwrap();
    let pending = store.pending_flags(10).await.unwrap();
    // A flag withdrawn while its batch was made is in the entry all the same.
    store.judge(&[change(1, vec![flag(2, 0)])]).await.unwrap();
    let first = integration(&store, leaves(&[], &pending)).await.unwrap();
    store.integrate(&first).await.unwrap();
    let before = seen(&store).await.unwrap();
    let again = integration(&store, leaves(&[], &pending[1..]))
        .await
        .unwrap();
    assert_fenced(store.integrate(&again).await);
    let mut unknown = pending[1];
    unknown.id += 1000;
    let unknown = integration(&store, leaves(&[], &[unknown])).await.unwrap();
    assert_fenced(store.integrate(&unknown).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    store.judge(&[change(1, vec![flag(1, 0)])]).await.unwrap();
    let listed = store.flags(&Default::default()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].row.id, listed[0].place),
        (flag(1, 0).id, Some((0, 0)))
    );
}

#[allow(missing_docs)]
pub async fn policies_are_published_in_order<S: Store>(store: S) {
    assert_eq!(store.publications().await.unwrap(), []);
    for n in [2, 3, 1] {
        store.publish(&policy(n)).await.unwrap();
    }
    // The same component, in force from another day.
    let mut later = policy(2);
    later.effective = super::world::day(30);
    later.entry = b"published again".to_vec();
    store.publish(&later).await.unwrap();
    let published = store.publications().await.unwrap();
    let entries: Vec<_> = published.iter().map(|row| row.entry.clone()).collect();
    let expected = [
        policy(2).entry,
        policy(3).entry,
        policy(1).entry,
        later.entry,
    ];
    assert_eq!(entries, expected);
    assert!(published.iter().all(|row| row.leaf.is_none()));
    assert_eq!(published[0].hash, published[3].hash);
    let component = store.component(policy(1).hash).await.unwrap();
    assert_eq!(component, Some(policy(1).component));
    assert_eq!(store.component(digest("component", 9)).await.unwrap(), None);
    integrate_all(&store).await.unwrap();
    let published = store.publications().await.unwrap();
    let places: Vec<_> = published.iter().map(|row| row.leaf).collect();
    assert_eq!(places, [Some(0), Some(1), Some(2), Some(3)]);
}

#[allow(missing_docs)]
pub async fn a_publication_is_stored_once<S: Store>(store: S) {
    store.publish(&policy(1)).await.unwrap();
    let before = seen(&store).await.unwrap();
    store.publish(&policy(1)).await.unwrap();
    assert_eq!(seen(&store).await.unwrap(), before);
    integrate_all(&store).await.unwrap();
    let before = seen(&store).await.unwrap();
    store.publish(&policy(1)).await.unwrap();
    assert_eq!(seen(&store).await.unwrap(), before);
    // It goes to the log after what was decided before it.
    store.accept(&submission(1, &[(1, 2)])).await.unwrap();
    let queued = store.next(0, 1).await.unwrap();
    store
        .commit(&batch(vec![decided(&queued[0], 2)]))
        .await
        .unwrap();
    store.publish(&policy(2)).await.unwrap();
    integrate_all(&store).await.unwrap();
    assert_eq!(store.entries(2, 1).await.unwrap(), [policy(2).entry]);
}
