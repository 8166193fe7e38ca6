//! The products' tables hold together.

use std::collections::BTreeSet;

use tally_core::claim::Provider;
use tally_table::Table;
use tally_types::{Code, ServiceDate};

use crate::products::{self, Product, rows};

/// A day of each year in which limits and fees differ.
const DAYS: [ServiceDate; 2] = [
    match ServiceDate::new(2025, 6, 1) {
        Some(day) => day,
        None => ServiceDate::MIN,
    },
    match ServiceDate::new(2026, 6, 1) {
        Some(day) => day,
        None => ServiceDate::MIN,
    },
];

fn table(product: &Product, name: &str) -> Table {
    Table::from_csv(&product.table(name)).unwrap()
}

fn both() -> [&'static Product; 2] {
    [products::harbor(), products::meridian()]
}

#[test]
fn providers_are_the_same_and_have_check_digits() {
    let [harbor, meridian] = both().map(|product| product.codes("network"));
    assert_eq!(harbor, meridian);
    assert!(harbor.len() >= 40, "{}", harbor.len());
    for provider in harbor {
        assert!(Provider::new(&provider).is_npi, "{provider}");
    }
}

/// What Harbor covers has a fee on every day it is in the schedule; what it
/// does not cover, or reviews by hand, has none.
#[test]
fn harbor_has_a_fee_for_what_it_covers() {
    let harbor = products::harbor();
    let (services, fees) = (table(harbor, "services"), table(harbor, "fees"));
    let codes = harbor.codes("services");
    assert!(codes.len() >= 60, "{}", codes.len());
    for text in &codes {
        let code = Code::parse(text).unwrap();
        for day in DAYS {
            let Some([category, ..]) = services.lookup(code, Code::NONE, day) else {
                continue;
            };
            let fee = fees.lookup(code, Code::NONE, day);
            assert_eq!(fee.is_some(), category < 18, "{text}");
            // Out of network never more than in it.
            assert!(fee.is_none_or(|[within, out, ..]| out <= within), "{text}");
        }
    }
    for fee in harbor.codes("fees") {
        assert!(codes.contains(&fee), "{fee} has a fee and no category");
    }
}

/// Meridian's edits name codes of its fee schedule; no pair stands in both
/// orders, so that which of two lines is denied never depends on their order.
#[test]
fn meridian_edits_name_known_codes() {
    let meridian = products::meridian();
    let known: BTreeSet<String> = meridian.codes("fees").into_iter().collect();
    assert!(known.len() >= 60, "{}", known.len());
    for name in ["units", "frequency"] {
        for code in meridian.codes(name) {
            assert!(known.contains(&code), "{name}: {code}");
        }
    }
    let pairs: BTreeSet<(String, String)> = rows(&meridian.table("pairs"))
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    for (first, second) in &pairs {
        assert!(
            known.contains(first) && known.contains(second),
            "{first}, {second}"
        );
        assert!(
            !pairs.contains(&(second.clone(), first.clone())),
            "{first}, {second}"
        );
    }
}

/// Meridian's rates are there on every day: an absent one would be zero.
#[test]
fn meridian_has_all_its_rates() {
    let rates = table(products::meridian(), "rates");
    for name in [
        "COINSURANCE",
        "SEQUESTRATION",
        "NONPARTICIPATING",
        "RANK1",
        "RANK2",
        "RANK3",
        "RANK4",
        "RANK5",
        "RANK-FURTHER",
    ] {
        for day in DAYS {
            let row = rates.lookup(Code::of(name), Code::NONE, day);
            assert!(row.is_some_and(|[rate, ..]| rate > 0), "{name}");
        }
    }
}
