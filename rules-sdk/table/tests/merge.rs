//! A later file over an earlier table.

mod common;

use common::{csv, day, keys};
use proptest::prelude::*;
use tally_table::{MergeError, Table};
use tally_types::ServiceDate;

proptest! {
    #[test]
    fn before_as_before_and_after_as_the_new_one(one in csv(), other in csv(), at in 0..70i32) {
        let [one, other] = [one, other].map(|text| Table::from_csv(&text).unwrap());
        let merged = one.merge(&other, day(at)).unwrap();
        for (a, b) in keys() {
            for number in -2..110 {
                let on = day(number);
                let expected = if number < at { &one } else { &other };
                prop_assert_eq!(merged.lookup(a, b, on), expected.lookup(a, b, on));
            }
        }
        // The result is a table like another, in both forms.
        prop_assert!(Table::from_csv(&merged.to_csv()).unwrap() == merged);
        prop_assert!(Table::from_bytes(&merged.to_bytes()).unwrap() == merged);
        // The same file again changes nothing.
        prop_assert!(merged.merge(&other, day(at)).unwrap() == merged);
    }

    /// Over itself a table is itself: no row is cut where nothing changes.
    #[test]
    fn over_itself_a_table_is_itself(one in csv(), at in 0..70i32) {
        let one = Table::from_csv(&one).unwrap();
        prop_assert!(one.merge(&one, day(at)).unwrap() == one);
    }
}

#[test]
fn the_first_day_of_all_leaves_nothing_of_the_earlier_table() {
    let one = Table::from_csv("code,from,through,v:count\nA,0001-01-01,,1\n").unwrap();
    let other = Table::from_csv("code,from,through,v:count\nB,2026-01-01,,2\n").unwrap();
    let merged = one.merge(&other, ServiceDate::MIN).unwrap();
    assert!(merged == other);
}

#[test]
fn other_columns_are_another_table() {
    let one = Table::from_csv("code,from,through,v:count\n").unwrap();
    let other = Table::from_csv("code,from,through,v:money\n").unwrap();
    assert_eq!(
        one.merge(&other, day(0)).err(),
        Some(MergeError::Columns {
            earlier: "v:count".to_owned(),
            later: "v:money".to_owned(),
        })
    );
}
