//! The pipeline on a real RabbitMQ and a real PostgreSQL, each process the
//! real binary: claims come to what they come to embedded, whoever works on
//! them.

#[path = "pipeline/away.rs"]
mod away;
mod common;
#[path = "common/site.rs"]
mod site;

use std::collections::BTreeMap;

use common::{errors, json, run, scratch, text};
use site::{Site, field, until, until_async};
use tally::demo::generate::{Population, generate};
use tally::node::clock::Clock;
use tally::node::{Delivery, Node};
use tally_core::claim::ClaimId;
use tally_queue::envelope::{CONTENT_TYPE, Envelope, Format, NodeKey, Sealing};
use tally_queue::{
    Consumer, Headers, Inspector, Outgoing, Publisher, QueueError, QueueKey, Settings, Topology,
    bind_results,
};
use tally_store::port::{
    ClaimFilter, Detection as _, Layout as _, Reading as _, Waiting, Work as _,
};

/// What every claim came to: status, amounts, the hash of the outcome's bytes.
async fn outcomes(node: &Node) -> BTreeMap<ClaimId, String> {
    let rows = node.store().claims(&ClaimFilter::default()).await.unwrap();
    rows.into_iter()
        .map(|row| {
            let outcome = row.outcome.expect("every claim is decided");
            (
                row.id,
                format!("{} {:?}", row.sequence, outcome.outcome_hash),
            )
        })
        .collect()
}

/// The same population on an embedded node.
async fn embedded(population: &Population) -> BTreeMap<ClaimId, String> {
    let (_folder, data) = scratch();
    let first = population.files[0].received;
    let node = Node::open(&data, Clock::simulated(first)).await.unwrap();
    enrol(&node, population).await;
    submit(&node, &population.files.iter().collect::<Vec<_>>()).await;
    node.drain(&|_| ()).await.unwrap();
    outcomes(&node).await
}

async fn enrol(node: &Node, population: &Population) {
    for contract in &population.contracts {
        node.enrol(contract, false).await.unwrap();
    }
}

async fn submit(node: &Node, files: &[&tally::demo::generate::DemoFile]) {
    for file in files {
        node.clock().set(file.received);
        node.submit(Delivery::local(&file.bytes, None))
            .await
            .unwrap();
    }
}

async fn all_done(node: &Node) {
    until_async("everything is decided and judged", async || {
        let waiting = node.store().waiting().await.unwrap();
        assert_eq!(waiting.held, 0, "{:?}", node.store().held().await);
        (waiting == Waiting::default()).then_some(())
    })
    .await;
}

/// What a process says that it has counted.
fn counted(process: &site::Process, counter: &str) -> u64 {
    let at = process.address("readiness on http://");
    let text = get(&format!("http://{at}/metrics"));
    text.lines()
        .find_map(|line| line.strip_prefix(counter)?.trim().parse().ok())
        .unwrap_or(0)
}

/// A plain GET: the address is on this machine.
fn get(url: &str) -> String {
    use std::io::{Read as _, Write as _};
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_demo_on_servers_comes_to_the_same() {
    let database = tally_rig::shared_postgres().fresh_database().unwrap();
    let broker = tally_rig::shared_rabbit().fresh_vhost().unwrap();
    let demo = ["demo", "--once", "--json", "--claims", "250", "--seed", "7"];
    let embedded = json(&run(demo), 0);
    let servers = demo
        .into_iter()
        .chain(["--broker", &broker, "--database", &database]);
    let servers: Vec<&str> = servers.collect();
    // Twice: what it makes, it takes away.
    for _ in 0..2 {
        let on_servers = json(&run(&servers), 0);
        for same in [
            "claims",
            "paid",
            "denied",
            "pended",
            "refused",
            "flags",
            "charge",
            "allowed",
            "paid_amount",
            "patient",
            "balanced",
            "outcomes_digest",
            "replay",
        ] {
            assert_eq!(on_servers[same], embedded[same], "{same}");
        }
        assert_eq!(on_servers["ledger"]["size"], embedded["ledger"]["size"]);
        assert_eq!(on_servers["ledger"]["verified"], true);
    }
    let alone = run(["demo", "--once", "--broker", &broker]);
    assert!(errors(&alone).contains("--database"), "{}", errors(&alone));
    assert_eq!(alone.status.code(), Some(2));
}

/// Two workers share the partitions; when one ends the other has them all; the
/// number of partitions changes in the middle of it.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_between_workers_and_change_in_number() {
    let population = generate(11, 700);
    let site = Site::new("[worker]\nbatch = 16\n");
    let node = site
        .node(Clock::simulated(population.files[0].received))
        .await;
    enrol(&node, &population).await;
    let third = population.files.len() / 3;
    let files: Vec<_> = population.files.iter().collect();
    let relay = site.start("relay", "r");
    let one = site.start("worker", "one");
    submit(&node, &files[..third]).await;
    all_done(&node).await;
    let adjudicated = "tally_claims_adjudicated_total";
    assert!(counted(&one, adjudicated) > 0);

    // A second one gets its share.
    let two = site.start("worker", "two");
    until("two workers see each other", || {
        let log = std::fs::read_to_string(&one.log).ok()?;
        log.contains("worker/two").then_some(())
    });
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    submit(&node, &files[third..2 * third]).await;
    let before = counted(&one, adjudicated);
    all_done(&node).await;
    let shares = (
        counted(&one, adjudicated) - before,
        counted(&two, adjudicated),
    );
    assert!(shares.0 > 0 && shares.1 > 0, "{shares:?}");

    // Another number of partitions, and one of the workers ends.
    let moved = site
        .command(&["migrate", "--partitions", "3", "--json"])
        .output();
    assert_eq!(json(&moved.unwrap(), 0)["partitions"], 3);
    submit(&node, &files[2 * third..]).await;
    assert!(one.end(), "it ends well");
    all_done(&node).await;
    assert_eq!(
        node.store().identity().await.unwrap().unwrap().partitions,
        3
    );
    until("the old queues are removed", || {
        let log = std::fs::read_to_string(&two.log).ok()?;
        log.contains("are drained and removed").then_some(())
    });
    assert!(two.end() && relay.end());
    assert_eq!(outcomes(&node).await, embedded(&population).await);

    // The ledger holds: everything once, in order, and again from the inputs.
    let relay = site.start("relay", "again");
    relay.address("readiness on http://");
    until_async("the log has everything", async || {
        let waiting = tally_store::port::Log::outbox(node.store(), 1)
            .await
            .unwrap();
        waiting.is_empty().then_some(())
    })
    .await;
    assert!(relay.end());
    let checked = json(
        &site
            .command(&["ledger", "fsck", "--json"])
            .output()
            .unwrap(),
        0,
    );
    assert_eq!(
        checked["faults"].as_array().map(Vec::len),
        Some(0),
        "{checked}"
    );
    let replayed = json(
        &site
            .command(&["ledger", "replay", "--json"])
            .output()
            .unwrap(),
        0,
    );
    assert_eq!(replayed["chain_breaks"], 0, "{replayed}");
    assert_eq!(node.store().unjudged(10).await.unwrap(), []);
}

/// What is published once more into queues of a former number of partitions is
/// taken, and the queues are removed: also by a worker that was not there when
/// the number changed.
#[tokio::test(flavor = "multi_thread")]
async fn queues_of_a_former_number_of_partitions_are_emptied_and_removed() {
    let population = generate(12, 60);
    let site = Site::new("");
    let node = site
        .node(Clock::simulated(population.files[0].received))
        .await;
    enrol(&node, &population).await;
    let relay = site.start("relay", "r");
    let first = site.start("worker", "first");
    let files: Vec<_> = population.files.iter().collect();
    let (before, after) = files.split_at(files.len() / 2);
    submit(&node, before).await;
    all_done(&node).await;
    assert!(first.end(), "it ends well");
    let moved = site
        .command(&["migrate", "--partitions", "3", "--json"])
        .output();
    assert_eq!(json(&moved.unwrap(), 0)["partitions"], 3);
    assert_eq!(node.store().former().await.unwrap(), [8]);

    let settings = Settings::new(&site.broker);
    let former = Topology::new("", 8).unwrap();
    let key = std::fs::read_to_string(site.folder().join("data/keys/queue.key")).unwrap();
    let key = QueueKey::new(tally::node::keys::unhex(key.trim()).unwrap());
    let publisher = Publisher::new(settings.clone());
    let claim = outcomes(&node).await.into_keys().next().unwrap();
    for place in former.places() {
        let body = key.seal(place, &[claim.0]).unwrap();
        let message = former.to_partition(place, body, Headers::new());
        publisher.publish_surely(&message).await.unwrap();
    }
    let second = site.start("worker", "second");
    until_async("the old queues are removed", async || {
        let left = node.store().former().await.unwrap();
        left.is_empty().then_some(())
    })
    .await;
    let inspector = Inspector::connect(&settings).await.unwrap();
    for place in former.places() {
        let depth = inspector.depth(&former.partition(place)).await;
        assert!(
            matches!(depth, Err(QueueError::Missing { .. })),
            "{depth:?}"
        );
    }
    inspector.close().await;
    // And back: they are made again.
    let moved = site
        .command(&["migrate", "--partitions", "8", "--json"])
        .output();
    assert_eq!(json(&moved.unwrap(), 0)["partitions"], 8);
    submit(&node, after).await;
    all_done(&node).await;
    assert!(second.end() && relay.end());
    assert_eq!(outcomes(&node).await, embedded(&population).await);
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const FAMILY: &str = r#"{"format":"tallystick-contract/v1","id":"C-9","inception":"2025-01-01",
    "members":[{"id":"M-9","name":"Robin Example","birth":"1950-05-02","sex":"female",
    "relationship":"subscriber","spans":[{"product":"harbor-ppo","from":"2025-01-01"}]}]}"#;

fn claim(control: &str) -> String {
    format!(
        r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{control}",
        "member":"M-9","billing":"2000001372","diagnoses":["J06.9"],"lines":[
        {{"procedure":"99213","place":"11","quantity":"1","charge":"180.00","from":"{}"}}]}}"#,
        Clock::System.today()
    )
}

/// The messages of a queue, until there are so many.
async fn messages(settings: &Settings, queue: &str, count: usize) -> Vec<(Headers, Vec<u8>)> {
    let mut consumer = Consumer::new(settings.clone(), queue, 32);
    let mut found = Vec::new();
    while found.len() < count {
        let batch = tokio::time::timeout(std::time::Duration::from_secs(60), consumer.next(32));
        let batch = batch.await.expect("answers come").unwrap();
        for delivery in batch.deliveries() {
            found.push((delivery.headers().clone(), delivery.body().to_vec()));
        }
        batch.ack().await.unwrap();
    }
    consumer.close().await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn envelopes_are_taken_in_or_rejected_with_the_reason() {
    let signer = tally_core::ledger::SigningKey::new("riverside", &[5; 32]).unwrap();
    let stranger = tally_core::ledger::SigningKey::new("riverside", &[6; 32]).unwrap();
    let sealing = NodeKey::new(&[7; 32]).unwrap();
    let hex = |bytes: &[u8]| tally::node::keys::hex(bytes);
    let site = Site::new(&format!(
        "[intake]\nlimit = 20000\n[[organisation]]\nid = \"riverside\"\nkey = \"{}\"\nsealing = \"{}\"\n",
        hex(&signer.verifier().public()),
        hex(&sealing.public().to_bytes()),
    ));
    let family = site.folder().join("family.json");
    std::fs::write(&family, FAMILY).unwrap();
    let family = family.display().to_string();
    text(
        &site
            .command(&["member", "import", &family])
            .output()
            .unwrap(),
        0,
    );
    let node = site.node(Clock::System).await;
    let running = site.start("node", "n");
    running.address("Pages on http://");

    let to = node.envelope_key();
    let envelope = |interchange: &str, payer: &str, body: &str, signer| {
        let what = Sealing {
            payer,
            submitter: "riverside",
            interchange,
            format: Format::Tally,
            created: "2026-11-25T12:00:00Z",
            payload: body.as_bytes(),
        };
        Envelope::seal(&what, &to, signer).unwrap()
    };
    let good = envelope("17", "harbor-health", &claim("E-1"), &signer);
    let version = String::from_utf8(good.clone()).unwrap();
    let version = version
        .replace("\"version\":1", "\"version\":2")
        .into_bytes();
    let mut unsigned: serde_json::Value = serde_json::from_slice(&good).unwrap();
    unsigned.as_object_mut().unwrap().remove("signature");
    let other_node = NodeKey::new(&[8; 32]).unwrap().public();
    let lost = Envelope::seal(
        &Sealing {
            payer: "harbor-health",
            submitter: "riverside",
            interchange: "21",
            format: Format::Tally,
            created: "2026-11-25T12:00:00Z",
            payload: b"{}",
        },
        &other_node,
        &signer,
    )
    .unwrap();
    let sent: Vec<(&str, Vec<u8>, &str)> = vec![
        ("good", good.clone(), CONTENT_TYPE),
        ("good", good.clone(), CONTENT_TYPE),
        (
            "Q110",
            envelope("17", "harbor-health", &claim("E-2"), &signer),
            CONTENT_TYPE,
        ),
        ("Q101", good.clone(), "application/json"),
        ("Q102", vec![b' '; 20_001], CONTENT_TYPE),
        ("Q103", b"{not json".to_vec(), CONTENT_TYPE),
        ("Q104", version, CONTENT_TYPE),
        (
            "Q105",
            envelope("18", "elsewhere", &claim("E-3"), &signer),
            CONTENT_TYPE,
        ),
        ("Q107", unsigned.to_string().into_bytes(), CONTENT_TYPE),
        (
            "Q108",
            envelope("19", "harbor-health", &claim("E-4"), &stranger),
            CONTENT_TYPE,
        ),
        ("Q109", lost, CONTENT_TYPE),
    ];
    let settings = Settings::new(&site.broker);
    let topology = Topology::new("", 8).unwrap();
    bind_results(&settings, &topology, "riverside", "riverside.inbox")
        .await
        .unwrap();
    bind_results(&settings, &topology, "nobody", "riverside.answers")
        .await
        .unwrap();
    let publisher = Publisher::new(settings.clone());
    for (at, (_, body, content_type)) in sent.iter().enumerate() {
        let headers = Headers::new()
            .with_message_id(&format!("m-{at}"))
            .unwrap()
            .with_content_type(content_type)
            .unwrap()
            .with_reply_to("riverside.answers")
            .unwrap()
            .with_traceparent(TRACE);
        let message = Outgoing {
            exchange: topology.intake(),
            routing_key: topology.only_key().to_owned(),
            body: body.clone(),
            headers,
            unheard: false,
        };
        publisher.publish_surely(&message).await.unwrap();
    }

    // Each is answered where it asked to be, once for each time it was sent.
    let answers = messages(&settings, "riverside.answers", sent.len()).await;
    let mut told: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for (headers, body) in answers {
        let id = headers
            .correlation_id()
            .expect("an answer to something")
            .to_owned();
        told.insert(id, serde_json::from_slice(&body).unwrap());
    }
    for (at, (code, ..)) in sent.iter().enumerate() {
        let answer = &told[&format!("m-{at}")];
        if *code == "good" {
            assert_eq!(answer["accepted"], true, "{answer}");
            assert_eq!(answer["again"], at > 0, "{answer}");
            assert_eq!(answer["claims"].as_array().map(Vec::len), Some(1));
        } else {
            assert_eq!(answer["accepted"], false, "{code}: {answer}");
            assert_eq!(field(answer, "code"), *code, "{answer}");
        }
    }
    // What it came to is told under the submitter's own key.
    let (_, notice) = messages(&settings, "riverside.inbox", 1).await.remove(0);
    let notice = sealing
        .open_notice("harbor-health", "riverside", &notice)
        .unwrap();
    let notice: serde_json::Value = serde_json::from_slice(&notice).unwrap();
    assert_eq!(notice["status"], "paid", "{notice}");
    assert_eq!(notice["claim"], told["m-0"]["claims"][0]);

    // The trace that it came with goes on to whoever worked on it.
    let log = std::fs::read_to_string(&running.log).unwrap();
    let worked = log.lines().find(|line| line.contains("worked on"));
    let trace = TRACE.split('-').nth(1).unwrap();
    assert!(worked.is_some_and(|line| line.contains(trace)), "{log}");

    dead_letters(&site, &sent);
    all_done(&node).await;
    assert_sealed(&site, &log);
    assert!(running.end(), "it ends well");
}

/// What one envelope meets in the store stops nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_contract_stops_only_who_needs_it() {
    let signer = tally_core::ledger::SigningKey::new("riverside", &[5; 32]).unwrap();
    let site = Site::new(&format!(
        "[[organisation]]\nid = \"riverside\"\nkey = \"{}\"\n",
        tally::node::keys::hex(&signer.verifier().public()),
    ));
    let other = FAMILY.replace("C-9", "C-8").replace("M-9", "M-8");
    for (name, family) in [("one.json", FAMILY), ("other.json", &other)] {
        let file = site.folder().join(name);
        std::fs::write(&file, family).unwrap();
        let import = ["member", "import", &file.display().to_string()].map(str::to_owned);
        let import: Vec<&str> = import.iter().map(String::as_str).collect();
        text(&site.command(&import).output().unwrap(), 0);
    }
    // The first of the two.
    let damage = "alter table tally.contract disable trigger user; \
        update tally.contract set payload = payload || '\\x00' \
        where unit = (select min(unit) from tally.contract)";
    let damaged = std::process::Command::new("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", &site.database, "-c", damage])
        .output()
        .unwrap();
    assert!(damaged.status.success(), "{damaged:?}");

    let node = site.node(Clock::System).await;
    let running = site.start("node", "n");
    running.address("Pages on http://");
    let settings = Settings::new(&site.broker);
    let topology = Topology::new("", 8).unwrap();
    bind_results(&settings, &topology, "nobody", "answers")
        .await
        .unwrap();
    let publisher = Publisher::new(settings.clone());
    let claims = [claim("D-1"), claim("D-2").replace("M-9", "M-8")];
    for (at, claim) in claims.iter().enumerate() {
        let what = Sealing {
            payer: "harbor-health",
            submitter: "riverside",
            interchange: &at.to_string(),
            format: Format::Tally,
            created: "2026-11-25T12:00:00Z",
            payload: claim.as_bytes(),
        };
        let body = Envelope::seal(&what, &node.envelope_key(), &signer).unwrap();
        let mut message = topology.to_intake(body, &at.to_string()).unwrap();
        message.headers = message.headers.with_reply_to("answers").unwrap();
        publisher.publish_surely(&message).await.unwrap();
    }
    let answers: BTreeMap<String, serde_json::Value> = messages(&settings, "answers", 2)
        .await
        .into_iter()
        .map(|(headers, body)| {
            let id = headers.correlation_id().expect("an answer").to_owned();
            (id, serde_json::from_slice(&body).unwrap())
        })
        .collect();
    assert_eq!(answers["0"]["code"], "Q111", "{answers:?}");
    assert_eq!(answers["1"]["accepted"], true, "{answers:?}");
    all_done(&node).await;
    assert!(running.end(), "it ends well");
}

/// Claims that were taken together and are decided one by one, as those are that
/// a worker may have died of, follow on each other: each is decided by what its
/// unit has come to before it, not by what it had when they were taken.
#[tokio::test(flavor = "multi_thread")]
async fn claims_decided_one_by_one_follow_on_each_other() {
    let site = Site::alone();
    let file = site.folder().join("family.json").display().to_string();
    std::fs::write(&file, FAMILY).unwrap();
    let import = site.command(&["member", "import", &file]).output();
    text(&import.unwrap(), 0);
    let node = site.node(Clock::System).await;
    let mut ids = Vec::new();
    for number in ["O-1", "O-2", "O-3"] {
        // The same visit again is denied, and moves no balance that would tell.
        let file = claim(number);
        let delivery = Delivery::local(file.as_bytes(), None);
        ids.extend(node.submit(delivery).await.unwrap().claims);
    }
    let taken = node.store().take(&ids, 9).await.unwrap();
    assert_eq!(taken.ready.len(), 3);
    for queued in taken.ready {
        let planned = node.plan(vec![queued]).await.unwrap();
        assert!(planned.failed.is_empty());
        node.store().commit(&planned.batch).await.unwrap();
    }
    node.judge().await.unwrap();
    node.integrate(true).await.unwrap();
    let replayed = site.command(&["ledger", "replay", "--json"]).output();
    let replayed = json(&replayed.unwrap(), 0);
    assert_eq!(replayed["checked"], 3, "{replayed}");
}

/// A submitter whose queue does not answer holds up nobody else's results, and
/// gets its own when it answers again.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_does_not_answer_holds_up_nobody() {
    let rabbit = tally_rig::Rabbit::start().unwrap();
    let names = ["riverside", "hillside"];
    let signers = names.map(|name| tally_core::ledger::SigningKey::new(name, &[5; 32]).unwrap());
    let organisations: Vec<String> = names
        .iter()
        .zip(&signers)
        .map(|(name, signer)| {
            let key = tally::node::keys::hex(&signer.verifier().public());
            format!("[[organisation]]\nid = \"{name}\"\nkey = \"{key}\"\n")
        })
        .collect();
    let site = Site::on(rabbit.url(), &organisations.concat());
    let file = site.folder().join("family.json").display().to_string();
    std::fs::write(&file, FAMILY).unwrap();
    let import = site.command(&["member", "import", &file]).output();
    text(&import.unwrap(), 0);
    let node = site.node(Clock::System).await;
    let running = site.start("node", "n");
    running.address("Pages on http://");
    let settings = Settings::new(&site.broker);
    let topology = Topology::new("", 8).unwrap();
    for name in names {
        let inbox = format!("{name}.inbox");
        bind_results(&settings, &topology, name, &inbox)
            .await
            .unwrap();
    }
    let publisher = Publisher::new(settings.clone());
    let submit = async |which: usize, number: &str| {
        let claim = claim(number);
        let what = Sealing {
            payer: "harbor-health",
            submitter: names[which],
            interchange: number,
            format: Format::Tally,
            created: "2026-11-25T12:00:00Z",
            payload: claim.as_bytes(),
        };
        let body = Envelope::seal(&what, &node.envelope_key(), &signers[which]).unwrap();
        let mut message = topology.to_intake(body, number).unwrap();
        message.headers = message.headers.with_reply_to("nowhere").unwrap();
        publisher.publish_surely(&message).await.unwrap();
    };
    let stuck = |what: &str| {
        let evaluated = format!(
            "[sys:{what}(amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(), \
             element(4, amqqueue:get_name(Q)) =:= <<\"riverside.inbox\">>]."
        );
        let said = rabbit
            .command("rabbitmqctl", &["eval", &evaluated])
            .unwrap();
        assert!(said.contains("ok"), "{said}");
    };
    stuck("suspend");
    submit(0, "S-1").await;
    submit(1, "S-2").await;
    submit(1, "S-3").await;
    assert_eq!(messages(&settings, "hillside.inbox", 2).await.len(), 2);
    stuck("resume");
    // Once or more: while nothing was said of it, it was told again.
    let told = messages(&settings, "riverside.inbox", 1).await;
    let ids = told.iter().map(|(headers, _)| headers.message_id());
    let ids: std::collections::BTreeSet<_> = ids.collect();
    assert_eq!(ids.len(), 1);
    assert!(running.end(), "it ends well");
}

/// Nothing that identifies a person stands in the database or in a log.
fn assert_sealed(site: &Site, log: &str) {
    let dumped = std::process::Command::new("pg_dump")
        .arg(&site.database)
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    let mut dumped = String::from_utf8(dumped.stdout).unwrap();
    assert!(dumped.contains("dead_letter") && dumped.len() > 10_000);
    // What insurers publish is public, their directories of providers too.
    for bundled in tally_bundled::all() {
        let component = tally::node::keys::hex(bundled.component);
        assert!(dumped.contains(&component), "{}", bundled.name);
        dumped = dumped.replace(&component, "");
    }
    for planted in ["Robin Example", "2000001372", "1950-05-02"] {
        let hex = tally::node::keys::hex(planted.as_bytes());
        for text in [dumped.as_str(), log] {
            assert!(
                !text.contains(planted) && !text.contains(&hex),
                "{planted} is there"
            );
        }
    }
}

/// A process whose login may not do its work says so when it starts, not when
/// the first claim comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_its_role_ends_the_process() {
    let site = Site::new("");
    let login = format!("works_only_{}", std::process::id());
    let made = format!(
        "create role {login} login; grant tally_worker to {login}; \
         grant usage on schema tally_keys to {login}; \
         grant all on all tables in schema tally_keys to {login}"
    );
    let made = std::process::Command::new("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", &site.database, "-c", &made])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let (_, at) = site.database.split_once('@').unwrap();
    let url = format!("postgres://{login}@{at}");
    for (role, missing) in [("relay", "tally_relay"), ("node", "tally_relay, tally_api")] {
        let refused = site
            .command(&[role])
            .env("TALLY_DATABASE_URL", &url)
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = errors(&refused);
        assert!(
            said.contains(&format!("this {role} is not in {missing}:")),
            "{said}"
        );
    }
    // What it may do, it does.
    let mut worker = site.command(&["worker"]);
    let worker = worker.env("TALLY_DATABASE_URL", &url);
    let running = site.spawn(worker, "worker-w");
    running.address("readiness on http://");
    assert!(running.end(), "it ends well");
}

/// Without a broker one process drains the queue, on PostgreSQL too.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_broker_drains_its_queue() {
    let site = Site::alone();
    let family = site.folder().join("family.json");
    std::fs::write(&family, FAMILY).unwrap();
    let family = family.display().to_string();
    text(
        &site
            .command(&["member", "import", &family])
            .output()
            .unwrap(),
        0,
    );
    let running = site.start("node", "n");
    running.address("Pages on http://");
    let node = site.node(Clock::System).await;
    node.submit(Delivery::local(claim("B-1").as_bytes(), None))
        .await
        .unwrap();
    all_done(&node).await;
    let listed = json(
        &site
            .command(&["queue", "dead", "list", "--json"])
            .output()
            .unwrap(),
        0,
    );
    assert_eq!(listed, serde_json::json!({ "claims": [], "messages": [] }));
    assert!(running.end(), "it ends well");
    // Roles that need a broker say so.
    let refused = site.command(&["worker"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        errors(&refused).contains("`[broker]`"),
        "{}",
        errors(&refused)
    );
}

/// What could not be used waits for an operator, sealed, with the reason.
fn dead_letters(site: &Site, sent: &[(&str, Vec<u8>, &str)]) {
    let list = |all: bool| -> Vec<serde_json::Value> {
        let mut arguments = vec!["queue", "dead", "list", "--json"];
        arguments.extend(all.then_some("--all"));
        let listed = json(&site.command(&arguments).output().unwrap(), 0);
        assert_eq!(listed["claims"].as_array().map(Vec::len), Some(0));
        listed["messages"].as_array().unwrap().clone()
    };
    let expected: Vec<&str> = sent
        .iter()
        .map(|(code, ..)| *code)
        .filter(|code| !matches!(*code, "good" | "Q110"))
        .collect();
    let letters = until("the dead letters are in the store", || {
        Some(list(false)).filter(|letters| letters.len() >= expected.len())
    });
    let mut codes: Vec<&str> = letters.iter().map(|letter| field(letter, "code")).collect();
    codes.sort_unstable();
    assert_eq!(codes, expected);
    let number = |code: &str| {
        let letter = letters.iter().find(|letter| field(letter, "code") == code);
        letter.unwrap()["message"].to_string()
    };
    let settle = |how: &str, code: &str, ends: i32| {
        let arguments = ["queue", "dead", how, &number(code), "--json"];
        text(&site.command(&arguments).output().unwrap(), ends)
    };
    let shown: serde_json::Value = serde_json::from_str(&settle("show", "Q103", 0)).unwrap();
    assert_eq!(shown["bytes"], 9);
    assert!(!shown.to_string().contains("not json"));
    settle("discard", "Q103", 0);
    settle("discard", "Q103", 1);
    // It is still what it was: it comes back with another number.
    settle("replay", "Q107", 0);
    let times = |letters: &[serde_json::Value]| {
        letters
            .iter()
            .filter(|letter| field(letter, "code") == "Q107")
            .count()
    };
    until("what was replayed came back", || {
        (times(&list(false)) == 1 && times(&list(true)) == 2).then_some(())
    });
    let unknown = site
        .command(&["queue", "dead", "show", "999"])
        .output()
        .unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(errors(&unknown).contains("tally queue dead list"));
}
