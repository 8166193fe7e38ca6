//! What cost sharing counts toward: published examples, and what no sequence of
//! shares may break.

mod common;

use common::*;
use proptest::prelude::*;
use tally_sdk::accrual::{Events, begins_episode, in_last_quarter};
use tally_sdk::prelude::*;
use tally_sdk::pricing::{DayTier, by_day, stay_days};

const HALF_UP: Rounding = Rounding::HalfUp;

const OUT: CostShare = CostShare {
    deductible: Some(Embedded {
        member: accumulator::OUT,
        family: Some(accumulator::OUT_FAMILY),
    }),
    out_of_pocket: None,
};

/// A plan whose limits an example gives.
fn plan_of(limits: &[(Scope, &str)]) -> &'static Plan {
    let accumulators: Vec<Accumulator> = limits
        .iter()
        .map(|(scope, limit)| Accumulator {
            name: "limit",
            scope: *scope,
            unit: Unit::Money,
            period: Period::CalendarYear,
            limits: Vec::leak(vec![(YEAR, money(limit).scaled())]),
            pool: "",
            carried: false,
        })
        .collect();
    Box::leak(Box::new(Plan {
        accumulators: Vec::leak(accumulators),
        ..PLAN
    }))
}

const fn alone(accumulator: u16) -> Embedded {
    Embedded::alone(AccumulatorId(accumulator))
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap()
}

/// Embedded and aggregate family deductibles, as an adviser explains them.
#[test]
fn a_family_deductible_is_embedded_or_aggregate() {
    let Some(example) = worked("ded-embedded-hub") else {
        return;
    };
    let input = &example["inputs"];
    let plan = plan_of(&[
        (Scope::Member, text(&input["embedded_individual"])),
        (Scope::Family, text(&input["family_deductible"])),
    ]);
    let aggregate = Aggregate {
        alone: AccumulatorId(0),
        family: AccumulatorId(1),
        cap: None,
    };
    let embedded = Embedded {
        member: AccumulatorId(0),
        family: Some(AccumulatorId(1)),
    };
    for (form, limits) in [
        ("embedded", embedded),
        ("aggregate", aggregate.stops(CoverageTier::Family)),
    ] {
        let claim = fresh(vec![line(text(&input["allowed"]))]);
        let mut balances = Balances::of(&claim, plan);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        let toward = CostShare {
            deductible: Some(limits),
            out_of_pocket: None,
        };
        let borne = work.deductible(&mut balances, toward, clause::ANY);
        let expected = &example["expected"][form];
        assert_eq!(borne, amount_of(&expected["to_deductible"]), "{form}");
        assert_eq!(work.open(), amount_of(&expected["to_coinsurance_tier"]));
    }
}

/// Deductible, then coinsurance, until the out-of-pocket limit.
#[test]
fn coinsurance_stops_at_the_out_of_pocket_limit() {
    let Some(example) = worked("ded-oop-bcbstx") else {
        return;
    };
    let (input, expected) = (&example["inputs"], &example["expected"]);
    let plan = plan_of(&[
        (Scope::Member, text(&input["deductible"])),
        (Scope::Member, text(&input["oop_max"])),
    ]);
    let toward = CostShare {
        deductible: Some(alone(0)),
        out_of_pocket: Some(alone(1)),
    };
    let rest = CostShare {
        deductible: None,
        ..toward
    };
    let claim = fresh(vec![line(text(&input["cumulative_allowed"]))]);
    let mut balances = Balances::of(&claim, plan);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let percent: i32 = text(&input["coinsurance_pct"]).parse().unwrap();
    let sharing = Sharing {
        deductible: true,
        coinsurance: Rate::percent(percent),
        deductible_toward: (toward.into(), clause::ANY),
        coinsurance_toward: (rest.into(), clause::ANY),
        ..Sharing::none(clause::ANY)
    };
    let borne = work.share_by(&mut balances, &sharing);
    assert_eq!(borne, amount_of(&expected["member_total"]));
    assert_eq!(
        shown(&work.finish()),
        [
            format!("PR 1 {}", amount_of(&expected["to_deductible"])),
            format!("PR 2 {}", amount_of(&expected["max_coinsurance"])),
        ]
    );
}

#[test]
fn coinsurance_and_copayments_are_as_published() {
    let Some(example) = worked("coins-bcbstx-xray") else {
        return;
    };
    let settle = |allowed: &str, copay: Money, percent: &str| {
        let claim = fresh(vec![line(allowed)]);
        let mut balances = Balances::of(&claim, &PLAN);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        let plan: i32 = percent.parse().unwrap();
        let sharing = Sharing {
            order: CopayOrder::BeforeDeductible,
            copay,
            coinsurance: Rate::percent(plan).rest(),
            ..Sharing::none(clause::ANY)
        };
        work.share_by(&mut balances, &sharing);
        work.finish().paid
    };
    let plan = settle(text(&example["inputs"]["allowed"]), Money::ZERO, "80");
    assert_eq!(plan, amount_of(&example["expected"]["plan"]));

    let Some(example) = worked("fhir-R3503-additem") else {
        return;
    };
    let lines = example["inputs"]["lines"].as_array().unwrap();
    let benefits = example["expected"]["benefit"].as_array().unwrap();
    for (given, benefit) in lines.iter().zip(benefits) {
        let copay = given.get("copay").map_or(Money::ZERO, amount_of);
        let paid = settle(text(&given["eligible"]), copay, text(&given["pct"]));
        // 35.57 × 80 % = 28.456 is 28.46; the published 28.47 is its defect.
        let expected = match text(benefit) {
            "28.47" => money("28.46"),
            other => money(other),
        };
        assert_eq!(paid, expected);
    }

    let Some(example) = worked("fhir-UR3503") else {
        return;
    };
    let input = &example["inputs"];
    let copay = amount_of(&input["copay"]);
    let paid = settle(text(&input["eligible"]), copay, text(&input["pct"]));
    assert_eq!(paid, amount_of(&example["expected"]["benefit"]));
}

/// 200.00, copayment 30.00, 100.00 of the deductible left, 20 %.
#[test]
fn the_order_of_cost_sharing_is_data() {
    for (order, adjustments, paid) in [
        (
            CopayOrder::BeforeDeductible,
            &["PR 3 30.00", "PR 1 100.00", "PR 2 14.00"][..],
            "56.00",
        ),
        (
            CopayOrder::AfterDeductible,
            &["PR 1 100.00", "PR 3 30.00", "PR 2 14.00"],
            "56.00",
        ),
        (
            CopayOrder::InsteadOfDeductible,
            &["PR 3 30.00", "PR 2 34.00"],
            "136.00",
        ),
    ] {
        let claim = tally_sdk::mock::claim(vec![line("200.00")]).with_balance(
            accumulator::DEDUCTIBLE,
            YEAR,
            40_000,
        );
        let mut balances = Balances::of(&claim, &PLAN);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        let sharing = Sharing {
            order,
            copay: money("30.00"),
            deductible: true,
            coinsurance: Rate::percent(20),
            copay_toward: (ONLY_POCKET.into(), clause::ANY),
            deductible_toward: (BOTH.into(), clause::ANY),
            coinsurance_toward: (ONLY_POCKET.into(), clause::ANY),
            ..Sharing::none(clause::ANY)
        };
        work.share_by(&mut balances, &sharing);
        let line = work.finish();
        assert_eq!(shown(&line), adjustments);
        assert_eq!(line.paid, money(paid));
    }
    // Preventive: nothing.
    let claim = fresh(vec![line("200.00")]);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let borne = work.share_by(&mut balances, &Sharing::none(clause::ANY));
    assert!(borne.is_zero() && work.finish().adjustments.is_empty());
}

#[test]
fn aggregates_know_the_tier_and_a_cap() {
    let plan = plan_of(&[
        (Scope::Member, "1700.00"),
        (Scope::Family, "3400.00"),
        (Scope::Member, "2000.00"),
    ]);
    let aggregate = Aggregate {
        alone: AccumulatorId(0),
        family: AccumulatorId(1),
        cap: Some(AccumulatorId(2)),
    };
    let uncapped = Aggregate {
        cap: None,
        ..aggregate
    };
    for (limits, tier, borne) in [
        (aggregate, CoverageTier::SelfOnly, "1700.00"),
        (aggregate, CoverageTier::Family, "2000.00"),
        (uncapped, CoverageTier::Family, "3400.00"),
    ] {
        let claim = fresh(vec![line("5000.00")]);
        let mut balances = Balances::of(&claim, plan);
        let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
        let share = CostShare {
            deductible: Some(limits.stops(tier)),
            out_of_pocket: None,
        };
        let other = CostShare {
            deductible: Some(limits.other(tier)),
            out_of_pocket: None,
        };
        let toward = Accrual::of(share).crediting(other);
        assert_eq!(
            work.deductible(&mut balances, toward, clause::ANY),
            money(borne)
        );
        let line = work.finish();
        // The other tier is credited, at most up to its own limit.
        let other = limits.other(tier).member;
        let credited = money(borne).lesser(money(match tier {
            CoverageTier::SelfOnly => "3400.00",
            CoverageTier::Family => "1700.00",
        }));
        assert_eq!(posted(&line, other), credited.scaled());
    }
}

#[test]
fn what_is_borne_in_network_is_credited_out_of_it() {
    let claim = fresh(vec![line("450.00"), line("450.00"), line("100.00")]);
    let mut balances = Balances::of(&claim, &PLAN);
    let toward = Accrual::of(BOTH).crediting(OUT);
    let mut out = LineWork::begin(&claim.lines[0], clause::ANY);
    out.deductible(&mut balances, OUT, clause::ANY);
    let out = out.finish();
    assert_eq!(posted(&out, accumulator::OUT), 45_000);
    assert_eq!(posted(&out, accumulator::DEDUCTIBLE), 0);
    // 800.00 less 450.00: of the next 450.00 only 350.00 find room there, for
    // the member and for the family alike.
    let mut work = LineWork::begin(&claim.lines[1], clause::ANY);
    assert_eq!(
        work.deductible(&mut balances, toward, clause::ANY),
        money("450.00")
    );
    let line = work.finish();
    for (accumulator, amount) in [
        (accumulator::DEDUCTIBLE, 45_000),
        (accumulator::FAMILY, 45_000),
        (accumulator::POCKET, 45_000),
        (accumulator::OUT, 35_000),
        (accumulator::OUT_FAMILY, 35_000),
    ] {
        assert_eq!(posted(&line, accumulator), amount);
    }
    // One that is named twice is counted once.
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[2], clause::ANY);
    let twice = Accrual::of(BOTH)
        .crediting(BOTH)
        .also(accumulator::DEDUCTIBLE);
    work.deductible(&mut balances, twice, clause::ANY);
    assert_eq!(posted(&work.finish(), accumulator::DEDUCTIBLE), 10_000);
}

/// 300.00 of the deductible borne in November count in the next year too.
#[test]
fn the_last_quarter_carries_over() {
    for (on, counted) in [
        (date(2025, 9, 30), false),
        (date(2025, 10, 1), true),
        (date(2025, 12, 31), true),
        (date(2026, 1, 1), false),
    ] {
        assert_eq!(in_last_quarter(YEAR, on), counted);
    }
    assert!(in_last_quarter(date(2025, 7, 1), date(2026, 4, 1)));

    let mut november = line("300.00");
    november.from = date(2025, 11, 20);
    let mut january = line("300.00");
    january.from = date(2026, 1, 9);
    let next = date(2026, 1, 1);
    let claim = fresh(vec![november, january])
        .with_balance(accumulator::DEDUCTIBLE, next, 4_000)
        .with_balance(accumulator::QUARTER, next, 0);
    let mut balances = Balances::of(&claim, &PLAN);
    // Said before the first line: what that adds counts for the second.
    balances.carry_over(accumulator::QUARTER, accumulator::DEDUCTIBLE);
    let member = CostShare {
        deductible: Some(Embedded::alone(accumulator::DEDUCTIBLE)),
        out_of_pocket: None,
    };
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let toward = Accrual::of(member).also(accumulator::QUARTER);
    work.deductible(&mut balances, toward, clause::ANY);
    assert_eq!(posted(&work.finish(), accumulator::QUARTER), 30_000);

    // In the next year 40.00 of 500.00 are used, and 300.00 are carried over.
    let left = balances.remaining(accumulator::DEDUCTIBLE, next);
    assert_eq!(left, Some(16_000));
    // The year before is as it was: nothing came before it.
    assert_eq!(balances.used(accumulator::DEDUCTIBLE, DAY), 30_000);
    let mut work = LineWork::begin(&claim.lines[1], clause::ANY);
    let borne = work.deductible(&mut balances, member, clause::ANY);
    assert_eq!(borne, money("160.00"));
    assert_eq!(posted(&work.finish(), accumulator::DEDUCTIBLE), 16_000);
    // Never above the limit, whatever is carried.
    assert_eq!(balances.used(accumulator::DEDUCTIBLE, next), 50_000);
    assert_eq!(balances.remaining(accumulator::DEDUCTIBLE, next), Some(0));
}

#[test]
fn a_copayment_is_borne_once_an_event() {
    // One admission in three lines, 250.00 a stay.
    let claim = fresh(vec![line("180.00"), line("900.00"), line("400.00")]);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut events = Events::new();
    let (facility, admitted) = (Code::of("2000001372"), DAY);
    let copay = money("250.00");
    let borne: Vec<Money> = claim
        .lines
        .iter()
        .map(|line| {
            let mut work = LineWork::begin(line, clause::ANY);
            let left = events.left(facility, admitted, copay);
            let borne = work.copay(&mut balances, left, ONLY_POCKET, clause::ANY);
            events.bear(facility, admitted, borne);
            borne
        })
        .collect();
    assert_eq!(borne, ["180.00", "70.00", "0.00"].map(money));
    assert_eq!(events.left(facility, date(2025, 6, 1), copay), copay);
    // By the day: 100.00 for each of the first five.
    let tiers = [(1, "100.00"), (6, "0.00")].map(|(from_day, amount)| DayTier {
        from_day,
        amount: money(amount),
    });
    let days = stay_days(date(2025, 5, 2), date(2025, 5, 10));
    assert_eq!(by_day(&tiers, 1, days), Some(money("500.00")));

    let on = date(2025, 9, 1);
    for (last, begins) in [
        (None, true),
        (Some(date(2025, 7, 2)), true), // 61 days
        (Some(date(2025, 7, 3)), false),
    ] {
        assert_eq!(begins_episode(last, on, 60), begins);
    }
}

#[test]
fn emergencies_are_shared_as_in_network() {
    for (network, emergency, shared, excess) in [
        (Network::In, false, Network::In, Group::Co),
        (Network::Out, true, Network::In, Group::Co),
        (Network::Out, false, Network::Out, Group::Pr),
    ] {
        assert_eq!(network.shared_as(emergency), shared);
        assert_eq!(network.excess(emergency), excess);
    }
}

/// A way of sharing.
#[derive(Debug, Clone)]
enum Share {
    In(i64),
    Out(i64),
    Deductible(bool),
    Coinsurance(i64),
    Visit,
    Draw,
    Maximum,
}

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![
        (0i64..60_000).prop_map(Share::In),
        (0i64..60_000).prop_map(Share::Out),
        any::<bool>().prop_map(Share::Deductible),
        (0i64..1_000_000).prop_map(Share::Coinsurance),
        Just(Share::Visit),
        Just(Share::Draw),
        Just(Share::Maximum),
    ]
}

proptest! {
    /// Nothing is ever above its limit, and no share counts more than once, nor
    /// more than it is, toward one limit.
    #[test]
    fn accumulators_stay_within_their_limits(
        lines in proptest::collection::vec(
            (0i64..200_000, proptest::collection::vec(share(), 0..6)), 1..6),
        used in [0i64..=50_000, 0i64..=100_000, 0i64..=200_000, 0i64..=150_000, 0i64..=80_000,
            0i64..=160_000, 0i64..=500_000, 0i64..=5, 0i64..=10],
    ) {
        const BEYOND: Denial = Denial::patient(Carc::BENEFIT_MAXIMUM, clause::ANY);
        let services = lines.iter().map(|(charge, _)| {
            let mut line = tally_sdk::mock::line(Code::of("99213"), Money::cents(*charge), DAY);
            line.quantity = Quantity::whole(2).unwrap();
            line
        });
        let mut claim = tally_sdk::mock::claim(services.collect());
        for (accumulator, used) in (0u16..).zip(used) {
            claim = claim.with_balance(AccumulatorId(accumulator), YEAR, used);
        }
        let mut balances = Balances::of(&claim, &PLAN);
        let credited = Accrual::of(BOTH).crediting(OUT).also(accumulator::QUARTER);
        let mut totals = used;
        for (line, (_, shares)) in claim.lines.iter().zip(&lines) {
            let mut work = LineWork::begin(line, clause::ANY);
            let (mut shared, mut pooled) = (false, false);
            for share in shares {
                match share {
                    Share::In(amount) => {
                        shared = true;
                        work.copay(&mut balances, Money::cents(*amount), credited, clause::ANY);
                    }
                    Share::Out(amount) => {
                        shared = true;
                        work.copay(&mut balances, Money::cents(*amount), OUT, clause::ANY);
                    }
                    Share::Deductible(credits) => {
                        shared = true;
                        let toward = if *credits { credited } else { BOTH.into() };
                        work.deductible(&mut balances, toward, clause::ANY);
                    }
                    Share::Coinsurance(rate) => {
                        shared = true;
                        work.coinsurance(&mut balances, Rate::from_scaled(*rate), HALF_UP,
                            ONLY_POCKET, clause::ANY);
                    }
                    // Limits come before cost sharing.
                    Share::Visit | Share::Draw if shared => {}
                    Share::Visit => {
                        let pools = [accumulator::VISITS, accumulator::SHARED];
                        work.draw_units(&mut balances, &pools, HALF_UP, BEYOND);
                    }
                    Share::Draw if pooled => {}
                    Share::Draw => {
                        pooled = true;
                        let pools = [accumulator::MAXIMUM, accumulator::OUT_FAMILY];
                        work.draw(&mut balances, &pools, BEYOND);
                    }
                    Share::Maximum => {
                        shared = true;
                        work.limit_payment(&mut balances, accumulator::MAXIMUM, BEYOND);
                    }
                }
            }
            let done = work.finish();
            let sum: i64 = done.adjustments.iter().map(|a| a.amount.scaled()).sum();
            prop_assert_eq!(line.charge.scaled() - sum, done.paid.scaled());
            prop_assert!(!done.paid.is_negative() && done.paid <= done.allowed);
            prop_assert!(!done.denied || done.postings.is_empty());
            let shares: i64 = done
                .adjustments
                .iter()
                .filter(|a| a.group == Group::Pr && a.carc != Carc::BENEFIT_MAXIMUM)
                .map(|a| a.amount.scaled())
                .sum();
            for counted in [accumulator::DEDUCTIBLE, accumulator::FAMILY, accumulator::POCKET,
                accumulator::OUT, accumulator::QUARTER] {
                prop_assert!(posted(&done, counted) <= shares);
            }
            for posting in &done.postings {
                prop_assert!(posting.amount > 0);
                totals[usize::from(posting.accumulator.0)] += posting.amount;
            }
        }
        for (i, (total, accumulator)) in totals.iter().zip(PLAN.accumulators).enumerate() {
            if let Some(limit) = accumulator.limit_in(YEAR) {
                prop_assert!(*total <= limit, "{}: {total} of {limit}", accumulator.name);
            }
            let id = AccumulatorId(u16::try_from(i).unwrap());
            prop_assert_eq!(balances.used(id, DAY), *total);
        }
    }
}
