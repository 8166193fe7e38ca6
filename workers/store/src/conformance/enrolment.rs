//! Contracts and whose they are.

use super::world::{contract, sealed, token, unit};
use crate::port::{Store, StoreError};

#[allow(missing_docs)]
pub async fn versions_are_added_and_kept<S: Store>(store: S) {
    assert_eq!(store.contract(unit(1), None).await.unwrap(), None);
    for version in 1..=3 {
        let put = store
            .put_contract(&contract(1, &[1, 2], version.into()))
            .await;
        assert_eq!(put.unwrap(), version);
    }
    for version in 1..=3 {
        let row = store.contract(unit(1), Some(version)).await.unwrap();
        let row = row.expect("a version that was put");
        assert_eq!(row.unit, unit(1));
        assert_eq!(row.version, version);
        assert_eq!(row.sealed, sealed("contract", 1000 + u64::from(version)));
    }
    let latest = store.contract(unit(1), None).await.unwrap();
    assert_eq!(latest.map(|row| row.version), Some(3));
    assert_eq!(store.contract(unit(1), Some(4)).await.unwrap(), None);
    assert_eq!(store.contract(unit(1), Some(0)).await.unwrap(), None);
    // A unit without claims is enrolled, but nothing was adjudicated in it.
    assert_eq!(store.all_units().await.unwrap(), []);
}

#[allow(missing_docs)]
pub async fn a_member_has_one_unit<S: Store>(store: S) {
    assert_eq!(store.unit_of(token("member", 1)).await.unwrap(), None);
    store.put_contract(&contract(1, &[1, 2], 1)).await.unwrap();
    let other = store.put_contract(&contract(2, &[3, 1], 1)).await;
    assert!(matches!(
        other,
        Err(StoreError::MemberElsewhere { position: 2 })
    ));
    assert_eq!(store.unit_of(token("member", 3)).await.unwrap(), None);
    assert_eq!(store.contract(unit(2), None).await.unwrap(), None);
    // A version that no longer names a member keeps it; one may be named twice.
    store
        .put_contract(&contract(1, &[2, 4, 4], 2))
        .await
        .unwrap();
    for member in [1, 2, 4] {
        let of = store.unit_of(token("member", member)).await.unwrap();
        assert_eq!(of, Some(unit(1)));
    }
}
