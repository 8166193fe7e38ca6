//! What puts a claim right: it is checked by what decided the claim, is taken in again when
//! it was given up, and is found when it was altered.

use std::path::Path;

use serde_json::Value;
use tally::node::Node;
use tally::node::clock::Clock;
use tally_types::ServiceDate;

use crate::common::{errors, tally, text};
use crate::{Office, day, id, today};

/// What decided a claim is what a review of it is checked against, whatever is in force now.
#[test]
fn what_is_overturned_goes_by_what_decided_it() {
    let office = Office::new();
    let claim = office.denied("P-1");
    let lines = [("73721", "900.00"), ("70551", "650.00")];
    let other = office.submit("P-2", "M-8", &day(3), &lines);
    let appeal = id(&office.file(&claim, "provider"));
    office.publish();
    let review = office.in_part();
    let decide = ["appeal", "decide", &appeal, "--reason", "x", "--overturn"];
    let decided = office.json(&[&decide[..], &[&review]].concat());
    assert_eq!(decided["decision"]["done"], true, "{decided:#}");
    assert_eq!(decided["changes"][0]["corrected"]["paid"], "100.00");
    assert_eq!(office.eob(&claim)["status"], "paid");
    let by_hand = ["claim", "review", &other, &review, "--reason", "as read"];
    office.json(&by_hand);
    assert_eq!(office.eob(&other)["status"], "paid");
    office.sound();

    // By the contract as it was put right, once all was decided anew by it.
    let office = Office::new();
    office.enrol(&day(5));
    let claim = office.denied("E-1");
    let appeal = id(&office.file(&claim, "provider"));
    let decide = ["appeal", "decide", &appeal, "--reason", "x", "--overturn"];
    let refused = office.refused(&[&decide[..], &[&review]].concat());
    assert!(refused.contains("without a policy"), "{refused}");
    office.enrol("2025-01-01");
    office.json(&["claim", "readjudicate", "--all", "--reason", "put right"]);
    office.json(&[&decide[..], &[&review]].concat());
    assert_eq!(office.eob(&claim)["status"], "paid");

    // What the engine denies for what came before it is none of a policy's.
    let visit = [("99213", "180.00")];
    office.submit("V-1", "M-8", &day(7), &visit);
    let twice = office.submit("V-2", "M-8", &day(7), &visit);
    let by_hand = ["claim", "review", &twice, &review, "--reason", "as read"];
    let refused = office.refused(&by_hand);
    assert!(refused.contains("without a policy"), "{refused}");
    office.sound();
}

/// An act that was given up after host faults locks nothing, and is taken in again.
#[test]
fn an_act_that_was_given_up_is_taken_in_again() {
    let office = Office::new();
    let review = office.in_part();
    let lines = [("73721", "900.00"), ("70551", "650.00")];
    let given_up = |control: &str, member: &str| {
        let claim = office.submit(control, member, &day(2), &lines);
        let appeal = id(&office.file(&claim, "provider"));
        let decide = ["appeal", "decide", &appeal, "--reason", "x", "--overturn"];
        let killed = tally()
            .args([&decide[..], &[&review]].concat())
            .arg("--config")
            .arg(&office.config)
            .env("TALLY_FAILPOINT", "after-accept=abort")
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "it was not killed");
        let shown = office.json(&["appeal", "show", &appeal]);
        let act = shown["decision"]["act"].as_str().unwrap().to_owned();
        set_aside(&office.data, &act);
        text(&office.run(&["queue", "dead", "discard", &act]), 0);
        (claim, appeal, act)
    };
    let (claim, appeal, act) = given_up("G-1", "M-9");
    let found = office.run(&["ledger", "fsck"]);
    assert!(errors(&found).contains("was discarded"), "{found:?}");
    let shown = text(&office.run(&["appeal", "show", &appeal]), 0);
    assert!(shown.contains("discarded"), "{shown}");
    let decide = ["appeal", "decide", &appeal, "--reason", "x", "--overturn"];
    let decided = office.json(&[&decide[..], &[&review]].concat());
    assert_eq!(decided["decision"]["done"], true, "{decided:#}");
    assert_ne!(decided["decision"]["act"], act.as_str());
    assert_eq!(decided["changed"], Value::Null, "{decided:#}");
    assert_eq!(office.eob(&claim)["paid"], "100.00");
    let ended = office.refused(&[&decide[..], &[&review]].concat());
    assert!(ended.contains("nothing follows"), "{ended}");
    let next = office.file(&claim, "member");
    assert_eq!(next["level"]["number"], 2, "{next:#}");

    // Or it is left, and the next level is open.
    let (claim, appeal, _) = given_up("G-2", "M-8");
    let next = office.file(&claim, "member");
    assert_eq!(next["level"]["number"], 2, "{next:#}");
    let decide = ["appeal", "decide", &appeal, "--reason", "x", "--overturn"];
    let refused = office.refused(&[&decide[..], &[&review]].concat());
    assert!(refused.contains("was filed since"), "{refused}");
    office.sound();
}

/// Sets an act aside, as after host faults.
fn set_aside(data: &Path, act: &str) {
    use tally_store::port::Work as _;
    let act = tally_core::claim::ClaimId::parse(act).unwrap();
    let day = ServiceDate::parse(&today().to_string()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let node = Node::open(data, Clock::simulated(day)).await.unwrap();
        let is_aside = node.store().failed(act, 1, "the disk was full").await;
        assert!(is_aside.unwrap());
    });
}

/// A day that was moved past the guards is found.
#[test]
fn the_days_of_an_appeal_are_checked() {
    let office = Office::new();
    let claim = office.denied("F-1");
    let appeal = id(&office.file(&claim, "provider"));
    text(&office.run(&["ledger", "fsck"]), 0);
    for (there, back, expected) in [
        (
            "DROP TRIGGER appeal_never_changes; UPDATE appeal SET filed = filed + 1",
            "UPDATE appeal SET filed = filed - 1",
            "its level or its day is listed otherwise",
        ),
        (
            "UPDATE appeal SET level = 2",
            "UPDATE appeal SET level = 1",
            "its level or its day is listed otherwise",
        ),
        (
            "DROP TRIGGER appeal_event_never_changes; UPDATE appeal_event SET day = day + 1",
            "UPDATE appeal_event SET day = day - 1",
            "does not open",
        ),
    ] {
        office.alter(there);
        let found = office.run(&["ledger", "fsck"]);
        assert!(errors(&found).contains(expected), "{}", errors(&found));
        office.alter(back);
        text(&office.run(&["ledger", "fsck"]), 0);
    }
    office.json(&["appeal", "show", &appeal]);
}
