//! Edits: dates, authorisations, units, pairs, several procedures.

use tally_sdk::edits::{self, UnitLimit, UnitRule};
use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};
use tally_sdk::{Authorization, mock};

const DAY: ServiceDate = date(2025, 5, 2);

fn line(code: &str) -> Line {
    mock::line(Code::of(code), Money::cents(10_000), DAY)
}

fn units(line: Line, units: &str) -> Line {
    Line {
        quantity: Quantity::parse(units).unwrap(),
        ..line
    }
}

fn modified(line: Line, modifier: &str) -> Line {
    let mut modifiers = line.modifiers;
    modifiers[0] = ShortCode::of(modifier);
    Line { modifiers, ..line }
}

#[test]
fn filing_is_counted_from_the_last_day() {
    let mut claim = mock::claim(vec![line("99213")]);
    claim.lines[0].through = date(2025, 5, 4);
    for (received, late) in [(date(2025, 8, 2), false), (date(2025, 8, 3), true)] {
        claim.received = received;
        assert_eq!(edits::filed_late(&claim, &claim.lines[0], 90), late);
        let window = filing::Window::Days(90);
        assert_eq!(edits::filed_outside(&claim, &claim.lines[0], window), late);
    }
    claim.lines[0].through = date(2024, 2, 29);
    for (received, late) in [(date(2025, 2, 28), false), (date(2025, 3, 1), true)] {
        claim.received = received;
        assert_eq!(edits::filed_after_a_year(&claim, &claim.lines[0]), late);
        let window = filing::Window::Months(12);
        assert_eq!(edits::filed_outside(&claim, &claim.lines[0], window), late);
    }
}

#[test]
fn lines_use_authorisations_up_in_order() {
    let good = |code: &str, units: &str| Authorization {
        referral: false,
        provider: Code::NONE,
        procedure: Code::of(code),
        from: date(2025, 1, 1),
        through: date(2025, 12, 31),
        remaining: Quantity::parse(units).unwrap(),
    };
    let mut claim = mock::claim(vec![
        units(line("97110"), "2"),
        units(line("97110"), "3"),
        units(line("97110"), "1"),
        line("99213"),
        line("70551"),
    ]);
    // The first draws one and one of 1 + 3; the second asks 3 of the 2 that are
    // left and leaves them; the third takes one.
    claim.authorizations = vec![good("97110", "1"), good("97110", "3"), good("99213", "1")];
    let needed = [true, true, true, false, true];
    let covered = edits::authorized_lines(&claim, &needed);
    assert_eq!(covered, [true, false, true, false, false]);
    // Outside its dates an authorisation is good for nothing.
    claim.authorizations[0].through = date(2025, 5, 1);
    claim.authorizations[1].from = date(2025, 5, 3);
    let covered = edits::authorized_lines(&claim, &needed);
    assert_eq!(covered, [false; 5]);
    // What is not asked for needs none.
    assert_eq!(edits::authorized_lines(&claim, &[]), [false; 5]);
}

/// It is to who renders a line or bills it, or to anybody, and for all of its days.
#[test]
fn an_authorisation_is_to_a_provider() {
    let [one, other] = ["2000019184", "2000042475"].map(Code::of);
    let mut claim = mock::claim(vec![line("70551"), line("70551")]);
    claim.billing = other;
    claim.lines[0].rendering = one;
    claim.lines[1].rendering = other;
    claim.authorizations = vec![Authorization {
        referral: false,
        provider: one,
        procedure: Code::of("70551"),
        from: date(2025, 1, 1),
        through: DAY,
        remaining: Quantity::whole(3).unwrap(),
    }];
    let covered = |claim: &Claim| edits::authorized_lines(claim, &[true, true]);
    assert_eq!(covered(&claim), [true, false]);
    claim.billing = one;
    assert_eq!(covered(&claim), [true, true]);
    claim.billing = other;
    claim.authorizations[0].provider = Code::NONE;
    assert_eq!(covered(&claim), [true, true]);
    claim.lines[0].through = DAY.plus_days(1).unwrap();
    assert_eq!(covered(&claim), [false, true]);
    // Nor for what has none of its units.
    claim.lines[1].quantity = Quantity::ZERO;
    assert_eq!(covered(&claim), [false, false]);
}

/// Who renders or bills, on the first or the last day.
#[test]
fn what_an_excluded_provider_gives_is_known() {
    use edits::Exclusion::{Excluded, None, Waived};
    const EXCLUSIONS: TableId = TableId(8);
    mock::clear();
    let [excluded, waived, other] = ["2000000001", "2000000005", "2000019184"].map(Code::of);
    mock::row(EXCLUSIONS, excluded, Code::NONE, [0; 4]);
    mock::row(EXCLUSIONS, waived, Code::NONE, [0, 1, 0, 0]);
    let by = |rendering| Line {
        rendering,
        ..line("99213")
    };
    let mut claim = mock::claim(vec![by(other), by(excluded), by(waived)]);
    claim.billing = other;
    assert_eq!(
        edits::excluded(&claim, EXCLUSIONS),
        [None, Excluded, Waived]
    );
    claim.billing = waived;
    assert_eq!(
        edits::excluded(&claim, EXCLUSIONS),
        [Waived, Excluded, Waived]
    );
    claim.billing = excluded;
    claim.lines[2].through = DAY.plus_days(3).unwrap();
    assert_eq!(edits::excluded(&claim, EXCLUSIONS), [Excluded; 3]);
    mock::clear();
}

/// Of a list of all codes what is not there is not valid; of one of exceptions it is.
#[test]
fn a_line_points_to_diagnoses_that_are_valid() {
    use edits::Unlisted::{Invalid, Valid};
    const DIAGNOSES: TableId = TableId(9);
    mock::clear();
    mock::row(DIAGNOSES, Code::of("E119"), Code::NONE, [1, 0, 0, 0]);
    mock::row(DIAGNOSES, Code::of("E11"), Code::NONE, [0; 4]);
    let pointing = |diagnoses| Line {
        diagnoses,
        ..line("99213")
    };
    let lines = [0b001, 0b010, 0b100, 0b101, 0b011, 0].map(pointing);
    let mut claim = mock::claim(lines.to_vec());
    claim.diagnoses = ["E11.9", "E11", "I10"].map(Code::of).to_vec();
    assert_eq!(
        edits::diagnoses_valid(&claim, DIAGNOSES, Invalid),
        [true, false, false, false, false, false]
    );
    assert_eq!(
        edits::diagnoses_valid(&claim, DIAGNOSES, Valid),
        [true, false, true, true, false, false]
    );
    claim.diagnoses.clear();
    assert_eq!(
        edits::diagnoses_valid(&claim, DIAGNOSES, Invalid),
        [true; 6]
    );
    mock::clear();
}

#[test]
fn units_are_counted_by_line_or_by_day() {
    mock::clear();
    let limit = |units, rule| {
        Some(UnitLimit {
            units: Quantity::whole(units).unwrap(),
            rule,
        })
    };
    let claim = mock::claim(vec![
        units(line("97110"), "2"),
        units(line("97110"), "2"),
        units(line("36415"), "2"),
        units(line("36415"), "1"),
        line("99213"),
    ]);
    let limits = [
        limit(3, UnitRule::Day),
        limit(3, UnitRule::Day),
        limit(1, UnitRule::Line),
        limit(1, UnitRule::Line),
        None,
    ];
    let over = edits::over_units(&claim, &limits);
    assert_eq!(over, [true, true, true, false, false]);
    // 4 of 5 on this claim; two earlier ones make six.
    let limits = [limit(5, UnitRule::DayAppealable); 2];
    assert_eq!(edits::over_units(&claim, &limits), [false, false]);
    mock::earlier_line(
        Code::of("97110"),
        DAY.days(),
        Quantity::whole(2).unwrap().scaled(),
    );
    assert_eq!(edits::over_units(&claim, &limits), [true, true]);
    // What is denied anyway is given no limit, and counts for no other.
    let limits = [limit(5, UnitRule::Day), None];
    assert_eq!(edits::over_units(&claim, &limits), [false, false]);
    mock::clear();
    let row = Row([3, 2, 0, 0]);
    assert_eq!(
        UnitLimit::of(&row).map(|limit| limit.rule),
        Some(UnitRule::Day)
    );
    assert!(UnitLimit::of(&Row([3, 4, 0, 0])).is_none());
}

/// A claim split in two is denied as the whole: units and pairs are counted by
/// who rendered the line, on this claim and on earlier ones.
#[test]
fn providers_are_told_apart_alike_on_one_claim_and_on_two() {
    const PAIRS: TableId = TableId(1);
    let codes = [Code::of("80053"), Code::of("80048")];
    let (one, other) = (Code::of("2000054801"), Code::of("2000056178"));
    let by = |line: Line, rendering| Line { rendering, ..line };
    let limit = Some(UnitLimit {
        units: Quantity::whole(6).unwrap(),
        rule: UnitRule::Day,
    });
    for (first, second) in [(one, one), (one, other), (one, Code::NONE)] {
        mock::clear();
        mock::row(PAIRS, codes[0], codes[1], [0; 4]);
        let same = first == second;
        let (four, three) = (units(line("97110"), "4"), units(line("97110"), "3"));
        let whole = mock::claim(vec![by(four, first), by(three.clone(), second)]);
        assert_eq!(edits::over_units(&whole, &[limit; 2]), [same; 2]);
        mock::earlier_line_by(first, Code::of("97110"), DAY.days(), 40_000);
        let rest = mock::claim(vec![by(three, second)]);
        assert_eq!(edits::over_units(&rest, &[limit]), [same]);

        let (panel, part) = (line("80053"), line("80048"));
        let whole = mock::claim(vec![by(panel, first), by(part.clone(), second)]);
        assert_eq!(
            edits::pairs_on_claim(&whole, PAIRS).len(),
            usize::from(same)
        );
        mock::earlier_line_by(first, codes[0], DAY.days(), 10_000);
        let rest = mock::claim(vec![by(part, second)]);
        let found = edits::pairs_with_earlier(&rest, PAIRS, &codes);
        assert_eq!(found.len(), usize::from(same));
    }
    mock::clear();
}

#[test]
fn a_pair_denies_unless_a_modifier_says_otherwise() {
    const SEPARATE: TableId = TableId(7);
    for (indicator, whole, separate) in [(0, true, true), (1, true, false), (9, false, false)] {
        assert_eq!(edits::pair_denies(indicator, false), whole);
        assert_eq!(edits::pair_denies(indicator, true), separate);
    }
    mock::clear();
    mock::row(SEPARATE, Code::of("F5"), Code::NONE, [0; 4]);
    let (first, second) = (line("80053"), line("80048"));
    let mut both = modified(second.clone(), "76");
    both.modifiers[1] = ShortCode::of("F5");
    let claim = mock::claim(vec![first.clone(), both, modified(second.clone(), "76")]);
    assert_eq!(
        edits::separate_lines(&claim, SEPARATE),
        [false, true, false]
    );
    mock::clear();
    let mut claim = mock::claim(vec![first.clone(), second, line("80053")]);
    assert_eq!(
        edits::same_day_pairs(&claim),
        [(0, 1), (1, 0), (1, 2), (2, 1)]
    );
    claim.lines[1].from = date(2025, 5, 3);
    assert!(edits::same_day_pairs(&claim).is_empty());
}

#[test]
fn pairs_are_found_on_the_claim_and_with_earlier_ones() {
    mock::clear();
    const PAIRS: TableId = TableId(1);
    let code = Code::of;
    mock::row(PAIRS, code("80053"), code("80048"), [1, 0, 0, 0]);
    mock::row(PAIRS, code("80048"), code("82947"), [0, 0, 0, 0]);
    let codes = [code("80053"), code("80048"), code("82947")];
    let claim = mock::claim(vec![line("80048"), line("80053"), line("99213")]);
    let pair = edits::Pair {
        first: 1,
        second: 0,
        indicator: 1,
    };
    assert_eq!(edits::pairs_on_claim(&claim, PAIRS), [pair]);
    assert!(edits::pairs_with_earlier(&claim, PAIRS, &codes).is_empty());
    mock::earlier_line(code("82947"), DAY.days(), 10_000);
    mock::earlier_line(code("80053"), DAY.days(), 10_000);
    let found = |line, with, earlier_is_first, indicator| edits::EarlierPair {
        line,
        with: code(with),
        earlier_is_first,
        indicator,
    };
    assert_eq!(
        edits::pairs_with_earlier(&claim, PAIRS, &codes),
        [found(0, "80053", true, 1), found(0, "82947", false, 0)]
    );
    mock::clear();
}

#[test]
fn the_highest_procedure_is_paid_in_full() {
    let claim = mock::claim(vec![line("1"), line("2"), line("3"), line("4")]);
    let fee = |cents| Some(Money::cents(cents));
    let fees = [fee(10_001), fee(20_000), None, fee(20_000)];
    let reduced = edits::multiple_procedures(&claim, &fees, Rate::percent(50), Rounding::HalfUp);
    assert_eq!(reduced, [fee(5_001), fee(20_000), None, fee(10_000)]);
}

#[test]
fn tables_answer_line_by_line() {
    mock::clear();
    const FEES: TableId = TableId(0);
    mock::row(
        FEES,
        Code::of("99213"),
        Code::NONE,
        [9_200, 200_000, 1_500_000, 7],
    );
    let claim = mock::claim(vec![line("99213"), line("99214")]);
    let rows = reference::by_procedure(FEES, &claim);
    let row = rows[0].unwrap();
    assert!(rows[1].is_none());
    assert_eq!(row.money(0), Money::cents(9_200));
    assert_eq!(row.rate(1), Rate::percent(20));
    assert_eq!(row.price(2).to_string(), "1.50");
    assert_eq!((row.number(3), row.number(4)), (7, 0));
    assert!(reference::row(FEES, Key::one(Code::of("1"), DAY)).is_none());
    mock::clear();
}

#[test]
fn a_line_points_to_diagnoses_or_to_all() {
    let mut claim = mock::claim(vec![line("99213")]);
    claim.diagnoses = vec![Code::of("A"), Code::of("B"), Code::of("C")];
    let of = |claim: &Claim| -> Vec<Code> { claim.diagnoses_of(&claim.lines[0]).collect() };
    assert_eq!(of(&claim), claim.diagnoses);
    claim.lines[0].diagnoses = 0b101;
    assert_eq!(of(&claim), [Code::of("A"), Code::of("C")]);
    claim.lines[0].procedure = Code::NONE;
    claim.lines[0].revenue = ShortCode::of("0450");
    assert_eq!(claim.lines[0].service(), Code::of("0450"));
    assert_eq!(claim.member.age_on(date(2025, 1, 1)), 45);
}
