//! A description is wrong in every way; each row mends one thing and fails one
//! rule later.

use super::rig::{day, description};
use crate::adjudication::*;

use DescriptionError as D;

#[test]
fn each_row_fails_one_rule_later() {
    let long = "a".repeat(DescriptionLimits::NAME + 1);
    let mut wrong = description("Gold Plan");
    wrong.title = String::new();
    wrong.version = "v 1".into();
    wrong.currency = "EUR".into();
    let clauses = std::mem::take(&mut wrong.clauses);
    wrong.accumulators.push(wrong.accumulators[1].clone());
    wrong.accumulators[0].name = "out of pocket".into();
    wrong.accumulators[0].limits[0].limit = -1;
    wrong.accumulators[3].limits = vec![DatedLimit {
        effective: day("1970-01-02"),
        limit: 5,
    }];
    wrong.tables = vec!["fees".into(), "fees".into(), "Fees".into()];
    wrong.pend_reasons.push(wrong.pend_reasons[0].clone());
    wrong.pend_reasons[0].text = "line\nbreak".into();
    wrong.pend_reasons[0].resolution = "x".repeat(DescriptionLimits::TEXT + 1);
    wrong.patterns.push(wrong.patterns[0].clone());
    wrong.patterns[0].title = String::new();

    let name = |what, position| D::Name { what, position };
    let text = |what, position| D::Text { what, position };
    let twice = |what, first, second| D::Twice {
        what,
        first,
        second,
    };
    type Mend<'a> = &'a dyn Fn(&mut Description);
    let rows: &[(Mend, D)] = &[
        (&|_| {}, name("product", 0)),
        (&|d| d.product = long.clone(), name("product", 0)),
        (&|d| d.product = "gold".into(), text("title", 0)),
        (&|d| d.title = "Gold".into(), name("version", 0)),
        (&|d| d.version = "1.0".into(), D::Currency),
        (&|d| d.currency = "USD".into(), D::NoClauses),
        (
            &|d| d.clauses = vec![clauses[0].clone(); DescriptionLimits::ITEMS + 1],
            D::TooMany {
                what: "clause",
                found: 513,
            },
        ),
        (
            &|d| {
                d.clauses = clauses.clone();
                d.clauses[2].id = "1.1".into();
            },
            twice("clause", 1, 3),
        ),
        (
            &|d| {
                d.clauses[2].id = "E101".into();
                d.clauses[1].title = "\t".into();
                d.clauses[0].text = String::new();
            },
            twice("accumulator", 2, 5),
        ),
        (&|d| d.accumulators.truncate(4), twice("table", 1, 2)),
        (&|d| drop(d.tables.remove(0)), twice("pend reason", 1, 2)),
        (&|d| d.pend_reasons.truncate(1), twice("pattern", 1, 2)),
        (&|d| d.patterns.truncate(1), text("clause", 1)),
        (&|d| d.clauses[0].text = "Text.".into(), text("clause", 2)),
        (&|d| d.clauses[1].title = "Title".into(), name("clause", 3)),
        (&|d| d.clauses[2].id = "3".into(), name("accumulator", 1)),
        (
            &|d| d.accumulators[0].name = "oop".into(),
            D::Limits { position: 1 },
        ),
        (
            &|d| {
                let limits = &mut d.accumulators[0].limits;
                limits[0].limit = 0;
                limits.push(limits[0]);
            },
            D::Limits { position: 1 },
        ),
        (
            &|d| {
                let limits = &mut d.accumulators[0].limits;
                let days = 1..=i32::try_from(DescriptionLimits::ITEMS).unwrap() + 1;
                *limits = days
                    .map(|n| DatedLimit {
                        effective: tally_types::ServiceDate::from_days(n).unwrap(),
                        limit: 1,
                    })
                    .collect();
            },
            D::Limits { position: 1 },
        ),
        (
            &|d| d.accumulators[0].limits.truncate(512),
            D::Limits { position: 4 },
        ),
        (
            &|d| d.accumulators[3].limits[0].effective = day("1970-01-01"),
            name("table", 2),
        ),
        (&|d| d.tables.truncate(1), text("pend reason", 1)),
        (
            &|d| d.pend_reasons[0].text = "Why.".into(),
            text("pend reason", 1),
        ),
        (
            &|d| d.pend_reasons[0].resolution = "So.".into(),
            text("pattern", 1),
        ),
    ];
    for (row, (mend, expected)) in rows.iter().enumerate() {
        mend(&mut wrong);
        let found = wrong.check().unwrap_err();
        assert_eq!(&found, expected, "row {row}");
        assert!(!found.to_string().is_empty());
    }
    wrong.patterns[0].title = "Upcoding".into();
    assert_eq!(wrong.check(), Ok(()));
}

/// A limit is that of the latest date not after the period's first day.
#[test]
fn limits_by_date() {
    let mut accumulator = description("gold").accumulators.remove(0);
    accumulator.limits = [("2025-01-01", 10), ("2026-01-01", 20)]
        .map(|(effective, limit)| DatedLimit {
            effective: day(effective),
            limit,
        })
        .into();
    for (period, limit) in [
        ("2024-12-31", None),
        ("2025-01-01", Some(10)),
        ("2025-12-31", Some(10)),
        ("2026-01-01", Some(20)),
        ("2030-01-01", Some(20)),
    ] {
        assert_eq!(accumulator.limit_in(day(period)), limit, "{period}");
    }
}
