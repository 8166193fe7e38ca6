//! Statements of made-up units, of what a node stored, and of the demo's.

use proptest::prelude::*;
use tally_core::adjudication::{LineOutcome, OutcomePosting, Settlement};
use tally_core::claim::{Member, Relationship, Sex};
use tally_core::interchange::{Source as From, read_claims};
use tally_store::port::Reading as _;
use tally_types::Money;

use super::*;
use crate::demo::generate::generate;
use crate::node::Delivery;
use crate::node::clock::Clock;

fn day(number: i32) -> ServiceDate {
    ServiceDate::from_days(20_454 + number).unwrap()
}

/// A claim of one line.
fn claim(number: u64, service: ServiceDate, received: ServiceDate) -> Claim {
    let json = serde_json::json!([{
        "format": "tallystick-claim/v1", "kind": "professional",
        "control_number": format!("C-{number}"), "member": "M-1", "billing": "1234567893",
        "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": "1.00", "from": service.to_string() }],
    }]);
    let source = From {
        submitter: "test",
        interchange: &number.to_string(),
        received: service,
    };
    let read = read_claims(json.to_string().as_bytes(), None, &source);
    let mut claim = read.claims.into_iter().next().unwrap();
    claim.received = received;
    claim
}

/// An outcome that adds an amount to one account.
fn posting(claim: &Claim, before: i64, amount: i64) -> Outcome {
    let posting = OutcomePosting {
        accumulator: "deductible".to_owned(),
        period: day(0),
        family: false,
        before,
        amount,
    };
    let line = LineOutcome::settle(
        1,
        Money::cents(100),
        Money::cents(100),
        false,
        "1".to_owned(),
        Vec::new(),
        vec![posting],
    );
    let settled = Settlement::Settled(vec![line.unwrap()]);
    Outcome::new(claim.id, None, settled, Vec::new()).unwrap()
}

/// One outcome of a unit's life.
struct Life {
    claim: Claim,
    number: u64,
    outcome: Outcome,
    amount: i64,
    since: ServiceDate,
    taken_back: Option<TakenBack>,
}

/// What happens on a day: a claim of a day of service and an amount, or an
/// earlier claim is voided.
#[derive(Debug, Clone, Copy)]
enum Event {
    Claim(i32, i64),
    Void(usize),
}

/// A unit as the engine keeps it: a void takes its claim back, and every later
/// claim is decided anew, the same day.
fn live(events: &[Event]) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    for (today, event) in (1..).zip(events) {
        let today = day(today);
        let standing: Vec<usize> = (0..lives.len())
            .filter(|i| lives[*i].taken_back.is_none())
            .collect();
        match *event {
            Event::Claim(service, amount) => {
                let number = lives.iter().map(|life| life.number).max().unwrap_or(0) + 1;
                let before = standing.iter().map(|i| lives[*i].amount).sum();
                let claim = claim(number, day(service), today);
                lives.push(Life {
                    outcome: posting(&claim, before, amount),
                    claim,
                    number,
                    amount,
                    since: today,
                    taken_back: None,
                });
            }
            Event::Void(which) if !standing.is_empty() => {
                let voided = standing[which % standing.len()];
                let (number, by) = (lives[voided].number, lives[voided].claim.id);
                let taken = Some(TakenBack { on: today, by });
                let mut order: Vec<usize> = standing
                    .into_iter()
                    .filter(|i| lives[*i].number > number)
                    .collect();
                order.sort_by_key(|i| lives[*i].number);
                lives[voided].taken_back = taken;
                for later in order {
                    let before = lives
                        .iter()
                        .filter(|life| life.taken_back.is_none())
                        .filter(|life| life.number < lives[later].number)
                        .map(|life| life.amount)
                        .sum();
                    let claim = lives[later].claim.clone();
                    let (number, amount) = (lives[later].number, lives[later].amount);
                    lives[later].taken_back = taken;
                    lives.push(Life {
                        outcome: posting(&claim, before, amount),
                        claim,
                        number,
                        amount,
                        since: today,
                        taken_back: None,
                    });
                }
            }
            Event::Void(_) => {}
        }
    }
    lives
}

fn stood(lives: &[Life]) -> Vec<Stood<'_>> {
    lives
        .iter()
        .map(|life| Stood {
            claim: &life.claim,
            number: life.number,
            outcome: &life.outcome,
            since: life.since,
            taken_back: life.taken_back,
        })
        .collect()
}

fn one(lives: &[Life], asked: Asked) -> Option<Account> {
    let mut made = statement(&stood(lives), &|_| None, asked).accounts;
    assert!(made.len() <= 1);
    made.pop()
}

/// Each entry begins where the one before it ended, and the last ends with the
/// balance.
fn check(account: &Account) {
    let mut running = 0;
    for entry in &account.entries {
        assert_eq!(entry.before, running);
        running = entry.after();
    }
    assert_eq!(running, account.balance);
}

proptest! {
    /// On any day it is known, a statement holds what stood on that day, nothing
    /// is missing, and what was taken back is listed and adds nothing.
    #[test]
    fn a_statement_is_what_stood(events in proptest::collection::vec(
        prop_oneof![
            4 => (0..40i32, 1..1000i64).prop_map(|(service, amount)| Event::Claim(service, amount)),
            1 => (0..20usize).prop_map(Event::Void),
        ],
        1..14,
    ), as_of in 0..40i32) {
        for upto in 1..=events.len() {
            let asked = Asked { known: Some(day(upto as i32)), ..Asked::default() };
            let now = live(&events[..upto]);
            let expected: i64 = now.iter().filter(|l| l.taken_back.is_none()).map(|l| l.amount).sum();
            // Known then, and asked later.
            let account = one(&live(&events), asked);
            prop_assert_eq!(account.as_ref().map_or(0, |a| a.balance), expected);
            let Some(account) = account else { continue };
            check(&account);
            prop_assert!(account.entries.iter().all(|entry| entry.source.is_some()));
            // As the outcomes themselves have it.
            let standing = now.iter().filter(|l| l.taken_back.is_none());
            let mut befores: Vec<(u64, i64)> = standing
                .map(|l| (l.number, l.outcome.lines()[0].postings()[0].before))
                .collect();
            befores.sort_unstable();
            let listed: Vec<(u64, i64)> = account
                .entries
                .iter()
                .map(|e| (e.source.as_ref().unwrap().number, e.before))
                .collect();
            prop_assert_eq!(listed, befores);
            let taken = now.iter().filter(|l| l.taken_back.is_some()).count();
            prop_assert_eq!(account.taken_back.len(), taken);
            // As of a day of service: the same postings, those of later services left out.
            let asked = Asked { as_of: Some(day(as_of)), ..asked };
            let part = one(&live(&events), asked);
            let expected: i64 = now
                .iter()
                .filter(|l| l.taken_back.is_none() && l.claim.first_service() <= day(as_of))
                .map(|l| l.amount)
                .sum();
            prop_assert_eq!(part.as_ref().map_or(0, |a| a.balance), expected);
            if let Some(part) = part {
                check(&part);
            }
        }
    }
}

#[test]
fn what_is_missing_is_said() {
    let mut lives = live(&[
        Event::Claim(0, 500),
        Event::Claim(1, 300),
        Event::Claim(2, 200),
    ]);
    lives.remove(1);
    let account = one(&lives, Asked::default()).unwrap();
    check(&account);
    let amounts: Vec<(bool, i64)> = account
        .entries
        .iter()
        .map(|entry| (entry.source.is_some(), entry.amount))
        .collect();
    assert_eq!(amounts, [(true, 500), (false, 300), (true, 200)]);
    // And what the store has beyond the last posting.
    let mut made = statement(&stood(&lives), &|_| None, Asked::default());
    let key = made.accounts[0].key.clone();
    made.reconcile(&BTreeMap::from([(key, 1_250)]));
    let last = made.accounts[0].entries.last().unwrap();
    assert!(last.source.is_none());
    assert_eq!((last.amount, made.accounts[0].balance), (250, 1_250));
}

/// The statements of every member of a contract against the stored balances.
async fn holds(node: &Node, contract: &Contract) -> usize {
    let mut stored = BTreeMap::new();
    let mut stated = BTreeMap::new();
    for member in &contract.members {
        stored.extend(node.stored(contract, &member.id).await.unwrap());
        let made = node
            .statement(contract, &member.id, Asked::default())
            .await
            .unwrap();
        for account in made.accounts {
            check(&account);
            let explained = account.entries.iter().all(|entry| entry.source.is_some());
            assert!(explained, "{} is not explained", account.key.name);
            if let Some(limit) = account.limit {
                assert!(account.balance <= limit, "{}", account.key.name);
            }
            stated.insert(account.key, account.balance);
        }
    }
    let kept: BTreeMap<_, _> = stored.into_iter().filter(|(_, used)| *used != 0).collect();
    assert!(kept == stated, "the balances are not the statements'");
    kept.len()
}

#[tokio::test]
async fn the_demos_statements_are_its_balances() {
    let folder = tempfile::tempdir().unwrap();
    let population = generate(7, 400);
    let clock = Clock::simulated(population.files[0].received);
    let node = Node::open(folder.path(), clock).await.unwrap();
    for contract in &population.contracts {
        node.enrol(contract, false).await.unwrap();
    }
    for file in &population.files {
        node.clock().set(file.received);
        node.submit(Delivery::local(&file.bytes, None))
            .await
            .unwrap();
    }
    node.drain(&|_| ()).await.unwrap();
    let mut accounts = 0;
    for contract in &population.contracts {
        accounts += holds(&node, contract).await;
    }
    assert!(accounts > 50, "only {accounts} balances were compared");
}

/// A family whose plan changes in the middle of the year, to one of the same
/// pool.
fn pooled() -> Contract {
    let span = |product: &str, from: &str, through: Option<&str>| tally_core::claim::Span {
        product: product.to_owned(),
        from: ServiceDate::parse(from).unwrap(),
        through: through.map(|day| ServiceDate::parse(day).unwrap()),
    };
    let member = |id: &str, relationship| Member {
        id: id.to_owned(),
        name: "Robin Example".to_owned(),
        birth: ServiceDate::parse("1980-01-01").unwrap(),
        death: None,
        sex: Sex::Unknown,
        relationship,
        spans: vec![
            span("cedar-hmo", "2025-01-01", Some("2025-06-30")),
            span("summit-hdhp", "2025-07-01", None),
        ],
        authorizations: Vec::new(),
    };
    Contract {
        id: "C-1".to_owned(),
        inception: ServiceDate::parse("2025-01-01").unwrap(),
        members: vec![
            member("M-1", Relationship::Subscriber),
            member("M-2", Relationship::Spouse),
        ],
    }
}

#[tokio::test]
async fn a_pool_goes_on_when_the_plan_changes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::simulated(ServiceDate::parse("2025-08-01").unwrap());
    let node = Node::open(folder.path(), clock).await.unwrap();
    let contract = pooled();
    node.enrol(&contract, false).await.unwrap();
    let visit = |number: u32, member: &str, on: &str| {
        serde_json::json!({
            "format": "tallystick-claim/v1", "kind": "professional", "member": member,
            "control_number": format!("V-{number}"), "billing": "2000001372",
            "diagnoses": ["J069"],
            "lines": [{ "procedure": "99213", "place": "11", "charge": "150.00", "from": on }],
        })
    };
    let claims = serde_json::json!([
        visit(1, "M-1", "2025-05-05"),
        visit(2, "M-2", "2025-06-02"),
        visit(3, "M-1", "2025-07-21"),
    ]);
    let bytes = claims.to_string();
    node.submit(Delivery::local(bytes.as_bytes(), None))
        .await
        .unwrap();
    node.drain(&|_| ()).await.unwrap();
    assert!(holds(&node, &contract).await > 2);
    let made = node
        .statement(&contract, "M-1", Asked::default())
        .await
        .unwrap();
    let shared = made
        .accounts
        .iter()
        .find(|account| account.key.name == "out-of-pocket-family");
    let shared = shared.unwrap();
    assert_eq!(shared.pool(), Some("larch"));
    assert_eq!(shared.products, ["cedar-hmo", "summit-hdhp"]);
    assert_eq!(shared.entries.len(), 3);
    // Another member's own accounts are none of this member's.
    let theirs = made
        .accounts
        .iter()
        .filter_map(|account| account.key.member.as_deref());
    assert!(theirs.into_iter().all(|of| of == "M-1"));

    // An erased claim leaves its amount, and says that it does not explain it.
    let row = node
        .store()
        .claims_of_unit(node.unit_token(&UnitKey::contract("C-1")))
        .await
        .unwrap();
    node.vault().destroy(row[1].sealed.record).await.unwrap();
    let after = node
        .statement(&contract, "M-1", Asked::default())
        .await
        .unwrap();
    let after = after
        .accounts
        .iter()
        .find(|account| account.key == shared.key)
        .unwrap();
    check(after);
    assert_eq!(after.balance, shared.balance);
    let missing: Vec<i64> = after
        .entries
        .iter()
        .filter(|entry| entry.source.is_none())
        .map(|entry| entry.amount)
        .collect();
    assert_eq!(missing, [shared.entries[1].amount]);
}
