//! Publishing refuses what it must, names it, and leaves everything as it was.

mod common;

use std::path::Path;

use common::{errors, json, scratch, tally, text};

fn list(data: &Path) -> serde_json::Value {
    let output = tally()
        .args(["policy", "list", "--json", "--data"])
        .arg(data)
        .output()
        .unwrap();
    json(&output, 0)
}

fn publish(data: &Path, file: &Path, effective: &str) -> std::process::Output {
    tally()
        .args(["policy", "publish", "--effective", effective, "--data"])
        .arg(data)
        .arg(file)
        .output()
        .unwrap()
}

#[test]
fn a_new_node_has_the_bundled_policies() {
    let (_folder, data) = scratch();
    let listed = list(&data);
    let products: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["product"].as_str().unwrap())
        .collect();
    let bundled = tally_bundled::all().iter().map(|bundled| bundled.name);
    assert_eq!(products, bundled.collect::<Vec<_>>());
    assert_eq!(list(&data), listed, "opening again changes nothing");
}

#[test]
fn what_is_refused_is_named_and_changes_nothing() {
    let (folder, data) = scratch();
    let before = list(&data);
    let bundled = tally_bundled::all()[0].component;
    let junk = b"not wasm at all".to_vec();
    let module = b"\0asm\x01\0\0\0".to_vec();
    let truncated = bundled[..bundled.len() / 2].to_vec();
    let huge = vec![0; (8 << 20) + 1];
    for (name, bytes, number) in [
        ("empty", Vec::new(), "P101"),
        ("junk", junk, "P101"),
        ("module", module, "P103"),
        ("truncated", truncated, "P104"),
        ("huge", huge, "P102"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let output = publish(&data, &path, "2026-01-01");
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(
            errors(&output).contains(number),
            "{name}: {}",
            errors(&output)
        );
        assert_eq!(list(&data), before, "{name}");
    }
    let path = folder.path().join("bundled.wasm");
    std::fs::write(&path, bundled).unwrap();
    let effective = before[0]["effective"].as_str().unwrap();
    let output = publish(&data, &path, effective);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("P119"), "{}", errors(&output));
    assert_eq!(list(&data), before);

    let missing = publish(&data, &folder.path().join("nowhere.wasm"), "2026-01-01");
    assert_eq!(missing.status.code(), Some(1));
    let wrong = publish(&data, &path, "1 January");
    assert_eq!(wrong.status.code(), Some(2), "wrong use");
    assert_eq!(list(&data), before);

    let output = publish(&data, &path, "2027-01-01");
    assert!(text(&output, 0).contains("2027-01-01"));
    let more = tally_bundled::all().len() + 1;
    assert_eq!(list(&data).as_array().unwrap().len(), more);
}
