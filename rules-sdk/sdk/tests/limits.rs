//! Limits of a benefit: pools, denials, the most that the plan pays.

mod common;

use common::*;
use tally_sdk::prelude::*;

const HALF_UP: Rounding = Rounding::HalfUp;
const BEYOND: Denial = Denial::patient(Carc::BENEFIT_MAXIMUM, clause::ANY);

#[test]
fn pools_are_drawn_on_in_their_order() {
    // 700.00 of 800.00 and 1,200.00 of 1,600.00 are used.
    for (charge, drawn, adjustments, denied) in [
        ("60.00", [6_000, 0], &[][..], false),
        ("300.00", [10_000, 20_000], &[], false),
        ("600.00", [10_000, 40_000], &["PR 119 100.00"], false),
    ] {
        let claim = tally_sdk::mock::claim(vec![line(charge)])
            .with_balance(accumulator::OUT, YEAR, 70_000)
            .with_balance(accumulator::OUT_FAMILY, YEAR, 120_000);
        let mut balances = Balances::of(&claim, &PLAN);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        let pools = [accumulator::OUT, accumulator::OUT_FAMILY];
        let got = work.draw(&mut balances, &pools, BEYOND);
        assert_eq!(got.scaled(), drawn[0] + drawn[1], "{charge}");
        let line = work.finish();
        assert_eq!(pools.map(|pool| posted(&line, pool)), drawn, "{charge}");
        assert_eq!(shown(&line), adjustments);
        assert_eq!(line.denied, denied);
        // A second line of the same finds them empty.
        if charge == "600.00" {
            let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
            work.draw(&mut balances, &pools, BEYOND);
            let line = work.finish();
            assert!(line.denied && line.postings.is_empty());
            assert_eq!(shown(&line), ["PR 119 600.00"]);
        }
    }
    // A pool that is named twice has no more than it has.
    let claim =
        tally_sdk::mock::claim(vec![line("300.00")]).with_balance(accumulator::OUT, YEAR, 70_000);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let got = work.draw(&mut balances, &[accumulator::OUT; 2], BEYOND);
    assert_eq!(got, money("100.00"));
    assert_eq!(posted(&work.finish(), accumulator::OUT), 10_000);
    // Visits: four of the benefit's own are used, and nine that all share.
    let mut visits = line("90.00");
    visits.quantity = Quantity::whole(3).unwrap();
    let claim = tally_sdk::mock::claim(vec![visits])
        .with_balance(accumulator::VISITS, YEAR, 4)
        .with_balance(accumulator::SHARED, YEAR, 9);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let pools = [accumulator::VISITS, accumulator::SHARED];
    assert_eq!(work.draw_units(&mut balances, &pools, HALF_UP, BEYOND), 2);
    let line = work.finish();
    assert_eq!(pools.map(|pool| posted(&line, pool)), [1, 1]);
    assert_eq!(line.allowed, money("60.00"));
}

/// A denial takes back what the line had posted before: visits counted, then no
/// money left.
#[test]
fn a_line_that_is_denied_has_counted_nothing() {
    let claim = tally_sdk::mock::claim(vec![line("90.00")])
        .with_balance(accumulator::VISITS, YEAR, 0)
        .with_balance(accumulator::OUT, YEAR, 80_000);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    work.limit_units(&mut balances, accumulator::VISITS, HALF_UP, BEYOND);
    work.limit_amount(&mut balances, accumulator::OUT, BEYOND);
    let line = work.finish();
    assert!(line.denied && line.postings.is_empty());
    assert_eq!(balances.used(accumulator::VISITS, DAY), 0);
}

#[test]
fn the_plan_pays_at_most_its_maximum() {
    // 1,400.00 of 1,500.00 are paid; 20 % of 200.00 are the patient's.
    let claim = tally_sdk::mock::claim(vec![line("200.00")]).with_balance(
        accumulator::MAXIMUM,
        YEAR,
        140_000,
    );
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    work.coinsurance(
        &mut balances,
        Rate::percent(20),
        HALF_UP,
        CostShare::NONE,
        clause::ANY,
    );
    let paid = work.limit_payment(&mut balances, accumulator::MAXIMUM, BEYOND);
    assert_eq!(paid, money("100.00"));
    let line = work.finish();
    assert_eq!(shown(&line), ["PR 2 40.00", "PR 119 60.00"]);
    assert_eq!(line.allowed, money("200.00"));
    assert_eq!(posted(&line, accumulator::MAXIMUM), 10_000);
}
