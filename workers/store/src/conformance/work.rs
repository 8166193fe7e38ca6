//! The queue, batches and their fences.

use super::assert_fenced;
use super::world::{
    accumulator, adjudicated, batch, change, claim_id, decided, drain, fact, flag, group, moved,
    seen, submission, unit,
};
use crate::port::{Batch, Store, Waiting};

#[allow(missing_docs)]
pub async fn the_queue_is_in_order_of_arrival<S: Store>(store: S) {
    let claims: Vec<(u64, u64)> = (1..=40).map(|n| (n, 2 * (n % 5))).collect();
    for (n, chunk) in (1..).zip(claims.chunks(7)) {
        store.accept(&submission(n, chunk)).await.unwrap();
    }
    let queued = store.next(0, 100).await.unwrap();
    let ids: Vec<_> = queued.iter().map(|queued| queued.claim).collect();
    let expected: Vec<_> = (1..=40).map(claim_id).collect();
    assert_eq!(ids, expected);
    let few = store.next(0, 3).await.unwrap();
    assert_eq!(few, queued[..3]);
    assert_eq!(store.next(0, 0).await.unwrap(), []);
    let first = &queued[0];
    assert_eq!(
        (first.sequence, first.attempts, first.contract),
        (1, 0, None)
    );
    assert_eq!(first.sealed, super::world::sealed("claim", 1));
}

#[allow(missing_docs)]
pub async fn partitions_are_apart<S: Store>(store: S) {
    let claims = [(1, 1), (2, 2), (3, 1), (4, 4), (5, 3)];
    store.accept(&submission(1, &claims)).await.unwrap();
    for (partition, expected) in [(0, vec![2, 4]), (1, vec![1, 3, 5]), (2, vec![])] {
        let queued = store.next(partition, 10).await.unwrap();
        let ids: Vec<_> = queued.iter().map(|queued| queued.claim).collect();
        let expected: Vec<_> = expected.into_iter().map(claim_id).collect();
        assert_eq!(ids, expected, "partition {partition}");
    }
}

#[allow(missing_docs)]
pub async fn a_batch_commits_whole<S: Store>(store: S) {
    let claims = [(1, 2), (2, 4), (3, 2), (4, 6)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let queued = store.next(0, 3).await.unwrap();
    let claims = vec![
        decided(&queued[0], 2),
        decided(&queued[1], 4),
        decided(&queued[2], 2),
    ];
    store.commit(&batch(claims.clone())).await.unwrap();
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.ready, waiting.held, waiting.behind), (1, 0, 0));
    let rest = store.next(0, 10).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].claim, claim_id(4));
    let states = store.units(&[unit(4), unit(2), unit(6)]).await.unwrap();
    let done: Vec<_> = states
        .iter()
        .map(|state| (state.unit, state.done))
        .collect();
    assert_eq!(done, [(unit(4), 1), (unit(2), 2), (unit(6), 0)]);
    let outbox = store.outbox(10).await.unwrap();
    let entries: Vec<_> = outbox.into_iter().map(|row| row.entry).collect();
    let expected: Vec<_> = claims.into_iter().map(|claim| claim.entry).collect();
    assert_eq!(entries, expected);
    // A batch of nothing is nothing.
    let before = seen(&store).await.unwrap();
    store.commit(&Batch::default()).await.unwrap();
    assert_eq!(seen(&store).await.unwrap(), before);
}

#[allow(missing_docs)]
pub async fn balances_and_histories_are_kept_in_order<S: Store>(store: S) {
    let claims: Vec<(u64, u64)> = (1..=6).map(|n| (n, 2)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    let names = [
        accumulator(None, "deductible"),
        accumulator(None, "out-of-pocket"),
        accumulator(Some(2), "deductible"),
        accumulator(Some(7), "visits"),
    ];
    let mut used = [0i64; 4];
    let mut histories = Vec::new();
    for queued in store.next(0, 6).await.unwrap().chunks(3) {
        let mut claims = Vec::new();
        for queued in queued {
            let mut claim = decided(queued, 2);
            for (i, name) in names.iter().enumerate() {
                let after = used[i] + i64::try_from(i).unwrap() - 1;
                claim.movements.push((name.clone(), used[i], after));
                used[i] = after;
            }
            histories.push(claim.history.clone());
            claims.push(claim);
        }
        store.commit(&batch(claims)).await.unwrap();
    }
    // An unknown unit is one where nothing has happened; one may be asked twice.
    let states = store.units(&[unit(8), unit(2), unit(2)]).await.unwrap();
    assert_eq!(states[0].unit, unit(8));
    assert_eq!((states[0].done, states[0].accumulators.len()), (0, 0));
    assert_eq!(states[1], states[2]);
    assert_eq!(states[1].done, 6);
    assert_eq!(states[1].history, histories);
    let mut expected: Vec<_> = names.into_iter().zip(used).collect();
    expected.sort_unstable();
    let found: Vec<_> = states[1]
        .accumulators
        .iter()
        .map(|row| (row.name.clone(), row.used))
        .collect();
    assert_eq!(found, expected);
}

#[allow(missing_docs)]
pub async fn what_was_committed_is_fenced<S: Store>(store: S) {
    store
        .accept(&submission(1, &[(1, 2), (2, 2)]))
        .await
        .unwrap();
    let queued = store.next(0, 2).await.unwrap();
    let first = decided(&queued[0], 2);
    store.commit(&batch(vec![first.clone()])).await.unwrap();
    let before = seen(&store).await.unwrap();
    // Again alone; again beside another; again under the next number.
    assert_fenced(store.commit(&batch(vec![first.clone()])).await);
    let second = decided(&queued[1], 2);
    let both = batch(vec![first.clone(), second.clone()]);
    assert_fenced(store.commit(&both).await);
    let renumbered = adjudicated(first.claim, 2, 2);
    assert_fenced(store.commit(&batch(vec![renumbered])).await);
    // One claim twice in one batch.
    let twice = batch(vec![second.clone(), second.clone()]);
    assert_fenced(store.commit(&twice).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    store.commit(&batch(vec![second])).await.unwrap();
}

#[allow(missing_docs)]
pub async fn a_number_out_of_turn_is_fenced<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2), (3, 2), (4, 4)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let queued = store.next(0, 4).await.unwrap();
    let before = seen(&store).await.unwrap();
    let [one, two, three, four] = [
        decided(&queued[0], 2),
        decided(&queued[1], 2),
        decided(&queued[2], 2),
        decided(&queued[3], 4),
    ];
    for claims in [
        vec![two.clone()],
        vec![one.clone(), three.clone()],
        vec![two.clone(), one.clone()],
        vec![four.clone(), three.clone()],
        // The right number, but not the claim's.
        vec![adjudicated(two.claim, 2, 1)],
        // The right number, but of another unit.
        vec![adjudicated(one.claim, 4, 1)],
        // A claim that nobody sent.
        vec![adjudicated(claim_id(99), 2, 1)],
    ] {
        assert_fenced(store.commit(&batch(claims)).await);
        assert_eq!(seen(&store).await.unwrap(), before);
    }
    store
        .commit(&batch(vec![four, one, two, three]))
        .await
        .unwrap();
}

#[allow(missing_docs)]
pub async fn a_stale_balance_is_fenced<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2), (3, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let queued = store.next(0, 3).await.unwrap();
    let (first, used) = moved(decided(&queued[0], 2), 0);
    store.commit(&batch(vec![first])).await.unwrap();
    let before = seen(&store).await.unwrap();
    // As if nothing had accumulated; as if more had; not from where it was left.
    for stale in [0, used + 1] {
        let (second, _) = moved(decided(&queued[1], 2), stale);
        assert_fenced(store.commit(&batch(vec![second])).await);
    }
    let (second, _) = moved(decided(&queued[1], 2), used);
    let (third, _) = moved(decided(&queued[2], 2), used);
    assert_fenced(store.commit(&batch(vec![second.clone(), third])).await);
    // Something had accumulated where nothing has.
    let mut other = decided(&queued[1], 2);
    other.movements.push((accumulator(Some(2), "visits"), 1, 2));
    assert_fenced(store.commit(&batch(vec![other])).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    store.commit(&batch(vec![second])).await.unwrap();
}

#[allow(missing_docs)]
pub async fn a_fenced_batch_changes_nothing<S: Store>(store: S) {
    store
        .accept(&submission(1, &[(1, 2), (2, 2)]))
        .await
        .unwrap();
    let queued = store.next(0, 2).await.unwrap();
    store
        .commit(&batch(vec![decided(&queued[0], 2)]))
        .await
        .unwrap();
    let before = seen(&store).await.unwrap();
    let whole = Batch {
        claims: vec![moved(decided(&queued[1], 2), 0).0, decided(&queued[0], 2)],
        facts: vec![fact(group(1), 2, 1)],
        flags: vec![change(1, vec![flag(1, 1)])],
    };
    assert_fenced(store.commit(&whole).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    assert_eq!(store.facts(&[group(1)]).await.unwrap(), []);
}

#[allow(missing_docs)]
pub async fn a_host_fault_holds_back_what_comes_later<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2), (3, 4), (4, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    assert!(!store.failed(claim_id(2), 3).await.unwrap());
    assert!(!store.failed(claim_id(2), 3).await.unwrap());
    let queued = store.next(0, 10).await.unwrap();
    assert_eq!(queued.len(), 4);
    assert_eq!(queued[1].attempts, 2);
    assert!(store.failed(claim_id(2), 3).await.unwrap());
    // What comes before it in the unit, and other units, go on.
    let ready = store.next(0, 10).await.unwrap();
    let ids: Vec<_> = ready.iter().map(|queued| queued.claim).collect();
    assert_eq!(ids, [claim_id(1), claim_id(3)]);
    // What arrives later waits behind it.
    store
        .accept(&submission(2, &[(5, 2), (6, 4)]))
        .await
        .unwrap();
    let waiting = store.waiting().await.unwrap();
    let expected = Waiting {
        ready: 3,
        held: 1,
        behind: 2,
    };
    assert_eq!(waiting, expected);
    // Neither it nor what is behind it can be committed, even by a worker that
    // had taken them before.
    store
        .commit(&batch(vec![decided(&queued[0], 2)]))
        .await
        .unwrap();
    let before = seen(&store).await.unwrap();
    assert_fenced(store.commit(&batch(vec![decided(&queued[1], 2)])).await);
    let both = vec![decided(&queued[1], 2), decided(&queued[3], 2)];
    assert_fenced(store.commit(&batch(both)).await);
    // It is set aside once; a claim that is done, or nobody sent, cannot fail.
    assert!(store.failed(claim_id(2), 3).await.unwrap());
    assert!(!store.failed(claim_id(1), 1).await.unwrap());
    assert!(!store.failed(claim_id(99), 1).await.unwrap());
    assert_eq!(seen(&store).await.unwrap(), before);
    assert_eq!(drain(&store).await.unwrap(), 2);
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.ready, waiting.held, waiting.behind), (0, 1, 2));
}

#[allow(missing_docs)]
pub async fn facts_are_found_by_group<S: Store>(store: S) {
    store
        .accept(&submission(1, &[(1, 2), (2, 2), (3, 4)]))
        .await
        .unwrap();
    let queued = store.next(0, 3).await.unwrap();
    let other = crate::port::Group {
        detector: tally_core::fraud::DetectorId::SuspectDuplicate,
        ..group(1)
    };
    store
        .commit(&Batch {
            claims: vec![decided(&queued[0], 2), decided(&queued[1], 2)],
            facts: vec![
                fact(group(1), 2, 2),
                fact(group(1), 1, 1),
                fact(group(2), 1, 1),
                fact(other, 1, 1),
            ],
            flags: Vec::new(),
        })
        .await
        .unwrap();
    let later = Batch {
        claims: vec![decided(&queued[2], 4)],
        facts: vec![fact(group(1), 3, 1), fact(group(1), 3, 2)],
        flags: Vec::new(),
    };
    store.commit(&later).await.unwrap();
    let mut expected = vec![
        fact(group(1), 1, 1),
        fact(group(1), 2, 2),
        fact(group(1), 3, 1),
        fact(group(1), 3, 2),
    ];
    expected.sort_by_key(|fact| (fact.claim, fact.line));
    assert_eq!(store.facts(&[group(1)]).await.unwrap(), expected);
    let found = store.facts(&[group(3), other, group(2)]).await.unwrap();
    assert_eq!(found, [fact(other, 1, 1), fact(group(2), 1, 1)]);
    assert_eq!(store.facts(&[]).await.unwrap(), []);
}
