//! Every FHIR file of the shared cases: each claim is accepted or refused with
//! a place and a reason, and none is lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tally_core::interchange::{ReadClaims, Source, claim_json, read_claims};
use tally_types::{Money, ServiceDate};

/// The folder of real cases, where it is present.
pub fn cases() -> Option<PathBuf> {
    let root = std::env::var_os("TALLY_CASES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases")),
        PathBuf::from,
    );
    let path = root.join("claims");
    if !path.is_dir() {
        eprintln!("SKIPPED: no folder of cases; set TALLY_CASES to check against it");
        return None;
    }
    Some(path)
}

pub fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

pub fn source() -> Source<'static> {
    Source {
        submitter: "local",
        interchange: "cases",
        received: ServiceDate::new(2026, 6, 1).unwrap(),
    }
}

/// How many Claims a reader of ordinary JSON finds in a file.
fn claims_in(value: &Value) -> usize {
    match value {
        Value::Object(map) => {
            usize::from(map.get("resourceType").is_some_and(|kind| kind == "Claim"))
                + map.values().map(claims_in).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(claims_in).sum(),
        _ => 0,
    }
}

fn check_counts(path: &Path, bytes: &[u8], read: &ReadClaims) {
    let name = path.display();
    assert_eq!(
        usize::try_from(read.read).unwrap(),
        read.claims.len() + read.refusals.len(),
        "{name}"
    );
    let text = std::str::from_utf8(bytes).unwrap();
    let expected: usize = if path.extension().is_some_and(|e| e == "ndjson") {
        text.lines()
            .map(|line| claims_in(&serde_json::from_str(line).unwrap()))
            .sum()
    } else {
        serde_json::from_str(text).map_or(0, |value| claims_in(&value))
    };
    assert_eq!(
        usize::try_from(read.read).unwrap(),
        expected.max(1),
        "{name}"
    );
    for refusal in &read.refusals {
        assert!(!refusal.place.is_empty(), "{name}");
        assert!(!refusal.reason.is_empty(), "{name}");
    }
    for claim in &read.claims {
        let sum = Money::checked_sum(claim.lines.iter().map(|line| line.charge));
        assert_eq!(sum, Some(claim.charge), "{name}");
    }
}

#[test]
fn every_claim_of_the_cases_is_accepted_or_refused_with_a_place() {
    let Some(root) = cases() else { return };
    let mut report = String::new();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders {
        let mut paths = Vec::new();
        files(&folder, &mut paths);
        let mut counts = (0, 0, 0, 0);
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for path in paths {
            let is_json = path
                .extension()
                .is_some_and(|e| e == "json" || e == "ndjson");
            if !is_json || path.ends_with("worked_examples.json") {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let read = read_claims(&bytes, None, &source());
            check_counts(&path, &bytes, &read);
            counts.0 += 1;
            counts.1 += read.read;
            counts.2 += read.claims.len();
            counts.3 += read.refusals.len();
            for refusal in &read.refusals {
                let place = refusal
                    .place
                    .split_once(": ")
                    .map_or(refusal.place.as_str(), |(_, place)| place);
                let line = format!("{} {}: {}", refusal.rule.id(), place, refusal.reason);
                *reasons.entry(line).or_default() += 1;
            }
        }
        if counts.0 == 0 {
            continue;
        }
        let name = folder.file_name().unwrap().to_string_lossy();
        writeln!(
            report,
            "{name}: {} files, {} read, {} accepted, {} refused",
            counts.0, counts.1, counts.2, counts.3
        )
        .unwrap();
        for (reason, count) in reasons {
            writeln!(report, "  {count} × {reason}").unwrap();
        }
    }
    insta::assert_snapshot!(report);
}

/// Sound in syntax or not, no claim of these files has lines that come to its
/// total, and each is refused for that.
#[test]
fn claims_that_do_not_come_to_their_total_say_so_first() {
    let Some(root) = cases() else { return };
    let mut paths = Vec::new();
    files(&root.join("x12-imsweb"), &mut paths);
    paths.retain(|path| !path.ends_with("ORIGIN.txt"));
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let read = read_claims(&bytes, None, &source());
        assert!(read.claims.is_empty(), "{name}");
        let claims = path.to_string_lossy().contains("837_5010") && !name.contains("999");
        let sound = ["valid", "no_errors", "many", "multiple", "transactions"];
        let sound = sound.iter().any(|word| name.contains(word)) && !name.contains("bad");
        for refusal in &read.refusals {
            if !claims {
                assert_eq!(refusal.rule.id(), "I114", "{name}");
                continue;
            }
            assert_eq!(refusal.rule.id(), "I509", "{name}");
            if sound && !name.contains("errors2") && !name.contains("missing") {
                assert!(!refusal.reason.contains(';'), "{name}: {}", refusal.reason);
            }
        }
    }
}

/// Of the examples of the guides, 36 claims in 35 files: eleven of 004010 are
/// refused by their name, three for faults of their own, an encounter; the rest
/// is read.
#[test]
fn claims_of_the_guides_examples_are_read() {
    let Some(root) = cases() else { return };
    let mut paths = Vec::new();
    files(&root.join("x12-linuxforhealth"), &mut paths);
    paths.retain(|path| path.to_string_lossy().contains(".837"));
    let (mut taken, mut refused) = (0, BTreeMap::new());
    for path in &paths {
        let read = read_claims(&std::fs::read(path).unwrap(), None, &source());
        taken += read.claims.len();
        for refusal in read.refusals {
            *refused.entry(refusal.rule.id()).or_insert(0) += 1;
        }
    }
    let refused: Vec<(String, i32)> = refused.into_iter().collect();
    let expected = [("I114", 11), ("I208", 1), ("I209", 2), ("I301", 1)];
    assert_eq!(
        refused,
        expected.map(|(rule, count)| (rule.to_owned(), count))
    );
    assert_eq!(taken, 21);
}

/// A claim of the guides as a payer's second: the first payer split a line in two (loop
/// 2430 twice, as its remittance told it). What is read is the same as of the line whole.
#[test]
fn a_line_that_another_payer_split_is_all_of_its_parts() {
    let Some(root) = cases() else { return };
    let folder = "x12-linuxforhealth/src/tests/resources/837_005010X222A2";
    let text = std::fs::read_to_string(root.join(folder).join("demo.cob.example3.B.837")).unwrap();
    let whole = "SVD*999996666*40.00*HC:99213**1.00~\nCAS*CO*42*3.00~\nDTP*573*D8*20051015~";
    let text = text.replace("\r\n", "\n");
    assert!(text.contains(whole) && text.contains("SE*62*"), "{text}");
    let parts = "SVD*999996666*25.00*HC:99213**1.00~\nCAS*CO*42*1.00~\nDTP*573*D8*20051014~\n\
                 SVD*999996666*15.00*HC:90782**0~\nCAS*CO*42*2.00~\nDTP*573*D8*20051015~";
    let split = text.replace(whole, parts).replace("SE*62*", "SE*65*");
    let claim = |text: &str| {
        let mut read = read_claims(text.as_bytes(), None, &source());
        assert_eq!(read.refusals, [], "{text}");
        claim_json(&read.claims.remove(0))
    };
    assert_eq!(claim(&split), claim(&text));
}

/// Without an identifier of its own the billing provider is known by this payer's number
/// for it, which stands with the payer.
#[test]
fn a_billing_provider_is_known_by_the_payers_number_for_it() {
    let Some(root) = cases() else { return };
    let folder = "x12-linuxforhealth/src/tests/resources/837_005010X222A2";
    let text = std::fs::read_to_string(root.join(folder).join("demo.cob.example3.B.837")).unwrap();
    let named = "NM1*85*1*KILDARE*BEN****XX*1999996666";
    assert!(text.contains(named));
    let without = text.replace(named, "NM1*85*1*KILDARE*BEN");
    for (text, expected) in [
        (text.clone(), "1999996666"),
        (without.clone(), "567890"),
        (
            without.replacen("REF*G2*567890", "REF*EI*56789", 1),
            "123456789",
        ),
    ] {
        let read = read_claims(text.as_bytes(), None, &source());
        assert_eq!(read.refusals, [], "{expected}");
        assert_eq!(read.claims[0].billing.identifier, expected);
    }
}

/// What a hospital declares not covered (SV207) is read: at most the charge.
#[test]
fn what_is_declared_not_covered_of_a_line_is_read() {
    let Some(root) = cases() else { return };
    let file = "x12-linuxforhealth/src/tests/resources/837_005010X223A3/institutional-claim.837i";
    let text = std::fs::read_to_string(root.join(file)).unwrap();
    let billed = "SV2*0730*HC:93005*76.54*UN*3.00";
    assert!(text.contains(billed));
    let declared = |amount: &str| {
        let text = text.replace(billed, &format!("{billed}**{amount}"));
        let mut read = read_claims(text.as_bytes(), None, &source());
        match read.refusals.pop() {
            Some(refusal) => Err((refusal.rule.id(), refusal.place)),
            None => Ok(read.claims.remove(0).lines[1].detail.non_covered),
        }
    };
    assert_eq!(declared("76.54"), Ok(Money::cents(7_654)));
    assert_eq!(declared("6.5"), Ok(Money::cents(650)));
    let (rule, place) = declared("76.55").unwrap_err();
    assert_eq!(rule, "I508");
    assert!(place.contains("SV2-07"), "{place}");
}
