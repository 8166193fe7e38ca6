//! What holds of a store at every moment, whatever happened to it: asked after
//! crashes, races and faults. It knows the claims of [`super::world`], each
//! committed with [`moved`].

use std::collections::{BTreeMap, BTreeSet};

use tally_core::ledger::tree::{Frontier, leaf_hash};

use super::statements::all;
use super::world::{accumulator, adjudicated, frontier, moved, unit};
use crate::port::{ClaimFilter, ClaimRow, Store};

/// Asserts that nothing is lost, doubled, out of order or at odds.
///
/// # Panics
/// When something is, or the store fails.
pub async fn assert_consistent<S: Store>(store: &S, units: u64) {
    let mut waiting = 0;
    for of in 0..units {
        let rows = store.claims_of_unit(unit(of)).await.unwrap();
        waiting += assert_unit(store, of, &rows).await;
    }
    let counted = store.waiting().await.unwrap();
    assert_eq!(counted.ready + counted.held + counted.behind, waiting);

    let claims = store.claims(&ClaimFilter::default()).await.unwrap();
    let outcomes: Vec<_> = claims
        .iter()
        .filter_map(|row| row.outcome.as_ref())
        .collect();
    let totals = store.totals().await.unwrap();
    let counted = totals.paid + totals.denied + totals.pended;
    assert_eq!(u64::try_from(outcomes.len()), Ok(counted));
    let paid: i64 = outcomes.iter().map(|outcome| outcome.paid.scaled()).sum();
    assert_eq!(totals.paid_amount.scaled(), paid);
    assert_eq!(
        u64::try_from(claims.len()),
        Ok(totals.read - totals.refused),
        "every claim that was read and not refused"
    );
    assert_log(store, &claims).await;
}

/// A unit's numbers, outcomes, balance and history agree; how many wait.
async fn assert_unit<S: Store>(store: &S, of: u64, rows: &[ClaimRow]) -> u64 {
    let state = store.units(&[unit(of)]).await.unwrap().remove(0);
    let mut used = 0;
    let mut histories = Vec::new();
    let mut waiting = 0;
    for (row, sequence) in rows.iter().zip(1u64..) {
        assert_eq!(row.sequence, sequence, "unit {of} has a gap");
        let Some(outcome) = &row.outcome else {
            waiting += 1;
            continue;
        };
        assert_eq!(waiting, 0, "unit {of} went on past a claim that waits");
        let (expected, after) = moved(adjudicated(row.id, of, sequence), used);
        used = after;
        assert_eq!(outcome.outcome_hash, expected.outcome_hash);
        assert_eq!(outcome.record, expected.record);
        histories.push(expected.history);
    }
    assert_eq!(u64::try_from(histories.len()), Ok(state.done), "unit {of}");
    assert_eq!(state.history, histories, "unit {of}");
    match &state.accumulators[..] {
        [] => assert_eq!(used, 0, "unit {of}"),
        [row] => {
            assert_eq!(row.name, accumulator(None, "paid"));
            assert_eq!(row.used, used, "unit {of}");
        }
        rows => panic!("unit {of} has {} balances", rows.len()),
    }
    waiting
}

/// Every outcome and every statement has one entry, in the log at its place or in the
/// outbox; the tree is that of the entries.
async fn assert_log<S: Store>(store: &S, claims: &[ClaimRow]) {
    let head = store.head().await.unwrap();
    let entries = store.entries(0, u32::MAX).await.unwrap();
    assert_eq!(u64::try_from(entries.len()), Ok(head.size));
    let mut whole = Frontier::default();
    let mut nodes = BTreeMap::new();
    for entry in &entries {
        for node in whole.append(leaf_hash(entry)) {
            nodes.insert((node.level, node.index), Some(node.hash));
        }
    }
    assert_eq!(frontier(store, head.size).await.unwrap(), whole);
    let asked: Vec<_> = nodes.keys().copied().collect();
    let found = store.nodes(&asked).await.unwrap();
    assert!(found.iter().eq(nodes.values()), "a node is at odds");
    let beyond = store.nodes(&[(0, head.size)]).await.unwrap();
    assert_eq!(beyond, [None]);

    let outbox = store.outbox(u32::MAX).await.unwrap();
    let mut waiting: BTreeSet<_> = outbox.iter().map(|row| &row.entry).collect();
    assert_eq!(waiting.len(), outbox.len(), "an entry waits twice");
    let mut places = BTreeSet::new();
    for row in claims {
        let Some(outcome) = &row.outcome else {
            continue;
        };
        let expected = adjudicated(row.id, 0, row.sequence).entry;
        match outcome.leaf {
            Some(leaf) => {
                assert_eq!(entries[usize::try_from(leaf).unwrap()], expected);
                assert!(places.insert(leaf), "two claims at one place");
            }
            None => assert!(waiting.remove(&expected), "an entry is lost"),
        }
    }
    assert_eq!(u64::try_from(places.len()), Ok(head.adjudicated));
    for row in all(store).await {
        match row.leaf {
            Some(leaf) => {
                assert_eq!(entries[usize::try_from(leaf).unwrap()], row.entry);
                assert!(places.insert(leaf), "two at one place");
            }
            None => assert!(waiting.remove(&row.entry), "a statement's entry is lost"),
        }
    }
    assert!(waiting.is_empty(), "an entry of nothing waits");
    assert_eq!(places.len(), entries.len(), "an entry of nothing");
}
