//! Facts, the marks on their groups, and judgements.

use super::assert_fenced;
use super::world::{
    batch, change, contract, decided, fact, facts, flag, group, restated, seen, submission,
};
use crate::port::{Batch, Judged, Store, Unjudged};

/// A judgement of the group that is marked first.
async fn judgement<S: Store>(store: &S, version: u64) -> Judged {
    let Unjudged { group, marks } = store.unjudged(1).await.unwrap().remove(0);
    Judged {
        group,
        marks,
        flags: vec![flag(1, version)],
    }
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
        facts: vec![fact(group(1), 3, 1), fact(group(1), 3, 2)],
        ..batch(vec![decided(&queued[2], 4)])
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
    let first = facts(vec![
        fact(group(1), 1, 1),
        fact(group(1), 2, 1),
        fact(group(2), 1, 1),
    ]);
    store.commit(&first).await.unwrap();
    // One fact is stated again, one is new.
    let again = facts(vec![restated(group(1), 1, 1, 7), fact(group(1), 1, 2)]);
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
    // No claim was taken for it, and of two in one batch the later holds.
    assert_eq!(store.waiting().await.unwrap().ready, 2);
    let twice = facts(vec![
        restated(group(2), 1, 1, 8),
        restated(group(2), 1, 1, 9),
    ]);
    store.commit(&twice).await.unwrap();
    let other = store.facts(&[group(2)]).await.unwrap();
    assert_eq!(other, [restated(group(2), 1, 1, 9)]);
}

#[allow(missing_docs)]
pub async fn groups_of_new_facts_are_marked<S: Store>(store: S) {
    store
        .accept(&submission(1, &[(1, 2), (2, 4)]))
        .await
        .unwrap();
    assert_eq!(store.unjudged(10).await.unwrap(), []);
    let two = vec![
        fact(group(2), 1, 1),
        fact(group(1), 1, 1),
        fact(group(2), 1, 2),
    ];
    store.commit(&facts(two)).await.unwrap();
    store
        .commit(&facts(vec![fact(group(2), 2, 1)]))
        .await
        .unwrap();
    assert_eq!(store.waiting().await.unwrap().unjudged, 3);
    let all = store.unjudged(10).await.unwrap();
    let marks: Vec<_> = all.iter().map(|unjudged| unjudged.marks.len()).collect();
    let first = all.iter().position(|unjudged| unjudged.group == group(2));
    assert_eq!(all.len(), 2);
    assert_eq!(marks[first.unwrap()], 2);
    // A group comes with all its marks, however few groups are asked for.
    let one = store.unjudged(1).await.unwrap();
    assert_eq!(one, all[..1]);
    assert_eq!(store.unjudged(0).await.unwrap(), []);
    // Enrolment can ask for a group to be judged.
    let mut touching = contract(1, &[1], 1);
    touching.touched = vec![group(7)];
    store.put_contract(&touching).await.unwrap();
    let marked = store.unjudged(10).await.unwrap();
    assert_eq!(marked.last().map(|unjudged| unjudged.group), Some(group(7)));
}

/// Two look at the same group; the second has not seen what the first did.
#[allow(missing_docs)]
pub async fn a_group_that_was_judged_meanwhile_is_fenced<S: Store>(store: S) {
    store
        .accept(&submission(1, &[(1, 2), (2, 4)]))
        .await
        .unwrap();
    store
        .commit(&facts(vec![fact(group(1), 1, 1)]))
        .await
        .unwrap();
    let late = judgement(&store, 1).await;
    store
        .commit(&facts(vec![fact(group(1), 2, 1)]))
        .await
        .unwrap();
    let early = judgement(&store, 2).await;
    assert_eq!(early.marks.len(), 2);
    store.judge(std::slice::from_ref(&early)).await.unwrap();
    let before = seen(&store).await.unwrap();
    // Alone, beside another that is right, twice the same.
    let right = change(2, vec![flag(2, 0)]);
    assert_fenced(store.judge(std::slice::from_ref(&late)).await);
    assert_fenced(store.judge(&[right, late.clone()]).await);
    assert_fenced(store.judge(&[early]).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    let standing = store.flags(&Default::default()).await.unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0].row, flag(1, 2));
    assert_eq!(store.unjudged(10).await.unwrap(), []);
    // What comes while it is judged is judged later.
    store
        .commit(&facts(vec![fact(group(1), 1, 2)]))
        .await
        .unwrap();
    let now = judgement(&store, 3).await;
    store
        .commit(&facts(vec![fact(group(1), 2, 2)]))
        .await
        .unwrap();
    store.judge(&[now]).await.unwrap();
    let left = store.unjudged(10).await.unwrap();
    assert_eq!((left.len(), left[0].marks.len()), (1, 1));
    assert_eq!(store.facts(&[group(1)]).await.unwrap().len(), 4);
    assert_eq!(store.waiting().await.unwrap().ready, 2);
}
