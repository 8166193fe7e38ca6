//! What a person reads.

use tally_core::adjudication::{AccumulatorKey, AccumulatorUnit};
use tally_core::claim::{ClaimId, Member, Relationship, Sex};

use super::*;
use crate::node::statement::{Source, TakenBack};

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

fn contract() -> Contract {
    Contract {
        id: "C-1".to_owned(),
        inception: day("2026-01-01"),
        members: vec![Member {
            id: "M-1".to_owned(),
            name: "Robin Example".to_owned(),
            birth: day("1980-01-01"),
            death: None,
            sex: Sex::Unknown,
            relationship: Relationship::Subscriber,
            spans: Vec::new(),
            authorizations: Vec::new(),
        }],
    }
}

fn entry(number: u8, service: &str, before: i64, amount: i64, back: Option<&str>) -> Entry {
    Entry {
        source: Some(Source {
            claim: ClaimId([number; 16]),
            control_number: format!("V-{number}"),
            number: number.into(),
            line: 1,
            member: "M-1".to_owned(),
            service: day(service),
            since: day("2026-03-01"),
            taken_back: back.map(|on| TakenBack {
                on: day(on),
                by: ClaimId([9; 16]),
            }),
        }),
        before,
        amount,
    }
}

fn made(asked: Asked) -> Statement {
    let account = |name: &str, member: Option<&str>, product: &str| Account {
        key: AccumulatorKey {
            member: member.map(str::to_owned),
            product: product.to_owned(),
            name: name.to_owned(),
            period: day("2026-01-01"),
        },
        through: Some(day("2026-12-31")),
        products: vec!["harbor-ppo".to_owned()],
        unit: AccumulatorUnit::Money,
        limit: Some(50_000),
        entries: Vec::new(),
        taken_back: Vec::new(),
        balance: 0,
    };
    Statement {
        asked,
        accounts: vec![
            Account {
                entries: vec![
                    entry(1, "2026-02-03", 0, 9_500, None),
                    Entry {
                        source: None,
                        before: 9_500,
                        amount: 1_000,
                    },
                    entry(3, "2026-02-10", 10_500, 39_500, None),
                ],
                taken_back: vec![entry(2, "2026-02-04", 9_500, 3_000, Some("2026-04-01"))],
                balance: 50_000,
                ..account("in-deductible", Some("M-1"), "harbor-ppo")
            },
            Account {
                entries: vec![entry(1, "2026-02-03", 0, 9_500, None)],
                balance: 9_500,
                limit: None,
                ..account("in-deductible-last-quarter-family", None, "pool=larch")
            },
            Account {
                entries: vec![entry(3, "2026-02-10", 0, 4, None)],
                balance: 4,
                unit: AccumulatorUnit::Count,
                limit: Some(40),
                ..account("therapy-units", Some("M-1"), "harbor-ppo")
            },
        ],
    }
}

#[test]
fn a_statement_can_be_read() {
    let said = text(&contract(), "M-1", &made(Asked::default()));
    insta::assert_snapshot!("statement", said);
    let asked = Asked {
        as_of: Some(day("2026-02-28")),
        known: Some(day("2026-03-05")),
        through: None,
    };
    let none = Statement {
        asked,
        accounts: Vec::new(),
    };
    insta::assert_snapshot!("statement_of_nothing", text(&contract(), "M-1", &none));
}

#[test]
fn a_statement_is_json() {
    let said = json(&contract(), "M-1", &made(Asked::default()));
    insta::assert_snapshot!(
        "statement_json",
        serde_json::to_string_pretty(&said).unwrap()
    );
}
