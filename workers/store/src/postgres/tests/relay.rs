//! What a store does beside a broker, and dead letters.

use super::{open, settings};
use crate::conformance::world::{batch, claim_id, decided, note, sealed, submission, token};
use crate::port::{Among, Audit, DeadLetters, Dispatch, Intake, NewDeadLetter, Relay, Work};

fn dispatch(n: u64, partition: u32) -> Dispatch {
    Dispatch {
        claim: claim_id(n),
        partitions: 2,
        partition,
        trace: None,
    }
}

#[tokio::test]
async fn what_is_ready_is_published_once() {
    let store = open(&settings().await).await;
    let claims = [(1, 2), (2, 2), (3, 1)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let all = [dispatch(1, 0), dispatch(2, 0), dispatch(3, 1)];
    assert_eq!(
        store.unpublished(10, Among::Without(&[])).await.unwrap(),
        all
    );
    assert_eq!(
        store.unpublished(2, Among::Without(&[])).await.unwrap(),
        all[..2]
    );
    let without = Among::Without(&[0, 7]);
    assert_eq!(store.unpublished(2, without).await.unwrap(), all[2..]);
    assert_eq!(
        store.unpublished(9, Among::Only(&0)).await.unwrap(),
        all[..2]
    );
    store
        .published(&[claim_id(1), claim_id(3), claim_id(99)])
        .await
        .unwrap();
    assert_eq!(
        store.unpublished(10, Among::Without(&[])).await.unwrap(),
        all[1..2]
    );
    // What a broker has lost is published again.
    assert_eq!(store.lost(2, 0, 3600, 9).await.unwrap(), 0);
    assert_eq!(store.lost(3, 0, 0, 9).await.unwrap(), 0);
    assert_eq!(store.lost(2, 0, 0, 9).await.unwrap(), 1);
    assert_eq!(
        store.unpublished(10, Among::Without(&[])).await.unwrap(),
        all[..2]
    );
    // The oldest of it first, when it is not to be all.
    store.published(&[claim_id(1), claim_id(2)]).await.unwrap();
    assert_eq!(store.lost(2, 0, 0, 1).await.unwrap(), 1);
    assert_eq!(
        store.unpublished(10, Among::Without(&[])).await.unwrap(),
        all[..1]
    );
    // What is set aside is not; when it is released, it is again, with what
    // was behind it.
    store.published(&[claim_id(1), claim_id(2)]).await.unwrap();
    assert!(store.failed(claim_id(1), 1, "a fault").await.unwrap());
    assert_eq!(
        store.unpublished(10, Among::Without(&[])).await.unwrap(),
        []
    );
    assert_eq!(store.lost(2, 0, 0, 9).await.unwrap(), 0);
    assert_eq!(store.release(Some(claim_id(1))).await.unwrap(), 1);
    assert_eq!(
        store.unpublished(10, Among::Without(&[])).await.unwrap(),
        all[..2]
    );
}

#[tokio::test]
async fn results_are_told_once() {
    let store = open(&settings().await).await;
    store
        .accept(&submission(1, &[(1, 2), (2, 2), (3, 2)]))
        .await
        .unwrap();
    let queued = store.next(0, 3).await.unwrap();
    assert_eq!(store.results(10, Among::Without(&[])).await.unwrap(), []);
    let claims = vec![decided(&queued[0], 2), decided(&queued[1], 2)];
    store.commit(&batch(claims.clone())).await.unwrap();
    let results = store.results(10, Among::Without(&[])).await.unwrap();
    assert_eq!(results.len(), 2);
    for (result, claim) in results.iter().zip(&claims) {
        assert_eq!(result.claim, claim.claim);
        assert_eq!(result.decided, Some((claim.status, claim.outcome_hash)));
        assert_eq!(result.submitter, submission(1, &[]).submitter);
    }
    store.told(&[results[0].id]).await.unwrap();
    assert_eq!(
        store.results(10, Among::Without(&[])).await.unwrap(),
        results[1..]
    );
    assert_eq!(store.results(0, Among::Without(&[])).await.unwrap(), []);
    store.told(&[results[0].id, results[1].id]).await.unwrap();
    assert_eq!(store.results(10, Among::Without(&[])).await.unwrap(), []);
}

#[tokio::test]
async fn what_may_have_died_of_a_claim_is_counted() {
    let store = open(&settings().await).await;
    store
        .accept(&submission(1, &[(1, 2), (2, 4)]))
        .await
        .unwrap();
    let asked = [claim_id(2), claim_id(9), claim_id(1)];
    assert_eq!(store.suspect(&asked).await.unwrap(), [1, 0, 1]);
    assert_eq!(store.suspect(&asked[..1]).await.unwrap(), [2]);
    // Host faults are counted apart.
    assert_eq!(store.next(0, 2).await.unwrap()[1].attempts, 0);
    let queued = store.next(0, 1).await.unwrap();
    store
        .commit(&batch(vec![decided(&queued[0], 2)]))
        .await
        .unwrap();
    assert_eq!(store.suspect(&asked).await.unwrap(), [3, 0, 0]);
    assert_eq!(store.suspect(&[]).await.unwrap(), [0; 0]);
}

#[tokio::test]
async fn workers_that_live_are_known() {
    let store = open(&settings().await).await;
    assert_eq!(store.alive("b", 60).await.unwrap(), ["b"]);
    assert_eq!(store.alive("a", 60).await.unwrap(), ["a", "b"]);
    assert_eq!(store.alive("B", 60).await.unwrap(), ["B", "a", "b"]);
    store.ended("b").await.unwrap();
    assert_eq!(store.alive("a", 60).await.unwrap(), ["B", "a"]);
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(store.alive("a", 1).await.unwrap(), ["a"]);
}

fn letter(n: u64) -> NewDeadLetter {
    NewDeadLetter {
        token: token("letter", n),
        at: 1_700_000_000_000 + i64::try_from(n).unwrap(),
        queue: "claims.intake".into(),
        code: "unknown-version".into(),
        reason: "the envelope is of version 9".into(),
        submitter: n.is_multiple_of(2).then(|| "harbour-clinic".into()),
        sealed: sealed("letter", n),
    }
}

#[tokio::test]
async fn dead_letters_are_kept_until_they_are_settled() {
    let store = open(&settings().await).await;
    let first = store.bury(&letter(1)).await.unwrap();
    let second = store.bury(&letter(2)).await.unwrap();
    assert!(0 < first && first < second);
    // The same message again, whatever is said of it.
    let mut again = letter(1);
    again.reason = "another".into();
    assert_eq!(store.bury(&again).await.unwrap(), first);
    let dead = store.dead(false, 10).await.unwrap();
    let letters: Vec<_> = dead.iter().map(|row| row.letter.clone()).collect();
    assert_eq!(letters, [letter(2), letter(1)]);
    assert_eq!(store.dead(false, 1).await.unwrap(), dead[..1]);
    assert_eq!(
        store.dead_letter(first).await.unwrap().as_ref(),
        dead.last()
    );
    assert_eq!(store.dead_letter(77).await.unwrap(), None);

    assert!(
        store
            .settle(first, "discarded", &note("discarded"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .settle(first, "replayed", &note("replayed"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .settle(77, "replayed", &note("replayed"))
            .await
            .unwrap()
    );
    assert_eq!(store.dead(false, 10).await.unwrap(), dead[..1]);
    let all = store.dead(true, 10).await.unwrap();
    assert_eq!(all.len(), 2);
    let settled = Some(("discarded".to_owned(), note("discarded").at));
    assert_eq!(all[1].settled, settled);
    assert_eq!(store.audit(10).await.unwrap(), [note("discarded")]);
    // One that comes again when it was settled is another: nobody has dealt
    // with that yet.
    let third = store.bury(&letter(1)).await.unwrap();
    assert!(third > second);
    let waiting = store.dead(false, 10).await.unwrap();
    let waiting: Vec<_> = waiting.iter().map(|row| row.id).collect();
    assert_eq!(waiting, [third, second]);
}
