//! Acts through RabbitMQ and PostgreSQL, by two workers: what stands, what was taken
//! back and what the log has are what they are on an embedded node.

#[allow(dead_code)]
#[path = "../../../engine/core/src/interchange/x12/tests/checker.rs"]
mod checker;
mod common;
#[path = "common/site.rs"]
#[allow(dead_code)] // this file uses a part
mod site;

use std::collections::BTreeMap;

use checker::unbalanced;
use common::{json, scratch};
use site::{Site, until_async};
use tally::config::PayerConfig;
use tally::demo::generate::{Population, generate};
use tally::node::clock::Clock;
use tally::node::{Anew, Delivery, MOST, Node, Paying, Remitting, Step};
use tally_core::adjudication::Status;
use tally_core::claim::{ClaimId, Frequency};
use tally_core::ledger::Ground;
use tally_store::port::{
    Acts as _, ClaimFilter, Log as _, Reading as _, Relay as _, Token, Waiting, Work as _,
};

/// What every claim came to, and how often that was taken back.
async fn outcomes(node: &Node) -> BTreeMap<ClaimId, String> {
    let rows = node.store().claims(&ClaimFilter::default()).await.unwrap();
    rows.into_iter()
        .map(|row| {
            let outcome = row.outcome.expect("every claim is decided");
            let said = format!(
                "{} {:?} {} {}",
                row.sequence,
                outcome.outcome_hash,
                outcome.revision,
                outcome.gone.is_some()
            );
            (row.id, said)
        })
        .collect()
}

async fn all_done(node: &Node) {
    until_async("everything is decided and judged", async || {
        let waiting = node.store().waiting().await.unwrap();
        assert_eq!(waiting.held, 0, "{:?}", node.store().held().await);
        (waiting == Waiting::default()).then_some(())
    })
    .await;
}

/// Takes everything in, and then acts, in an order that is the same each time: one
/// file more comes after each act. `way` sees to it that what was sent is decided.
/// Answers what payees were told: before the acts, between them, and after.
async fn live(node: &Node, population: &Population, way: Way) -> [Vec<String>; 3] {
    for contract in &population.contracts {
        node.enrol(contract, false).await.unwrap();
    }
    let half = population.files.len() / 2;
    let (first, later) = population.files.split_at(half);
    for file in first {
        node.clock().set(file.received);
        node.submit(Delivery::local(&file.bytes, None))
            .await
            .unwrap();
    }
    way.settle(node).await;
    let before = pay(node).await;
    let paid = ClaimFilter {
        status: Some(Status::Paid),
        ..ClaimFilter::default()
    };
    let rows = node.store().claims(&paid).await.unwrap();
    assert!(rows.len() > 24, "{}", rows.len());
    let mut later = later.iter();
    let mut more = async || {
        if let Some(file) = later.next() {
            node.clock().set(file.received);
            node.submit(Delivery::local(&file.bytes, None))
                .await
                .unwrap();
        }
    };
    // None of these waits for the one before: they queue behind each other.
    for row in &rows[..8] {
        node.void(row.id, "local").await.unwrap();
        more().await;
    }
    // Whatever in these files is of the same provider and contract takes its place.
    let mut replaced = 0;
    for (row, file) in rows[8..12]
        .iter()
        .flat_map(|row| first.iter().map(move |f| (row, f)))
    {
        let mut delivery = Delivery::local(&file.bytes, None);
        delivery.succeeds = Some((Frequency::Replacement, row.id));
        let submitted = node.submit(delivery).await.unwrap();
        replaced += submitted.claims.len();
    }
    assert!(replaced >= 4, "{replaced}");
    let claim = Anew::Claim(rows[12].id);
    node.readjudicate(&claim, "a test", "to see").await.unwrap();
    for _ in 0..half {
        more().await;
    }
    way.settle(node).await;
    let between = pay(node).await;
    node.readjudicate(&Anew::All, "a test", "once more")
        .await
        .unwrap();
    way.settle(node).await;
    [before, between, pay(node).await]
}

/// Pays all that is settled; answers the 835s, in an order of their own: payees are
/// paid in that of a node's tokens.
async fn pay(node: &Node) -> Vec<String> {
    let payer = PayerConfig::default();
    let paying = Paying {
        remitting: Remitting {
            payer: &payer,
            payees: &[],
            on: node.clock().today(),
        },
        payee: None,
        dry: false,
        most: MOST,
    };
    let mut told = Vec::new();
    let mut said = |step: Step<'_>| {
        if let Step::Paid(of) = step {
            assert_eq!(unbalanced(&of.text), [""; 0], "{}", of.text);
            told.push(of.text);
        }
        Ok(())
    };
    node.pay(&paying, &mut said).await.unwrap();
    told.sort();
    told
}

/// How a node comes to decide what was sent.
#[derive(Clone, Copy)]
enum Way {
    /// It does it itself.
    Drained,
    /// Workers do.
    Waited,
}

impl Way {
    async fn settle(self, node: &Node) {
        match self {
            Self::Drained => {
                node.drain(&|_| ()).await.unwrap();
            }
            Self::Waited => all_done(node).await,
        }
    }
}

/// What was taken back of a unit's claims, and what came in its place.
async fn taken_back(node: &Node, unit: Token) -> Vec<(ClaimId, u32, u64, Option<[u8; 32]>)> {
    let revisions = node.store().revisions(unit).await.unwrap();
    revisions
        .into_iter()
        .map(|r| {
            (
                r.claim,
                r.number,
                r.sequence,
                r.now.map(|now| now.outcome_hash),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_come_to_the_same_on_servers() {
    let population = generate(29, 260);
    let begun = population.files[0].received;
    let (_folder, data) = scratch();
    let embedded = Node::open(&data, Clock::simulated(begun)).await.unwrap();
    let told = live(&embedded, &population, Way::Drained).await;
    assert!(told[1].iter().any(|text| text.contains("*22*")));

    let site = Site::new("[worker]\nbatch = 16\n");
    let node = site.node(Clock::simulated(begun)).await;
    let relay = site.start("relay", "r");
    let one = site.start("worker", "one");
    let two = site.start("worker", "two");
    let on_servers = live(&node, &population, Way::Waited).await;
    for (here, there) in on_servers.iter().zip(&told) {
        assert_eq!(here, there);
    }
    assert_eq!(outcomes(&node).await, outcomes(&embedded).await);

    // What was taken back is the same, unit by unit.
    let mut reversed = 0;
    for unit in node.store().all_units().await.unwrap() {
        // Each node has its own tokens: a unit is known by its claims.
        let rows = node.store().claims_of_unit(unit).await.unwrap();
        let first = embedded.store().claim(rows[0].id).await.unwrap().unwrap();
        let here = taken_back(&node, unit).await;
        let there = taken_back(&embedded, first.unit).await;
        assert_eq!(here, there);
        reversed += here.len();
        let (here, there) = (
            node.store().units(&[unit]).await.unwrap().remove(0),
            embedded
                .store()
                .units(&[first.unit])
                .await
                .unwrap()
                .remove(0),
        );
        let used = |state: tally_store::port::UnitState| {
            let rows = state.accumulators.into_iter();
            let mut used: Vec<_> = rows
                .filter(|row| row.used != 0)
                .map(|row| (row.name.name, row.name.period, row.used))
                .collect();
            used.sort();
            used
        };
        assert_eq!(here.done, there.done);
        assert_eq!(used(here), used(there));
    }
    assert!(reversed >= 8, "{reversed}");

    // Everybody is told, and everything is on the log.
    until_async("the log has everything and all is told", async || {
        let postgres = node.store().postgres()?;
        let told = postgres
            .results(1, tally_store::port::Among::Without(&[]))
            .await
            .unwrap();
        let waiting = node.store().outbox(1).await.unwrap();
        (waiting.is_empty() && told.is_empty()).then_some(())
    })
    .await;
    assert!(one.end() && two.end() && relay.end());
    let checked = site.command(&["ledger", "fsck", "--json"]).output();
    let checked = json(&checked.unwrap(), 0);
    assert_eq!(
        checked["faults"].as_array().map(Vec::len),
        Some(0),
        "{checked}"
    );
    let made: usize = told.iter().map(Vec::len).sum();
    assert_eq!(checked["payments"].as_u64(), Some(made as u64));
    let replayed = site.command(&["ledger", "replay", "--json"]).output();
    let replayed = json(&replayed.unwrap(), 0);
    assert_eq!(replayed["chain_breaks"], 0, "{replayed}");
    assert_eq!(replayed["identical"], true);
}

/// An appeal is filed and decided on servers too; what it overturns, workers put right.
#[tokio::test(flavor = "multi_thread")]
async fn an_appeal_is_decided_on_servers() {
    let levels = "[[payer.appeal]]\nname = 'internal'\nfile_within_days = 180\n\
                  decide_within_days = 60\n";
    let site = Site::new(levels);
    let relay = site.start("relay", "r");
    let worker = site.start("worker", "one");
    let (folder, _) = scratch();
    let write = |name: &str, value: serde_json::Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--json"]].concat();
        json(&site.command(&arguments).output().unwrap(), 0)
    };
    let family = write(
        "family.json",
        serde_json::json!({
            "format": "tallystick-contract/v1", "id": "C-9", "inception": "2025-01-01",
            "members": [{
                "id": "M-9", "name": "Robin Example", "birth": "1980-05-02", "sex": "female",
                "relationship": "subscriber",
                "spans": [{ "product": "harbor-ppo", "from": "2025-01-01" }] }],
        }),
    );
    run(&["member", "import", &family]);
    // A scan that nobody authorised beforehand.
    let day = chrono::Utc::now().date_naive() - chrono::Days::new(9);
    let claim = write(
        "claim.json",
        serde_json::json!({
            "format": "tallystick-claim/v1", "kind": "professional", "control_number": "A-1",
            "member": "M-9", "billing": "2000001372", "diagnoses": ["M25.511"],
            "lines": [{ "procedure": "73721", "place": "11", "quantity": "1",
                        "charge": "900.00", "from": day.to_string() }],
        }),
    );
    let submitted = run(&["claim", "submit", &claim]);
    let claim = submitted["claims"][0].as_str().unwrap();
    let file = ["appeal", "file", claim, "--by", "member", "--reason", "x"];
    let filed = run(&file);
    let appeal = filed["appeal"].as_str().unwrap();
    let again = site.command(&file).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    let open = run(&["appeal", "list", "--open"]);
    assert_eq!(open[0]["appeal"], appeal);
    let review = write(
        "review.json",
        serde_json::json!({ "lines": [{
            "line": 1, "allowed": "398.00", "paid": "398.00", "clause": "3.1",
            "adjustments": [
                { "group": "CO", "carc": "45", "amount": "502.00", "clause": "3.1" }] }] }),
    );
    let decided = run(&[
        "appeal",
        "decide",
        appeal,
        "--overturn",
        &review,
        "--reason",
        "x",
    ]);
    assert_eq!(decided["status"], "overturned", "{decided:#}");
    assert_eq!(decided["decision"]["done"], true, "{decided:#}");
    assert_eq!(decided["changes"][0]["corrected"]["paid"], "398.00");
    assert_eq!(run(&["appeal", "list", "--open"]), serde_json::json!([]));
    let node = site.node(Clock::System).await;
    all_done(&node).await;
    until_async("the log has everything", async || {
        let waiting = node.store().outbox(1).await.unwrap();
        waiting.is_empty().then_some(())
    })
    .await;
    assert!(worker.end() && relay.end());
    let checked = run(&["ledger", "fsck"]);
    assert_eq!(checked["appeals"], 1, "{checked:#}");
    assert_eq!(checked["faults"], serde_json::json!([]));
    let replayed = run(&["ledger", "replay"]);
    assert_eq!(replayed["identical"], true, "{replayed:#}");
}

/// A family of Cedar's; the second is enrolled or not yet.
fn cedar(both: bool) -> tally_core::claim::Contract {
    let second = r#",{"id":"M-2","name":"Ben Ash","birth":"1981-02-03","sex":"male",
        "relationship":"spouse","spans":[{"product":"cedar-hmo","from":"2026-01-01"}]}"#;
    let text = format!(
        r#"{{"format":"tallystick-contract/v1","id":"C-7","inception":"2026-01-01","members":[
        {{"id":"M-1","name":"Ann Ash","birth":"1980-01-01","sex":"female",
        "relationship":"subscriber","spans":[{{"product":"cedar-hmo","from":"2026-01-01"}}]}}{}]}}"#,
        if both { second } else { "" }
    );
    let mut read = tally_core::interchange::read_contracts(text.as_bytes()).unwrap();
    read.remove(0)
}

/// Sends a visit to the primary-care provider; answers its id.
async fn visit(node: &Node, control: &str, member: &str, on: &str) -> ClaimId {
    let text = format!(
        r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{control}",
        "member":"{member}","billing":"2000001372","diagnoses":["R69"],"lines":[
        {{"procedure":"99213","place":"11","quantity":"1","charge":"97.00","from":"{on}"}}]}}"#
    );
    let sent = Delivery::local(text.as_bytes(), None);
    node.submit(sent).await.unwrap().claims[0]
}

fn on(text: &str) -> tally_types::ServiceDate {
    tally_types::ServiceDate::parse(text).unwrap()
}

/// What a claim came to: the status, paid and patient's amounts, and whether it stands.
async fn came_to(node: &Node, claim: ClaimId) -> (Status, String, String, bool) {
    let row = node.store().claim(claim).await.unwrap().unwrap();
    let of = row.outcome.unwrap();
    (
        of.status,
        of.paid.to_string(),
        of.patient.to_string(),
        of.gone.is_none(),
    )
}

/// A member is enrolled in April for a visit in January that was sent in January. Answers
/// the claims: as it came, as it is decided now, and that of another of the family.
async fn enrolled_late(node: &Node, way: Way) -> [ClaimId; 3] {
    node.clock().set(on("2026-01-05"));
    node.enrol(&cedar(false), false).await.unwrap();
    let came = visit(node, "L-1", "M-2", "2026-01-02").await;
    way.settle(node).await;
    assert_eq!(came_to(node, came).await.0, Status::Denied);
    pay(node).await;
    node.clock().set(on("2026-02-10"));
    let other = visit(node, "L-2", "M-1", "2026-02-09").await;
    way.settle(node).await;
    let stood = came_to(node, other).await;

    node.clock().set(on("2026-04-10"));
    node.enrol(&cedar(true), false).await.unwrap();
    let claim = Anew::Claim(came);
    let acts = node.readjudicate(&claim, "a test", "enrolled").await;
    let acts = acts.unwrap();
    way.settle(node).await;
    assert_eq!(acts.len(), 3, "{acts:?}");
    let paid = |stands| (Status::Paid, "72.00".to_owned(), "25.00".to_owned(), stands);
    assert_eq!(came_to(node, acts[1]).await, paid(true));
    assert!(!came_to(node, came).await.3);
    assert_eq!(came_to(node, other).await, stood);
    // Both are in one order by now.
    let [now, theirs] = [acts[1], other].map(|id| async move {
        let row = node.store().claim(id).await.unwrap().unwrap();
        (row.unit, row.received)
    });
    let (now, theirs) = (now.await, theirs.await);
    assert_eq!(now.0, theirs.0);
    assert_eq!(now.1, on("2026-04-10"));
    // The denial is taken back before what takes its place.
    let told = pay(node).await.concat();
    let reversal = told.find("*22*").expect("a reversal");
    let correction = told.find(&format!("*{}*", acts[1])).expect("a correction");
    assert!(reversal < correction, "{told}");
    // Asked again, nothing is moved twice.
    for again in [Anew::Claim(came), Anew::All, Anew::Member("M-2".into())] {
        node.readjudicate(&again, "a test", "again").await.unwrap();
        way.settle(node).await;
    }
    assert_eq!(came_to(node, acts[1]).await, paid(true));
    assert!(pay(node).await.is_empty());
    [came, acts[1], other]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_a_member_enrolled_late_goes_to_the_contract() {
    let (_folder, data) = scratch();
    let embedded = Node::open(&data, Clock::simulated(on("2026-01-05"))).await;
    let embedded = embedded.unwrap();
    let here = enrolled_late(&embedded, Way::Drained).await;
    // Its sender knows it by its old number, and can take it back by that.
    embedded.void(here[0], "local").await.unwrap();
    embedded.drain(&|_| ()).await.unwrap();
    assert!(!came_to(&embedded, here[1]).await.3);
    let run = |arguments: &[&str]| {
        let mut command = common::tally();
        command
            .args(arguments)
            .arg("--json")
            .arg("--data")
            .arg(&data);
        json(&command.output().unwrap(), 0)
    };
    assert_eq!(run(&["ledger", "fsck"])["faults"], serde_json::json!([]));
    assert_eq!(run(&["ledger", "replay"])["identical"], true);

    let site = Site::new("");
    let node = site.node(Clock::simulated(on("2026-01-05"))).await;
    let relay = site.start("relay", "r");
    let worker = site.start("worker", "one");
    assert_eq!(enrolled_late(&node, Way::Waited).await, here);
    until_async("the log has everything", async || {
        let waiting = node.store().outbox(1).await.unwrap();
        waiting.is_empty().then_some(())
    })
    .await;
    assert!(worker.end() && relay.end());
    for (arguments, key, value) in [
        (["ledger", "fsck"], "faults", serde_json::json!([])),
        (["ledger", "replay"], "identical", true.into()),
    ] {
        let arguments = [&arguments[..], &["--json"]].concat();
        let found = json(&site.command(&arguments).output().unwrap(), 0);
        assert_eq!(found[key], value, "{found:#}");
    }
}

/// Of which of these there is a key; without one it cannot be read.
async fn open(node: &Node, ids: &[ClaimId]) -> Vec<ClaimId> {
    let mut open = Vec::new();
    for id in ids {
        let row = node.store().claim(*id).await.unwrap().unwrap();
        let keys = node.vault().keys(&[row.sealed.record]).await.unwrap();
        let read = node.read_claim(*id, "a test").await;
        assert!(!keys.is_empty() || read.is_err(), "{id}");
        open.extend((!keys.is_empty()).then_some(*id));
    }
    open
}

async fn logged(node: &Node) {
    until_async("the log has everything", async || {
        let waiting = node.store().outbox(1).await.unwrap();
        waiting.is_empty().then_some(())
    })
    .await;
}

/// A claim is taken back and another is moved; then both are erased, the second by the number
/// that it has since. Answers both and what holds copies of them.
async fn erased(node: &Node, way: Way, before: impl AsyncFnOnce()) -> [ClaimId; 5] {
    node.clock().set(on("2026-01-05"));
    node.enrol(&cedar(false), false).await.unwrap();
    let voided = visit(node, "E-1", "M-1", "2026-01-02").await;
    let came = visit(node, "E-2", "M-2", "2026-01-02").await;
    way.settle(node).await;
    let void = node.void(voided, "local").await.unwrap().claims[0];
    node.enrol(&cedar(true), false).await.unwrap();
    let claim = Anew::Claim(came);
    let acts = node.readjudicate(&claim, "a test", "enrolled").await;
    let acts = acts.unwrap();
    way.settle(node).await;
    logged(node).await;
    let all = [voided, void, came, acts[0], acts[1]];
    assert_eq!(open(node, &all).await, all);
    node.hold(acts[1], "case-1", false).await.unwrap();
    assert!(node.erase(came, Ground::Order).await.is_err());
    node.hold(acts[1], "case-1", true).await.unwrap();
    before().await;
    for claim in [voided, acts[1]] {
        let erased = node.erase(claim, Ground::Order).await.unwrap();
        assert!(!erased.receipts.is_empty());
    }
    assert_eq!(open(node, &all).await, []);
    logged(node).await;
    assert_eq!(node.fsck().await.unwrap().faults, []);
    all
}

/// On servers nothing of an erased claim is left either; record keys that are put back from a
/// backup open nothing, are seen, and are destroyed again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_gone_on_servers() {
    use sqlx::Connection as _;

    let (_folder, data) = scratch();
    let clock = || Clock::simulated(on("2026-01-05"));
    let embedded = Node::open(&data, clock()).await.unwrap();
    let here = erased(&embedded, Way::Drained, async || ()).await;

    let site = Site::new("");
    let node = site.node(clock()).await;
    let relay = site.start("relay", "r");
    let worker = site.start("worker", "one");
    let mut keys = sqlx::PgConnection::connect(&site.database).await.unwrap();
    let backup = async || {
        let copy = "CREATE TABLE tally_keys.backup AS TABLE tally_keys.record_key";
        let mut keys = sqlx::PgConnection::connect(&site.database).await.unwrap();
        sqlx::query(copy).execute(&mut keys).await.unwrap();
    };
    assert_eq!(erased(&node, Way::Waited, backup).await, here);
    let back = "INSERT INTO tally_keys.record_key TABLE tally_keys.backup ON CONFLICT DO NOTHING";
    sqlx::query(back).execute(&mut keys).await.unwrap();
    assert_eq!(open(&node, &here).await, here);
    for id in here {
        assert!(node.read_claim(id, "a test").await.is_err(), "{id}");
    }
    let [voided, _, came, _, now] = here;
    let found = node.fsck().await.unwrap().faults;
    let named = |of: &[ClaimId]| {
        let names: Vec<_> = of.iter().map(|of| format!("claim {of}")).collect();
        found.iter().filter(|of| names.contains(&of.place)).count()
    };
    // The one that was moved has two numbers, and is named by one of them.
    let counts = (found.len(), named(&[voided]), named(&[came, now]));
    assert_eq!(counts, (2, 1, 1), "{found:?}");
    assert_eq!(open(&node, &here).await, []);
    assert_eq!(node.fsck().await.unwrap().faults, []);
    assert!(worker.end() && relay.end());
}
