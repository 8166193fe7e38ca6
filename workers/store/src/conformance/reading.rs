//! Reading, and the audit trail.

use tally_core::adjudication::Status;
use tally_types::Money;

use super::acts::{act, again, done, revised};
use super::world::{
    change, claim, claim_id, contract, day, drain, flag, integrate_all, submission, token, unit,
};
use crate::port::{ActKind, AuditRow, ClaimFilter, ClaimRow, FlagFilter, Store, Totals};

#[allow(missing_docs)]
pub async fn claims_are_listed_by_id<S: Store>(store: S) {
    let claims: Vec<(u64, u64)> = (1..=30).map(|n| (n, n % 4)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    let all = store.claims(&ClaimFilter::default()).await.unwrap();
    assert_eq!(all.len(), 30);
    assert!(all.is_sorted_by(|a, b| a.id < b.id));
    // Page by page comes to the same.
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let filter = ClaimFilter {
            after,
            limit: 7,
            ..ClaimFilter::default()
        };
        let page = store.claims(&filter).await.unwrap();
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        pages.extend(page);
    }
    assert_eq!(pages, all);
}

#[allow(missing_docs)]
pub async fn each_claim_filter_narrows<S: Store>(store: S) {
    let claims: Vec<(u64, u64)> = (1..=60).map(|n| (n, n % 5)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    drain(&store).await.unwrap();
    let waiting: Vec<(u64, u64)> = (61..=70).map(|n| (n, n % 5)).collect();
    store.accept(&submission(2, &waiting)).await.unwrap();
    let all = store.claims(&ClaimFilter::default()).await.unwrap();
    assert_eq!(all.len(), 70);
    let status = |row: &ClaimRow| row.outcome.as_ref().map(|outcome| outcome.status);
    let middle = all[35].id;
    for (name, filter) in filters(middle) {
        let expected: Vec<_> = all
            .iter()
            .filter(|row| {
                filter
                    .status
                    .is_none_or(|wanted| status(row) == Some(wanted))
            })
            .filter(|row| filter.member.is_none_or(|wanted| row.member == wanted))
            .filter(|row| filter.unit.is_none_or(|wanted| row.unit == wanted))
            .filter(|row| filter.provider.is_none_or(|wanted| row.provider == wanted))
            .filter(|row| filter.after.is_none_or(|wanted| row.id > wanted))
            .cloned()
            .collect();
        let found = store.claims(&filter).await.unwrap();
        assert_eq!(found, expected, "{name}");
        let limited = ClaimFilter { limit: 2, ..filter };
        let few = store.claims(&limited).await.unwrap();
        assert_eq!(few, expected[..expected.len().min(2)], "{name}, two");
        let empty = matches!(name, "nobody's");
        assert_eq!(expected.is_empty(), empty, "{name}");
    }
}

fn filters(middle: tally_core::claim::ClaimId) -> Vec<(&'static str, ClaimFilter)> {
    let none = ClaimFilter::default();
    let paid = Some(Status::Paid);
    vec![
        ("all", none.clone()),
        (
            "paid",
            ClaimFilter {
                status: paid,
                ..none.clone()
            },
        ),
        (
            "denied",
            ClaimFilter {
                status: Some(Status::Denied),
                ..none.clone()
            },
        ),
        (
            "pended",
            ClaimFilter {
                status: Some(Status::Pended),
                ..none.clone()
            },
        ),
        (
            "a member's",
            ClaimFilter {
                member: Some(token("member", 2)),
                ..none.clone()
            },
        ),
        (
            "a unit's",
            ClaimFilter {
                unit: Some(unit(3)),
                ..none.clone()
            },
        ),
        (
            "a provider's",
            ClaimFilter {
                provider: Some(token("provider", 1)),
                ..none.clone()
            },
        ),
        (
            "those after",
            ClaimFilter {
                after: Some(middle),
                ..none.clone()
            },
        ),
        (
            "a member's paid",
            ClaimFilter {
                status: paid,
                member: Some(token("member", 2)),
                ..none.clone()
            },
        ),
        (
            "paid after",
            ClaimFilter {
                status: paid,
                after: Some(middle),
                ..none.clone()
            },
        ),
        (
            "a unit's of a provider",
            ClaimFilter {
                unit: Some(unit(3)),
                provider: Some(token("provider", 1)),
                ..none.clone()
            },
        ),
        (
            "nobody's",
            ClaimFilter {
                member: Some(token("member", 99)),
                ..none
            },
        ),
    ]
}

#[allow(missing_docs)]
pub async fn each_flag_filter_narrows<S: Store>(store: S) {
    for n in 0..30 {
        store.judge(&[change(n, vec![flag(n, 0)])]).await.unwrap();
    }
    // Ties: the same score, then the same last day, so that the id decides.
    for n in [100, 101, 102] {
        let mut tied = flag(n, 0);
        tied.score = flag(3, 0).score;
        tied.last_seen = if n == 100 {
            day(300)
        } else {
            flag(3, 0).last_seen
        };
        store.judge(&[change(n, vec![tied])]).await.unwrap();
    }
    // Flags that do not stand are not listed.
    store
        .judge(&[change(4, vec![flag(4, 1)]), change(5, vec![])])
        .await
        .unwrap();
    integrate_all(&store).await.unwrap();
    let all = store.flags(&FlagFilter::default()).await.unwrap();
    assert_eq!(all.len(), 32);
    assert!(all.is_sorted_by_key(|listed| {
        let row = &listed.row;
        (
            std::cmp::Reverse(row.score),
            std::cmp::Reverse(row.last_seen),
            row.id,
        )
    }));
    assert_eq!(
        all.iter().filter(|listed| listed.place.is_some()).count(),
        16
    );
    for filter in flag_filters() {
        let expected: Vec<_> = all
            .iter()
            .filter(|listed| {
                let row = &listed.row;
                filter.id.is_none_or(|id| row.id == id)
                    && filter
                        .pattern
                        .as_ref()
                        .is_none_or(|name| row.pattern == *name)
                    && filter
                        .provider
                        .is_none_or(|token| row.providers.contains(&token))
                    && filter
                        .member
                        .is_none_or(|token| row.members.contains(&token))
                    && filter.claim.is_none_or(|claim| row.claims.contains(&claim))
                    && filter.from.is_none_or(|day| row.last_seen >= day)
                    && filter.through.is_none_or(|day| row.first_seen <= day)
                    && filter.score.is_none_or(|score| row.score >= score)
            })
            .cloned()
            .collect();
        assert!(!expected.is_empty() && expected.len() < all.len());
        assert_eq!(store.flags(&filter).await.unwrap(), expected);
        let limited = FlagFilter { limit: 1, ..filter };
        assert_eq!(store.flags(&limited).await.unwrap(), expected[..1]);
    }
    let gone = FlagFilter {
        id: Some(flag(5, 0).id),
        ..FlagFilter::default()
    };
    assert_eq!(store.flags(&gone).await.unwrap(), []);
}

fn flag_filters() -> Vec<FlagFilter> {
    let none = FlagFilter::default();
    vec![
        FlagFilter {
            id: Some(flag(7, 0).id),
            ..none.clone()
        },
        FlagFilter {
            pattern: Some("impossible-day".into()),
            ..none.clone()
        },
        FlagFilter {
            provider: Some(token("provider", 8)),
            ..none.clone()
        },
        FlagFilter {
            member: Some(token("member", 8)),
            ..none.clone()
        },
        FlagFilter {
            claim: Some(claim_id(8)),
            ..none.clone()
        },
        FlagFilter {
            from: Some(day(20)),
            ..none.clone()
        },
        FlagFilter {
            through: Some(day(10)),
            ..none.clone()
        },
        FlagFilter {
            score: Some(500),
            ..none.clone()
        },
        FlagFilter {
            pattern: Some("suspect-duplicate".into()),
            from: Some(day(10)),
            through: Some(day(25)),
            score: Some(100),
            ..none
        },
    ]
}

#[allow(missing_docs)]
pub async fn sums_are_over_all_that_was_decided<S: Store>(store: S) {
    assert_eq!(store.totals().await.unwrap(), Totals::default());
    let claims: Vec<(u64, u64)> = (1..=50).map(|n| (n, n % 7)).collect();
    store.accept(&submission(1, &claims)).await.unwrap();
    let read = store.totals().await.unwrap();
    let expected = Totals {
        read: 51,
        refused: 1,
        ..Totals::default()
    };
    assert_eq!(read, expected);
    drain(&store).await.unwrap();
    store.accept(&submission(2, &[(60, 1)])).await.unwrap();
    store.judge(&[change(1, vec![flag(1, 0)])]).await.unwrap();
    let mut expected = Totals {
        read: 53,
        refused: 2,
        flags: 1,
        ..Totals::default()
    };
    for row in store.claims(&ClaimFilter::default()).await.unwrap() {
        let Some(outcome) = row.outcome else { continue };
        match outcome.status {
            Status::Paid => expected.paid += 1,
            Status::Denied => expected.denied += 1,
            Status::Pended => expected.pended += 1,
        }
        let add = |sum: &mut Money, amount| *sum = sum.checked_add(amount).unwrap();
        let decided = super::world::adjudicated(row.id, 0, 1);
        add(&mut expected.charge, decided.charge);
        add(&mut expected.allowed, outcome.allowed);
        add(&mut expected.paid_amount, outcome.paid);
        add(&mut expected.patient, outcome.patient);
    }
    assert_eq!(expected.paid + expected.denied + expected.pended, 50);
    assert_eq!(store.totals().await.unwrap(), expected);
}

/// All entries of a log.
const ALL: std::ops::Range<u64> = 0..u64::MAX;

#[allow(missing_docs)]
pub async fn what_was_decided_is_listed_for_who_sent_or_billed_it<S: Store>(store: S) {
    store.accept(&submission(1, &[(1, 2)])).await.unwrap();
    store.accept(&submission(2, &[(2, 2)])).await.unwrap();
    let more = (3..=12).map(|n| (n, n % 4)).collect::<Vec<_>>();
    store.accept(&submission(3, &more)).await.unwrap();
    drain(&store).await.unwrap();
    integrate_all(&store).await.unwrap();
    let mut rows = store.claims(&ClaimFilter::default()).await.unwrap();
    // One is decided anew, and is listed again.
    let sequence = rows.iter().filter(|row| row.unit == unit(2)).count() as u64 + 1;
    store
        .accept(&act(20, ActKind::Void, Some(1)))
        .await
        .unwrap();
    let changes = vec![revised(1, 20, None), revised(2, 20, Some(again(2, 1)))];
    store
        .commit_act(&done(20, sequence, changes))
        .await
        .unwrap();
    integrate_all(&store).await.unwrap();
    rows.push(store.claim(claim_id(2)).await.unwrap().unwrap());
    // Waits: it is decided, and not on the log.
    store.accept(&submission(5, &[(30, 1)])).await.unwrap();
    drain(&store).await.unwrap();

    let [one, two] = [&rows[0].submitter, &submission(2, &[]).submitter];
    let providers = [0, 1, 2].map(|n| token("provider", n));
    for (submitter, billed) in [
        (one, &providers[..0]),
        (two, &providers[..0]),
        (one, &providers[1..2]),
        (two, &providers[..2]),
        (one, &providers[..]),
        (&"nobody".to_owned(), &providers[2..]),
        (&"nobody".to_owned(), &providers[..0]),
    ] {
        let theirs =
            |row: &&ClaimRow| row.submitter == *submitter || billed.contains(&row.provider);
        let entry = |row: &ClaimRow| Some((row.id, row.outcome.as_ref()?.leaf?));
        let mut expected: Vec<_> = rows.iter().filter(theirs).filter_map(entry).collect();
        expected.sort_by_key(|(_, leaf)| *leaf);
        let all = store.decided(submitter, billed, ALL, 99).await.unwrap();
        assert_eq!(all, expected, "{submitter} and {}", billed.len());
        let Some((_, middle)) = all.get(all.len() / 2) else {
            continue;
        };
        let few = *middle..u64::MAX;
        let few = store.decided(submitter, billed, few, 3).await.unwrap();
        let after = all.iter().filter(|(_, leaf)| leaf >= middle).take(3);
        assert!(few.iter().eq(after), "{submitter}: {few:?}");
        let part = middle / 2..*middle;
        let few = store.decided(submitter, billed, part.clone(), 99).await;
        let within = all.iter().filter(|(_, leaf)| part.contains(leaf));
        assert!(few.unwrap().iter().eq(within), "{submitter}");
        for nothing in [0..0, u64::MAX..u64::MAX] {
            let found = store.decided(submitter, billed, nothing, 99).await;
            assert_eq!(found.unwrap(), []);
        }
    }
    assert!(rows.iter().any(|row| row.submitter != rows[0].submitter));
}

#[allow(missing_docs)]
pub async fn a_claim_is_read_as_it_was_stored<S: Store>(store: S) {
    store.put_contract(&contract(2, &[2], 1)).await.unwrap();
    store.put_contract(&contract(2, &[2], 2)).await.unwrap();
    let mut sent = submission(1, &[(1, 2), (2, 2)]);
    sent.claims[0].contract = Some(2);
    sent.claims[0].charge = Money::cents(i64::MAX);
    sent.claims[0].received = tally_types::ServiceDate::MAX;
    sent.claims[0].first_service = tally_types::ServiceDate::MIN;
    store.accept(&sent).await.unwrap();
    assert_eq!(store.next(0, 1).await.unwrap()[0].contract, Some(2));
    let row = store.claim(claim_id(1)).await.unwrap().expect("a claim");
    let new = &sent.claims[0];
    let mut expected = ClaimRow {
        id: new.id,
        unit: new.unit,
        sequence: 1,
        previous: 0,
        submitter: sent.submitter.clone(),
        contract: Some(2),
        member: new.member,
        provider: new.provider,
        received: new.received,
        first_service: new.first_service,
        charge: new.charge,
        sealed: new.sealed.clone(),
        outcome: None,
        act: None,
        discarded: false,
    };
    assert_eq!(row, expected);
    let queued = store.next(0, 1).await.unwrap();
    let decided = super::world::decided(&queued[0], 2);
    let batch = super::world::batch(vec![decided.clone()]);
    store.commit(&batch).await.unwrap();
    expected.outcome = Some(crate::port::OutcomeRow {
        status: decided.status,
        allowed: decided.allowed,
        paid: decided.paid,
        patient: decided.patient,
        policy: decided.policy,
        outcome_hash: decided.outcome_hash,
        record: decided.record,
        leaf: None,
        revision: 0,
        gone: None,
    });
    let row = store.claim(claim_id(1)).await.unwrap();
    assert_eq!(row, Some(expected));
    let other = store.claim(claim_id(2)).await.unwrap().expect("a claim");
    assert_eq!(other.contract, claim(2, 2).contract);
    assert_eq!(store.claim(claim_id(3)).await.unwrap(), None);
}

#[allow(missing_docs)]
pub async fn the_audit_trail_is_newest_first<S: Store>(store: S) {
    assert_eq!(store.audit(10).await.unwrap(), []);
    store.note(&[]).await.unwrap();
    // Times need not be in order: what was noted last is newest.
    let rows: Vec<_> = (0..6)
        .map(|n| AuditRow {
            at: 1_000 - n,
            actor: "someone".into(),
            action: "claim-read".into(),
            subject: n.to_string(),
        })
        .collect();
    store.note(&rows[..1]).await.unwrap();
    store.note(&rows[1..4]).await.unwrap();
    store.note(&rows[4..]).await.unwrap();
    let mut newest = rows;
    newest.reverse();
    assert_eq!(store.audit(10).await.unwrap(), newest);
    assert_eq!(store.audit(2).await.unwrap(), newest[..2]);
    assert_eq!(store.audit(0).await.unwrap(), []);
}
