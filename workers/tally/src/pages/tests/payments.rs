//! What the pages show of payments.

use super::*;
use crate::node::{MOST, Paying, Remitted, Remitting, Step};

/// Pays all that is due, as `tally payment run` does.
async fn pay(fixture: &Fixture) -> Vec<Remitted> {
    let payer = payer("");
    let paying = Paying {
        remitting: Remitting {
            payer: &payer,
            payees: &[],
            on: fixture.node.clock().today(),
        },
        payee: None,
        dry: false,
        most: MOST,
    };
    let mut made = Vec::new();
    let mut said = |step: Step<'_>| {
        if let Step::Paid(of) = step {
            made.push(*of);
        }
        Ok(())
    };
    fixture.node.pay(&paying, &mut said).await.unwrap();
    made
}

#[tokio::test]
async fn payments_are_shown_with_what_they_tell_and_their_835() {
    let fixture = Fixture::harbor().await;
    let none = fixture.get("/payments").await.body;
    assert!(none.contains("Nothing is paid yet"), "{none}");
    let made = pay(&fixture).await;
    assert!(!made.is_empty());
    let list = fixture.get("/payments").await.body;
    check_html("/payments", &list);
    for of in &made {
        let path = format!("/payments/{}", of.trace);
        assert!(list.contains(&path), "{list}");
        let page = fixture.get(&path).await;
        check_html(&path, &page.body);
        for told in &of.claims {
            let claim = format!("/claims/{}", told.claim);
            assert!(page.body.contains(&claim), "{}", page.body);
        }
        let text = fixture.get(&format!("{path}/835")).await;
        assert_eq!(text.header("content-type"), "application/EDI-X12");
        assert_eq!(text.body, of.text);
    }
    let missing = fixture.get("/payments/NONE").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.body.contains("There is no payment of this number"));
}
