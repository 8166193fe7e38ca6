//! Every Claim, ClaimResponse and ExplanationOfBenefit of the cases, and every other
//! resource, comes back as it was sent, numbers and all.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use tally_core::interchange::{IntakeRule, resource_line};

use super::cases::{cases, files};

/// The texts of all numbers, in order.
fn numbers(text: &str, found: &mut Vec<String>) {
    if let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(text) {
        items.iter().for_each(|item| numbers(item.get(), found));
    } else if let Ok(map) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text) {
        map.values().for_each(|item| numbers(item.get(), found));
    } else if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        found.push(text.to_owned());
    }
}

fn comes_back(text: &str) -> Option<String> {
    let line = match resource_line(text.as_bytes()) {
        Ok(line) => line,
        Err(refusal) => {
            assert!(!refusal.place.is_empty());
            return None;
        }
    };
    let (sent, back): (Value, Value) = (
        serde_json::from_str(text).unwrap(),
        serde_json::from_str(&line).unwrap(),
    );
    assert_eq!(sent, back);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    numbers(text, &mut before);
    numbers(&line, &mut after);
    assert_eq!(before, after);
    assert!(!line.contains('\n'));
    assert_eq!(resource_line(line.as_bytes()), Ok(line));
    sent["resourceType"].as_str().map(str::to_owned)
}

#[test]
fn every_resource_of_the_cases_comes_back() {
    let Some(root) = cases() else { return };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut paths = Vec::new();
    files(&root, &mut paths);
    for path in paths {
        let extension = path.extension().and_then(|e| e.to_str());
        let text = match extension {
            Some("json" | "ndjson") => std::fs::read_to_string(&path).unwrap(),
            _ => continue,
        };
        let documents: Vec<&str> = match extension {
            Some("ndjson") => text.lines().collect(),
            _ => vec![&text],
        };
        for document in documents {
            if let Some(kind) = comes_back(document) {
                *counts.entry(kind).or_default() += 1;
            }
        }
    }
    insta::assert_snapshot!(format!("{counts:#?}"));
}

#[test]
fn what_is_no_resource_is_refused() {
    for (text, rule) in [
        ("", IntakeRule::Empty),
        ("{", IntakeRule::NotJson),
        ("{}", IntakeRule::Missing),
        ("[]", IntakeRule::WrongType),
        ("{\"resourceType\":\"Clain\"}", IntakeRule::NoClaim),
        (
            "{\"resourceType\":\"Claim\",\"id\":1,\"id\":2}",
            IntakeRule::DuplicateKey,
        ),
    ] {
        let found = resource_line(text.as_bytes());
        assert_eq!(found.map_err(|refusal| refusal.rule), Err(rule), "{text}");
    }
}
