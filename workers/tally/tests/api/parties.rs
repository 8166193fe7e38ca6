//! Who sees what: a party its own claims, the payer all, investigators flags;
//! and what each read leaves behind.

use axum::http::StatusCode;
use serde_json::json;
use tally_store::port::Log as _;

use super::fixture::{Fixture, claim, claim_of, first, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_party_sees_its_own_and_nothing_of_others() {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    let of_claim = ["", "/eob", "/receipt", "/proof"].map(|part| format!("/claims/{id}{part}"));
    for (organisation, expected) in [
        ("riverside", StatusCode::OK),
        ("lakeside", StatusCode::NOT_FOUND),
        ("siu", StatusCode::NOT_FOUND),
        ("harbor", StatusCode::OK),
    ] {
        for path in &of_claim {
            let answer = fixture.get(organisation, path).await;
            assert_eq!(answer.status, expected, "{organisation} {path}");
            if expected == StatusCode::NOT_FOUND {
                // It is as if it were not there, to the word.
                let missing = path.replace(&id, &"0".repeat(32));
                let none = fixture.get(organisation, &missing).await;
                let (mut a, mut b) = (answer.problem("A104"), none.problem("A104"));
                a["instance"] = json!("");
                b["instance"] = json!("");
                assert_eq!(a, b);
            }
        }
        let listed = fixture.get(organisation, "/claims").await.json();
        let expected = usize::from(expected == StatusCode::OK);
        assert_eq!(listed["claims"].as_array().unwrap().len(), expected);
    }
    for (organisation, expected) in [
        ("riverside", StatusCode::OK),
        ("lakeside", StatusCode::NOT_FOUND),
        ("harbor", StatusCode::NOT_FOUND),
    ] {
        let answer = fixture.get(organisation, "/submissions/k").await;
        assert_eq!(answer.status, expected, "{organisation}");
    }
    for (organisation, expected) in [
        ("riverside", StatusCode::FORBIDDEN),
        ("lakeside", StatusCode::FORBIDDEN),
        ("harbor", StatusCode::FORBIDDEN),
        ("siu", StatusCode::OK),
    ] {
        for query in ["", &format!("?claim={id}")] {
            let answer = fixture.get(organisation, &format!("/flags{query}")).await;
            assert_eq!(answer.status, expected, "{organisation}");
        }
    }
    for path in ["/ledger/checkpoint", "/ledger/trust", "/openapi.json"] {
        let answer = fixture.ask(get(path)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
}

/// What an organisation's node is to run again is told by whose the claims are, not by who sent
/// them.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_told_to_who_billed_it() {
    let fixture = Fixture::new().await;
    let billed = |control: &str| {
        let mut claim = claim(control, "180.00");
        claim["billing"] = json!("2000001372");
        claim
    };
    let own = first(
        &fixture
            .settle("riverside", "k1", &claim("A-1", "90.00"))
            .await,
    );
    let sent = first(&fixture.settle("riverside", "k2", &billed("A-2")).await);
    let both = first(&fixture.settle("lakeside", "k3", &billed("A-3")).await);
    fixture.node.integrate(false).await.unwrap();
    for (organisation, expected) in [
        ("riverside", vec![&own, &sent]),
        ("lakeside", vec![&sent, &both]),
        ("siu", vec![]),
    ] {
        let before = fixture.noted(organisation).await.len();
        let decided = fixture.get(organisation, "/claims/decided").await.json();
        let decided = decided["decided"].as_array().unwrap();
        let claims: Vec<_> = decided.iter().map(|of| of["claim"].as_str()).collect();
        let expected: Vec<_> = expected.into_iter().map(|id| Some(id.as_str())).collect();
        assert_eq!(claims, expected, "{organisation}");
        assert!(decided.is_sorted_by_key(|of| of["index"].as_u64()));
        let noted = fixture.noted(organisation).await.split_off(before);
        assert_eq!(noted.len(), claims.len(), "{noted:?}");
    }
    // From where on to ask next: what others have come to since is not walked again.
    let size = fixture.node.store().head().await.unwrap().size;
    let all = fixture.get("lakeside", "/claims/decided").await.json();
    let first = all["decided"][0]["index"].as_u64().unwrap();
    for (organisation, target, expected, next) in [
        ("riverside", "", 2, size),
        ("siu", "", 0, size),
        ("lakeside", "?limit=1", 1, first + 1),
        ("lakeside", &format!("?from={size}"), 0, size),
        ("lakeside", "?from=99", 0, 99),
        ("lakeside", &format!("?from={}", u64::MAX), 0, u64::MAX),
    ] {
        let path = format!("/claims/decided{target}");
        let page = fixture.get(organisation, &path).await.json();
        assert_eq!(page["decided"].as_array().unwrap().len(), expected);
        assert_eq!(page["next"].as_u64(), Some(next), "{organisation} {path}");
    }
    // Who billed a claim is given all that it is run again with; who only sent it is not.
    let path = format!("/claims/{sent}/receipt");
    assert_eq!(fixture.get("lakeside", &path).await.status, StatusCode::OK);
    fixture.get("riverside", &path).await.problem("A103");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_read_is_noted_under_the_name_of_who_read() {
    let fixture = Fixture::new().await;
    let batch = json!([
        claim("A-1", "180.00"),
        claim_of("A-2", super::fixture::MEMBER, "2026-02-25", "90.00"),
    ]);
    let body = fixture.settle("riverside", "k", &batch).await;
    let (id, other) = (first(&body), body["claims"][1]["claim"].as_str().unwrap());
    let noted = fixture.noted("riverside").await;
    let of = |action: &str, id: &str| (action.to_owned(), id.to_owned());
    let both = [of("api:submission", &id), of("api:submission", other)];
    assert_eq!(
        noted,
        [both.clone(), both].concat(),
        "it was submitted twice"
    );

    for (path, action) in [
        ("", "api:claim"),
        ("/eob", "api:eob"),
        ("/receipt", "receipt-read"),
        ("/proof", "receipt-read"),
    ] {
        let before = fixture.noted("harbor").await.len();
        fixture.get("harbor", &format!("/claims/{id}{path}")).await;
        let noted = fixture.noted("harbor").await;
        assert_eq!(noted[before..], [of(action, &id)], "{path}");
    }
    fixture.get("harbor", "/claims").await;
    let noted = fixture.noted("harbor").await;
    let listed = &noted[noted.len() - 2..];
    assert!(listed.iter().all(|(action, _)| action == "api:claims"));

    let flags = fixture.get("siu", "/flags").await.json();
    let flags = flags["flags"].as_array().unwrap();
    assert!(!flags.is_empty(), "a service after death is flagged");
    let expected: Vec<_> = flags
        .iter()
        .map(|flag| of("api:flags", flag["flag"].as_str().unwrap()))
        .collect();
    assert_eq!(fixture.noted("siu").await, expected);

    // Whoever sees nothing has read nothing, and it is noted that they asked.
    fixture.get("lakeside", &format!("/claims/{id}")).await;
    fixture.get("lakeside", "/claims").await;
    fixture.get("lakeside", "/flags").await;
    let denied = [of("access-denied:A104", &id)];
    assert_eq!(fixture.noted("lakeside").await, denied);
}
