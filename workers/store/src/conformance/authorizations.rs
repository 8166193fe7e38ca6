//! Requests for prior authorisation, and what happens to them.

use super::assert_fenced;
use super::world::{contract, day, sealed, token, unit};
use crate::port::{
    Following, NewRequest, NewRequestEvent, RequestEventKind, RequestFilter, RequestRow, Sealed,
    Store,
};

/// A request of a member.
#[must_use]
pub fn request(n: u64, member: u64, submitter: &str) -> NewRequest {
    NewRequest {
        token: token("request", n),
        content: token("asked", n),
        number: format!("PA{n}"),
        submitter: submitter.into(),
        member: token("member", member),
        provider: token("provider", n),
        received: day(0),
        sealed: sealed("request", n),
    }
}

/// An event of a request, under its key.
#[must_use]
pub fn event(n: u64, number: u32, kind: RequestEventKind) -> NewRequestEvent {
    NewRequestEvent {
        request: format!("PA{n}"),
        number,
        kind,
        day: day(1),
        sealed: Sealed {
            record: sealed("request", n).record,
            bytes: vec![7, 8, 9],
        },
    }
}

/// What happens to a member's requests, and the next version with it.
#[must_use]
pub fn following(
    member: u64,
    of: u64,
    version: u32,
    events: Vec<NewRequestEvent>,
    contract: Option<u64>,
) -> Following {
    Following {
        member: token("member", member),
        unit: unit(of),
        version,
        events,
        contract: contract.map(|n| sealed("contract", n)),
    }
}

fn numbers(rows: &[RequestRow]) -> Vec<&str> {
    rows.iter().map(|row| row.number.as_str()).collect()
}

#[allow(missing_docs)]
pub async fn a_request_is_stored_once<S: Store>(store: S) {
    store.put_contract(&contract(1, &[1, 2], 1)).await.unwrap();
    assert_eq!(store.request("PA1").await.unwrap(), None);
    let first = store.put_request(&request(1, 1, "a")).await.unwrap();
    assert_eq!(first.number, "PA1");
    assert_eq!(first.content, token("asked", 1));
    assert_eq!(first.sealed, sealed("request", 1));
    assert_eq!((first.received, first.events.len()), (day(0), 0));
    // The same again, and another under its token: the first is answered.
    let mut other = request(2, 2, "b");
    other.token = token("request", 1);
    for new in [request(1, 1, "a"), other] {
        assert_eq!(store.put_request(&new).await.unwrap(), first);
    }
    assert_eq!(store.request("PA2").await.unwrap(), None);
    // A number is given once.
    let mut same = request(3, 2, "b");
    same.number = "PA1".into();
    assert_fenced(store.put_request(&same).await);
    assert_eq!(store.request("PA1").await.unwrap(), Some(first));
}

#[allow(missing_docs)]
pub async fn requests_are_found<S: Store>(store: S) {
    store.put_contract(&contract(1, &[1, 2], 1)).await.unwrap();
    for (n, member, submitter) in [(1, 1, "a"), (2, 2, "b"), (3, 1, "b"), (4, 1, "a")] {
        let new = request(n, member, submitter);
        store.put_request(&new).await.unwrap();
    }
    let decided = event(3, 1, RequestEventKind::Decided);
    let done = store.follow(&following(1, 1, 1, vec![decided], None)).await;
    assert_eq!(done.unwrap(), None);
    let decided = event(3, 2, RequestEventKind::Cancelled);
    let done = store
        .follow(&following(1, 1, 1, vec![decided], Some(9)))
        .await;
    assert_eq!(done.unwrap(), Some(2));
    let members = [token("member", 2), token("member", 1)];
    let of = store.requests_of(&members).await.unwrap();
    assert_eq!(numbers(&of), ["PA1", "PA2", "PA3", "PA4"]);
    let events = &of[2].events;
    let found: Vec<_> = events
        .iter()
        .map(|event| (event.number, event.kind, event.day, event.contract))
        .collect();
    assert_eq!(
        found,
        [
            (1, RequestEventKind::Decided, day(1), None),
            (2, RequestEventKind::Cancelled, day(1), Some(2)),
        ]
    );
    assert_eq!(events[0].sealed.bytes, [7, 8, 9]);
    assert_eq!(store.request("PA3").await.unwrap().as_ref(), of.get(2));
    assert_eq!(store.requests_of(&[]).await.unwrap(), []);
    let listed = async |member: Option<u64>, submitter: Option<&str>, before: Option<&str>| {
        let filter = RequestFilter {
            member: member.map(|n| token("member", n)),
            submitter: submitter.map(str::to_owned),
            before: before.map(str::to_owned),
            limit: 2,
        };
        let rows = store.requests(&filter).await.unwrap();
        numbers(&rows).join(" ")
    };
    assert_eq!(listed(None, None, None).await, "PA4 PA3");
    assert_eq!(listed(None, None, Some("PA3")).await, "PA2 PA1");
    assert_eq!(listed(None, None, Some("PA9")).await, "");
    assert_eq!(listed(Some(1), None, None).await, "PA4 PA3");
    assert_eq!(listed(Some(1), None, Some("PA3")).await, "PA1");
    assert_eq!(listed(None, Some("b"), None).await, "PA3 PA2");
    assert_eq!(listed(None, Some("b"), Some("PA3")).await, "PA2");
    assert_eq!(listed(Some(1), Some("a"), None).await, "PA4 PA1");
    assert_eq!(listed(Some(2), Some("a"), None).await, "");
}

/// An event and the version that it makes are stored together or not at all.
#[allow(missing_docs)]
pub async fn what_follows_is_fenced<S: Store>(store: S) {
    use RequestEventKind::{Decided, Superseded};
    store.put_contract(&contract(1, &[1, 2], 1)).await.unwrap();
    store.put_contract(&contract(2, &[3], 1)).await.unwrap();
    for n in [1, 2] {
        store.put_request(&request(n, 1, "a")).await.unwrap();
    }
    let mut foreign = event(1, 1, Decided);
    foreign.sealed = sealed("other", 4);
    for refused in [
        // Another version, another unit, nobody's.
        following(1, 1, 2, vec![event(1, 1, Decided)], Some(9)),
        following(1, 2, 1, vec![event(1, 1, Decided)], Some(9)),
        following(7, 1, 1, vec![event(1, 1, Decided)], Some(9)),
        following(1, 7, 1, vec![event(1, 1, Decided)], Some(9)),
        // A number left out, a request that is not the member's or not there, a key
        // that is not the request's.
        following(1, 1, 1, vec![event(1, 2, Decided)], Some(9)),
        following(2, 1, 1, vec![event(1, 1, Decided)], Some(9)),
        following(1, 1, 1, vec![event(5, 1, Decided)], Some(9)),
        following(1, 1, 1, vec![foreign], Some(9)),
        // The second of two.
        following(
            1,
            1,
            1,
            vec![event(1, 1, Decided), event(2, 2, Superseded)],
            Some(9),
        ),
    ] {
        assert_fenced(store.follow(&refused).await);
    }
    let rows = store.requests_of(&[token("member", 1)]).await.unwrap();
    assert!(rows.iter().all(|row| row.events.is_empty()));
    let both = vec![event(1, 1, Decided), event(2, 1, Superseded)];
    let done = store
        .follow(&following(1, 1, 1, both.clone(), Some(9)))
        .await;
    assert_eq!(done.unwrap(), Some(2));
    let rows = store.contracts(&[(unit(1), None)]).await.unwrap();
    let latest = rows[0].as_ref().unwrap();
    assert_eq!(
        (latest.version, &latest.sealed),
        (2, &sealed("contract", 9))
    );
    // The same once more.
    assert_fenced(store.follow(&following(1, 1, 2, both, Some(9))).await);
    let rows = store.contracts(&[(unit(1), None)]).await.unwrap();
    assert_eq!(rows[0].as_ref().map(|row| row.version), Some(2));
}

/// A contract that does not know what happened to its members' requests is not
/// stored over what does.
#[allow(missing_docs)]
pub async fn a_contract_knows_what_happened<S: Store>(store: S) {
    store.put_contract(&contract(1, &[1, 2], 1)).await.unwrap();
    store.put_request(&request(1, 1, "a")).await.unwrap();
    let decided = vec![event(1, 1, RequestEventKind::Decided)];
    let done = store.follow(&following(1, 1, 1, decided, Some(9))).await;
    assert_eq!(done.unwrap(), Some(2));
    let mut next = contract(1, &[1, 2, 1], 3);
    assert_fenced(store.put_contract(&next).await);
    next.events = 1;
    assert_eq!(store.put_contract(&next).await.unwrap(), 3);
    // A contract without the member has nothing to know; one that takes the member
    // over does.
    store.put_contract(&contract(2, &[3], 1)).await.unwrap();
    let mut joined = contract(2, &[3, 1], 2);
    joined.moving = true;
    assert_fenced(store.put_contract(&joined).await);
    joined.events = 1;
    assert_eq!(store.put_contract(&joined).await.unwrap(), 2);
    // What happens now happens in the other unit.
    let cancelled = || vec![event(1, 2, RequestEventKind::Cancelled)];
    assert_fenced(store.follow(&following(1, 1, 3, cancelled(), None)).await);
    let done = store
        .follow(&following(1, 2, 2, cancelled(), Some(8)))
        .await;
    assert_eq!(done.unwrap(), Some(3));
}
