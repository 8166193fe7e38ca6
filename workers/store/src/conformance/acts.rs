//! Acts: a unit's past as it stands, and all that it ever was.

#![allow(missing_docs, clippy::missing_panics_doc)]

use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;

use super::assert_fenced;
use super::world::{
    accumulator, adjudicated, batch, claim_id, decided, digest, fact, flag, group, integrate_all,
    integration, leaves, moved, sealed, submission, unit,
};
use crate::port::{
    ActDone, ActKind, ActRow, Adjudicated, Batch, Change, ClaimFilter, Decided, NewAct, Revised,
    Store, Submission,
};

/// A submission of one act of unit 2, the `n`th claim.
#[must_use]
pub fn act(n: u64, kind: ActKind, original: Option<u64>) -> Submission {
    let mut sent = submission(n, &[(n, 2)]);
    sent.claims[0].act = Some(NewAct {
        kind,
        original: original.map(claim_id),
    });
    sent
}

/// What the `n`th claim is decided to by an act.
#[must_use]
pub fn again(n: u64, version: u64) -> Decided {
    let first = adjudicated(claim_id(n), 2, n);
    Decided {
        status: Status::Paid,
        charge: first.charge,
        allowed: first.allowed,
        paid: tally_types::Money::cents(70_000 + i64::try_from(version).unwrap()),
        patient: first.patient,
        policy: Some(digest("policy", version)),
        outcome_hash: digest("outcome again", version),
        record: sealed("decision again", version),
        entry: format!("adjudicated again {n} {version}").into_bytes(),
    }
}

#[must_use]
pub fn revised(n: u64, act: u64, now: Option<Decided>) -> Change {
    Change::Revised(Box::new(Revised {
        claim: claim_id(n),
        reversal: sealed("reversal", act * 100 + n),
        reversal_entry: format!("reversed {n} by {act}").into_bytes(),
        now,
    }))
}

#[must_use]
pub fn done(act: u64, sequence: u64, changes: Vec<Change>) -> ActDone {
    ActDone {
        act: claim_id(act),
        unit: unit(2),
        sequence,
        record: sealed("act", act),
        changes,
        histories: Vec::new(),
        movements: Vec::new(),
        facts: Vec::new(),
        forgotten: Vec::new(),
        findings: Vec::new(),
    }
}

/// Three claims of unit 2, decided, each having moved the paid total; answers
/// where that stands.
async fn three<S: Store>(store: &S) -> i64 {
    let claims = [(1, 2), (2, 2), (3, 2)];
    store.accept(&submission(1, &claims)).await.unwrap();
    let mut before = 0;
    let mut all = Vec::new();
    for queued in store.next(0, 9).await.unwrap() {
        let (claim, after) = moved(decided(&queued, 2), before);
        before = after;
        all.push(claim);
    }
    store.commit(&batch(all)).await.unwrap();
    before
}

async fn histories<S: Store>(store: &S) -> Vec<crate::port::Sealed> {
    let mut states = store.units(&[unit(2)]).await.unwrap();
    let at = store.units_at(&[(unit(2), states[0].done)]).await.unwrap();
    assert_eq!(at, states);
    states.remove(0).history
}

pub async fn a_void_takes_a_claim_back<S: Store>(store: S) {
    let used = three(&store).await;
    let sum_before = store.totals().await.unwrap();
    store.accept(&act(4, ActKind::Void, Some(2))).await.unwrap();
    let queued = store.next(0, 9).await.unwrap();
    assert_eq!(queued[0].act, Some(ActKind::Void));
    let waiting = store.claim(claim_id(4)).await.unwrap().unwrap();
    assert_eq!(
        waiting.act,
        Some(ActRow {
            kind: ActKind::Void,
            original: Some(claim_id(2)),
            done: None
        })
    );
    // It is no claim that could be decided.
    assert_fenced(store.commit(&batch(vec![decided(&queued[0], 2)])).await);

    let lines = histories(&store).await;
    let mut void = done(
        4,
        4,
        vec![revised(2, 4, None), revised(3, 4, Some(again(3, 1)))],
    );
    void.histories = vec![(2, sealed("no lines", 2)), (3, sealed("other lines", 3))];
    void.movements = vec![(accumulator(None, "paid"), used, used - 5)];
    store.commit_act(&void).await.unwrap();
    assert_eq!(store.waiting().await.unwrap().ready, 0);

    let state = store.units(&[unit(2)]).await.unwrap().remove(0);
    assert_eq!(state.done, 4);
    assert_eq!(state.accumulators[0].used, used - 5);
    let expected = [
        lines[0].clone(),
        sealed("no lines", 2),
        sealed("other lines", 3),
    ];
    assert_eq!(histories(&store).await, expected);

    let voided = store.claim(claim_id(2)).await.unwrap().unwrap();
    let outcome = voided.outcome.unwrap();
    assert_eq!(outcome.gone, Some(claim_id(4)));
    assert_eq!(outcome.revision, 0);
    assert_eq!(
        outcome.outcome_hash,
        adjudicated(claim_id(2), 2, 2).outcome_hash
    );
    let corrected = store
        .claim(claim_id(3))
        .await
        .unwrap()
        .unwrap()
        .outcome
        .unwrap();
    assert_eq!((corrected.gone, corrected.revision), (None, 1));
    assert_eq!(corrected.outcome_hash, again(3, 1).outcome_hash);
    assert_eq!(corrected.record, again(3, 1).record);
    assert_eq!(corrected.policy, again(3, 1).policy);
    let act = store.claim(claim_id(4)).await.unwrap().unwrap();
    assert_eq!(act.act.unwrap().done, Some(sealed("act", 4)));
    assert_eq!(act.outcome, None);

    // Sums and lists are of what stands.
    let totals = store.totals().await.unwrap();
    let claims = |t: &crate::port::Totals| t.paid + t.denied + t.pended;
    assert_eq!(claims(&totals), 2);
    assert_eq!(claims(&sum_before), 3);
    assert!(totals.paid_amount >= again(3, 1).paid);
    let listed = store.claims(&ClaimFilter::default()).await.unwrap();
    assert_eq!(listed.len(), 3);
    let paid = ClaimFilter {
        status: Some(Status::Paid),
        ..ClaimFilter::default()
    };
    let mut of_unit = paid.clone();
    of_unit.unit = Some(unit(2));
    for filter in [paid, of_unit] {
        let listed = store.claims(&filter).await.unwrap();
        let mut ids: Vec<ClaimId> = listed.iter().map(|row| row.id).collect();
        let mut expected = vec![claim_id(3)];
        if adjudicated(claim_id(1), 2, 1).status == Status::Paid {
            expected.push(claim_id(1));
        }
        expected.sort();
        ids.sort();
        assert_eq!(ids, expected);
    }

    // Later claims come after it.
    store.accept(&submission(5, &[(5, 2)])).await.unwrap();
    let queued = store.next(0, 9).await.unwrap();
    assert_eq!((queued[0].previous, queued[0].sequence), (4, 5));
    store
        .commit(&batch(vec![decided(&queued[0], 2)]))
        .await
        .unwrap();
    let after = histories(&store).await;
    assert_eq!(after.len(), 4);
    assert_eq!(after[..3], expected);
}

pub async fn the_log_has_the_reversal_before_what_follows<S: Store>(store: S) {
    three(&store).await;
    // One entry is on the log already, two wait.
    let first = store.outbox(1).await.unwrap();
    let appended = integration(&store, leaves(&first, &[])).await.unwrap();
    store.integrate(&appended).await.unwrap();
    store
        .accept(&act(4, ActKind::Replacement, Some(1)))
        .await
        .unwrap();
    let own = Adjudicated {
        history: sealed("nothing", 4),
        ..adjudicated(claim_id(4), 2, 4)
    };
    let changes = vec![
        revised(1, 4, None),
        Change::Own(Box::new(own.clone())),
        revised(2, 4, Some(again(2, 1))),
    ];
    let mut replacement = done(4, 4, changes);
    replacement.histories = vec![(1, sealed("its lines", 4))];
    store.commit_act(&replacement).await.unwrap();
    store
        .accept(&act(5, ActKind::Readjudication, None))
        .await
        .unwrap();
    let changes = vec![revised(2, 5, Some(again(2, 2)))];
    store.commit_act(&done(5, 5, changes)).await.unwrap();

    let entries: Vec<Vec<u8>> = store
        .outbox(99)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.entry)
        .collect();
    let of = |n| adjudicated(claim_id(n), 2, n).entry;
    let expected = [
        of(2),
        of(3),
        b"reversed 1 by 4".to_vec(),
        own.entry.clone(),
        b"reversed 2 by 4".to_vec(),
        again(2, 1).entry,
        b"reversed 2 by 5".to_vec(),
        again(2, 2).entry,
    ];
    assert_eq!(entries, expected);
    integrate_all(&store).await.unwrap();

    // Each learns its own place, whatever came later.
    let log = store.entries(0, 99).await.unwrap();
    let at = |leaf: Option<u64>| log[usize::try_from(leaf.unwrap()).unwrap()].clone();
    let leaf = |row: Option<crate::port::ClaimRow>| row.unwrap().outcome.unwrap().leaf;
    assert_eq!(at(leaf(store.claim(claim_id(1)).await.unwrap())), of(1));
    assert_eq!(at(leaf(store.claim(claim_id(4)).await.unwrap())), own.entry);
    assert_eq!(
        at(leaf(store.claim(claim_id(2)).await.unwrap())),
        again(2, 2).entry
    );
    let revisions = store.revisions(unit(2)).await.unwrap();
    let short: Vec<_> = revisions
        .iter()
        .map(|r| (r.claim, r.number, r.act, r.sequence))
        .collect();
    let (one, two, four, five) = (claim_id(1), claim_id(2), claim_id(4), claim_id(5));
    assert_eq!(
        short,
        [(one, 1, four, 4), (two, 1, four, 4), (two, 2, five, 5)]
    );
    assert_eq!(at(revisions[0].reversal_leaf), b"reversed 1 by 4");
    assert_eq!(revisions[0].now, None);
    assert_eq!(at(revisions[1].reversal_leaf), b"reversed 2 by 4");
    assert_eq!(
        at(revisions[1].now.as_ref().unwrap().leaf),
        again(2, 1).entry
    );
    assert_eq!(at(revisions[2].reversal_leaf), b"reversed 2 by 5");
    assert_eq!(revisions[1].reversal, sealed("reversal", 402));
    let first = store.first_outcomes(unit(2)).await.unwrap();
    let ids: Vec<ClaimId> = first.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [one, two]);
    assert_eq!(at(first[0].1.leaf), of(1));
    assert_eq!(at(first[1].1.leaf), of(2));
    assert_eq!(first[1].1.record, adjudicated(two, 2, 2).record);
    // A replacement is a claim; what it replaced stands no more.
    let listed = store.claims(&ClaimFilter::default()).await.unwrap();
    let ids: Vec<ClaimId> = listed.iter().map(|row| row.id).collect();
    assert!(ids.contains(&four) && !ids.contains(&five));
}

pub async fn an_act_is_fenced_as_a_claim_is<S: Store>(store: S) {
    let used = three(&store).await;
    // Of another unit, or of none.
    assert_fenced(store.accept(&act(4, ActKind::Void, Some(9))).await);
    store.accept(&submission(6, &[(6, 3)])).await.unwrap();
    assert_fenced(store.accept(&act(4, ActKind::Void, Some(6))).await);

    store.accept(&submission(4, &[(4, 2)])).await.unwrap();
    store.accept(&act(5, ActKind::Void, Some(1))).await.unwrap();
    let void = done(5, 5, vec![revised(1, 5, None)]);
    // A claim before it waits.
    assert_fenced(store.commit_act(&void).await);
    // A claim is no act.
    assert_fenced(store.commit_act(&done(4, 4, Vec::new())).await);
    let queued = store.next(0, 1).await.unwrap();
    store
        .commit(&batch(vec![decided(&queued[0], 2)]))
        .await
        .unwrap();
    // A balance that is not what it was taken to be.
    let mut stale = void.clone();
    stale.movements = vec![(accumulator(None, "paid"), used - 1, used)];
    assert_fenced(store.commit_act(&stale).await);
    assert_eq!(store.revisions(unit(2)).await.unwrap(), []);
    store.commit_act(&void).await.unwrap();
    // Done before.
    assert_fenced(store.commit_act(&void).await);
    assert_eq!(store.revisions(unit(2)).await.unwrap().len(), 1);
}

pub async fn facts_and_findings_go_with_what_they_were_of<S: Store>(store: S) {
    store
        .accept(&submission(1, &[(1, 2), (2, 2)]))
        .await
        .unwrap();
    let queued = store.next(0, 9).await.unwrap();
    let claims: Vec<Adjudicated> = queued.iter().map(|q| decided(q, 2)).collect();
    store
        .commit(&Batch {
            claims,
            facts: vec![fact(group(1), 1, 1), fact(group(1), 2, 1)],
            findings: vec![(claim_id(1), vec![flag(1, 1)])],
        })
        .await
        .unwrap();
    let marked = store.unjudged(9).await.unwrap();
    let judged: Vec<_> = marked
        .into_iter()
        .map(|marked| crate::port::Judged {
            group: marked.group,
            marks: marked.marks,
            flags: Vec::new(),
        })
        .collect();
    store.judge(&judged).await.unwrap();
    store.accept(&act(4, ActKind::Void, Some(1))).await.unwrap();
    let mut void = done(4, 3, vec![revised(1, 4, None)]);
    void.forgotten = vec![(group(1), claim_id(1), 1)];
    void.findings = vec![(claim_id(1), Vec::new())];
    store.commit_act(&void).await.unwrap();
    assert_eq!(
        store.facts(&[group(1)]).await.unwrap(),
        [fact(group(1), 2, 1)]
    );
    assert_eq!(store.unjudged(9).await.unwrap()[0].group, group(1));
    assert_eq!(store.flags(&Default::default()).await.unwrap(), []);
}
