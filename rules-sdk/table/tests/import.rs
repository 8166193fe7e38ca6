//! Each format, from a small file of our own making to the table it gives.

use tally_table::import::{self, ImportError, Locality, Options, Setting};
use tally_table::{Row, Table};
use tally_types::{Code, ServiceDate};

fn sample(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/");
    std::fs::read(format!("{path}{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn on(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

fn version(text: &str) -> Options {
    Options {
        version: Some(text.to_owned()),
        ..Options::default()
    }
}

fn effective(text: &str) -> Options {
    Options {
        effective: Some(on(text)),
        ..Options::default()
    }
}

fn read(format: &str, files: &[&str], options: &Options) -> Table {
    let files: Vec<Vec<u8>> = files.iter().map(|name| sample(name)).collect();
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let table = import::read(format, &files, options);
    let table = table.unwrap_or_else(|error| panic!("{format}: {error}"));
    // Whatever is read goes through both forms unchanged.
    assert!(Table::from_csv(&table.to_csv()).unwrap() == table);
    assert!(Table::from_bytes(&table.to_bytes()).unwrap() == table);
    for source in table.sources() {
        assert!(source.kept() > 0, "{source}");
    }
    table
}

fn error(format: &str, text: &[u8], options: &Options) -> String {
    let table = import::read(format, &[text], options);
    table.err().expect("an error").to_string()
}

#[test]
fn relative_values() {
    let files = ["PPRRVU2026_Jan.csv"];
    let none = Options::default();
    insta::assert_snapshot!("rvus", read("mpfs-rvus", &files, &none).to_csv());
    insta::assert_snapshot!(
        "indicators",
        read("mpfs-indicators", &files, &none).to_csv()
    );
    insta::assert_snapshot!("surgeons", read("mpfs-surgeons", &files, &none).to_csv());
    insta::assert_snapshot!(
        "gpcis",
        read("mpfs-gpcis", &["GPCI2026.csv"], &none).to_csv()
    );
}

fn fees(release: &str, locality: &str) -> Table {
    let options = Options {
        locality: Some(locality.parse().unwrap()),
        ..Options::default()
    };
    read("mpfs-fees", &[release, "GPCI2026.csv"], &options)
}

/// Each amount by hand, to the last digit of the product.
#[test]
fn fees_of_a_locality() {
    let table = fees("PPRRVU2026_Jan.csv", "01112-05");
    insta::assert_snapshot!("fees", table.to_csv());
    let fee = |code, modifier| {
        let modifier = Code::parse(modifier).unwrap_or(Code::NONE);
        let row = table.lookup(Code::of(code), modifier, on("2026-02-01"));
        row.map(|[outside, inside, ..]| (outside, inside))
    };
    // (1.30 × 1.086 + 1.44 × 1.377 + 0.10 × 0.466) × 33.4009 = 114.941850…
    // (1.30 × 1.086 + 0.55 × 1.377 + 0.10 × 0.466) × 33.4009 = 74.007698…
    assert_eq!(fee("99213", ""), Some((11_494, 7_401)));
    // The technical part: (4.29 × 1.377 + 0.02 × 0.466) × 33.4009 = 197.624…,
    // capped at (2.49 × 1.377 + 0.01 × 0.466) × 33.4009 = 114.678531…
    assert_eq!(fee("70551", "TC"), Some((11_468, 11_468)));
    // What is bundled, priced by others or never covered has no fee.
    for code in ["36415", "99024", "00100", "99397"] {
        assert_eq!(fee(code, ""), None, "{code}");
    }
    assert_eq!(fee("45378", "26"), None);
    let before = table.lookup(Code::of("99213"), Code::NONE, on("2025-12-31"));
    assert_eq!(before, None);
    let [rvus, gpcis] = table.sources() else {
        panic!("two files");
    };
    assert_eq!((&*rvus.version, &*gpcis.version), ("RVU26A", "2026"));
    assert_eq!((gpcis.read, gpcis.kept()), (7, 1));
}

/// A policy that serves several localities makes the fees itself, of three
/// tables: it has what it needs for the same cent.
#[test]
fn fees_can_be_made_of_units_indices_and_factor() {
    let none = Options::default();
    let units = read("mpfs-rvus", &["PPRRVU2026_Jan.csv"], &none);
    let factor = read("mpfs-factor", &["PPRRVU2026_Jan.csv"], &none);
    let gpcis = read("mpfs-gpcis", &["GPCI2026.csv"], &none);
    let day = on("2026-02-01");
    let find = |table: &Table, code| table.lookup(Code::of(code), Code::NONE, day).unwrap();
    for locality in ["01182-18", "13202-01", "02102-01"] {
        let fees = fees("PPRRVU2026_Jan.csv", locality);
        for code in ["99202", "99213", "27447", "45378", "G0442"] {
            let [work, outside, _, risk] = find(&units, code);
            let [a, b, c, _] = find(&gpcis, locality);
            let [factor, ..] = find(&factor, "MPFS");
            let products = [(work, a), (outside, b), (risk, c)];
            let sum: i128 = products
                .iter()
                .map(|(n, m)| i128::from(*n) * i128::from(*m))
                .sum();
            let cents = (sum * i128::from(factor) + 5_000_000_000_000_000) / 10_000_000_000_000_000;
            let [fee, ..] = find(&fees, code);
            assert_eq!(i128::from(fee), cents, "{code} in {locality}");
        }
    }
}

/// A fee half a cent above a whole one is rounded up: 0.50 × 1 × 33.41 = 16.705.
#[test]
fn fees_are_rounded_half_up() {
    let file = String::from_utf8(sample("PPRRVU2026_Jan.csv")).unwrap();
    let (head, row) = file.split_at(file.find("99202").unwrap());
    let row = row.lines().next().unwrap();
    let row = row
        .replace(
            "0.93,1.21,,0.42,,0.09,2.23,1.44",
            "0.50,0.00,,0.50,,0.00,0.50,1.00",
        )
        .replace("33.4009", "33.41");
    let gpci = "Contractor,Locality Number,2026 PW GPCI,2026 PE GPCI,2026 MP GPCI\n\
                01112,05,1,1,1\n";
    let options = Options {
        locality: "01112-05".parse().ok(),
        ..Options::default()
    };
    let files = [format!("{head}{row}"), gpci.to_owned()];
    let files = [files[0].as_bytes(), files[1].as_bytes()];
    let table = import::read("mpfs-fees", &files, &options).unwrap();
    let fee = table.lookup(Code::of("99202"), Code::NONE, on("2026-01-01"));
    assert_eq!(fee, Some([1_671, 3_341, 0, 0]));
}

#[test]
fn fees_of_the_next_release_over_those_of_this_one() {
    let january = fees("PPRRVU2026_Jan.csv", "01112-05");
    let april = fees("PPRRVU2026_Apr.csv", "01112-05");
    let day = april.first_day().unwrap();
    assert_eq!(day, on("2026-04-01"));
    let table = january.merge(&april, day).unwrap();
    insta::assert_snapshot!("fees_of_two_releases", table.to_csv());
    let fee = |code, day| table.lookup(Code::of(code), Code::NONE, on(day));
    assert_eq!(fee("99213", "2026-03-31"), Some([11_494, 7_401, 0, 0]));
    assert_eq!(fee("99213", "2026-04-01"), Some([11_678, 7_401, 0, 0]));
    assert_eq!(fee("99417", "2026-03-31"), None);
    assert!(fee("99417", "2026-04-01").is_some());
    // What did not change is one row.
    let rows: Vec<Row> = table.rows().collect();
    let same = rows.iter().filter(|row| row.code == Code::of("99202"));
    assert_eq!(same.count(), 1);
}

#[test]
fn code_pairs_in_parts() {
    let options = Options {
        setting: Some(Setting::Practitioner),
        ..version("2026 Q1")
    };
    let table = read("ncci-ptp", &["ccipra-f1.txt", "ccipra-f2.txt"], &options);
    insta::assert_snapshot!("pairs", table.to_csv());
    let pair = |one, two, day| {
        let row = table.lookup(Code::of(one), Code::of(two), on(day));
        row.map(|[indicator, ..]| indicator)
    };
    assert_eq!(pair("27447", "64447", "2025-12-31"), Some(1));
    assert_eq!(pair("27447", "64447", "2026-01-01"), Some(0));
    // The last day in force, and the day after.
    assert_eq!(pair("45378", "45330", "2026-03-31"), Some(1));
    assert_eq!(pair("45378", "45330", "2026-04-01"), None);
    assert_eq!(pair("45378", "36000", "2002-10-01"), None);
    assert_eq!(pair("20610", "27447", "2026-01-01"), None);
    // Deleted and put back: retroactively, and on the day of the deletion.
    assert_eq!(pair("29881", "29880", "2010-01-01"), Some(1));
    assert_eq!(pair("29881", "29874", "2015-12-31"), Some(0));
    assert_eq!(pair("29881", "29874", "2016-01-01"), Some(1));
}

#[test]
fn unit_limits_of_two_quarters() {
    let first = read(
        "ncci-mue",
        &["MCR_MUE_2026Q1.csv"],
        &effective("2026-01-01"),
    );
    insta::assert_snapshot!("limits", first.to_csv());
    let second = read(
        "ncci-mue",
        &["MCR_MUE_2026Q2.csv"],
        &effective("2026-04-01"),
    );
    let table = first.merge(&second, on("2026-04-01")).unwrap();
    insta::assert_snapshot!("limits_of_two_quarters", table.to_csv());
    let limit = |code, day| {
        let row = table.lookup(Code::of(code), Code::NONE, on(day));
        row.map(|[units, indicator, ..]| (units, indicator))
    };
    assert_eq!(limit("36415", "2026-03-31"), Some((2, 3)));
    assert_eq!(limit("36415", "2026-04-01"), Some((3, 3)));
    assert_eq!(limit("J1100", "2026-04-01"), Some((120, 1)));
    assert_eq!(limit("99397", "2026-03-31"), Some((1, 3)));
    assert_eq!(limit("99397", "2026-04-01"), None);
    assert_eq!(limit("A4253", "2026-04-01"), Some((0, 2)));
}

#[test]
fn excluded_providers() {
    let table = read("leie", &["UPDATED.csv"], &version("2026-03"));
    insta::assert_snapshot!("excluded", table.to_csv());
    let excluded = |npi, day| table.lookup(Code::of(npi), Code::NONE, on(day)).is_some();
    assert!(!excluded("2000000001", "2019-05-19"));
    assert!(excluded("2000000001", "2019-05-20"));
    // Reinstated, and excluded again.
    assert!(excluded("2000000002", "2025-10-31"));
    assert!(!excluded("2000000002", "2025-11-01"));
    assert!(excluded("2000000002", "2026-03-20"));
    // Names never leave the file.
    let text = table.to_csv();
    for name in ["DOE", "GAMMA", "INVENTED", "NOWHERE"] {
        assert!(!text.contains(name), "{name}");
    }
}

#[test]
fn reason_codes() {
    let carc = read("carc", &["carc.csv"], &version("2026-03-01"));
    insta::assert_snapshot!("carc", carc.to_csv());
    let rarc = read("rarc", &["rarc.csv"], &version("2026-03-01"));
    insta::assert_snapshot!("rarc", rarc.to_csv());
    let stopped = |day| carc.lookup(Code::of("17"), Code::NONE, on(day)).is_some();
    assert!(stopped("2009-07-01") && !stopped("2009-07-02"));
}

#[test]
fn places_of_service() {
    let options = Options {
        effective: Some(on("2003-10-01")),
        ..version("2023-09")
    };
    let table = read("pos", &["pos.csv"], &options);
    insta::assert_snapshot!("places", table.to_csv());
    let facility = |code, day| table.lookup(Code::of(code), Code::NONE, on(day));
    assert_eq!(facility("10", "2021-12-31"), None);
    assert_eq!(facility("10", "2022-01-01"), Some([0; 4]));
    assert_eq!(facility("21", "2026-01-01"), Some([1, 0, 0, 0]));
    let without = import::read("pos", &[&sample("pos.csv")], &version("1"));
    let says = without.err().unwrap().to_string();
    assert!(says.starts_with("`pos` needs `effective`"), "{says}");
}

#[test]
fn provider_taxonomy() {
    let options = Options {
        effective: Some(on("2026-01-01")),
        ..version("26.0")
    };
    let table = read("nucc-taxonomy", &["nucc_taxonomy.csv"], &options);
    insta::assert_snapshot!("taxonomy", table.to_csv());
    let dated = Options {
        effective: Some(on("2019-07-01")),
        ..version("19.1")
    };
    let dated = read("nucc-taxonomy", &["nucc_taxonomy_dated.csv"], &dated);
    insta::assert_snapshot!("taxonomy_dated", dated.to_csv());
    let surgeon = |day| {
        let code = Code::of("208600000X");
        dated.lookup(code, Code::NONE, on(day)).is_some()
    };
    assert!(surgeon("2019-06-30") && !surgeon("2019-07-01"));
}

#[test]
fn diagnoses_and_inpatient_procedures() {
    let table = read("icd10cm", &["icd10cm_order.txt"], &effective("2025-10-01"));
    insta::assert_snapshot!("icd10cm", table.to_csv());
    let billable = |code| table.lookup(Code::of(code), Code::NONE, on("2025-12-01"));
    assert_eq!(billable("E11"), Some([0; 4]));
    assert_eq!(billable("E119"), Some([1, 0, 0, 0]));
    assert_eq!(billable("E118"), None);
    let april = Options {
        version: Some("FY2026 April".to_owned()),
        ..effective("2026-04-01")
    };
    let table = read("icd10pcs", &["icd10pcs_order.txt"], &april);
    insta::assert_snapshot!("icd10pcs", table.to_csv());
}

#[test]
fn hcpcs_as_text_and_as_csv() {
    let options = version("2026 January");
    for (format, name) in [("hcpcs", "hcpcs"), ("hcpcs-modifiers", "hcpcs_modifiers")] {
        let table = read(format, &["HCPC2026_ANWEB.txt"], &options);
        insta::assert_snapshot!(name, table.to_csv());
        let csv = read(format, &["HCPC2026_ANWEB.csv"], &options);
        assert!(table.rows().eq(csv.rows()));
        let [text, csv] = [table.sources(), csv.sources()].map(|sources| &sources[0]);
        assert_eq!(text.left_out, csv.left_out);
        assert_ne!(text.sha256, csv.sha256);
    }
    let table = read("hcpcs", &["HCPC2026_ANWEB.txt"], &options);
    let valid = |code, day| table.lookup(Code::of(code), Code::NONE, on(day)).is_some();
    assert!(valid("J9999", "2025-12-31") && !valid("J9999", "2026-01-01"));
    // Reactivated: what it was before is another file's to say.
    assert!(!valid("Q9999", "2025-12-31") && valid("Q9999", "2026-01-01"));
}

/// What is wrong is said with file, line, column and reason, and never with
/// what stands there.
#[test]
fn errors_say_where_and_why() {
    let quarter = effective("2026-01-01");
    let head = "HCPCS/CPT Code,Practitioner Services MUE Values,MUE Adjudication Indicator\n";
    let mue = |rows: &str| error("ncci-mue", format!("{head}{rows}").as_bytes(), &quarter);
    assert_eq!(
        mue("99213,2,3 Ours\n9921,2,3 Ours\n"),
        "file 1, line 3, column `HCPCS/CPT Code`: \
         a code of 5 digits and capital letters belongs here"
    );
    assert_eq!(
        mue("99213,two,3 Ours\n"),
        "file 1, line 2, column `MUE Values`: a whole number up to 9999999 belongs here"
    );
    assert_eq!(
        mue("99213,2,4 Ours\n"),
        "file 1, line 2, column `MUE Adjudication Indicator`: it begins with 1, 2 or 3"
    );
    assert_eq!(mue("99213,2\n"), "file 1, line 2: 2 columns where 3 belong");
    assert_eq!(
        mue("99213,\"2,3\n"),
        "file 1, line 2: a quoted field does not end where it must"
    );
    assert_eq!(
        mue("99213,2,3 Ours\n\n99213,3,3 Ours\n"),
        "file 1, line 4 contradicts file 1, line 2: the same key on the same day"
    );
    assert_eq!(
        mue(""),
        "no row of the file can be looked up: is it this format?"
    );
    let says = error("ncci-mue", b"code,units\n", &quarter);
    assert!(
        says.starts_with("file 1: no line names the columns `HCPCS/CPT Code`, `MUE Values`"),
        "{says}"
    );
    let hospital = Options {
        setting: Some(Setting::Hospital),
        ..quarter.clone()
    };
    assert_eq!(
        error(
            "ncci-mue",
            format!("{head}99213,2,3\n").as_bytes(),
            &hospital
        ),
        "the file says `practitioner`, not `hospital`: is it the right file?"
    );
    let other = Options {
        version: Some("2026 Q2".to_owned()),
        ..quarter
    };
    assert_eq!(
        error("ncci-mue", format!("{head}99213,2,3\n").as_bytes(), &other),
        "the file says `2026 Q1`, not `2026 Q2`: is it the right file?"
    );
    let leie = String::from_utf8(sample("UPDATED.csv")).unwrap();
    let says = error(
        "leie",
        leie.replace("2000000001", "DOE").as_bytes(),
        &version("1"),
    );
    assert_eq!(says, "file 1, line 3, column `NPI`: ten digits belong here");
    let pairs = String::from_utf8(sample("ccipra-f1.txt")).unwrap();
    let options = Options {
        setting: Some(Setting::Practitioner),
        ..version("1")
    };
    let says = error(
        "ncci-ptp",
        pairs.replace("20100401", "20100431").as_bytes(),
        &options,
    );
    assert_eq!(
        says,
        "file 1, line 7, column `Effective Date`: no such day in the calendar"
    );
    // Nothing says which of two indicators on the same days holds.
    let twice = pairs.replace("20100101\t20111231\t0", "20100101\t*\t0");
    let says = error("ncci-ptp", twice.as_bytes(), &options);
    assert_eq!(
        says,
        "file 1, line 15 contradicts file 1, line 14: the same key on the same day"
    );
    // A row within the days of another says two things on them.
    let within = pairs.replace("20160101\t*\t1", "20130101\t20140101\t1");
    let says = error("ncci-ptp", within.as_bytes(), &options);
    assert_eq!(
        says,
        "file 1, line 17 contradicts file 1, line 16: the same key on the same day"
    );
}

#[test]
fn a_locality_or_a_year_that_is_not_there_is_said() {
    let files = [sample("PPRRVU2026_Jan.csv"), sample("GPCI2026.csv")];
    let read = |locality: &str, gpci: &[u8]| {
        let options = Options {
            locality: locality.parse().ok(),
            ..Options::default()
        };
        let table = import::read("mpfs-fees", &[&files[0], gpci], &options);
        table.err().unwrap()
    };
    assert_eq!(
        read("01112-06", &files[1]),
        ImportError::NoLocality {
            locality: "01112-06".to_owned()
        }
    );
    let other = String::from_utf8(files[1].clone()).unwrap();
    let other = other.replace("2026 P", "2025 P");
    assert_eq!(
        read("01112-05", other.as_bytes()).to_string(),
        "the file says `GPCI 2025`, not `RVU26A`: is it the right file?"
    );
    assert!("01112".parse::<Locality>().is_err());
}

#[test]
fn what_is_left_out_is_named_by_file_line_and_reason() {
    for (format, files, options) in [
        ("leie", &["UPDATED.csv"][..], version("1")),
        (
            "ncci-ptp",
            &["ccipra-f1.txt", "ccipra-f2.txt"],
            Options {
                setting: Some(Setting::Practitioner),
                ..version("1")
            },
        ),
        (
            "mpfs-fees",
            &["PPRRVU2026_Jan.csv", "GPCI2026.csv"],
            Options {
                locality: "01112-05".parse().ok(),
                ..Options::default()
            },
        ),
        ("hcpcs", &["HCPC2026_ANWEB.txt"], version("1")),
    ] {
        let bytes: Vec<Vec<u8>> = files.iter().map(|name| sample(name)).collect();
        let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let format = import::format(format).unwrap();
        let imported = format.import(&slices, &options, &|_| ()).ok().unwrap();
        let counted = imported.table.sources().iter().flat_map(|s| &s.left_out);
        let counted: u64 = counted.map(|(_, count)| count).sum();
        assert_eq!(imported.left_out.len() as u64, counted, "{}", format.name);
        assert!(counted > 0, "{} leaves nothing out", format.name);
        for left in &imported.left_out {
            let source = &imported.table.sources()[left.file - 1];
            let known = source.left_out.iter().any(|(why, _)| *why == left.reason);
            assert!(known, "{}: {}", format.name, left.reason);
            let lines = slices[left.file - 1].split(|b| *b == b'\n').count();
            assert!((1..=lines).contains(&left.line), "{}", format.name);
        }
    }
}
