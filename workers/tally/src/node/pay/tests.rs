//! Payments: each claim is told once, what is taken back goes back once, and no cent
//! is lost between, whatever happens in between.

#[allow(dead_code, clippy::arithmetic_side_effects)]
#[path = "../../../../../engine/core/src/interchange/x12/tests/checker.rs"]
mod checker;

mod said;

use std::collections::BTreeMap;

use tally_core::claim::{Contract, Member, Relationship, Sex, Span};
use tally_store::port::{ClaimFilter, PaymentFilter, Reading as _};
use tally_types::ServiceDate;

use super::*;
use crate::config::{Config, PayerConfig};
use crate::node::clock::Clock;
use crate::node::{Anew, Delivery};
use checker::{Advice, advices, misreversed, unbalanced};

const PAYEES: [&str; 2] = ["2000001372", "1234567893"];

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

/// A payer that pays within 30 days, or 10 % for a year.
fn payer() -> PayerConfig {
    let text =
        "[node]\ndata = 'x'\n[[payer.prompt_pay]]\nfrom = '2025-01-01'\ndays = 30\nrate = '0.1'\n";
    Config::of("t", text, []).unwrap().payer
}

/// A node, a family, and all that its providers were told.
struct Town {
    node: Node,
    payer: PayerConfig,
    told: BTreeMap<String, Vec<String>>,
    sent: u32,
}

impl Town {
    async fn new(folder: &std::path::Path) -> Self {
        let clock = Clock::simulated(day("2026-01-10"));
        let node = Node::open(folder, clock).await.unwrap();
        let town = Self {
            node,
            payer: payer(),
            told: BTreeMap::new(),
            sent: 0,
        };
        town.enrol("2025-01-01").await;
        town
    }

    /// The second member's cover begins on a day.
    async fn enrol(&self, from: &str) {
        let member = |n: u32, from: &str| Member {
            id: format!("M-{n}"),
            name: format!("Robin Example{n}"),
            birth: day("1980-01-01"),
            death: None,
            sex: Sex::Unknown,
            relationship: match n {
                1 => Relationship::Subscriber,
                _ => Relationship::Spouse,
            },
            spans: vec![Span {
                product: "harbor-ppo".to_owned(),
                from: day(from),
                through: None,
            }],
            authorizations: Vec::new(),
        };
        let contract = Contract {
            id: "C-1".to_owned(),
            inception: day("2025-01-01"),
            members: vec![member(1, "2025-01-01"), member(2, from)],
        };
        self.node.enrol(&contract, false).await.unwrap();
    }

    /// Sends a claim of a payee; answers it.
    async fn send(
        &mut self,
        payee: usize,
        member: u32,
        code: &str,
        charge: &str,
        replaces: Option<ClaimId>,
    ) -> ClaimId {
        self.sent += 1;
        let place = if code == "E0601" { "12" } else { "11" };
        let mut claim = serde_json::json!({
            "format": "tallystick-claim/v1", "kind": "professional",
            "member": format!("M-{member}"), "control_number": format!("V-{}", self.sent),
            "billing": PAYEES[payee], "diagnoses": ["J069"],
            "lines": [{ "procedure": code, "place": place, "charge": charge, "from": "2026-01-05" }],
        });
        if let Some(id) = replaces {
            claim["frequency"] = "replacement".into();
            claim["replaces"] = id.to_string().into();
        }
        let bytes = claim.to_string();
        let sent = self.node.submit(Delivery::local(bytes.as_bytes(), None));
        let sent = sent.await.unwrap();
        assert_eq!(sent.claims.len(), 1, "{:?}", sent.refusals.len());
        self.node.drain(&|_| ()).await.unwrap();
        sent.claims[0]
    }

    async fn void(&self, claim: ClaimId) {
        self.node.void(claim, "local").await.unwrap();
        self.node.drain(&|_| ()).await.unwrap();
    }

    async fn erase(&self, claim: ClaimId) {
        let row = self.node.store().claim(claim).await.unwrap().unwrap();
        self.node.vault().destroy(row.sealed.record).await.unwrap();
    }

    async fn readjudicate(&self) {
        let acts = self.node.readjudicate(&Anew::All, "me", "to see");
        acts.await.unwrap();
        self.node.drain(&|_| ()).await.unwrap();
    }

    fn paying(&self) -> Paying<'_> {
        Paying {
            remitting: Remitting {
                payer: &self.payer,
                payees: &[],
                on: self.node.clock().today(),
            },
            payee: None,
            dry: false,
            most: MOST,
        }
    }

    fn pass(&self, days: i32) {
        let today = self.node.clock().today();
        self.node.clock().set(today.plus_days(days).unwrap());
    }

    /// Pays; answers what was told.
    async fn pay(&mut self) -> Vec<Remitted> {
        let (made, untold) = run(&self.node, &self.paying()).await;
        assert!(untold.failed.is_empty() && untold.erased.is_empty());
        assert!(untold.later.is_empty());
        for of in &made {
            assert_eq!(unbalanced(&of.text), [""; 0], "{}", of.text);
            let told = self.told.entry(of.payee.clone()).or_default();
            told.push(of.text.clone());
        }
        made
    }

    fn advices(&self, payee: &str) -> Vec<Advice> {
        let told = self.told.get(payee).into_iter().flatten();
        told.flat_map(|text| advices(text)).collect()
    }

    /// Nothing is due, and all that a payee was told comes to what stands: told by the
    /// 835s alone, and by what is decided.
    async fn settled(&self) {
        let dry = Paying {
            dry: true,
            ..self.paying()
        };
        let (more, _) = run(&self.node, &dry).await;
        assert!(more.is_empty(), "something is due after all");
        for payee in PAYEES {
            let told = self.told.get(payee).into_iter().flatten();
            assert_eq!(misreversed(told.map(String::as_str)), [""; 0]);
            let provider = Some(self.node.provider_token(payee));
            let filter = ClaimFilter {
                provider,
                ..ClaimFilter::default()
            };
            let rows = self.node.store().claims(&filter).await.unwrap();
            let advices = self.advices(payee);
            let adjusted = |advice: &Advice, what: &str| -> i128 {
                let of = advice.provider.iter().filter(|(reason, ..)| reason == what);
                of.map(|(_, _, amount)| amount).sum()
            };
            let sum = |what: &str| -> i128 { advices.iter().map(|a| adjusted(a, what)).sum() };
            let mut standing: i128 = 0;
            let mut waiting = 0;
            for row in &rows {
                let outcome = row.outcome.as_ref().unwrap();
                let stands = outcome.gone.is_none() && outcome.status.as_str() != "pended";
                waiting += u32::from(outcome.gone.is_none() && !stands);
                let paid = if stands { outcome.paid.scaled() } else { 0 };
                standing += i128::from(paid);
                // What the claim was told, all in all, is what it stands at.
                let id = row.id.to_string();
                let of = advices.iter().flat_map(|advice| &advice.payments);
                let told: i128 = of.filter(|of| of.number == id).map(|of| of.paid).sum();
                assert_eq!(told, i128::from(paid), "claim {id}");
                if !stands {
                    let of = advices.iter().flat_map(|advice| &advice.provider);
                    let interest = of.filter(|(reason, of, _)| reason == "L6" && *of == id);
                    let interest: i128 = interest.map(|(_, _, amount)| amount).sum();
                    assert_eq!(interest, 0, "interest of claim {id}");
                }
            }
            let total: i128 = advices.iter().map(|advice| advice.total).sum();
            let left = sum("WO");
            assert!(left <= 0);
            if waiting == 0 {
                assert_eq!(left, 0, "money is left for what does not wait");
            }
            // What was carried forward and not taken yet.
            let carried = -sum("FB");
            let filter = PaymentFilter {
                payee: provider,
                limit: 1,
                ..PaymentFilter::default()
            };
            let last = self.node.store().payments(&filter).await.unwrap();
            let forwarded = last.first().map_or(0, |last| last.forwarded.scaled());
            assert_eq!(carried, i128::from(forwarded));
            assert_eq!(total - carried, standing - sum("L6") - left, "{payee}");
        }
    }

    async fn sound(&self) {
        let found = self.node.fsck().await.unwrap();
        assert!(found.faults.is_empty(), "{:?}", found.faults);
        let made: usize = self.told.values().map(Vec::len).sum();
        assert_eq!(usize::try_from(found.payments), Ok(made));
        // The same bytes again.
        for text in self.told.values().flatten() {
            let trace = &advices(text)[0].trace;
            let read = self
                .node
                .read_payment(trace, "test")
                .await
                .unwrap()
                .unwrap();
            assert!(read.told.text == *text, "{trace}");
        }
    }
}

async fn run(node: &Node, paying: &Paying<'_>) -> (Vec<Remitted>, Untold) {
    let mut made = Vec::new();
    let mut said = |step: Step<'_>| {
        if let Step::Paid(of) = step {
            made.push(*of);
        }
        Ok(())
    };
    let untold = node.pay(paying, &mut said).await.unwrap();
    (made, untold)
}

fn kinds(of: &Remitted) -> (usize, usize, usize) {
    (of.claims.len(), of.reversed.len(), of.recovered.len())
}

#[tokio::test]
async fn what_is_taken_back_is_carried_forward_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    let voided = town.send(0, 1, "99396", "180.00", None).await;
    let never = town.send(0, 1, "99396", "150.00", None).await;
    // Voided before it was paid: nobody is told.
    town.void(never).await;
    town.pass(50);
    let first = town.pay().await;
    assert_eq!(first.len(), 1);
    assert_eq!(kinds(&first[0]), (1, 0, 0));
    let interest = first[0].claims[0].interest;
    assert!(!interest.is_zero(), "twenty days late");
    let paid = first[0].payment;
    town.settled().await;
    assert!(town.pay().await.is_empty(), "the same again");

    town.void(voided).await;
    town.pass(3);
    let second = town.pay().await;
    assert_eq!(kinds(&second[0]), (0, 1, 0));
    assert_eq!(second[0].reversed[0].interest, interest);
    assert_eq!(second[0].payment, Money::ZERO);
    assert_eq!(second[0].forwarded, paid);
    town.settled().await;
    assert!(town.pay().await.is_empty(), "a balance alone is no payment");

    town.send(0, 2, "99396", "180.00", None).await;
    let third = town.pay().await;
    assert_eq!(third[0].brought, paid);
    town.settled().await;
    town.sound().await;
}

#[tokio::test]
async fn money_stays_while_the_correction_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    let first = town.send(0, 1, "99396", "180.00", None).await;
    let paid = town.pay().await[0].payment;
    // What replaces it needs an authorisation, and waits.
    let waits = town.send(0, 1, "E0601", "900.00", Some(first)).await;
    town.pass(1);
    let ahead = town.pay().await;
    assert_eq!(kinds(&ahead[0]), (0, 1, 0));
    assert_eq!(ahead[0].reversed[0].withheld, paid);
    assert_eq!(ahead[0].payment, Money::ZERO);
    assert!(ahead[0].forwarded.is_zero());
    town.settled().await;
    // It is replaced itself, and that is paid.
    let settled = town.send(0, 1, "99396", "170.00", Some(waits)).await;
    town.pass(1);
    let taken = town.pay().await;
    assert_eq!(kinds(&taken[0]), (1, 0, 1));
    assert_eq!(taken[0].recovered, [(first, paid)]);
    town.settled().await;
    // The same once more, but it is voided: the money goes back with no claim.
    let waits = town.send(0, 1, "E0601", "900.00", Some(settled)).await;
    assert_eq!(kinds(&town.pay().await[0]), (0, 1, 0));
    town.void(waits).await;
    let back = town.pay().await;
    assert_eq!(kinds(&back[0]), (0, 0, 1));
    assert!(!back[0].forwarded.is_zero());
    town.settled().await;
    town.sound().await;
}

#[tokio::test]
async fn runs_at_once_pay_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    for n in 0..6 {
        let payee = usize::try_from(n % 2).unwrap();
        town.send(payee, 1 + n % 2, "99396", "180.00", None).await;
    }
    // Page by page, so that they meet in the middle as well.
    let paying = Paying {
        most: 1,
        ..town.paying()
    };
    let other = Node::open(folder.path(), Clock::simulated(town.node.clock().today()));
    let other = other.await.unwrap();
    let ((mut made, _), (more, _)) = tokio::join!(run(&town.node, &paying), run(&other, &paying));
    made.extend(more);
    let claims: Vec<ClaimId> = made
        .iter()
        .flat_map(|of| &of.claims)
        .map(|c| c.claim)
        .collect();
    let once: BTreeSet<ClaimId> = claims.iter().copied().collect();
    assert_eq!((claims.len(), once.len()), (6, 6));
    made.sort_by_key(|of| of.number);
    for of in made {
        town.told.entry(of.payee).or_default().push(of.text);
    }
    town.settled().await;
    town.sound().await;
}

#[tokio::test]
async fn what_was_erased_is_told_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    let kept = town.send(0, 1, "99396", "180.00", None).await;
    let erased = town.send(0, 2, "99396", "150.00", None).await;
    let made = town.pay().await;
    let late = town.send(0, 2, "99396", "140.00", None).await;
    for id in [erased, late] {
        let row = town.node.store().claim(id).await.unwrap().unwrap();
        town.node.vault().destroy(row.sealed.record).await.unwrap();
    }
    // What is left of a payment is shown, but not its bytes.
    let read = town
        .node
        .read_payment(&made[0].trace, "test")
        .await
        .unwrap();
    let read = read.unwrap();
    assert!(read.told.text.is_empty());
    assert_eq!(read.erased, BTreeSet::from([erased]));
    assert_eq!(read.told.claims.len(), 1);
    assert_eq!(read.told.claims[0].claim, kept);
    assert_eq!(read.row.amount, made[0].payment);
    let found = town.node.fsck().await.unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    // Nobody can be told of what was erased before, and it is said each time.
    for _ in 0..2 {
        let (made, untold) = run(&town.node, &town.paying()).await;
        assert!(made.is_empty());
        assert_eq!(untold.erased, BTreeSet::from([late]));
    }
}

/// Money was left for a claim whose record is erased: it is taken when the correction
/// comes. One that stands paid cannot be reversed any more, and what replaces it waits.
#[tokio::test]
async fn what_was_left_for_an_erased_claim_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    let first = town.send(0, 1, "99396", "180.00", None).await;
    let stands = town.send(0, 2, "99396", "160.00", None).await;
    town.pay().await;
    let waits = town.send(0, 1, "E0601", "900.00", Some(first)).await;
    let left = town.pay().await[0].reversed[0].withheld;
    assert!(!left.is_zero());
    town.erase(first).await;
    let settled = town.send(0, 1, "99396", "170.00", Some(waits)).await;
    let taken = town.pay().await;
    assert_eq!(kinds(&taken[0]), (1, 0, 1));
    assert_eq!(taken[0].recovered, [(first, left)]);
    assert_eq!(taken[0].claims[0].claim, settled);
    town.settled().await;
    assert!(town.node.fsck().await.unwrap().faults.is_empty());

    let instead = town.send(0, 2, "99396", "150.00", Some(stands)).await;
    town.erase(stands).await;
    for _ in 0..2 {
        let (made, untold) = run(&town.node, &town.paying()).await;
        assert!(made.is_empty());
        assert_eq!(untold.erased, BTreeSet::from([stands]), "not {instead}");
    }
    assert!(town.node.fsck().await.unwrap().faults.is_empty());
}

/// A record that is erased while its claim is being paid stops no other claim.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_meanwhile_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    let first = town.send(0, 1, "99396", "180.00", None).await;
    let gone = town.send(0, 2, "99396", "150.00", None).await;
    town.send(1, 2, "99396", "140.00", None).await;
    let second = town.send(0, 1, "99396", "170.00", Some(first)).await;
    let mut made = Vec::new();
    let mut erase = Some(gone);
    let mut said = |step: Step<'_>| {
        match step {
            Step::Making(of) if of.claims.iter().any(|of| Some(of.claim) == erase) => {
                tokio::task::block_in_place(|| {
                    let now = tokio::runtime::Handle::current();
                    now.block_on(town.erase(erase.take().unwrap()));
                });
            }
            Step::Paid(of) => made.push(*of),
            _ => {}
        }
        Ok(())
    };
    let untold = town.node.pay(&town.paying(), &mut said).await.unwrap();
    assert_eq!(untold.erased, BTreeSet::from([gone]));
    assert!(untold.failed.is_empty());
    let claims: Vec<usize> = made.iter().map(|of| of.claims.len()).collect();
    assert_eq!(claims, [1, 1]);
    let told = |made: &[Remitted], id| {
        made.iter()
            .flat_map(|of| &of.claims)
            .any(|of| of.claim == id)
    };
    assert!(told(&made, second));
    for of in made {
        town.told.entry(of.payee).or_default().push(of.text);
    }
    town.sound().await;
}

/// A sequence of numbers that follows from a seed (an LCG of Knuth's).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, n: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Whatever is sent, taken back, replaced and decided anew, and whenever it is paid:
/// what a payee got, less what is carried forward, is what stands.
#[tokio::test]
async fn no_cent_is_lost_over_any_sequence_of_acts_and_payments() {
    for seed in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let mut town = Town::new(folder.path()).await;
        let mut seeded = Seeded(seed);
        // Those that may be taken back, and whose they are.
        let mut alive: Vec<(ClaimId, usize, u32)> = Vec::new();
        for _ in 0..60 {
            let payee = usize::try_from(seeded.below(2)).unwrap();
            let member = 1 + u32::try_from(seeded.below(2)).unwrap();
            let code = ["99396", "99213", "72100", "E0601"];
            let code = code[usize::try_from(seeded.below(4)).unwrap()];
            let charge = format!("{}.{:02}", 100 + seeded.below(200), seeded.below(100));
            let pick = match alive.len() {
                0 => None,
                many => Some(usize::try_from(seeded.below(many as u64)).unwrap()),
            };
            match (seeded.below(10), pick) {
                (0, Some(at)) => {
                    let (claim, ..) = alive.swap_remove(at);
                    town.void(claim).await;
                }
                (1 | 2, Some(at)) => {
                    let (claim, payee, member) = alive.swap_remove(at);
                    let new = town.send(payee, member, code, &charge, Some(claim)).await;
                    alive.push((new, payee, member));
                }
                (3, _) => {
                    let from = ["2025-01-01", "2026-01-08"];
                    town.enrol(from[usize::try_from(seeded.below(2)).unwrap()])
                        .await;
                    town.readjudicate().await;
                }
                (4, _) => town.pass(i32::try_from(seeded.below(40)).unwrap()),
                (5 | 6, _) => {
                    town.pay().await;
                    town.settled().await;
                }
                _ => {
                    let new = town.send(payee, member, code, &charge, None).await;
                    alive.push((new, payee, member));
                }
            }
        }
        town.pay().await;
        town.settled().await;
        town.sound().await;
        let told: usize = town.told.values().map(Vec::len).sum();
        assert!(told > 8, "few payments: {told}");
    }
}
