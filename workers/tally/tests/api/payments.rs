//! Payments over HTTP: to whom they are shown, and the same bytes again.

use serde_json::{Value, json};

use tally_core::ledger::{Receipt, Shown, Verdict, verify_any};

use super::fixture::{FHIR, Fixture, X12, ask, claim, first, get};

#[tokio::test(flavor = "multi_thread")]
async fn payments_are_read_by_who_they_are_for() {
    let fixture = Fixture::new().await;
    let of = |control: &str, payee: &str| {
        let mut claim = claim(control, "180.00");
        claim["billing"] = payee.into();
        claim
    };
    // Both send claims of one provider; of the other one alone does.
    let body = fixture
        .submit("riverside", "r1", &json!([of("A-1", "1234567893")]))
        .await;
    let alone = first(&body);
    fixture
        .submit("riverside", "r2", &json!([of("A-2", "2000001372")]))
        .await;
    fixture
        .submit("harbor", "h1", &json!([of("A-3", "2000001372")]))
        .await;
    let none = fixture.get("harbor", "/payments").await.json();
    assert_eq!(none, json!({ "payments": [] }));
    let made = fixture.pay().await;
    assert_eq!(made.len(), 2);
    let traces = |body: &Value| -> Vec<String> {
        let all = body["payments"].as_array().unwrap().iter();
        all.map(|of| of["trace"].as_str().unwrap().to_owned())
            .collect()
    };
    // Whoever may read every claim has all, page by page, the latest first.
    let all = fixture.get("harbor", "/payments").await.json();
    let mut latest = made.clone();
    latest.reverse();
    assert_eq!(traces(&all), latest);
    let page = fixture.get("harbor", "/payments?limit=1").await;
    let next = page.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(page.header("link"), format!("<{next}>; rel=\"next\""));
    let next = next.strip_prefix(tally::api::ROOT).unwrap();
    let rest = fixture.get("harbor", next).await.json();
    assert_eq!(traces(&rest), latest[1..]);
    assert_eq!(rest["next"], Value::Null);
    // A sender has that of which everything is its own; the payee its own.
    let own = fixture.get("riverside", "/payments").await.json();
    let [own] = &traces(&own)[..] else {
        panic!("one payment: {own:#}");
    };
    let shared = latest.iter().find(|trace| *trace != own).unwrap();
    let lakeside = "/payments?payee=2000001372&since=2026-03-02";
    let theirs = fixture.get("lakeside", lakeside).await.json();
    assert_eq!(traces(&theirs), std::slice::from_ref(shared));
    assert_eq!(theirs["payments"][0]["name"], "LAKESIDE CLINIC");
    for (who, path) in [
        ("lakeside", "/payments"),
        ("lakeside", "/payments?payee=1234567893"),
        ("riverside", lakeside),
    ] {
        let none = fixture.get(who, path).await.json();
        assert_eq!(none["payments"], json!([]), "{who} {path}");
    }
    let path = format!("/payments/{shared}");
    fixture.get("riverside", &path).await.problem("A104");
    fixture
        .get("lakeside", &format!("/payments/{own}"))
        .await
        .problem("A104");
    fixture
        .get("riverside", &format!("/payments?before={shared}"))
        .await
        .problem("A115");
    let whole = fixture.get("lakeside", &path).await.json();
    assert_eq!(whole["told"].as_array().unwrap().len(), 2);
    assert_eq!(whole["claims"].as_array().unwrap().len(), 2);
    // It carries the receipt that it was advised, and says where those of its claims are.
    let receipt = Receipt::parse(whole["receipt"].as_str().unwrap()).unwrap();
    let trust = fixture.node.trust().await.unwrap();
    let (Verdict::Trusted, Shown::Payment(advice)) =
        verify_any(&receipt, Some(&trust)).ok().unwrap()
    else {
        panic!("of something else, or not trusted");
    };
    assert_eq!(advice.trace, *shared);
    assert_eq!(
        advice.amount.to_string(),
        whole["payment"].as_str().unwrap()
    );
    assert_eq!(advice.date.to_string(), whole["on"].as_str().unwrap());
    let hash = tally::node::keys::hex(&advice.remittance);
    assert_eq!(hash, whole["hash"].as_str().unwrap());
    let told: Vec<_> = advice.claims.iter().map(ToString::to_string).collect();
    let mut claims: Vec<_> = whole["told"].as_array().unwrap().iter().collect();
    claims.sort_by_key(|part| part["claim"].as_str().map(str::to_owned));
    assert_eq!(claims.len(), told.len());
    for (part, claim) in claims.into_iter().zip(&told) {
        assert_eq!(part["claim"], claim.as_str());
        let at = format!("/api/v1/claims/{claim}/receipt");
        assert_eq!(part["receipt"], at.as_str());
    }

    // The bytes are those that were made, and say the same as the claim's remittance.
    let path = format!("/payments/{own}");
    let asked = |kind: &str| get(&path).with("accept", kind).by("riverside");
    let text = fixture.ask(asked(X12)).await.body;
    let kept = fixture
        .node
        .read_payment(own, "test")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text, kept.told.text);
    assert!(text.contains(&format!("TRN*1*{own}*")), "{text}");
    let answer = fixture.ask(asked(FHIR)).await.json();
    assert_eq!(answer["id"], alone.as_str());
    let remittance = format!("/claims/{alone}/remittance");
    let view = fixture.get("riverside", &remittance).await.json();
    assert_eq!((&view["made"], &view["trace"]), (&json!(true), &json!(own)));
    let ours = fixture.get("riverside", &path).await.json();
    assert_eq!(view["claims"], ours["claims"]);
    assert_eq!(view["payment"], ours["payment"]);
    let in_x12 = get(&remittance).with("accept", X12).by("riverside");
    let told = fixture.ask(in_x12).await.problem("A120");
    assert!(told.to_string().contains(&path), "{told}");
    let noted = fixture.noted("riverside").await;
    let read = ("api:payment".to_owned(), own.clone());
    assert!(noted.contains(&read));

    // What was voided before anybody was told is told to nobody.
    let body = fixture
        .submit("riverside", "r3", &json!([of("A-4", "1234567893")]))
        .await;
    let never = first(&body);
    let void = ask("POST", &format!("/claims/{never}/void")).by("riverside");
    assert!(fixture.ask(void).await.status.is_success());
    fixture
        .get("riverside", &format!("/claims/{never}/remittance"))
        .await
        .problem("A120");
    assert_eq!(fixture.pay().await.len(), 0);
    // One whose record is erased has no bytes any more.
    let row = fixture.node.store();
    use tally_store::port::Reading as _;
    let id = tally_core::claim::ClaimId::parse(&alone).unwrap();
    let row = row.claim(id).await.unwrap().unwrap();
    fixture
        .node
        .vault()
        .destroy(row.sealed.record)
        .await
        .unwrap();
    fixture.ask(asked(X12)).await.problem("A109");
    let left = fixture.get("riverside", &path).await.json();
    assert_eq!(left["told"][0]["erased"], true);
    assert_eq!(left["claims"], json!([]));
}

/// What was left with a payee until a correction, and is taken, is said: so that what is
/// paid is what the claims come to, less that.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_of_money_that_was_left_is_said() {
    let fixture = Fixture::new().await;
    let of = |code: &str, charge: &str, replaces: Option<&str>| {
        let mut claim = claim("A-1", charge);
        claim["billing"] = "2000001372".into();
        claim["lines"][0]["procedure"] = code.into();
        if code == "E0601" {
            claim["lines"][0]["place"] = "12".into();
        }
        if let Some(id) = replaces {
            claim["frequency"] = "replacement".into();
            claim["replaces"] = id.into();
        }
        json!([claim])
    };
    let original = of("99396", "100.00", None);
    let original = first(&fixture.settle("riverside", "r1", &original).await);
    fixture.pay().await;
    // What replaces it needs an authorisation, and waits.
    let waits = of("E0601", "900.00", Some(&original));
    let waits = first(&fixture.settle("riverside", "r2", &waits).await);
    fixture.pay().await;
    let path = format!("/claims/{original}/remittance");
    let left = fixture.get("riverside", &path).await.json();
    assert_eq!(left["payment"], "0.00");
    assert_eq!(left["recovered"], json!([]));
    let back = left["reversed"][0]["paid"].as_str().unwrap().to_owned();
    let correction = of("99396", "150.00", Some(&waits));
    let correction = first(&fixture.settle("riverside", "r3", &correction).await);
    let cents =
        |value: &Value| -> i64 { value.as_str().unwrap().replace('.', "").parse().unwrap() };
    let taken = json!([{ "claim": original, "amount": back }]);
    // As it would be told, and as it was.
    for made in [false, true] {
        if made {
            assert_eq!(fixture.pay().await.len(), 1);
        }
        let all = fixture.get("riverside", "/remittances").await.json();
        let all = all["remittances"].as_array().unwrap();
        let of = all.iter().find(|of| of["recovered"] == taken);
        let of = of.unwrap_or_else(|| panic!("{all:#?}"));
        assert_eq!(of["made"], made);
        let [claim] = &of["claims"].as_array().unwrap()[..] else {
            panic!("one claim: {of:#}");
        };
        assert_eq!(claim["claim"], correction.as_str());
        let paid = cents(&claim["paid"]);
        assert_eq!(cents(&of["payment"]), paid - cents(&json!(back)));
        let of = fixture.get("riverside", &path).await.json();
        assert_eq!((&of["made"], &of["recovered"]), (&json!(made), &taken));
    }
}
