//! What members' applications are given, through the binary: explanations, everything
//! of one member, and a bulk export; to the cent what was decided.

mod common;
#[path = "common/office.rs"]
mod office;
#[path = "common/x12.rs"]
mod x12;

use std::collections::BTreeSet;
use std::path::Path;

use common::{errors, json, scratch, text};
use office::{compact, enrol, run, service, submit};
use serde_json::Value;
use x12::{Professional, professional};

/// Ann's two claims, Ben's one, and one of nobody.
fn fill(data: &Path) -> Vec<String> {
    enrol(data);
    let day = compact(service());
    let visit = [("99396", "", "180", "1", day.as_str())];
    let sick = [("99203", "25", "150.5", "1", day.as_str())];
    let claim = |control, member, charge, lines| Professional {
        control,
        member,
        charge,
        diagnosis: "J069",
        lines,
    };
    let text = professional(
        3,
        &[
            claim("A-1", "M-1001", "180", &visit),
            claim("A-2", "M-1001", "150.5", &sick),
            claim("B-1", "M-1002", "150.5", &sick),
            claim("X-1", "NOBODY", "180", &visit),
        ],
    );
    submit(data, "claims.837", &text)
}

/// What an explanation says that was paid, and what `claim export` says of the claim.
fn assert_agrees(explanation: &Value, exported: &str) {
    let id = explanation["id"].as_str().unwrap();
    let line = exported.lines().find(|line| line.contains(id)).unwrap();
    let ours: Value = serde_json::from_str(line).unwrap();
    let total = |code: &str| {
        let totals = explanation["total"].as_array().unwrap().iter();
        let of = totals.filter(|total| {
            let codings = total["category"]["coding"].as_array().unwrap().iter();
            codings.into_iter().any(|coding| coding["code"] == code)
        });
        let value = of
            .map(|total| total["amount"]["value"].as_f64().unwrap())
            .sum::<f64>();
        format!("{value:.2}")
    };
    assert_eq!(total("submitted"), ours["charge"].as_str().unwrap());
    assert_eq!(total("benefit"), ours["paid"].as_str().unwrap());
    assert_eq!(total("memberliability"), ours["patient"].as_str().unwrap());
}

#[test]
fn a_claim_is_explained_to_whom_it_is_of() {
    let (_scratch, data) = scratch();
    let ids = fill(&data);
    let (_, exported) = common::exported(&data);
    let output = run(
        &data,
        &["claim", "explanation", &ids[1], "--output-format", "fhir"],
    );
    let explanation = json(&output, 0);
    assert_eq!(explanation["resourceType"], "ExplanationOfBenefit");
    assert_agrees(&explanation, &exported);
    let output = run(&data, &["claim", "explanation", &ids[3]]);
    text(&output, 1);
    assert!(
        errors(&output).contains("nobody who is enrolled"),
        "{}",
        errors(&output)
    );
}

#[test]
fn a_member_has_everything_of_their_own_and_nothing_else() {
    let (_scratch, data) = scratch();
    let ids = fill(&data);
    let (_, exported) = common::exported(&data);
    let bundle = json(&run(&data, &["member", "access", "M-1001"]), 0);
    let of = |kind: &str| -> Vec<&Value> {
        let entries = bundle["entry"].as_array().unwrap().iter();
        let resources = entries.map(|entry| &entry["resource"]);
        resources
            .filter(|resource| resource["resourceType"] == kind)
            .collect()
    };
    assert_eq!((of("Patient").len(), of("Coverage").len()), (1, 1));
    let patient = format!("Patient/{}", of("Patient")[0]["id"].as_str().unwrap());
    let explained: BTreeSet<&str> = of("ExplanationOfBenefit")
        .iter()
        .map(|explanation| {
            assert_eq!(explanation["patient"]["reference"], patient);
            assert_agrees(explanation, &exported);
            explanation["id"].as_str().unwrap()
        })
        .collect();
    assert_eq!(explained, ids[..2].iter().map(String::as_str).collect());
    let output = run(&data, &["member", "access", "NOBODY"]);
    text(&output, 1);
    assert!(!errors(&output).contains("NOBODY"), "{}", errors(&output));
}

#[test]
fn a_bulk_export_has_every_family_a_resource_a_line() {
    let (_scratch, data) = scratch();
    let ids = fill(&data);
    let (_, exported) = common::exported(&data);
    let folder = data.with_file_name("bulk");
    let folder = folder.to_str().unwrap();
    let export = ["claim", "export", "--output-format", "fhir-ndjson"];
    let output = run(&data, &[&export[..], &["--out", folder, "--json"]].concat());
    let said = json(&output, 0);
    assert_eq!(said["strangers"], 1);
    let mut counts = Vec::new();
    for file in said["output"].as_array().unwrap() {
        let content = std::fs::read_to_string(file["file"].as_str().unwrap()).unwrap();
        let resources: Vec<Value> = content
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(
            resources
                .iter()
                .all(|resource| resource["resourceType"] == file["type"])
        );
        assert_eq!(file["count"], resources.len());
        counts.push(resources.len());
        if file["type"] == "ExplanationOfBenefit" {
            let found: BTreeSet<&str> = resources
                .iter()
                .map(|resource| resource["id"].as_str().unwrap())
                .collect();
            assert_eq!(found, ids[..3].iter().map(String::as_str).collect());
            resources
                .iter()
                .for_each(|resource| assert_agrees(resource, &exported));
        }
    }
    assert_eq!(counts, [2, 2, 3]);
    let output = run(
        &data,
        &[&export[..], &["--out", folder, "--status", "pended"]].concat(),
    );
    let said = text(&output, 0);
    assert!(said.contains("ExplanationOfBenefit: 0 in "), "{said}");
    // Where it is written to has to be said.
    text(&run(&data, &export), 2);
}

/// What is taken back is not left out: it is cancelled, and names what took its place.
#[test]
fn what_was_replaced_is_cancelled_and_names_what_took_its_place() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let visit = x12::visit("A-1", "M-1001", "180", &compact(service()));
    let original = submit(&data, "visit.837", &visit).remove(0);
    let replacement = x12::succeeding(&visit, "7", &original).replace("180", "170");
    let made = submit(&data, "replacement.837", &replacement).remove(0);
    let explained = |id: &str| json(&run(&data, &["claim", "explanation", id]), 0);
    let (before, now) = (explained(&original), explained(&made));
    assert_eq!(
        (&before["status"], &now["status"]),
        (&"cancelled".into(), &"active".into())
    );
    let related = |explanation: &Value| explanation["related"].to_string();
    assert!(related(&before).contains(&made), "{before}");
    assert!(related(&now).contains(&original), "{now}");
    let bundle = json(&run(&data, &["member", "access", "M-1001"]), 0).to_string();
    assert!(bundle.contains(&original) && bundle.contains(&made));
}
