//! What enrolment learns later: flags follow from the set of claims and from
//! what is known, not from the order in which it became known.

mod common;

use std::path::Path;

use common::{json, scratch, tally, text};

fn run(data: &Path, arguments: &[&str]) -> std::process::Output {
    tally()
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

fn import(folder: &Path, data: &Path, death: &str) {
    let path = folder.join("family.json");
    std::fs::write(
        &path,
        format!(
            r#"{{"format":"tallystick-contract/v1","id":"C-9","inception":"2025-01-01","members":[
            {{"id":"M-9","name":"Robin Example","birth":"1950-05-02"{death},"sex":"female",
            "relationship":"subscriber","spans":[{{"product":"harbor-ppo","from":"2025-01-01"}}]}}]}}"#
        ),
    )
    .unwrap();
    text(&run(data, &["member", "import", path.to_str().unwrap()]), 0);
}

fn flagged(data: &Path) -> usize {
    let found = json(
        &run(
            data,
            &["flag", "list", "--json", "--pattern", "service-after-death"],
        ),
        0,
    );
    // Whatever stands is what a replay makes of the claims.
    let replayed = json(&run(data, &["ledger", "replay", "--json"]), 0);
    assert_eq!(replayed["chain_breaks"], 0, "{replayed}");
    found.as_array().unwrap().len()
}

#[test]
fn a_death_that_becomes_known_later_flags_and_its_correction_withdraws() {
    let (folder, data) = scratch();
    import(folder.path(), &data, "");
    let claim = folder.path().join("claim.json");
    std::fs::write(
        &claim,
        r#"{"format":"tallystick-claim/v1","kind":"professional","control_number":"D-1",
        "member":"M-9","billing":"2000001372","diagnoses":["J06.9"],"lines":[
        {"procedure":"99213","place":"11","quantity":"1","charge":"180.00","from":"2026-03-02"}]}"#,
    )
    .unwrap();
    let submitted = json(
        &run(
            &data,
            &["claim", "submit", "--json", claim.to_str().unwrap()],
        ),
        0,
    );
    assert_eq!(submitted["accepted"], 1, "{submitted}");
    assert_eq!(flagged(&data), 0);
    import(folder.path(), &data, r#","death":"2026-02-01""#);
    assert_eq!(flagged(&data), 1);
    import(folder.path(), &data, r#","death":"2026-04-01""#);
    assert_eq!(flagged(&data), 0);
}
