//! What of a payment is said elsewhere: the kind of cover, and the payment in a claim's
//! explanation.

use super::*;

impl Town {
    /// Day, amount and interest of the payment in a claim's explanation.
    async fn payment_of(&self, claim: ClaimId) -> (Option<String>, Option<Money>, Option<Money>) {
        let read = self
            .node
            .read_claim(claim, "claim-explained")
            .await
            .unwrap();
        let text = self.node.explanation(&read, &self.payer).await.unwrap();
        let value: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
        let payment = &value["payment"];
        assert!(payment["type"].is_object());
        let money = |of: &serde_json::Value| Money::parse(&of.get("value")?.to_string()).ok();
        (
            payment["date"].as_str().map(str::to_owned),
            money(&payment["amount"]),
            money(&payment["adjustment"]),
        )
    }
}

/// The kind of cover is that of the product, by the configuration of the day: a payment
/// that was made says what it said.
#[tokio::test]
async fn the_kind_of_cover_is_the_products() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    let filing = |codes: &str| {
        let text = format!("[node]\ndata = 'x'\n[payer.filing]\n{codes}");
        Config::of("t", &text, []).unwrap().payer
    };
    let told = |of: &Remitted| {
        let [advice] = &advices(&of.text)[..] else {
            panic!("one remittance");
        };
        let mut of: Vec<&String> = advice.payments.iter().map(|of| &of.filing).collect();
        of.sort();
        of.into_iter().cloned().collect::<Vec<String>>()
    };
    town.payer = filing("harbor-ppo = 'HM'\nmeridian-b = 'MB'\n");
    town.send(0, 1, "99396", "180.00", None).await;
    // Of nobody who is enrolled there is no product.
    town.send(0, 3, "99213", "90.00", None).await;
    let made = town.pay().await.remove(0);
    assert_eq!(told(&made), ["12", "HM"]);
    town.payer = filing("harbor-ppo = '13'\n");
    town.send(0, 2, "99396", "180.00", None).await;
    assert_eq!(told(&town.pay().await[0]), ["13"]);
    let again = town.node.read_payment(&made.trace, "payments-read").await;
    assert_eq!(again.unwrap().unwrap().told.text, made.text);
    town.sound().await;
}

/// An explanation has the payment that was recorded, its day and its interest, and none
/// before; what was taken back keeps its own, and what is decided anew has none yet.
#[tokio::test]
async fn an_explanation_has_the_payment_that_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    let first = town.send(0, 1, "99396", "180.00", None).await;
    assert_eq!(town.payment_of(first).await, (None, None, None));
    town.pass(50);
    let made = town.pay().await.remove(0);
    let on = town.node.clock().today().to_string();
    let told = &made.claims[0];
    let whole = told.paid.checked_add(told.interest).unwrap();
    let expected = (Some(on), Some(whole), Some(told.interest));
    assert!(!told.interest.is_zero());
    assert_eq!(town.payment_of(first).await, expected);
    // The same to its payee, decided anew: it is the same payment.
    town.readjudicate().await;
    town.pass(1);
    assert_eq!(town.payment_of(first).await, expected);
    // What takes its place is not paid yet; what was taken back was.
    let second = town.send(0, 1, "99396", "150.00", Some(first)).await;
    assert_eq!(town.payment_of(first).await, expected);
    assert_eq!(town.payment_of(second).await, (None, None, None));
    let made = town.pay().await.remove(0);
    let on = town.node.clock().today().to_string();
    let told = &made.claims[0];
    assert_eq!(town.payment_of(first).await, expected);
    // It is in time.
    assert_eq!(told.interest, Money::ZERO);
    let expected = (Some(on), Some(told.paid), None);
    assert_eq!(town.payment_of(second).await, expected);
    town.settled().await;
}

/// What is decided anew and comes out alike is not told again: its payment stays the one
/// that was made. What comes out otherwise is not paid until it is told.
#[tokio::test]
async fn what_comes_out_alike_keeps_its_payment() {
    let folder = tempfile::tempdir().unwrap();
    let mut town = Town::new(folder.path()).await;
    let first = town.send(0, 1, "99213", "180.00", None).await;
    let second = town.send(0, 2, "99213", "180.00", None).await;
    let revision = async |town: &Town| {
        let row = town.node.store().claim(second).await.unwrap().unwrap();
        row.outcome.unwrap().revision
    };
    town.pay().await;
    let made = town.payment_of(second).await;
    assert!(made.0.is_some());
    town.pass(3);
    // It moves the balances of the family, and no cent of the second claim.
    town.void(first).await;
    assert_eq!(revision(&town).await, 1);
    assert_eq!(town.payment_of(second).await, made);
    // Of nobody who is covered.
    town.enrol("2026-02-01").await;
    town.readjudicate().await;
    assert_eq!(revision(&town).await, 2);
    assert_eq!(town.payment_of(second).await, (None, None, None));
    town.pay().await;
    assert_eq!(town.payment_of(second).await.1, Some(Money::ZERO));
    town.settled().await;
}
