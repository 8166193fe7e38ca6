//! What is imported from a published file is what the toolkit's readers take it for:
//! each of the importers' samples, given to the reader of its rows.

use tally_sdk::edits::{self, Exclusion, UnitLimit, UnitRule, Unlisted};
use tally_sdk::fees::{self, FACILITIES, Locality, Permission, RelativeValues};
use tally_sdk::mock;
use tally_sdk::prelude::*;
use tally_sdk::reference::Row;
use tally_table::Table;
use tally_table::import::{self, Options, Setting};

const DAY: ServiceDate = date(2026, 4, 2);
const TABLE: TableId = TableId(0);

fn imported(format: &str, files: &[&str], options: &Options) -> Table {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../rules-sdk/table/tests/samples/"
    );
    let files: Vec<Vec<u8>> = files
        .iter()
        .map(|name| std::fs::read(format!("{folder}{name}")).unwrap())
        .collect();
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    import::read(format, &files, options).unwrap()
}

fn found(table: &Table, a: &str, b: &str) -> Option<Row> {
    let b = Code::parse(b).unwrap_or(Code::NONE);
    table.lookup(Code::of(a), b, DAY).map(Row)
}

/// Gives rows of a table to the policy that runs here.
fn give(table: &Table, keys: &[(&str, &str)]) {
    mock::clear();
    for (a, b) in keys {
        if let Some(Row(values)) = found(table, a, b) {
            let b = Code::parse(b).unwrap_or(Code::NONE);
            mock::row(TABLE, Code::of(a), b, values);
        }
    }
}

fn line(code: &str) -> Line {
    mock::line(Code::of(code), Money::cents(10_000), DAY)
}

/// Units, indices and the factor make the fees that the importer makes of them.
#[test]
fn relative_values_make_the_published_fees() {
    let none = Options::default();
    let values = imported("mpfs-rvus", &["PPRRVU2026_Jan.csv"], &none);
    let indices = imported("mpfs-gpcis", &["GPCI2026.csv"], &none);
    let factor = imported("mpfs-factor", &["PPRRVU2026_Jan.csv"], &none);
    let factor = found(&factor, "MPFS", "").unwrap().price(0);
    for locality in ["01112-05", "13202-01"] {
        let options = Options {
            locality: Some(locality.parse().unwrap()),
            ..Options::default()
        };
        let files = ["PPRRVU2026_Jan.csv", "GPCI2026.csv"];
        let schedule = imported("mpfs-fees", &files, &options);
        let of = Locality::of(&found(&indices, locality, "").unwrap());
        for code in ["99202", "99213", "27447", "45378", "G0442"] {
            let values = RelativeValues::of(&found(&values, code, "").unwrap());
            let fee = |inside| values.fee(&of, factor, inside, &[], Rounding::HalfUp);
            let fees = found(&schedule, code, "").unwrap();
            assert_eq!(fee(false), Some(fees.money(0)), "{code} in an office");
            assert_eq!(fee(true), Some(fees.money(1)), "{code} in a facility");
            if (code, locality) == ("99213", "01112-05") {
                assert_eq!(fees.money(0), Money::cents(11_494));
            }
        }
    }
}

#[test]
fn indicators_are_read_from_their_columns() {
    let none = Options::default();
    let indicators = imported("mpfs-indicators", &["PPRRVU2026_Jan.csv"], &none);
    let both_sides = |code| fees::bilateral(found(&indicators, code, "").unwrap().number(3));
    assert_eq!(both_sides("27447"), Permission::Applies);
    assert_eq!(both_sides("99213"), Permission::Ignored);
    let surgeons = imported("mpfs-surgeons", &["PPRRVU2026_Jan.csv"], &none);
    let knee = found(&surgeons, "27447", "").unwrap();
    assert_eq!(
        fees::second_surgeon(knee.number(1), false),
        Permission::Applies
    );
    assert_eq!(
        fees::second_surgeon(knee.number(2), true),
        Permission::Documented
    );
}

/// Where the published set pays the facility amount the toolkit does.
#[test]
fn places_are_facilities_alike() {
    let options = Options {
        effective: Some(date(2003, 10, 1)),
        version: Some("2023-09".to_owned()),
        ..Options::default()
    };
    let places = imported("pos", &["pos.csv"], &options);
    for place in [
        "02", "10", "11", "12", "19", "21", "22", "23", "24", "31", "81",
    ] {
        let row = found(&places, place, "").unwrap();
        let facility = fees::is_facility(ShortCode::of(place), FACILITIES);
        assert_eq!(facility, row.number(0) == 1, "{place}");
    }
}

#[test]
fn unit_limits_and_pairs_are_read() {
    let options = Options {
        effective: Some(date(2026, 1, 1)),
        ..Options::default()
    };
    let units = imported("ncci-mue", &["MCR_MUE_2026Q1.csv"], &options);
    let limit = |code| UnitLimit::of(&found(&units, code, "").unwrap()).unwrap();
    for (code, most, rule) in [
        ("17000", 1, UnitRule::Line),
        ("27447", 1, UnitRule::Day),
        ("36415", 2, UnitRule::DayAppealable),
        ("A4253", 0, UnitRule::Day),
    ] {
        assert_eq!(limit(code).units, Quantity::whole(most).unwrap(), "{code}");
        assert_eq!(limit(code).rule, rule, "{code}");
    }
    let options = Options {
        setting: Some(Setting::Practitioner),
        version: Some("2026 Q1".to_owned()),
        ..Options::default()
    };
    let pairs = imported("ncci-ptp", &["ccipra-f1.txt", "ccipra-f2.txt"], &options);
    give(
        &pairs,
        &[("27447", "20610"), ("99213", "36415"), ("36415", "99213")],
    );
    let claim = mock::claim(vec![
        line("36415"),
        line("99213"),
        line("20610"),
        line("27447"),
    ]);
    let on_claim = edits::pairs_on_claim(&claim, TABLE);
    let on_claim: Vec<_> = on_claim
        .iter()
        .map(|pair| (pair.first, pair.second, pair.indicator))
        .collect();
    assert_eq!(on_claim, [(1, 0, 0), (3, 2, 1)]);
    mock::clear();
}

#[test]
fn exclusions_and_diagnoses_are_read() {
    let options = Options {
        version: Some("2026-03".to_owned()),
        ..Options::default()
    };
    let excluded = imported("leie", &["UPDATED.csv"], &options);
    let providers = ["2000000001", "2000000005", "2000000099"];
    give(&excluded, &providers.map(|npi| (npi, "")));
    let by = |npi| Line {
        rendering: Code::of(npi),
        ..line("99213")
    };
    let mut claim = mock::claim(providers.map(by).to_vec());
    claim.billing = Code::of("2000000099");
    assert_eq!(
        edits::excluded(&claim, TABLE),
        [Exclusion::Excluded, Exclusion::Waived, Exclusion::None]
    );
    let options = Options {
        effective: Some(date(2025, 10, 1)),
        ..Options::default()
    };
    let diagnoses = imported("icd10cm", &["icd10cm_order.txt"], &options);
    let codes = ["E11.9", "E11", "U07.1", "M54.5"];
    give(
        &diagnoses,
        &["E119", "E11", "U071", "M545"].map(|code| (code, "")),
    );
    let pointing = |at: usize| Line {
        diagnoses: 1 << at,
        ..line("99213")
    };
    claim.lines = (0..codes.len()).map(pointing).collect();
    claim.diagnoses = codes.map(Code::of).to_vec();
    assert_eq!(
        edits::diagnoses_valid(&claim, TABLE, Unlisted::Invalid),
        [true, false, true, false]
    );
    mock::clear();
}
