//! Sequencing and queueing.

use super::assert_fenced;
use super::statements::{all, marked};
use super::world::{claim_id, contract, drain, integrate_all, seen, submission, token, unit};
use crate::port::{Store, SubmissionRow};

#[allow(missing_docs)]
pub async fn a_submission_is_taken_in_once<S: Store>(store: S) {
    let first = submission(1, &[(3, 1), (1, 2), (2, 1)]);
    assert_eq!(store.submission(first.token).await.unwrap(), None);
    let expected = SubmissionRow {
        content: first.content,
        read: 4,
        refusals: b"the 1th refusal".to_vec(),
        refused: 1,
        claims: vec![claim_id(3), claim_id(1), claim_id(2)],
    };
    assert_eq!(store.accept(&first).await.unwrap(), expected);
    let before = seen(&store).await.unwrap();
    // Under the same token, what is sent does not matter any more.
    let mut again = submission(1, &[(9, 1)]);
    again.refusals = Vec::new();
    again.content = token("content", 7);
    assert_eq!(store.accept(&again).await.unwrap(), expected);
    let stored = store.submission(first.token).await.unwrap();
    assert_eq!(stored, Some(expected.clone()));
    assert_eq!(seen(&store).await.unwrap(), before);
    // Nor does it when the claims are done.
    drain(&store).await.unwrap();
    let before = seen(&store).await.unwrap();
    assert_eq!(store.accept(&first).await.unwrap(), expected);
    assert_eq!(seen(&store).await.unwrap(), before);
}

/// In the transaction that takes the claims in: no statement without its claim.
#[allow(missing_docs)]
pub async fn claims_are_stated_as_they_are_taken_in<S: Store>(store: S) {
    let mut sent = submission(1, &[(3, 1), (1, 2), (2, 1)]);
    for (n, claim) in (1u64..).zip(&mut sent.claims) {
        // Not every claim was sent by somebody.
        claim.statement = (n != 2).then(|| marked(6, n));
    }
    let stated: Vec<_> = [1, 3].map(|n| marked(6, n).entry).into();
    store.accept(&sent).await.unwrap();
    store.accept(&sent).await.unwrap();
    let rows = all(&store).await;
    let entries: Vec<_> = rows.iter().map(|row| row.entry.clone()).collect();
    assert_eq!(entries, stated);
    assert_eq!(rows[1].opening, marked(6, 3).opening);
    let outbox = store.outbox(9).await.unwrap();
    let waits: Vec<_> = outbox.into_iter().map(|row| row.entry).collect();
    assert_eq!(waits, stated);
    // They come before what the claims come to.
    let last = integrate_all(&store).await.unwrap();
    drain(&store).await.unwrap();
    integrate_all(&store).await.unwrap();
    let places: Vec<_> = all(&store).await.iter().map(|row| row.leaf).collect();
    assert_eq!(places, [Some(last - 2), Some(last - 1)]);
    // A claim that came before is of the submission that it came with: nothing is stated.
    let mut again = submission(2, &[(3, 1)]);
    again.claims[0].statement = Some(marked(6, 9));
    assert_fenced(store.accept(&again).await);
    assert_eq!(all(&store).await.len(), 2);
}

#[allow(missing_docs)]
pub async fn numbers_have_no_gap<S: Store>(store: S) {
    store.put_contract(&contract(1, &[1], 1)).await.unwrap();
    for (n, claims) in [
        (1, vec![(1, 1), (2, 2), (3, 1)]),
        (2, vec![(4, 2)]),
        (3, vec![(5, 1), (6, 3), (7, 1), (8, 2)]),
    ] {
        store.accept(&submission(n, &claims)).await.unwrap();
    }
    for (of, claims) in [(1, vec![1, 3, 5, 7]), (2, vec![2, 4, 8]), (3, vec![6])] {
        let rows = store.claims_of_unit(unit(of)).await.unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.sequence, row.id)).collect();
        let expected: Vec<_> = (1..).zip(claims.into_iter().map(claim_id)).collect();
        assert_eq!(found, expected, "unit {of}");
    }
    assert_eq!(store.claims_of_unit(unit(9)).await.unwrap(), []);
    let mut units = vec![unit(1), unit(2), unit(3)];
    units.sort_unstable();
    assert_eq!(store.all_units().await.unwrap(), units);
}

#[allow(missing_docs)]
pub async fn a_claim_belongs_to_one_submission<S: Store>(store: S) {
    store.accept(&submission(1, &[(1, 1)])).await.unwrap();
    let before = seen(&store).await.unwrap();
    let other = submission(2, &[(2, 1), (1, 1)]);
    assert_fenced(store.accept(&other).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    assert_eq!(store.submission(other.token).await.unwrap(), None);
    // Nor can it be in one twice.
    assert_fenced(store.accept(&submission(3, &[(4, 1), (4, 2)])).await);
    assert_eq!(seen(&store).await.unwrap(), before);
}

#[allow(missing_docs)]
pub async fn a_submission_may_have_no_claims<S: Store>(store: S) {
    let empty = submission(1, &[]);
    let row = store.accept(&empty).await.unwrap();
    assert_eq!((row.read, row.refused, row.claims.len()), (1, 1, 0));
    // Between two others, it has still none.
    store.accept(&submission(2, &[(1, 1)])).await.unwrap();
    store.accept(&submission(3, &[])).await.unwrap();
    store.accept(&submission(4, &[(2, 1)])).await.unwrap();
    for (n, count) in [(1, 0), (2, 1), (3, 0), (4, 1)] {
        let row = store.submission(token("submission", n)).await.unwrap();
        assert_eq!(row.map(|row| row.claims.len()), Some(count), "{n}");
    }
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.read, totals.refused), (6, 4));
}
