//! Contracts and whose they are.

use super::assert_fenced;
use super::world::{claim_id, contract, drain, sealed, seen, submission, token, unit};
use crate::port::{ContractRow, EventRow, Store, StoreError, Token};

async fn contract_at<S: Store>(store: &S, of: u64, version: Option<u32>) -> Option<ContractRow> {
    let rows = store.contracts(&[(unit(of), version)]).await.unwrap();
    <[_; 1]>::try_from(rows)
        .unwrap()
        .into_iter()
        .next()
        .flatten()
}

async fn unit_of<S: Store>(store: &S, member: u64) -> Option<Token> {
    let units = store.units_of(&[token("member", member)]).await.unwrap();
    <[_; 1]>::try_from(units).unwrap()[0]
}

#[allow(missing_docs)]
pub async fn versions_are_added_and_kept<S: Store>(store: S) {
    assert_eq!(contract_at(&store, 1, None).await, None);
    for version in 1..=3 {
        let put = store
            .put_contract(&contract(1, &[1, 2], version.into()))
            .await;
        assert_eq!(put.unwrap(), version);
    }
    for version in 1..=3 {
        let row = contract_at(&store, 1, Some(version)).await;
        let row = row.expect("a version that was put");
        assert_eq!(row.unit, unit(1));
        assert_eq!(row.version, version);
        assert_eq!(row.sealed, sealed("contract", 1000 + u64::from(version)));
    }
    let latest = contract_at(&store, 1, None).await;
    assert_eq!(latest.map(|row| row.version), Some(3));
    assert_eq!(contract_at(&store, 1, Some(4)).await, None);
    assert_eq!(contract_at(&store, 1, Some(0)).await, None);
    // Many at once, in the order asked, some of them twice, some not there.
    let asked = [
        (1, Some(2)),
        (9, None),
        (1, None),
        (1, Some(7)),
        (1, Some(2)),
    ];
    let asked = asked.map(|(of, version)| (unit(of), version));
    let rows = store.contracts(&asked).await.unwrap();
    let versions: Vec<_> = rows
        .iter()
        .map(|row| row.as_ref().map(|row| row.version))
        .collect();
    assert_eq!(versions, [Some(2), None, Some(3), None, Some(2)]);
    assert_eq!(store.contracts(&[]).await.unwrap(), []);
    let members = [2, 9, 1, 2].map(|n| token("member", n));
    let units = store.units_of(&members).await.unwrap();
    assert_eq!(units, [Some(unit(1)), None, Some(unit(1)), Some(unit(1))]);
    assert_eq!(store.units_of(&[]).await.unwrap(), []);
    // A unit without claims is enrolled, but nothing was adjudicated in it.
    assert_eq!(store.all_units().await.unwrap(), []);
}

#[allow(missing_docs)]
pub async fn a_member_has_one_unit<S: Store>(store: S) {
    assert_eq!(unit_of(&store, 1).await, None);
    store.put_contract(&contract(1, &[1, 2], 1)).await.unwrap();
    let other = store.put_contract(&contract(2, &[3, 1], 1)).await;
    assert!(matches!(
        other,
        Err(StoreError::MemberElsewhere { position: 2 })
    ));
    assert_eq!(unit_of(&store, 3).await, None);
    assert_eq!(contract_at(&store, 2, None).await, None);
    // A version that no longer names a member keeps it; one may be named twice.
    store
        .put_contract(&contract(1, &[2, 4, 4], 2))
        .await
        .unwrap();
    for member in [1, 2, 4] {
        let of = unit_of(&store, member).await;
        assert_eq!(of, Some(unit(1)));
    }
}

/// A move is an event in the order of both units, and what was resolved before
/// it is resolved again.
#[allow(missing_docs)]
pub async fn a_member_moves_as_an_event_of_both_units<S: Store>(store: S) {
    store.put_contract(&contract(1, &[1, 2], 1)).await.unwrap();
    store.put_contract(&contract(2, &[3], 1)).await.unwrap();
    let of = |n: u64, claims: &[(u64, u64)]| {
        let mut new = submission(n, claims);
        for claim in &mut new.claims {
            claim.member = token("member", 2);
            claim.contract = Some(1);
        }
        new
    };
    store.accept(&of(1, &[(1, 1), (2, 1)])).await.unwrap();
    let late = of(2, &[(3, 1)]);
    let mut joined = contract(2, &[3, 2], 2);
    joined.moving = true;
    assert_eq!(store.put_contract(&joined).await.unwrap(), 2);
    let event = |of, sequence| EventRow {
        unit: unit(of),
        sequence,
        member: token("member", 2),
        from: unit(1),
        to: unit(2),
    };
    assert_eq!(store.events(unit(1)).await.unwrap(), [event(1, 3)]);
    assert_eq!(store.events(unit(2)).await.unwrap(), [event(2, 1)]);
    assert_eq!(store.events(unit(3)).await.unwrap(), []);
    let now = unit_of(&store, 2).await;
    assert_eq!(now, Some(unit(2)));
    // Who resolved the member before is told to look again.
    let before = seen(&store).await.unwrap();
    assert_fenced(store.accept(&late).await);
    assert_eq!(seen(&store).await.unwrap(), before);
    store.accept(&of(3, &[(4, 2)])).await.unwrap();
    store.accept(&submission(4, &[(5, 1)])).await.unwrap();
    for (of, expected) in [
        (1, vec![(1, 1, 0), (2, 2, 1), (5, 4, 2)]),
        (2, vec![(4, 2, 0)]),
    ] {
        let rows = store.claims_of_unit(unit(of)).await.unwrap();
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.id, row.sequence, row.previous))
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(n, sequence, previous)| (claim_id(n), sequence, previous))
            .collect();
        assert_eq!(found, expected, "unit {of}");
    }
    // The events are stepped over.
    assert_eq!(drain(&store).await.unwrap(), 4);
    let states = store.units(&[unit(1), unit(2)]).await.unwrap();
    assert_eq!((states[0].done, states[1].done), (4, 2));
    // What is for a day of before goes where the member was then, and nowhere else.
    let former = |n: u64, claims: &[(u64, u64)]| {
        let mut new = of(n, claims);
        for claim in &mut new.claims {
            claim.former = true;
        }
        new
    };
    store.accept(&former(5, &[(6, 1)])).await.unwrap();
    assert_fenced(store.accept(&former(6, &[(7, 2)])).await);
    // Naming a member again who is there already moves nobody.
    store.put_contract(&joined).await.unwrap();
    assert_eq!(store.events(unit(2)).await.unwrap().len(), 1);
}

/// Where members were before is known: of those who moved, and of those whom a contract
/// names as having left.
#[allow(missing_docs)]
pub async fn where_members_were_is_known<S: Store>(store: S) {
    store.put_contract(&contract(1, &[1, 2], 1)).await.unwrap();
    let mut joined = contract(2, &[3, 2], 1);
    joined.moving = true;
    store.put_contract(&joined).await.unwrap();
    let mut named = contract(3, &[4], 1);
    named.left = [2, 1].map(|n| token("member", n)).to_vec();
    for _ in 0..2 {
        store.put_contract(&named).await.unwrap();
    }
    let members = [2, 9, 1, 2].map(|n| token("member", n));
    let before = store.units_before(&members).await.unwrap();
    let of_2 = vec![unit(1), unit(3)];
    assert_eq!(before, [of_2.clone(), vec![], vec![unit(3)], of_2]);
    assert!(store.units_before(&[]).await.unwrap().is_empty());
    // They stay where they are enrolled.
    assert_eq!(unit_of(&store, 2).await, Some(unit(2)));
    assert_eq!(unit_of(&store, 1).await, Some(unit(1)));
    let mut late = submission(1, &[(1, 3)]);
    for claim in &mut late.claims {
        (claim.member, claim.contract, claim.former) = (token("member", 1), Some(1), true);
    }
    store.accept(&late).await.unwrap();
}
