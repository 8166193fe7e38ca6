//! Every problem there is, and what each answer has about it.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::stream;
use serde_json::json;
use tally::api::{Bounds, Code};
use tally_store::port::{ClaimFilter, Reading as _};

use super::fixture::{Answer, Fixture, ask, claim, first, get, now, post, tight, token, token_of};

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_has_its_code() {
    let fixture = Fixture::new().await;
    let body = claim("A-1", "180.00");
    let fine = || post("k", &body).by("riverside");
    let list = |query: &str| get(&format!("/claims{query}")).by("riverside");
    let bearer = |token: &str| get("/claims").with("authorization", &format!("Bearer {token}"));
    let spoiled = |change: serde_json::Value| {
        let mut claims = json!({ "iss": "riverside", "aud": "harbor-health", "iat": now(), "exp": now() + 300, "jti": "t" });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        token_of(1, &claims)
    };
    let large = vec![b' '; (64 << 10) + 1];
    let asks = [
        ("A101", get("/claims")),
        ("A101", post("k", &body)),
        ("A102", bearer("")),
        ("A102", bearer("x.y.z")),
        ("A102", bearer(&token("unheard-of"))),
        ("A102", bearer(&format!("{} ", token("riverside")))),
        ("A102", bearer(&spoiled(json!({ "aud": "elsewhere" })))),
        (
            "A102",
            bearer(&spoiled(json!({ "exp": now() - 61, "iat": now() - 100 }))),
        ),
        ("A102", bearer(&spoiled(json!({ "iat": now() + 120 })))),
        ("A102", bearer(&spoiled(json!({ "exp": now() + 7200 })))),
        ("A102", bearer(&spoiled(json!({ "iss": "lakeside" })))),
        ("A102", get("/claims").with("authorization", "Basic eDp5")),
        ("A103", get("/flags").by("riverside")),
        ("A103", list("?submitter=lakeside")),
        ("A104", get("/nothing").by("riverside")),
        ("A104", get("").by("riverside")),
        ("A104", get("/claims/").by("riverside")),
        ("A104", get("/claims/xyz").by("riverside")),
        ("A104", get("/claims/%ff").by("riverside")),
        (
            "A104",
            get(&format!("/claims/{}", "0".repeat(32))).by("riverside"),
        ),
        ("A104", get("/submissions/never").by("riverside")),
        ("A105", ask("DELETE", "/claims").by("riverside")),
        ("A105", ask("POST", "/ledger/trust")),
        ("A106", fine().with("accept", "text/html")),
        ("A110", fine().body(large)),
        ("A111", fine().without("content-type")),
        ("A111", fine().with("content-type", "text/csv")),
        ("A111", fine().with("content-encoding", "gzip")),
        ("A112", fine().without("idempotency-key")),
        ("A112", fine().with("idempotency-key", "a b")),
        ("A112", fine().with("idempotency-key", &"x".repeat(65))),
        (
            "A114",
            post("r1", &json!({ "format": "tallystick-claim/v1" })).by("riverside"),
        ),
        ("A114", fine().with("idempotency-key", "r2").body("")),
        ("A114", fine().with("idempotency-key", "r3").body("ISA*00*")),
        ("A115", list("?colour=red")),
        ("A115", list("?limit=0")),
        ("A115", list("?limit=201")),
        ("A115", list("?limit=1&limit=2")),
        ("A115", list("?after=xyz")),
        ("A115", list("?status=lost")),
        ("A115", get("/flags?from=yesterday").by("siu")),
        ("A115", get("/flags?score=1001").by("siu")),
    ];
    for (code, ask) in asks {
        let answer = fixture.ask(ask).await;
        let problem = answer.problem(code);
        if matches!(code, "A101" | "A102") {
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
        if code == "A105" {
            assert!(answer.header("allow").contains("GET"));
        }
        assert_eq!(problem.get("refusals").is_some(), code == "A114");
    }
    // Nothing of all this was taken in.
    let rows = fixture.node.store().claims(&ClaimFilter::default()).await;
    assert_eq!(rows.unwrap(), []);
}

/// The table above, the tests of submissions, those below and the network's meet every code.
#[test]
fn no_code_is_without_a_test() {
    let here: BTreeSet<String> = [
        include_str!("problems.rs"),
        include_str!("submissions.rs"),
        include_str!("reads.rs"),
        include_str!("appeals.rs"),
        include_str!("../network/flow.rs"),
    ]
    .iter()
    .flat_map(|text| text.split("\"A").skip(1))
    .filter_map(|rest| rest.get(..3))
    .map(|number| format!("A{number}"))
    .collect();
    let description = tally::api::description();
    for code in Code::ALL {
        assert!(here.contains(&code.id()), "{} has no test", code.id());
        let described = format!("{}: {}", code.id(), code.title());
        assert!(description.contains(&described), "{described}");
    }
}

fn with_body(body: Body) -> Request<Body> {
    Request::post("/api/v1/claims")
        .header("authorization", format!("Bearer {}", token("riverside")))
        .header("idempotency-key", "k")
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_holds_a_place_for_as_long_as_they_like() {
    let fixture = Fixture::idle(0, tight()).await;
    let endless = Body::from_stream(stream::pending::<Result<Vec<u8>, io::Error>>());
    let answer = fixture.send(with_body(endless)).await;
    answer.problem("A107");
    // The place is free again, and the body that stopped short had no effect.
    let cut = stream::iter([Err::<Vec<u8>, _>(io::Error::other("reset"))]);
    let answer = fixture.send(with_body(Body::from_stream(cut))).await;
    answer.problem("A116");
    let rows = fixture.node.store().claims(&ClaimFilter::default()).await;
    assert_eq!(rows.unwrap(), []);
}

/// The node's database, behind its back.
async fn database(fixture: &Fixture) -> sqlx::SqlitePool {
    let path = fixture.node.folder().join("node.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    sqlx::SqlitePool::connect_with(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_in_its_time() {
    let fixture = Fixture::idle(0, tight()).await;
    // Somebody else writes, and does not come to an end.
    let database = database(&fixture).await;
    let held = database.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let body = claim("A-1", "180.00");
    let answer = fixture.ask(post("k", &body).by("riverside")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "5");
    answer.problem("A118");
    // The same again, when it can be, has one effect.
    held.rollback().await.unwrap();
    let answer = fixture.ask(post("k", &body).by("riverside")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let rows = fixture.node.store().claims(&ClaimFilter::default()).await;
    assert_eq!(rows.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_fails_says_so_and_no_more() {
    let fixture = Fixture::new().await;
    let body = fixture
        .submit("riverside", "k", &claim("A-1", "180.00"))
        .await;
    // Somebody damaged what is stored.
    sqlx::query("UPDATE claim SET payload = zeroblob(length(payload))")
        .execute(&database(&fixture).await)
        .await
        .unwrap();
    let answer = fixture
        .get("riverside", &format!("/claims/{}", first(&body)))
        .await;
    let problem = answer.problem("A119");
    assert!(!problem.to_string().contains("M-1001"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_its_id() {
    let fixture = Fixture::idle(0, Bounds::default()).await;
    let ask = |id: Option<&str>| {
        let ask = get("/ledger/trust");
        id.map_or(get("/ledger/trust"), |id| ask.with("x-request-id", id))
    };
    let id = |answer: Answer| answer.header("x-request-id").to_owned();
    let given = id(fixture.ask(ask(Some("2026-11.25_a"))).await);
    assert_eq!(given, "2026-11.25_a");
    let made: Vec<String> = [
        fixture.ask(ask(None)).await,
        fixture.ask(ask(None)).await,
        fixture.ask(ask(Some("a b"))).await,
        fixture.ask(ask(Some(&"x".repeat(65)))).await,
    ]
    .map(id)
    .into();
    assert!(made.iter().all(|id| id.len() == 24));
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 4);
}

/// As a node mounts them: the pages keep to themselves, the API to its root.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_stands_beside_the_pages() {
    let mut fixture = Fixture::idle(0, Bounds::default()).await;
    fixture.router = tally::pages::router(
        Arc::clone(&fixture.node),
        Default::default(),
        Default::default(),
        None,
    )
    .merge(tally::api::router(fixture.api.clone()));
    let of = |path: &str| {
        Request::get(path)
            .header("host", "localhost")
            .body(Body::empty())
            .unwrap()
    };
    for path in ["/", "/claims", "/health"] {
        let page = fixture.send(of(path)).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
    }
    let page = fixture.send(of("/nothing")).await;
    assert!(page.header("content-type").starts_with("text/html"));
    for path in ["/api/v1", "/api/v1/", "/api/v1/nothing"] {
        let answer = fixture.send(of(path)).await;
        let kind = answer.header("content-type");
        assert_eq!(kind, "application/problem+json", "{path}");
        answer.problem("A104");
    }
    fixture.send(of("/api/v1/claims")).await.problem("A101");
    let elsewhere = fixture
        .ask(get("/ledger/trust").with("host", "api.example"))
        .await;
    assert_eq!(elsewhere.status, StatusCode::OK);
}
