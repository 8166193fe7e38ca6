//! How fast claims are read, as ratios to what the same bytes cost at least, in one
//! run: X12 against a scan that counts delimiters, FHIR against `serde_json`.
//!
//! ```text
//! cargo bench -p tally-core --bench parsers
//! ```
//!
//! Times are of the thread's own processor time, medians of rounds in which reader
//! and floor have their turns. The files are generated here; those of the shared
//! cases follow where they are present (`TALLY_CASES`).
#![allow(clippy::disallowed_methods)] // a bench reads the folder of cases

#[path = "../../sandbox/benches/claims/meter.rs"]
mod meter;

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use tally_core::interchange::{Format, Source, read_claims};
use tally_types::ServiceDate;

/// Claims of a generated file: some megabytes, more than a cache holds.
const CLAIMS: usize = 4_000;

fn main() {
    // A test shows only that it runs.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let claims = if bench { CLAIMS } else { 20 };
    println!(
        "{:34} {:>7} {:>7} {:>8} {:>11} {:>8} {:>8}",
        "", "MB", "claims", "MB/s", "floor, MB/s", "× floor", "claims/s"
    );
    let x12 = [
        (
            "837P, one to six lines",
            x12(claims, "005010X222A1", professional),
        ),
        (
            "837I, two to thirteen lines",
            x12(claims, "005010X223A2", institutional),
        ),
    ];
    for (name, text) in &x12 {
        let files = [text.clone().into_bytes()];
        report(name, &files, Format::X12, claims, &scan, bench);
        report_of("  its segments alone", &files, &tokens, &scan, bench);
    }
    let lines = ndjson(claims);
    let files = [lines.into_bytes()];
    report(
        "FHIR Claims, ndjson",
        &files,
        Format::FhirNdjson,
        claims,
        &values_of_lines,
        bench,
    );
    let files = [bundle(claims).into_bytes()];
    report(
        "FHIR Claims, one Bundle",
        &files,
        Format::FhirJson,
        claims,
        &values,
        bench,
    );
    let Some(root) = cases() else {
        return;
    };
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let read = |keep: &dyn Fn(&Path) -> bool| -> Vec<Vec<u8>> {
        let kept = paths.iter().filter(|path| keep(path));
        kept.map(|path| std::fs::read(path).unwrap()).collect()
    };
    let of_x12 = read(&|path| path.to_string_lossy().contains("/x12-"));
    let is_837 = |file: &Vec<u8>| file.starts_with(b"ISA") && contains(file, b"ST*837");
    let of_x12: Vec<Vec<u8>> = of_x12.into_iter().filter(is_837).collect();
    let claims = count(&of_x12, Format::X12);
    report(
        "837 of the shared cases",
        &of_x12,
        Format::X12,
        claims,
        &scan,
        bench,
    );
    let of_fhir = read(&|path| path.extension().is_some_and(|ext| ext == "json"));
    let has_claim = |file: &Vec<u8>| count(std::slice::from_ref(file), Format::FhirJson) > 0;
    let of_fhir: Vec<Vec<u8>> = of_fhir.into_iter().filter(has_claim).collect();
    let claims = count(&of_fhir, Format::FhirJson);
    report(
        "FHIR of the shared cases",
        &of_fhir,
        Format::FhirJson,
        claims,
        &values,
        bench,
    );
}

fn source() -> Source<'static> {
    Source {
        submitter: "local",
        interchange: "000000077",
        received: ServiceDate::new(2026, 6, 1).unwrap(),
    }
}

/// Claims that are read of files, those that are refused apart.
fn count(files: &[Vec<u8>], format: Format) -> usize {
    let read = |file: &Vec<u8>| read_claims(file, Some(format), &source()).claims.len();
    files.iter().map(read).sum()
}

fn report(
    name: &str,
    files: &[Vec<u8>],
    format: Format,
    claims: usize,
    floor: &dyn Fn(&[u8]),
    bench: bool,
) {
    assert_eq!(count(files, format), claims, "{name}");
    let reader = |file: &[u8]| drop(black_box(read_claims(file, Some(format), &source())));
    let took = report_of(name, files, &reader, floor, bench);
    if let Some(took) = took {
        #[allow(clippy::cast_precision_loss)]
        let rate = claims as f64 / took;
        println!("{:>34} {claims:>15} {rate:>37.0}", "");
    }
}

/// Prints one row; answers the seconds of the reader.
fn report_of(
    name: &str,
    files: &[Vec<u8>],
    reader: &dyn Fn(&[u8]),
    floor: &dyn Fn(&[u8]),
    bench: bool,
) -> Option<f64> {
    let each = |of: &dyn Fn(&[u8])| files.iter().for_each(|file| of(file));
    if !bench {
        each(reader);
        each(floor);
        return None;
    }
    let [read, least] = meter::compare([&mut || each(reader), &mut || each(floor)]);
    let bytes: usize = files.iter().map(Vec::len).sum();
    #[allow(clippy::cast_precision_loss)]
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{name:34} {megabytes:>7.2} {:>7} {:>8.1} {:>11.0} {:>8.2}",
        "",
        megabytes / read,
        megabytes / least,
        read / least
    );
    Some(read)
}

/// The floor of X12: every byte is looked at.
fn scan(file: &[u8]) {
    let delimiters = file
        .iter()
        .filter(|byte| matches!(byte, b'*' | b'~' | b':'));
    black_box(delimiters.count());
}

/// Segments, loops and envelopes alone, before a claim is made of them.
fn tokens(file: &[u8]) {
    black_box(
        tally_x12::read(std::str::from_utf8(file).unwrap())
            .interchanges
            .len(),
    );
}

/// The floor of FHIR: the document as values.
fn values(file: &[u8]) {
    drop(black_box(serde_json::from_slice::<serde_json::Value>(file)));
}

fn values_of_lines(file: &[u8]) {
    file.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .for_each(values);
}

/// An interchange of claims, each by its number.
fn x12(claims: usize, kind: &str, claim: fn(usize, &mut Vec<String>)) -> String {
    let mut set = vec![
        format!("ST*837*0001*{kind}"),
        "BHT*0019*00*77*20260110*1023*CH".into(),
        "NM1*41*2*LAKESIDE BILLING*****46*LB".into(),
        "PER*IC*ROBIN*TE*5550100".into(),
        "NM1*40*2*HARBOR HEALTH*****46*HH".into(),
        "HL*1**20*1".into(),
        "NM1*85*2*LAKESIDE CLINIC*****XX*1234567893".into(),
        "N3*1 LAKE STREET".into(),
        "N4*LAKESIDE*ME*04001".into(),
        "REF*EI*123456789".into(),
    ];
    for number in 0..claims {
        set.extend([
            format!("HL*{}*1*22*0", number + 2),
            "SBR*P*18*******CI".into(),
            format!("NM1*IL*1*EXAMPLE*ALEX****MI*M-{number}"),
            "N3*2 HILL STREET".into(),
            "N4*LAKESIDE*ME*04001".into(),
            "DMG*D8*19840309*F".into(),
            "NM1*PR*2*HARBOR HEALTH*****PI*HH".into(),
        ]);
        claim(number, &mut set);
    }
    set.push(format!("SE*{}*0001", set.len() + 1));
    let mut out = String::from(
        "ISA*00*          *00*          *ZZ*LAKESIDE       *ZZ*HARBOR         *260110*1023*^*00501\
         *000000077*0*P*:~\n",
    );
    let _ = writeln!(out, "GS*HC*LB*HH*20260110*1023*1*X*{kind}~");
    for segment in set {
        out += &segment;
        out += "~\n";
    }
    out + "GE*1*1~\nIEA*1*000000077~\n"
}

fn professional(number: usize, set: &mut Vec<String>) {
    let lines = number % 6 + 1;
    let charge = |line: usize| 40 + (number * 7 + line * 13) % 400;
    let total: usize = (1..=lines).map(charge).sum();
    set.push(format!("CLM*P-{number}*{total}***11:B:1*Y*A*Y*Y"));
    set.push("HI*ABK:E119*ABF:I10*ABF:M5450".into());
    set.push("NM1*82*1*SMITH*SAM****XX*1245319599".into());
    for line in 1..=lines {
        let procedure = ["99213", "99214", "80053", "36415", "97110"][(number + line) % 5];
        set.push(format!("LX*{line}"));
        set.push(format!("SV1*HC:{procedure}:25*{}*UN*1***1:2", charge(line)));
        set.push(format!("DTP*472*D8*202601{:02}", (number + line) % 9 + 1));
        set.push(format!("REF*6R*{number}-{line}"));
    }
}

fn institutional(number: usize, set: &mut Vec<String>) {
    let lines = number % 12 + 2;
    let charge = |line: usize| 100 + (number * 7 + line * 131) % 4_000;
    let total: usize = (1..=lines).map(charge).sum();
    set.push(format!("CLM*I-{number}*{total}***11:A:1**A*Y*Y"));
    set.push("DTP*434*RD8*20260101-20260104".into());
    set.push("DTP*435*DT*202601010800".into());
    set.push("CL1*1*1*01".into());
    set.push("HI*ABK:J189".into());
    set.push("HI*DR:193".into());
    set.push("HI*ABF:E119*ABF:I10*ABF:N179*ABF:J9601".into());
    set.push("HI*BH:11:D8:20251230".into());
    set.push("HI*BE:80:::3".into());
    set.push("NM1*71*1*SMITH*SAM****XX*1245319599".into());
    for line in 1..=lines {
        let revenue = ["0120", "0250", "0300", "0320"][(number + line) % 4];
        set.push(format!("LX*{line}"));
        set.push(format!(
            "SV2*{revenue}**{}*UN*{}",
            charge(line),
            line % 5 + 1
        ));
        set.push(format!("DTP*472*D8*2026010{}", line % 4 + 1));
    }
}

/// A FHIR Claim of one to six items.
fn resource(number: usize) -> String {
    let lines = number % 6 + 1;
    let mut out = format!(
        r#"{{"resourceType":"Claim","id":"c{number}","identifier":[{{"system":"urn:example:claim","value":"P-{number}"}}],"status":"active","type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/claim-type","code":"professional"}}]}},"use":"claim","patient":{{"reference":"Patient/M-{number}","identifier":{{"value":"M-{number}"}}}},"created":"2026-01-20","provider":{{"identifier":{{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}}}},"priority":{{"coding":[{{"code":"normal"}}]}},"careTeam":[{{"sequence":1,"provider":{{"identifier":{{"system":"http://hl7.org/fhir/sid/us-npi","value":"1245319599"}}}},"role":{{"coding":[{{"code":"rendering"}}]}}}}],"diagnosis":[{{"sequence":1,"diagnosisCodeableConcept":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}}]}}}},{{"sequence":2,"diagnosisCodeableConcept":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}}]}}}}],"insurance":[{{"sequence":1,"focal":true,"coverage":{{"identifier":{{"value":"M-{number}"}}}}}}],"item":["#
    );
    let mut total = 0;
    for line in 1..=lines {
        let charge = 40 + (number * 7 + line * 13) % 400;
        total += charge;
        let procedure = ["99213", "99214", "80053", "36415", "97110"][(number + line) % 5];
        let comma = if line == 1 { "" } else { "," };
        let _ = write!(
            out,
            r#"{comma}{{"sequence":{line},"careTeamSequence":[1],"diagnosisSequence":[1,2],"productOrService":{{"coding":[{{"system":"http://www.ama-assn.org/go/cpt","code":"{procedure}"}}]}},"servicedDate":"2026-01-0{}","locationCodeableConcept":{{"coding":[{{"system":"https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set","code":"11"}}]}},"quantity":{{"value":1}},"unitPrice":{{"value":{charge}.00,"currency":"USD"}},"net":{{"value":{charge}.00,"currency":"USD"}}}}"#,
            (number + line) % 9 + 1
        );
    }
    let _ = write!(
        out,
        r#"],"total":{{"value":{total}.00,"currency":"USD"}}}}"#
    );
    out
}

fn ndjson(claims: usize) -> String {
    (0..claims).map(|number| resource(number) + "\n").collect()
}

fn bundle(claims: usize) -> String {
    let entries: Vec<String> = (0..claims)
        .map(|number| format!("{{\"resource\":{}}}", resource(number)))
        .collect();
    let entries = entries.join(",");
    format!("{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{entries}]}}")
}

/// The folder of real cases, where it is present.
fn cases() -> Option<PathBuf> {
    let root = std::env::var_os("TALLY_CASES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/cases"
            ))
        },
        PathBuf::from,
    );
    let path = root.join("claims");
    if !path.is_dir() {
        eprintln!("SKIPPED: no folder of cases; set TALLY_CASES to read their files");
        return None;
    }
    Some(path)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => walk(&path, found),
            false => found.push(path),
        }
    }
}

fn contains(file: &[u8], text: &[u8]) -> bool {
    file.windows(text.len()).any(|window| window == text)
}
