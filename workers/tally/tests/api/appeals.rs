//! Appeals over HTTP: filed by who sent the claim, read by who is a party to it.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tally::node::{Deciding, Filing};
use tally_core::appeal::{AppealId, Party};
use tally_core::claim::ClaimId;
use tally_store::port::{Appeals as _, Reading as _};

use super::fixture::{Ask, Fixture, JSON, ask, claim, first};

fn appeal(claim: &str, body: &Value) -> Ask {
    ask("POST", &format!("/claims/{claim}/appeals"))
        .with("content-type", JSON)
        .body(body.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_appealed_by_who_sent_it_and_nobody_else() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k1", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    let why = json!({ "reason": "the visit took longer" });
    for other in ["lakeside", "harbor"] {
        // The payer reads every claim and files none of them.
        let answer = fixture.ask(appeal(&id, &why).by(other)).await;
        answer.problem("A104");
    }
    let before = fixture
        .get("riverside", &format!("/claims/{id}/appeals"))
        .await
        .json();
    assert_eq!(before["appeals"], json!([]));
    assert_eq!(before["next"]["level"], "internal");
    assert_eq!(before["next"]["last_day"], "2026-08-29");

    let answer = fixture.ask(appeal(&id, &why).by("riverside")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    assert_eq!(
        answer.header("location"),
        format!("/api/v1/claims/{id}/appeals")
    );
    let filed = answer.json();
    assert_eq!(filed["by"], "provider");
    assert_eq!(filed["due"], "2026-05-01");
    // Sent again it is refused by the name of the first.
    let again = fixture.ask(appeal(&id, &why).by("riverside")).await;
    let detail = again.problem("A121")["detail"].to_string();
    assert!(
        detail.contains(filed["appeal"].as_str().unwrap()),
        "{detail}"
    );
    let listed = fixture
        .get("riverside", &format!("/claims/{id}/appeals"))
        .await
        .json();
    assert_eq!(listed["appeals"], json!([filed]));
    assert_eq!(listed["next"], Value::Null);
    let other = fixture
        .get("lakeside", &format!("/claims/{id}/appeals"))
        .await;
    other.problem("A104");
    let noted = fixture.noted("riverside").await;
    assert!(noted.contains(&("appeal-filed".to_owned(), id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_wrote_is_not_the_providers_to_read() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k1", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    let levels = fixture.api.config.payer.appeal.levels();
    let filing = Filing {
        claim: ClaimId::parse(&id).unwrap(),
        level: None,
        by: Party::Member,
        reason: "I was told otherwise",
        expedited: false,
        on: None,
    };
    let appealed: AppealId = fixture.node.file_appeal(levels, &filing).await.unwrap();
    fixture
        .node
        .decide_appeal(appealed, &Deciding::Upheld, "as the booklet says")
        .await
        .unwrap();
    let path = format!("/claims/{id}/appeals");
    let answer = fixture.get("riverside", &path).await;
    for words in ["told otherwise", "booklet"] {
        assert!(!answer.body.contains(words), "{}", answer.body);
    }
    assert_eq!(answer.json()["appeals"][0]["status"], "upheld");
    assert!(!answer.body.contains("local:"), "{}", answer.body);
    let payers = fixture.get("harbor", &path).await;
    for words in ["told otherwise", "local:"] {
        assert!(payers.body.contains(words), "{}", payers.body);
    }
    // The next level is not the provider's.
    let why = json!({ "reason": "it was needed", "level": "external" });
    let refused = fixture.ask(appeal(&id, &why).by("riverside")).await;
    let detail = refused.problem("A121")["detail"].to_string();
    assert!(detail.contains("not open to a provider"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_appeal_is_refused() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k1", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    for body in [
        json!({}),
        json!({ "reason": "" }),
        json!({ "reason": "x", "by": "member" }),
        json!({ "reason": "x", "level": "CANARY-LEVEL" }),
        json!({ "reason": "x", "level": "external" }),
        json!({ "reason": "x", "expedited": true }),
    ] {
        let answer = fixture.ask(appeal(&id, &body).by("riverside")).await;
        let problem = answer.problem("A121");
        assert!(!problem.to_string().contains("CANARY"), "{problem:#}");
    }
    let text = appeal(&id, &json!({ "reason": "x" })).with("content-type", "text/plain");
    fixture.ask(text.by("riverside")).await.problem("A111");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_appealed_is_erased_with_its_claim() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k1", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    let why = json!({ "reason": "the visit took longer" });
    let filed = fixture.ask(appeal(&id, &why).by("riverside")).await.json();
    let filed = AppealId::parse(filed["appeal"].as_str().unwrap()).unwrap();
    let node = &fixture.node;
    let row = node.store().claim(ClaimId::parse(&id).unwrap()).await;
    let record = row.unwrap().unwrap().sealed.record;
    node.vault().destroy(record).await.unwrap();
    let path = format!("/claims/{id}/appeals");
    fixture.get("riverside", &path).await.problem("A109");
    let again = fixture.ask(appeal(&id, &why).by("riverside")).await;
    again.problem("A109");
    // That there was one is known, and nothing of it.
    assert!(node.store().appeal(filed).await.unwrap().is_some());
    let read = node.read_appeal(filed, "test").await;
    let error = read.err().unwrap().to_string();
    assert!(error.contains("was erased"), "{error}");
    assert_eq!(node.fsck().await.unwrap().appeals, 0);
}
