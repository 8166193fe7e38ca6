//! Estimates: what a claim would come to is what it comes to, and asking changes
//! nothing.

mod common;
#[path = "common/office.rs"]
mod office;
#[path = "common/x12.rs"]
mod x12;

use std::collections::BTreeMap;

use common::{errors, json, scratch, text};
use office::{compact, enrol, run, service, settled, submit};
use serde_json::Value;
use tally::demo::generate::generate;
use tally::node::clock::Clock;
use tally::node::{Delivery, Node};
use tally_core::canon::Canon as _;
use tally_store::port::{Log as _, Reading as _};
use x12::{Professional, professional, visit};

/// Over a generated population: every file is estimated, then submitted.
#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_is_what_adjudication_comes_to_later() {
    let population = generate(11, 400);
    let (_scratch, data) = scratch();
    let first = population.files[0].received;
    let node = Node::open(&data, Clock::simulated(first)).await.unwrap();
    for contract in &population.contracts {
        node.enrol(contract, false).await.unwrap();
    }
    let (mut compared, mut moved) = (0, 0);
    for file in &population.files {
        node.clock().set(file.received);
        let delivery = Delivery::local(&file.bytes, None);
        let before = (
            node.store().totals().await.unwrap(),
            node.store().head().await.unwrap(),
        );
        let estimated = node.estimate(delivery).await.unwrap();
        let again = node.estimate(delivery).await.unwrap();
        let after = (
            node.store().totals().await.unwrap(),
            node.store().head().await.unwrap(),
        );
        assert_eq!(before, after, "{}: nothing is stored", file.name);
        let submitted = node.submit(delivery).await.unwrap();
        node.drain(&|_| ()).await.unwrap();
        assert_eq!(estimated.read, submitted.read, "{}", file.name);
        assert_eq!(estimated.refusals, submitted.refusals, "{}", file.name);
        assert_eq!(estimated.estimates.len(), submitted.claims.len());
        for ((of, twice), id) in estimated
            .estimates
            .iter()
            .zip(&again.estimates)
            .zip(&submitted.claims)
        {
            let read = node.read_claim(*id, "test").await.unwrap();
            let outcome = read.outcome.unwrap();
            assert_eq!(of.claim.id, *id);
            assert!(
                of.outcome.to_canon() == outcome.to_canon(),
                "{}: {id}",
                file.name
            );
            assert!(of.outcome.to_canon() == twice.outcome.to_canon());
            compared += 1;
            // What was assumed is what the postings went on from, in whichever order
            // the policy took the lines.
            let mut from = BTreeMap::new();
            for posting in outcome.lines().iter().flat_map(|line| line.postings()) {
                let of = (posting.accumulator.clone(), posting.period, posting.family);
                let least = from.entry(of).or_insert(posting.before);
                *least = posting.before.min(*least);
            }
            moved += from.len();
            for ((name, period, family), before) in from {
                let found = of.assumed.iter().any(|assumed| {
                    assumed.name == name
                        && assumed.period == period
                        && assumed.member.is_none() == family
                        && assumed.used == before
                });
                assert!(found, "{}: {id}: {name}", file.name);
            }
        }
    }
    eprintln!("{compared} estimates compared, {moved} balances");
    assert!(compared >= 300 && moved >= 100, "{compared} {moved}");
}

#[test]
fn it_is_marked_in_every_form_and_nothing_is_stored() {
    let (_scratch, data) = scratch();
    enrol(&data);
    submit(
        &data,
        "before.837",
        &visit("A-0", "M-1001", "180", &compact(service())),
    );
    let day = compact(service());
    let file = office::file(
        &data,
        "asked.837",
        &professional(
            8,
            &[Professional {
                control: "A-1",
                member: "M-1001",
                charge: "350",
                diagnosis: "J069",
                lines: &[
                    ("99203", "", "150", "1", &day),
                    ("73721", "", "200", "1", &day),
                ],
            }],
        ),
    );
    let file = file.to_str().unwrap();
    let (_, exported) = common::exported(&data);
    let balances = text(&run(&data, &["member", "show", "M-1001"]), 0);
    let estimate = |more: &[&str]| {
        let output = run(&data, &[&["claim", "estimate", file][..], more].concat());
        text(&output, 0)
    };
    insta::assert_snapshot!("text", settled(&estimate(&[])));
    let ours: Value = serde_json::from_str(&estimate(&["--json"])).unwrap();
    assert_eq!(ours["estimates"][0]["estimate"], true);
    assert!(
        !ours["estimates"][0]["assumed"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let response: Value = serde_json::from_str(&estimate(&["--output-format", "fhir"])).unwrap();
    assert_eq!(response["use"], "predetermination");
    assert!(
        response["disposition"]
            .as_str()
            .unwrap()
            .starts_with("An estimate")
    );
    assert!(response.get("payment").is_none());
    assert_eq!(common::exported(&data).1, exported);
    assert_eq!(
        text(&run(&data, &["member", "show", "M-1001"]), 0),
        balances
    );

    // Submitted, it comes to the same, line by line.
    let said = json(&run(&data, &["claim", "submit", "--json", file]), 0);
    let id = said["claims"][0].as_str().unwrap();
    let (_, exported) = common::exported(&data);
    let line = exported.lines().find(|line| line.contains(id)).unwrap();
    let mut estimate = ours["estimates"][0].clone();
    for mark in ["estimate", "assumed"] {
        estimate.as_object_mut().unwrap().remove(mark);
    }
    assert_eq!(estimate, serde_json::from_str::<Value>(line).unwrap());
}

#[test]
fn what_asks_for_an_estimate_is_estimated_and_not_adjudicated() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let fhir = r#"{
      "resourceType": "Claim", "status": "active", "use": "predetermination",
      "type": { "coding": [ { "code": "professional" } ] },
      "patient": { "identifier": { "value": "M-1001" } }, "created": "DAY",
      "provider": { "identifier": { "value": "2000001372" } },
      "insurance": [ { "sequence": 1, "focal": true, "coverage": { "display": "Harbor" } } ],
      "item": [ { "sequence": 1, "servicedDate": "DAY", "net": { "value": 180.00 },
        "productOrService": { "coding": [ { "system": "http://www.ama-assn.org/go/cpt", "code": "99396" } ] } } ]
    }"#
    .replace("DAY", &service().to_string());
    let file = office::file(&data, "asked.json", &fhir);
    let file = file.to_str().unwrap();
    let said = json(&run(&data, &["claim", "estimate", "--json", file]), 0);
    assert_eq!(said["estimates"][0]["status"], "paid", "{said}");
    let output = run(&data, &["claim", "submit", file]);
    text(&output, 1);
    assert!(
        errors(&output).contains("its use is predetermination"),
        "{}",
        errors(&output)
    );
    // What would be refused is said, with where and why.
    let broken = office::file(&data, "broken.json", &fhir.replace("180.00", "180.001"));
    let output = run(
        &data,
        &["claim", "estimate", "--json", broken.to_str().unwrap()],
    );
    let said = json(&output, 1);
    assert_eq!(said["refusals"][0]["place"], "Claim.item[0].net.value");
    assert!(errors(&output).contains("I502"), "{}", errors(&output));
    assert_eq!(common::exported(&data).0, 0);
}

#[test]
fn a_dental_predetermination_is_estimated_and_not_adjudicated() {
    let (_scratch, data) = scratch();
    let contract = office::CONTRACT.replace("harbor-ppo", "brook-dental");
    let contract = office::file(&data, "dental.json", &contract);
    text(
        &run(&data, &["member", "import", contract.to_str().unwrap()]),
        0,
    );
    let day = compact(service());
    let file = office::file(&data, "asked.837", &x12::dental("M-1001", &day, true));
    let file = file.to_str().unwrap();
    let output = run(&data, &["claim", "submit", file]);
    text(&output, 1);
    let said = errors(&output);
    assert!(said.contains("2300 CLM-19: I301"), "{said}");
    assert!(said.contains("ask for an estimate"), "{said}");
    let asked = json(&run(&data, &["claim", "estimate", "--json", file]), 0);
    let made = submit(&data, "made.837", &x12::dental("M-1001", &day, false));
    let (_, exported) = common::exported(&data);
    let made: Value = exported
        .lines()
        .find(|line| line.contains(&made[0]))
        .map(|line| serde_json::from_str(line).unwrap())
        .unwrap();
    assert_eq!(asked["estimates"][0]["lines"], made["lines"]);
    assert_eq!(made["lines"][0]["charge"], "60.00");
}

/// A replacement is estimated in the place of what it replaces, as it is decided.
#[test]
fn a_replacement_is_estimated_in_its_place() {
    let (_scratch, data) = scratch();
    enrol(&data);
    let day = compact(service());
    let sick = |control: &str, charge: &str| {
        professional(
            5,
            &[Professional {
                control,
                member: "M-1001",
                charge,
                diagnosis: "S8001XA",
                lines: &[("73562", "", charge, "1", &day)],
            }],
        )
    };
    let original = submit(&data, "first.837", &sick("A-1", "400")).remove(0);
    submit(&data, "second.837", &sick("A-2", "30"));
    let replacement = x12::succeeding(&sick("A-1", "41.5"), "7", &original);
    let file = office::file(&data, "replacement.837", &replacement);
    let file = file.to_str().unwrap();
    let asked = json(&run(&data, &["claim", "estimate", "--json", file]), 0);
    let estimate = &asked["estimates"][0];
    assert_eq!(estimate["charge"], "41.50");
    // In the first place nothing had accumulated before it.
    let assumed = estimate["assumed"].as_array().unwrap();
    assert!(
        !assumed.is_empty() && assumed.iter().all(|of| of["used"] == "0.00"),
        "{asked}"
    );
    let made = submit(&data, "made.837", &replacement).remove(0);
    assert_eq!(estimate["claim"], made.as_str());
    let (_, exported) = common::exported(&data);
    let line = exported.lines().find(|line| line.contains(&made)).unwrap();
    let made: Value = serde_json::from_str(line).unwrap();
    for part in ["lines", "paid", "patient", "allowed", "policy"] {
        assert_eq!(estimate[part], made[part], "{part}");
    }
    // A void comes to nothing; of a claim that nobody knows nothing can be said.
    let void = x12::succeeding(&sick("A-1", "41.5"), "8", made["claim"].as_str().unwrap());
    let unknown = x12::succeeding(&sick("A-1", "41.5"), "7", &"0".repeat(32));
    for (text_of, rule) in [(void, "I303"), (unknown, "I311")] {
        let file = office::file(&data, "asked.837", &text_of);
        let output = run(&data, &["claim", "estimate", file.to_str().unwrap()]);
        text(&output, 1);
        assert!(errors(&output).contains(rule), "{}", errors(&output));
    }
}
