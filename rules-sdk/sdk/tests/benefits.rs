//! Benefits: amounts worked out by hand, and what holds of every sequence of
//! steps.

use proptest::prelude::*;
use tally_sdk::prelude::*;
use tally_sdk::{Adjustment, Posting, mock};

clauses! {
    /// Any.
    ANY = "1", "Any", "Any.";
    /// A limit.
    LIMIT = "2", "Limit", "A limit.";
}

accumulators! {
    /// Deductible of a member.
    DEDUCTIBLE = "deductible", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("500.00")), (date(2026, 1, 1), amount("600.00"))];
    /// Deductible of the family.
    FAMILY = "deductible-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("1000.00"))];
    /// Out-of-pocket limit.
    POCKET = "out-of-pocket", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("800.00"))];
    /// Visits.
    VISITS = "visits", Scope::Member, Unit::Count, Period::CalendarYear,
        &[(date(2025, 1, 1), 10)];
    /// Without a limit.
    COUNTED = "counted", Scope::Member, Unit::Money, Period::Lifetime, &[];
}

const PLAN: Plan = Plan {
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

const DEDUCTIBLE: Embedded = Embedded {
    member: accumulator::DEDUCTIBLE,
    family: Some(accumulator::FAMILY),
};
const POCKET: Embedded = Embedded {
    member: accumulator::POCKET,
    family: None,
};
const BOTH: CostShare = CostShare {
    deductible: Some(DEDUCTIBLE),
    out_of_pocket: Some(POCKET),
};
const ONLY_POCKET: CostShare = CostShare {
    deductible: None,
    out_of_pocket: Some(POCKET),
};
const YEAR: ServiceDate = date(2025, 1, 1);
const BEYOND: Denial = Denial::patient(Carc::BENEFIT_MAXIMUM, clause::LIMIT);

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

/// A claim of one line with these balances.
fn claim(charge: &str, units: &str, used: [i64; 4]) -> Claim {
    let mut line = mock::line(Code::of("99213"), money(charge), date(2025, 5, 2));
    line.quantity = Quantity::parse(units).unwrap();
    let [deductible, family, pocket, visits] = used;
    mock::claim(vec![line])
        .with_balance(accumulator::DEDUCTIBLE, YEAR, deductible)
        .with_balance(accumulator::FAMILY, YEAR, family)
        .with_balance(accumulator::POCKET, YEAR, pocket)
        .with_balance(accumulator::VISITS, YEAR, visits)
}

fn shown(line: &LineDetermination) -> Vec<String> {
    let each = |a: &Adjustment| format!("{} {} {}", a.group, a.carc, a.amount);
    line.adjustments.iter().map(each).collect()
}

fn posted(line: &LineDetermination, accumulator: AccumulatorId) -> i64 {
    let of = |p: &&Posting| p.accumulator == accumulator;
    line.postings.iter().filter(of).map(|p| p.amount).sum()
}

#[test]
fn the_deductible_is_embedded_and_stops_at_the_pocket() {
    // 500.00 less 420.00 leaves 80.00 for the member, 1,000.00 less 950.00
    // leaves 50.00 for the family: 50.00.
    let claim1 = claim("200.00", "1", [42_000, 95_000, 0, 0]);
    let mut balances = Balances::of(&claim1, &PLAN);
    let mut work = LineWork::begin(&claim1.lines[0], clause::ANY);
    assert_eq!(
        work.deductible(&mut balances, BOTH, clause::ANY),
        money("50.00")
    );
    // 20 % of the 150.00 that remain.
    let share = work.coinsurance(
        &mut balances,
        Rate::percent(20),
        Rounding::HalfUp,
        ONLY_POCKET,
        clause::ANY,
    );
    assert_eq!(share, money("30.00"));
    let line = work.finish();
    assert_eq!(line.paid, money("120.00"));
    assert_eq!(posted(&line, accumulator::FAMILY), 5_000);
    assert_eq!(posted(&line, accumulator::POCKET), 8_000);

    // The pocket has 10.00 left: no more than that is borne.
    let claim2 = claim("200.00", "1", [0, 0, 79_000, 0]);
    let mut balances = Balances::of(&claim2, &PLAN);
    let mut work = LineWork::begin(&claim2.lines[0], clause::ANY);
    assert_eq!(
        work.deductible(&mut balances, BOTH, clause::ANY),
        money("10.00")
    );
    assert_eq!(
        work.copay(&mut balances, money("25.00"), ONLY_POCKET, clause::ANY),
        Money::ZERO
    );
    assert_eq!(work.finish().paid, money("190.00"));
}

#[test]
fn without_a_deductible_none_is_borne() {
    let claim = claim("200.00", "1", [0; 4]);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let unlimited = CostShare {
        deductible: Some(Embedded {
            member: accumulator::COUNTED,
            family: None,
        }),
        out_of_pocket: None,
    };
    for toward in [CostShare::NONE, ONLY_POCKET, unlimited] {
        assert_eq!(
            work.deductible(&mut balances, toward, clause::ANY),
            Money::ZERO
        );
    }
    assert_eq!(work.finish().paid, money("200.00"));
}

#[test]
fn a_limit_is_that_of_the_period_of_the_service() {
    let mut line = mock::line(Code::of("99213"), money("900.00"), date(2026, 3, 1));
    line.through = date(2026, 3, 2);
    let next = date(2026, 1, 1);
    let claim = mock::claim(vec![line])
        .with_balance(accumulator::DEDUCTIBLE, YEAR, 0)
        .with_balance(accumulator::DEDUCTIBLE, next, 10_000);
    let mut balances = Balances::of(&claim, &PLAN);
    let of = |balances: &mut Balances, on| balances.remaining(accumulator::DEDUCTIBLE, on);
    assert_eq!(of(&mut balances, date(2025, 12, 31)), Some(50_000));
    assert_eq!(of(&mut balances, date(2026, 1, 1)), Some(50_000));
    assert_eq!(of(&mut balances, date(2024, 12, 31)), None);
}

#[test]
fn fees_and_reductions_lower_what_is_allowed() {
    let claim = claim("150.00", "2", [0; 4]);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let fee = work.price(
        UnitPrice::parse("61.335").unwrap(),
        Rate::ONE,
        Rounding::HalfUp,
    );
    assert_eq!(fee, money("122.67"));
    work.limit_to(fee, Group::Co, Carc::ABOVE_FEE_SCHEDULE, clause::ANY);
    let half = fee.share(Rate::percent(50), Rounding::HalfUp).unwrap();
    work.limit_to(half, Group::Co, Carc::MULTIPLE_PROCEDURE, clause::ANY);
    // A limit above what is allowed changes nothing.
    work.limit_to(fee, Group::Co, Carc::ABOVE_FEE_SCHEDULE, clause::ANY);
    work.reduce_payment(
        Rate::percent(2),
        Rounding::HalfUp,
        Carc::SEQUESTRATION,
        clause::ANY,
    );
    let line = work.finish();
    // 122.67 / 2 = 61.335, half a cent upwards; 2 % of 61.34 is 1.2268.
    assert_eq!(shown(&line), ["CO 45 27.33", "CO 59 61.33", "CO 253 1.23"]);
    assert_eq!((line.allowed, line.paid), (money("61.34"), money("60.11")));
}

#[test]
fn units_beyond_a_limit_are_not_allowed() {
    for (units, used, allowed, counted, denied) in [
        ("3", 0, "90.00", 3, false),
        ("3", 8, "60.00", 2, false),
        ("3", 10, "0.00", 0, true),
        // A part of a unit counts as a whole one: 3 of which 2 are left.
        ("2.5", 8, "72.00", 2, false),
        ("2.5", 7, "90.00", 3, false),
        ("0.5", 9, "90.00", 1, false),
        ("0.5", 10, "0.00", 0, true),
    ] {
        let claim = claim("90.00", units, [0, 0, 0, used]);
        let mut balances = Balances::of(&claim, &PLAN);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        let got = work.limit_units(&mut balances, accumulator::VISITS, Rounding::HalfUp, BEYOND);
        let line = work.finish();
        assert_eq!(got, counted, "{units} after {used}");
        assert_eq!(line.allowed, money(allowed), "{units} after {used}");
        assert_eq!(line.denied, denied, "{units} after {used}");
        assert_eq!(posted(&line, accumulator::VISITS), counted);
        assert_eq!(line.clause == clause::LIMIT, denied);
    }
}

#[test]
fn an_amount_beyond_a_limit_is_not_allowed() {
    for (used, allowed, denied) in [
        (0, "90.00", false),
        (75_500, "45.00", false),
        (80_000, "0.00", true),
    ] {
        let claim = claim("90.00", "1", [0, 0, used, 0]);
        let mut balances = Balances::of(&claim, &PLAN);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        let got = work.limit_amount(&mut balances, accumulator::POCKET, BEYOND);
        assert_eq!(got, money(allowed));
        let line = work.finish();
        assert_eq!((line.paid, line.denied), (money(allowed), denied));
        assert_eq!(posted(&line, accumulator::POCKET), got.scaled());
    }
}

#[test]
fn a_denial_bears_the_whole_charge_and_nothing_of_nothing() {
    let claim = claim("90.00", "1", [0; 4]);
    let remark =
        Denial::contractual(Carc::NOT_COVERED, clause::LIMIT).remark(ShortCode::of("N130"));
    let line = LineWork::deny(&claim.lines[0], remark);
    assert_eq!(shown(&line), ["CO 96 90.00"]);
    assert!(line.denied && line.postings.is_empty());
    assert_eq!(line.adjustments[0].rarc, ShortCode::of("N130"));
    let free = mock::line(Code::of("99213"), Money::ZERO, YEAR);
    assert!(LineWork::deny(&free, BEYOND).adjustments.is_empty());
}

/// A step of any kind.
#[derive(Debug, Clone)]
enum Step {
    LimitTo(i64),
    Units,
    Amount,
    Deductible,
    Copay(i64),
    Coinsurance(i64),
    Reduce(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (-5i64..200_000).prop_map(Step::LimitTo),
        Just(Step::Units),
        Just(Step::Amount),
        Just(Step::Deductible),
        (-5i64..50_000).prop_map(Step::Copay),
        (-5i64..1_200_000).prop_map(Step::Coinsurance),
        (-5i64..1_200_000).prop_map(Step::Reduce),
    ]
}

proptest! {
    #[test]
    fn every_line_balances_and_no_limit_is_passed(
        lines in proptest::collection::vec(
            (0i64..200_000, 1i64..80_000, proptest::collection::vec(step(), 0..8)), 1..5),
        used in [0i64..50_000, 0i64..100_000, 0i64..80_000, 0i64..11],
    ) {
        let services = lines.iter().map(|(charge, units, _)| {
            let mut line = mock::line(Code::of("99213"), Money::cents(*charge), date(2025, 5, 2));
            line.quantity = Quantity::from_scaled(*units);
            line
        });
        let mut claim = mock::claim(services.collect());
        for (accumulator, used) in (0u16..).zip(used) {
            claim = claim.with_balance(AccumulatorId(accumulator), YEAR, used);
        }
        let mut balances = Balances::of(&claim, &PLAN);
        let mut totals = used;
        for (line, (_, _, steps)) in claim.lines.iter().zip(&lines) {
            let mut work = LineWork::begin(line, clause::ANY);
            let mut shared = false;
            for step in steps {
                match step {
                    Step::LimitTo(limit) => work.limit_to(
                        Money::cents(*limit), Group::Co, Carc::ABOVE_FEE_SCHEDULE, clause::ANY),
                    // Limits come before cost sharing.
                    Step::Units if !shared => {
                        work.limit_units(&mut balances, accumulator::VISITS, Rounding::HalfUp, BEYOND);
                    }
                    Step::Amount if !shared => {
                        work.limit_amount(&mut balances, accumulator::POCKET, BEYOND);
                    }
                    Step::Units | Step::Amount => {}
                    Step::Deductible => {
                        shared = true;
                        work.deductible(&mut balances, BOTH, clause::ANY);
                    }
                    Step::Copay(amount) => {
                        shared = true;
                        work.copay(&mut balances, Money::cents(*amount), ONLY_POCKET, clause::ANY);
                    }
                    Step::Coinsurance(rate) => {
                        shared = true;
                        work.coinsurance(&mut balances, Rate::from_scaled(*rate),
                            Rounding::HalfEven, ONLY_POCKET, clause::ANY);
                    }
                    Step::Reduce(rate) => {
                        shared = true;
                        work.reduce_payment(Rate::from_scaled(*rate), Rounding::HalfUp,
                            Carc::SEQUESTRATION, clause::ANY);
                    }
                }
            }
            let done = work.finish();
            let sum: i64 = done.adjustments.iter().map(|a| a.amount.scaled()).sum();
            prop_assert_eq!(line.charge.scaled() - sum, done.paid.scaled());
            prop_assert!(done.adjustments.iter().all(|a| a.amount > Money::ZERO));
            prop_assert!(!done.paid.is_negative() && done.paid <= done.allowed);
            prop_assert!(done.allowed <= line.charge);
            prop_assert!(!done.denied || done.allowed.is_zero());
            for posting in &done.postings {
                prop_assert!(posting.amount > 0);
                totals[usize::from(posting.accumulator.0)] += posting.amount;
            }
            for (total, accumulator) in totals.iter().zip(PLAN.accumulators) {
                prop_assert!(Some(*total) <= accumulator.limit_in(YEAR));
            }
        }
    }
}
