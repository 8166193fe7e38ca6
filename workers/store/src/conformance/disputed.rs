//! What others dispute is kept as it was told.

use super::world::{claim_id, day, sealed};
use crate::port::{DisputedRow, Store};

/// A dispute of the `n`th claim, as an organisation told it.
#[must_use]
pub fn disputed(organisation: &str, entry: u64, n: u64) -> DisputedRow {
    DisputedRow {
        organisation: organisation.to_owned(),
        entry,
        claim: claim_id(n),
        leaf: 100 + n,
        day: day(1),
        told: sealed("dispute", entry),
    }
}

/// Of an adjudication an organisation has one, and it is found by its claim.
///
/// # Panics
/// When it is not so.
pub async fn what_others_dispute_is_kept_once<S: Store>(store: S) {
    assert_eq!(store.disputed(None, 0).await.unwrap(), (vec![], 0));
    let rows = [
        disputed("harbor", 7, 1),
        disputed("lakeside", 7, 1),
        disputed("harbor", 3, 2),
    ];
    for row in &rows {
        let of = (&*row.organisation, row.leaf);
        assert_eq!(store.disputed_by(of.0, of.1).await.unwrap(), None);
        assert!(store.keep_disputed(row).await.unwrap());
        let known = store.disputed_by(of.0, of.1).await.unwrap();
        assert_eq!(known.as_ref(), Some(row));
    }
    // Told once more, of another entry even: the first stays.
    let again = disputed("harbor", 8, 1);
    assert!(!store.keep_disputed(&again).await.unwrap());
    for leaf in [103, u64::MAX] {
        assert_eq!(store.disputed_by("harbor", leaf).await.unwrap(), None);
    }
    assert_eq!(store.disputed(None, 0).await.unwrap(), (rows.to_vec(), 3));
    let (last, all) = store.disputed(None, 2).await.unwrap();
    assert_eq!((&last[..], all), (&rows[1..], 3));
    let of_one = store.disputed(Some(claim_id(1)), 0).await.unwrap();
    assert_eq!(of_one, (rows[..2].to_vec(), 2));
    let of_none = store.disputed(Some(claim_id(3)), 0).await.unwrap();
    assert_eq!(of_none, (vec![], 0));
    for wrong in ["", &"n".repeat(65)] {
        let wrong = disputed(wrong, 1, 1);
        assert!(store.keep_disputed(&wrong).await.is_err());
    }
    let far = disputed("harbor", u64::MAX, 3);
    assert!(store.keep_disputed(&far).await.is_err());
}
