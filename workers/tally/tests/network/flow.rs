//! Claims flow, an authority is killed, a payer cheats.

use std::fs;

use super::*;

#[test]
fn a_payer_that_cheats_is_disputed_and_who_was_killed_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("network");
    let output = tally()
        .args([
            "network",
            "--authorities",
            "4",
            "--claims",
            "60",
            "--once",
            "--json",
        ])
        .args(["--kill", "--tamper", "--data"])
        .arg(&folder)
        .env(traced::SAID.0, traced::SAID.1)
        .output()
        .unwrap();
    let report = json(&output, 0);
    // All that the four processes said they did is what the model's rules allow.
    assert!(traced::holds(&folder) > 200);
    assert_eq!(report["authorities"], 4);
    assert_eq!(report["forks"], 0);
    assert_eq!(report["verified"], true);
    let number = |what: &str| report[what].as_u64().unwrap();
    let checkpoint = &report["checkpoint"];
    assert!(checkpoint["signatures"].as_u64().unwrap() >= 3);
    assert_eq!(checkpoint["cosignatures"], 1);
    assert!(number("agreed") > 0);
    // Whoever was killed runs the policies again all the same.
    let outage = &report["outage"];
    assert_eq!(outage["organisation"], "riverside");
    assert!(outage["started_at"].as_u64() > outage["killed_at"].as_u64());
    // Each dispute is of the payer that cheats, and says where.
    let disputes = report["disputes"].as_array().unwrap();
    assert!(!disputes.is_empty());
    assert_eq!(disputes.len() as u64, number("disputed"));
    for dispute in disputes {
        assert_eq!(dispute["payer"], "harbor-health");
        let difference = dispute["difference"].as_str().unwrap();
        assert!(difference.contains(", ours "), "{difference}");
    }
    let named = |dispute: &&Value| {
        dispute["difference"]
            .as_str()
            .unwrap()
            .contains("allowed 99.00, ours 110.00")
    };
    assert!(disputes.iter().any(|dispute| named(&dispute)));

    // The provider's own people read the same.
    let lakeside = folder.join("lakeside");
    let own = run([
        "ledger",
        "disputes",
        "--json",
        "--data",
        lakeside.to_str().unwrap(),
    ]);
    let own = json(&own, 0);
    let by = |dispute: &&Value| dispute["by"] == "lakeside";
    assert_eq!(
        own.as_array().unwrap().len(),
        disputes.iter().filter(by).count()
    );

    // Receipts hold by the founders' keys alone, and say who signed.
    let trust = folder.join("trust.json");
    let receipts: Vec<_> = fs::read_dir(folder.join("receipts")).unwrap().collect();
    assert_eq!(receipts.len() as u64, number("receipts"));
    let receipt = receipts.into_iter().next().unwrap().unwrap().path();
    let verified = tally()
        .args(["ledger", "verify", "--json", "--trust"])
        .args([&trust, &receipt])
        .output()
        .unwrap();
    let verified = json(&verified, 0);
    let shared = &verified[0]["shared"];
    assert!(
        shared["signers"].as_array().unwrap().len() >= 3,
        "{verified}"
    );
    assert_eq!(shared["log"], "tallystick.example/network");
}

/// A claim of lakeside's, with this charge.
fn claim(charge: &str) -> String {
    serde_json::json!({
        "format": "tallystick-claim/v1", "kind": "professional", "member": "M-900001",
        "control_number": "L-1", "billing": "1234567893", "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": charge, "from": "2026-01-05" }],
    })
    .to_string()
}

#[test]
fn what_a_payer_decided_is_held_against_what_was_sent() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 12);
    let disputes = || status(&folder, "lakeside").and_then(|of| of["disputed"].as_u64());
    // All that the network sent is kept, and was decided as it was sent.
    let sent = folder.join("sent/lakeside");
    assert!(fs::read_dir(&sent).unwrap().count() > 1);
    assert_eq!(disputes(), Some(0));

    // A payer that changes a claim: what it gets is not what is kept here.
    fs::write(sent.join("L-1.json"), claim("120.00")).unwrap();
    post(&folder, "L-1", claim("210.00").into_bytes());
    until("lakeside disputes it", || disputes() == Some(1));
    let data = folder.join("lakeside");
    let own = run([
        "ledger",
        "disputes",
        "--json",
        "--data",
        data.to_str().unwrap(),
    ]);
    let own = json(&own, 0);
    let why = own[0]["difference"].as_str().unwrap();
    assert!(
        why.contains("D104: the claim is not as it was sent: another line"),
        "{own}"
    );
    drop(network);
}
