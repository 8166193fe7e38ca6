//! What puts a claim right is checked by what decided the claim.

use crate::{Office, day, id};

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
