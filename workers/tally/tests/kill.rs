//! Kill -9 at seeded moments, and an abort at each place where it would hurt:
//! nothing is lost, nothing is done twice, and the ledger holds.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{errors, exported, json, scratch, tally};
use serde_json::Value;

/// The main job on a node's folder; stopped and run again, it goes on.
fn demo(data: &Path, seed: u64) -> Command {
    let mut command = tally();
    command
        .args(["demo", "--once", "--json", "--claims", "250", "--seed"])
        .arg(seed.to_string())
        .arg("--data")
        .arg(data);
    command
}

/// What a node came to: the demo's own account, and every outcome.
struct Came {
    account: Value,
    outcomes: (usize, String),
}

#[track_caller]
fn finish(data: &Path, seed: u64) -> Came {
    let output = demo(data, seed).output().unwrap();
    let mut account = json(&output, 0);
    // The ledger has salts of its own, and time passes.
    assert_eq!(account["ledger"]["verified"], true);
    let account = account.as_object_mut().unwrap();
    account.remove("ledger");
    account.remove("seconds");
    Came {
        account: Value::from(account.clone()),
        outcomes: exported(data),
    }
}

#[track_caller]
fn check(data: &Path, seed: u64, undisturbed: &Came) {
    let ours = finish(data, seed);
    assert_eq!(ours.outcomes.0, undisturbed.outcomes.0, "lost or doubled");
    assert_eq!(ours.account, undisturbed.account);
    assert_eq!(ours.outcomes.1, undisturbed.outcomes.1);
    assert_eq!(ours.account["replay"]["chain_breaks"], 0);
}

fn undisturbed(seed: u64) -> Came {
    let (_folder, data) = scratch();
    let came = finish(&data, seed);
    assert!(came.outcomes.0 > 150, "{} claims", came.outcomes.0);
    came
}

#[test]
fn killed_at_seeded_moments_nothing_is_lost_or_doubled() {
    let expected = undisturbed(7);
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut kills = 0;
    for _ in 0..3 {
        let (_folder, data) = scratch();
        for _ in 0..12 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut child = demo(&data, 7)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(100 + random % 1500));
            // SIGKILL: nothing of it can be caught.
            child.kill().unwrap();
            kills += i32::from(child.wait().unwrap().code().is_none());
        }
        check(&data, 7, &expected);
    }
    assert!(kills > 10, "only {kills} of the runs were killed");
}

#[test]
fn stopped_at_each_place_where_it_would_hurt() {
    let expected = undisturbed(11);
    let (_folder, data) = scratch();
    for place in [
        "before-accept=abort",
        "after-accept=abort@2",
        "before-accept=abort@3",
        "adjudicated=abort@5",
        "before-commit=abort",
        "after-commit=abort",
        "before-append=abort",
        "after-append=abort",
        "adjudicated=panic@3",
        "before-commit=abort@2",
        "after-commit=abort@2",
    ] {
        let output = demo(&data, 11)
            .env("TALLY_FAILPOINT", place)
            .output()
            .unwrap();
        assert_ne!(output.status.code(), Some(0), "{place} was not reached");
    }
    check(&data, 11, &expected);
}

#[test]
fn two_processes_at_once_do_each_claim_once() {
    let expected = undisturbed(13);
    let (_folder, data) = scratch();
    let children: Vec<_> = (0..2)
        .map(|_| {
            demo(&data, 13)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(!errors(&output).contains("error:"), "{}", errors(&output));
    }
    check(&data, 13, &expected);
}
