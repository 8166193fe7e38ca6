//! A policy's hash: the same source is the same bytes anywhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use tally_policy_build::{Names, build, build_with, template};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What a child of this test builds; does nothing by itself.
#[test]
fn child() {
    let Some(folder) = std::env::var_os("TALLY_TEST_BUILD") else {
        return;
    };
    let folder = PathBuf::from(folder);
    let built = build(&folder.join("policy"), &folder.join("out")).unwrap();
    std::fs::write(folder.join("component"), built.component).unwrap();
}

/// Builds `folder/policy` in a process of its own.
fn built_by_child(folder: &Path, environment: &[(&str, &Path)]) -> Vec<u8> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "child"])
        .env("TALLY_TEST_BUILD", folder);
    for (name, value) in environment {
        child.env(name, value);
    }
    let done = child.output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stdout)
    );
    std::fs::read(folder.join("component")).unwrap()
}

/// The homes of Rust's tools, found before the test changes where they are
/// looked for.
fn tool_home(name: &str, folder: &str) -> PathBuf {
    std::env::var_os(name).map_or_else(|| std::env::home_dir().unwrap().join(folder), PathBuf::from)
}

#[test]
fn one_source_has_one_hash_wherever_it_is_built() {
    let here = tempfile::tempdir().unwrap();
    let there = tempfile::tempdir().unwrap();
    let there = there.path().join("another/folder with a space");
    template("north-plan", &here.path().join("policy")).unwrap();
    copy(&here.path().join("policy"), &there.join("policy"));
    let one = built_by_child(here.path(), &[]);

    let home = there.join("home");
    std::fs::create_dir_all(&home).unwrap();
    let (cargo, rustup) = (
        tool_home("CARGO_HOME", ".cargo"),
        tool_home("RUSTUP_HOME", ".rustup"),
    );
    let flags = Path::new("-Cdebuginfo=2 -Copt-level=0 --cfg other");
    let two = built_by_child(
        &there,
        &[
            ("HOME", &home),
            ("CARGO_HOME", &cargo),
            ("RUSTUP_HOME", &rustup),
            ("RUSTFLAGS", flags),
            ("CARGO_ENCODED_RUSTFLAGS", flags),
            ("CARGO_PROFILE_RELEASE_OPT_LEVEL", Path::new("0")),
        ],
    );
    assert!(one == two, "{} and {} bytes", one.len(), two.len());

    // No path of either place stands in it.
    for place in [here.path(), &there, &home, &cargo, &rustup] {
        let place = place.to_str().unwrap().as_bytes();
        assert!(!two.windows(place.len()).any(|window| window == place));
    }
}

#[test]
fn a_change_of_source_or_table_is_another_hash_and_a_case_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    let out = folder.path().join("out");
    template("north-plan", &policy).unwrap();
    let first = build(&policy, &out).unwrap();
    let change = |name: &str, from: &str, to: &str| {
        let path = policy.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        build(&policy, &out).unwrap().hash
    };
    assert_eq!(
        change("cases/limits.toml", "1. 1,995.00", "One: 1,995.00"),
        first.hash
    );
    assert_eq!(change("README.md", "A policy:", "This policy:"), first.hash);
    let table = change("tables/fees.csv", "92.00", "93.00");
    assert_ne!(table, first.hash);
    // The order of the rows is no part of a table.
    let fees = "99214,2025-01-01,,130.00\n97110,2025-01-01,,31.50\n";
    let other = "97110,2025-01-01,,31.50\n99214,2025-01-01,,130.00\n";
    assert_eq!(change("tables/fees.csv", fees, other), table);
    let source = change("src/lib.rs", "Rate::percent(20)", "Rate::percent(25)");
    assert_ne!(source, table);
    assert_eq!(
        change("src/lib.rs", "Rate::percent(25)", "Rate::percent(20)"),
        table
    );
    assert_eq!(change("tables/fees.csv", "93.00", "92.00"), first.hash);
    let named = build_with(&policy, &out, Names::Kept).unwrap();
    assert_ne!(named.hash, first.hash);
    assert_eq!(build(&policy, &out).unwrap().hash, first.hash);
}
