//! What enrolment learns later: flags follow from the set of claims and from
//! what is known, not from the order in which it became known.

mod common;

use std::path::Path;
use std::process::Output;

use common::{errors, json, scratch, tally};
use serde_json::Value;

fn run(data: &Path, arguments: &[&str]) -> std::process::Output {
    tally()
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

/// A member of a contract, with one span of cover.
fn member(product: &str, id: &str, relationship: &str, spans: &str) -> String {
    format!(
        r#"{{"id":"{id}","name":"Robin Example","birth":"1980-05-02","sex":"female",
        "relationship":"{relationship}","spans":[{{"product":"{product}",{spans}}}]}}"#
    )
}

fn contract(id: &str, members: &[String]) -> String {
    format!(
        r#"{{"format":"tallystick-contract/v1","id":"{id}","inception":"2025-01-01","members":[{}]}}"#,
        members.join(",")
    )
}

/// Asserts that what is stored agrees with itself and is decided alike once more.
fn assert_sound(data: &Path) {
    let checked = json(&run(data, &["ledger", "fsck", "--json"]), 0);
    assert_eq!(checked["faults"].as_array().map(Vec::len), Some(0));
    let replayed = json(&run(data, &["ledger", "replay", "--json"]), 0);
    assert_eq!(replayed["identical"], true, "{replayed:#}");
}

/// Imports a file of contracts, with more arguments; it must end with `code`.
fn import_file(folder: &Path, data: &Path, text: &str, more: &[&str], code: i32) -> Output {
    let path = folder.join("family.json");
    std::fs::write(&path, text).unwrap();
    let arguments = [&["member", "import", path.to_str().unwrap()], more].concat();
    let output = run(data, &arguments);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    output
}

fn import(folder: &Path, data: &Path, death: &str) {
    let text = format!(
        r#"{{"format":"tallystick-contract/v1","id":"C-9","inception":"2025-01-01","members":[
            {{"id":"M-9","name":"Robin Example","birth":"1950-05-02"{death},"sex":"female",
            "relationship":"subscriber","spans":[{{"product":"harbor-ppo","from":"2025-01-01"}}]}}]}}"#
    );
    import_file(folder, data, &text, &[], 0);
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
    // Decided anew, it is denied, and flagged all the same.
    let claim = submitted["claims"][0].as_str().unwrap();
    let anew = || {
        let anew = ["claim", "readjudicate", claim, "--reason", "x", "--json"];
        json(&run(&data, &anew), 0);
        json(&run(&data, &["claim", "eob", claim, "--json"]), 0)
    };
    let denied = anew();
    assert_eq!(denied["status"], "denied", "{denied:#}");
    let reason = &denied["lines"][0]["adjustments"][0];
    assert_eq!(
        (&reason["group"], &reason["carc"]),
        (&"CO".into(), &13.into())
    );
    assert_eq!(flagged(&data), 1);
    import(folder.path(), &data, r#","death":"2026-04-01""#);
    assert_eq!(flagged(&data), 0);
    assert_ne!(anew()["lines"][0]["adjustments"][0]["carc"], 13);
}

/// What a bridge comes to under Brook Dental on 2 March 2026, by spans of cover.
async fn bridge(spans: &str) -> (tally_core::adjudication::Status, String) {
    use tally::node::clock::Clock;
    use tally::node::{Delivery, Node};
    use tally_store::port::Reading as _;
    let (_folder, data) = scratch();
    let day = tally_types::ServiceDate::parse("2026-03-05").unwrap();
    let node = Node::open(&data, Clock::simulated(day)).await.unwrap();
    let family = format!(
        r#"{{"format":"tallystick-contract/v1","id":"C-9","inception":"2020-01-01","members":[
        {{"id":"M-9","name":"Robin Example","birth":"1975-05-05","sex":"female",
        "relationship":"subscriber","spans":[{spans}]}}]}}"#
    );
    let contracts = tally_core::interchange::read_contracts(family.as_bytes()).unwrap();
    node.enrol(&contracts[0], false).await.unwrap();
    let claim = r#"{"format":"tallystick-claim/v1","kind":"oral","control_number":"B-1",
        "member":"M-9","billing":"2000500001","lines":[{"procedure":"D6240","system":"cdt",
        "quantity":"1","charge":"948.00","from":"2026-03-02","teeth":[{"code":"13"}]}]}"#;
    let sent = Delivery::local(claim.as_bytes(), None);
    let submitted = node.submit(sent).await.unwrap();
    assert!(submitted.refusals.is_empty(), "{:?}", submitted.refusals);
    node.drain(&|_| ()).await.unwrap();
    let row = node
        .store()
        .claim(submitted.claims[0])
        .await
        .unwrap()
        .unwrap();
    let outcome = row.outcome.unwrap();
    (outcome.status, outcome.paid.to_string())
}

/// Clause 4.12: a renewal without a gap goes on, a gap begins the waiting period anew.
#[tokio::test]
async fn a_renewal_begins_no_waiting_period_anew() {
    use tally_core::adjudication::Status;
    let before = r#"{"product":"brook-dental","from":"2020-01-01","through":"2025-12-31"}"#;
    let renewed = |from| format!(r#"{before},{{"product":"brook-dental","from":"{from}"}}"#);
    let (status, paid) = bridge(&renewed("2026-01-01")).await;
    assert_eq!((status, paid.as_str()), (Status::Paid, "444.00"));
    let (status, _) = bridge(&renewed("2026-01-02")).await;
    assert_eq!(status, Status::Denied);
}

/// A member who moves takes nothing along: claims of before stay with the old
/// contract, those of after are the new one's, and a replay agrees.
#[test]
fn a_member_moves_between_contracts_in_the_order_of_both() {
    let (folder, data) = scratch();
    let family = |id: &str, members: &[(&str, &str)]| {
        let members = members.iter().map(|(id, relationship)| {
            member("harbor-ppo", id, relationship, r#""from":"2025-01-01""#)
        });
        contract(id, &members.collect::<Vec<_>>())
    };
    let import = |text: &str, more: &[&str], code| {
        errors(&import_file(folder.path(), &data, text, more, code))
    };
    let submit = |control: &str, member: &str, ago: i32| {
        let from = tally::node::clock::Clock::System
            .today()
            .plus_days(-ago)
            .unwrap();
        let path = folder.path().join(format!("{control}.json"));
        std::fs::write(
            &path,
            format!(
                r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{control}",
                "member":"{member}","billing":"2000001372","diagnoses":["J06.9"],"lines":[
                {{"procedure":"99213","place":"11","quantity":"1","charge":"180.00","from":"{from}"}}]}}"#
            ),
        )
        .unwrap();
        let submitted = json(
            &run(
                &data,
                &["claim", "submit", "--json", path.to_str().unwrap()],
            ),
            0,
        );
        assert_eq!(submitted["accepted"], 1, "{submitted}");
    };
    let moved_by = |member: &str| -> usize {
        let shown = json(&run(&data, &["member", "show", member, "--json"]), 0);
        let balances = shown["accumulators"].as_array().unwrap();
        let moved = balances
            .iter()
            .map(|balance| balance["moved"].as_array().unwrap().len());
        moved.max().unwrap_or(0)
    };
    import(
        &family("C-1", &[("M-1", "subscriber"), ("M-2", "spouse")]),
        &[],
        0,
    );
    import(&family("C-2", &[("M-3", "subscriber")]), &[], 0);
    submit("A-1", "M-2", 6);
    submit("A-2", "M-1", 5);
    // Their cover there begins between the claims of before and those of after.
    let began = tally::node::clock::Clock::System
        .today()
        .plus_days(-5)
        .unwrap();
    let stays = member("harbor-ppo", "M-3", "subscriber", r#""from":"2025-01-01""#);
    let joins = member(
        "harbor-ppo",
        "M-2",
        "spouse",
        &format!(r#""from":"{began}""#),
    );
    let joined = contract("C-2", &[stays, joins]);
    let refused = import(&joined, &[], 1);
    assert!(
        refused.contains("enrolled under another contract"),
        "{refused}"
    );
    assert!(refused.contains("--move"), "{refused}");
    let before = moved_by("M-1");
    import(&joined, &["--move"], 0);
    submit("A-3", "M-2", 4);
    submit("A-4", "M-1", 3);
    submit("A-5", "M-3", 2);
    let after = moved_by("M-1");
    assert!(before > 0 && after > before, "{before} {after}");
    // Decided anew by a contract that names the member no more, what came before stays
    // with the version that did.
    import(&family("C-1", &[("M-1", "subscriber")]), &[], 0);
    let anew = [
        "claim",
        "readjudicate",
        "--all",
        "--reason",
        "moved",
        "--json",
    ];
    let said = json(&run(&data, &anew), 0);
    assert_eq!(
        said["changes"].as_array().map(Vec::len),
        Some(0),
        "{said:#}"
    );
    let replayed = json(&run(&data, &["ledger", "replay", "--json"]), 0);
    assert_eq!(replayed["chain_breaks"], 0, "{replayed}");
    let checked = json(&run(&data, &["ledger", "fsck", "--json"]), 0);
    assert_eq!(
        checked["faults"].as_array().map(Vec::len),
        Some(0),
        "{checked}"
    );
}

/// Who left is named by the old contract still, with the end of their cover: a family is
/// counted as it was on the day, whatever is decided anew.
#[test]
fn who_left_counts_for_the_days_before() {
    let (folder, data) = scratch();
    let import = |contracts: &[String], more: &[&str], code| {
        let text = format!("[{}]", contracts.join(","));
        import_file(folder.path(), &data, &text, more, code);
    };
    let today = tally::node::clock::Clock::System.today();
    let ago = |days: i32| today.plus_days(-days).unwrap();
    let since = r#""from":"2025-01-01""#;
    let stays = member("summit-hdhp", "M-1", "subscriber", since);
    import(
        &[contract(
            "C-1",
            &[stays.clone(), member("summit-hdhp", "M-2", "spouse", since)],
        )],
        &[],
        0,
    );
    let claim = folder.path().join("claim.json");
    let text = format!(
        r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"K-1",
        "member":"M-1","billing":"2000034258","diagnoses":["M17.11"],"lines":[
        {{"procedure":"27447","place":"21","quantity":"1","charge":"5000.00","from":"{}","emergency":true}}]}}"#,
        ago(30)
    );
    std::fs::write(&claim, text).unwrap();
    let submit = ["claim", "submit", "--json", claim.to_str().unwrap()];
    let came = json(&run(&data, &submit), 0)["claims"][0].clone();
    let paid = || {
        let eob = ["claim", "eob", came.as_str().unwrap(), "--json"];
        json(&run(&data, &eob), 0)["paid"].clone()
    };
    let before = paid();
    let left = member(
        "summit-hdhp",
        "M-2",
        "spouse",
        &format!(r#"{since},"through":"{}""#, ago(11)),
    );
    let joined = member(
        "summit-hdhp",
        "M-2",
        "subscriber",
        &format!(r#""from":"{}""#, ago(10)),
    );
    let overlapping = member(
        "summit-hdhp",
        "M-2",
        "subscriber",
        &format!(r#""from":"{}""#, ago(11)),
    );
    let old = contract("C-1", &[stays, left]);
    import(
        &[old.clone(), contract("C-2", &[overlapping])],
        &["--move"],
        1,
    );
    let both = [old, contract("C-2", &[joined])];
    // Again, and in either order, it is the same.
    import(&both, &["--move"], 0);
    import(&[both[1].clone(), both[0].clone()], &["--move"], 0);
    import(&both, &[], 0);
    let anew = [
        "claim",
        "readjudicate",
        "--all",
        "--reason",
        "moved",
        "--json",
    ];
    let said = json(&run(&data, &anew), 0);
    assert_eq!(
        said["changes"].as_array().map(Vec::len),
        Some(0),
        "{said:#}"
    );
    assert_eq!(paid(), before);
    let shown = json(&run(&data, &["member", "show", "M-2", "--json"]), 0);
    assert_eq!(shown["contract"], "C-2", "{shown:#}");
    assert_sound(&data);
}

/// What comes late for a day on which its member was covered by the contract that they
/// left since goes there, whether that contract names them still or not; what is for a
/// day of after goes to the new one. An estimate says the same, and so does what
/// replaces it.
#[test]
fn a_late_claim_goes_where_its_member_was() {
    let today = tally::node::clock::Clock::System.today();
    let ago = |days: i32| today.plus_days(-days).unwrap();
    let since = r#""from":"2025-01-01""#;
    let ended = format!(r#"{since},"through":"{}""#, ago(11));
    let began = format!(r#""from":"{}""#, ago(10));
    let stays = || member("summit-hdhp", "M-1", "subscriber", since);
    let joined = contract("C-2", &[member("summit-hdhp", "M-2", "subscriber", &began)]);
    let named = contract(
        "C-1",
        &[stays(), member("summit-hdhp", "M-2", "spouse", &ended)],
    );
    let alone = contract("C-1", &[stays()]);
    let together = contract(
        "C-1",
        &[stays(), member("summit-hdhp", "M-2", "spouse", since)],
    );
    // The old contract says when they left; it does not name them any more; or it named
    // them for the days that were over when it became known.
    let histories = [
        vec![vec![&together], vec![&named, &joined]],
        vec![vec![&together], vec![&joined], vec![&alone]],
        vec![vec![&joined], vec![&named]],
    ]
    .map(|history| {
        let files = history.into_iter();
        let text = |file: Vec<&String>| {
            let contracts: Vec<&str> = file.into_iter().map(String::as_str).collect();
            format!("[{}]", contracts.join(","))
        };
        files.map(text).collect::<Vec<_>>()
    });
    let text = |member: &str, control: &str, day: i32, replaces: &str| {
        format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{control}",
            "member":"{member}","billing":"2000001372","diagnoses":["J06.9"]{replaces},"lines":[
            {{"procedure":"99213","place":"11","quantity":"1","charge":"180.00","from":"{}"}}]}}"#,
            ago(day)
        )
    };
    for (at, history) in histories.into_iter().enumerate() {
        let (folder, data) = scratch();
        for file in history {
            import_file(folder.path(), &data, &file, &["--move"], 0);
        }
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let submit = |path: &str| {
            let submitted = json(&run(&data, &["claim", "submit", "--json", path]), 0);
            assert_eq!(submitted["accepted"], 1, "{submitted}");
            submitted["claims"][0].as_str().unwrap().to_owned()
        };
        let decided = |claim: &str| json(&run(&data, &["claim", "eob", claim, "--json"]), 0);
        // What the family had borne before it.
        let before = |claim: &Value| {
            let moved = claim["lines"][0]["accumulators"].as_array().unwrap();
            let family = |of: &&Value| of["accumulator"] == "deductible-family";
            moved.iter().find(family).unwrap()["before"].clone()
        };
        let late = write("late.json", &text("M-2", "L-1", 20, ""));
        let estimated = json(&run(&data, &["claim", "estimate", "--json", &late]), 0);
        let came = submit(&late);
        let is = decided(&came);
        assert_eq!(is["status"], "paid", "{at}: {is:#}");
        assert_eq!(is["patient"], "101.50", "{at}: {is:#}");
        assert_eq!(
            estimated["estimates"][0]["patient"], is["patient"],
            "{at}: {estimated:#}"
        );
        // Asked whether they are covered, the payer says so of both days.
        for (day, some_used) in [(20, true), (5, false)] {
            let request = format!(
                r#"{{"resourceType":"CoverageEligibilityRequest","status":"active","id":"Q-1",
                "purpose":["benefits"],"servicedDate":"{}","created":"{today}",
                "patient":{{"identifier":{{"value":"M-2"}}}},
                "provider":{{"identifier":{{"value":"2000001372"}}}},
                "insurer":{{"display":"Harbor"}}}}"#,
                ago(day)
            );
            let request = write("request.json", &request);
            let asked = json(&run(&data, &["eligibility", &request]), 0);
            let insurance = &asked["insurance"][0];
            assert_eq!(insurance["inforce"], true, "{at}: {asked:#}");
            let used = insurance.to_string().contains(r#""value":101.5"#);
            assert_eq!(used, some_used, "{at}: {asked:#}");
        }
        let after = decided(&submit(&write("after.json", &text("M-2", "L-2", 5, ""))));
        assert_eq!(after["status"], "paid", "{at}: {after:#}");
        assert_eq!(before(&after), "0.00", "{at}: {after:#}");
        let replaces = format!(r#","frequency":"replacement","replaces":"{came}""#);
        let again = write("again.json", &text("M-2", "L-1", 21, &replaces));
        let again = decided(&submit(&again));
        assert_eq!(again["status"], "paid", "{at}: {again:#}");
        assert_eq!(before(&again), "0.00", "{at}: {again:#}");
        if at < 2 {
            let theirs = decided(&submit(&write("theirs.json", &text("M-1", "L-3", 4, ""))));
            assert_eq!(before(&theirs), "101.50", "{at}: {theirs:#}");
        }
        assert_sound(&data);
    }
}

/// A claim of after a move, decided before the move was known, goes to the new contract
/// when it is decided anew, once; the balances of both are as if it had always been so.
#[test]
fn a_claim_decided_before_a_move_was_known_goes_to_the_new_contract() {
    let (folder, data) = scratch();
    let today = tally::node::clock::Clock::System.today();
    let ago = |days: i32| today.plus_days(-days).unwrap();
    let member = |id, relationship, spans: &str| member("harbor-ppo", id, relationship, spans);
    let since = r#""from":"2025-01-01""#;
    let import = |contracts: &[String]| {
        let text = format!("[{}]", contracts.join(","));
        import_file(folder.path(), &data, &text, &["--move"], 0);
    };
    let of_1 = |spans: &str| {
        let stays = member("M-1", "subscriber", since);
        contract("C-1", &[stays, member("M-2", "spouse", spans)])
    };
    import(&[of_1(since)]);
    let submit = |control: &str, days: i32| {
        let path = folder.path().join("claim.json");
        let text = format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{control}",
            "member":"M-2","billing":"2000042475","diagnoses":["Z34.90"],"lines":[
            {{"procedure":"76700","place":"11","quantity":"1","charge":"400.00","from":"{}"}}]}}"#,
            ago(days)
        );
        std::fs::write(&path, text).unwrap();
        let arguments = ["claim", "submit", "--json", path.to_str().unwrap()];
        json(&run(&data, &arguments), 0)["claims"][0].clone()
    };
    let (before, after) = (submit("K-1", 20), submit("K-2", 5));
    import(&[
        of_1(&format!(r#"{since},"through":"{}""#, ago(11))),
        contract(
            "C-2",
            &[member(
                "M-2",
                "subscriber",
                &format!(r#""from":"{}""#, ago(10)),
            )],
        ),
    ]);
    let anew = [
        "claim",
        "readjudicate",
        "--all",
        "--reason",
        "moved",
        "--json",
    ];
    let said = json(&run(&data, &anew), 0);
    let changes = said["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{said:#}");
    assert_eq!(changes[0]["reversed"]["claim"], after, "{said:#}");
    assert_eq!(changes[0]["corrected"]["status"], "paid", "{said:#}");
    let moved = changes[0]["corrected"]["claim"].clone();
    let borne = |claim: &Value| {
        let eob = ["claim", "eob", claim.as_str().unwrap(), "--json"];
        let eob = json(&run(&data, &eob), 0);
        let moved = eob["lines"][0]["accumulators"].as_array().unwrap();
        let of = moved.iter().find(|of| of["accumulator"] == "in-deductible");
        of.map(|of| [of["before"].clone(), of["after"].clone()])
            .unwrap()
    };
    assert_eq!(borne(&before), ["0.00", "165.00"]);
    assert_eq!(borne(&moved), ["0.00", "165.00"]);
    let family = json(&run(&data, &["member", "show", "M-1", "--json"]), 0);
    let balances = family["accumulators"].as_array().unwrap();
    let of = balances
        .iter()
        .find(|of| of["accumulator"] == "in-deductible-family");
    assert_eq!(of.unwrap()["used"], "165.00", "{family:#}");
    // Once is enough; and its sender replaces and voids it by either number.
    let again = json(&run(&data, &anew), 0);
    assert_eq!(
        again["changes"].as_array().map(Vec::len),
        Some(0),
        "{again:#}"
    );
    let void = ["claim", "void", after.as_str().unwrap(), "--json"];
    let voided = json(&run(&data, &void), 0);
    assert_eq!(
        voided["changes"][0]["reversed"]["claim"], moved,
        "{voided:#}"
    );
    assert_sound(&data);
}

/// Enrolled afterwards, a member has their claim decided by their contract.
#[test]
fn a_claim_of_a_member_enrolled_afterwards_is_moved() {
    let (folder, data) = scratch();
    let claim = folder.path().join("claim.json");
    let day = chrono::Utc::now().date_naive() - chrono::Days::new(9);
    let text = format!(
        r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"U-1",
        "member":"M-9","billing":"2000001372","diagnoses":["J06.9"],"lines":[
        {{"procedure":"99213","place":"11","quantity":"1","charge":"180.00","from":"{day}"}}]}}"#
    );
    std::fs::write(&claim, text).unwrap();
    let submit = ["claim", "submit", "--json", claim.to_str().unwrap()];
    let submitted = json(&run(&data, &submit), 0);
    let came = submitted["claims"][0].as_str().unwrap();
    import(folder.path(), &data, "");
    let anew = ["claim", "readjudicate", came, "--reason", "x", "--json"];
    let said = json(&run(&data, &anew), 0);
    let change = &said["changes"][0];
    assert_eq!(change["reversed"]["claim"], came, "{said:#}");
    assert_eq!(change["reversed"]["status"], "denied");
    assert_eq!(change["corrected"]["claim"], said["acts"][1]);
    assert_eq!(change["corrected"]["status"], "paid");
    assert_eq!(flagged(&data), 0);
}
