//! Reading: lists page by page, one claim, its explanation, receipt and proof;
//! flags by filters; metrics.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tally_core::ledger::tree::{leaf_hash, verify_inclusion};
use tally_core::ledger::{Checkpoint, Note, Receipt, Trust, Verdict, verify_receipt};
use tally_store::port::Reading as _;
use tally_types::{Money, ServiceDate};

use super::fixture::{FHIR, Fixture, JSON, MEMBER, X12, claim, claim_of, first, get};

/// Claims of which one follows the member's death.
async fn some(fixture: &Fixture) -> Vec<String> {
    let claims: Vec<Value> = (0..5)
        .map(|n| claim(&format!("A-{n}"), &format!("18{n}.00")))
        .chain([
            claim_of("B-1", "NOBODY", "2026-02-10", "70.00"),
            claim_of("D-1", MEMBER, "2026-02-25", "90.00"),
        ])
        .collect();
    let body = fixture.settle("riverside", "k", &json!(claims)).await;
    body["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| claim["claim"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_page_by_page() {
    let fixture = Fixture::new().await;
    let mut ids = some(&fixture).await;
    ids.sort();
    let mut path = "/claims?limit=3".to_owned();
    let mut pages = Vec::new();
    loop {
        let answer = fixture.get("riverside", &path).await;
        let body = answer.json();
        pages.push(listed(&body));
        let Some(next) = body["next"].as_str() else {
            assert_eq!(answer.header("link"), "");
            break;
        };
        assert_eq!(answer.header("link"), format!("<{next}>; rel=\"next\""));
        path = next.strip_prefix(tally::api::ROOT).unwrap().to_owned();
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(pages.concat(), ids);
    // The last page may be full.
    let body = fixture.get("riverside", "/claims?limit=7").await.json();
    assert_eq!(body.get("next"), None);

    for (query, count) in [
        ("?status=denied", 2),
        ("?member=NOBODY", 1),
        (&format!("?member={MEMBER}"), 6),
        ("?member=elsewhere", 0),
        ("?submitter=riverside", 7),
        ("?status=", 7),
    ] {
        let body = fixture
            .get("riverside", &format!("/claims{query}"))
            .await
            .json();
        let found = listed(&body).len();
        // Duplicates are denied too.
        if query == "?status=denied" {
            assert!((1..7).contains(&found), "{query}: {found}");
        } else {
            assert_eq!(found, count, "{query}");
        }
    }
    let all = fixture.get("harbor", "/claims?submitter=lakeside").await;
    assert_eq!(listed(&all.json()), [""; 0]);
    // The filters stay in the link to the next page.
    let body = fixture
        .get("riverside", "/claims?limit=1&member=M-1001")
        .await
        .json();
    assert!(body["next"].as_str().unwrap().contains("member=M-1001"));
}

fn listed(body: &Value) -> Vec<String> {
    body["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| claim["claim"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_claim_agrees_with_itself_to_the_cent() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k", &claim("A-1", "180.00"))
        .await;
    let short = &body["claims"][0];
    let id = first(&body);
    let path = format!("/claims/{id}");
    let whole = fixture.get("riverside", &path).await.json();
    for name in [
        "claim", "status", "charge", "allowed", "paid", "patient", "links",
    ] {
        assert_eq!(whole[name], short[name], "{name}");
    }
    assert_eq!(whole["control_number"], "A-1");
    let cents =
        |value: &Value| -> i64 { value.as_str().unwrap().replace('.', "").parse().unwrap() };
    let line = &whole["lines"][0];
    let adjusted: i64 = line["adjustments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|adjustment| cents(&adjustment["amount"]))
        .sum();
    assert_eq!(cents(&line["charge"]), cents(&line["paid"]) + adjusted);

    let path = format!("{path}/eob");
    let eob = fixture.get("riverside", &path).await.json();
    assert_eq!(eob["paid"], whole["paid"]);
    assert_eq!(eob["member"], MEMBER);
    let asked = get(&path).by("riverside").with("accept", "text/plain");
    let text = fixture.ask(asked).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    let last = format!("paid {}, the patient owes", whole["paid"].as_str().unwrap());
    assert!(text.body.contains(&last), "{}", text.body);
    let asked = get(&path).by("riverside").with("accept", "text/html");
    fixture.ask(asked).await.problem("A106");
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_and_proofs_verify_with_public_bytes() {
    let fixture = Fixture::new().await;
    let ids = some(&fixture).await;
    let trust = fixture.ask(get("/ledger/trust")).await;
    let trust = Trust::parse(&trust.body).unwrap();
    let checkpoint = fixture.ask(get("/ledger/checkpoint")).await;
    let checkpoint = Note::parse(&checkpoint.body).unwrap();
    for id in ids {
        let answer = fixture
            .get("riverside", &format!("/claims/{id}/receipt"))
            .await;
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let receipt = Receipt::parse(&answer.body).unwrap();
        let earlier = Checkpoint::open(&checkpoint, &receipt.key).unwrap();
        let (verdict, outcome) = verify_receipt(&receipt, Some(&trust)).unwrap();
        assert_eq!(verdict, Verdict::Trusted);
        assert_eq!(outcome.claim().to_string(), id);

        let proof = fixture
            .get("riverside", &format!("/claims/{id}/proof"))
            .await;
        let proof = proof.json();
        // The log may have grown by flags since it was first looked at.
        let note = Note::parse(proof["checkpoint"].as_str().unwrap()).unwrap();
        let leaf = unhex(proof["leaf"].as_str().unwrap());
        assert_eq!(leaf, leaf_hash(&receipt.entry));
        let path: Vec<[u8; 32]> = proof["hashes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hash| unhex(hash.as_str().unwrap()))
            .collect();
        let signed = Checkpoint::open(&note, &receipt.key).unwrap();
        assert!(signed.size >= earlier.size);
        let index = proof["index"].as_u64().unwrap();
        verify_inclusion(&leaf, index, signed.size, &path, &signed.root).unwrap();
    }
}

fn unhex(text: &str) -> [u8; 32] {
    let bytes: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_are_filtered() {
    let fixture = Fixture::new().await;
    let ids = some(&fixture).await;
    let dead = ids.last().unwrap();
    let flags = |query: String| {
        let fixture = &fixture;
        async move {
            let answer = fixture.get("siu", &format!("/flags{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            answer.json()["flags"].as_array().unwrap().clone()
        }
    };
    let all = flags(String::new()).await;
    let patterns: BTreeSet<&str> = all
        .iter()
        .map(|flag| flag["pattern"].as_str().unwrap())
        .collect();
    assert!(patterns.contains("service-after-death"), "{patterns:?}");
    let after = flags(format!("?claim={dead}&pattern=service-after-death")).await;
    assert_eq!(after.len(), 1);
    let flag = &after[0];
    assert_eq!(flag["claims"][0]["claim"], dead.as_str());
    assert!(!flag["evidence"].as_array().unwrap().is_empty());
    assert_eq!(flags("?pattern=no-such".to_owned()).await, [Value::Null; 0]);
    assert_eq!(
        flags("?member=NOBODY-ELSE".to_owned()).await,
        [Value::Null; 0]
    );
    assert_eq!(flags(format!("?member={MEMBER}")).await, all);
    assert_eq!(flags("?provider=1234567893".to_owned()).await, all);
    assert_eq!(flags("?from=2026-02-26".to_owned()).await, [Value::Null; 0]);
    assert_eq!(
        flags("?through=2026-02-01".to_owned()).await,
        [Value::Null; 0]
    );
    assert_eq!(flags("?limit=1".to_owned()).await, all[..1]);
    let highest = all[0]["score"].as_u64().unwrap();
    let best = flags(format!("?score={highest}")).await;
    assert!(best.iter().all(|flag| flag["score"] == highest));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_is_gone() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    let claim = tally_core::claim::ClaimId::parse(&id).unwrap();
    let row = fixture.node.store().claim(claim).await.unwrap().unwrap();
    fixture
        .node
        .vault()
        .destroy(row.sealed.record)
        .await
        .unwrap();
    for part in ["", "/eob", "/receipt", "/proof"] {
        let answer = fixture
            .get("riverside", &format!("/claims/{id}{part}"))
            .await;
        assert_eq!(answer.status, StatusCode::GONE);
        answer.problem("A109");
    }
    // That it was, and what was paid, stays known.
    let listed = fixture.get("riverside", "/claims").await.json();
    assert_eq!(listed["claims"][0]["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_route_and_nothing_else() {
    let handle = tally::metrics::install().unwrap();
    let fixture = Fixture::new().await;
    let body = fixture
        .submit("riverside", "metrics", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    fixture.get("riverside", &format!("/claims/{id}")).await;
    fixture
        .get("riverside", "/claims?member=CANARY-MEMBER")
        .await;
    fixture.get("riverside", "/CANARY-PATH").await;
    let text = tally::metrics::render(&handle);
    for part in [
        "tally_http_requests_total{route=\"/api/v1/claims/{id}\",method=\"GET\",status=\"200\"}",
        "tally_http_requests_total{route=\"/api/v1/claims\",method=\"POST\",status=\"200\"}",
        "tally_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"}",
        "tally_http_request_duration_seconds_bucket{route=\"/api/v1/claims\",method=\"GET\",le=\"0.001\"}",
        "tally_claims_submitted_total{result=\"taken\"}",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    for wrong in [&id, "CANARY", "riverside", MEMBER] {
        assert!(!text.contains(wrong), "{wrong} in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remittance_is_answered_as_it_is_asked_for() {
    let fixture = Fixture::new().await;
    let batch = json!([claim("A-1", "180.00"), {
        "format": "tallystick-claim/v1", "kind": "professional", "control_number": "A-2",
        "member": MEMBER, "billing": "CLINIC-7", "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": "90.00", "from": "2026-02-12" }],
    }]);
    let body = fixture.submit("riverside", "r", &batch).await;
    let path = format!("/claims/{}/remittance", first(&body));
    let ours = fixture.get("riverside", &path).await.json();
    assert_eq!(ours["payee"], "1234567893");
    assert_eq!(ours["payment"], body["claims"][0]["paid"]);
    assert_eq!(ours["claims"][0]["claim"], body["claims"][0]["claim"]);
    let ask = |kind: &str| get(&path).with("accept", kind).by("riverside");
    let answer = fixture.ask(ask(X12)).await;
    assert_eq!(answer.header("content-type"), X12);
    let trace = ours["trace"].as_str().unwrap();
    assert!(
        answer.body.contains(&format!("TRN*1*{trace}*")),
        "{}",
        answer.body
    );
    let answer = fixture.ask(ask(FHIR)).await;
    assert_eq!(answer.json()["resourceType"], "ClaimResponse");
    fixture.ask(ask("text/html")).await.problem("A106");
    // All of a payee's, and what its member's applications are given.
    let all = fixture
        .get(
            "riverside",
            "/remittances?payee=1234567893&since=2026-03-02",
        )
        .await
        .json();
    assert_eq!(all["waiting"], 0);
    assert_eq!(all["remittances"], json!([ours]));
    let every = get("/remittances?payee=1234567893")
        .with("accept", X12)
        .by("harbor");
    let answer = fixture.ask(every).await;
    assert!(
        answer.body.contains(&format!("TRN*1*{trace}*")),
        "{}",
        answer.body
    );
    let none = fixture.get("lakeside", "/remittances").await.json();
    assert_eq!(none["remittances"], json!([]));
    fixture
        .get("lakeside", "/remittances?submitter=riverside")
        .await
        .problem("A103");
    fixture
        .get("riverside", "/remittances?since=soon")
        .await
        .problem("A115");
    let explained = format!("/claims/{}/explanation", first(&body));
    let answer = fixture.get("riverside", &explained).await;
    assert_eq!(answer.json()["resourceType"], "ExplanationOfBenefit");
    fixture.get("lakeside", &explained).await.problem("A104");
    // Of another's claim there is nothing; of one that cannot be paid, why.
    fixture.get("lakeside", &path).await.problem("A104");
    let other = body["claims"][1]["claim"].as_str().unwrap();
    let answer = fixture
        .get("riverside", &format!("/claims/{other}/remittance"))
        .await;
    let problem = answer.problem("A120");
    assert!(!problem.to_string().contains("CLINIC-7"), "{problem}");
    let noted = fixture.noted("riverside").await;
    assert!(
        noted
            .iter()
            .any(|(action, subject)| action == "api:remittance" && subject == other)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_is_answered_and_nothing_is_taken_in() {
    let fixture = Fixture::new().await;
    let ask = |body: String, kind: &str, accept: &str| {
        super::fixture::ask("POST", "/estimates")
            .with("content-type", kind)
            .with("accept", accept)
            .body(body)
            .by("riverside")
    };
    let one = claim("A-1", "180.00");
    let answer = fixture.ask(ask(one.to_string(), JSON, JSON)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["estimate"], true);
    assert_eq!(body["estimates"][0]["estimate"], true);
    // What accumulators hold is for who may ask about cover.
    assert!(body["estimates"][0].get("assumed").is_none());
    assert!(body["estimates"][0]["patient"].is_string());
    let of_payer = ask(one.to_string(), JSON, JSON).by("harbor");
    let answer = fixture.ask(of_payer).await.json();
    assert!(answer["estimates"][0]["assumed"][0]["accumulator"].is_string());
    let in_x12 = super::x12::visit("A-1", MEMBER, "180", "20260210");
    let answer = fixture.ask(ask(in_x12, X12, FHIR)).await;
    assert_eq!(answer.json()["use"], "predetermination");
    let none = json!([]).to_string();
    fixture.ask(ask(none, JSON, JSON)).await.problem("A114");
    let answer = fixture.ask(ask("{}".into(), FHIR, FHIR)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    let list = fixture.get("riverside", "/claims").await.json();
    assert_eq!(list["claims"], json!([]));
    // It is what the claim comes to.
    let submitted = fixture.submit("riverside", "k", &one).await;
    for amount in ["charge", "allowed", "paid", "patient", "status"] {
        assert_eq!(submitted["claims"][0][amount], body["estimates"][0][amount]);
    }
    let noted = fixture.noted("riverside").await;
    assert!(noted.iter().any(|(action, _)| action == "claim-estimated"));
}

#[tokio::test(flavor = "multi_thread")]
async fn eligibility_is_answered_as_it_is_asked() {
    let fixture = Fixture::new().await;
    let ask = |body: String, kind: &str| {
        super::fixture::ask("POST", "/eligibility")
            .with("content-type", kind)
            .body(body)
    };
    let inquiry = super::x12::inquiry(MEMBER, "19800101", "20260210");
    let answer = fixture.ask(ask(inquiry.clone(), X12).by("harbor")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("content-type"), X12);
    assert!(answer.body.contains("ST*271*"), "{}", answer.body);
    let request = json!({
        "resourceType": "CoverageEligibilityRequest", "status": "active", "purpose": ["benefits"],
        "patient": { "identifier": { "value": MEMBER } }, "created": "2026-02-10",
        "insurance": [{ "coverage": { "display": "Harbor" } }],
    });
    let answer = fixture
        .ask(ask(request.to_string(), FHIR).by("harbor"))
        .await;
    assert_eq!(
        answer.json()["insurance"][0]["inforce"],
        true,
        "{}",
        answer.body
    );
    // Nobody asks about any member who was not told that they may.
    fixture
        .ask(ask(inquiry.clone(), X12).by("riverside"))
        .await
        .problem("A103");
    let answer = fixture
        .ask(ask(super::x12::visit("A", "B", "1", "20260210"), X12).by("harbor"))
        .await;
    assert!(answer.problem("A114")["acknowledgements"]["999"].is_string());
    let answer = fixture.ask(ask("{}".into(), FHIR).by("harbor")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    fixture
        .ask(ask(inquiry, X12).with("accept", JSON).by("harbor"))
        .await
        .problem("A106");
    let noted = fixture.noted("harbor").await;
    assert_eq!(
        noted
            .iter()
            .filter(|(action, _)| action == "eligibility-answered")
            .count(),
        2
    );
}

#[tokio::test]
async fn what_is_paid_late_is_answered_with_interest() {
    let fixture = Fixture::new().await;
    // Of the network: something is paid.
    let mut visit = claim("A-1", "180.00");
    visit["billing"] = "2000001372".into();
    let body = fixture.submit("riverside", "r", &json!([visit])).await;
    let paid = Money::parse(body["claims"][0]["paid"].as_str().unwrap()).unwrap();
    let path = format!("/claims/{}/remittance", first(&body));
    let day = |text| ServiceDate::parse(text).unwrap();
    // Thirty days after 2 March is 1 April.
    fixture.node.clock().set(day("2026-04-01"));
    let ours = fixture.get("riverside", &path).await.json();
    assert_eq!(ours["claims"][0]["interest"], "0.00");
    assert_eq!(ours["payment"], paid.to_string());
    // Twenty days later: paid × 10 % × 20 / 365.
    fixture.node.clock().set(day("2026-04-21"));
    let owed = Money::cents((paid.scaled() * 40 + 3650) / 7300);
    assert!(owed > Money::ZERO, "{paid}");
    let sum = paid.checked_add(owed).unwrap().to_string();
    let ours = fixture.get("riverside", &path).await.json();
    assert_eq!(ours["claims"][0]["interest"], owed.to_string());
    assert_eq!(ours["payment"], sum);
    let ask = |kind: &str| get(&path).with("accept", kind).by("riverside");
    let x12 = fixture.ask(ask(X12)).await.body;
    assert!(x12.contains("AMT*I*"), "{x12}");
    assert!(x12.contains("L6:"), "{x12}");
    let fhir = fixture.ask(ask(FHIR)).await.json();
    let payment = &fhir["payment"];
    let shown = |name: &str| format!("{:.2}", payment[name]["value"].as_f64().unwrap());
    assert_eq!(shown("adjustment"), owed.to_string());
    assert_eq!(shown("amount"), sum);
}
