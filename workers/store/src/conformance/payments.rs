//! Payments: each is recorded whole, once, and what it told is off the list.

#![allow(missing_docs, clippy::missing_panics_doc)]

use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_types::Money;

use super::acts::{act, again, done, revised};
use super::assert_fenced;
use super::statements::{all, statement};
use super::world::{SUBMITTERS, batch, claim_id, day, decided, digest, sealed, submission, token};
use crate::port::{
    ActKind, NewPayment, PartKind, PartRow, PaymentFilter, PaymentRow, Store, StoreError, Token,
};

/// The `n`th provider, who is paid.
fn payee(n: u64) -> Token {
    token("provider", n)
}

#[must_use]
pub fn told(n: u64, revision: u32, kind: PartKind) -> PartRow {
    PartRow {
        claim: claim_id(n),
        revision,
        kind,
        paid: Money::cents(5_000),
        interest: Money::cents(7),
        withheld: match kind {
            PartKind::Payment | PartKind::Reversal => Money::ZERO,
            PartKind::Recovery | PartKind::ReversalAhead => Money::cents(5_000),
        },
        sealed: (kind != PartKind::Recovery).then(|| sealed("part", n)),
    }
}

#[must_use]
pub fn payment(of: u64, number: u32, parts: Vec<PartRow>, marks: Vec<i64>) -> NewPayment {
    let n = of * 100 + u64::from(number);
    NewPayment {
        trace: format!("TRACE{n:06}"),
        payee: payee(of),
        number,
        day: day(i32::try_from(number).unwrap()),
        amount: Money::cents(5_007),
        brought: Money::ZERO,
        forwarded: Money::ZERO,
        submitter: Some(SUBMITTERS[1].into()),
        hash: digest("835", n),
        sealed: sealed("head", n),
        parts,
        marks,
        advised: statement(13, n),
    }
}

/// Claims 1 to 6 of unit 2, decided; claims 3 and 6 are of one provider. Answers
/// those that are due, which are those that do not wait.
async fn six<S: Store>(store: &S) -> Vec<u64> {
    let claims: Vec<(u64, u64)> = (1..=6).map(|n| (n, 2)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    let queued = store.next(0, 9).await.unwrap();
    let all: Vec<_> = queued.iter().map(|queued| decided(queued, 2)).collect();
    let settled = (1u64..)
        .zip(&all)
        .filter(|(_, claim)| claim.status != Status::Pended);
    let due = settled.map(|(n, _)| n).collect();
    store.commit(&batch(all)).await.unwrap();
    due
}

/// What is due to the payees, payee by payee.
async fn due<S: Store>(store: &S) -> Vec<(Token, Vec<crate::port::DueRow>)> {
    let mut all = Vec::new();
    let mut after = None;
    while let Some(payee) = store.due_payee(after).await.unwrap() {
        all.push((payee, store.due(payee, 0, 100).await.unwrap()));
        after = Some(payee);
    }
    all
}

/// The same, by claim.
async fn claims_due<S: Store>(store: &S) -> Vec<u64> {
    let rows = due(store).await.into_iter().flat_map(|(_, rows)| rows);
    let of = |claim| (0..100).find(|n| claim_id(*n) == claim).unwrap();
    let mut claims: Vec<u64> = rows.map(|row| of(row.claim)).collect();
    claims.sort_unstable();
    claims
}

fn as_row(new: &NewPayment, id: i64) -> PaymentRow {
    PaymentRow {
        id,
        trace: new.trace.clone(),
        payee: new.payee,
        number: new.number,
        day: new.day,
        amount: new.amount,
        brought: new.brought,
        forwarded: new.forwarded,
        parts: u32::try_from(new.parts.len()).unwrap(),
        submitter: new.submitter.clone(),
        hash: new.hash,
        sealed: new.sealed.clone(),
    }
}

pub async fn what_is_settled_is_due<S: Store>(store: S) {
    assert_eq!(store.due_payee(None).await.unwrap(), None);
    let settled = six(&store).await;
    assert!((1..6).contains(&settled.len()), "{settled:?}");
    assert_eq!(claims_due(&store).await, settled);
    // Each payee's alone, from the front, page by page.
    for (payee, rows) in due(&store).await {
        let mut paged = Vec::new();
        let mut after = 0;
        while let Some(row) = store.due(payee, after, 1).await.unwrap().pop() {
            after = row.mark;
            paged.push(row);
        }
        assert_eq!(paged, rows);
        for row in rows {
            let of = store.claim(row.claim).await.unwrap().unwrap();
            assert_eq!(of.provider, payee);
        }
    }
    // What is taken back is due again, whatever it came to; so is what waited.
    store
        .accept(&act(7, ActKind::Readjudication, None))
        .await
        .unwrap();
    let all = (1..=6).map(|n| match n {
        1 => revised(n, 7, None),
        _ => revised(n, 7, Some(again(n, 1))),
    });
    store.commit_act(&done(7, 7, all.collect())).await.unwrap();
    let mut twice: Vec<u64> = (1..=6).chain(settled).collect();
    twice.sort_unstable();
    assert_eq!(claims_due(&store).await, twice);
    let asked: Vec<ClaimId> = (1..=8).map(claim_id).collect();
    let mut marked = store.marked(&asked).await.unwrap();
    marked.sort_unstable();
    let mut expected = asked[..6].to_vec();
    expected.sort_unstable();
    assert_eq!(marked, expected);
    // A mark with nothing behind it is taken off.
    let marks: Vec<i64> = due(&store)
        .await
        .into_iter()
        .flat_map(|(_, rows)| rows)
        .map(|row| row.mark)
        .collect();
    store.nothing_due(&marks[1..]).await.unwrap();
    assert_eq!(claims_due(&store).await.len(), 1);
    store.nothing_due(&marks).await.unwrap();
    assert_eq!(store.marked(&asked).await.unwrap(), []);
    assert_eq!(store.due_payee(None).await.unwrap(), None);
}

pub async fn a_payment_is_recorded_once<S: Store>(store: S) {
    let settled = six(&store).await;
    let (of, rows) = due(&store).await.remove(0);
    let n = (0..3).find(|n| payee(*n) == of).unwrap();
    let number = |row: &crate::port::DueRow| (0..9).find(|n| claim_id(*n) == row.claim).unwrap();
    let parts = rows
        .iter()
        .map(|row| told(number(row), 0, PartKind::Payment))
        .collect();
    let marks = rows.iter().map(|row| row.mark).collect();
    let first = payment(n, 1, parts, marks);
    assert_eq!(store.last_payment(of).await.unwrap(), None);
    store.pay(&first).await.unwrap();
    let made = store.payment(&first.trace).await.unwrap().unwrap();
    assert_eq!(made, as_row(&first, made.id));
    assert_eq!(store.parts(made.id).await.unwrap(), first.parts);
    assert_eq!(store.last_payment(of).await.unwrap(), Some(made.clone()));
    let left = settled.len() - rows.len();
    assert_eq!(claims_due(&store).await.len(), left);
    let ids: Vec<_> = rows.iter().map(|row| row.claim).collect();
    let read = store.told_of(&ids).await.unwrap();
    assert_eq!(read.len(), first.parts.len());
    for (row, part) in read.iter().zip(&first.parts) {
        assert_eq!((&row.trace, row.day), (&first.trace, first.day));
        assert_eq!(row.part, *part);
    }
    assert_eq!(store.told_of(&[claim_id(99)]).await.unwrap(), []);

    // The same again, the same number, and what was told once: each changes nothing.
    assert_fenced(store.pay(&first).await);
    let mut other = payment(n, 1, vec![told(6, 9, PartKind::Payment)], Vec::new());
    other.trace = "OTHER".into();
    assert_fenced(store.pay(&other).await);
    let again = payment(n, 2, first.parts.clone(), Vec::new());
    assert_fenced(store.pay(&again).await);
    let unknown = payment(n, 2, vec![told(77, 0, PartKind::Payment)], Vec::new());
    let refused = store.pay(&unknown).await;
    assert!(matches!(refused, Err(StoreError::Damaged { .. })));
    assert_eq!(store.last_payment(of).await.unwrap(), Some(made.clone()));
    assert_eq!(store.payment("OTHER").await.unwrap(), None);
    // And what it states is stated once.
    let stated: Vec<_> = all(&store).await.into_iter().map(|row| row.entry).collect();
    assert_eq!(stated, std::slice::from_ref(&first.advised.entry));
    let waits = store.outbox(100).await.unwrap().pop();
    assert_eq!(waits.map(|row| row.entry), Some(first.advised.entry));

    // It is taken back once, whether the money goes back or stays; what stays is
    // taken once.
    let claim = number(&rows[0]);
    let mut back = payment(n, 2, vec![told(claim, 0, PartKind::ReversalAhead)], vec![]);
    back.amount = Money::ZERO;
    back.forwarded = Money::cents(7);
    store.pay(&back).await.unwrap();
    let twice = payment(n, 3, vec![told(claim, 0, PartKind::Reversal)], vec![]);
    assert_fenced(store.pay(&twice).await);
    let mut taken = payment(
        n,
        3,
        vec![
            told(claim, 0, PartKind::Recovery),
            told(claim, 1, PartKind::Payment),
        ],
        vec![],
    );
    taken.brought = Money::cents(7);
    store.pay(&taken).await.unwrap();
    let kinds: Vec<_> = store.told_of(&[claim_id(claim)]).await.unwrap();
    let kinds: Vec<_> = kinds
        .iter()
        .map(|row| (row.part.kind, row.part.revision))
        .collect();
    assert_eq!(
        kinds,
        [
            (PartKind::Payment, 0),
            (PartKind::ReversalAhead, 0),
            (PartKind::Recovery, 0),
            (PartKind::Payment, 1)
        ]
    );
}

pub async fn payments_are_listed_latest_first<S: Store>(store: S) {
    six(&store).await;
    let mut made = Vec::new();
    for (of, number, claim) in [(0, 1, 3), (1, 1, 1), (0, 2, 6), (2, 1, 2)] {
        let mut new = payment(of, number, vec![told(claim, 0, PartKind::Payment)], vec![]);
        if of == 2 {
            new.submitter = None;
        }
        store.pay(&new).await.unwrap();
        made.push(new.trace);
    }
    made.reverse();
    let none = PaymentFilter::default();
    let listed = async |filter: PaymentFilter| -> Vec<String> {
        let rows = store.payments(&filter).await.unwrap();
        rows.into_iter().map(|row| row.trace).collect()
    };
    assert_eq!(listed(none.clone()).await, made);
    let all = store.payments(&none).await.unwrap();
    for (filter, expected) in [
        (
            PaymentFilter {
                payee: Some(payee(0)),
                ..none.clone()
            },
            vec![1, 3],
        ),
        (
            PaymentFilter {
                payee: Some(payee(0)),
                before: Some(all[1].id),
                ..none.clone()
            },
            vec![3],
        ),
        (
            PaymentFilter {
                submitter: Some(SUBMITTERS[1].into()),
                ..none.clone()
            },
            vec![1, 2, 3],
        ),
        (
            PaymentFilter {
                submitter: Some("nobody".into()),
                ..none.clone()
            },
            vec![],
        ),
        (
            PaymentFilter {
                since: Some(day(2)),
                ..none.clone()
            },
            vec![1],
        ),
        (
            PaymentFilter {
                limit: 2,
                ..none.clone()
            },
            vec![0, 1],
        ),
        (
            PaymentFilter {
                before: Some(all[1].id),
                limit: 1,
                ..none
            },
            vec![2],
        ),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|at: &usize| made[*at].clone())
            .collect();
        assert_eq!(listed(filter.clone()).await, expected, "{filter:?}");
    }
}

/// Of several that pay the same at once, one does.
pub async fn payments_at_once_pay_once<S: Store + 'static>(store: S) {
    six(&store).await;
    let store = std::sync::Arc::new(store);
    for number in 1..=8u32 {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..4 {
            let store = std::sync::Arc::clone(&store);
            let part = told(3, number, PartKind::Payment);
            let mut new = payment(0, number, vec![part], vec![]);
            new.trace = format!("{number}-{task}");
            tasks.spawn(async move { store.pay(&new).await });
        }
        let answers = tasks.join_all().await;
        let paid = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(paid, 1);
        for answer in answers.into_iter().filter(Result::is_err) {
            assert_fenced(answer);
        }
    }
    let all = store.payments(&PaymentFilter::default()).await.unwrap();
    assert_eq!(all.len(), 8);
    assert_eq!(store.told_of(&[claim_id(3)]).await.unwrap().len(), 8);
}
