//! Claims that stand at one place, or change together: an answer shows of them what who asks
//! could read one by one, and what it shows is noted and entered, and nothing else.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tally_core::claim::ClaimId;
use tally_core::ledger::access::{Bestowal, Purpose, Scope};
use tally_store::port::Reading as _;

use super::consents::{bestow, grant, read};
use super::fixture::{
    Answer, Ask, FHIR, Fixture, JSON, MEMBER, X12, ask, claim, claim_of, day, first, get,
};

/// What lakeside's provider is known by.
const LAKESIDE: &str = "2000001372";

/// A claim that riverside sends and, where that is said, lakeside's provider rendered.
fn sent(charge: &str, is_rendered: bool) -> Value {
    let mut claim = claim("A-1", charge);
    if is_rendered {
        claim["lines"][0]["rendering"] = json!(LAKESIDE);
    }
    claim
}

/// Another claim of the family, of lakeside's own.
fn others() -> Value {
    let mut other = claim_of("L-1", MEMBER, "2026-02-12", "150.00");
    other["billing"] = json!(LAKESIDE);
    other
}

/// A node with a claim that riverside sent and was paid, and the one that replaced it a day
/// later; beside a claim of lakeside's of the same family, which changed with them.
async fn replaced([old, new]: [Value; 2]) -> (Fixture, [String; 3]) {
    let fixture = Fixture::new().await;
    let one = first(&fixture.settle("riverside", "k1", &old).await);
    let other = first(&fixture.settle("lakeside", "k2", &others()).await);
    assert!(!fixture.pay().await.is_empty());
    fixture.node.clock().set(day("2026-03-03"));
    let mut new = new;
    new["frequency"] = json!("replacement");
    new["replaces"] = json!(one);
    let two = first(&fixture.settle("riverside", "k3", &new).await);
    (fixture, [one, two, other])
}

fn of_kind(path: &str, kind: &str) -> Ask {
    get(path).with("accept", kind)
}

fn void(claim: &str) -> Ask {
    ask("POST", &format!("/claims/{claim}/void"))
}

fn remittance(claim: &str) -> String {
    format!("/claims/{claim}/remittance")
}

/// The claims whose readings are on the ledger, of one organisation: each as often as it is.
async fn entered(fixture: &Fixture, who: &str) -> Vec<String> {
    let readings = fixture.node.readings_of_member(MEMBER).await.unwrap();
    let by = |of: &&tally::node::consent::ReadingRead| of.reading.reader.as_str() == who;
    let claims = readings.iter().filter(by).map(|of| of.reading.claim);
    let mut claims: Vec<String> = claims.map(|claim| claim.to_string()).collect();
    claims.sort();
    claims
}

fn sorted<const N: usize>(claims: [&String; N]) -> Vec<String> {
    let mut claims: Vec<String> = claims.into_iter().cloned().collect();
    claims.sort();
    claims
}

/// The claims that an answer says it has a receipt of having read, each of which is there.
async fn receipts(fixture: &Fixture, who: &str, answer: &Answer) -> Vec<String> {
    let mut claims = Vec::new();
    for at in answer.headers.get_all("reading-receipt") {
        let at = at.to_str().unwrap().strip_prefix(tally::api::ROOT).unwrap();
        assert_eq!(fixture.get(who, at).await.status, StatusCode::OK, "{at}");
        claims.push(at.split('/').nth(2).unwrap().to_owned());
    }
    claims
}

/// The actions that were noted of an organisation from an entry on, and of what.
async fn noted(fixture: &Fixture, who: &str, from: usize) -> Vec<(String, String)> {
    fixture.noted(who).await.split_off(from)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remittance_is_told_whole_to_who_may_read_all_of_it() {
    for rendered in [[true, false], [false, true]] {
        let claims = [sent("180.00", rendered[0]), sent("150.00", rendered[1])];
        let (fixture, [old, new, other]) = replaced(claims).await;
        let (mine, not_mine) = if rendered[0] {
            (&old, &new)
        } else {
            (&new, &old)
        };
        let alone = async |claim: &str| {
            let path = format!("/claims/{claim}");
            fixture.get("lakeside", &path).await.status
        };
        assert_eq!(alone(mine).await, StatusCode::OK);
        assert_eq!(alone(not_mine).await, StatusCode::NOT_FOUND);

        // One of the two may not be read: there is no remittance of both.
        let before = fixture.noted("lakeside").await.len();
        for kind in [JSON, X12] {
            let asked = of_kind(&remittance(mine), kind).by("lakeside");
            let answer = fixture.ask(asked).await;
            let refused = answer.problem("A103");
            let detail = refused["detail"].as_str().unwrap();
            assert!(detail.contains("may not read all of them"), "{detail}");
            assert!(!answer.body.contains(not_mine.as_str()), "{}", answer.body);
            assert_eq!(answer.header("reading-receipt"), "");
        }
        let asked = of_kind(&remittance(mine), FHIR).by("lakeside");
        let answer = fixture.ask(asked).await;
        assert_eq!(answer.json()["id"], mine.as_str(), "{}", answer.body);
        assert!(!answer.body.contains(not_mine.as_str()), "{}", answer.body);
        fixture
            .get("lakeside", &remittance(not_mine))
            .await
            .problem("A104");
        let read = |claim: &String| ("api:remittance".to_owned(), claim.clone());
        let denied = || ("access-denied:A104".to_owned(), not_mine.clone());
        assert_eq!(
            noted(&fixture, "lakeside", before).await,
            [
                read(mine),
                denied(),
                read(mine),
                denied(),
                read(mine),
                denied()
            ]
        );
        // The claim alone, and its answer in FHIR.
        assert_eq!(entered(&fixture, "lakeside").await, sorted([mine, mine]));

        // Who sent both is told of both, and both readings are entered.
        for (kind, asked, with) in [(JSON, &old, &new), (X12, &new, &old)] {
            let before = fixture.noted("riverside").await.len();
            let asking = of_kind(&remittance(asked), kind).by("riverside");
            let answer = fixture.ask(asking).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            for claim in [&old, &new] {
                assert!(answer.body.contains(claim.as_str()), "{}", answer.body);
            }
            assert!(!answer.body.contains(other.as_str()), "{}", answer.body);
            assert_eq!(
                noted(&fixture, "riverside", before).await,
                [read(asked), read(with)]
            );
            let read = receipts(&fixture, "riverside", &answer).await;
            assert_eq!(read, [asked.clone(), with.clone()]);
        }
        let both_twice = sorted([&old, &old, &new, &new]);
        assert_eq!(entered(&fixture, "riverside").await, both_twice);

        // The payer is told, and enters nothing.
        let before = fixture.noted("harbor").await.len();
        let answer = fixture.get("harbor", &remittance(&new)).await;
        assert_eq!(answer.json()["reversed"][0]["claim"], old.as_str());
        assert_eq!(answer.header("reading-receipt"), "");
        let noted = noted(&fixture, "harbor", before).await;
        assert_eq!(noted, [read(&new), read(&old)]);

        // Of what was paid each is told of its own claim.
        assert!(!fixture.pay().await.is_empty());
        let answer = fixture.get("lakeside", &remittance(mine)).await;
        assert_eq!(answer.json()["made"], true, "{}", answer.body);
        assert!(!answer.body.contains(not_mine.as_str()), "{}", answer.body);
        let read = receipts(&fixture, "lakeside", &answer).await;
        assert_eq!(read, std::slice::from_ref(mine));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_of_one_claim_is_none_of_what_replaced_it() {
    let (fixture, [old, new, _]) = replaced(["180.00", "150.00"].map(|of| sent(of, false))).await;
    let pays = async |scope: Scope| {
        let mut grant = grant(&fixture).await;
        (grant.purposes, grant.scope) = (vec![Purpose::Payment], scope);
        bestow(&fixture, Bestowal::Access(grant)).await
    };
    pays(Scope {
        claim: ClaimId::parse(&old),
        ..Scope::all()
    })
    .await;
    let path = remittance(&old);
    fixture.get("lakeside", &path).await.problem("A103");
    assert!(entered(&fixture, "lakeside").await.is_empty());
    let history = format!("/claims/{old}/history");
    let cut = fixture.get("lakeside", &history).await.json();
    assert_eq!(cut["outcomes"].as_array().unwrap().len(), 1, "{cut:#}");
    assert_eq!(entered(&fixture, "lakeside").await, sorted([&old]));

    pays(Scope::all()).await;
    let answer = fixture.get("lakeside", &path).await;
    assert_eq!(answer.json()["claims"][0]["claim"], new.as_str());
    let read = receipts(&fixture, "lakeside", &answer).await;
    assert_eq!(read, [old.clone(), new.clone()]);
    let answer = fixture.get("lakeside", &history).await;
    assert_eq!(answer.json()["outcomes"].as_array().unwrap().len(), 2);
    let read = receipts(&fixture, "lakeside", &answer).await;
    assert_eq!(read, [old.clone(), new.clone()]);
    // For treatment neither is granted.
    read_for_treatment(&fixture, &path).await;
}

async fn read_for_treatment(fixture: &Fixture, path: &str) {
    let answer = read(fixture, "lakeside", path, "TREAT").await;
    answer.problem("A104");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_shows_what_may_be_read_for_what_it_is_read_for() {
    let billed = ["180.00", "150.00"].map(|charge| {
        let mut claim = sent(charge, false);
        claim["billing"] = json!(LAKESIDE);
        claim
    });
    let (fixture, [old, new, _]) = replaced(billed).await;
    let shown = async |who: &str, claim: &str, purpose: Purpose| {
        let path = format!("/claims/{claim}/history");
        let answer = read(&fixture, who, &path, purpose.code()).await;
        let outcomes = answer.json()["outcomes"].as_array().unwrap().clone();
        let claims = outcomes.iter().map(|of| of["claim"].as_str().unwrap());
        let claims: Vec<String> = claims.map(str::to_owned).collect();
        let read = receipts(&fixture, who, &answer).await;
        let (of, read): (BTreeSet<_>, BTreeSet<_>) =
            (claims.iter().collect(), read.iter().collect());
        assert_eq!(of, read, "{who}");
        claims
    };
    let both = [old.clone(), new.clone()];
    // Whose provider billed, whoever sent them.
    assert_eq!(shown("lakeside", &new, Purpose::Treatment).await, both);
    assert_eq!(shown("riverside", &old, Purpose::Payment).await, both);
    // Who sent them reads for payment; for anything else it is granted one.
    let mut granted = grant(&fixture).await;
    granted.to =
        tally_core::ledger::access::Grantee::Organisations(vec![super::consents::id("riverside")]);
    granted.purposes = vec![Purpose::Operations];
    granted.scope.claim = ClaimId::parse(&old);
    bestow(&fixture, Bestowal::Access(granted)).await;
    assert_eq!(shown("riverside", &old, Purpose::Operations).await, [old]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_tells_of_what_it_changed_and_may_be_read() {
    let fixture = Fixture::new().await;
    // All of one provider, whoever bills: they move the same balances.
    let of = |control: &str, on: &str, billing: &str| {
        let mut claim = claim_of(control, MEMBER, on, "150.00");
        claim["billing"] = json!(billing);
        claim["lines"][0]["rendering"] = json!(LAKESIDE);
        claim
    };
    let send = async |who: &str, claim: Value| {
        let key = claim["control_number"].as_str().unwrap().to_owned();
        first(&fixture.settle(who, &key, &claim).await)
    };
    let before = send("riverside", of("A-0", "2026-02-01", "1234567893")).await;
    let one = send("riverside", of("A-1", "2026-02-02", "1234567893")).await;
    let other = send("lakeside", of("L-1", "2026-02-03", LAKESIDE)).await;
    let mine = send("riverside", of("A-2", "2026-02-04", LAKESIDE)).await;

    let noted_before = fixture.noted("riverside").await.len();
    let answer = fixture.ask(void(&one).by("riverside")).await;
    let body = answer.json();
    assert_eq!(body["status"], "done", "{body:#}");
    let changed: BTreeSet<&str> = body["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["reversed"]["claim"].as_str().unwrap())
        .collect();
    assert_eq!(changed, BTreeSet::from([one.as_str(), mine.as_str()]));
    let noted = noted(&fixture, "riverside", noted_before).await;
    let read: BTreeSet<&str> = noted
        .iter()
        .filter(|(action, _)| action == "api:void")
        .map(|(_, subject)| subject.as_str())
        .collect();
    assert_eq!(read, changed);
    for claim in [&before, &other] {
        assert!(
            !noted.iter().any(|(_, subject)| subject == claim),
            "{noted:?}"
        );
    }
    let mut read = receipts(&fixture, "riverside", &answer).await;
    read.sort();
    assert_eq!(read, sorted([&one, &mine]));
    assert_eq!(entered(&fixture, "riverside").await, read);

    // For treatment riverside reads what its provider billed, and not what it only sent.
    let answer = void(&one).by("riverside").with("purpose-of-use", "TREAT");
    let answer = fixture.ask(answer).await;
    let body = answer.json();
    assert_eq!(body["changes"].as_array().unwrap().len(), 1, "{body:#}");
    assert_eq!(body["changes"][0]["reversed"]["claim"], one.as_str());
    assert_eq!(receipts(&fixture, "riverside", &answer).await, [one]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_reckoned_with_is_not_noted() {
    let (fixture, [old, new, other]) =
        replaced(["180.00", "150.00"].map(|of| sent(of, false))).await;
    // The list is of what came since, and tells of what that replaced.
    let before = fixture.noted("riverside").await.len();
    let list = fixture
        .get("riverside", "/remittances?since=2026-03-03")
        .await;
    let told = &list.json()["remittances"][0];
    assert_eq!(told["reversed"][0]["claim"], old.as_str(), "{told:#}");
    assert_eq!(told["claims"][0]["claim"], new.as_str());
    let listed = |claim: &String| ("api:remittances".to_owned(), claim.clone());
    let noted_of = noted(&fixture, "riverside", before).await;
    assert_eq!(noted_of, [listed(&new), listed(&old)]);

    // Lakeside's was decided anew when the other was replaced: a payment of it is its own.
    let traces = fixture.pay().await;
    for (who, own) in [("riverside", vec![&old, &new]), ("lakeside", vec![&other])] {
        for trace in &traces {
            let before = fixture.noted(who).await.len();
            let path = format!("/payments/{trace}");
            let answer = fixture.get(who, &path).await;
            if answer.status == StatusCode::NOT_FOUND {
                continue;
            }
            let noted = noted(&fixture, who, before).await;
            let read = noted.iter().filter(|(action, _)| action == "api:payment");
            let read: BTreeSet<&String> = read.map(|(_, subject)| subject).collect();
            let expected = own.iter().copied().chain([trace]);
            assert_eq!(read, expected.collect::<BTreeSet<_>>(), "{who}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn which_act_of_other_care_overtook_an_appeal_is_not_named() {
    let fixture = Fixture::new().await;
    let other = first(&fixture.settle("lakeside", "k1", &others()).await);
    let own = first(
        &fixture
            .settle("riverside", "k2", &sent("180.00", true))
            .await,
    );
    let path = format!("/claims/{own}/appeals");
    let filing = ask("POST", &path)
        .with("content-type", JSON)
        .body(json!({ "reason": "the visit took longer" }).to_string());
    let filed = fixture.ask(filing.by("riverside")).await;
    assert_eq!(filed.status, StatusCode::CREATED, "{}", filed.body);
    let act = fixture.ask(void(&other).by("lakeside")).await.json()["act"].clone();
    for (who, named) in [("riverside", &Value::Null), ("harbor", &act)] {
        let appeals = fixture.get(who, &path).await.json();
        let changed = &appeals["appeals"][0]["changed"];
        assert_eq!(&changed["by"], named, "{who}: {appeals:#}");
        assert_eq!(changed["on"], "2026-03-02");
    }
}

/// Appeals are the claim's: who may read it may read them, and that they were read is entered.
#[tokio::test(flavor = "multi_thread")]
async fn appeals_are_read_as_their_claim_is() {
    let fixture = Fixture::new().await;
    let [mut billed, mut none] = ["A-1", "A-2"].map(|control| claim(control, "180.00"));
    billed["billing"] = json!(LAKESIDE);
    none["lines"][0]["from"] = json!("2026-02-11");
    let of = async |key: &str, claim: &Value| {
        let id = first(&fixture.settle("riverside", key, claim).await);
        let filing = ask("POST", &format!("/claims/{id}/appeals"))
            .with("content-type", JSON)
            .body(json!({ "reason": "the visit took longer" }).to_string());
        let filed = fixture.ask(filing.by("riverside")).await;
        assert_eq!(filed.status, StatusCode::CREATED, "{}", filed.body);
        id
    };
    let (billed, none) = (of("k1", &billed).await, of("k2", &none).await);
    // What it wrote itself is no reading of the claim.
    assert!(entered(&fixture, "riverside").await.is_empty());

    let path = |claim: &str| format!("/claims/{claim}/appeals");
    let noted_of = |claim: &String| ("api:appeals".to_owned(), claim.clone());
    for who in ["lakeside", "riverside"] {
        let before = fixture.noted(who).await.len();
        let answer = fixture.get(who, &path(&billed)).await;
        let reason = &answer.json()["appeals"][0]["reason"];
        assert_eq!(reason, "the visit took longer", "{who}");
        assert_eq!(noted(&fixture, who, before).await, [noted_of(&billed)]);
        let read = receipts(&fixture, who, &answer).await;
        assert_eq!(read, std::slice::from_ref(&billed));
        assert_eq!(entered(&fixture, who).await, sorted([&billed]));
    }
    // The payer's own is not entered.
    let answer = fixture.get("harbor", &path(&billed)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("reading-receipt"), "");

    // To nobody else, but by a grant, for what it is of.
    for who in ["lakeside", "siu"] {
        let before = fixture.noted(who).await.len();
        fixture.get(who, &path(&none)).await.problem("A104");
        let denied = noted(&fixture, who, before).await;
        assert_eq!(denied.len(), 1, "{denied:?}");
        assert!(denied[0].0.starts_with("access-denied:"), "{denied:?}");
    }
    let mut granted = grant(&fixture).await;
    granted.purposes = vec![Purpose::Treatment, Purpose::Payment];
    bestow(&fixture, Bestowal::Access(granted)).await;
    let answer = read(&fixture, "lakeside", &path(&none), "TREAT").await;
    answer.problem("A103");
    assert_eq!(entered(&fixture, "lakeside").await, sorted([&billed]));
    let answer = fixture.get("lakeside", &path(&none)).await;
    let shown = answer.json();
    assert_eq!(shown["appeals"][0]["status"], "filed", "{shown:#}");
    // It is not the one who may appeal it.
    assert_eq!(shown["next"], Value::Null);
    let read = receipts(&fixture, "lakeside", &answer).await;
    assert_eq!(read, std::slice::from_ref(&none));
    assert_eq!(
        entered(&fixture, "lakeside").await,
        sorted([&billed, &none])
    );
}

/// Who bills is known of a claim that was erased, as who sent it is.
#[tokio::test(flavor = "multi_thread")]
async fn whose_provider_billed_is_told_that_its_claim_was_erased() {
    let fixture = Fixture::new().await;
    let body = fixture.settle("riverside", "k1", &others()).await;
    let id = first(&body);
    let row = fixture.node.store().claim(ClaimId::parse(&id).unwrap());
    let record = row.await.unwrap().unwrap().sealed.record;
    fixture.node.vault().destroy(record).await.unwrap();
    let path = format!("/claims/{id}");
    for (who, code) in [("riverside", "A109"), ("lakeside", "A109"), ("siu", "A104")] {
        fixture.get(who, &path).await.problem(code);
    }
}
