//! Every FHIR Claim of the shared cases goes through: accepted, or refused with
//! a place and a reason; none lost, none panics, none counted twice.

mod common;

use std::path::Path;

use common::{cases, errors, files, json, scratch, tally};

fn submit(data: &Path, path: &Path) -> serde_json::Value {
    let output = tally()
        .args(["claim", "submit", "--json", "--data"])
        .arg(data)
        .arg(path)
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1)) && !errors(&output).contains("panicked"),
        "{}: {}",
        path.display(),
        errors(&output)
    );
    let code = output.status.code().unwrap();
    json(&output, code)
}

#[test]
fn every_shared_claim_is_accepted_or_refused_with_place_and_reason() {
    let Some(folder) = cases() else { return };
    let (_scratch, data) = scratch();
    let mut accepted_of_hl7 = 0;
    for name in [
        "fhir-r4-spec-examples",
        "synthea-r4-smart",
        "cms-bfd-eob",
        "davinci-pas",
        "davinci-priorauth-ri",
        "hcx",
    ] {
        let (mut read, mut accepted, mut refused) = (0, 0, 0);
        for path in files(&folder.join("claims").join(name)) {
            let extension = path.extension().and_then(|e| e.to_str());
            if !matches!(extension, Some("json" | "ndjson")) {
                continue;
            }
            let first = submit(&data, &path);
            let count = |key: &str| first[key].as_u64().unwrap();
            assert_eq!(
                count("read"),
                count("accepted") + count("refused"),
                "{}: {first}",
                path.display()
            );
            let refusals = first["refusals"].as_array().unwrap();
            assert_eq!(refusals.len() as u64, count("refused"));
            for refusal in refusals {
                assert!(!refusal["place"].as_str().unwrap().is_empty(), "{refusal}");
                assert!(!refusal["reason"].as_str().unwrap().is_empty(), "{refusal}");
            }
            read += count("read");
            accepted += count("accepted");
            refused += count("refused");
            let again = submit(&data, &path);
            assert_eq!(again, first, "{}: the same file again", path.display());
        }
        eprintln!("{name}: {read} read, {accepted} accepted, {refused} refused");
        if name == "fhir-r4-spec-examples" {
            accepted_of_hl7 = accepted;
        }
    }
    assert!(accepted_of_hl7 >= 14, "{accepted_of_hl7} of HL7's examples");
    // Nobody in them is enrolled: each accepted one is denied CARC 31.
    let (_, lines) = common::exported(&data);
    for line in lines.lines() {
        let outcome: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(outcome["status"], "denied", "{line}");
        for line in outcome["lines"].as_array().unwrap() {
            for adjustment in line["adjustments"].as_array().unwrap() {
                assert_eq!(adjustment["carc"].to_string().trim_matches('"'), "31");
                assert_eq!(adjustment["clause"], "E101");
            }
        }
    }
}
