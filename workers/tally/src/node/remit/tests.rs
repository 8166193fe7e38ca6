//! Interest: from when, on what, and of what is taken back.

use tally_core::adjudication::Settlement;
use tally_core::claim::{Member, Relationship, Sex, Span, UnitKey};

use tally_store::port::{PartRow, ToldRow};

use super::due::{Due, at_place};
use super::*;
use crate::config::Config;
use crate::node::Delivery;
use crate::node::Stage;
use crate::node::clock::Clock;
use crate::node::statement::TakenBack;

const PAYMENT: PartKind = PartKind::Payment;
const REVERSAL: PartKind = PartKind::Reversal;

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

/// A payer that pays within 30 days, or 10 % for a year.
fn payer() -> PayerConfig {
    let text =
        "[node]\ndata = 'x'\n[[payer.prompt_pay]]\nfrom = '2025-01-01'\ndays = 30\nrate = '0.1'\n";
    Config::of("t", text, []).unwrap().payer
}

fn on<'a>(payer: &'a PayerConfig, on: &str) -> Remitting<'a> {
    Remitting {
        payer,
        payees: &[],
        on: day(on),
    }
}

/// A node that got two claims on 10 January 2026 (a visit and a check-up), and the
/// stages of each: its one outcome, however often it is asked.
async fn made(folder: &std::path::Path) -> (Node, Token) {
    let clock = Clock::simulated(day("2026-01-10"));
    let node = Node::open(folder, clock).await.unwrap();
    let contract = Contract {
        id: "C-1".to_owned(),
        inception: day("2025-01-01"),
        members: vec![Member {
            id: "M-1".to_owned(),
            name: "Robin Example".to_owned(),
            birth: day("1980-01-01"),
            death: None,
            sex: Sex::Unknown,
            relationship: Relationship::Subscriber,
            spans: vec![Span {
                product: "harbor-ppo".to_owned(),
                from: day("2025-01-01"),
                through: None,
            }],
            authorizations: Vec::new(),
        }],
    };
    node.enrol(&contract, false).await.unwrap();
    let claim = |number: u32, code: &str| {
        serde_json::json!({
            "format": "tallystick-claim/v1", "kind": "professional", "member": "M-1",
            "control_number": format!("V-{number}"), "billing": "2000001372",
            "diagnoses": ["J069"],
            "lines": [{ "procedure": code, "place": "11", "charge": "180.00", "from": "2026-01-05" }],
        })
    };
    let claims = serde_json::json!([claim(1, "99396"), claim(2, "99213")]).to_string();
    let delivery = Delivery::local(claims.as_bytes(), None);
    node.submit(delivery).await.unwrap();
    node.drain(&|_| ()).await.unwrap();
    let unit = node.unit_token(&UnitKey::contract("C-1"));
    (node, unit)
}

/// The stage of the first claim, as the how-manieth outcome, from a day on, until it
/// is taken back.
async fn stage(
    (node, unit): &(Node, Token),
    number: u32,
    since: &str,
    back: Option<&str>,
) -> Stage {
    let stages = node.stages(*unit, "test").await.unwrap();
    let mut stage = stages.into_iter().next().unwrap();
    stage.number = number;
    stage.since = day(since);
    let by = stage.row.id;
    let back = back.map(|on| TakenBack { on: day(on), by });
    stage.taken_back = back.map(|back| (back, None));
    stage
}

/// Lets a stage wait.
fn waits(mut stage: Stage) -> Stage {
    let settlement = Settlement::Pended {
        reason: "review".to_owned(),
        text: "Somebody looks at it".to_owned(),
        clause: "1".to_owned(),
        resolution: "A review".to_owned(),
        line: 0,
        charges: vec![(1, stage.outcome.charge())],
    };
    stage.outcome = Outcome::new(stage.row.id, None, settlement, Vec::new()).unwrap();
    stage
}

/// What is owed on a payment for some days of 2026, in cents, by hand.
fn expected(paid: Money, days: i64) -> Money {
    Money::cents((paid.scaled() * days * 2 + 3650) / 7300)
}

/// What is told of a place that was told so much before.
fn due(stages: &[Stage], before: &[ToldRow], remitting: &Remitting<'_>) -> Due {
    let mut due = Due::default();
    let stages: Vec<&Stage> = stages.iter().collect();
    let place = (stages[0].row.unit, stages[0].place);
    assert!(at_place(place, &stages, before, remitting, &mut due).unwrap());
    due
}

fn told(stages: &[Stage], before: &[ToldRow], remitting: &Remitting<'_>) -> Vec<(PartKind, Money)> {
    let due = due(stages, before, remitting);
    due.parts.iter().map(|p| (p.kind, p.interest)).collect()
}

/// That a payment told of an outcome.
fn row(stage: &Stage, paid_on: &str, kind: PartKind, interest: Money) -> ToldRow {
    ToldRow {
        trace: paid_on.to_owned(),
        day: day(paid_on),
        part: PartRow {
            claim: stage.row.id,
            revision: stage.number,
            kind,
            paid: stage.outcome.paid(),
            interest,
            withheld: match kind {
                PartKind::ReversalAhead | PartKind::Recovery => stage.outcome.paid(),
                PartKind::Payment | PartKind::Reversal => Money::ZERO,
            },
            sealed: None,
        },
    }
}

#[tokio::test]
async fn a_claim_that_never_waited_was_clean_when_it_was_received() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path()).await;
    let payer = payer();
    let of = [stage(&made, 0, "2026-01-10", None).await];
    let paid = of[0].outcome.paid();
    assert!(paid > Money::cents(10_000), "{paid}");
    // Thirty days after 10 January is 9 February.
    let told = |paid_on| told(&of, &[], &on(&payer, paid_on));
    assert_eq!(told("2026-02-09"), [(PAYMENT, Money::ZERO)]);
    assert_eq!(told("2026-02-10"), [(PAYMENT, expected(paid, 1))]);
    assert_eq!(told("2026-03-11"), [(PAYMENT, expected(paid, 30))]);
    // Of what comes after the day of the payment nothing is told yet.
    let early = due(&of, &[], &on(&payer, "2026-01-09"));
    assert!(early.parts.is_empty());
    assert_eq!(early.later.len(), 1);
    // What was told is not told again.
    let before = [row(&of[0], "2026-02-09", PAYMENT, Money::ZERO)];
    let again = due(&of, &before, &on(&payer, "2026-03-11"));
    assert!(again.parts.is_empty() && again.later.is_empty());
}

#[tokio::test]
async fn one_that_waited_was_clean_when_an_act_settled_it() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path()).await;
    let payer = payer();
    let first = waits(stage(&made, 0, "2026-01-10", Some("2026-03-01")).await);
    let second = stage(&made, 1, "2026-03-01", None).await;
    let paid = second.outcome.paid();
    let of = [first, second];
    // What waited was paid by nobody: nothing is taken back. 31 March is in time.
    let told_on = |of: &[Stage], paid_on| told(of, &[], &on(&payer, paid_on));
    assert_eq!(told_on(&of, "2026-03-31"), [(PAYMENT, Money::ZERO)]);
    assert_eq!(told_on(&of, "2026-04-01"), [(PAYMENT, expected(paid, 1))]);
    // Decided anew later, and the same to who was paid on 5 April, five days late:
    // nothing is told.
    let [first, mut second] = of;
    second.taken_back = Some((
        TakenBack {
            on: day("2026-04-10"),
            by: second.row.id,
        },
        None,
    ));
    let third = stage(&made, 2, "2026-04-10", None).await;
    let of = [first, second, third];
    let five = expected(paid, 5);
    let before = [row(&of[1], "2026-04-05", PAYMENT, five)];
    assert_eq!(told(&of, &before, &on(&payer, "2026-04-15")), []);
    // As it was known before, nothing has changed.
    let known = due(&of, &before, &on(&payer, "2026-04-06"));
    assert!(known.parts.is_empty());
    assert_eq!(known.later.len(), 1);
    // While it waits there is nothing to be told.
    let waiting = [waits(stage(&made, 0, "2026-01-10", None).await)];
    assert_eq!(told_on(&waiting, "2026-04-01"), []);
}

#[tokio::test]
async fn of_what_is_taken_back_the_interest_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path()).await;
    let payer = payer();
    let back = stage(&made, 0, "2026-01-10", Some("2026-03-01")).await;
    let old = back.outcome.paid();
    let late = on(&payer, "2026-03-11");
    // Never paid, and taken back for good: nobody is told.
    assert_eq!(told(&[back], &[], &late), []);
    // Paid on 19 February, ten days late: what was paid goes back, exactly.
    let back = stage(&made, 0, "2026-01-10", Some("2026-03-01")).await;
    for interest in [expected(old, 10), Money::cents(7)] {
        let before = [row(&back, "2026-02-19", PAYMENT, interest)];
        let back = stage(&made, 0, "2026-01-10", Some("2026-03-01")).await;
        assert_eq!(told(&[back], &before, &late), [(REVERSAL, interest)]);
    }

    // Corrected to less: what stays was ten days late. To more: the rest is thirty.
    let stages = made.0.stages(made.1, "test").await.unwrap();
    let other = stages.into_iter().nth(1).unwrap().outcome;
    let new = other.paid();
    assert!(Money::ZERO < new && new < old, "{new} {old}");
    let mut corrected = stage(&made, 1, "2026-03-01", None).await;
    corrected.outcome = other.clone();
    let before = [row(&back, "2026-02-19", PAYMENT, expected(old, 10))];
    let back = stage(&made, 0, "2026-01-10", Some("2026-03-01")).await;
    let less = told(&[back, corrected], &before, &late);
    assert_eq!(
        less,
        [(REVERSAL, expected(old, 10)), (PAYMENT, expected(new, 10))]
    );
    let mut back = stage(&made, 0, "2026-01-10", Some("2026-03-01")).await;
    back.outcome = other;
    let before = [row(&back, "2026-02-19", PAYMENT, expected(new, 10))];
    let corrected = stage(&made, 1, "2026-03-01", None).await;
    let more = told(&[back, corrected], &before, &late);
    let rest = expected(old.checked_sub(new).unwrap(), 30);
    let sum = rest.checked_add(expected(new, 10)).unwrap();
    assert_eq!(more, [(REVERSAL, expected(new, 10)), (PAYMENT, sum)]);
}

/// Paid ten days late, it waits again: the money stays, and is taken when it is known
/// what comes.
#[tokio::test]
async fn what_waits_again_keeps_the_money() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path()).await;
    let payer = payer();
    let first = async |back| stage(&made, 0, "2026-01-10", back).await;
    let paid = first(None).await.outcome.paid();
    let ten = expected(paid, 10);
    let mut before = vec![row(&first(None).await, "2026-02-19", PAYMENT, ten)];
    let second = waits(stage(&made, 1, "2026-03-01", None).await);
    let stages = [first(Some("2026-03-01")).await, second];
    let ahead = due(&stages, &before, &on(&payer, "2026-03-02"));
    let [part] = &ahead.parts[..] else {
        panic!("one part");
    };
    assert_eq!(part.kind, PartKind::ReversalAhead);
    assert_eq!((part.interest, part.withheld), (ten, paid));
    let ahead = row(&stages[0], "2026-03-02", PartKind::ReversalAhead, ten);
    before.push(ahead);
    assert_eq!(told(&stages, &before, &on(&payer, "2026-03-03")), []);
    // Voided in the end, it goes back; settled, it is taken and paid anew.
    let [first, second] = stages;
    let back = |stage: &mut Stage, on: &str| {
        let by = stage.row.id;
        stage.taken_back = Some((TakenBack { on: day(on), by }, None));
    };
    let mut stages = vec![first, second];
    back(&mut stages[1], "2026-03-05");
    let gone = due(&stages, &before, &on(&payer, "2026-03-10"));
    let kinds: Vec<_> = gone.parts.iter().map(|p| (p.kind, p.withheld)).collect();
    assert_eq!(kinds, [(PartKind::Recovery, paid)]);
    stages.push(stage(&made, 2, "2026-03-05", None).await);
    let settled = due(&stages, &before, &on(&payer, "2026-06-10"));
    let kinds: Vec<_> = settled.parts.iter().map(|p| (p.kind, p.withheld)).collect();
    assert_eq!(kinds, [(PartKind::Recovery, paid), (PAYMENT, Money::ZERO)]);
    // It has stayed with the payee since February, and is clean since March.
    assert_eq!(settled.parts[1].interest, Money::ZERO);
}
