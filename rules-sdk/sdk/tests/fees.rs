//! Professional fees: published examples.

mod common;

use common::*;
use proptest::prelude::*;
use tally_sdk::fees::{
    Component, FACILITIES, Locality, MEDICARE_MODIFIERS, MEDICARE_RANKS, Permission, Ranked,
    RelativeValues, bilateral, factors, is_facility, rank_procedures, rank_with_endoscopies,
    second_surgeon,
};
use tally_sdk::mock;
use tally_sdk::prelude::*;
use tally_sdk::reference::Row;

const HALF_UP: Rounding = Rounding::HalfUp;

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

fn modified(modifiers: &[&str]) -> Line {
    let mut line = line("100.00");
    for (at, modifier) in line.modifiers.iter_mut().zip(modifiers) {
        *at = ShortCode::of(modifier);
    }
    line
}

/// 99213 in the rest of Florida, 2010 (Federal Register of 25 November 2009, as
/// medicarepaymentandreimbursement.com works it out): values 0.97, 0.80 and
/// 0.05, indices 1, 1 and 1.724, conversion factor 36.0846.
#[test]
fn a_fee_is_made_of_relative_values() {
    let values = RelativeValues {
        work: quantity("0.97"),
        facility: quantity("0.40"),
        non_facility: quantity("0.80"),
        malpractice: quantity("0.05"),
    };
    let florida = Locality {
        work: Rate::ONE,
        practice: Rate::ONE,
        malpractice: rate("1.724"),
    };
    // As an imported table has them: outside a facility first.
    let row = |values: [&str; 4]| Row(values.map(|value| rate(value).scaled()));
    let of_table = RelativeValues::of(&row(["0.97", "0.80", "0.40", "0.05"]));
    assert_eq!(of_table, values);
    assert_eq!(Locality::of(&row(["1", "1", "1.724", "0"])), florida);
    let conversion = UnitPrice::parse("36.0846").unwrap();
    let fee =
        |facility, factors: &[Rate]| values.fee(&florida, conversion, facility, factors, HALF_UP);
    // 1.8562 × 36.0846 = 66.9802
    assert_eq!(fee(false, &[]), Some(money("66.98")));
    // 1.4562 × 36.0846 = 52.5464
    assert_eq!(fee(true, &[]), Some(money("52.55")));
    // Once rounded: 66.9802 × 0.16 × 0.85 = 9.1093
    assert_eq!(
        fee(false, &[rate("0.16"), rate("0.85")]),
        Some(money("9.11"))
    );
    // Without indices, at a payer's own factor of 38.00: 69.16.
    let plain = Locality {
        malpractice: Rate::ONE,
        ..florida
    };
    let own = UnitPrice::parse("38.00").unwrap();
    assert_eq!(
        values.fee(&plain, own, false, &[], HALF_UP),
        Some(money("69.16"))
    );
    for (place, facility) in [("11", false), ("21", true), ("23", true), ("10", false)] {
        assert_eq!(is_facility(ShortCode::of(place), FACILITIES), facility);
    }
    assert!(!is_facility(ShortCode::NONE, FACILITIES));
}

#[test]
fn modifiers_make_factors() {
    let all = |modifiers: &[&str]| factors(&modified(modifiers), MEDICARE_MODIFIERS, |_| true);
    assert_eq!(all(&["RT", "50"]), [rate("1.5")]);
    assert_eq!(all(&["80", "50"]), [rate("0.16"), rate("1.5")]);
    // Two of a group: the first.
    assert_eq!(all(&["AS", "80"]), [rate("0.136")]);
    assert!(all(&[]).is_empty());
    let no_bilateral = |modifier| modifier != ShortCode::of("50");
    let line = modified(&["50", "62"]);
    assert_eq!(
        factors(&line, MEDICARE_MODIFIERS, no_bilateral),
        [rate("0.625")]
    );
    assert_eq!(bilateral(1), Permission::Applies);
    assert_eq!(bilateral(3), Permission::Ignored);
    for (indicator, co_surgeon, permission) in [
        (0, false, Permission::Documented),
        (1, false, Permission::NotPayable),
        (2, false, Permission::Applies),
        (9, false, Permission::NotPayable),
        (0, true, Permission::NotPayable),
        (1, true, Permission::Documented),
        (2, true, Permission::Applies),
    ] {
        assert_eq!(second_surgeon(indicator, co_surgeon), permission);
    }
    for (modifiers, component, key) in [
        (&["59", "26"][..], Component::Professional, "26"),
        (&["TC"], Component::Technical, "TC"),
    ] {
        let found = Component::of(&modified(modifiers));
        assert_eq!((found, found.key()), (component, Code::of(key)));
    }
    assert!(Component::of(&modified(&["25"])).key().is_none());
}

#[test]
fn procedures_are_ranked_by_their_fee() {
    let Some(example) = worked("mpr-standard-3") else {
        return;
    };
    let lines = example["inputs"]["lines"].as_array().unwrap();
    let fees: Vec<Option<Money>> = lines.iter().map(|l| Some(amount_of(&l[2]))).collect();
    let claim = mock::claim(
        lines
            .iter()
            .map(|l| mock::line(Code::of(l[0].as_str().unwrap()), amount_of(&l[1]), DAY))
            .collect(),
    );
    let ranked = rank_procedures(&claim, &fees, MEDICARE_RANKS, Rate::ZERO, HALF_UP);
    let allowed = example["expected"]["allowed"].as_array().unwrap();
    let expected: Vec<Option<Money>> = allowed.iter().map(|a| Some(amount_of(a))).collect();
    assert_eq!(ranked, expected);
    // The rule that was there before says the same of 100/50/50.
    let before = edits::multiple_procedures(&claim, &fees, Rate::percent(50), HALF_UP);
    assert_eq!(before, ranked);
}

#[test]
fn ranks_end_and_sessions_are_apart() {
    let mut claim = mock::claim((0..7).map(|_| line("500.00")).collect());
    let fees: Vec<Option<Money>> = [10, 70, 30, 40, 50, 60, 20]
        .map(|fee| Some(Money::cents(fee * 100)))
        .to_vec();
    let by = |claim: &Claim, beyond| {
        let ranked = rank_procedures(claim, &fees, MEDICARE_RANKS, beyond, HALF_UP);
        ranked
            .into_iter()
            .map(|fee| fee.unwrap().scaled())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        by(&claim, Rate::ZERO),
        [0, 7_000, 1_500, 2_000, 2_500, 3_000, 0]
    );
    assert_eq!(by(&claim, Rate::percent(25))[6], 500);
    claim.lines[0].from = date(2025, 5, 3);
    assert_eq!(by(&claim, Rate::ZERO)[0], 1_000);
}

/// CMS 100-04 ch. 12 §40.6 C: 45385 in full, and 45380 less 45378, which is
/// their base: 374.56 + 30.58 = 405.14.
#[test]
fn endoscopies_are_ranked_by_family() {
    let base = Some((Code::of("45378"), money("255.40")));
    let scope = |fee: &str| {
        Some(Ranked {
            fee: money(fee),
            base,
        })
    };
    let other = |fee: &str| {
        Some(Ranked {
            fee: money(fee),
            base: None,
        })
    };
    let rank = |procedures: &[Option<Ranked>]| {
        let claim = mock::claim(procedures.iter().map(|_| line("900.00")).collect());
        let beyond = Rate::percent(50);
        let ranked = rank_with_endoscopies(&claim, procedures, MEDICARE_RANKS, beyond, HALF_UP);
        ranked
            .into_iter()
            .map(|fee| fee.map(|fee| fee.to_string()))
            .collect::<Vec<_>>()
    };
    let shown = |amounts: &[&str]| {
        amounts
            .iter()
            .map(|amount| Some((*amount).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rank(&[scope("285.98"), scope("374.56")]),
        shown(&["30.58", "374.56"])
    );
    // The base itself is in the others.
    assert_eq!(
        rank(&[scope("255.40"), scope("374.56")]),
        shown(&["0.00", "374.56"])
    );
    // Alone it is paid.
    assert_eq!(rank(&[scope("255.40")]), shown(&["255.40"]));
    // Beside a procedure of 400.00 the family is 405.14 and comes first; beside
    // one of 500.00 it comes second, each of its lines at half.
    assert_eq!(
        rank(&[other("400.00"), scope("285.98"), scope("374.56")]),
        shown(&["200.00", "30.58", "374.56"])
    );
    assert_eq!(
        rank(&[other("500.00"), scope("285.98"), scope("374.56")]),
        shown(&["500.00", "15.29", "187.28"])
    );
    // Two families.
    let upper = |fee: &str| {
        Some(Ranked {
            fee: money(fee),
            base: Some((Code::of("43235"), money("200.00"))),
        })
    };
    assert_eq!(
        rank(&[scope("374.56"), upper("250.00"), upper("300.00"), None]),
        [shown(&["374.56", "25.00", "150.00"]), vec![None]].concat()
    );
}

proptest! {
    #[test]
    fn ranking_pays_the_highest_and_never_more(
        procedures in proptest::collection::vec(
            proptest::option::of((0i64..200_000, proptest::option::of(0usize..2))), 0..9),
    ) {
        let bases = [(Code::of("45378"), 25_540), (Code::of("43235"), 20_000)];
        let ranked: Vec<Option<Ranked>> = procedures
            .iter()
            .map(|procedure| procedure.map(|(fee, base)| Ranked {
                fee: Money::cents(fee),
                base: base.map(|base| (bases[base].0, Money::cents(bases[base].1))),
            }))
            .collect();
        let claim = mock::claim(procedures.iter().map(|_| line("900.00")).collect());
        let beyond = Rate::percent(25);
        let paid = rank_with_endoscopies(&claim, &ranked, MEDICARE_RANKS, beyond, HALF_UP);
        prop_assert_eq!(paid.len(), ranked.len());
        for (paid, procedure) in paid.iter().zip(&ranked) {
            prop_assert_eq!(paid.is_some(), procedure.is_some());
            if let (Some(paid), Some(procedure)) = (paid, procedure) {
                prop_assert!(!paid.is_negative() && *paid <= procedure.fee);
            }
        }
        // Without endoscopies both rules are one.
        let plain: Vec<Option<Ranked>> = ranked
            .iter()
            .map(|procedure| procedure.map(|p| Ranked { base: None, ..p }))
            .collect();
        let fees: Vec<Option<Money>> = plain.iter().map(|p| p.map(|p| p.fee)).collect();
        let one = rank_with_endoscopies(&claim, &plain, MEDICARE_RANKS, beyond, HALF_UP);
        let other = rank_procedures(&claim, &fees, MEDICARE_RANKS, beyond, HALF_UP);
        prop_assert_eq!(&one, &other);
        if let Some(highest) = fees.iter().flatten().max() {
            prop_assert!(one.contains(&Some(*highest)));
        }
    }
}
