//! Appeals: filed in time or refused with the last day, level by level; what is
//! overturned is put right on the ledger as if it had always been so.

mod common;
#[path = "appeals/put_right.rs"]
mod put_right;

use std::path::{Path, PathBuf};
use std::process::Output;

use chrono::{Datelike as _, Days, NaiveDate, Utc};
use common::{errors, json, scratch, tally, text};
use serde_json::{Value, json as object};
use tally::node::clock::Clock;
use tally::node::{Delivery, Node};
use tally_types::ServiceDate;

const LEVELS: &str = r#"
[[payer.appeal]]
name = "internal"
file_within_days = 180
decide_within_days = 60
extend_days = 14
expedited_hours = 72

[[payer.appeal]]
name = "external"
file_within_months = 4
decide_within_days = 45
by = ["member"]
"#;

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// A day of service some time ago, and so many days after it, all of one calendar year.
fn day(after: u64) -> String {
    let recent = today() - Days::new(40);
    let base = match (recent + Days::new(40)).year() == recent.year() {
        true => recent,
        false => today() - Days::new(80),
    };
    (base + Days::new(after)).to_string()
}

/// A node of a configuration.
struct Office {
    folder: tempfile::TempDir,
    config: PathBuf,
    data: PathBuf,
}

impl Office {
    fn new() -> Self {
        let (folder, data) = scratch();
        let config = folder.path().join("tally.toml");
        let settings = format!("[node]\ndata = {data:?}\n{LEVELS}");
        std::fs::write(&config, settings).unwrap();
        let office = Self {
            folder,
            config,
            data,
        };
        office.enrol("2025-01-01");
        office
    }

    /// Enrols a family, the subscriber from a day on.
    fn enrol(&self, from: &str) {
        let family = self.write(
            "family.json",
            &object!({
                "format": "tallystick-contract/v1", "id": "C-9", "inception": "2025-01-01",
                "members": [
                    { "id": "M-9", "name": "Robin Example", "birth": "1980-05-02", "sex": "female",
                      "relationship": "subscriber",
                      "spans": [{ "product": "harbor-ppo", "from": from }] },
                    { "id": "M-8", "name": "Alex Example", "birth": "2010-05-02", "sex": "male",
                      "relationship": "child",
                      "spans": [{ "product": "harbor-ppo", "from": "2025-01-01" }] }],
            }),
        );
        text(&self.run(&["member", "import", &family]), 0);
    }

    /// Publishes the policy again as other bytes, in force for the days of all claims.
    fn publish(&self) {
        let mut bundled = tally_bundled::all().iter();
        let policy = bundled.find(|of| of.name == "harbor-ppo").unwrap();
        let mut component = policy.component.to_vec();
        // A custom section of the name `n`, with nothing in it.
        component.extend([0, 2, 1, b'n']);
        let file = self.folder.path().join("again.wasm");
        std::fs::write(&file, component).unwrap();
        let file = file.to_str().unwrap();
        let publish = ["policy", "publish", file, "--effective", &day(0)];
        text(&self.run(&publish), 0);
    }

    /// Runs statements past the guards of the node's database.
    fn alter(&self, sql: &'static str) {
        use sqlx::Connection as _;
        use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(self.data.join("node.db"));
            let mut database = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        });
    }

    fn write(&self, name: &str, value: &Value) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = tally();
        command.args(arguments).arg("--config").arg(&self.config);
        command.output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        json(&self.run(&[arguments, &["--json"]].concat()), 0)
    }

    /// What a command that is refused says.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        errors(&output)
    }

    fn submit(&self, control: &str, member: &str, on: &str, lines: &[(&str, &str)]) -> String {
        let lines: Vec<Value> = lines
            .iter()
            .map(|(procedure, charge)| {
                object!({ "procedure": procedure, "place": "11", "quantity": "1",
                          "charge": charge, "from": on })
            })
            .collect();
        let file = self.write(
            &format!("{control}.json"),
            &object!({
                "format": "tallystick-claim/v1", "kind": "professional", "control_number": control,
                "member": member, "billing": "2000001372", "diagnoses": ["M25.511"],
                "lines": lines,
            }),
        );
        let said = self.json(&["claim", "submit", &file]);
        said["claims"][0].as_str().unwrap().to_owned()
    }

    /// Two scans that nobody authorised beforehand: denied.
    fn denied(&self, control: &str) -> String {
        let lines = [("73721", "900.00"), ("70551", "650.00")];
        let claim = self.submit(control, "M-9", &day(0), &lines);
        let eob = self.eob(&claim);
        assert_eq!(eob["status"], "denied", "{eob:#}");
        claim
    }

    /// A later claim, which takes what is left of the deductible.
    fn later(&self) -> String {
        let lines = [("72100", "210.00"), ("99213", "180.00")];
        self.submit("L-1", "M-9", &day(9), &lines)
    }

    /// The first scan is paid, with its share of the deductible; the second is not.
    fn in_part(&self) -> String {
        self.write(
            "review.json",
            &object!({ "lines": [
                { "line": 1, "allowed": "398.00", "paid": "100.00", "clause": "3.1",
                  "adjustments": [
                      { "group": "CO", "carc": "45", "amount": "502.00", "clause": "3.1" },
                      { "group": "PR", "carc": "1", "amount": "298.00", "clause": "4.2" }],
                  "accumulators": [{ "accumulator": "in-deductible", "amount": "298.00" }] },
                { "line": 2, "denied": true, "allowed": "0.00", "paid": "0.00", "clause": "4.1",
                  "adjustments": [
                      { "group": "CO", "carc": "197", "amount": "650.00", "clause": "4.1" }] }] }),
        )
    }

    fn eob(&self, claim: &str) -> Value {
        self.json(&["claim", "eob", claim])
    }

    /// The contract's balances by name.
    fn balances(&self) -> Vec<(Value, Value)> {
        let statement = self.json(&["member", "statement", "M-9"]);
        let accounts = statement["accounts"].as_array().unwrap().iter();
        accounts
            .map(|account| (account["name"].clone(), account["balance"].clone()))
            .collect()
    }

    fn file(&self, claim: &str, by: &str) -> Value {
        let reason = ["--reason", "it was needed"];
        self.json(&[&["appeal", "file", claim, "--by", by][..], &reason].concat())
    }

    /// Whatever stands is what a replay makes of the claims, and the log says so.
    fn sound(&self) {
        common::sound(|asked| self.json(asked), &["cranelift", "pulley"]);
    }
}

fn id(appeal: &Value) -> String {
    appeal["appeal"].as_str().unwrap().to_owned()
}

#[test]
fn a_denied_claim_is_appealed_to_the_end() {
    let office = Office::new();
    let claim = office.denied("A-1");
    let later = office.later();
    let before = office.eob(&later);

    let first = office.file(&claim, "provider");
    assert_eq!(first["status"], "filed", "{first:#}");
    assert_eq!(first["level"]["name"], "internal");
    assert_eq!(first["due"], (today() + Days::new(60)).to_string());
    assert_eq!(
        first["last_day_to_file"],
        (today() + Days::new(180)).to_string()
    );
    assert_eq!(first["days_left"], 60);
    // What is appealed is the decision that the ledger has.
    let history = office.json(&["claim", "history", &claim]);
    assert_eq!(first["appealed"]["entry"], history["outcomes"][0]["entry"]);
    assert_eq!(first["appealed"]["outcome"].as_str().unwrap().len(), 64);

    // While it is open no other is filed, and no level is skipped.
    let file = ["appeal", "file", &claim, "--reason", "again", "--by"];
    let refused = office.refused(&[&file[..], &["member"]].concat());
    assert!(
        refused.contains("is open at the level `internal`"),
        "{refused}"
    );
    assert!(refused.contains(&id(&first)), "{refused}");

    let decide = |appeal: &Value, how: &[&str]| -> Output {
        let appeal = id(appeal);
        let arguments = ["appeal", "decide", &appeal, "--reason", "as read", "--json"];
        office.run(&[&arguments[..], how].concat())
    };
    let upheld = json(&decide(&first, &["--uphold"]), 0);
    assert_eq!(upheld["status"], "upheld", "{upheld:#}");
    assert_eq!(upheld["decision"]["act"], Value::Null);
    assert_eq!(office.eob(&claim)["status"], "denied");
    let twice = decide(&first, &["--uphold"]);
    assert_eq!(twice.status.code(), Some(1));
    assert!(errors(&twice).contains("the appeal is upheld: nothing follows"));

    // The next level is not open to a provider, nor is the first again to anybody.
    let refused = office.refused(&[&file[..], &["provider"]].concat());
    assert!(refused.contains("not open to a provider"), "{refused}");
    let refused = office.refused(&[&file[..], &["member", "--level", "internal"]].concat());
    assert!(refused.contains("the next is `external`"), "{refused}");
    let second = office.file(&claim, "member");
    assert_eq!(second["level"]["number"], 2);
    assert_eq!(second["due"], (today() + Days::new(45)).to_string());

    // What does not balance is refused, and nothing is decided by it.
    let wrong = office.write("wrong.json", &object!({ "lines": [] }));
    let refused = decide(&second, &["--overturn", &wrong]);
    assert_eq!(refused.status.code(), Some(1));
    let shown = office.json(&["appeal", "show", &id(&second)]);
    assert_eq!(shown["status"], "filed", "{shown:#}");

    let review = office.in_part();
    let decided = json(&decide(&second, &["--overturn", &review, "--in-part"]), 0);
    assert_eq!(decided["status"], "overturned-in-part", "{decided:#}");
    assert_eq!(decided["decision"]["done"], true, "{decided:#}");
    // The pair on the ledger, the reversal first, and what depends on it.
    let act = decided["decision"]["act"].as_str().unwrap();
    let change = &decided["changes"][0];
    assert_eq!(change["reversed"]["claim"], claim.as_str(), "{decided:#}");
    assert_eq!(change["reversed"]["entry"], first["appealed"]["entry"]);
    assert_eq!(change["reversed"]["taken_back"]["by"], act);
    assert_eq!(change["corrected"]["by"], act);
    assert_eq!(change["corrected"]["paid"], "100.00");
    let reversal = change["reversed"]["taken_back"]["entry"].as_u64().unwrap();
    assert!(reversal < change["corrected"]["entry"].as_u64().unwrap());
    assert_ne!(before["lines"], office.eob(&later)["lines"]);

    // As if it had always been so: settled by hand before the later claim came.
    let other = Office::new();
    let theirs = other.denied("A-1");
    let review = other.in_part();
    let arguments = ["claim", "review", &theirs, &review, "--reason", "as read"];
    other.json(&arguments);
    let their_later = other.later();
    assert_eq!(office.eob(&claim)["lines"], other.eob(&theirs)["lines"]);
    assert_eq!(
        office.eob(&later)["lines"],
        other.eob(&their_later)["lines"]
    );
    assert_eq!(office.balances(), other.balances());
    office.sound();

    // There is no further level; and the receipt of what stands holds.
    let refused = office.refused(&[&file[..], &["member"]].concat());
    assert!(refused.contains("the last level, `external`"), "{refused}");
    let listed = office.json(&["appeal", "list", "--claim", &claim]);
    let listed: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|appeal| &appeal["status"])
        .collect();
    assert_eq!(listed, ["upheld", "overturned-in-part"]);
    assert_eq!(office.json(&["appeal", "list", "--open"]), object!([]));

    // Decided by anything else, it is another decision, and the levels begin again.
    let void = office.json(&["claim", "void", &claim]);
    assert_eq!(void["changes"][0]["corrected"], Value::Null);
    let refused = office.refused(&[&file[..], &["member"]].concat());
    assert!(refused.contains("stands no more"), "{refused}");
    office.sound();
}

#[test]
fn an_appeal_that_is_too_late_is_refused_with_the_last_day() {
    let office = Office::new();
    let decided = today() - Days::new(190);
    let service = decided - Days::new(5);
    let claim = object!({
        "format": "tallystick-claim/v1", "kind": "professional", "control_number": "O-1",
        "member": "M-9", "billing": "2000001372", "diagnoses": ["M25.511"],
        "lines": [{ "procedure": "73721", "place": "11", "quantity": "1", "charge": "900.00",
                    "from": service.to_string() }],
    });
    let clock = ServiceDate::parse(&decided.to_string()).unwrap();
    let claim = submitted_on(&office.data, clock, &claim.to_string());
    let file = [
        "appeal", "file", &claim, "--by", "member", "--reason", "late",
    ];
    let refused = office.refused(&file);
    let last = decided + Days::new(180);
    let expected = format!(
        "no appeal of claim {claim} was taken in: too late: the decision became known on {decided}, \
         and the last day to file at the level `internal` was {last}"
    );
    assert!(refused.contains(&expected), "{refused}");
    // It had come by post, in time.
    let last = last.to_string();
    let said = office.json(&[&file[..], &["--on", &last]].concat());
    assert_eq!(said["filed"], last);
    let due = decided + Days::new(240);
    assert_eq!(said["due"], due.to_string());
    let never = office.refused(&[
        "appeal",
        "file",
        &claim,
        "--by",
        "member",
        "--reason",
        "x",
        "--on",
        "2999-01-01",
    ]);
    assert!(never.contains("is open"), "{never}");
}

/// A claim that was decided on a day that is over.
fn submitted_on(data: &Path, day: ServiceDate, claim: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let node = Node::open(data, Clock::simulated(day)).await.unwrap();
        let delivery = Delivery::local(claim.as_bytes(), None);
        let submitted = node.submit(delivery).await.unwrap();
        node.drain(&|_| ()).await.unwrap();
        submitted.claims[0].to_string()
    })
}

#[test]
fn a_deadline_is_put_off_waits_and_lapses() {
    let office = Office::new();
    let claim = office.denied("D-1");
    let on = (today() - Days::new(0)).to_string();
    let file = ["appeal", "file", &claim, "--by", "member", "--reason", "x"];
    let urgent = office.json(&[&file[..], &["--expedited", "--on", &on]].concat());
    assert_eq!(urgent["expedited"], true);
    let due = urgent["due"].as_str().unwrap();
    assert!(
        due.starts_with(&(today() + Days::new(3)).to_string()),
        "{due}"
    );
    assert!(due.ends_with("UTC"), "{due}");
    let appeal = id(&urgent);
    let extended = office.json(&[
        "appeal", "extend", &appeal, "--days", "10", "--reason", "records",
    ]);
    assert_eq!(extended["status"], "extended", "{extended:#}");
    assert_eq!(extended["days_left"], 13);
    let refused = office.refused(&[
        "appeal", "extend", &appeal, "--days", "5", "--reason", "records",
    ]);
    assert!(refused.contains("by 4 more days"), "{refused}");
    let until = (today() + Days::new(20)).to_string();
    let asked = office.json(&[
        "appeal",
        "ask",
        &appeal,
        "--for",
        "the report",
        "--until",
        &until,
    ]);
    assert_eq!(asked["status"], "asked", "{asked:#}");
    assert_eq!(asked["waits_until"], until);
    let answered = office.json(&["appeal", "answer", &appeal, "--note", "it came"]);
    assert_eq!(answered["status"], "extended", "{answered:#}");
    let listed = text(&office.run(&["appeal", "list", "--open"]), 0);
    assert!(listed.contains("13 days left"), "{listed}");
    assert_eq!(office.json(&["appeal", "list", "--overdue"]), object!([]));

    // Taken back, it may be filed again in its time.
    let withdrawn = office.json(&["appeal", "withdraw", &appeal, "--reason", "by telephone"]);
    assert_eq!(withdrawn["status"], "withdrawn", "{withdrawn:#}");
    assert_eq!(withdrawn["events"].as_array().unwrap().len(), 5);
    let again = office.file(&claim, "member");
    assert_eq!(again["level"]["number"], 1);
    let shown = text(&office.run(&["appeal", "show", &id(&again)]), 0);
    assert!(shown.contains("it was needed"), "{shown}");
}

#[test]
fn an_appeal_that_is_not_decided_in_time_lapses() {
    let office = Office::new();
    let clock = ServiceDate::parse(&(today() - Days::new(100)).to_string()).unwrap();
    let claim = object!({
        "format": "tallystick-claim/v1", "kind": "professional", "control_number": "S-1",
        "member": "M-9", "billing": "2000001372", "diagnoses": ["M25.511"],
        "lines": [{ "procedure": "73721", "place": "11", "quantity": "1", "charge": "900.00",
                    "from": (today() - Days::new(105)).to_string() }],
    });
    let claim = submitted_on(&office.data, clock, &claim.to_string());
    let on = (today() - Days::new(90)).to_string();
    let file = ["appeal", "file", &claim, "--by", "member", "--reason", "x"];
    let said = office.json(&[&file[..], &["--on", &on]].concat());
    assert_eq!(said["status"], "lapsed", "{said:#}");
    assert_eq!(said["days_left"], -30);
    let overdue = office.json(&["appeal", "list", "--overdue"]);
    assert_eq!(overdue[0]["appeal"], said["appeal"]);
    // Whoever waited in vain goes on; then the first is decided no more.
    let next = office.json(&file);
    assert_eq!(next["level"]["number"], 2, "{next:#}");
    assert_eq!(next["known"], (today() - Days::new(30)).to_string());
    let refused = office.refused(&[
        "appeal",
        "decide",
        &id(&said),
        "--uphold",
        "--reason",
        "late",
    ]);
    assert!(refused.contains("another was filed since"), "{refused}");
    let overdue = office.json(&["appeal", "list", "--overdue"]);
    assert_eq!(overdue, object!([]));
}

#[test]
fn what_is_appealed_may_change_meanwhile() {
    let office = Office::new();
    let claim = office.denied("C-1");
    let appeal = id(&office.file(&claim, "provider"));
    let review = office.in_part();
    office.json(&[
        "claim",
        "review",
        &claim,
        &review,
        "--reason",
        "seen at once",
    ]);
    let shown = office.json(&["appeal", "show", &appeal]);
    assert_eq!(shown["status"], "filed", "{shown:#}");
    assert_eq!(shown["changed"]["gone"], false, "{shown:#}");
    let act = shown["changed"]["by"].as_str().unwrap().to_owned();
    let said = text(&office.run(&["appeal", "show", &appeal]), 0);
    assert!(said.contains("What is appealed stands no more"), "{said}");
    office.json(&["claim", "void", &claim]);
    let shown = office.json(&["appeal", "show", &appeal]);
    assert_eq!(shown["changed"]["gone"], true, "{shown:#}");
    let overturn = ["appeal", "decide", &appeal, "--reason", "x", "--overturn"];
    let refused = office.refused(&[&overturn[..], &[&review[..]]].concat());
    assert!(
        refused.contains("taken back or replaced since"),
        "{refused}"
    );
    office.json(&["appeal", "decide", &appeal, "--reason", "x", "--uphold"]);

    // What was put right meanwhile is decided by that act, and appealed at the next level.
    let lines = [("73721", "900.00"), ("70551", "650.00")];
    let claim = office.submit("C-2", "M-8", &day(3), &lines);
    let appeal = id(&office.file(&claim, "provider"));
    let by = [
        "appeal",
        "decide",
        &appeal,
        "--reason",
        "x",
        "--in-part",
        "--overturned-by",
    ];
    let refused = office.refused(&[&by[..], &[&act[..]]].concat());
    assert!(refused.contains("did not change claim"), "{refused}");
    let said = office.json(&[
        "claim",
        "review",
        &claim,
        &review,
        "--reason",
        "seen at once",
    ]);
    let act = said["acts"][0].as_str().unwrap();
    let decided = office.json(&[&by[..], &[act]].concat());
    assert_eq!(decided["status"], "overturned-in-part", "{decided:#}");
    assert_eq!(decided["decision"]["act"], act);
    assert_eq!(decided["changed"], Value::Null, "{decided:#}");
    let next = office.file(&claim, "member");
    assert_eq!(next["level"]["number"], 2, "{next:#}");
    office.sound();
}

/// Killed between the decision and its act, an appeal is decided once.
#[test]
fn a_decision_that_is_killed_on_its_way_is_done_once() {
    let office = Office::new();
    for (n, place) in [
        "appeal-decided",
        "before-accept",
        "after-accept",
        "before-commit",
        "after-commit",
    ]
    .into_iter()
    .enumerate()
    {
        // Each under a number of its own, of another day: none is a duplicate.
        let on = day(u64::try_from(n).unwrap());
        let claim = office.submit(&format!("K-{n}"), "M-8", &on, &[("73721", "900.00")]);
        let appeal = id(&office.file(&claim, "provider"));
        let review = office.write(
            "whole.json",
            &object!({ "lines": [
                { "line": 1, "allowed": "398.00", "paid": "398.00", "clause": "3.1",
                  "adjustments": [
                      { "group": "CO", "carc": "45", "amount": "502.00", "clause": "3.1" }] }] }),
        );
        let decide = [
            "appeal",
            "decide",
            &appeal,
            "--reason",
            "x",
            "--overturn",
            &review,
        ];
        let killed = tally()
            .args(decide)
            .arg("--config")
            .arg(&office.config)
            .env("TALLY_FAILPOINT", format!("{place}=abort"))
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{place}: it was not killed");
        // Without its act the decision is told as one that is not seen through.
        let found = office.run(&["ledger", "fsck"]);
        let missing = errors(&found).contains("was not taken in");
        assert_eq!(
            missing,
            place == "appeal-decided" || place == "before-accept"
        );
        let again = office.run(&decide);
        // Where the act was taken in, it is decided and nothing is left to do.
        let taken_in = ["after-accept", "before-commit", "after-commit"].contains(&place);
        assert_eq!(again.status.code(), Some(i32::from(taken_in)), "{place}");
        // Whatever comes next sees it through.
        office.later();
        let shown = office.json(&["appeal", "show", &appeal]);
        assert_eq!(shown["decision"]["done"], true, "{place}: {shown:#}");
        let history = office.json(&["claim", "history", &claim]);
        let outcomes = history["outcomes"].as_array().unwrap();
        assert_eq!(outcomes.len(), 2, "{place}: {history:#}");
        assert_eq!(outcomes[1]["paid"], "398.00", "{place}");
    }
    office.sound();
}

/// What people wrote is in no file in the clear, and in no log.
#[test]
fn what_people_wrote_is_sealed() {
    let office = Office::new();
    let claim = office.denied("W-1");
    let words = |what: &str| format!("CANARY-{what}");
    let run = |arguments: &[&str]| {
        let output = tally()
            .env("TALLY_LOG", "trace")
            .args(arguments)
            .arg("--config")
            .arg(&office.config)
            .output()
            .unwrap();
        assert!(!errors(&output).contains("CANARY"), "{}", errors(&output));
        output
    };
    let (why, more, came) = (words("WHY"), words("MORE"), words("CAME"));
    let filed = json(
        &run(&[
            "appeal", "file", &claim, "--by", "member", "--reason", &why, "--json",
        ]),
        0,
    );
    let appeal = id(&filed);
    let until = (today() + Days::new(9)).to_string();
    text(
        &run(&["appeal", "ask", &appeal, "--for", &more, "--until", &until]),
        0,
    );
    text(&run(&["appeal", "answer", &appeal, "--note", &came]), 0);
    let again = run(&["appeal", "answer", &appeal, "--note", &came]);
    assert_eq!(again.status.code(), Some(1));
    let review = office.in_part();
    let because = words("BECAUSE");
    text(
        &run(&[
            "appeal",
            "decide",
            &appeal,
            "--overturn",
            &review,
            "--reason",
            &because,
        ]),
        0,
    );
    let shown = text(&run(&["appeal", "show", &appeal]), 0);
    assert!(shown.contains(&why) && shown.contains(&because), "{shown}");
    for file in common::files(&office.data) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(6).any(|window| window == b"CANARY");
        assert!(!found, "{}", file.display());
    }
    let found = office.json(&["ledger", "fsck"]);
    assert_eq!(found["appeals"], 1, "{found:#}");
}

#[test]
fn without_levels_nothing_can_be_appealed() {
    let office = Office::new();
    let claim = office.denied("N-1");
    let file = ["appeal", "file", &claim, "--by", "member", "--reason", "x"];
    let output = tally()
        .args(file)
        .arg("--data")
        .arg(&office.data)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(said.contains("`[[payer.appeal]]`"), "{said}");
    let levels = text(&office.run(&["appeal", "levels"]), 0);
    assert!(levels.contains("180 days") && levels.contains("4 months"));
    let unknown = office.refused(&["appeal", "show", "0123456789abcdef0123456789abcdef"]);
    assert!(
        unknown.contains("`tally appeal list` lists them"),
        "{unknown}"
    );
}
