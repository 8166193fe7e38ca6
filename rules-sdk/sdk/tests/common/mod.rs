//! What several tests share: a small plan, amounts from text, and the published
//! cases where they are present (`TALLY_CASES`).
#![allow(dead_code)] // each test uses a part of it

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use tally_sdk::cob::prior::Reported;
use tally_sdk::cob::{Coordination, Method, Pocket, PriorAdjustment, PriorPayer, Unpaid};
use tally_sdk::prelude::*;
use tally_sdk::{Adjustment, Posting, mock};

clauses! {
    /// Any.
    ANY = "1", "Any", "Any.";
    /// Other payers.
    OTHERS = "2", "Others", "Other payers.";
}

accumulators! {
    /// A member's deductible.
    DEDUCTIBLE = "deductible", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("500.00"))];
    /// The family's.
    FAMILY = "deductible-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("1000.00"))];
    /// What a member bears at most.
    POCKET = "pocket", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("2000.00"))];
    /// What the plan pays at most in a year.
    MAXIMUM = "maximum", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("1500.00"))];
    /// Another tier's deductible.
    OUT = "out-deductible", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("800.00"))];
    /// The other tier's, of the family.
    OUT_FAMILY = "out-deductible-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("1600.00"))];
    /// The deductible borne in the last quarter.
    QUARTER = "quarter", Scope::Member, Unit::Money, Period::CalendarYear, &[];
    /// Visits of one benefit.
    VISITS = "visits", Scope::Member, Unit::Count, Period::CalendarYear,
        &[(date(2025, 1, 1), 5)];
    /// Visits that several benefits share.
    SHARED = "shared-visits", Scope::Family, Unit::Count, Period::CalendarYear,
        &[(date(2025, 1, 1), 10)];
}

pub const PLAN: Plan = Plan {
    product: "test",
    title: "Test",
    version: "1",
    clauses: clause::ALL,
    accumulators: accumulator::ALL,
    tables: &[],
    pend_reasons: &[],
    patterns: &[],
    cost_share: &[],
    rounding: Rounding::HalfUp,
};

pub const YEAR: ServiceDate = date(2025, 1, 1);
pub const DAY: ServiceDate = date(2025, 5, 2);
pub const DEDUCTIBLE: Embedded = Embedded {
    member: accumulator::DEDUCTIBLE,
    family: Some(accumulator::FAMILY),
};
pub const POCKET: Embedded = Embedded {
    member: accumulator::POCKET,
    family: None,
};
pub const BOTH: CostShare = CostShare {
    deductible: Some(DEDUCTIBLE),
    out_of_pocket: Some(POCKET),
};
pub const ONLY_POCKET: CostShare = CostShare {
    deductible: None,
    out_of_pocket: Some(POCKET),
};

pub fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

/// A line of one unit.
pub fn line(charge: &str) -> Line {
    mock::line(Code::of("99213"), money(charge), DAY)
}

/// A claim of these lines, with nothing used of any accumulator.
pub fn fresh(lines: Vec<Line>) -> Claim {
    let mut claim = mock::claim(lines);
    for accumulator in 0..accumulator::ALL.len() {
        let accumulator = AccumulatorId(u16::try_from(accumulator).unwrap());
        claim = claim.with_balance(accumulator, YEAR, 0);
    }
    claim
}

pub fn shown(line: &LineDetermination) -> Vec<String> {
    let each = |a: &Adjustment| format!("{} {} {}", a.group, a.carc, a.amount);
    line.adjustments.iter().map(each).collect()
}

pub fn posted(line: &LineDetermination, accumulator: AccumulatorId) -> i64 {
    let of = |p: &&Posting| p.accumulator == accumulator;
    line.postings.iter().filter(of).map(|p| p.amount).sum()
}

/// `PR 1 75.00` and the like.
pub fn adjustment(text: &str) -> PriorAdjustment {
    let parts: Vec<&str> = text.split(' ').collect();
    PriorAdjustment {
        group: match parts[0] {
            "CO" => Group::Co,
            "PR" => Group::Pr,
            "OA" => Group::Oa,
            _ => Group::Pi,
        },
        reason: ShortCode::of(parts[1]),
        amount: money(parts[2]),
    }
}

/// A payer that had the line before: its charge, what it paid, why not more.
pub fn payer(charge: &str, paid: &str, adjustments: &[&str]) -> PriorPayer {
    let reported = Reported {
        charge: money(charge),
        paid: Some(money(paid)),
        allowed: None,
        adjustments: adjustments.iter().map(|text| adjustment(text)).collect(),
    };
    let Ok(payer) = PriorPayer::read(0, &reported, Money::ZERO) else {
        panic!("it balances: {charge} {paid}");
    };
    payer
}

pub const fn coordination(method: Method, unpaid: Unpaid) -> Coordination {
    Coordination {
        method,
        unpaid,
        pocket: Pocket::AsIfPrimary,
        clause: clause::OTHERS,
    }
}

/// The folder of published cases; it says so where there is none.
pub fn cases() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases");
    let folder = std::env::var_os("TALLY_CASES").map_or_else(|| default.into(), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    // Not `eprintln!`, which is shown only for tests that fail.
    let said = format!(
        "SKIPPED: no cases in {}: set TALLY_CASES\n",
        folder.display()
    );
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    None
}

/// A published worked example, by its id.
pub fn worked(id: &str) -> Option<Value> {
    let file = cases()?.join("claims/published-worked-examples/worked_examples.json");
    let text = std::fs::read_to_string(file).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let found = all.into_iter().find(|example| example["id"] == id);
    Some(found.unwrap_or_else(|| panic!("no example {id}")))
}

/// An amount of an example: they stand as texts.
pub fn amount_of(value: &Value) -> Money {
    money(value.as_str().unwrap())
}

/// The segments of an X12 file of the published cases, each as its elements.
pub fn segments(name: &str) -> Option<Vec<Vec<String>>> {
    let folder = cases()?.join("claims/x12-linuxforhealth/src/tests/resources");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let each = text.split('~').map(|segment| segment.trim());
    let elements = |segment: &str| segment.split('*').map(str::to_owned).collect();
    Some(each.filter(|s| !s.is_empty()).map(elements).collect())
}

/// The adjustments of a CAS segment: a group, then reason, amount and quantity
/// in turn.
pub fn cas(segment: &[String]) -> Vec<PriorAdjustment> {
    let group = segment[1].as_str();
    segment[2..]
        .chunks(3)
        .filter(|chunk| chunk.len() >= 2)
        .map(|chunk| {
            let amount = money(&chunk[1]);
            adjustment(&format!("{group} {} {amount}", chunk[0]))
        })
        .collect()
}
