//! Requests for prior authorisation: asked for by a provider, decided by the payer on
//! the node, and seen by whoever may.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tally::node::Listing;
use tally_core::authorization::{LineDecision, ReviewReason, Stage, State, Verdict};
use tally_types::ShortCode;

use super::fixture::{Answer, Ask, FHIR, Fixture, JSON, MEMBER, ask, first, get};

fn request(control: &str, units: u16) -> Value {
    json!({
        "resourceType": "Claim", "status": "active", "use": "preauthorization",
        "identifier": [{ "value": control }],
        "type": { "coding": [{ "code": "professional" }] },
        "priority": { "coding": [{ "code": "normal" }] },
        "patient": { "identifier": { "value": MEMBER } },
        "provider": { "identifier": { "value": "1234567893" } },
        "insurance": [{ "sequence": 1, "focal": true, "coverage": { "identifier": { "value": MEMBER } } }],
        "diagnosis": [{ "sequence": 1, "diagnosisCodeableConcept": { "coding": [{ "code": "J06.9" }] } }],
        "item": [{
            "sequence": 1,
            "productOrService": { "coding": [{ "system": "http://www.ama-assn.org/go/cpt", "code": "99213" }] },
            "servicedPeriod": { "start": "2026-02-01", "end": "2026-05-31" },
            "quantity": { "value": units },
        }],
    })
}

fn sent(body: &Value) -> Ask {
    ask("POST", "/authorizations")
        .with("content-type", FHIR)
        .body(body.to_string())
}

fn number(answer: &Answer) -> String {
    let at = answer.header("location");
    let number = at.strip_prefix("/api/v1/authorizations/").unwrap();
    number.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_and_seen_by_who_may() {
    let fixture = Fixture::new().await;
    let asked = sent(&request("R-1", 3)).by("riverside");
    let answer = fixture.ask(asked).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    assert_eq!(answer.header("content-type"), FHIR);
    let response = answer.json();
    assert_eq!(response["resourceType"], "ClaimResponse");
    assert_eq!(response["outcome"], "queued");
    let number = number(&answer);
    assert_eq!(response["id"], number.as_str());
    // The same again; something else under its number; another organisation's.
    let again = fixture.ask(sent(&request("R-1", 3)).by("riverside")).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, response));
    let other = fixture.ask(sent(&request("R-1", 4)).by("riverside")).await;
    other.problem("A114");
    let theirs = fixture.ask(sent(&request("R-1", 4)).by("lakeside")).await;
    assert_eq!(theirs.status, StatusCode::CREATED);

    decide(&fixture, &number, true).await;
    let body = super::fixture::claim("A-1", "180.00");
    let ours = first(&fixture.submit("riverside", "k", &body).await);
    let mut body = super::fixture::claim_of("A-2", MEMBER, "2026-02-11", "180.00");
    body["lines"][0]["place"] = json!("22");
    fixture.submit("lakeside", "k", &body).await;
    let path = format!("/authorizations/{number}");
    for (organisation, named) in [
        ("riverside", Some(1)),
        ("harbor", Some(2)),
        ("lakeside", None),
    ] {
        let answer = fixture.get(organisation, &path).await;
        let Some(named) = named else {
            answer.problem("A104");
            continue;
        };
        let shown = answer.json();
        assert_eq!(shown["stage"], "approved", "{shown:#}");
        // What is left is told to who asked; whose claims they were is not.
        assert_eq!(shown["lines"][0]["left"], "1");
        let claims = shown["lines"][0]["claims"].as_array().unwrap();
        assert_eq!(claims.len(), named, "{organisation}");
        assert_eq!(claims[0]["claim"], ours.as_str());
        let fhir = get(&path).by(organisation).with("accept", FHIR);
        let fhir = fixture.ask(fhir).await.json();
        assert_eq!(fhir["preAuthRef"], number.as_str());
        assert_eq!(fhir["outcome"], "complete");
    }
    for (organisation, query, count) in [
        ("riverside", "", 1),
        ("riverside", "?stage=approved", 1),
        ("riverside", "?stage=requested", 0),
        ("lakeside", "?stage=requested&member=M-1001", 1),
        ("lakeside", "?member=M-9", 0),
        ("harbor", "", 2),
        ("harbor", "?submitter=lakeside", 1),
        ("harbor", "?limit=1", 1),
    ] {
        let answer = fixture
            .get(organisation, &format!("/authorizations{query}"))
            .await;
        let found = answer.json();
        let found = found["authorizations"].as_array().unwrap().len();
        assert_eq!(found, count, "{organisation} {query}");
    }
    let noted = fixture.noted("riverside").await;
    for action in [
        "authorization-requested",
        "api:authorization",
        "api:authorizations",
    ] {
        let of = (action.to_owned(), number.clone());
        assert!(noted.contains(&of), "{action}: {noted:?}");
    }
    assert!(noted.contains(&("api:authorization-use".to_owned(), ours)));

    // Its provider takes it back.
    let mut back = update(&request("R-2", 3), "R-2", "3");
    back["insurance"][0]["preAuthRef"] = json!([number]);
    let theirs = fixture.ask(sent(&back).by("lakeside")).await;
    theirs.problem("A114");
    for _ in 0..2 {
        let answer = fixture
            .ask(sent(&back).by("riverside").with("accept", JSON))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.json()["stage"], "cancelled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_in_says_why() {
    let fixture = Fixture::new().await;
    let mut claim = request("R-1", 1);
    claim["use"] = json!("claim");
    let answer = fixture.ask(sent(&claim).by("riverside")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    let mut stranger = request("R-1", 1);
    stranger["patient"] = json!({ "identifier": { "value": "M-9" } });
    stranger["insurance"][0]["coverage"] = json!({ "identifier": { "value": "M-9" } });
    let answer = fixture.ask(sent(&stranger).by("riverside")).await;
    let problem = answer.problem("A114");
    assert!(!problem.to_string().contains("M-9"));
    let sound = || sent(&request("R-1", 1)).by("riverside");
    for (code, ask) in [
        ("A101", sent(&request("R-1", 1))),
        (
            "A104",
            get("/authorizations/PA000000000000").by("riverside"),
        ),
        ("A106", sound().with("accept", "text/html")),
        ("A111", sound().with("content-type", "application/edi-x12")),
        ("A115", get("/authorizations?stage=lost").by("riverside")),
        ("A115", get("/authorizations?limit=0").by("riverside")),
        (
            "A103",
            get("/authorizations?submitter=lakeside").by("riverside"),
        ),
    ] {
        fixture.ask(ask).await.problem(code);
    }
    let none = fixture.get("harbor", "/authorizations").await.json();
    assert_eq!(none["authorizations"], json!([]));
}

/// The same request with another thing to be done, of another one.
fn update(request: &Value, control: &str, certification: &str) -> Value {
    let mut update = request.clone();
    update["identifier"] = json!([{ "value": control }]);
    update["extension"] = json!([{
        "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-certificationType",
        "valueCodeableConcept": { "coding": [{ "code": certification }] },
    }]);
    update
}

/// The same, of what was asked for under a provider's number.
fn update_of(request: &Value, control: &str, certification: &str, of: &str) -> Value {
    let mut update = update(request, control, certification);
    update["related"] = json!([{ "claim": { "identifier": { "value": of } } }]);
    update
}

/// Every line as it is asked for, or not at all.
async fn decide(fixture: &Fixture, number: &str, certified: bool) {
    let lines = |state: &State| {
        let lines = state.request().lines.iter();
        let lines = lines.map(|asked| LineDecision {
            number: asked.number,
            verdict: match certified {
                true => Verdict::in_total(asked).unwrap(),
                false => Verdict::NotCertified(ReviewReason {
                    code: ShortCode::parse("0V").unwrap(),
                    text: "Not shown to be needed.".to_owned(),
                }),
            },
        });
        Ok(lines.collect())
    };
    let decided = fixture.node.decide_authorization(number, &lines).await;
    decided.unwrap();
}

async fn stage(fixture: &Fixture, number: &str) -> Value {
    let path = format!("/authorizations/{number}");
    fixture.get("harbor", &path).await.json()["stage"].clone()
}

/// What `submitter` asks for, which is new.
async fn asked(fixture: &Fixture, submitter: &str, request: &Value) -> String {
    let answer = fixture.ask(sent(request).by(submitter)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    number(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revised_or_taken_back_is_the_same_submitters() {
    let fixture = Fixture::new().await;
    // Two submitters ask for the same member and provider under the same numbers.
    let ours = asked(&fixture, "riverside", &request("R-1", 3)).await;
    decide(&fixture, &ours, true).await;
    let revision = update_of(&request("R-1", 5), "R-2", "S", "R-1");
    let revision = asked(&fixture, "riverside", &revision).await;
    let theirs = asked(&fixture, "lakeside", &request("R-1", 3)).await;
    // Theirs waits: ours is decided all the same, and takes the place of ours.
    decide(&fixture, &revision, true).await;
    assert_eq!(stage(&fixture, &ours).await, "superseded");
    assert_eq!(stage(&fixture, &theirs).await, "requested");
    let contract = fixture.node.read_contract(MEMBER).await.unwrap().unwrap();
    let on_file = contract.members.iter().flat_map(|of| &of.authorizations);
    let on_file: Vec<&str> = on_file.map(|of| of.number.as_str()).collect();
    assert_eq!(on_file, [revision.as_str()], "units are counted once");

    // So is what is denied and revised by our number for it.
    let denied = asked(&fixture, "riverside", &request("R-3", 3)).await;
    decide(&fixture, &denied, false).await;
    let other = asked(&fixture, "lakeside", &request("R-3", 3)).await;
    decide(&fixture, &other, true).await;
    let mut again = update(&request("R-3", 2), "R-4", "S");
    again["insurance"][0]["preAuthRef"] = json!([denied]);
    // By another provider its own number says nothing of it.
    let mut strange = again.clone();
    strange["provider"] = json!({ "identifier": { "value": "2000042475" } });
    let strange = fixture.ask(sent(&strange).by("riverside")).await;
    let problem = strange.problem("A114").to_string();
    assert!(problem.contains("not known of this member"), "{problem}");
    let again = asked(&fixture, "riverside", &again).await;
    decide(&fixture, &again, true).await;
    assert_eq!(stage(&fixture, &denied).await, "superseded");
    assert_eq!(stage(&fixture, &other).await, "approved");

    // And what is taken back by the number that both have used.
    let mine = asked(&fixture, "riverside", &request("R-5", 1)).await;
    decide(&fixture, &mine, true).await;
    let other = asked(&fixture, "lakeside", &request("R-5", 1)).await;
    decide(&fixture, &other, true).await;
    let back = update_of(&request("R-5", 1), "R-6", "3", "R-5");
    let answer = fixture.ask(sent(&back).by("riverside")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(stage(&fixture, &mine).await, "cancelled");
    assert_eq!(stage(&fixture, &other).await, "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_decided_is_the_payers_to_know() {
    let fixture = Fixture::new().await;
    let number = asked(&fixture, "riverside", &request("R-1", 3)).await;
    decide(&fixture, &number, true).await;
    let said = fixture
        .node
        .cancel_authorization(&number, None, "Moved away.");
    said.await.unwrap();
    let path = format!("/authorizations/{number}");
    for (organisation, named) in [("riverside", false), ("harbor", true)] {
        let shown = fixture.get(organisation, &path).await.json();
        assert_eq!(shown["events"][0]["event"], "decided");
        assert_eq!(shown["events"][1]["reason"], "Moved away.");
        for event in shown["events"].as_array().unwrap() {
            assert_eq!(event["by"].is_string(), named, "{organisation}: {event}");
        }
    }
}

/// What waits of the next three requests, and where to go on.
async fn waiting(fixture: &Fixture, before: Option<&str>) -> (Vec<String>, Option<String>) {
    let listing = Listing {
        member: None,
        submitter: None,
        stage: Some(Stage::Requested),
        before,
        limit: 50,
        most: 3,
    };
    let page = fixture.node.authorizations(&listing, "test").await.unwrap();
    let reads = page.reads.into_iter().map(|read| read.number);
    (reads.collect(), page.next)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_a_page_at_a_time() {
    let fixture = Fixture::new().await;
    let mut numbers = Vec::new();
    for at in 1..=5 {
        let number = asked(&fixture, "riverside", &request(&format!("R-{at}"), 1)).await;
        if at != 3 {
            decide(&fixture, &number, false).await;
        }
        numbers.insert(0, number);
    }
    let theirs = asked(&fixture, "lakeside", &request("R-1", 1)).await;
    numbers.remove(2);
    let mut path = "/authorizations?stage=denied&limit=2".to_owned();
    let mut found = Vec::new();
    for last in [false, true] {
        let answer = fixture.get("riverside", &path).await;
        let page = answer.json();
        let page_of = page["authorizations"].as_array().unwrap();
        assert_eq!(page_of.len(), 2, "{page:#}");
        let named = page_of.iter().map(|of| of["number"].as_str().unwrap());
        found.extend(named.map(str::to_owned));
        let next = page["next"].as_str();
        assert_eq!(next.is_none(), last, "{page:#}");
        if let Some(next) = next {
            assert_eq!(answer.header("link"), format!("<{next}>; rel=\"next\""));
            path = next.strip_prefix("/api/v1").unwrap().to_owned();
        }
    }
    assert_eq!(found, numbers);
    // However many there are, so many are looked at, and the next page goes on there.
    let (first, next) = waiting(&fixture, None).await;
    assert_eq!(
        (first, next.as_ref()),
        (vec![theirs.clone()], Some(&numbers[1]))
    );
    let (second, next) = waiting(&fixture, next.as_deref()).await;
    assert_eq!((second.len(), next.as_ref()), (1, Some(&numbers[3])));
    let (third, next) = waiting(&fixture, next.as_deref()).await;
    assert_eq!((third.len(), next), (0, None));
    let path = format!("/authorizations?before={theirs}");
    fixture.get("riverside", &path).await.problem("A115");
}
