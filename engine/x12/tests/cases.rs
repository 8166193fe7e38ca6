//! Every X12 file of the shared cases: what it is, and what is wrong with it.

use std::path::{Path, PathBuf};

use tally_x12::ack::{self, Verdict};
use tally_x12::{SetCode, read};

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
        eprintln!("SKIPPED: no folder of cases; set TALLY_CASES to check against it");
        return None;
    }
    Some(path)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if !path.ends_with("ORIGIN.txt") {
            found.push(path);
        }
    }
}

/// Every fault of a file, each with its place.
fn faults(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for interchange in read(text).interchanges {
        found.extend(
            ack::words(&interchange.faults)
                .into_iter()
                .map(str::to_owned),
        );
        for group in &interchange.groups {
            found.extend(group.faults.iter().map(|fault| fault.says().to_owned()));
            for set in &group.transactions {
                let judged = ack::judge(group, set);
                found.extend(judged.codes.iter().map(|code| code.says().to_owned()));
                let faults = judged.faults().iter();
                found.extend(faults.map(|fault| format!("{}: {}", fault.place(), fault.says())));
            }
        }
    }
    found
}

/// The sets of a file with what becomes of them.
fn verdicts(text: &str) -> Vec<(String, Verdict)> {
    let mut found = Vec::new();
    for interchange in read(text).interchanges {
        for group in &interchange.groups {
            for set in &group.transactions {
                let verdict = ack::judge(group, set).verdict();
                found.push((set.set().to_owned(), verdict));
            }
        }
    }
    found
}

/// Files that are named for an error have it; the places are those of the files.
#[test]
fn files_named_for_an_error_have_it() {
    let Some(cases) = cases() else { return };
    let folder = cases.join("x12-imsweb/837_5010");
    for (name, expected) in [
        (
            "bad_first_line",
            "the authorisation information is not ten characters",
        ),
        (
            "bad_segment_identifier",
            "segment 9, 2010AA Nd4: there is no segment of this name",
        ),
        (
            "bad_valid_code",
            "segment 7, 2010AA NM1-01: the code is not one of those that may stand here: billing provider name",
        ),
        (
            "loop_errors1_exceeds_max_1_parent",
            "segment 13, 2010AA NM1: the loop stands more often than it may",
        ),
        (
            "loop_errors2_exceeds_max_repeats_multiple_parents",
            "segment 32, 2010AA NM1: the loop stands more often than it may",
        ),
        (
            "loop_errors3_missing_loops",
            "segment 7, 2010AA NM1: a segment that must be there is missing: billing provider",
        ),
        (
            "missing_elements",
            "segment 5, 1000B NM1-02: an element that must be there is missing: receiver name",
        ),
        (
            "missing_elements",
            "segment 29, 2300 CLM-05: an element that must be there is missing: claim",
        ),
        (
            "missing_required_loop_in_one_repeat",
            "segment 18, 2010BA NM1: a segment that must be there is missing: subscriber",
        ),
        ("no_isa_line", "the envelope has no sound structure"),
        (
            "segment_errors",
            "segment 10, 2010AA REF: the segment stands more often than it may",
        ),
        (
            "segment_errors",
            "segment 8, 2010AA N3: a segment that must be there is missing: address",
        ),
        (
            "segments_out_of_order",
            "segment 10, 2010AA N4: the segment stands in the wrong place",
        ),
    ] {
        let text = std::fs::read_to_string(folder.join(format!("x12_{name}.txt"))).unwrap();
        let faults = faults(&text);
        assert!(
            faults.iter().any(|fault| fault == expected),
            "{name}: {faults:#?}"
        );
    }
}

/// Of the examples of the guides, those with a fault of their own are refused for
/// it, and no other is.
#[test]
fn the_guides_examples_are_read() {
    let Some(cases) = cases() else { return };
    let mut all = Vec::new();
    files(&cases.join("x12-linuxforhealth"), &mut all);
    let (mut taken, mut refused) = (0, Vec::new());
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let older = path.to_str().unwrap().contains("004010");
        for (set, verdict) in verdicts(&text) {
            match set.as_str() {
                // Claim status is not read; its acknowledgement is another version.
                "277" if text.contains("005010X212") => {
                    assert!(
                        faults(&text).contains(&SetCode::Version.says().to_owned()),
                        "{name}"
                    );
                }
                "837" if older => {
                    assert!(
                        faults(&text).contains(&SetCode::Version.says().to_owned()),
                        "{name}"
                    );
                }
                "837" | "835" | "270" | "271" | "277" if verdict == Verdict::Rejected => {
                    refused.push(name.clone());
                }
                "837" | "835" | "270" | "271" | "277" => taken += 1,
                _ => assert!(
                    faults(&text).contains(&SetCode::NotSupported.says().to_owned()),
                    "{name}"
                ),
            }
        }
    }
    // The error response's trailer has another number than its header. Of the
    // payments, three have their date at BPR15 for BPR16, one the month 23;
    // the last of them separates the parts of a composite as if they were elements.
    // Of the claims, the first lacks the payer that its other coverage is of, the
    // second has an amount that 005010 does not know there, the third a decimal
    // where a pointer is.
    assert_eq!(
        refused,
        [
            "subscriber-health-benefit-check-error.271",
            "cob-contractural-adjustment.835",
            "managed-care.835",
            "secondary-payment.835",
            "tertiary-payment.835",
            "demo.cob.example3.A.837",
            "demo.cob.example4.837",
            "demo.example9.837",
        ]
    );
    assert_eq!(taken, 30);
}
