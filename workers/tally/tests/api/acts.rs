//! What changes the past over HTTP: voids, and all that a claim ever came to.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tally::node::Anew;
use tally_core::claim::{ClaimId, Relationship};
use tally_core::ledger::Ground;

use super::fixture::{Fixture, MEMBER, ask, claim, claim_of, first, post};

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_voided_by_who_sent_it_and_nobody_else() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k1", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    assert_eq!(fixture.pay().await.len(), 1);
    let path = format!("/claims/{id}/void");
    let other = fixture.ask(ask("POST", &path).by("lakeside")).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "{}", other.body);

    let answer = fixture.ask(ask("POST", &path).by("riverside")).await;
    assert!(answer.status.is_success(), "{}", answer.body);
    let done: Value = answer.json();
    let act = done["act"].as_str().unwrap().to_owned();
    assert_eq!(done["status"], "done", "{done:#}");
    assert_eq!(done["changes"][0]["reversed"]["claim"], id.as_str());
    assert_eq!(done["changes"][0]["corrected"], Value::Null);

    // Once more is the same act, and the claim says that it stands no more.
    let again = fixture.ask(ask("POST", &path).by("riverside")).await.json();
    assert_eq!(again["act"], act.as_str());
    let read = fixture
        .get("riverside", &format!("/claims/{id}"))
        .await
        .json();
    assert_eq!(read["status"], "reversed", "{read:#}");
    let history = fixture
        .get("riverside", &format!("/claims/{id}/history"))
        .await
        .json();
    assert_eq!(history["outcomes"][0]["taken_back"]["by"], act.as_str());
    let other = fixture
        .get("lakeside", &format!("/claims/{id}/history"))
        .await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let told = fixture
        .get("riverside", &format!("/claims/{id}/remittance"))
        .await
        .json();
    assert_eq!(told["claims"], json!([]));
    assert_eq!(told["reversed"][0]["claim"], id.as_str(), "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_is_sent_as_a_claim() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k1", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    let mut replacement = claim("A-1", "150.00");
    replacement["frequency"] = json!("replacement");
    replacement["replaces"] = json!(id);
    let body = fixture.settle("riverside", "k2", &replacement).await;
    let new = first(&body);
    assert_eq!(body["claims"][0]["status"], "paid", "{body:#}");
    let history = fixture
        .get("riverside", &format!("/claims/{new}/history"))
        .await
        .json();
    let claims: Vec<&Value> = history["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| &outcome["claim"])
        .collect();
    assert_eq!(claims, [id.as_str(), new.as_str()]);
    // Another's claim cannot be replaced.
    replacement["control_number"] = json!("A-2");
    let answer = fixture.ask(post("k3", &replacement).by("lakeside")).await;
    assert!(answer.body.contains("I311"), "{}", answer.body);
}

/// What was sent is not to be had by the number of what took it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_erased_is_not_read_in_its_void() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k1", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    let path = format!("/claims/{id}/void");
    let done = fixture.ask(ask("POST", &path).by("riverside")).await.json();
    let void = done["act"].as_str().unwrap().to_owned();
    let paths = [&id, &void].map(|of| format!("/claims/{of}"));
    for path in &paths {
        let read = fixture.get("riverside", path).await;
        assert_eq!(read.status, StatusCode::OK, "{}", read.body);
        assert!(read.body.contains("99213"), "{}", read.body);
    }
    fixture.node.drain(&|_| ()).await.unwrap();
    let claim = ClaimId::parse(&id).unwrap();
    fixture.node.erase(claim, Ground::Order).await.unwrap();
    for path in &paths {
        fixture.get("riverside", path).await.problem("A109");
    }
}

/// Nor by any number that a move gave it, whichever it is erased by.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_erased_is_not_read_where_it_was_moved() {
    for by in [0, 2] {
        let fixture = Fixture::new().await;
        let visit = claim_of("A-1", "M-2002", "2026-02-10", "180.00");
        let came = ClaimId::parse(&first(&fixture.settle("riverside", "k1", &visit).await));
        let came = came.unwrap();
        let mut contract = fixture.node.read_contract(MEMBER).await.unwrap().unwrap();
        let mut member = contract.members[0].clone();
        "M-2002".clone_into(&mut member.id);
        member.relationship = Relationship::Child;
        contract.members.push(member);
        fixture.node.enrol(&contract, false).await.unwrap();
        let anew = Anew::Claim(came);
        let acts = fixture.node.readjudicate(&anew, "a test", "enrolled").await;
        let acts = acts.unwrap();
        fixture.node.drain(&|_| ()).await.unwrap();
        let moved = [came, acts[0], acts[1]];
        let paths = moved.map(|of| format!("/claims/{of}"));
        for path in &paths {
            let read = fixture.get("riverside", path).await;
            assert_eq!(read.status, StatusCode::OK, "{}", read.body);
            assert!(read.body.contains("99213"), "{}", read.body);
        }
        fixture.node.erase(moved[by], Ground::Order).await.unwrap();
        for path in &paths {
            fixture.get("riverside", path).await.problem("A109");
        }
    }
}
