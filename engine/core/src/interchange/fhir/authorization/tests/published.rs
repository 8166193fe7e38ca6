//! Published requests, where the shared cases are at hand: those of the reference
//! implementation of Da Vinci PAS and of HL7.
#![allow(clippy::disallowed_methods)] // tests read the folder of cases

use std::path::{Path, PathBuf};

use super::*;
use crate::interchange::IntakeRule as R;

fn cases() -> Option<PathBuf> {
    let root = std::env::var_os("TALLY_CASES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    let path = root.join("claims");
    if !path.is_dir() {
        eprintln!("SKIPPED: no folder of cases; set TALLY_CASES to check against it");
        return None;
    }
    Some(path)
}

#[test]
fn published_requests_get_what_they_deserve() {
    let Some(cases) = cases() else {
        return;
    };
    let reference = "davinci-priorauth-ri/test/resources";
    let text = |folder: &str, file: &str| {
        let path = cases.join(folder).join(file);
        std::fs::read_to_string(path).unwrap()
    };
    let whole = read(&text(reference, "bundle-items.json"));
    let numbers: Vec<u16> = whole.lines.iter().map(|line| line.number).collect();
    let answer = answer(&requested(whole), "2026-02-03");
    let back = answer["item"].as_array().unwrap().iter();
    let back: Vec<u64> = back
        .map(|item| item["itemSequence"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(back, [1, 2]);
    // Drafts, a request for nothing, a reference to what is not sent, a provider who is
    // not named, and answers.
    for (folder, file, rule, place) in [
        (
            reference,
            "bundle-prior-auth.json",
            R::NotActive,
            "Bundle.entry[0].resource.status",
        ),
        (
            reference,
            "bundle-with-only-claim.json",
            R::NotActive,
            "Bundle.entry[0].resource.status",
        ),
        (
            reference,
            "claim-complete.json",
            R::NotActive,
            "Bundle.entry[0].resource.status",
        ),
        (
            reference,
            "claim-minimal.json",
            R::NotActive,
            "Claim.status",
        ),
        (reference, "claim-update.json", R::NotActive, "Claim.status"),
        (
            reference,
            "bundle-request.json",
            R::Missing,
            "Bundle.entry[0].resource.item",
        ),
        (
            reference,
            "claim-only.json",
            R::Pointer,
            "Claim.diagnosis[0].diagnosisReference",
        ),
        (
            "fhir-r4-spec-examples",
            "Claim-100153.json",
            R::BadCode,
            "Claim.careTeam[0].provider",
        ),
        (reference, "bundle-response.json", R::NoClaim, "Bundle"),
        (
            reference,
            "claimresponse-only.json",
            R::NoClaim,
            "ClaimResponse",
        ),
    ] {
        let found = read_authorization_request(text(folder, file).as_bytes()).err();
        let found = found.map(|refusal| (refusal.rule, refusal.place));
        assert_eq!(found, Some((rule, place.to_owned())), "{file}");
    }
    // As sent, but for their drafts: asked for in earnest.
    for (file, expected) in [
        (
            "bundle-prior-auth.json",
            Err((R::Missing, "Bundle.entry[0].resource.item")),
        ),
        ("claim-minimal.json", Err((R::Missing, "Claim.item"))),
        ("claim-update.json", Err((R::Missing, "Claim.item"))),
    ] {
        let text = text(reference, file).replacen("\"draft\"", "\"active\"", 1);
        let found = read_authorization_request(text.as_bytes());
        let found = found.map(|request| request.lines.len());
        let found = found.map_err(|refusal| (refusal.rule, refusal.place));
        assert_eq!(
            found,
            expected.map_err(|(rule, place)| (rule, place.to_owned())),
            "{file}"
        );
    }
}
