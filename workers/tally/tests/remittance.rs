//! Remittances through the binary: they balance by a checker that shares nothing with
//! what writes them, and say the same in every form.

#[allow(dead_code)]
#[path = "../../../engine/core/src/interchange/x12/tests/checker.rs"]
mod checker;
mod common;
#[path = "common/office.rs"]
mod office;
#[path = "common/x12.rs"]
mod x12;

use std::path::Path;

use checker::{advices, cents, unbalanced};
use common::{errors, json, scratch, text};
use office::{compact, enrol, run, service, settled, submit, today};
use serde_json::Value;
use tally_types::ServiceDate;
use x12::{PROVIDER, Professional, professional, visit};

/// Two claims, one of them of two lines.
fn two() -> String {
    let day = compact(service());
    professional(
        8,
        &[
            Professional {
                control: "A-1",
                member: "M-1001",
                charge: "350",
                diagnosis: "J069",
                lines: &[
                    ("99396", "", "180", "1", &day),
                    ("36415", "", "170", "1", &day),
                ],
            },
            Professional {
                control: "A-2",
                member: "NOBODY",
                charge: "90.5",
                diagnosis: "J069",
                lines: &[("99213", "", "90.5", "1", &day)],
            },
        ],
    )
}

fn remit(data: &Path, arguments: &[&str], code: i32) -> String {
    let mut all = vec!["claim", "remittance"];
    all.extend(arguments);
    text(&run(data, &all), code)
}

#[test]
fn every_form_says_the_same_to_the_cent() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let ids = submit(&data, "two.837", &two());
    let by_id = [ids[0].as_str(), &ids[1]];
    let in_x12 = remit(&data, &[by_id[0], by_id[1], "--output-format", "x12"], 0);
    assert_eq!(unbalanced(&in_x12), [""; 0], "{in_x12}");
    let [advice] = &advices(&in_x12)[..] else {
        panic!("one payee: {in_x12}");
    };
    let ours: Value =
        serde_json::from_str(&remit(&data, &[by_id[0], by_id[1], "--json"], 0)).unwrap();
    let ours = &ours[0];
    assert_eq!(ours["payee"], PROVIDER);
    assert_eq!(ours["trace"], advice.trace.as_str());
    assert_eq!(cents(ours["payment"].as_str().unwrap()), advice.total);
    assert!(advice.total > 0);
    let in_fhir: Value = serde_json::from_str(&remit(
        &data,
        &[by_id[0], by_id[1], "--output-format", "fhir"],
        0,
    ))
    .unwrap();
    for (at, payment) in advice.payments.iter().enumerate() {
        let claim = &ours["claims"][at];
        let response = &in_fhir["entry"][at]["resource"];
        assert_eq!(claim["claim"], payment.number.as_str());
        assert_eq!(claim["control_number"], payment.control.as_str());
        assert_eq!(response["id"], payment.number.as_str());
        let amount = |name: &str| cents(claim[name].as_str().unwrap());
        assert_eq!(amount("charge"), payment.charge);
        assert_eq!(amount("paid"), payment.paid);
        assert_eq!(amount("patient"), payment.patient);
        let paid = response["payment"]["amount"]["value"]
            .as_f64()
            .unwrap_or(0.0);
        assert_eq!((paid * 100.0).round() as i128, payment.paid);
    }
    // Whoever is not known is told so, and not paid.
    assert_eq!(advice.payments[1].status, "4");

    // The same by who is paid, by who sent them, and since when; in order of the ids.
    let mut sorted = ids.clone();
    sorted.sort();
    for by in [
        &["--payee", PROVIDER][..],
        &["--submitter", "local"],
        &["--since", &today().to_string()],
    ] {
        let again = remit(&data, &[by, &["--json"]].concat(), 0);
        let again: Value = serde_json::from_str(&again).unwrap();
        let claims = again[0]["claims"].as_array().unwrap().iter();
        let found: Vec<&str> = claims.map(|of| of["claim"].as_str().unwrap()).collect();
        assert_eq!(found, sorted, "{by:?}");
    }
    for by in [["--payee", "1111111112"], ["--since", "2999-01-01"]] {
        assert_eq!(remit(&data, &[by[0], by[1], "--json"], 0), "[]\n");
    }
    // On another day it is another payment.
    let later = ServiceDate::from_days(today().days() + 3).unwrap();
    let later = later.to_string();
    let other = run(
        &data,
        &["claim", "remittance", "--on", &later, "--json", by_id[0]],
    );
    let other = json(&other, 0);
    assert_eq!(other[0]["on"], later.as_str());
    assert_ne!(other[0]["trace"], ours["trace"]);
    // Before the claims came, there was nothing to be told.
    let earlier = ["--on", "2026-03-03", "--json", by_id[0]];
    assert_eq!(remit(&data, &earlier, 0), "[]\n");
}

#[test]
fn people_read_who_is_paid_and_what_for() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let id = submit(
        &data,
        "visit.837",
        &visit("A-1", "M-1001", "180", &compact(service())),
    )
    .remove(0);
    insta::assert_snapshot!("text", settled(&remit(&data, &[&id], 0)));
    insta::assert_snapshot!(
        "x12",
        settled(&remit(&data, &[&id, "--output-format", "x12"], 0))
    );
    let folder = data.with_file_name("out");
    remit(&data, &[&id, "--out", folder.to_str().unwrap()], 0);
    let [file] = &common::files(&folder)[..] else {
        panic!("one file");
    };
    let written = std::fs::read_to_string(file).unwrap();
    assert_eq!(written, remit(&data, &[&id, "--output-format", "x12"], 0));
    // Which claims has to be said, and in one way.
    for wrong in [
        &["claim", "remittance"][..],
        &["claim", "remittance", &id, "--payee", "1"],
    ] {
        text(&run(&data, wrong), 2);
    }
    let nothing = run(
        &data,
        &["claim", "remittance", "00000000000000000000000000000000"],
    );
    text(&nothing, 1);
    assert!(
        errors(&nothing).contains("no claim 0000"),
        "{}",
        errors(&nothing)
    );
}

#[test]
fn the_configuration_says_who_pays_and_who_is_paid() {
    let (_scratch, data) = scratch();
    let config = office::file(
        &data,
        "tally.toml",
        &format!(
            "[node]\ndata = {:?}\n[payer]\nname = 'HARBOR HEALTH'\nidentifier = 'HARBOR'\n\
             tax = '123456789'\nrouting = '011000015'\naccount = '1111'\n\
             [[payee]]\nidentifier = '{PROVIDER}'\nname = 'LAKESIDE CLINIC'\ntax = '987654321'\n\
             street = '2 SHORE ROAD'\ncity = 'HARBOR'\nstate = 'ME'\nzip = '04000'\n\
             routing = '021000021'\naccount = '2222'\n",
            data.display().to_string()
        ),
    );
    enrol(&data);
    let id = submit(
        &data,
        "visit.837",
        &visit("A-1", "M-1001", "180", &compact(service())),
    )
    .remove(0);
    let on = today();
    let output = common::run([
        "claim",
        "remittance",
        "--config",
        config.to_str().unwrap(),
        "--output-format",
        "x12",
        "--on",
        &on.to_string(),
        &id,
    ]);
    let written = text(&output, 0);
    assert_eq!(unbalanced(&written), [""; 0], "{written}");
    for segment in [
        "N1*PR*HARBOR HEALTH~",
        "N1*PE*LAKESIDE CLINIC*XX*2000001372~",
        "N4*HARBOR*ME*04000~",
        "REF*TJ*987654321~",
    ] {
        assert!(written.contains(segment), "{segment}: {written}");
    }
    let accounts = "*ACH*CCP*01*011000015*DA*1111*1123456789**01*021000021*DA*2222";
    let accounts = format!("{accounts}*{}~", compact(on));
    assert!(written.contains(&accounts), "{written}");
}

#[test]
fn who_cannot_be_named_cannot_be_paid() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let claim = serde_json::json!({
        "format": "tallystick-claim/v1", "kind": "professional", "control_number": "A-1",
        "member": "M-1001", "billing": "CLINIC-7", "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": "180.00", "from": "2026-02-10" }],
    });
    let id = submit(&data, "claim.json", &claim.to_string()).remove(0);
    let output = run(&data, &["claim", "remittance", &id]);
    text(&output, 1);
    let said = errors(&output);
    assert!(
        said.contains("`[[payee]]`") && !said.contains("CLINIC-7"),
        "{said}"
    );
}

/// Interest on a payment in cents at 10 % a year, from the day after `due` through `on`, rounded half
/// up: each day by the length of its own year.
fn interest(paid: i128, due: ServiceDate, on: ServiceDate) -> i128 {
    let (mut common, mut leap) = (0, 0);
    for number in due.days() + 1..=on.days() {
        match ServiceDate::from_days(number).unwrap().days_in_year() {
            366 => leap += 1,
            _ => common += 1,
        }
    }
    let (over, under) = (paid * (common * 366 + leap * 365), 10 * 365 * 366);
    (2 * over + under) / (2 * under)
}

#[test]
fn what_is_late_bears_interest_in_every_form_and_balances() {
    let (_scratch, data) = scratch();
    let settings = format!(
        "[node]\ndata = {:?}\n[[payer.prompt_pay]]\nfrom = '2020-01-01'\ndays = 30\nrate = '0.1'\n",
        data.display().to_string()
    );
    let config = office::file(&data, "tally.toml", &settings);
    let remit = |on: i32, more: &[&str]| {
        let on = ServiceDate::from_days(today().days() + on).unwrap();
        let (on, config) = (on.to_string(), config.to_str().unwrap());
        let mut all = vec!["claim", "remittance", "--config", config, "--on", &on];
        all.extend(more);
        text(&common::run(all), 0)
    };
    enrol(&data);
    let id = submit(
        &data,
        "visit.837",
        &visit("A-1", "M-1001", "180", &compact(service())),
    )
    .remove(0);
    let due = ServiceDate::from_days(today().days() + 30).unwrap();
    let late = |days: i32| ServiceDate::from_days(due.days() + days).unwrap();
    let described = |on, more: &[&str]| -> Value {
        let text = remit(on, &[&[&id, "--json"], more].concat());
        serde_json::from_str(&text).unwrap()
    };

    // On the last day in time there is none.
    let in_time = described(30, &[]);
    assert_eq!(in_time[0]["claims"][0]["interest"], "0.00");
    let paid = cents(in_time[0]["payment"].as_str().unwrap());
    let owed = interest(paid, due, late(20));
    assert!(paid > 0 && owed > 0);

    // Twenty days later there is, and the payment is more by it.
    let ours = described(50, &[]);
    let claim = &ours[0]["claims"][0];
    assert_eq!(cents(claim["interest"].as_str().unwrap()), owed);
    assert_eq!(cents(claim["paid"].as_str().unwrap()), paid);
    assert_eq!(cents(ours[0]["payment"].as_str().unwrap()), paid + owed);
    let written = remit(50, &[&id, "--output-format", "x12"]);
    assert_eq!(unbalanced(&written), [""; 0], "{written}");
    let [advice] = &advices(&written)[..] else {
        panic!("one payee: {written}");
    };
    assert_eq!(advice.total, paid + owed);
    assert_eq!(advice.payments[0].interest, owed);
    let answer = remit(50, &[&id, "--output-format", "fhir"]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    // A claim alone is in no Bundle.
    let payment = &answer["payment"];
    let of = |name: &str| (payment[name]["value"].as_f64().unwrap() * 100.0).round() as i128;
    assert_eq!((of("adjustment"), of("amount")), (owed, paid + owed));
    assert!(remit(50, &[&id]).contains("interest"));
    assert!(!remit(30, &[&id]).contains("interest"));

    // Its own answer has no day of payment before one was made, and then that of it.
    let answered = || -> Value {
        let answer = text(
            &run(&data, &["claim", "eob", &id, "--output-format", "fhir"]),
            0,
        );
        serde_json::from_str(&answer).unwrap()
    };
    let unpaid = answered();
    assert_eq!(unpaid["payment"].get("date"), None, "{unpaid:#}");
    assert_eq!(unpaid["payment"].get("adjustment"), None, "{unpaid:#}");

    // Replaced by less, after it was paid ten days late: what was paid goes back with its interest,
    // and the rest of it is paid with its own.
    let paid_on = late(10).to_string();
    let config = config.to_str().unwrap();
    let pay = [
        "payment", "run", "--config", config, "--on", &paid_on, "--ahead", "--json",
    ];
    let made: Value = serde_json::from_str(&text(&common::run(pay), 0)).unwrap();
    let before = interest(paid, due, late(10));
    assert_eq!(cents(made["payment"].as_str().unwrap()), paid + before);
    // It is shown as it was told, and not told again.
    let was = described(50, &[]);
    assert_eq!(was[0]["made"], true);
    assert_eq!(was[0]["trace"], made["trace"]);
    assert_eq!(was[0]["on"], paid_on.as_str());
    assert_eq!(was[0]["claims"], made["claims"]);
    assert_eq!(remit(50, &[&id, "--output-format", "x12"]), "");
    let answer = remit(50, &[&id, "--output-format", "fhir"]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["payment"]["date"], paid_on.as_str(), "{answer:#}");
    assert_eq!(answered()["payment"], answer["payment"]);
    let less = office::file(
        &data,
        "less.837",
        &visit("A-1", "M-1001", "100", &compact(service())),
    );
    let replace = ["claim", "replace", &id, less.to_str().unwrap(), "--json"];
    json(&run(&data, &replace), 0);
    let corrected = described(50, &[]);
    assert_eq!(corrected[0]["made"], false);
    let back = &corrected[0]["reversed"][0];
    assert_eq!(cents(back["interest"].as_str().unwrap()), -before);
    let now = &corrected[0]["claims"][0];
    let new = cents(now["paid"].as_str().unwrap());
    assert!(0 < new && new < paid, "{corrected:#}");
    let after = interest(new, due, late(10));
    assert_eq!(cents(now["interest"].as_str().unwrap()), after);
    let forwarded = corrected[0]["forwarded"].as_str().map_or(0, cents);
    let payment = cents(corrected[0]["payment"].as_str().unwrap());
    assert_eq!(payment - forwarded.abs(), new + after - paid - before);
    let written = remit(50, &[&id, "--output-format", "x12"]);
    assert_eq!(unbalanced(&written), [""; 0], "{written}");
}
