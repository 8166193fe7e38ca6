//! A review and the limits: it is refused above one when it is asked for, and holds above
//! one in which a later change leaves no room.

mod common;

use common::{errors, json, scratch, tally, text};
use serde_json::Value;

/// A day of this year, so many days before today.
fn day(before: u64) -> String {
    use chrono::{Datelike as _, Days, Utc};
    let today = Utc::now().date_naive();
    // Early in a year all services are in the year before.
    let last = match today.ordinal() > 50 {
        true => today,
        false => today - Days::new(u64::from(today.ordinal())),
    };
    (last - Days::new(before)).to_string()
}

struct Desk {
    folder: tempfile::TempDir,
    data: std::path::PathBuf,
}

impl Desk {
    fn new() -> Self {
        let (folder, data) = scratch();
        let desk = Self { folder, data };
        let contract = desk.write(
            "family.json",
            r#"{"format":"tallystick-contract/v1","id":"C-9","inception":"2020-01-01","members":[
            {"id":"M-9","name":"Robin Example","birth":"1980-05-02","sex":"female",
            "relationship":"subscriber","spans":[{"product":"harbor-ppo","from":"2020-01-01"}]}]}"#,
        );
        text(&desk.run(&["member", "import", &contract]), 0);
        desk
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = tally();
        command.args(arguments).arg("--data").arg(&self.data);
        command.output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        json(&self.run(&[arguments, &["--json"]].concat()), 0)
    }

    /// A claim of procedures with charges.
    fn file(&self, control: &str, on: &str, lines: &[(&str, &str)]) -> String {
        let lines: Vec<String> = lines
            .iter()
            .map(|(procedure, charge)| {
                format!(
                    r#"{{"procedure":"{procedure}","place":"11","quantity":"1","charge":"{charge}","from":"{on}"}}"#
                )
            })
            .collect();
        let claim = format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{control}",
            "member":"M-9","billing":"2000001372","diagnoses":["M25.511"],"lines":[{}]}}"#,
            lines.join(",")
        );
        self.write(&format!("{control}.json"), &claim)
    }

    fn submit(&self, control: &str, on: &str, lines: &[(&str, &str)]) -> String {
        let said = self.json(&["claim", "submit", &self.file(control, on, lines)]);
        said["claims"][0].as_str().unwrap().to_owned()
    }

    /// A claim for equipment, which waits.
    fn waiting(&self, control: &str, on: &str) -> String {
        let claim = self.submit(control, on, &[("E0601", "900.00")]);
        assert_eq!(self.eob(&claim)["status"], "pended");
        claim
    }

    /// A review of such a claim that posts an amount to the deductible.
    fn review(&self, claim: &str, deductible: &str) -> std::process::Output {
        let cents = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
        let paid = 70_000 - cents(deductible);
        let review = format!(
            r#"{{"lines":[{{"line":1,"allowed":"700.00","paid":"{}.{:02}","clause":"4.2",
            "adjustments":[{{"group":"CO","carc":"45","amount":"200.00","clause":"3.1"}},
            {{"group":"PR","carc":"1","amount":"{deductible}","clause":"4.2"}}],
            "accumulators":[{{"accumulator":"in-deductible","amount":"{deductible}"}}]}}]}}"#,
            paid / 100,
            paid % 100,
        );
        let file = self.write("review.json", &review);
        self.run(&[
            "claim", "review", claim, &file, "--reason", "as read", "--json",
        ])
    }

    fn eob(&self, claim: &str) -> Value {
        self.json(&["claim", "eob", claim])
    }

    /// The account of the deductible in the statement.
    fn deductible(&self) -> Value {
        let made = self.json(&["member", "statement", "M-9"]);
        let accounts = made["accounts"].as_array().unwrap();
        let of = |account: &&Value| account["accumulator"] == "in-deductible";
        accounts.iter().find(of).unwrap().clone()
    }

    fn sound(&self) {
        common::sound(|asked| self.json(asked), &["cranelift", "pulley"]);
    }
}

fn cents(value: &Value) -> i64 {
    value.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// At the claim's own place, by the balances that stand there.
#[test]
fn a_review_above_a_limit_is_refused_in_names_and_money() {
    let desk = Desk::new();
    let (first, second) = (desk.waiting("A", &day(30)), desk.waiting("B", &day(20)));
    json(&desk.review(&first, "500.00"), 0);
    let limit = desk.deductible()["limit"].as_str().unwrap().to_owned();
    assert_eq!(limit, "600.00");
    let refused = desk.review(&second, "200.00");
    assert_eq!(refused.status.code(), Some(1));
    let said = errors(&refused);
    let period = format!("{}-01-01", &day(0)[..4]);
    let expected = format!(
        "line 1 posts 200.00 to in-deductible (the member's own, from {period}), whose limit is 600.00 and of which 500.00 is used"
    );
    assert!(said.contains(&expected), "{said}");
    assert_eq!(desk.eob(&second)["status"], "pended");
    // What is left can be posted; of an earlier claim what was used before it counts.
    json(&desk.review(&second, "100.00"), 0);
    json(&desk.review(&first, "600.00"), 0);
    let refused = desk.review(&first, "600.01");
    assert!(
        errors(&refused).contains("of which 0.00 is used"),
        "{}",
        errors(&refused)
    );
    let nothing = desk.review(&first, "0.00");
    assert_eq!(nothing.status.code(), Some(1));
    assert!(
        errors(&nothing).contains("posts 0.00 to in-deductible"),
        "{}",
        errors(&nothing)
    );
    desk.sound();
}

/// A later change leaves less room than a review took: what the reviewer said holds, and
/// the accumulator is over its limit by name.
#[test]
fn a_review_holds_above_a_limit_that_is_used_otherwise_later() {
    let desk = Desk::new();
    let early = desk.submit("A", &day(30), &[("72100", "210.00")]);
    let used = cents(&desk.deductible()["balance"]);
    let waits = desk.waiting("B", &day(20));
    json(&desk.review(&waits, &money(60_000 - used)), 0);
    let later = desk.submit("C", &day(10), &[("72100", "210.00")]);
    let before = desk.eob(&waits);
    assert_eq!(desk.deductible()["over_limit"], Value::Null);
    text(&desk.run(&["payment", "run"]), 0);

    let more = desk.file("A2", &day(30), &[("72100", "210.00"), ("76700", "350.00")]);
    // As a file of what replaces it, or by naming it: the same is said.
    let copied = desk.folder.path().join("copied");
    let mut copy = std::process::Command::new("cp");
    copy.arg("-r").arg(&desk.data).arg(&copied);
    assert!(copy.status().unwrap().success());
    let naming = std::fs::read_to_string(&more).unwrap();
    let naming = naming.replace(
        r#""kind":"professional","#,
        &format!(r#""kind":"professional","frequency":"replacement","replaces":"{early}","#),
    );
    let naming = desk.write("naming.json", &naming);
    let mut submit = tally();
    submit
        .args(["claim", "submit", "--json", &naming, "--data"])
        .arg(&copied);
    let submitted = json(&submit.output().unwrap(), 0);
    let said = desk.json(&["claim", "replace", &early, &more]);
    let notice = &said["over_limit"][0];
    let same = &submitted["over_limit"][0];
    assert_eq!(same, notice, "{submitted:#}");
    assert_eq!(notice["claim"], waits.as_str(), "{said:#}");
    assert_eq!(notice["accumulator"], "in-deductible");
    assert_eq!(notice["limit"], "600.00");
    let after = desk.eob(&waits);
    for key in ["status", "paid", "patient", "allowed"] {
        assert_eq!(after[key], before[key], "{key}");
    }
    let account = desk.deductible();
    let over = cents(&account["balance"]) - 60_000;
    assert!(over > 0, "{account:#}");
    assert_eq!(account["over_limit"], money(over), "{account:#}");
    assert_eq!(account["left"], "0.00");
    let shown = desk.json(&["member", "show", "M-9"]);
    let rows = shown["accumulators"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["accumulator"] == "in-deductible")
        .unwrap();
    assert_eq!(row["over_limit"], money(over));
    let told = text(&desk.run(&["member", "statement", "M-9"]), 0);
    assert!(
        told.contains(&format!("over the limit by {}", money(over))),
        "{told}"
    );
    desk.sound();
    // Nothing is taken back of the reviewed claim, and nothing more is posted.
    let run = text(&desk.run(&["payment", "run"]), 0);
    let paid = text(&desk.run(&["payment", "list", "--json"]), 0);
    assert!(!run.contains("E310") && !paid.contains("E310"));
    assert_eq!(desk.eob(&waits)["status"], "paid");
    let next = desk.submit("D", &day(5), &[("76700", "350.00")]);
    assert_eq!(desk.eob(&next)["status"], "paid");
    assert_eq!(desk.eob(&later)["status"], "paid");
    assert_eq!(desk.deductible()["over_limit"], money(over));
    // With room again, it is over no more.
    let standing = said["acts"][0].as_str().unwrap();
    desk.json(&["claim", "void", standing]);
    assert_eq!(desk.deductible()["over_limit"], Value::Null);
    desk.sound();
}

/// No more is posted than is borne or paid, and what is above the price is not allowed.
#[test]
fn what_a_review_posts_and_allows_goes_with_its_line() {
    let desk = Desk::new();
    let claim = desk.waiting("A", &day(30));
    let review = |allowed: &str, posted: &str| {
        let text = format!(
            r#"{{"lines":[{{"line":1,"allowed":"{allowed}","paid":"600.00","clause":"4.2",
            "adjustments":[{{"group":"CO","carc":"45","amount":"200.00","clause":"3.1"}},
            {{"group":"PR","carc":"1","amount":"100.00","clause":"4.2"}}],
            "accumulators":[{{"accumulator":"in-deductible","amount":"{posted}"}}]}}]}}"#
        );
        let file = desk.write("review.json", &text);
        desk.run(&["claim", "review", &claim, &file, "--reason", "as read"])
    };
    for (allowed, posted, expected) in [
        (
            "700.00",
            "600.01",
            "line 1 posts 600.01 to in-deductible, and of the line the patient bears 100.00 and the plan pays 600.00",
        ),
        (
            "700.01",
            "100.00",
            "line 1 allows 700.01 of 900.00, and 200.00 of it is told to be above the price (CARC 45)",
        ),
    ] {
        let refused = review(allowed, posted);
        let said = errors(&refused);
        assert!(said.contains(expected), "{said}");
    }
    text(&review("700.00", "100.00"), 0);
    desk.sound();
}

/// Nothing is posted but what the file says; where a plan has an account of the member's
/// and one of the family's, who reviews is told that one has less.
#[test]
fn a_review_that_posts_to_one_of_two_accounts_is_told_so() {
    let desk = Desk::new();
    let claim = desk.waiting("A", &day(30));
    let posting = |accounts: &[(&str, &str)]| {
        let of = |(name, amount): &(&str, &str)| {
            format!(r#"{{"accumulator":"{name}","amount":"{amount}"}}"#)
        };
        let posted: Vec<String> = accounts.iter().map(of).collect();
        let text = format!(
            r#"{{"lines":[{{"line":1,"allowed":"700.00","paid":"600.00","clause":"4.2",
            "adjustments":[{{"group":"CO","carc":"45","amount":"200.00","clause":"3.1"}},
            {{"group":"PR","carc":"1","amount":"100.00","clause":"4.2"}}],
            "accumulators":[{}]}}]}}"#,
            posted.join(",")
        );
        let file = desk.write("review.json", &text);
        let output = desk.run(&["claim", "review", &claim, &file, "--reason", "as read"]);
        text_and_errors(&output)
    };
    let own = posting(&[("in-deductible", "100.00")]);
    let expected = "note: line 1 posts 100.00 to in-deductible and 0.00 to in-deductible-family";
    assert_eq!(own.matches("note: ").count(), 1, "{own}");
    assert!(own.contains(expected), "{own}");
    let both = posting(&[
        ("in-deductible", "100.00"),
        ("in-deductible-family", "100.00"),
    ]);
    assert!(!both.contains("note: "), "{both}");
    desk.sound();
}

fn text_and_errors(output: &std::process::Output) -> String {
    text(output, 0);
    errors(output)
}

/// Behind an act that waits it is not known what a review would be of.
#[test]
fn a_review_behind_an_act_that_waits_is_refused() {
    let desk = Desk::new();
    let (first, second) = (desk.waiting("A", &day(30)), desk.waiting("B", &day(20)));
    let mut killed = tally();
    killed
        .args(["claim", "void", &first, "--data"])
        .arg(&desk.data);
    let killed = killed.env("TALLY_FAILPOINT", "after-accept=abort").output();
    assert_eq!(killed.unwrap().status.code(), None, "it was not killed");
    for claim in [&first, &second] {
        let refused = desk.review(claim, "100.00");
        assert!(
            errors(&refused).contains("is not done yet"),
            "{}",
            errors(&refused)
        );
    }
    text(&desk.run(&["claim", "void", &first]), 0);
    let gone = desk.review(&first, "100.00");
    assert!(
        errors(&gone).contains("was taken back"),
        "{}",
        errors(&gone)
    );
    json(&desk.review(&second, "100.00"), 0);
    desk.sound();
}
