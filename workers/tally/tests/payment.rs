//! Payments through the binary: what is settled is told once, whoever runs at once and
//! wherever it is killed, and what was told is shown as it was.

#[allow(dead_code)]
#[path = "../../../engine/core/src/interchange/x12/tests/checker.rs"]
mod checker;
mod common;
#[path = "common/office.rs"]
mod office;
#[path = "common/x12.rs"]
mod x12;

use std::collections::BTreeSet;
use std::path::Path;

use checker::{advices, cents, unbalanced};
use common::{errors, json, scratch, tally, text};
use office::{compact, enrol, run, service, settled, submit};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use x12::{PROVIDER, Professional, professional, visit};

/// A claim that is paid; answers its id.
fn claim(data: &Path, control: &str) -> String {
    let day = compact(service());
    let text = visit(control, "M-1001", "180", &day);
    submit(data, &format!("{control}.837"), &text).remove(0)
}

/// The `n`th visit of a patient, each of its own day and paid alike; answers its id.
fn another(data: &Path, n: i32) -> String {
    let day = tally_types::ServiceDate::from_days(service().days() + n).unwrap();
    let control = format!("N-{n}");
    let claim = Professional {
        control: &control,
        member: "M-1001",
        charge: "180",
        diagnosis: "J069",
        lines: &[("99213", "", "180", "1", &compact(day))],
    };
    let text = professional(7, &[claim]);
    submit(data, &format!("{control}.837"), &text).remove(0)
}

/// What a run says of each payment.
fn pay(data: &Path, more: &[&str]) -> Vec<Value> {
    let output = run(data, &[&["payment", "run", "--json"], more].concat());
    let lines = text(&output, 0);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn list(data: &Path, more: &[&str]) -> Vec<Value> {
    let output = run(data, &[&["payment", "list", "--json"], more].concat());
    json(&output, 0).as_array().unwrap().clone()
}

fn trace(payment: &Value) -> &str {
    payment["trace"].as_str().unwrap()
}

fn sound(data: &Path) {
    let found = json(&run(data, &["ledger", "fsck", "--json"]), 0);
    assert_eq!(
        found["payments"].as_u64(),
        Some(list(data, &[]).len() as u64),
        "{found:#}"
    );
}

#[test]
fn people_read_what_was_paid() {
    let (_scratch, data) = scratch();
    enrol(&data);
    text(&run(&data, &["payment", "list"]), 0);
    let first = claim(&data, "A-1");
    let dry = text(&run(&data, &["payment", "run", "--dry-run"]), 0);
    assert!(dry.contains("would be paid"), "{dry}");
    assert!(list(&data, &[]).is_empty(), "a dry run records nothing");
    let folder = data.with_file_name("out");
    let out = folder.to_str().unwrap();
    let paid = text(&run(&data, &["payment", "run", "--out", out]), 0);
    insta::assert_snapshot!("run", settled(&paid));
    let again = text(&run(&data, &["payment", "run", "--out", out]), 0);
    assert_eq!(again, "Nothing is to be told.\n");
    let [file] = &common::files(&folder)[..] else {
        panic!("one file");
    };
    let written = std::fs::read_to_string(file).unwrap();
    assert_eq!(unbalanced(&written), [""; 0], "{written}");

    // A claim that is taken back, and a new one.
    text(&run(&data, &["claim", "void", &first]), 0);
    // On the day before it was told there is nothing to take back yet.
    let yesterday = tally_types::ServiceDate::from_days(office::today().days() - 1).unwrap();
    let early = run(&data, &["payment", "run", "--on", &yesterday.to_string()]);
    assert!(text(&early, 0).contains("Nothing"));
    assert!(
        errors(&early).contains("later: 1 claim"),
        "{}",
        errors(&early)
    );
    claim(&data, "A-2");
    let paid = text(&run(&data, &["payment", "run", "--out", out]), 0);
    insta::assert_snapshot!("run_after_a_void", settled(&paid));
    let listed = text(&run(&data, &["payment", "list"]), 0);
    insta::assert_snapshot!("list", settled(&listed));
    let all = list(&data, &["--payee", PROVIDER]);
    assert_eq!(all.len(), 2);
    assert!(list(&data, &["--payee", "1234567893"]).is_empty());
    assert!(list(&data, &["--since", "2999-01-01"]).is_empty());
    let show = |of: &Value, format: &str| {
        let format = ["payment", "show", trace(of), "--output-format", format];
        text(&run(&data, &format), 0)
    };
    insta::assert_snapshot!("show", settled(&show(&all[0], "text")));
    // Other names by now change nothing of what was told.
    let config = office::file(
        &data,
        "tally.toml",
        &format!(
            "[node]\ndata = {:?}\n[payer]\nname = 'HARBOR HEALTH'\n",
            data.display().to_string()
        ),
    );
    let show_x12 = ["payment", "show", trace(&all[1]), "--output-format", "x12"];
    let config = ["--config", config.to_str().unwrap()];
    let shown = text(&common::run([&show_x12[..], &config].concat()), 0);
    assert_eq!(shown, written);
    let in_json: Value = serde_json::from_str(&show(&all[0], "json")).unwrap();
    let kinds: Vec<&str> = in_json["told"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["what"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&"reversal") && kinds.contains(&"payment"));
    let in_fhir = show(&all[0], "fhir");
    assert!(in_fhir.contains("cancelled") && in_fhir.contains("active"));
    // Of the claim, by which payment it was told last.
    let view = run(&data, &["claim", "remittance", &first]);
    assert!(text(&view, 0).contains(trace(&all[0])));
    let unknown = run(&data, &["payment", "show", "0123"]);
    text(&unknown, 1);
    assert!(errors(&unknown).contains("no payment of that number"));
    sound(&data);
}

/// Money that goes back is carried from payment to payment until it is taken.
#[test]
fn a_balance_is_carried_until_it_is_taken() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let claims = [1, 2].map(|n| another(&data, n));
    let first = pay(&data, &[]).remove(0);
    for id in &claims {
        text(&run(&data, &["claim", "void", id]), 0);
    }
    let mut made = vec![first];
    made.append(&mut pay(&data, &[]));
    for n in 3..6 {
        another(&data, n);
        made.append(&mut pay(&data, &[]));
    }
    let amount = |of: &Value, name: &str| of[name].as_str().map_or(0, cents);
    let told: Vec<(i128, i128, i128)> = made
        .iter()
        .map(|of| {
            let named = |name| amount(of, name);
            (named("payment"), named("brought"), named("forwarded"))
        })
        .collect();
    let paid = told[0].0;
    let one = paid / 2;
    assert!(one > 0);
    let expected = [
        (paid, 0, 0),
        (0, 0, paid),
        (0, paid, one),
        (0, one, 0),
        (one, 0, 0),
    ];
    assert_eq!(told, expected);
    for of in &made {
        let show = ["payment", "show", trace(of), "--output-format", "x12"];
        let written = text(&run(&data, &show), 0);
        assert_eq!(unbalanced(&written), [""; 0], "{written}");
    }
    sound(&data);
}

#[test]
fn a_run_that_is_killed_pays_once() {
    let (_scratch, data) = scratch();
    enrol(&data);
    for (place, recorded) in [("before-pay", 0), ("after-pay", 1)] {
        let before = list(&data, &[]).len();
        let id = claim(&data, place);
        let killed = tally()
            .args(["payment", "run", "--data"])
            .arg(&data)
            .env("TALLY_FAILPOINT", format!("{place}=abort"))
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{place}: it was not killed");
        assert_eq!(list(&data, &[]).len(), before + recorded, "{place}");
        assert_eq!(pay(&data, &[]).len(), 1 - recorded, "{place}");
        let all = list(&data, &[]);
        assert_eq!(all.len(), before + 1);
        let show = ["payment", "show", trace(&all[0]), "--output-format", "x12"];
        let written = text(&run(&data, &show), 0);
        assert_eq!(advices(&written)[0].payments[0].number, id);
    }
    sound(&data);
}

/// Wherever a run is killed, the next one has each 835 in the folder, and no other.
#[test]
fn an_835_that_was_not_written_is_written_by_the_next_run() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let folder = data.with_file_name("out");
    let out = folder.to_str().unwrap();
    for (made, place) in ["before-pay", "after-pay", "after-pay"].iter().enumerate() {
        claim(&data, &format!("A-{made}"));
        let killed = tally()
            .args(["payment", "run", "--out", out, "--data"])
            .arg(&data)
            .env("TALLY_FAILPOINT", format!("{place}=abort"))
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{place}: it was not killed");
        assert_eq!(common::files(&folder).len(), made + 1);
        let again = run(&data, &["payment", "run", "--out", out]);
        let said = text(&again, 0);
        let recorded = *place == "after-pay";
        assert_eq!(said == "Nothing is to be told.\n", recorded, "{said}");
        let written = errors(&again).contains("written: the 835 of payment");
        assert_eq!(written, recorded);
        let files = common::files(&folder);
        let all = list(&data, &[]);
        assert_eq!((files.len(), all.len()), (made + 1, made + 1), "{place}");
        for of in &all {
            let name = format!("{PROVIDER}-{}.835", trace(of));
            let show = ["payment", "show", trace(of), "--output-format", "x12"];
            let shown = text(&run(&data, &show), 0);
            assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), shown);
        }
    }
    // What cannot be written is not recorded.
    claim(&data, "A-9");
    let file = office::file(&data, "taken", "");
    let refused = run(&data, &["payment", "run", "--out", file.to_str().unwrap()]);
    text(&refused, 1);
    assert_eq!(list(&data, &[]).len(), 3);
    sound(&data);
}

#[test]
fn processes_at_once_pay_once() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let sent: BTreeSet<String> = (0..4).map(|n| claim(&data, &format!("A-{n}"))).collect();
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let mut command = tally();
            command.args(["payment", "run", "--json", "--data"]);
            let piped = std::process::Stdio::piped();
            command.arg(&data).stdout(piped).spawn().unwrap()
        })
        .collect();
    let mut told = Vec::new();
    for run in runs {
        let said = text(&run.wait_with_output().unwrap(), 0);
        for line in said.lines() {
            let payment: Value = serde_json::from_str(line).unwrap();
            let claims = payment["claims"].as_array().unwrap().iter();
            told.extend(claims.map(|of| of["claim"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(told.len(), sent.len());
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), sent);
    sound(&data);
}

#[test]
fn who_cannot_be_named_holds_up_nobody() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let unnamed = serde_json::json!({
        "format": "tallystick-claim/v1", "kind": "professional", "control_number": "A-1",
        "member": "M-1001", "billing": "CLINIC-7", "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": "180.00",
                    "from": service().to_string() }],
    });
    let id = submit(&data, "claim.json", &unnamed.to_string()).remove(0);
    claim(&data, "A-2");
    let output = run(&data, &["payment", "run", "--json"]);
    let made = text(&output, 1);
    assert_eq!(made.lines().count(), 1, "{made}");
    let said = errors(&output);
    assert!(
        said.contains(&format!("untold: the billing provider of claim {id}"))
            && !said.contains("CLINIC-7"),
        "{said}"
    );
    // Named, it is paid: and on no day before the last.
    let config = office::file(
        &data,
        "tally.toml",
        &format!(
            "[node]\ndata = {:?}\n[[payee]]\nidentifier = 'CLINIC-7'\nname = 'CLINIC'\ntax = '987654321'\n",
            data.display().to_string()
        ),
    );
    let config = ["--config", config.to_str().unwrap()];
    let made = common::run([&["payment", "run", "--json"], &config[..]].concat());
    assert_eq!(text(&made, 0).lines().count(), 1);
    claim(&data, "A-3");
    let early = run(&data, &["payment", "run", "--on", "2026-01-01"]);
    assert!(text(&early, 0).contains("Nothing"), "it had not come yet");
    assert!(
        errors(&early).contains("later: 1 claim"),
        "{}",
        errors(&early)
    );
    let ahead = ["payment", "run", "--on", "2999-01-01", "--json"];
    let ahead = [&ahead[..], &["--ahead"]].concat();
    assert_eq!(text(&run(&data, &ahead), 0).lines().count(), 1);
    claim(&data, "A-4");
    let output = run(&data, &["payment", "run"]);
    text(&output, 1);
    assert!(errors(&output).contains("was paid on 2999-01-01"));
}

/// A void moves the balances of all that comes after it, and of most no cent.
#[test]
fn what_is_decided_anew_and_comes_out_alike_is_not_told_again() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let first = another(&data, 1);
    let second = another(&data, 2);
    assert_eq!(pay(&data, &[])[0]["claims"].as_array().unwrap().len(), 2);
    text(&run(&data, &["claim", "void", &first]), 0);
    let history = json(&run(&data, &["claim", "history", &second, "--json"]), 0);
    assert_eq!(
        history["outcomes"].as_array().unwrap().len(),
        2,
        "{history:#}"
    );
    let told = pay(&data, &[]);
    assert_eq!(told[0]["reversed"][0]["claim"], first.as_str());
    assert_eq!(told[0]["reversed"].as_array().unwrap().len(), 1);
    assert_eq!(told[0]["claims"], serde_json::json!([]));
    // Voided after all, what was told of it is taken back.
    text(&run(&data, &["claim", "void", &second]), 0);
    let told = pay(&data, &[]);
    assert_eq!(told[0]["reversed"][0]["claim"], second.as_str());
    sound(&data);
}

/// A slip of the keyboard is not paid by.
#[test]
fn a_day_far_ahead_is_refused_unless_it_is_meant() {
    let (_scratch, data) = scratch();
    enrol(&data);
    claim(&data, "A-1");
    let on = |days: i32, more: &[&str]| {
        let day = tally_types::ServiceDate::from_days(office::today().days() + days).unwrap();
        let on = ["payment", "run", "--on", &day.to_string()].map(str::to_owned);
        let on: Vec<&str> = on
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        run(&data, &on)
    };
    let refused = on(33, &[]);
    text(&refused, 1);
    let said = errors(&refused);
    assert!(said.contains("is more than 31 days from today") && said.contains("`--ahead`"));
    assert!(list(&data, &[]).is_empty());
    assert!(text(&on(33, &["--dry-run"]), 0).contains("would be paid"));
    text(&on(30, &[]), 0);
    claim(&data, "A-2");
    text(&on(33, &["--ahead"]), 0);
    assert_eq!(list(&data, &[]).len(), 2);
}

/// Runs a statement past the guards of the node's database.
fn alter(data: &Path, sql: &'static str) {
    use sqlx::Connection as _;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    let guards = "DROP TRIGGER payment_never_changes; DROP TRIGGER payment_never_shrinks;
                  DROP TRIGGER payment_part_never_changes; DROP TRIGGER payment_part_never_shrinks;
                  DROP TRIGGER statement_never_changes;";
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(data.join("node.db"))
                .foreign_keys(false);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            for sql in [guards, sql] {
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
            connection.close().await.unwrap();
        });
}

/// Puts the database of one folder in the place of another's: what is not in its file yet
/// is in the log beside it.
fn database(from: &Path, to: &Path) {
    for name in ["node.db", "node.db-wal", "node.db-shm"] {
        std::fs::remove_file(to.join(name)).ok();
    }
    for name in ["node.db", "node.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// From the folder of the payer to somebody who has the files alone.
#[test]
fn a_claim_has_a_receipt_of_each_step() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let day = compact(service());
    let sent = visit("A-1", "M-1001", "180", &day);
    let claim = submit(&data, "a.837", &sent).remove(0);
    let paid = pay(
        &data,
        &["--out", data.with_file_name("told").to_str().unwrap()],
    );
    let trace = trace(&paid[0]);
    let trust = data.with_file_name("export");
    text(
        &run(
            &data,
            &["ledger", "export", "--out", trust.to_str().unwrap()],
        ),
        0,
    );
    let verified = |more: &[&str]| {
        let receipt = text(
            &run(&data, &[&["claim", "receipt", &claim], more].concat()),
            0,
        );
        let path = data.with_file_name("receipt");
        std::fs::write(&path, receipt).unwrap();
        let mut verify = tally();
        verify.args(["ledger", "verify", "--json"]).arg(&path);
        verify.arg("--trust").arg(trust.join("trust.json"));
        let of = json(&verify.output().unwrap(), 0)[0].clone();
        assert_eq!(
            (&of["verdict"], &of["claim"]),
            (&"trusted".into(), &claim.as_str().into())
        );
        let mut told = tally();
        told.args(["ledger", "verify"]).arg(&path);
        let said = text(&told.output().unwrap(), 3);
        (of, said)
    };
    let hash = |of: &[u8]| tally::node::keys::hex(&Sha256::digest(of));
    let (received, said) = verified(&["--received"]);
    assert_eq!(received["submission"], hash(sent.as_bytes()).as_str());
    assert_eq!(received["submitter"], "local");
    assert!(said.contains("received 20"), "{said}");
    let (outcome, _) = verified(&[]);
    assert_eq!(outcome["status"], "paid");
    assert!(outcome["index"].as_u64() > received["index"].as_u64());
    let (payment, said) = verified(&["--payment", trace]);
    assert_eq!(payment["payment"], trace);
    assert_eq!(payment["amount"], paid[0]["payment"]);
    assert_eq!(payment["claims"], serde_json::json!([claim]));
    assert!(payment["index"].as_u64() > outcome["index"].as_u64());
    assert!(said.contains("with 1 claim in all"), "{said}");
    let told = run(&data, &["payment", "show", trace, "--output-format", "x12"]);
    assert_eq!(payment["remittance"], hash(&told.stdout).as_str());

    let other = another(&data, 3);
    let none = run(&data, &["claim", "receipt", &other, "--payment", trace]);
    assert!(
        errors(&none).contains("tells nothing of claim"),
        "{}",
        errors(&none)
    );
    let none = run(&data, &["claim", "receipt", &"0".repeat(32), "--received"]);
    assert!(
        errors(&none).contains("nobody sent it"),
        "{}",
        errors(&none)
    );
}

#[test]
fn what_is_altered_of_a_payment_is_named() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let first = another(&data, 1);
    pay(&data, &[]);
    text(&run(&data, &["claim", "void", &first]), 0);
    pay(&data, &[]);
    another(&data, 2);
    pay(&data, &[]);
    sound(&data);
    // What waits for a payment has a mark.
    another(&data, 3);
    sound(&data);
    let kept = data.with_file_name("kept");
    std::fs::create_dir(&kept).unwrap();
    database(&data, &kept);
    for (sql, expected) in [
        (
            "UPDATE payment SET amount = amount + 1 WHERE number = 1",
            "do not come to its sum",
        ),
        (
            "UPDATE payment_part SET interest = 1 WHERE kind = 2",
            "do not come to its sum",
        ),
        (
            "UPDATE payment_part SET paid = paid + 1 WHERE kind = 2",
            "did not come to what it tells",
        ),
        (
            "UPDATE payment_part SET revision = 5 WHERE kind = 2",
            "did not come to what it tells",
        ),
        (
            "UPDATE payment SET brought = brought - 1 WHERE number = 3",
            "takes another balance",
        ),
        (
            "UPDATE payment SET hash = zeroblob(32) WHERE number = 2",
            "is not the one that was recorded",
        ),
        (
            "UPDATE payment_part SET payload = zeroblob(90) WHERE kind = 2",
            "is not the one that was recorded",
        ),
        (
            "UPDATE payment SET number = 9 WHERE number = 3",
            "is not the next",
        ),
        (
            "DELETE FROM payment_part WHERE payment = (SELECT id FROM payment WHERE number = 1);
             DELETE FROM payment WHERE number = 1",
            "is missing",
        ),
        (
            "DELETE FROM payment_part WHERE kind = 2",
            "has not all that it told",
        ),
        // In pairs, so that the sums agree.
        (
            "UPDATE payment_part SET interest = 1 WHERE payment = 1; \
             UPDATE payment SET amount = amount + 1 WHERE id = 1",
            "is not the one that was recorded",
        ),
        (
            "UPDATE payment_part SET interest = 1 WHERE payment = 1; \
             UPDATE payment_part SET interest = 1, paid = paid - 1 WHERE payment = 1",
            "is not the one that was recorded",
        ),
        (
            "UPDATE payment_part SET withheld = 1 WHERE payment = 1",
            "is not the one that was recorded",
        ),
        (
            "UPDATE payment SET day = day - 1 WHERE id = 3",
            "is not the one that was recorded",
        ),
        (
            "UPDATE payment SET submitter = 'another' WHERE id = 3",
            "is not the one that was recorded",
        ),
        (
            "UPDATE statement SET payload = zeroblob(length(payload)) WHERE kind = 13",
            "is not the one that was entered on the log",
        ),
        (
            "UPDATE statement SET about = zeroblob(16) WHERE kind = 6",
            "it is kept under another name",
        ),
        (
            "UPDATE statement SET record = NULL, payload = NULL WHERE kind = 6",
            "what it keeps is missing",
        ),
        (
            "UPDATE statement SET payload = (SELECT payload FROM statement WHERE kind = 6 LIMIT 1) \
             WHERE kind = 6 AND id = (SELECT max(id) FROM statement WHERE kind = 6)",
            "its entry is not the commitment to what it keeps",
        ),
        (
            "DELETE FROM payment_part; DELETE FROM payment",
            "it has no mark",
        ),
        ("DELETE FROM due", "it has no mark"),
    ] {
        alter(&data, sql);
        let found = run(&data, &["ledger", "fsck"]);
        let said = errors(&found);
        assert_eq!(found.status.code(), Some(1), "{sql}: {said}");
        assert!(said.contains(expected), "{sql}: {said}");
        database(&kept, &data);
    }
    sound(&data);
}
