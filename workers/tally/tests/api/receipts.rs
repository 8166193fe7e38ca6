//! Receipts of a claim's way: received, decided, paid.

use axum::http::StatusCode;
use sha2::{Digest as _, Sha256};
use tally_core::canon::Canon as _;
use tally_core::ledger::{Receipt, Shown, Trust, Verdict, verify_any};
use tally_store::port::Log as _;

use super::fixture::{Fixture, claim, day, first, post};
use tally::api::Bounds;

fn shown(text: &str, trust: &Trust) -> (Receipt, Shown) {
    let receipt = Receipt::parse(text).unwrap();
    let (verdict, shown) = verify_any(&receipt, Some(trust)).ok().unwrap();
    assert_eq!(verdict, Verdict::Trusted);
    (receipt, shown)
}

/// Whoever is to file in time can show that it did, before anything is decided.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_receipted_before_it_is_decided() {
    let fixture = Fixture::idle(50, Bounds::default()).await;
    let sent = claim("A-1", "180.00");
    let answer = fixture.ask(post("a", &sent).by("riverside")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let body = answer.json();
    let id = first(&body);
    let path = format!("/claims/{id}/received");
    assert_eq!(
        body["claims"][0]["links"]["received"],
        format!("/api/v1{path}").as_str()
    );
    let answer = fixture.get("riverside", &path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let trust = fixture.node.trust().await.unwrap();
    let (receipt, Shown::Received(body)) = shown(&answer.body, &trust) else {
        panic!("of something else");
    };
    assert_eq!(body.claim.to_string(), id);
    assert_eq!(body.received, day("2026-03-02"));
    assert_eq!(body.submitter, "riverside");
    let hash: [u8; 32] = Sha256::digest(sent.to_string()).into();
    assert_eq!(body.submission, hash);

    // To others it is not there; it stands before what the claim comes to, and asking
    // enters nothing.
    fixture.get("lakeside", &path).await.problem("A104");
    let missing = format!("/claims/{}/received", "0".repeat(32));
    fixture.get("riverside", &missing).await.problem("A104");
    let size = fixture.node.store().head().await.unwrap().size;
    fixture.get("riverside", &path).await;
    fixture.node.drain(&|_| ()).await.unwrap();
    let again = fixture.get("riverside", &path).await.body;
    let (again, _) = shown(&again, &trust);
    assert_eq!(again.local.index, receipt.local.index);
    assert_eq!(receipt.local.index + 1, size);
    let of = tally_core::claim::ClaimId::parse(&id).unwrap();
    let decided = fixture.node.receipt(of).await.unwrap();
    assert_eq!(decided.local.index, size, "nothing came between");

    // What takes it back was received too.
    let void = format!("/claims/{id}/void");
    let void = super::fixture::ask("POST", &void).by("riverside");
    let answer = fixture.ask(void).await.json();
    let void = answer["act"].as_str().unwrap();
    let path = format!("/claims/{void}/received");
    let text = fixture.get("riverside", &path).await.body;
    let (_, Shown::Received(body)) = shown(&text, &trust) else {
        panic!("of something else");
    };
    let hash: [u8; 32] = Sha256::digest(format!("void/{id}")).into();
    assert_eq!(body.submission, hash);
    // What the payer does itself nobody sent.
    let acts = fixture
        .node
        .readjudicate(&tally::node::Anew::All, "me", "to see");
    let act = acts.await.unwrap()[0];
    assert!(fixture.node.received_receipt(act).await.unwrap().is_none());
    assert!(body.to_canon().len() < 100, "it says no more than this");
}
