//! Hostile policies on a real node: what is refused leaves everything as it
//! was, and what breaks its contract pends its claim and moves nothing.

#[path = "../../../tests/hostile/guest.rs"]
#[allow(dead_code)]
mod guest;

mod common;

use std::path::Path;

use common::{errors, json, scratch, tally, text};
use guest::{Guest, description, determination};
use serde_json::Value;
use tally_core::adjudication::{Description, Determination, Verdict};

/// A description that a node takes: the fixture's own names a table that
/// nothing carries.
fn described(product: &str) -> Description {
    Description {
        product: product.into(),
        tables: Vec::new(),
        ..description()
    }
}

fn doing(product: &str, code: &str) -> Guest {
    let mut guest = Guest::saying(&described(product), &determination());
    guest.adjudicate = format!("{code}\n{}", guest.adjudicate);
    guest
}

fn run(data: &Path, arguments: &[&str]) -> std::process::Output {
    tally()
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

fn publish(data: &Path, component: &[u8]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.wasm");
    std::fs::write(&file, component).unwrap();
    let file = file.to_str().unwrap();
    run(
        data,
        &["policy", "publish", file, "--effective", "2026-01-01"],
    )
}

#[test]
fn what_is_refused_is_named_and_leaves_the_list_as_it_was() {
    let (_folder, data) = scratch();
    let before = json(&run(&data, &["policy", "list", "--json"]), 0);
    let sound = || Guest::saying(&described("hostile"), &determination());
    let text = |text: &str| wat::parse_str(text).unwrap();
    let mut over = described("hostile");
    over.clauses.clear();
    for (name, number, component) in [
        (
            "wasi",
            "P109",
            text(r#"(component (import "wasi:random/random@0.2.0" (instance)))"#),
        ),
        (
            "floats",
            "P105",
            sound().with("(func (result f32) (f32.const 1))").build(),
        ),
        (
            "start",
            "P107",
            sound().with("(func $s) (start $s)").build(),
        ),
        (
            "shared memory",
            "P106",
            text("(component (core module (memory 1 1 shared)))"),
        ),
        (
            "recursion",
            "P112",
            sound().with("(func $me (call $me))").build(),
        ),
        ("nested", "P108", text("(component (component))")),
        ("a missing table", "P118", Guest::new().build()),
        (
            "describes nothing",
            "P117",
            Guest::saying(&over, &determination()).build(),
        ),
        ("no memory limit", "P113", {
            let mut guest = sound();
            guest.memory = "3".into();
            guest.build()
        }),
    ] {
        let output = publish(&data, &component);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(
            errors(&output).contains(number),
            "{name}: {}",
            errors(&output)
        );
        let after = json(&run(&data, &["policy", "list", "--json"]), 0);
        assert_eq!(after, before, "{name}");
    }
    assert_eq!(
        json(&run(&data, &["ledger", "fsck", "--json"]), 0)["policies"],
        tally_bundled::all().len()
    );
}

/// Enrols a member under a product and submits a claim of the two lines that
/// the fixtures decide; answers the claim's outcome.
fn submit(data: &Path, product: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let contract = write(
        "contract.json",
        format!(
            r#"{{"format":"tallystick-contract/v1","id":"C-{product}","inception":"2026-01-01","members":[{{"id":"M-{product}",
            "name":"Robin Example","birth":"1984-05-02","sex":"female","relationship":"subscriber",
            "spans":[{{"product":"{product}","from":"2026-01-01"}}]}}]}}"#
        ),
    );
    text(&run(data, &["member", "import", &contract]), 0);
    let claim = write(
        "claim.json",
        format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{product}-1","member":"M-{product}",
            "billing":"1234567893","lines":[
            {{"procedure":"99213","quantity":"1","charge":"150.00","from":"2026-02-03"}},
            {{"procedure":"99214","quantity":"1","charge":"80.00","from":"2026-02-03"}}]}}"#
        ),
    );
    let submitted = json(&run(data, &["claim", "submit", "--json", &claim]), 0);
    assert_eq!(submitted["accepted"], 1, "{submitted}");
    let id = submitted["claims"][0].as_str().unwrap();
    json(&run(data, &["claim", "eob", id, "--json"]), 0)
}

#[test]
fn a_contract_fault_pends_its_claim_and_moves_nothing() {
    let (_folder, data) = scratch();
    let line = |change: fn(&mut tally_core::adjudication::LineDetermination)| {
        let mut lines = vec![guest::line(1), guest::line(2)];
        change(&mut lines[0]);
        Determination {
            verdict: Verdict::Settled(lines),
            findings: Vec::new(),
        }
    };
    let hundred = {
        let mut lines: Vec<_> = vec![guest::line(1); 100];
        lines[1] = guest::line(2);
        Determination {
            verdict: Verdict::Settled(lines),
            findings: Vec::new(),
        }
    };
    let mut failing = Guest::saying(&described("realloc"), &determination());
    failing.realloc = "unreachable".into();
    let says = |product: &str, said: &Determination| Guest::saying(&described(product), said);
    let hazards: Vec<(&str, &str, Guest)> = vec![
        ("loops", "E301", doing("loops", "(loop $l (br $l))")),
        (
            "fills",
            "E301",
            doing(
                "fills",
                "(loop $l (memory.fill (i32.const 65536) (i32.const 1) (i32.const 131072)) (br $l))",
            ),
        ),
        (
            "grows",
            "E301",
            doing(
                "grows",
                "(loop $l (drop (memory.grow (i32.const 1))) (br $l))",
            ),
        ),
        ("gives-up", "E302", doing("gives-up", "unreachable")),
        ("realloc", "E302", failing),
        (
            "asks-nonsense",
            "E305",
            doing(
                "asks-nonsense",
                "(call $lookup (i32.const 7) (i32.const 131072) (i32.const 1) (i32.const 0))",
            ),
        ),
        ("too-many-lines", "E306", says("too-many-lines", &hundred)),
        (
            "unbalanced",
            "E309",
            says(
                "unbalanced",
                &line(|line| line.paid = tally_types::Money::cents(9_999)),
            ),
        ),
        (
            "over-limit",
            "E310",
            says("over-limit", &line(|line| line.postings[0].amount = 50_001)),
        ),
    ];
    for (product, rule, hostile) in hazards {
        text(&publish(&data, &hostile.build()), 0);
        let outcome = submit(&data, product);
        assert_eq!(outcome["status"], "pended", "{product}: {outcome}");
        assert_eq!(outcome["pend"]["clause"], rule, "{product}: {outcome}");
        assert_eq!(outcome["paid"], "0.00");
        assert!(
            !outcome["pend"]["resolution"].as_str().unwrap().is_empty(),
            "{product}"
        );
        let member = format!("M-{product}");
        let shown = json(&run(&data, &["member", "show", "--json", &member]), 0);
        assert_eq!(shown["accumulators"], serde_json::json!([]), "{product}");
    }
    // A sound policy beside them is none the worse.
    text(&publish(&data, &says("sound", &determination()).build()), 0);
    let outcome = submit(&data, "sound");
    assert_eq!(
        (&outcome["status"], &outcome["paid"]),
        (&"paid".into(), &"130.00".into())
    );
    // Each fault is deterministic: it comes out the same on both backends
    // that charge fuel alike, and is left to them by the third.
    for (backend, all) in [("cranelift", true), ("pulley", true), ("winch", false)] {
        let replayed = json(
            &run(&data, &["ledger", "replay", "--json", "--backend", backend]),
            0,
        );
        assert_eq!(replayed["identical"], true, "{replayed}");
        assert_eq!(replayed["chain_breaks"], 0, "{replayed}");
        let sampled = replayed["sampled"].as_u64().unwrap();
        assert!(sampled > 0);
        assert_eq!(
            replayed["sampled"] == replayed["checked"],
            all,
            "{replayed}"
        );
    }
    json(&run(&data, &["ledger", "fsck", "--json"]), 0);
}
