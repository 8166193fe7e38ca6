//! Who may read a claim that is not theirs: grants, groups, custodians, emergencies; what
//! they are shown; what is entered of it.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use sqlx::Connection as _;
use tally::node::consent::Rules;
use tally_core::canon::Canon as _;
use tally_core::claim::ClaimId;
use tally_core::ledger::access::{
    Bestowal, Custody, Grant, Grantee, Group, Membership, Purpose, Scope,
};
use tally_core::ledger::shared::OrganisationId;
use tally_core::ledger::{
    Commitment, Entry, Ground, Receipt, Trust, Verdict, kind, verify_reading, verify_receipt,
};
use tally_store::port::Log as _;

use super::fixture::{Answer, Fixture, MEMBER, claim, claim_of, day, first, get, post};

/// A node with a claim that riverside submitted.
async fn start() -> (Fixture, String) {
    let fixture = Fixture::new().await;
    let body = fixture
        .settle("riverside", "k", &claim("A-1", "180.00"))
        .await;
    let id = first(&body);
    (fixture, id)
}

pub fn id(text: &str) -> OrganisationId {
    OrganisationId::parse(text).unwrap()
}

fn rules(fixture: &Fixture) -> Rules {
    Rules::of(&fixture.api.config)
}

/// A grant of all claims to lakeside, for treatment, in March.
pub async fn grant(fixture: &Fixture) -> Grant {
    Grant {
        patient: fixture.node.patient_of(MEMBER).await.unwrap(),
        keeper: id("harbor-health"),
        to: Grantee::Organisations(vec![id("lakeside")]),
        scope: Scope::all(),
        purposes: vec![Purpose::Treatment],
        from: day("2026-03-01"),
        through: day("2026-03-31"),
    }
}

pub async fn bestow(fixture: &Fixture, bestowal: Bestowal) -> Commitment {
    let given = fixture.node.bestow(&rules(fixture), &bestowal).await;
    given.unwrap()
}

async fn revoke(fixture: &Fixture, commitment: Commitment) {
    let rules = rules(fixture);
    let digits = tally::node::keys::hex(&commitment);
    let kept = fixture.node.consent(&rules, &digits).await.unwrap();
    assert!(fixture.node.revoke(&rules, &kept, "moved").await.unwrap());
    // Once is for good.
    assert!(!fixture.node.revoke(&rules, &kept, "moved").await.unwrap());
}

pub async fn read(fixture: &Fixture, who: &str, path: &str, purpose: &str) -> Answer {
    let ask = get(path).by(who).with("purpose-of-use", purpose);
    fixture.ask(ask).await
}

/// What was noted of an organisation about refusals.
async fn refusals(fixture: &Fixture, who: &str) -> Vec<String> {
    let noted = fixture.noted(who).await.into_iter();
    let actions = noted.map(|(action, _)| action);
    actions
        .filter_map(|action| action.strip_prefix("access-denied:").map(str::to_owned))
        .collect()
}

/// The kinds of the log's entries about access, in order.
async fn entered(fixture: &Fixture) -> Vec<u8> {
    fixture.node.integrate(false).await.unwrap();
    let entries = fixture.node.store().entries(0, 4096).await.unwrap();
    let kinds = entries.iter().filter_map(|entry| Entry::kind_of(entry));
    kinds.filter(|kind| (9..=12).contains(kind)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_party_reads_with_a_grant_and_no_longer() {
    let (fixture, claim) = start().await;
    let path = format!("/claims/{claim}");
    let ask = async |purpose: &str| read(&fixture, "lakeside", &path, purpose).await;

    // It is as if it were not there, to the word.
    let mut refused = ask("TREAT").await.problem("A104");
    let missing = format!("/claims/{}", "0".repeat(32));
    let mut none = read(&fixture, "lakeside", &missing, "TREAT")
        .await
        .problem("A104");
    for problem in [&mut refused, &mut none] {
        assert!(problem["detail"].as_str().unwrap().starts_with("A100: "));
        problem["instance"] = json!("");
    }
    assert_eq!(refused, none);
    assert_eq!(refusals(&fixture, "lakeside").await, ["A104"]);

    let given = Bestowal::Access(grant(&fixture).await);
    let commitment = bestow(&fixture, given).await;
    let answer = ask("TREAT").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    // Emergency treatment is treatment; payment is not.
    assert_eq!(ask("ETREAT").await.status, StatusCode::OK);
    ask("HPAYMT").await.problem("A104");
    fixture.get("lakeside", &path).await.problem("A104");
    // Nobody else has it.
    read(&fixture, "siu", &path, "TREAT").await.problem("A104");
    ask("LUNCH").await.problem("A115");

    fixture.node.clock().set(day("2026-03-31"));
    assert_eq!(ask("TREAT").await.status, StatusCode::OK);
    fixture.node.clock().set(day("2026-04-01"));
    ask("TREAT").await.problem("A104");
    fixture.node.clock().set(day("2026-02-28"));
    ask("TREAT").await.problem("A104");
    fixture.node.clock().set(day("2026-03-15"));
    assert_eq!(ask("TREAT").await.status, StatusCode::OK);
    revoke(&fixture, commitment).await;
    ask("TREAT").await.problem("A104");

    let why = refusals(&fixture, "lakeside").await;
    assert_eq!(why, ["A104", "A111", "A111", "A113", "A112", "A114"]);
    let (granted, revoked, was_read) = (kind::GRANTED, kind::REVOKED, kind::READ);
    assert_eq!(
        entered(&fixture).await,
        [granted, was_read, was_read, was_read, was_read, revoked]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_cut_to_what_it_is_read_for() {
    let (fixture, claim) = start().await;
    let path = format!("/claims/{claim}");
    let of = async |purposes: Vec<Purpose>| {
        let mut grant = grant(&fixture).await;
        grant.purposes = purposes;
        bestow(&fixture, Bestowal::Access(grant)).await
    };
    of(vec![Purpose::Treatment]).await;
    of(vec![Purpose::Payment]).await;

    let treats = read(&fixture, "lakeside", &path, "TREAT").await.json();
    assert_eq!(treats["diagnoses"], json!(["J069"]));
    assert_eq!(treats["services"][0]["procedure"], "99213");
    for amount in ["charge", "paid", "patient", "lines", "control_number"] {
        assert_eq!(treats.get(amount), None, "{amount}");
    }
    let pays = read(&fixture, "lakeside", &path, "HPAYMT").await.json();
    assert_eq!(pays["charge"], "180.00");
    assert_eq!(pays["diagnoses"], json!(["J069"]));
    // What is whole or not at all is refused, and says so: the claim itself is no secret.
    for part in ["eob", "explanation", "receipt", "remittance", "history"] {
        let path = format!("{path}/{part}");
        read(&fixture, "lakeside", &path, "TREAT")
            .await
            .problem("A103");
        let answer = read(&fixture, "lakeside", &path, "HPAYMT").await;
        // A receipt is for who runs the policy again.
        if part == "receipt" {
            answer.problem("A103");
        } else {
            assert_eq!(answer.status, StatusCode::OK, "{part}: {}", answer.body);
        }
    }
    let why = refusals(&fixture, "lakeside").await;
    assert!(why.iter().all(|why| why == "minimum-necessary"), "{why:?}");
    // The dossier is for who runs the policy again.
    let path = format!("{path}/dossier");
    read(&fixture, "lakeside", &path, "HPAYMT")
        .await
        .problem("A104");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_of_some_claims_and_leaves_out_others() {
    let (fixture, one) = start().await;
    let other = claim_of("A-2", MEMBER, "2026-02-11", "70.00");
    let other = first(&fixture.settle("riverside", "k2", &other).await);
    let list = |name: &str| rules(&fixture).list(name).unwrap().id();
    let status = async |claim: &str| {
        let path = format!("/claims/{claim}");
        read(&fixture, "lakeside", &path, "TREAT").await.status
    };
    let (shown, hidden) = (StatusCode::OK, StatusCode::NOT_FOUND);
    let scopes: [(Scope, [StatusCode; 2]); 5] = [
        (
            Scope {
                claim: tally_core::claim::ClaimId::parse(&one),
                ..Scope::all()
            },
            [shown, hidden],
        ),
        (
            Scope {
                from: day("2026-02-11"),
                ..Scope::all()
            },
            [hidden, shown],
        ),
        (
            Scope {
                only: Some(list("office")),
                ..Scope::all()
            },
            [shown, shown],
        ),
        (
            Scope {
                except: vec![list("office")],
                ..Scope::all()
            },
            [hidden, hidden],
        ),
        // A list that the node does not have keeps every claim out.
        (
            Scope {
                except: vec![[9; 32]],
                ..Scope::all()
            },
            [hidden, hidden],
        ),
    ];
    for (scope, expected) in scopes {
        let mut grant = grant(&fixture).await;
        grant.scope = scope.clone();
        let commitment = bestow(&fixture, Bestowal::Access(grant)).await;
        let found = [status(&one).await, status(&other).await];
        assert_eq!(found, expected, "{scope:?}");
        revoke(&fixture, commitment).await;
    }
    // What is protected is given away where the grant names it, and nowhere else.
    let mut protected = claim_of("A-3", MEMBER, "2026-02-12", "70.00");
    protected["diagnoses"] = json!(["F1020"]);
    let protected = first(&fixture.settle("riverside", "k3", &protected).await);
    bestow(&fixture, Bestowal::Access(grant(&fixture).await)).await;
    assert_eq!(
        [status(&one).await, status(&protected).await],
        [shown, hidden]
    );
    let mut expressly = grant(&fixture).await;
    expressly.scope.expressly = vec![list("part-2")];
    bestow(&fixture, Bestowal::Access(expressly)).await;
    assert_eq!(status(&protected).await, shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_who_is_in_it_and_a_custodian_acts_for_a_patient() {
    let (fixture, claim) = start().await;
    let path = format!("/claims/{claim}");
    let group = Group {
        keeper: id("harbor-health"),
        name: "care-team".into(),
    };
    let mut to_group = grant(&fixture).await;
    to_group.to = Grantee::Group(group.clone());
    bestow(&fixture, Bestowal::Access(to_group)).await;
    let ask = async || read(&fixture, "lakeside", &path, "TREAT").await.status;
    assert_eq!(ask().await, StatusCode::NOT_FOUND);
    let member = Bestowal::Membership(Membership {
        group,
        organisation: id("lakeside"),
        from: day("2026-03-01"),
        through: day("2026-03-31"),
    });
    let membership = bestow(&fixture, member).await;
    assert_eq!(ask().await, StatusCode::OK);
    revoke(&fixture, membership).await;
    assert_eq!(ask().await, StatusCode::NOT_FOUND);
    assert_eq!(refusals(&fixture, "lakeside").await, ["A106", "A106"]);

    let custody = Bestowal::Custody(Custody {
        patient: fixture.node.patient_of(MEMBER).await.unwrap(),
        custodian: id("trust"),
        payer: id("harbor-health"),
        from: day("2026-03-01"),
        through: day("2026-03-31"),
    });
    read(&fixture, "trust", &path, "PATRQT")
        .await
        .problem("A104");
    let custody = bestow(&fixture, custody).await;
    let answer = read(&fixture, "trust", &path, "PATRQT").await.json();
    assert_eq!(
        (&answer["charge"], &answer["kind"]),
        (&json!("180.00"), &json!("professional"))
    );
    read(&fixture, "trust", &path, "TREAT")
        .await
        .problem("A104");
    revoke(&fixture, custody).await;
    read(&fixture, "trust", &path, "PATRQT")
        .await
        .problem("A104");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_glass_is_broken_with_a_reason_and_the_patient_is_told() {
    let (fixture, claim) = start().await;
    let path = format!("/claims/{claim}");
    let ask = async |who: &str, path: &str, reason: &str| {
        fixture
            .ask(get(path).by(who).with("break-glass", reason))
            .await
    };
    // What was said wrong is told, of a claim that is not there as of one that is.
    for path in [&path, &format!("/claims/{}", "0".repeat(32))] {
        let said = ask("lakeside", path, "hurry").await.problem("A115");
        assert!(said["detail"].as_str().unwrap().starts_with("A116: "));
        let said = ask("siu", path, "unconscious after a fall")
            .await
            .problem("A103");
        assert!(said["detail"].as_str().unwrap().starts_with("A117: "));
    }
    let answer = ask("lakeside", &path, "unconscious after a fall").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["diagnoses"], json!(["J069"]));
    assert_eq!(body.get("paid"), None);
    assert_eq!(entered(&fixture).await, [kind::READ_UNDER_EMERGENCY]);
    let told = fixture.node.readings_of_member(MEMBER).await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].reading.is_emergency() && told[0].reading.reader == id("lakeside"));
    // The patient is told where they look: their page, their statement, the explanation.
    let pages = tally::pages::router(
        std::sync::Arc::clone(&fixture.node),
        Default::default(),
        rules(&fixture),
        None,
    );
    for page in [
        format!("/members/{MEMBER}"),
        format!("/members/{MEMBER}/statement"),
        format!("/claims/{claim}/eob"),
    ] {
        let request = axum::http::Request::get(&page).header("host", "127.0.0.1:8422");
        let request = request.body(axum::body::Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(pages.clone(), request)
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{page}");
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20)
            .await
            .unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        for part in [
            "Read in an emergency",
            "lakeside",
            "unconscious after a fall",
        ] {
            assert!(body.contains(part), "{page}: {part}");
        }
    }
    // A claim of nobody who is known has nobody to be told.
    let stranger = claim_of("X-1", "NOBODY", "2026-02-10", "70.00");
    let stranger = first(&fixture.settle("riverside", "k2", &stranger).await);
    let path = format!("/claims/{stranger}");
    ask("lakeside", &path, "unconscious after a fall")
        .await
        .problem("A104");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reading_has_a_receipt_for_who_read() {
    let (fixture, claim) = start().await;
    bestow(&fixture, Bestowal::Access(grant(&fixture).await)).await;
    let path = format!("/claims/{claim}");
    let trust = fixture.get("riverside", "/ledger/trust").await;
    let trust = Trust::parse(&trust.body).unwrap();
    for (who, purpose, right) in [("riverside", "HPAYMT", 2), ("lakeside", "TREAT", 5)] {
        let answer = read(&fixture, who, &path, purpose).await;
        let at = answer.header("reading-receipt");
        let at = at.strip_prefix(tally::api::ROOT).unwrap();
        let receipt = fixture.get(who, at).await;
        assert_eq!(receipt.status, StatusCode::OK, "{}", receipt.body);
        let receipt = Receipt::parse(&receipt.body).unwrap();
        let (verdict, reading) = verify_reading(&receipt, Some(&trust)).ok().unwrap();
        assert_eq!(verdict, Verdict::Trusted);
        assert_eq!(reading.reader, id(who));
        assert_eq!(reading.claim.to_string(), claim);
        assert_eq!(reading.purpose.code(), purpose);
        assert_eq!(reading.by.to_canon()[0], right);
        // It is no receipt of what the claim came to.
        assert!(verify_receipt(&receipt, Some(&trust)).is_err());
        // It is for who read, and for the payer.
        for (other, expected) in [("siu", StatusCode::NOT_FOUND), ("harbor", StatusCode::OK)] {
            assert_eq!(fixture.get(other, at).await.status, expected, "{other}");
        }
    }
    // The payer's own reads are in its audit trail, and not on the ledger.
    let before = entered(&fixture).await;
    let answer = fixture.get("harbor", &path).await;
    assert_eq!(
        (answer.status, answer.header("reading-receipt")),
        (StatusCode::OK, "")
    );
    assert_eq!(entered(&fixture).await, before);
    // A reading is entered before it is shown, one for each.
    for part in [
        "",
        "/eob",
        "/receipt",
        "/proof",
        "/remittance",
        "/history",
        "/explanation",
    ] {
        let before = entered(&fixture).await.len();
        let answer = fixture.get("riverside", &format!("{path}{part}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{part}: {}", answer.body);
        assert_ne!(answer.header("reading-receipt"), "", "{part}");
        assert_eq!(entered(&fixture).await.len(), before + 1, "{part}");
    }
    let found = fixture.node.fsck().await.unwrap();
    assert!(found.faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_looked_at_of_other_care_is_cut() {
    let fixture = Fixture::new().await;
    let one = claim_of("A-1", MEMBER, "2026-02-10", "180.00");
    let one = first(&fixture.settle("riverside", "k", &one).await);
    let other = claim_of("A-2", MEMBER, "2026-02-12", "150.00");
    let other = first(&fixture.settle("riverside", "k2", &other).await);
    // What the other came to is decided anew when this is taken back.
    let void = format!("/claims/{one}/void");
    let void = fixture.ask(super::fixture::ask("POST", &void).by("riverside"));
    let void = void.await.json();
    fixture.node.drain(&|_| ()).await.unwrap();
    let act = void["act"].as_str().unwrap().to_owned();
    let mut pays = grant(&fixture).await;
    pays.purposes = vec![Purpose::Payment];
    bestow(&fixture, Bestowal::Access(pays)).await;

    let path = format!("/claims/{other}");
    let ask = async |who: &str, part: &str| {
        read(&fixture, who, &format!("{path}/{part}"), "HPAYMT").await
    };
    let whole = ask("harbor", "eob").await.json();
    let posted = |eob: &serde_json::Value| eob["lines"][0]["accumulators"][0].clone();
    assert_ne!(posted(&whole)["before"], json!(null), "{whole:#}");
    assert_ne!(whole["execution"]["fuel"], json!(null));
    for who in ["lakeside", "riverside"] {
        let cut = ask(who, "eob").await.json();
        let (cut_posting, posting) = (posted(&cut), posted(&whole));
        assert_eq!(cut_posting["added"], posting["added"], "{who}");
        for part in ["before", "after", "percent"] {
            assert_eq!(cut_posting[part], json!(null), "{who} {part}");
        }
        assert_eq!(cut["findings"], json!([]));
        assert_eq!(cut["execution"]["fuel"], json!(null));
        let text = get(&format!("{path}/eob")).by(who);
        let text = text
            .with("accept", "text/plain")
            .with("purpose-of-use", "HPAYMT");
        let text = fixture.ask(text).await.body;
        assert!(!text.contains('→') && text.contains("added"), "{text}");
    }
    // A receipt is whole or not at all: for who runs the policy again.
    ask("lakeside", "receipt").await.problem("A103");
    assert_eq!(ask("riverside", "receipt").await.status, StatusCode::OK);
    // A proof tells where an entry stands, and nothing of what it commits to.
    assert_eq!(ask("lakeside", "proof").await.status, StatusCode::OK);
    // What brought an outcome about is told to who is a party to it.
    for (who, told) in [("harbor", true), ("riverside", true), ("lakeside", false)] {
        let history = ask(who, "history").await.json();
        let outcomes = history["outcomes"].as_array().unwrap();
        assert_eq!(outcomes.len(), 2, "{who}: {history:#}");
        let by = if told { json!(act) } else { json!(null) };
        assert_eq!(outcomes[0]["taken_back"]["by"], by, "{who}");
        assert_eq!(outcomes[1]["by"], by, "{who}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_shown_is_not_entered() {
    let fixture = Fixture::idle(1, tally::api::Bounds::default()).await;
    let body = fixture.ask(post("k", &claim("A-1", "180.00")).by("riverside"));
    let claim = first(&body.await.json());
    let path = format!("/claims/{claim}");
    for part in ["eob", "remittance", "receipt", "proof", "explanation"] {
        let path = format!("{path}/{part}");
        let answer = fixture.get("riverside", &path).await;
        answer.problem("A108");
        assert_eq!(answer.header("reading-receipt"), "", "{part}");
        fixture.get("lakeside", &path).await.problem("A104");
    }
    assert!(entered(&fixture).await.is_empty());
    // That it waits is shown.
    for part in ["", "/history"] {
        let answer = fixture.get("riverside", &format!("{path}{part}")).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(entered(&fixture).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_noted_of_the_claims_that_it_shows() {
    let fixture = Fixture::new().await;
    let one = first(
        &fixture
            .settle("riverside", "k", &claim("A-1", "180.00"))
            .await,
    );
    let other = claim_of("A-2", MEMBER, "2026-02-12", "150.00");
    fixture.settle("riverside", "k2", &other).await;
    let mut replacement = claim("A-1", "150.00");
    replacement["frequency"] = json!("replacement");
    replacement["replaces"] = json!(one);
    let new = first(&fixture.settle("riverside", "k3", &replacement).await);
    fixture
        .get("harbor", &format!("/claims/{new}/history"))
        .await;
    let noted = fixture.noted("harbor").await;
    let of = |claim: &String| ("api:history".to_owned(), claim.clone());
    assert_eq!(noted, [of(&new), of(&one)]);
}

/// Lists enter nothing: what they show is what an organisation reads by right, for payment.
#[tokio::test(flavor = "multi_thread")]
async fn what_lists_show_may_be_read_one_by_one() {
    let (fixture, own) = start().await;
    // Riverside sends it, and lakeside's provider bills it.
    let mut sent = claim_of("A-2", MEMBER, "2026-02-12", "150.00");
    sent["billing"] = json!("2000001372");
    let sent = first(&fixture.settle("riverside", "k2", &sent).await);
    // It waits for ever: nobody is enrolled under that name.
    let stranger = claim_of("X-1", "NOBODY", "2026-02-10", "70.00");
    fixture.settle("riverside", "k3", &stranger).await;
    fixture.pay().await;

    let told = |list: &serde_json::Value, part: &str| -> Vec<String> {
        let claims = list[part].as_array().unwrap().iter();
        let claims = claims.filter_map(|of| of["claim"].as_str());
        claims.map(str::to_owned).collect()
    };
    for (who, shown) in [
        ("riverside", vec![&own, &sent]),
        ("lakeside", vec![&sent]),
        ("siu", vec![]),
        ("trust", vec![]),
    ] {
        let mut claims = told(&fixture.get(who, "/claims").await.json(), "claims");
        let remitted = fixture.get(who, "/remittances").await.json();
        for of in remitted["remittances"].as_array().unwrap() {
            claims.extend(told(of, "claims"));
        }
        for payee in ["", "?payee=2000001372"] {
            let listed = fixture.get(who, &format!("/payments{payee}")).await.json();
            for of in listed["payments"].as_array().unwrap() {
                let trace = of["trace"].as_str().unwrap();
                let payment = fixture.get(who, &format!("/payments/{trace}")).await;
                claims.extend(told(&payment.json(), "told"));
            }
        }
        let before = entered(&fixture).await.len();
        for claim in &claims {
            for part in ["", "/remittance"] {
                let path = format!("/claims/{claim}{part}");
                let status = read(&fixture, who, &path, "HPAYMT").await.status;
                assert!(
                    status.is_success() || status == StatusCode::CONFLICT,
                    "{who} {path}"
                );
            }
        }
        assert_eq!(entered(&fixture).await.len() > before, !claims.is_empty());
        for of in shown {
            assert!(claims.contains(of), "{who}");
        }
    }
}

/// A connection of its own to the node's store, which nobody else writes to until it commits.
async fn alone(fixture: &Fixture) -> sqlx::SqliteConnection {
    let file = fixture.folder().join("node.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut alone = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut alone)
        .await
        .unwrap();
    alone
}

/// What `asks` is answered when this is stated after it was decided, and before it is entered:
/// whoever asks has to note it first, and waits for that.
async fn meanwhile(
    fixture: &Fixture,
    asks: impl Future<Output = Answer>,
    of: &[u8],
    entry: &Entry,
) -> Answer {
    let mut alone = alone(fixture).await;
    let states = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        sqlx::query("INSERT INTO statement (id, kind, about, entry) SELECT max(id) + 1, ?, ?, ? FROM statement")
            .bind(i64::from(entry.kind()))
            .bind(of)
            .bind(entry.to_canon())
            .execute(&mut alone)
            .await
            .unwrap();
        let waits = "INSERT INTO outbox (statement, entry) SELECT id, entry FROM statement ORDER BY id DESC LIMIT 1; COMMIT";
        sqlx::raw_sql(waits).execute(&mut alone).await.unwrap();
    };
    tokio::join!(asks, states).0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_while_it_is_read_is_not_read() {
    let (fixture, claim) = start().await;
    let path = format!("/claims/{claim}");
    let lakeside = |path: &str| {
        let ask = get(path).by("lakeside").with("purpose-of-use", "TREAT");
        fixture.ask(ask)
    };
    let group = Group {
        keeper: id("harbor-health"),
        name: "team".into(),
    };
    let wide = grant(&fixture).await;
    let narrow = Grant {
        scope: Scope {
            claim: ClaimId::parse(&claim),
            ..Scope::all()
        },
        ..wide.clone()
    };
    let to_group = Grant {
        to: Grantee::Group(group.clone()),
        ..wide.clone()
    };
    let membership = Membership {
        group,
        organisation: id("lakeside"),
        from: day("2026-03-01"),
        through: day("2026-03-31"),
    };
    let [narrow, to_group] = [narrow, to_group].map(Bestowal::Access);
    let narrow = bestow(&fixture, narrow).await;
    bestow(&fixture, to_group).await;
    let membership = bestow(&fixture, Bestowal::Membership(membership)).await;

    // By another grant that stands it is read still, and by that; by none it is not.
    let revoked = |grant| Entry::Revoked { grant };
    let answer = meanwhile(&fixture, lakeside(&path), &narrow, &revoked(narrow)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(!answer.header("reading-receipt").is_empty());
    let gone = meanwhile(&fixture, lakeside(&path), &membership, &revoked(membership)).await;
    gone.problem("A104");
    assert!(gone.header("reading-receipt").is_empty());
    assert_eq!(refusals(&fixture, "lakeside").await, ["A114"]);

    // The same of what is erased, by whatever right it is read.
    let erased = Entry::Erased {
        index: 1,
        ground: Ground::Order,
    };
    let of = ClaimId::parse(&claim).unwrap();
    let asks = fixture.get("riverside", &path);
    let gone = meanwhile(&fixture, asks, &of.0, &erased).await;
    gone.problem("A109");

    let (granted, revoked) = (kind::GRANTED, kind::REVOKED);
    assert_eq!(
        entered(&fixture).await,
        [granted, granted, granted, revoked, kind::READ, revoked]
    );
}
