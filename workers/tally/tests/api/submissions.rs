//! Submitting: outcomes within the request, 202 when they do not come, once for
//! each idempotency key.

use axum::http::StatusCode;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tally::api::Bounds;
use tally_store::port::{ClaimFilter, Reading as _};

use super::common::{cases, files};
use super::fixture::{
    FHIR, Fixture, JSON, MEMBER, X12, ask, claim, claim_of, fhir_claim, first, get, post, tight,
};
use super::x12::visit;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_with_its_outcomes() {
    let fixture = Fixture::new().await;
    let batch = json!([
        claim("A-1", "180.00"),
        claim_of("A-2", "NOBODY", "2026-02-10", "90.00"),
        { "format": "tallystick-claim/v1", "kind": "professional" },
    ]);
    let body = fixture.settle("riverside", "batch-1", &batch).await;
    assert_eq!(body["submission"], "batch-1");
    assert_eq!(body["status"], "decided");
    assert_eq!(body["read"], 3);
    assert_eq!(body["refused"], 1);
    let claims = body["claims"].as_array().unwrap();
    assert_eq!(claims.len(), 2);
    assert_eq!(claims[0]["status"], "paid");
    assert_eq!(claims[0]["charge"], "180.00");
    assert_eq!(claims[1]["status"], "denied");
    assert_eq!(claims[1]["paid"], "0.00");
    let refusal = &body["refusals"][0];
    assert!(refusal["rule"].as_str().unwrap().starts_with('I'));
    assert!(!refusal["place"].as_str().unwrap().is_empty());
    assert!(!refusal["reason"].as_str().unwrap().is_empty());
    // Every link leads somewhere.
    let links = claims[0]["links"].as_object().unwrap();
    assert_eq!(links.len(), 6, "{links:?}");
    for link in links
        .values()
        .chain(body["links"].as_object().unwrap().values())
    {
        let path = link
            .as_str()
            .unwrap()
            .strip_prefix(tally::api::ROOT)
            .unwrap();
        let answer = fixture.get("riverside", path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_claim_alone_is_a_submission_too() {
    let fixture = Fixture::new().await;
    let body = fixture
        .submit("riverside", "\"one\"", &claim("A-1", "180.00"))
        .await;
    assert_eq!(body["submission"], "one");
    assert_eq!(body["claims"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_has_one_effect() {
    let fixture = Fixture::new().await;
    let batch = json!([claim("A-1", "180.00"), { "kind": "x" }]);
    let one = fixture.settle("riverside", "k", &batch).await;
    let again = fixture.submit("riverside", "k", &batch).await;
    assert_eq!(one["claims"], again["claims"]);
    assert_eq!(one["refusals"], again["refusals"]);
    let read = fixture.get("riverside", "/submissions/k").await.json();
    assert_eq!(read, again);

    let other = post("k", &json!([claim("A-9", "75.00")])).by("riverside");
    let answer = fixture.ask(other).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.problem("A113");

    // Another organisation's key of the same name is another key.
    let theirs = fixture.submit("lakeside", "k", &batch).await;
    assert_ne!(first(&theirs), first(&one));
    let rows = fixture.node.store().claims(&ClaimFilter::default()).await;
    assert_eq!(rows.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_under_one_key_have_one_effect() {
    let fixture = Fixture::new().await;
    let body = claim("A-1", "180.00");
    let asks = (0..8).map(|_| fixture.submit("riverside", "k", &body));
    let answers = join_all(asks).await;
    assert!(
        answers
            .iter()
            .all(|answer| first(answer) == first(&answers[0]))
    );
    let rows = fixture.node.store().claims(&ClaimFilter::default()).await;
    assert_eq!(rows.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_decided_in_time_is_answered_with_a_link() {
    let fixture = Fixture::idle(50, Bounds::default()).await;
    let key = "a/b c?".replace(' ', "%");
    let answer = fixture
        .ask(post(&key, &claim("A-1", "180.00")).by("riverside"))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let location = answer.header("location").to_owned();
    assert_eq!(location, "/api/v1/submissions/a%2Fb%25c%3F");
    let body = answer.json();
    assert_eq!(body["status"], "queued");
    assert_eq!(body["claims"][0]["status"], "waiting");
    assert!(body["claims"][0].get("paid").is_none());
    let id = first(&body);
    // It was told to whoever drains.
    let told = fixture.nudge.notified();
    tokio::time::timeout(std::time::Duration::from_secs(1), told)
        .await
        .unwrap();

    let path = location.strip_prefix(tally::api::ROOT).unwrap();
    let waiting = fixture.get("riverside", path).await;
    assert_eq!(waiting.status, StatusCode::OK);
    assert_eq!(waiting.json(), body);
    for (part, code) in [("/eob", "A108"), ("/receipt", "A108"), ("/proof", "A108")] {
        let answer = fixture
            .get("riverside", &format!("/claims/{id}{part}"))
            .await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        answer.problem(code);
    }
    let one = fixture
        .get("riverside", &format!("/claims/{id}"))
        .await
        .json();
    assert_eq!(one["status"], "waiting");
    assert_eq!(one["control_number"], "A-1");

    fixture.node.drain(&|_| ()).await.unwrap();
    let decided = fixture.get("riverside", path).await.json();
    assert_eq!(decided["status"], "decided");
    assert_eq!(decided["claims"][0]["status"], "paid");
    // The same again is answered at once now.
    let again = fixture
        .submit("riverside", &key, &claim("A-1", "180.00"))
        .await;
    assert_eq!(again, decided);

    let fhir = ask("POST", "/claims")
        .by("riverside")
        .with("idempotency-key", "f")
        .with("content-type", FHIR)
        .with("accept", FHIR)
        .body(fhir_claim("A-2", "90.00").to_string());
    let answer = fixture.ask(fhir).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.header("location"), "/api/v1/submissions/f");
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_fhir_is_answered_in_fhir() {
    let fixture = Fixture::new().await;
    let submit = |key: &str, kind: &str, body: String| {
        ask("POST", "/claims")
            .by("riverside")
            .with("idempotency-key", key)
            .with("content-type", kind)
            .with("accept", FHIR)
            .body(body)
    };
    let one = fhir_claim("A-1", "180.00");
    let answer = fixture.ask(submit("1", FHIR, one.to_string())).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("content-type"), FHIR);
    let response = answer.json();
    assert_eq!(response["resourceType"], "ClaimResponse");
    assert_eq!(response["outcome"], "complete");

    // The EOB of the claim is the same resource.
    let id = response["id"].as_str().unwrap();
    let eob = fixture
        .ask(
            get(&format!("/claims/{id}/eob"))
                .by("riverside")
                .with("accept", FHIR),
        )
        .await;
    assert_eq!(eob.json(), response);

    let two = fhir_claim("A-2", "90.00");
    let lines = format!("{two}\n{{\"resourceType\":\"Claim\"}}\n");
    let answer = fixture
        .ask(submit("2", "application/fhir+ndjson", lines))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let bundle = answer.json();
    assert_eq!(bundle["resourceType"], "Bundle");
    let kinds: Vec<&Value> = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["resource"]["resourceType"])
        .collect();
    assert_eq!(kinds, ["ClaimResponse", "OperationOutcome"]);

    let wrong = json!({ "resourceType": "Claim" }).to_string();
    let answer = fixture.ask(submit("3", FHIR, wrong.clone())).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.header("content-type"), FHIR);
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    // In our own JSON it is a problem, with the same refusals.
    let answer = fixture
        .ask(submit("3", FHIR, wrong).with("accept", JSON))
        .await;
    let problem = answer.problem("A114");
    assert!(
        problem["refusals"][0]["rule"]
            .as_str()
            .unwrap()
            .starts_with('I')
    );
}

/// What others wrote: each is answered, taken in or refused, never an error.
#[tokio::test(flavor = "multi_thread")]
async fn real_files_are_answered() {
    let Some(folder) = cases() else { return };
    let fixture = Fixture::new().await;
    let (mut taken, mut refused) = (0, 0);
    for name in ["fhir-r4-spec-examples", "hcx", "davinci-pas"] {
        for path in files(&folder.join("claims").join(name)) {
            let bytes = std::fs::read(&path).unwrap();
            let is_json = path.extension().is_some_and(|end| end == "json");
            if !is_json || bytes.len() > 64 << 10 {
                continue;
            }
            let key = format!("{}", taken + refused);
            let ask = ask("POST", "/claims")
                .by("riverside")
                .with("idempotency-key", &key)
                .with("content-type", FHIR)
                .body(bytes);
            let answer = fixture.ask(ask).await;
            match answer.status {
                StatusCode::OK => taken += 1,
                StatusCode::UNPROCESSABLE_ENTITY => {
                    let problem = answer.problem("A114");
                    assert!(!problem["refusals"].as_array().unwrap().is_empty());
                    refused += 1;
                }
                other => panic!("{}: {other} {}", path.display(), answer.body),
            }
        }
    }
    assert!(
        taken >= 10 && refused >= 10,
        "{taken} taken, {refused} refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_answered_at_once_than_the_node_has_room_for() {
    let bounds = Bounds {
        work: std::time::Duration::from_secs(30),
        ..tight()
    };
    let fixture = Fixture::idle(3_000, bounds).await;
    let (a, b) = (claim("A-1", "180.00"), claim("A-2", "90.00"));
    let slow = fixture.ask(post("a", &a).by("riverside"));
    let busy = async {
        fixture.nudge.notified().await;
        fixture.ask(post("b", &b).by("riverside")).await
    };
    let answers: [_; 2] = join(slow, busy).await.into();
    assert_eq!(answers[0].status, StatusCode::ACCEPTED);
    assert_eq!(answers[1].status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answers[1].header("retry-after"), "1");
    answers[1].problem("A117");
    // There is room again.
    let answer = fixture.ask(post("b", &b).by("riverside")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn x12_is_taken_in_and_acknowledged() {
    let fixture = Fixture::new().await;
    let send = |key: &str, accept: &str, body: String| {
        post(key, &json!(null))
            .with("content-type", "application/EDI-X12")
            .with("accept", accept)
            .body(body)
            .by("riverside")
    };
    let sound = visit("A-1", MEMBER, "180", "20260210");
    let answer = fixture.ask(send("x", JSON, sound.clone())).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["claims"][0]["status"], "paid");
    let receipts = body["acknowledgements"]["999"].as_str().unwrap();
    let claims = body["acknowledgements"]["277CA"].as_str().unwrap();
    assert!(receipts.contains("AK9*A*1*1*1~"), "{receipts}");
    assert!(claims.contains(&format!("REF*1K*{}~", first(&body))));

    // In X12, the same bytes.
    let answer = fixture.ask(send("x", X12, sound.clone())).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), X12);
    assert_eq!(answer.body, format!("{receipts}{claims}"));
    assert!(
        fixture
            .get("riverside", "/submissions/x")
            .await
            .json()
            .get("acknowledgements")
            .is_none()
    );

    // In FHIR, what it came to.
    let answer = fixture.ask(send("x", FHIR, sound.clone())).await;
    assert_eq!(answer.json()["resourceType"], "ClaimResponse");

    // Nothing taken in: a problem with the acknowledgements, or these alone.
    let differs = sound.replace("CLM*A-1*180*", "CLM*A-1*181*");
    let answer = fixture.ask(send("y", JSON, differs.clone())).await;
    let problem = answer.problem("A114");
    let acknowledged = &problem["acknowledgements"];
    assert!(acknowledged["999"].is_string() && acknowledged.get("277CA").is_none());
    let answer = fixture.ask(send("y", X12, differs)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("AK9*A*1*1*1~"), "{}", answer.body);
    assert!(answer.body.contains("STC*A8:400"), "{}", answer.body);

    // Only X12 is answered in X12.
    let ours = post("z", &claim("A-1", "180.00"))
        .with("accept", X12)
        .by("riverside");
    fixture.ask(ours).await.problem("A106");
}
