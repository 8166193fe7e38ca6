//! Every FHIR file of the shared cases: each claim is accepted or refused with
//! a place and a reason, and none is lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tally_core::interchange::{Format, ReadClaims, Source, detect, read_claims};
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

#[test]
fn x12_files_are_refused_by_name() {
    let Some(root) = cases() else { return };
    let mut paths = Vec::new();
    for folder in ["x12-imsweb", "x12-linuxforhealth"] {
        files(&root.join(folder), &mut paths);
    }
    paths.retain(|path| !path.ends_with("ORIGIN.txt"));
    let mut known = 0;
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        let read = read_claims(&bytes, None, &source());
        assert_eq!((read.read, read.refusals.len()), (1, 1));
        let refusal = &read.refusals[0];
        if detect(&bytes) == Some(Format::X12) {
            assert_eq!(refusal.rule.id(), "I106");
            known += 1;
        }
    }
    assert!(known + 3 >= paths.len(), "{known} of {}", paths.len());
}
