//! Flags: replaced by group, withdrawn, committed to.

use tally_core::fraud::FlagId;

use super::world::{change, claim_id, flag, group, integrate_all, seen};
use crate::port::{Batch, FlagFilter, FlagGroup, FlagRow, Store};

async fn standing<S: Store>(store: &S) -> Vec<FlagRow> {
    let listed = store.flags(&FlagFilter::default()).await.unwrap();
    let mut rows: Vec<_> = listed.into_iter().map(|flag| flag.row).collect();
    rows.sort_by_key(|row| row.id);
    rows
}

fn sorted(mut rows: Vec<FlagRow>) -> Vec<FlagRow> {
    rows.sort_by_key(|row| row.id);
    rows
}

async fn pending<S: Store>(store: &S) -> Vec<[u8; 32]> {
    let pending = store.pending_flags(100).await.unwrap();
    pending.into_iter().map(|flag| flag.commitment).collect()
}

async fn place<S: Store>(store: &S, id: FlagId) -> Option<(u64, u16)> {
    let listed = store.flags(&FlagFilter::default()).await.unwrap();
    let found = listed.into_iter().find(|listed| listed.row.id == id);
    found.expect("a flag that stands").place
}

#[allow(missing_docs)]
pub async fn flags_of_a_group_are_replaced<S: Store>(store: S) {
    let first = vec![
        change(1, vec![flag(1, 0), flag(2, 0)]),
        change(2, vec![flag(3, 0)]),
        change(3, vec![]),
    ];
    store.judge(&first).await.unwrap();
    let all = vec![flag(1, 0), flag(2, 0), flag(3, 0)];
    assert_eq!(standing(&store).await, sorted(all));
    // One goes, one comes, one changes; another group is left alone.
    let second = vec![change(1, vec![flag(2, 1), flag(4, 0)])];
    store.judge(&second).await.unwrap();
    let now = vec![flag(2, 1), flag(3, 0), flag(4, 0)];
    assert_eq!(standing(&store).await, sorted(now));
    assert_eq!(store.totals().await.unwrap().flags, 3);
    // Of two changes of a group in one batch, the later holds.
    let both = vec![change(2, vec![flag(5, 0)]), change(2, vec![flag(6, 0)])];
    store.judge(&both).await.unwrap();
    let now = vec![flag(2, 1), flag(4, 0), flag(6, 0)];
    assert_eq!(standing(&store).await, sorted(now));
    let none = vec![change(1, vec![]), change(2, vec![])];
    store.judge(&none).await.unwrap();
    assert_eq!(standing(&store).await, []);
    assert_eq!(store.totals().await.unwrap().flags, 0);
}

#[allow(missing_docs)]
pub async fn a_commitment_that_is_stored_stays<S: Store>(store: S) {
    store.judge(&[change(1, vec![flag(1, 0)])]).await.unwrap();
    let before = seen(&store).await.unwrap();
    let mut other = flag(1, 7);
    other.commitment = flag(1, 0).commitment;
    store
        .judge(&[change(1, vec![other.clone()])])
        .await
        .unwrap();
    assert_eq!(seen(&store).await.unwrap(), before);
    integrate_all(&store).await.unwrap();
    let before = seen(&store).await.unwrap();
    assert_eq!(place(&store, flag(1, 0).id).await, Some((0, 0)));
    store.judge(&[change(1, vec![other])]).await.unwrap();
    assert_eq!(seen(&store).await.unwrap(), before);
}

#[allow(missing_docs)]
pub async fn a_changed_flag_is_pending_again<S: Store>(store: S) {
    store.judge(&[change(1, vec![flag(1, 0)])]).await.unwrap();
    integrate_all(&store).await.unwrap();
    assert_eq!(pending(&store).await, [[0u8; 32]; 0]);
    store.judge(&[change(1, vec![flag(1, 1)])]).await.unwrap();
    assert_eq!(pending(&store).await, [flag(1, 1).commitment]);
    assert_eq!(place(&store, flag(1, 1).id).await, None);
    integrate_all(&store).await.unwrap();
    assert_eq!(place(&store, flag(1, 1).id).await, Some((1, 0)));
}

#[allow(missing_docs)]
pub async fn findings_and_facts_are_apart<S: Store>(store: S) {
    let findings = |findings| Batch {
        findings,
        ..Batch::default()
    };
    let of_two = findings(vec![
        (claim_id(1), vec![flag(1, 0), flag(2, 0)]),
        (claim_id(2), vec![flag(4, 0)]),
    ]);
    store.commit(&of_two).await.unwrap();
    store.judge(&[change(1, vec![flag(3, 0)])]).await.unwrap();
    let one = FlagGroup::Findings(claim_id(1));
    let facts = FlagGroup::Facts(group(1));
    let none = FlagGroup::Facts(group(2));
    let found = store.flags_in(&[facts, none, one]).await.unwrap();
    let mut expected = vec![(facts, flag(3, 0))];
    let both = sorted(vec![flag(1, 0), flag(2, 0)]);
    expected.extend(both.into_iter().map(|flag| (one, flag)));
    assert_eq!(found, expected);
    let none = findings(vec![(claim_id(1), vec![])]);
    store.commit(&none).await.unwrap();
    let rest = sorted(vec![flag(3, 0), flag(4, 0)]);
    assert_eq!(standing(&store).await, rest);
    assert_eq!(store.flags_in(&[one]).await.unwrap(), []);
    assert_eq!(store.flags_in(&[]).await.unwrap(), []);
}

#[allow(missing_docs)]
pub async fn pending_flags_are_given_oldest_first<S: Store>(store: S) {
    for n in [5, 1, 3] {
        let two = vec![flag(n, 0), flag(n + 10, 0)];
        store.judge(&[change(n, two)]).await.unwrap();
    }
    let expected: Vec<_> = [5, 15, 1, 11, 3, 13]
        .map(|n| flag(n, 0).commitment)
        .to_vec();
    assert_eq!(pending(&store).await, expected);
    let some = store.pending_flags(2).await.unwrap();
    assert_eq!(some.len(), 2);
    assert!(some[0].id < some[1].id);
    // What was withdrawn before it was committed to need not be; what changed
    // joins the end.
    store.judge(&[change(1, vec![flag(11, 1)])]).await.unwrap();
    let expected: Vec<_> = [(5, 0), (15, 0), (3, 0), (13, 0), (11, 1)]
        .map(|(n, version)| flag(n, version).commitment)
        .to_vec();
    assert_eq!(pending(&store).await, expected);
}

#[allow(missing_docs)]
pub async fn a_withdrawn_flag_can_stand_again<S: Store>(store: S) {
    store.judge(&[change(1, vec![flag(1, 0)])]).await.unwrap();
    integrate_all(&store).await.unwrap();
    store.judge(&[change(1, vec![flag(1, 1)])]).await.unwrap();
    store.judge(&[change(1, vec![])]).await.unwrap();
    assert_eq!(standing(&store).await, []);
    // Its first version is remembered, with its place in the log.
    store.judge(&[change(1, vec![flag(1, 0)])]).await.unwrap();
    assert_eq!(standing(&store).await, [flag(1, 0)]);
    assert_eq!(place(&store, flag(1, 0).id).await, Some((0, 0)));
    assert_eq!(pending(&store).await, [[0u8; 32]; 0]);
    // So is the second, which has none yet.
    store.judge(&[change(1, vec![flag(1, 1)])]).await.unwrap();
    assert_eq!(standing(&store).await, [flag(1, 1)]);
    assert_eq!(pending(&store).await, [flag(1, 1).commitment]);
}
