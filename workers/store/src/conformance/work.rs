//! The queue, batches and their fences.

use super::assert_fenced;
use super::world::{
    accumulator, adjudicated, batch, change, claim_id, decided, drain, fact, flag, group, moved,
    restated, seen, submission, unit,
};
use crate::port::{Batch, Store, StoreError, Waiting};

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
        groups: vec![(group(1), 0)],
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
pub async fn what_was_set_aside_is_released<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2), (3, 4), (4, 2), (5, 3), (6, 6)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let all = [
        store.next(0, 10).await.unwrap(),
        store.next(1, 10).await.unwrap(),
    ];
    // Nothing is set aside yet, and what is ready keeps its attempts.
    assert!(!store.failed(claim_id(6), 3).await.unwrap());
    let before = seen(&store).await.unwrap();
    assert_eq!(store.release().await.unwrap(), 0);
    assert_eq!(seen(&store).await.unwrap(), before);
    // Two of one unit, the later of them first; one of another
    // partition; one that is behind and has failed too.
    for (n, limit) in [(2, 1), (1, 1), (5, 1), (4, 9)] {
        store.failed(claim_id(n), limit).await.unwrap();
    }
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.ready, waiting.held, waiting.behind), (2, 3, 1));
    assert_eq!(store.release().await.unwrap(), 3);
    let expected = Waiting {
        ready: 6,
        ..Waiting::default()
    };
    assert_eq!(store.waiting().await.unwrap(), expected);
    for (partition, expected) in (0..).zip(all) {
        let found = store.next(partition, 10).await.unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            let attempts = u32::from(found.claim == claim_id(6));
            assert_eq!((found.claim, found.attempts), (expected.claim, attempts));
        }
        assert_eq!(found.len(), expected.len());
    }
    assert_eq!(store.release().await.unwrap(), 0);
    // What arrives now is behind nothing; all of it can be committed.
    store.accept(&submission(2, &[(7, 2)])).await.unwrap();
    assert_eq!(store.waiting().await.unwrap().ready, 7);
    // It can be set aside again, after as many faults as the first time.
    assert!(!store.failed(claim_id(2), 2).await.unwrap());
    assert!(store.failed(claim_id(2), 2).await.unwrap());
    assert_eq!(store.waiting().await.unwrap().behind, 2);
    assert_eq!(store.release().await.unwrap(), 1);
    assert_eq!(drain(&store).await.unwrap(), 7);
    assert_eq!(store.waiting().await.unwrap(), Waiting::default());
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
            ..Batch::default()
        })
        .await
        .unwrap();
    let later = Batch {
        claims: vec![decided(&queued[2], 4)],
        facts: vec![fact(group(1), 3, 1), fact(group(1), 3, 2)],
        ..Batch::default()
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

#[allow(missing_docs)]
pub async fn facts_are_stated_again<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let first = Batch {
        facts: vec![
            fact(group(1), 1, 1),
            fact(group(1), 2, 1),
            fact(group(2), 1, 1),
        ],
        ..Batch::default()
    };
    store.commit(&first).await.unwrap();
    // No claims: one fact is stated again, one is new, and a flag comes of it.
    let again = Batch {
        groups: vec![(group(1), 2)],
        facts: vec![restated(group(1), 1, 1, 7), fact(group(1), 1, 2)],
        flags: vec![change(1, vec![flag(1, 0)])],
        ..Batch::default()
    };
    store.commit(&again).await.unwrap();
    let mut expected = vec![
        restated(group(1), 1, 1, 7),
        fact(group(1), 1, 2),
        fact(group(1), 2, 1),
    ];
    expected.sort_by_key(|fact| (fact.claim, fact.line));
    assert_eq!(store.facts(&[group(1)]).await.unwrap(), expected);
    let other = store.facts(&[group(2)]).await.unwrap();
    assert_eq!(other, [fact(group(2), 1, 1)]);
    assert_eq!(store.totals().await.unwrap().flags, 1);
    // No claim was taken for it, and of two in one batch the later holds.
    assert_eq!(store.waiting().await.unwrap().ready, 2);
    let twice = Batch {
        groups: vec![(group(2), 1)],
        facts: vec![restated(group(2), 1, 1, 8), restated(group(2), 1, 1, 9)],
        ..Batch::default()
    };
    store.commit(&twice).await.unwrap();
    let other = store.facts(&[group(2)]).await.unwrap();
    assert_eq!(other, [restated(group(2), 1, 1, 9)]);
}

/// Two writers judge a group by the same facts; the second has not seen what
/// the first added.
#[allow(missing_docs)]
pub async fn a_group_that_has_grown_is_fenced<S: Store>(store: S) {
    let claims = [(1, 2), (2, 4)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let queued = store.next(0, 2).await.unwrap();
    let judged = |n: u64, groups| Batch {
        claims: vec![decided(&queued[usize::try_from(n - 1).unwrap()], n * 2)],
        groups,
        facts: vec![fact(group(1), n, 1)],
        flags: vec![change(1, vec![flag(1, n)])],
    };
    store.commit(&judged(1, vec![(group(1), 0)])).await.unwrap();
    let before = seen(&store).await.unwrap();
    let facts = store.facts(&[group(1)]).await.unwrap();
    for groups in [
        // Fewer than there are; more; more than anybody can count.
        vec![(group(1), 0)],
        vec![(group(1), 2)],
        vec![(group(1), u64::MAX)],
        // One that is right beside one that is not, either way round.
        vec![(group(1), 1), (group(2), 1)],
        vec![(group(2), 1), (group(1), 1)],
    ] {
        match store.commit(&judged(2, groups)).await {
            Err(StoreError::Fenced { what }) => assert_eq!(what, "a group of facts"),
            other => panic!("fenced was expected, not {other:?}"),
        }
        assert_eq!(seen(&store).await.unwrap(), before);
        assert_eq!(store.facts(&[group(1)]).await.unwrap(), facts);
    }
    // A group's detector is part of its name.
    let other = crate::port::Group {
        detector: tally_core::fraud::DetectorId::SuspectDuplicate,
        ..group(1)
    };
    let again = judged(2, vec![(other, 0), (group(1), 1), (group(2), 0)]);
    store.commit(&again).await.unwrap();
    assert_eq!(store.facts(&[group(1)]).await.unwrap().len(), 2);
    let standing = store.flags(&Default::default()).await.unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0].row, flag(1, 2));
    // More groups than one statement holds.
    let mut many: Vec<_> = (10..200).map(|n| (group(n), 0)).collect();
    let quiet = |groups| Batch {
        groups,
        ..Batch::default()
    };
    store.commit(&quiet(many.clone())).await.unwrap();
    many.push((group(1), 1));
    assert_fenced(store.commit(&quiet(many)).await);
}
