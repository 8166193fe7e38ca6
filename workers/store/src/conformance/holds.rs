//! Legal holds are placed and lifted, and never forgotten.

use super::world::{claim_id, day};
use crate::port::{HoldRow, Store};

/// A hold on the `n`th claim.
#[must_use]
pub fn hold(n: u64, name: &str, on: i32, lifted: bool) -> HoldRow {
    HoldRow {
        claim: claim_id(n),
        name: name.to_owned(),
        day: day(on),
        lifted,
    }
}

/// Holds stay in the order they were placed and lifted in.
///
/// # Panics
/// When they do not.
pub async fn holds_are_kept_in_order<S: Store>(store: S) {
    assert_eq!(store.holds(None).await.unwrap(), vec![]);
    let rows = [
        hold(1, "case-7", 1, false),
        hold(2, "audit", 2, false),
        hold(1, "case-7", 31, true),
        hold(1, "case-7", 31, false),
    ];
    for row in &rows {
        store.hold(row).await.unwrap();
    }
    assert_eq!(store.holds(None).await.unwrap(), rows);
    let of_one = store.holds(Some(claim_id(1))).await.unwrap();
    assert_eq!(of_one, [&rows[0], &rows[2], &rows[3]].map(Clone::clone));
    assert_eq!(store.holds(Some(claim_id(9))).await.unwrap(), vec![]);
    for name in ["", &"n".repeat(65)] {
        let wrong = hold(3, name, 1, false);
        assert!(store.hold(&wrong).await.is_err());
    }
}
