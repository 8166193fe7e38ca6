//! What an author is told when a policy does not build.

use std::path::Path;

use tally_policy_build::{build, template};

/// A fresh policy, changed, and what building it says.
fn said(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    template("north-plan", &policy).unwrap();
    change(&policy);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("errors");
    build(&policy, &target).err().unwrap().to_string()
}

fn edit(policy: &Path, name: &str, from: &str, to: &str) {
    let path = policy.join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{name}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn a_folder_that_is_no_policy_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let error = build(empty.path(), &empty.path().join("out"))
        .err()
        .unwrap();
    contains(&error.to_string(), &["no Cargo.toml", "tally policy new"]);
    let missing = empty.path().join("missing");
    let error = build(&missing, &empty.path().join("out")).err().unwrap();
    contains(&error.to_string(), &["missing"]);
}

#[test]
fn all_that_is_built_lies_in_the_folder() {
    let text = said(|policy| {
        edit(
            policy,
            "Cargo.toml",
            "[workspace]",
            "[dependencies.x]\npath = \"../x\"\n[workspace]",
        );
    });
    contains(&text, &["Cargo.toml", "`x` is at ../x, outside"]);
    let text = said(|policy| edit(policy, "Cargo.toml", "tally-sdk =", "other ="));
    contains(&text, &["no `tally-sdk"]);
    let text = said(|policy| edit(policy, "Cargo.toml", "[package]", "[package"));
    contains(&text, &["Cargo.toml"]);
}

#[test]
fn a_mistake_in_the_code_is_shown_with_its_line() {
    let text = said(|policy| edit(policy, "src/lib.rs", "work.finish()", "work.finnish()"));
    contains(&text, &["does not compile", "src/lib.rs", "finnish"]);
    // Numbers that are no dates, amounts or codes do not compile either.
    let text = said(|policy| {
        edit(
            policy,
            "src/lib.rs",
            "date(2025, 1, 1)",
            "date(2025, 2, 29)",
        )
    });
    contains(&text, &["no such date"]);
    let text = said(|policy| edit(policy, "src/lib.rs", "\"500.00\"", "\"500.005\""));
    contains(&text, &["not an amount"]);
    let text = said(|policy| edit(policy, "src/lib.rs", "#![no_std]", ""));
    contains(&text, &["put `#![no_std]` first in src/lib.rs"]);
    let stands = "`#[policy]` stands on `impl Policy for YourPlan { … }`";
    for (from, to, says) in [
        (
            "pub struct ThisPlan;",
            "#[policy]\npub struct ThisPlan;",
            stands,
        ),
        ("impl Policy for ThisPlan", "impl ThisPlan", stands),
        (
            "#[policy]",
            "#[policy(strict)]",
            "`#[policy]` takes no arguments",
        ),
        (
            "impl Policy for",
            "impl Plan for",
            "expected trait, found struct `Plan`",
        ),
    ] {
        let text = said(|policy| edit(policy, "src/lib.rs", from, to));
        contains(&text, &["does not compile", says]);
    }
}

#[test]
fn a_lock_file_that_is_out_of_date_is_said() {
    let text = said(|policy| {
        edit(
            policy,
            "Cargo.lock",
            "name = \"north-plan\"\nversion = \"0.1.0\"",
            "name = \"north-plan\"\nversion = \"0.0.9\"",
        );
    });
    contains(&text, &["Cargo.lock is out of date"]);
}

#[test]
fn a_wrong_table_is_shown_with_its_line() {
    let text = said(|policy| edit(policy, "tables/fees.csv", "92.00", "92.0000001"));
    contains(&text, &["tables/fees.csv", "line 4, column `fee:price`"]);
}

#[test]
fn a_lock_file_is_made_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    template("north-plan", &policy).unwrap();
    let lock = policy.join("Cargo.lock");
    let given = std::fs::read_to_string(&lock).unwrap();
    std::fs::remove_file(&lock).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("errors");
    build(&policy, &target).unwrap();
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), given);
}
