//! Planted identifiers appear in no log and no problem of the API, not at trace
//! level: in a process of its own, since it listens to everything that is said.

#[path = "api/fixture.rs"]
#[allow(dead_code)]
mod fixture;
#[path = "common/x12.rs"]
mod x12;

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tally::api::Bounds;

use fixture::{FHIR, Fixture, X12, ask, claim_of, first, get, post};

const MEMBER: &str = "CANARY-MEMBER-7781";
const CONTROL: &str = "CANARY-CONTROL-01";
const WRONG: &str = "CANARY-WRONG-TEXT";
const PLANTED: [&str; 3] = [MEMBER, CONTROL, WRONG];

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_planted_is_said() {
    let said = Said::default();
    let writer = said.clone();
    // As the program does it.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let fixture = Fixture::new().await;
    let good = post("k", &claim_of(CONTROL, MEMBER, "2026-02-10", "180.00"))
        .by("riverside")
        .with("traceparent", trace);
    let body = fixture.ask(good).await.json();
    let id = first(&body);
    fixture.node.drain(&|_| ()).await.unwrap();
    let bad_key = WRONG.repeat(9);
    let wrong = json!({ "format": "tallystick-claim/v1", "member": MEMBER, WRONG: WRONG });
    let wrong_fhir = json!({ "resourceType": "Claim", "status": WRONG, "id": MEMBER, WRONG: 1 });
    let differs = x12::visit(CONTROL, MEMBER, "180", "20260210").replace("*180*UN", "*181*UN");
    let inquiry = x12::inquiry(MEMBER, "19800101", "20260210");
    let mut problems = Vec::new();
    for ask in [
        get(&format!("/claims/{id}")).by("riverside"),
        get(&format!("/claims/{id}/eob")).by("riverside"),
        get(&format!("/claims/{id}/receipt")).by("riverside"),
        get(&format!("/claims/{id}"))
            .by("riverside")
            .with("purpose-of-use", WRONG),
        get(&format!("/claims/{id}"))
            .by("lakeside")
            .with("break-glass", &WRONG.repeat(90)),
        get(&format!("/claims/{id}"))
            .by("lakeside")
            .with("break-glass", &format!("{WRONG} {MEMBER}")),
        get(&format!("/claims?member={MEMBER}")).by("riverside"),
        get(&format!("/claims?{WRONG}={MEMBER}")).by("riverside"),
        get(&format!("/claims?status={WRONG}")).by("riverside"),
        get(&format!("/claims/{MEMBER}")).by("riverside"),
        get(&format!("/{WRONG}")).by("riverside"),
        get(&format!("/flags?member={MEMBER}")).by("siu"),
        get(&format!("/flags?from={WRONG}")).by("siu"),
        get("/claims").with("authorization", &format!("Bearer {WRONG}")),
        get("/claims").with("authorization", WRONG),
        post("w1", &wrong).by("riverside"),
        post("w2", &json!([wrong, WRONG])).by("riverside"),
        post("w3", &json!(0))
            .by("riverside")
            .body(format!("{{\"{WRONG}")),
        post("w4", &json!(0))
            .by("riverside")
            .with("content-type", FHIR)
            .body(wrong_fhir.to_string()),
        post(&bad_key, &wrong).by("riverside"),
        post("w5", &wrong)
            .by("riverside")
            .with("content-type", WRONG),
        post("w6", &wrong).by("riverside").with("accept", WRONG),
        ask("DELETE", &format!("/claims?{MEMBER}")).by("riverside"),
        get(&format!("/claims/{id}/remittance"))
            .by("riverside")
            .with("accept", X12),
        get(&format!("/claims/{id}/explanation")).by("riverside"),
        get(&format!("/remittances?payee={WRONG}")).by("riverside"),
        get(&format!("/remittances?since={WRONG}")).by("riverside"),
        get(&format!("/payments?payee={WRONG}")).by("riverside"),
        get(&format!("/payments?before={WRONG}")).by("riverside"),
        get(&format!("/payments/{WRONG}")).by("riverside"),
        ask("POST", "/estimates")
            .with("content-type", X12)
            .body(differs.clone())
            .by("riverside"),
        post("w7", &json!(0))
            .with("content-type", X12)
            .body(differs.clone())
            .by("riverside"),
        ask("POST", "/eligibility")
            .with("content-type", X12)
            .body(differs.clone())
            .by("harbor"),
        ask("POST", "/eligibility")
            .with("content-type", X12)
            .body(inquiry.clone())
            .by("riverside"),
        ask("POST", "/eligibility")
            .with("content-type", X12)
            .body(inquiry)
            .by("harbor"),
        ask("POST", "/eligibility")
            .with("content-type", FHIR)
            .body(wrong_fhir.to_string())
            .by("harbor"),
    ] {
        let answer = fixture.ask(ask).await;
        if !answer.status.is_success() {
            problems.push(answer.body);
        }
    }
    assert_eq!(problems.len(), 27);
    for problem in &problems {
        for planted in PLANTED {
            assert!(!problem.contains(planted), "{problem}");
        }
    }
    drop(fixture);
    // A node that is too slow, and one that fails, say nothing of it either.
    let fixture = Fixture::idle(0, Bounds::default()).await;
    let waiting = post("k", &claim_of(CONTROL, MEMBER, "2026-02-10", "180.00")).by("riverside");
    assert_eq!(fixture.ask(waiting).await.status, 202);

    let said = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
    for planted in PLANTED {
        let line = said.lines().find(|line| line.contains(planted));
        assert_eq!(line, None);
    }
    // It did listen: the spans have route, trace and organisation.
    assert!(said.contains("answered"));
    let line = said.lines().find(|line| line.contains("0af7651916cd43dd"));
    let line = line.unwrap();
    for part in [
        "route=\"/api/v1/claims\"",
        "method=\"POST\"",
        "organisation=\"riverside\"",
    ] {
        assert!(
            said.lines()
                .any(|line| line.contains("0af7651916cd43dd") && line.contains(part)),
            "{part}: {line}"
        );
    }
}
