//! The queue, batches and their fences.

use super::assert_fenced;
use super::world::{
    accumulator, adjudicated, batch, claim_id, decided, drain, fact, flag, group, identity, moved,
    note, seen, submission, unit,
};
use crate::port::{Batch, HeldRow, Store, Taken, Waiting};

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
        findings: vec![(claim_id(2), vec![flag(1, 1)])],
    };
    assert_fenced(store.commit(&whole).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    assert_eq!(store.facts(&[group(1)]).await.unwrap(), []);
}

#[allow(missing_docs)]
pub async fn a_host_fault_holds_back_what_comes_later<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2), (3, 4), (4, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    assert!(!store.failed(claim_id(2), 3, "a fault").await.unwrap());
    assert!(!store.failed(claim_id(2), 3, "a fault").await.unwrap());
    let queued = store.next(0, 10).await.unwrap();
    assert_eq!(queued.len(), 4);
    assert_eq!(queued[1].attempts, 2);
    assert!(store.failed(claim_id(2), 3, "a fault").await.unwrap());
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
        unjudged: 0,
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
    assert!(store.failed(claim_id(2), 3, "a fault").await.unwrap());
    assert!(!store.failed(claim_id(1), 1, "a fault").await.unwrap());
    assert!(!store.failed(claim_id(99), 1, "a fault").await.unwrap());
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
    assert!(!store.failed(claim_id(6), 3, "a fault").await.unwrap());
    let before = seen(&store).await.unwrap();
    assert_eq!(store.release(None).await.unwrap(), 0);
    assert_eq!(seen(&store).await.unwrap(), before);
    // Two of one unit, the later of them first; one of another
    // partition; one that is behind and has failed too.
    for (n, limit) in [(2, 1), (1, 1), (5, 1), (4, 9)] {
        store.failed(claim_id(n), limit, "a fault").await.unwrap();
    }
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.ready, waiting.held, waiting.behind), (2, 3, 1));
    assert_eq!(store.release(None).await.unwrap(), 3);
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
    assert_eq!(store.release(None).await.unwrap(), 0);
    // What arrives now is behind nothing; all of it can be committed.
    store.accept(&submission(2, &[(7, 2)])).await.unwrap();
    assert_eq!(store.waiting().await.unwrap().ready, 7);
    // It can be set aside again, after as many faults as the first time.
    assert!(!store.failed(claim_id(2), 2, "a fault").await.unwrap());
    assert!(store.failed(claim_id(2), 2, "a fault").await.unwrap());
    assert_eq!(store.waiting().await.unwrap().behind, 2);
    assert_eq!(store.release(None).await.unwrap(), 1);
    assert_eq!(drain(&store).await.unwrap(), 7);
    assert_eq!(store.waiting().await.unwrap(), Waiting::default());
}

/// What is asked for comes with what is ready before it in its unit.
#[allow(missing_docs)]
pub async fn claims_are_taken_with_what_is_before_them<S: Store>(store: S) {
    let claims = [(1, 2), (2, 4), (3, 2), (4, 2), (5, 4), (6, 3), (7, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let ids = |taken: &Taken| -> Vec<_> { taken.ready.iter().map(|queued| queued.claim).collect() };
    let asked = [claim_id(4), claim_id(6), claim_id(99), claim_id(3)];
    let taken = store.take(&asked, 100).await.unwrap();
    assert_eq!(ids(&taken), [1, 3, 4, 6].map(claim_id));
    assert_eq!(taken.unknown, [claim_id(99)]);
    assert_eq!((taken.done.len(), taken.aside.len()), (0, 0));
    let previous: Vec<_> = taken.ready.iter().map(|queued| queued.previous).collect();
    assert_eq!(previous, [0, 1, 2, 0]);
    let few = store.take(&asked, 2).await.unwrap();
    assert_eq!(few.ready, taken.ready[..2]);
    // What is done is not before anything; asked for, it is said to be done.
    let done = vec![decided(&taken.ready[0], 2), decided(&taken.ready[1], 2)];
    store.commit(&batch(done)).await.unwrap();
    let asked = [claim_id(7), claim_id(1)];
    let taken = store.take(&asked, 100).await.unwrap();
    assert_eq!(ids(&taken), [4, 7].map(claim_id));
    assert_eq!(taken.done, [claim_id(1)]);
    // What is set aside is left there, and so is what waits behind it.
    store.failed(claim_id(4), 1, "a fault").await.unwrap();
    let asked = [claim_id(7), claim_id(4), claim_id(5)];
    let taken = store.take(&asked, 100).await.unwrap();
    assert_eq!(ids(&taken), [2, 5].map(claim_id));
    let aside: std::collections::BTreeSet<_> = taken.aside.into_iter().collect();
    assert_eq!(aside, [claim_id(4), claim_id(7)].into());
    assert_eq!(store.take(&[], 100).await.unwrap(), Taken::default());
}

#[allow(missing_docs)]
pub async fn what_is_set_aside_is_listed<S: Store>(store: S) {
    let claims = [(1, 2), (2, 4), (3, 2), (4, 2), (5, 4)];
    store.accept(&submission(1, &claims)).await.unwrap();
    assert_eq!(store.held().await.unwrap(), []);
    store.failed(claim_id(5), 2, "one fault").await.unwrap();
    store.failed(claim_id(5), 2, "another").await.unwrap();
    store.failed(claim_id(1), 1, "a third").await.unwrap();
    let held = |n, of, sequence, attempts, reason: &str, behind| HeldRow {
        claim: claim_id(n),
        unit: unit(of),
        sequence,
        attempts,
        reason: reason.into(),
        behind,
    };
    let expected = [
        held(1, 2, 1, 1, "a third", 2),
        held(5, 4, 2, 2, "another", 0),
    ];
    assert_eq!(store.held().await.unwrap(), expected);
    // One is released, the other stays.
    assert_eq!(store.release(Some(claim_id(3))).await.unwrap(), 0);
    assert_eq!(store.release(Some(claim_id(99))).await.unwrap(), 0);
    assert_eq!(store.release(Some(claim_id(1))).await.unwrap(), 1);
    assert_eq!(store.held().await.unwrap(), expected[1..]);
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.ready, waiting.held, waiting.behind), (4, 1, 0));
    // Of two of one unit, the later still holds back what is behind it.
    store.failed(claim_id(1), 1, "a fault").await.unwrap();
    store.failed(claim_id(3), 1, "a fault").await.unwrap();
    assert_eq!(store.release(Some(claim_id(1))).await.unwrap(), 1);
    let waiting = store.waiting().await.unwrap();
    assert_eq!((waiting.ready, waiting.held, waiting.behind), (2, 2, 1));
}

/// A claim that is given up: the order closes over it.
#[allow(missing_docs)]
pub async fn a_discarded_claim_closes_its_number<S: Store>(store: S) {
    let claims = [(1, 2), (2, 2), (3, 2), (4, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let taken = store.next(0, 10).await.unwrap();
    // Only what is set aside can be given up.
    let discard = note("claim-discarded");
    assert!(!store.discard(claim_id(2), &discard).await.unwrap());
    assert!(!store.discard(claim_id(99), &discard).await.unwrap());
    store
        .commit(&batch(vec![decided(&taken[0], 2)]))
        .await
        .unwrap();
    for n in [2, 4] {
        store.failed(claim_id(n), 1, "a fault").await.unwrap();
    }
    assert_eq!(store.audit(10).await.unwrap(), []);
    assert!(store.discard(claim_id(2), &discard).await.unwrap());
    assert!(store.discard(claim_id(4), &discard).await.unwrap());
    assert!(!store.discard(claim_id(2), &discard).await.unwrap());
    assert_eq!(store.audit(10).await.unwrap(), [discard.clone(), discard]);
    let row = store.claim(claim_id(2)).await.unwrap().unwrap();
    assert!(row.discarded && row.outcome.is_none());
    assert_eq!(store.held().await.unwrap(), []);
    let taken = store.take(&[2, 3, 4].map(claim_id), 10).await.unwrap();
    assert_eq!(taken.done, [claim_id(2), claim_id(4)]);
    // What came after it goes on, and what comes now comes after that.
    store.accept(&submission(2, &[(5, 2)])).await.unwrap();
    let rest = store.next(0, 10).await.unwrap();
    let found: Vec<_> = rest
        .iter()
        .map(|q| (q.claim, q.sequence, q.previous))
        .collect();
    assert_eq!(found, [(claim_id(3), 3, 1), (claim_id(5), 5, 3)]);
    assert_eq!(drain(&store).await.unwrap(), 2);
    let state = store.units(&[unit(2)]).await.unwrap().remove(0);
    assert_eq!((state.done, state.history.len()), (5, 3));
    assert_eq!(store.waiting().await.unwrap(), Waiting::default());
}

#[allow(missing_docs)]
pub async fn the_number_of_partitions_can_change<S: Store>(store: S) {
    assert_eq!(store.identity().await.unwrap(), Some(identity()));
    // It is set up once.
    let other = crate::port::Identity {
        origin: "tallystick.example/another".into(),
        partitions: 7,
    };
    assert_eq!(store.set_up(&other).await.unwrap(), identity());
    store
        .accept(&submission(1, &[(1, 1), (2, 2)]))
        .await
        .unwrap();
    assert_eq!(store.generations().await.unwrap(), [2]);
    assert_eq!(store.former().await.unwrap(), [0; 0]);
    store.repartition(3).await.unwrap();
    assert_eq!(store.identity().await.unwrap().unwrap().partitions, 3);
    // Its queues are remembered until somebody has removed them, or they are
    // used again.
    assert_eq!(store.former().await.unwrap(), [2]);
    store.repartition(5).await.unwrap();
    store.repartition(3).await.unwrap();
    assert_eq!(store.former().await.unwrap(), [2, 5]);
    store.removed(5).await.unwrap();
    store.removed(7).await.unwrap();
    assert_eq!(store.former().await.unwrap(), [2]);
    // Who has not heard of it is told.
    let before = seen(&store).await.unwrap();
    assert_fenced(store.accept(&submission(2, &[(3, 1)])).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    let mut new = submission(2, &[(3, 1), (4, 2)]);
    new.partitions = 3;
    new.claims[1].partition = 2;
    store.accept(&new).await.unwrap();
    assert_eq!(store.generations().await.unwrap(), [2, 3]);
    let taken = store.next(2, 10).await.unwrap();
    assert_eq!((taken.len(), taken[0].claim), (1, claim_id(4)));
    // The order of a unit does not hang on it.
    let taken = store.take(&[claim_id(4)], 10).await.unwrap();
    let ids: Vec<_> = taken.ready.iter().map(|queued| queued.claim).collect();
    assert_eq!(ids, [claim_id(2), claim_id(4)]);
}
