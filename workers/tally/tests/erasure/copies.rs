//! What took a claim back or settled it by hand holds a copy of it, or of what was found in
//! it: that goes with the claim, and what stands against the one stands against the other.

use std::fs;

use serde_json::Value;
use tally::config::Config;
use tally::node::clock::Clock;
use tally::node::{Delivery, Node, refused};
use tally_core::claim::ClaimId;
use tally_core::interchange::read_contracts;
use tally_core::ledger::Ground;
use tally_store::port::{ActKind, Reading as _};
use tally_types::ServiceDate;

use crate::common::{errors, json};
use crate::{NO_TIME, Office, TEN_YEARS, office};

impl Office {
    /// What kind of act a claim's number is of, and whether a key opens what is sealed there.
    fn kept(&self, id: &str) -> (Option<ActKind>, bool) {
        let id = ClaimId::parse(id).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let node = Node::open(&self.path("data"), Clock::System).await.unwrap();
            let row = node.store().claim(id).await.unwrap().unwrap();
            let keys = node.vault().keys(&[row.sealed.record]).await.unwrap();
            (row.act.map(|act| act.kind), !keys.is_empty())
        })
    }

    /// An act that is asked for by itself is said to go with its claim.
    #[track_caller]
    fn goes_with(&self, act: &str, claim: &str) {
        for asked in [
            ["claim", "erase", act, "--ground", "order"],
            ["claim", "hold", act, "--name", "case-1"],
        ] {
            let said = self.run(&asked);
            assert!(!said.status.success());
            let said = errors(&said);
            assert!(said.contains(&format!("of claim {claim}")), "{said}");
        }
    }

    #[track_caller]
    fn sound(&self) {
        self.done(&["ledger", "fsck"]);
        self.done(&["ledger", "replay"]);
    }
}

#[test]
fn a_void_goes_with_its_claim() {
    let office = Office::new(TEN_YEARS);
    let kept = office.submit_for("A-1", "99214", "200.00");
    let claim = office.submit("A-2");
    let eob = json(&office.run(&["claim", "eob", &claim, "--json"]), 0);
    assert_eq!(eob["status"], "paid", "{eob:#}");
    let void = office.act(&["claim", "void", &claim]);
    assert_eq!(office.kept(&void), (Some(ActKind::Void), true));
    let received = ["claim", "receipt", &void, "--received"];
    let receipt = office.path("received");
    fs::write(&receipt, office.done(&received)).unwrap();
    let received_at = json(&crate::verify(&receipt, None), 3)[0]["index"].clone();
    office.goes_with(&void, &claim);

    let erased = office.erase(&claim, "order");
    assert_eq!(office.kept(&void), (Some(ActKind::Void), false));
    assert_eq!(office.kept(&claim), (None, false));
    // That the void came is entered too, and has its receipt.
    let entries = erased["entries"].as_array().unwrap();
    assert!(entries.contains(&received_at), "{erased:#}");
    for gone in [&claim, &void] {
        let read = office.run(&["claim", "eob", gone]);
        assert!(errors(&read).contains("erased"), "{}", errors(&read));
    }
    assert!(errors(&office.run(&received)).contains("it was erased"));
    office.goes_with(&void, &claim);
    office.sound();

    let again = office.erase(&claim, "order");
    assert_eq!(again["entries"], erased["entries"]);
    office.done(&["claim", "eob", &kept]);
    let next = office.submit("A-3");
    office.done(&["claim", "eob", &next]);
    office.sound();
}

#[test]
fn a_review_goes_with_its_claim() {
    let office = Office::new(TEN_YEARS);
    let claim = office.submit_for("A-1", "E0601", "900.00");
    let review = office.path("review.json");
    let determined = r#"{"lines":[{"line":1,"allowed":"700.00","paid":"600.00","clause":"4.2",
        "adjustments":[{"group":"CO","carc":"45","amount":"200.00","clause":"3.1"},
        {"group":"PR","carc":"1","amount":"100.00","clause":"4.2"}],
        "accumulators":[{"accumulator":"in-deductible","amount":"100.00"}]}]}"#;
    fs::write(&review, determined).unwrap();
    let review = review.to_str().unwrap();
    let asked = ["claim", "review", &claim, review, "--reason", "as read"];
    let (first, second) = (office.act(&asked), office.act(&asked));
    for act in [&first, &second] {
        assert_eq!(office.kept(act), (Some(ActKind::Review), true));
        office.goes_with(act, &claim);
    }
    let void = office.act(&["claim", "void", &claim]);
    office.erase(&claim, "order");
    for act in [&first, &second, &void] {
        assert!(!office.kept(act).1, "{act} opens");
    }
    office.sound();
    let next = office.submit("A-2");
    office.done(&["claim", "eob", &next]);
    office.sound();
}

/// An act that waits stands against it, for an order too: without its key nothing of the
/// contract would be decided any more. One that was given up does not.
#[test]
fn an_act_that_waits_stands_against_it() {
    use tally_store::port::Work as _;

    let office = Office::new(TEN_YEARS);
    let claim = office.submit("A-1");
    let mut killed = crate::tally();
    killed
        .args(["claim", "void", &claim, "--config"])
        .arg(office.path("tally.toml"));
    let killed = killed.env("TALLY_FAILPOINT", "after-accept=abort").output();
    assert_eq!(killed.unwrap().status.code(), None, "it was not killed");
    let said = office.run(&["claim", "erase", &claim, "--ground", "order"]);
    assert!(errors(&said).contains("waits"), "{}", errors(&said));
    assert_eq!(office.refused(&claim, "retention"), "X102");
    office.done(&["claim", "eob", &claim]);

    // It is set aside, as after host faults, and given up.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let void = runtime.block_on(async {
        let node = Node::open(&office.path("data"), Clock::System).await;
        let node = node.unwrap();
        let id = ClaimId::parse(&claim).unwrap();
        let unit = node.store().claim(id).await.unwrap().unwrap().unit;
        let rows = node.store().claims_of_unit(unit).await.unwrap();
        let void = rows.iter().find(|row| row.act.is_some()).unwrap().id;
        let aside = node.store().failed(void, 1, "the disk was full").await;
        assert!(aside.unwrap());
        void.to_string()
    });
    office.done(&["queue", "dead", "discard", &void]);
    assert_eq!(office.refused(&claim, "retention"), "X103");
    office.erase(&claim, "order");
    assert_eq!(office.kept(&void), (Some(ActKind::Void), false));
    office.done(&["ledger", "fsck"]);
    let next = office.submit("A-2");
    office.done(&["claim", "eob", &next]);
}

/// A node on which days can pass, of the family of two, of whom one is enrolled at first.
struct Days {
    node: Node,
    _folder: tempfile::TempDir,
}

fn on(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

impl Days {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("[node]\ndata = {:?}\n{NO_TIME}", folder.path().join("data"));
        let config = Config::of("test", &config, []).unwrap();
        let clock = Clock::simulated(on("2026-01-05"));
        let node = Node::configured(&config, "test", clock).await.unwrap();
        let days = Self {
            node,
            _folder: folder,
        };
        days.enrol(false).await;
        days
    }

    async fn enrol(&self, both: bool) {
        let mut contract: Value = serde_json::from_str(office::CONTRACT).unwrap();
        if !both {
            contract["members"].as_array_mut().unwrap().truncate(1);
        }
        let read = read_contracts(contract.to_string().as_bytes()).unwrap();
        self.node.enrol(&read[0], false).await.unwrap();
    }

    async fn submit(&self, number: &str, member: &str) -> ClaimId {
        let claim = format!(
            r#"{{"format":"tallystick-claim/v1","kind":"professional","control_number":"{number}",
            "member":"{member}","billing":"2000001372","diagnoses":["J06.9"],"lines":[{{
            "procedure":"99213","place":"11","quantity":"1","charge":"180.00","from":"2026-01-02"}}]}}"#
        );
        let sent = Delivery::local(claim.as_bytes(), None);
        let id = self.node.submit(sent).await.unwrap().claims[0];
        self.node.drain(&|_| ()).await.unwrap();
        id
    }

    /// A claim of a member who was not known, as it came and as it is since it was moved;
    /// between them what took it back.
    async fn moved(&self) -> [ClaimId; 3] {
        let came = self.submit("M-1", "M-1002").await;
        self.enrol(true).await;
        let anew = tally::node::Anew::Claim(came);
        let acts = self.node.readjudicate(&anew, "a test", "enrolled").await;
        let acts = acts.unwrap();
        self.node.drain(&|_| ()).await.unwrap();
        [came, acts[0], acts[1]]
    }

    async fn refused(&self, claim: ClaimId, ground: Ground) -> String {
        let error = self.node.erase(claim, ground).await.err();
        let error = error.expect("it was erased");
        refused(&error).map_or_else(|| error.to_string(), |why| why.code())
    }

    /// Of these nothing opens, or all does.
    async fn open(&self, ids: &[ClaimId], all: bool) {
        for id in ids {
            let read = self.node.read_claim(*id, "a test").await;
            assert_eq!(read.is_ok(), all, "{id}");
            let row = self.node.store().claim(*id).await.unwrap().unwrap();
            let keys = self.node.vault().keys(&[row.sealed.record]).await.unwrap();
            assert_eq!(!keys.is_empty(), all, "{id}");
        }
        let found = self.node.fsck().await.unwrap();
        assert_eq!(found.faults, [], "{:?}", found.faults);
    }
}

/// A void that is done is no reason to wait: what was taken back goes when its time is over.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_goes_when_its_time_is_over() {
    let days = Days::new().await;
    let claim = days.submit("A-1", "M-1001").await;
    days.node.clock().set(on("2026-01-08"));
    let void = days.node.void(claim, "local").await.unwrap().claims[0];
    days.node.drain(&|_| ()).await.unwrap();
    days.open(&[claim, void], true).await;
    days.node.clock().set(on("2026-01-09"));
    days.node.hold(claim, "case-1", false).await.unwrap();
    assert_eq!(days.refused(claim, Ground::Retention).await, "X101");
    days.node.hold(claim, "case-1", true).await.unwrap();
    days.node.erase(claim, Ground::Request).await.unwrap();
    days.open(&[claim, void], false).await;
}

/// A claim that was moved is one claim by two numbers: by either all of it goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_moved_goes_by_either_number() {
    for by in [0, 2] {
        let days = Days::new().await;
        let other = days.submit("A-1", "M-1001").await;
        let moved = days.moved().await;
        let [came, _, now] = moved;
        days.open(&moved, true).await;
        // What stands against one of them stands against the other.
        days.node.hold(now, "case-1", false).await.unwrap();
        assert_eq!(days.refused(came, Ground::Order).await, "X101");
        days.node.hold(now, "case-1", true).await.unwrap();
        days.node.hold(came, "case-1", false).await.unwrap();
        assert_eq!(days.refused(now, Ground::Order).await, "X101");
        days.node.hold(came, "case-1", true).await.unwrap();
        assert_eq!(days.refused(came, Ground::Request).await, "X103");
        assert_eq!(days.refused(now, Ground::Request).await, "X103");

        days.node.clock().set(on("2026-01-07"));
        let erased = days.node.erase(moved[by], Ground::Request).await.unwrap();
        days.open(&moved, false).await;
        let receipts = |of: Vec<tally_core::ledger::erasure::ErasureReceipt>| {
            let indices = of.into_iter().map(|receipt| receipt.stays.index);
            indices.collect::<std::collections::BTreeSet<u64>>()
        };
        let erased = receipts(erased.receipts);
        for number in [came, now] {
            let again = days.node.erasure_receipts(number).await.unwrap();
            assert_eq!(receipts(again), erased);
        }
        let hold = days.node.hold(came, "case-2", false).await;
        assert!(hold.unwrap_err().to_string().contains("was erased"));
        days.open(&[other], true).await;
        days.submit("A-2", "M-1002").await;
    }
}
