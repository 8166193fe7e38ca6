//! Appeals: every event is kept, in its order, and one of a claim is open at a time.

#![allow(missing_docs, clippy::missing_panics_doc)]

use std::sync::Arc;

use tally_core::appeal::AppealId;

use super::assert_fenced;
use super::world::{claim_id, day, sealed, submission};
use crate::port::{
    AppealEffect, AppealEventRow, AppealFilter, AppealRow, NewAppealEvent, Store, StoreError,
};

const EVERY: AppealFilter = AppealFilter {
    open: false,
    after: 0,
    limit: 100,
};
const OPEN: AppealFilter = AppealFilter {
    open: true,
    ..EVERY
};

/// The appeal that is filed as such an event of the `n`th claim's appeals.
#[must_use]
pub fn appeal_id(n: u64, number: u32) -> AppealId {
    AppealId::of(claim_id(n), number)
}

/// An event of the `n`th claim's appeals.
#[must_use]
pub fn event(n: u64, number: u32, of: AppealId, effect: AppealEffect) -> NewAppealEvent {
    NewAppealEvent {
        claim: claim_id(n),
        number,
        appeal: of,
        kind: match effect {
            AppealEffect::Opens { .. } => 1,
            AppealEffect::Stays => 2,
            AppealEffect::Closes => 5,
        },
        day: day(i32::try_from(number).unwrap()),
        effect,
        sealed: sealed("appeal", n * 100 + u64::from(number)),
    }
}

/// A filing as such an event.
#[must_use]
pub fn filing(n: u64, number: u32, level: u8) -> NewAppealEvent {
    let effect = AppealEffect::Opens { level };
    event(n, number, appeal_id(n, number), effect)
}

fn stored(event: &NewAppealEvent) -> AppealEventRow {
    AppealEventRow {
        claim: event.claim,
        number: event.number,
        appeal: event.appeal,
        day: event.day,
        sealed: event.sealed.clone(),
    }
}

async fn claims<S: Store>(store: &S) {
    let sent = submission(1, &[(1, 2), (2, 2), (3, 4)]);
    store.accept(&sent).await.unwrap();
}

/// Those that are listed, without their places.
async fn listed<S: Store>(store: &S, filter: AppealFilter) -> Vec<(AppealId, u8, bool)> {
    let rows = store.appeals(&filter).await.unwrap();
    let rows = rows.iter().map(|row| (row.id, row.level, row.open));
    rows.collect()
}

pub async fn events_are_kept_in_their_order<S: Store>(store: S) {
    claims(&store).await;
    let first = appeal_id(1, 1);
    let events = [
        filing(1, 1, 1),
        event(1, 2, first, AppealEffect::Stays),
        event(1, 3, first, AppealEffect::Closes),
        filing(1, 4, 2),
    ];
    for event in &events {
        store.add_appeal_event(event).await.unwrap();
    }
    store.add_appeal_event(&filing(3, 1, 1)).await.unwrap();
    let asked = [claim_id(3), claim_id(2), claim_id(1)];
    let read = store.appeal_events(&asked).await.unwrap();
    let expected = [filing(3, 1, 1)];
    let expected: Vec<_> = expected.iter().chain(&events).map(stored).collect();
    assert_eq!(read, expected);
    assert_eq!(store.appeal_events(&[]).await.unwrap(), []);
    let row = store.appeal(first).await.unwrap().unwrap();
    let expected = AppealRow {
        place: row.place,
        id: first,
        claim: claim_id(1),
        level: 1,
        filed: day(1),
        open: false,
    };
    assert_eq!(row, expected);
    assert_eq!(store.appeal(appeal_id(2, 1)).await.unwrap(), None);
}

pub async fn one_appeal_of_a_claim_is_open<S: Store>(store: S) {
    claims(&store).await;
    let (first, second) = (appeal_id(1, 1), appeal_id(1, 2));
    store.add_appeal_event(&filing(1, 1, 1)).await.unwrap();
    assert_eq!(listed(&store, OPEN).await, [(first, 1, true)]);
    // Another takes its place without its being closed.
    store.add_appeal_event(&filing(1, 2, 2)).await.unwrap();
    assert_eq!(listed(&store, OPEN).await, [(second, 2, true)]);
    store.add_appeal_event(&filing(3, 1, 1)).await.unwrap();
    let closing = event(1, 3, second, AppealEffect::Closes);
    store.add_appeal_event(&closing).await.unwrap();
    assert_eq!(listed(&store, OPEN).await, [(appeal_id(3, 1), 1, true)]);
    let all = [
        (first, 1, false),
        (second, 2, false),
        (appeal_id(3, 1), 1, true),
    ];
    assert_eq!(listed(&store, EVERY).await, all);
}

pub async fn an_event_out_of_turn_is_fenced<S: Store>(store: S) {
    claims(&store).await;
    let first = appeal_id(1, 1);
    assert_fenced(store.add_appeal_event(&filing(1, 2, 1)).await);
    assert_fenced(store.add_appeal_event(&filing(1, 0, 1)).await);
    // Of no claim; of no appeal.
    assert_fenced(store.add_appeal_event(&filing(9, 1, 1)).await);
    let nothing = event(1, 1, first, AppealEffect::Closes);
    assert_fenced(store.add_appeal_event(&nothing).await);
    store.add_appeal_event(&filing(1, 1, 1)).await.unwrap();
    for number in [1, 3] {
        let out_of_turn = event(1, number, first, AppealEffect::Closes);
        assert_fenced(store.add_appeal_event(&out_of_turn).await);
    }
    // Nothing has changed.
    assert_eq!(listed(&store, EVERY).await, [(first, 1, true)]);
    assert_eq!(listed(&store, OPEN).await, [(first, 1, true)]);
    assert_eq!(store.appeal_events(&[claim_id(1)]).await.unwrap().len(), 1);
}

pub async fn appeals_are_listed_in_the_order_of_filing<S: Store>(store: S) {
    claims(&store).await;
    for n in [3, 1, 2] {
        store.add_appeal_event(&filing(n, 1, 1)).await.unwrap();
    }
    let ids = [3, 1, 2].map(|n| (appeal_id(n, 1), 1, true));
    for filter in [EVERY, OPEN] {
        assert_eq!(listed(&store, filter).await, ids);
        let limit = AppealFilter { limit: 2, ..filter };
        let page = store.appeals(&limit).await.unwrap();
        assert_eq!(listed(&store, limit).await, ids[..2]);
        let rest = AppealFilter {
            after: page[1].place,
            ..filter
        };
        assert_eq!(listed(&store, rest).await, ids[2..]);
    }
    let of = store.appeals_of(claim_id(1)).await.unwrap();
    assert_eq!(of.len(), 1);
    assert_eq!((of[0].id, of[0].claim), (appeal_id(1, 1), claim_id(1)));
    assert_eq!(store.appeals_of(claim_id(9)).await.unwrap(), []);
}

pub async fn at_once_one_is_filed<S: Store + 'static>(store: S) {
    claims(&store).await;
    let store = Arc::new(store);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.add_appeal_event(&filing(1, 1, 1)).await });
    }
    let mut filed = 0;
    while let Some(answer) = tasks.join_next().await {
        match answer.unwrap() {
            Ok(()) => filed += 1,
            Err(StoreError::Fenced { .. }) => {}
            Err(other) => panic!("fenced was expected, not {other:?}"),
        }
    }
    assert_eq!(filed, 1);
    assert_eq!(listed(&*store, OPEN).await.len(), 1);
}
