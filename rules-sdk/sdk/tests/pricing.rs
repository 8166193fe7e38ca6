//! Institutional prices, and spreading them over lines.

mod common;

use common::*;
use proptest::prelude::*;
use tally_sdk::prelude::*;
use tally_sdk::pricing::drg::{self, Drg, Transfer};
use tally_sdk::pricing::{
    DayTier, Lesser, by_day, days_of, lesser_of, percent_of_charge, price_lines, spread,
    spread_within, stay_days,
};
use tally_sdk::reference::Row;

const HALF_UP: Rounding = Rounding::HalfUp;

fn amounts(texts: &[&str]) -> Vec<Money> {
    texts.iter().map(|text| money(text)).collect()
}

#[test]
fn days_of_a_stay_leave_out_the_last() {
    for (from, through, days) in [
        (date(2026, 3, 1), date(2026, 3, 5), 4),
        (date(2026, 3, 1), date(2026, 3, 1), 1),
        (date(2026, 2, 28), date(2026, 3, 1), 1),
        (date(2026, 3, 2), date(2026, 3, 1), 0),
    ] {
        assert_eq!(stay_days(from, through), days);
    }
    assert_eq!(days_of(Quantity::parse("2.5").unwrap()), 3);
    assert_eq!(days_of(Quantity::parse("-1").unwrap()), 0);
}

/// 42 CFR 409.82 and 409.83 with the amounts of 2024: nothing for days 1 to 60,
/// 408.00 for days 61 to 90, 816.00 for lifetime reserve days.
#[test]
fn days_cost_by_their_number() {
    let tiers = [(61, "408.00"), (91, "816.00"), (151, "0.00")].map(|(from_day, amount)| DayTier {
        from_day,
        amount: money(amount),
    });
    for (first_day, days, cost) in [
        (1, 60, "0.00"),
        (1, 61, "408.00"),
        (1, 95, "16320.00"),
        (59, 4, "816.00"),
        (90, 2, "1224.00"),
        (150, 3, "816.00"),
        (61, 0, "0.00"),
    ] {
        // 30 × 408 + 5 × 816 = 16,320.
        assert_eq!(
            by_day(&tiers, first_day, days),
            Some(money(cost)),
            "{first_day}"
        );
    }
    assert_eq!(by_day(&[], 1, 3), Some(Money::ZERO));
    let huge = [DayTier {
        from_day: 1,
        amount: Money::cents(i64::MAX),
    }];
    assert_eq!(by_day(&huge, 1, 2), None);
}

#[test]
fn a_percentage_has_a_floor_and_a_cap() {
    let of = |charge, floor: Option<&str>, cap: Option<&str>| {
        let percent = rate("0.65");
        percent_of_charge(
            money(charge),
            percent,
            floor.map(money),
            cap.map(money),
            HALF_UP,
        )
    };
    assert_eq!(of("1234.57", None, None), Some(money("802.47"))); // 802.4705
    assert_eq!(of("100.00", Some("80.00"), None), Some(money("80.00")));
    assert_eq!(of("1000.00", None, Some("500.00")), Some(money("500.00")));
}

/// CMS's example of a short-stay outlier of 2010: covered charges of 45,501.00
/// at a ratio of 0.311 cost 14,150.81; a full payment of 45,175.85 over 26.6
/// days is 1,698.34 a day.
#[test]
fn costs_and_per_diems_are_as_published() {
    assert_eq!(
        drg::cost(money("45501.00"), rate("0.311"), HALF_UP),
        Some(money("14150.81"))
    );
    let group = Drg {
        weight: Rate::ONE,
        base: money("45175.85"),
        mean_stay: Quantity::parse("26.6").unwrap(),
    };
    assert_eq!(group.per_diem(HALF_UP), Some(money("1698.34")));
}

/// By hand, in the form of 42 CFR 412.4 (f) and 412.84.
#[test]
fn a_group_is_paid_whole_by_the_day_or_more() {
    // 3,800.00 × 1.05 + 1,700.00 × 1 = 5,690.00.
    let base = drg::base_rate(
        money("3800.00"),
        rate("1.05"),
        money("1700.00"),
        Rate::ONE,
        HALF_UP,
    );
    assert_eq!(base, Some(money("5690.00")));
    let group = Drg {
        weight: rate("1.4523"),
        base: base.unwrap(),
        mean_stay: Quantity::parse("4.2").unwrap(),
    };
    let row = Row([1_452_300, 4_200_000, 0, 0]);
    assert_eq!(Drg::of(&row, base.unwrap()), group);
    // 5,690.00 × 1.4523 = 8,263.587.
    assert_eq!(group.payment(HALF_UP), Some(money("8263.59")));
    for (days, how, paid) in [
        // 8,263.59 × 2 / 4.2 = 3,935.0428…
        (1, Transfer::PerDiem, "3935.04"),
        (2, Transfer::PerDiem, "5902.56"),
        // 4 days count as 5: above the mean stay, the full amount.
        (4, Transfer::PerDiem, "8263.59"),
        // Half, and half of what one day comes to: 4,131.795 + 1,967.521.
        (1, Transfer::Special, "6099.32"),
        (9, Transfer::Special, "8263.59"),
    ] {
        assert_eq!(
            group.transfer(days, how, HALF_UP),
            Some(money(paid)),
            "{days}"
        );
    }
    // Cost 60,000.00, threshold 8,263.59 + 38,788.00 = 47,051.59:
    // 80 % of 12,948.41.
    let threshold = money("47051.59");
    assert_eq!(
        drg::outlier(money("60000.00"), threshold, Rate::percent(80), HALF_UP),
        Some(money("10358.73"))
    );
    assert_eq!(
        drg::outlier(threshold, threshold, Rate::percent(80), HALF_UP),
        Some(Money::ZERO)
    );
    assert_eq!(
        group.prorated(money("42000.00"), 1, HALF_UP),
        Some(money("20000.00"))
    );
    assert_eq!(
        group.prorated(money("42000.00"), 30, HALF_UP),
        Some(money("42000.00"))
    );
    let none = Drg {
        mean_stay: Quantity::ZERO,
        ..group
    };
    assert_eq!(none.transfer(1, Transfer::PerDiem, HALF_UP), None);
}

#[test]
fn lesser_is_by_line_or_by_claim() {
    let prices = amounts(&["100.00", "300.00"]);
    let charges = amounts(&["150.00", "260.00"]);
    let by = |how| lesser_of(&prices, &charges, how);
    assert_eq!(by(Lesser::Line), Some(amounts(&["100.00", "260.00"])));
    // 400.00 of 410.00: the prices hold, one above its charge.
    assert_eq!(by(Lesser::Claim), Some(prices.clone()));
    assert_eq!(by(Lesser::Never), Some(prices.clone()));
    let low = amounts(&["150.00", "240.00"]);
    assert_eq!(lesser_of(&prices, &low, Lesser::Claim), Some(low.clone()));
    assert_eq!(lesser_of(&prices, &low[..1], Lesser::Line), None);
}

#[test]
fn a_claims_price_is_spread_by_the_charges() {
    let charges = amounts(&["100.00", "200.00", "0.00", "33.33"]);
    let lines = price_lines(money("250.00"), &charges, true).unwrap();
    // 75.0007…, 150.0015…, 0, 24.9977…: 3 cents short by rounding down is one.
    assert_eq!(lines, amounts(&["75.00", "150.00", "0.00", "25.00"]));
    let whole = price_lines(money("400.00"), &charges, true).unwrap();
    assert_eq!(whole, charges);
    let above = price_lines(money("666.66"), &charges, false).unwrap();
    assert_eq!(above, amounts(&["200.00", "400.00", "0.00", "66.66"]));
    let none = price_lines(money("10.00"), &amounts(&["0.00", "0.00"]), false).unwrap();
    assert_eq!(none, amounts(&["5.00", "5.00"]));
}

/// RFI 2278: a panel takes the charges of what it includes, OA 94, and is paid
/// its own fee.
#[test]
fn a_bundle_is_paid_on_one_line() {
    let Some(example) = worked("x12-rfi-2278") else {
        return;
    };
    let lines = example["inputs"]["lines"].as_array().unwrap();
    let charges: Vec<Money> = lines.iter().map(|l| amount_of(&l["charge"])).collect();
    let included = Money::checked_sum(charges[1..].iter().copied()).unwrap();
    let mut paid = Vec::new();
    for (i, (given, charge)) in lines.iter().zip(&charges).enumerate() {
        let service = tally_sdk::mock::line(Code::of("80050"), *charge, DAY);
        let mut work = LineWork::begin(&service, clause::ANY);
        if i == 0 {
            work.raise_by(included, clause::ANY);
            let carc = Carc::ABOVE_FEE_SCHEDULE;
            work.limit_to(money("100.00"), Group::Co, carc, clause::ANY);
        } else {
            work.limit_to(Money::ZERO, Group::Co, Carc::INCLUDED, clause::ANY);
        }
        let line = work.finish();
        let expected: Vec<String> = given["cas"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| {
                let group = a[0].as_str().unwrap();
                format!("{group} {} {}", a[1].as_str().unwrap(), amount_of(&a[2]))
            })
            .collect();
        assert_eq!(shown(&line), expected, "line {i}");
        paid.push(line.paid);
    }
    let expected = example["expected"]["line_paid"].as_array().unwrap();
    assert_eq!(paid, expected.iter().map(amount_of).collect::<Vec<_>>());
}

/// A case rate above the charge of a line: OA 94; cost sharing is of the rate.
#[test]
fn a_line_may_allow_more_than_it_charges() {
    let claim = fresh(vec![line("80.00")]);
    let mut balances = Balances::of(&claim, &PLAN);
    let mut work = LineWork::begin(&claim.lines[0], clause::ANY);
    let carc = Carc::ABOVE_FEE_SCHEDULE;
    work.allow(money("100.00"), Group::Co, carc, clause::ANY);
    work.coinsurance(
        &mut balances,
        Rate::percent(20),
        HALF_UP,
        ONLY_POCKET,
        clause::ANY,
    );
    let line = work.finish();
    assert_eq!(shown(&line), ["OA 94 -20.00", "PR 2 20.00"]);
    assert_eq!((line.allowed, line.paid), (money("100.00"), money("80.00")));
}

fn cents(most: usize) -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(0i64..1_000_000, 1..most)
}

fn sum(parts: &[Money]) -> i64 {
    parts.iter().map(|part| part.scaled()).sum()
}

proptest! {
    #[test]
    fn parts_sum_exactly_and_are_within_a_cent(total in 0i64..100_000_000, weights in cents(30)) {
        let parts = spread(Money::cents(total), &weights).unwrap();
        prop_assert_eq!(sum(&parts), total);
        let whole: i64 = weights.iter().sum();
        for (part, weight) in parts.iter().zip(&weights) {
            if whole > 0 {
                let exact = i128::from(total) * i128::from(*weight);
                let part = i128::from(part.scaled()) * i128::from(whole);
                prop_assert!((part - exact).abs() < i128::from(whole));
                prop_assert!(*weight > 0 || part == 0);
            }
        }
        prop_assert_eq!(&parts, &spread(Money::cents(total), &weights).unwrap());
    }

    #[test]
    fn no_part_is_above_its_cap(total in 0i64..5_000_000, both in proptest::collection::vec((0i64..1_000_000, 0i64..500_000), 1..20)) {
        let (weights, caps): (Vec<i64>, Vec<i64>) = both.into_iter().unzip();
        let caps: Vec<Money> = caps.into_iter().map(Money::cents).collect();
        let parts = spread_within(Money::cents(total), &weights, &caps).unwrap();
        prop_assert_eq!(sum(&parts), total);
        let above = parts.iter().zip(&caps).any(|(part, cap)| part > cap);
        prop_assert_eq!(above, total > sum(&caps));
    }

    #[test]
    fn lines_of_a_price_sum_to_it(price in 0i64..20_000_000, charges in cents(20)) {
        let amounts: Vec<Money> = charges.iter().map(|c| Money::cents(*c)).collect();
        let price = Money::cents(price);
        let lesser = price_lines(price, &amounts, true).unwrap();
        prop_assert_eq!(sum(&lesser), price.scaled().min(charges.iter().sum()));
        prop_assert!(lesser.iter().zip(&amounts).all(|(line, charge)| line <= charge));
        let whatever = price_lines(price, &amounts, false).unwrap();
        prop_assert_eq!(sum(&whatever), price.scaled());
    }

    #[test]
    fn days_add_up(first in 1u32..200, days in 0u32..200, cut in 0u32..200) {
        let tiers = [(3, 500), (61, 40_800), (91, 81_600), (151, 0)].map(|(from_day, amount)| DayTier {
            from_day,
            amount: Money::cents(amount),
        });
        let cut = cut.min(days);
        let parts = [by_day(&tiers, first, cut), by_day(&tiers, first + cut, days - cut)];
        let parts = Money::checked_sum(parts.map(Option::unwrap));
        prop_assert_eq!(parts, by_day(&tiers, first, days));
    }
}
