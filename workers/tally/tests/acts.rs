//! The past changes by acts: a claim is voided or replaced, a contract is decided
//! anew, a claim is settled by hand. What depends on it comes out as if it had
//! always been so, and all of it can be done again.

mod common;

use std::path::{Path, PathBuf};
use std::process::Output;

use common::{errors, json, scratch, tally, text};
use serde_json::Value;

/// A day some time ago, and so many days after it: all of one calendar year, in
/// which they share a deductible, and none so long ago that it is filed late.
fn day(after: u64) -> String {
    use chrono::{Datelike as _, Days, Utc};
    let today = Utc::now().date_naive();
    let recent = today - Days::new(40);
    let base = match (recent + Days::new(40)).year() == recent.year() {
        true => recent,
        false => today - Days::new(80),
    };
    (base + Days::new(after)).to_string()
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    tally()
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

fn family(folder: &Path, data: &Path, through: &str) {
    let path = folder.join("family.json");
    std::fs::write(
        &path,
        format!(
            r#"{{"format":"tallystick-contract/v1","id":"C-9","inception":"2025-01-01","members":[
            {{"id":"M-9","name":"Robin Example","birth":"1980-05-02","sex":"female",
            "relationship":"subscriber","spans":[{{"product":"harbor-ppo","from":"2025-01-01"{through}}}]}},
            {{"id":"M-8","name":"Alex Example","birth":"2010-05-02","sex":"male",
            "relationship":"child","spans":[{{"product":"harbor-ppo","from":"2025-01-01"}}]}}]}}"#
        ),
    )
    .unwrap();
    text(&run(data, &["member", "import", path.to_str().unwrap()]), 0);
}

/// A claim for a scan, which goes to the deductible first.
fn claim(folder: &Path, control: &str, member: &str, day: &str, charge: &str) -> PathBuf {
    let path = folder.join(format!("{control}.json"));
    std::fs::write(
        &path,
        format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{control}",
            "member":"{member}","billing":"2000001372","diagnoses":["M25.511"],"lines":[
            {{"procedure":"72100","place":"11","quantity":"1","charge":"{charge}","from":"{day}"}},
            {{"procedure":"99213","place":"11","quantity":"1","charge":"180.00","from":"{day}"}}]}}"#
        ),
    )
    .unwrap();
    path
}

fn submit(data: &Path, file: &Path) -> String {
    let output = run(data, &["claim", "submit", "--json", file.to_str().unwrap()]);
    json(&output, 0)["claims"][0].as_str().unwrap().to_owned()
}

/// The balances of the contract, by member, name and period.
fn balances(data: &Path, member: &str) -> Value {
    json(&run(data, &["member", "statement", member, "--json"]), 0)
}

/// Whatever stands is what a replay makes of the claims, and the log says so.
fn sound(data: &Path) {
    let said = |asked: &[&str]| json(&run(data, &[asked, &["--json"]].concat()), 0);
    common::sound(said, &["cranelift", "pulley", "winch"]);
}

fn eob(data: &Path, claim: &str) -> Value {
    json(&run(data, &["claim", "eob", claim, "--json"]), 0)
}

/// What a claim came to, without what names it.
fn lines(view: &Value) -> Value {
    view["lines"].clone()
}

#[test]
fn a_void_leaves_what_would_have_been_without_the_claim() {
    let (folder, data) = scratch();
    let (other, without) = scratch();
    family(folder.path(), &data, "");
    family(other.path(), &without, "");
    let file =
        |n: &str, member: &str, on: &str, charge: &str| claim(folder.path(), n, member, on, charge);
    let first = file("A-1", "M-9", &day(0), "210.00");
    let second = file("A-2", "M-9", &day(7), "260.00");
    let third = file("A-3", "M-8", &day(27), "150.00");
    let voided = submit(&data, &first);
    let kept: Vec<String> = [&second, &third].map(|f| submit(&data, f)).into();
    let expected: Vec<String> = [&second, &third].map(|f| submit(&without, f)).into();

    let before = eob(&data, &kept[0]);
    assert_eq!(before["status"], "paid", "{before:#}");
    let said = json(&run(&data, &["claim", "void", &voided, "--json"]), 0);
    let changes = said["changes"].as_array().unwrap();
    assert_eq!(changes[0]["reversed"]["claim"], voided.as_str(), "{said:#}");
    assert_eq!(changes[0]["corrected"], Value::Null);
    assert!(changes.len() > 1, "later claims depend on it: {said:#}");
    assert_ne!(lines(&before), lines(&eob(&data, &kept[0])));
    for (ours, theirs) in kept.iter().zip(&expected) {
        assert_eq!(lines(&eob(&data, ours)), lines(&eob(&without, theirs)));
    }
    let accounts = |data: &Path| {
        let statement = balances(data, "M-9");
        statement["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|account| (account["name"].clone(), account["balance"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(accounts(&data), accounts(&without));
    sound(&data);

    // Asked again it is the same void; it is not voided twice.
    let again = json(&run(&data, &["claim", "void", &voided, "--json"]), 0);
    assert_eq!(again["acts"], said["acts"]);
    // What was voided cannot be replaced.
    let refused = run(
        &data,
        &["claim", "replace", &voided, second.to_str().unwrap()],
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("I311"), "{}", errors(&refused));
    // All that it ever came to is there.
    let history = json(&run(&data, &["claim", "history", &voided, "--json"]), 0);
    let outcomes = history["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0]["taken_back"]["by"], said["acts"][0]);
    assert!(outcomes[0]["taken_back"]["entry"].as_u64() > outcomes[0]["entry"].as_u64());
}

#[test]
fn a_replacement_stands_where_the_original_stood() {
    let (folder, data) = scratch();
    let (other, right) = scratch();
    family(folder.path(), &data, "");
    family(other.path(), &right, "");
    let file = |n: &str, charge| claim(folder.path(), n, "M-9", &day(0), charge);
    let wrong = submit(&data, &file("B-1", "410.00"));
    let later = claim(folder.path(), "B-2", "M-8", &day(17), "150.00");
    let dependent = submit(&data, &later);
    let corrected = file("B-3", "95.00");
    text(&run(&data, &["payment", "run"]), 0);

    let said = json(
        &run(
            &data,
            &[
                "claim",
                "replace",
                &wrong,
                corrected.to_str().unwrap(),
                "--json",
            ],
        ),
        0,
    );
    let replacement = said["acts"][0].as_str().unwrap().to_owned();
    assert_eq!(said["changes"][0]["reversed"]["claim"], wrong.as_str());
    assert_eq!(
        said["changes"][0]["corrected"]["claim"],
        replacement.as_str(),
        "{said:#}"
    );
    let first = submit(&right, &corrected);
    let second = submit(&right, &later);
    assert_eq!(
        lines(&eob(&data, &replacement)),
        lines(&eob(&right, &first))
    );
    assert_eq!(lines(&eob(&data, &dependent)), lines(&eob(&right, &second)));
    sound(&data);

    // The payee is told of both: the reversal first, and what is left of the two.
    let told = run(
        &data,
        &[
            "claim",
            "remittance",
            &replacement,
            "--output-format",
            "x12",
        ],
    );
    let told = text(&told, 0);
    let segments: Vec<Vec<&str>> = told
        .split('~')
        .map(|segment| segment.trim().split('*').collect())
        .collect();
    let of = |tag: &'static str| segments.iter().filter(move |segment| segment[0] == tag);
    let claims: Vec<&Vec<&str>> = of("CLP").collect();
    assert_eq!(claims.len(), 2, "{told}");
    let cents = |text: &str| tally_types::Money::parse(text).unwrap().scaled();
    assert_eq!(claims[0][2], "22");
    assert_eq!(claims[0][7], wrong);
    assert_eq!(claims[1][7], replacement);
    assert_ne!(claims[1][2], "22");
    assert_eq!(cents(claims[0][3]), -59_000);
    let net = cents(claims[0][4]) + cents(claims[1][4]);
    let paid = cents(of("BPR").next().unwrap()[2]);
    let carried: i64 = of("PLB").map(|plb| cents(plb[4])).sum();
    assert_eq!(paid, net - carried, "{told}");
    let json_told = run(&data, &["claim", "remittance", &wrong, "--json"]);
    let json_told = json(&json_told, 0);
    assert_eq!(json_told[0]["reversed"][0]["claim"], wrong.as_str());
    assert_eq!(json_told[0]["claims"][0]["claim"], replacement.as_str());

    // A replacement can be replaced, by its own number or by that of the first, and
    // voided in the end.
    let again = file("B-4", "120.00");
    let said = json(
        &run(
            &data,
            &[
                "claim",
                "replace",
                &wrong,
                again.to_str().unwrap(),
                "--json",
            ],
        ),
        0,
    );
    assert_eq!(
        said["changes"][0]["reversed"]["claim"],
        replacement.as_str()
    );
    let last = said["acts"][0].as_str().unwrap().to_owned();
    json(&run(&data, &["claim", "void", &last, "--json"]), 0);
    sound(&data);
    // By whichever of its numbers, it is voided for good.
    for number in [&wrong, &replacement, &last] {
        let file = file("B-6", "120.00");
        let replace = ["claim", "replace", number, file.to_str().unwrap()];
        let void = ["claim", "void", number];
        let tried = [Some(&replace[..]), (number != &last).then_some(&void[..])];
        for arguments in tried.into_iter().flatten() {
            let refused = run(&data, arguments);
            assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
            assert!(
                errors(&refused).contains("was voided"),
                "{}",
                errors(&refused)
            );
        }
    }
    let history = json(&run(&data, &["claim", "history", &wrong, "--json"]), 0);
    assert_eq!(
        history["outcomes"].as_array().unwrap().len(),
        3,
        "{history:#}"
    );

    // Who is not of the contract takes no place in it; what is not known neither.
    let stranger = claim(folder.path(), "B-5", "M-77", &day(0), "95.00");
    for of in [dependent.as_str(), "0123456789abcdef0123456789abcdef"] {
        let refused = run(&data, &["claim", "replace", of, stranger.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(errors(&refused).contains("I311"), "{}", errors(&refused));
    }
}

#[test]
fn eligibility_that_changes_afterwards_is_decided_anew() {
    let (folder, data) = scratch();
    let (other, known) = scratch();
    family(folder.path(), &data, "");
    family(
        other.path(),
        &known,
        &format!(r#","through":"{}""#, day(20)),
    );
    let files = [
        claim(folder.path(), "E-1", "M-9", &day(0), "210.00"),
        claim(folder.path(), "E-2", "M-9", &day(35), "260.00"),
        claim(folder.path(), "E-3", "M-8", &day(37), "150.00"),
    ];
    let ours: Vec<String> = files.iter().map(|file| submit(&data, file)).collect();
    let theirs: Vec<String> = files.iter().map(|file| submit(&known, file)).collect();
    // Nothing has changed: nothing comes out otherwise.
    let anew = |reason: &str| {
        json(
            &run(
                &data,
                &[
                    "claim",
                    "readjudicate",
                    "--member",
                    "M-9",
                    "--reason",
                    reason,
                    "--json",
                ],
            ),
            0,
        )
    };
    assert_eq!(anew("to see")["changes"].as_array().unwrap().len(), 0);
    // Cover had ended, as becomes known now.
    family(
        folder.path(),
        &data,
        &format!(r#","through":"{}""#, day(20)),
    );
    let said = anew("cover ended");
    assert!(!said["changes"].as_array().unwrap().is_empty());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(lines(&eob(&data, ours)), lines(&eob(&known, theirs)));
    }
    sound(&data);
    // A later void goes by what is known by now.
    json(&run(&data, &["claim", "void", &ours[0], "--json"]), 0);
    sound(&data);
    let waiting = run(&data, &["claim", "void", &ours[1], "--json"]);
    json(&waiting, 0);
    sound(&data);
}

#[test]
fn a_claim_that_waits_is_settled_by_hand_through_the_same_checks() {
    let (folder, data) = scratch();
    family(folder.path(), &data, "");
    let path = folder.path().join("R-1.json");
    std::fs::write(
        &path,
        format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"R-1",
            "member":"M-9","billing":"2000001372","diagnoses":["G4733"],"lines":[
            {{"procedure":"E0601","place":"12","quantity":"1","charge":"900.00","from":"{}"}}]}}"#,
            day(3)
        ),
    )
    .unwrap();
    let waits = submit(&data, &path);
    assert_eq!(eob(&data, &waits)["status"], "pended");
    let later = submit(
        &data,
        &claim(folder.path(), "R-2", "M-9", &day(9), "210.00"),
    );
    let before = eob(&data, &later);
    // What its policy has, in its own terms.
    let shown = run(&data, &["policy", "show", "harbor-ppo", "--json"]);
    let shown = json(&shown, 0);
    let clauses: Vec<&str> = shown["clauses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|clause| clause["id"].as_str().unwrap())
        .collect();
    assert!(clauses.contains(&"4.2") && clauses.contains(&"3.1"));
    let review = |paid: &str, deductible: &str| {
        let file = folder.path().join("review.json");
        let text = format!(
            r#"{{"lines":[{{"line":1,"allowed":"700.00","paid":"{paid}","clause":"4.2",
            "adjustments":[{{"group":"CO","carc":"45","amount":"200.00","clause":"3.1"}},
            {{"group":"PR","carc":"1","amount":"{deductible}","clause":"4.2"}}],
            "accumulators":[{{"accumulator":"in-deductible","amount":"{deductible}"}}]}}]}}"#
        );
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let arguments = [
            "claim",
            "review",
            &waits,
            file,
            "--reason",
            "it was authorised",
        ];
        run(&data, &[&arguments[..], &["--json"]].concat())
    };
    // What does not balance, or is above a limit, is refused by the same rules.
    let refused = review("400.00", "200.00");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        errors(&refused).contains("cannot stand"),
        "{}",
        errors(&refused)
    );
    let refused = review("0.00", "700.00");
    assert_eq!(refused.status.code(), Some(1), "above the deductible");
    assert_eq!(eob(&data, &waits)["status"], "pended");

    let said = json(&review("500.00", "200.00"), 0);
    assert_eq!(
        said["changes"][0]["reversed"]["status"], "pended",
        "{said:#}"
    );
    assert_eq!(said["changes"][0]["corrected"]["paid"], "500.00");
    let settled = eob(&data, &waits);
    assert_eq!(settled["status"], "paid");
    assert_eq!(settled["execution"]["backend"], "review", "{settled:#}");
    // The later claim bears what is left of the deductible.
    assert_ne!(lines(&before), lines(&eob(&data, &later)));
    sound(&data);
    // It holds when all is decided anew under the same policy.
    let anew = [
        "claim",
        "readjudicate",
        "--all",
        "--reason",
        "to see",
        "--json",
    ];
    assert_eq!(json(&run(&data, &anew), 0)["changes"], Value::Array(vec![]));
    // A payment by hand is remitted as any other.
    let told = run(&data, &["claim", "remittance", &waits, "--json"]);
    assert_eq!(json(&told, 0)[0]["payment"], "500.00");
}

/// Killed anywhere on its way, a void is done once, and asked again it is the same.
#[test]
fn a_void_that_is_killed_on_its_way_is_done_once() {
    let (folder, data) = scratch();
    family(folder.path(), &data, "");
    for (n, place) in [
        "before-accept",
        "after-accept",
        "before-commit",
        "after-commit",
        "before-append",
        "after-append",
    ]
    .into_iter()
    .enumerate()
    {
        let number = u64::try_from(n).unwrap();
        let control = format!("K-{n}");
        let file = claim(folder.path(), &control, "M-9", &day(number), "210.00");
        let id = submit(&data, &file);
        let killed = tally()
            .args(["claim", "void", &id, "--data"])
            .arg(&data)
            .env("TALLY_FAILPOINT", format!("{place}=abort"))
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{place}: it was not killed");
        let said = json(&run(&data, &["claim", "void", &id, "--json"]), 0);
        assert_eq!(said["changes"][0]["reversed"]["claim"], id.as_str());
        let again = json(&run(&data, &["claim", "void", &id, "--json"]), 0);
        assert_eq!(again, said, "{place}");
        let history = json(&run(&data, &["claim", "history", &id, "--json"]), 0);
        assert_eq!(history["outcomes"].as_array().unwrap().len(), 1, "{place}");
    }
    sound(&data);
}
