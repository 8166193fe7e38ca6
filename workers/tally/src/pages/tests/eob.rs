//! The explanation of benefits against the view, the remittance and the FHIR
//! answer, and what a statement's page shows.

use std::fmt::Write as _;

use tally_core::adjudication::Outcome;
use tally_core::claim::Claim;
use tally_core::interchange::claim_response;
use tally_core::interchange::x12::{
    Address, Method, PatientName, Payee, Payer, Remittance, RemittedClaim, Stamp, remittance,
};
use tally_types::Money;

use super::*;
use crate::demo::generate::generate;
use crate::eob::member::MemberEob;
use crate::node::ClaimRead;
use crate::pages::show::encoded;

/// Harbor's first providers: in the network and out of it.
const INSIDE: &str = "2000001372";
const OUTSIDE: &str = "2000006850";

fn harbor(control: &str, billing: &str, lines: serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "format": "tallystick-claim/v1", "kind": "professional", "control_number": control,
        "member": "HB-1", "billing": billing, "diagnoses": ["J069"], "lines": lines,
    })
}

fn line(procedure: &str, charge: &str) -> serde_json::Value {
    serde_json::json!({ "procedure": procedure, "place": "11", "charge": charge, "from": "2026-02-10" })
}

impl Fixture {
    /// A Harbor member, and a claim of each kind that reads differently.
    pub(super) async fn harbor() -> Self {
        let fixture = Self::new(Vec::new()).await;
        let member = Member {
            id: "HB-1".to_owned(),
            name: "Robin Example".to_owned(),
            birth: day("1980-01-01"),
            death: None,
            sex: Sex::Unknown,
            relationship: Relationship::Subscriber,
            spans: vec![Span {
                product: "harbor-ppo".to_owned(),
                from: day("2024-01-01"),
                through: None,
            }],
            authorizations: Vec::new(),
        };
        let contract = Contract {
            id: "HB".to_owned(),
            inception: day("2024-01-01"),
            members: vec![member],
        };
        fixture.node.enrol(&contract, false).await.unwrap();
        let mut second = harbor(
            "SECOND",
            INSIDE,
            serde_json::json!([line("99213", "150.00")]),
        );
        second["lines"][0]["from"] = "2026-02-12".into();
        second["coordination"] = serde_json::json!({
            "sequence": 2, "patient_paid": "10.00",
            "others": [{
                "identifier": "OTHER-PLAN", "sequence": 1, "filing": "CI", "paid": "96.00",
                "decided": "2026-02-20",
            }],
        });
        second["lines"][0]["prior"] = serde_json::json!([{
            "payer": 1, "paid": "96.00",
            "adjustments": [
                { "group": "CO", "reason": "45", "amount": "30.00" },
                { "group": "PR", "reason": "2", "amount": "24.00" },
            ],
        }]);
        let mut unknown = harbor(
            "UNKNOWN",
            INSIDE,
            serde_json::json!([line("99213", "150.00")]),
        );
        unknown["member"] = "HB-2".into();
        let claims = serde_json::json!([
            harbor(
                "VISIT",
                INSIDE,
                serde_json::json!([line("99213", "150.00"), line("73562", "95.00")])
            ),
            harbor(
                "OUTSIDE",
                OUTSIDE,
                serde_json::json!([line("99213", "180.00")])
            ),
            harbor(
                "MIXED",
                INSIDE,
                serde_json::json!([
                    line("80053", "30.00"),
                    line("A9270", "25.00"),
                    line("70551", "900.00")
                ])
            ),
            harbor(
                "WAITS",
                INSIDE,
                serde_json::json!([line("E0260", "400.00")])
            ),
            second,
            unknown,
        ]);
        let submitted = fixture
            .node
            .submit(Delivery::local(claims.to_string().as_bytes(), None))
            .await
            .unwrap();
        assert_eq!(submitted.refusals, Vec::new());
        fixture.node.drain(&|_| ()).await.unwrap();
        fixture
    }

    async fn reads(&self) -> Vec<ClaimRead> {
        let all = ClaimFilter::default();
        self.node.read_claims(&all, "test").await.unwrap()
    }

    /// The explanation of the claim of a control number, tags and all.
    pub(super) async fn eob(&self, control: &str) -> String {
        let reads = self.reads().await;
        let read = reads.iter().find(|r| r.claim.control_number == control);
        let path = format!("/claims/{}/eob", read.unwrap().row.id);
        let page = self.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{control}");
        page.body
    }
}

/// What stands between tags, a word apart.
fn words(body: &str) -> String {
    let mut text = String::new();
    let article = body.split_once("<article").unwrap().1;
    for piece in article.split_once("</article>").unwrap().0.split('<') {
        let shown = piece.split_once('>').map_or("", |(_, shown)| shown);
        if !shown.trim().is_empty() {
            let _ = writeln!(text, "{}", shown.trim());
        }
    }
    text
}

fn cents(text: &str) -> i64 {
    Money::parse(text).unwrap().scaled()
}

/// The sums of a claim's payment in the remittance: charge, paid, patient, and
/// the adjustments of each group (CLP03, CLP04, CLP05, CAS).
fn remitted(claim: &Claim, outcome: &Outcome) -> (i64, i64, i64, BTreeMap<String, i64>) {
    let address = Address {
        street: "1 Example Street",
        city: "Example",
        state: "NY",
        zip: "100010000",
    };
    let made = remittance(&Remittance {
        payer: Payer {
            name: "EXAMPLE PLAN",
            id: "12345",
            tax: "123456789",
            address,
            telephone: "8005550100",
        },
        payee: Payee {
            name: "EXAMPLE PROVIDER",
            id: "1",
            npi: "1234567893",
            tax: "",
            address,
        },
        method: Method::Cheque,
        stamp: Stamp {
            date: day("2026-03-02"),
            time: "1200",
            control: 1,
            trace: "1",
        },
        claims: &[RemittedClaim::new(
            claim,
            outcome,
            PatientName {
                family: "EXAMPLE",
                given: "ROBIN",
            },
        )],
        adjustments: &[],
        brought: &[],
        recovered: &[],
    });
    let text = made.unwrap_or_else(|error| panic!("{error}")).text;
    let mut sums = (0, 0, 0, BTreeMap::new());
    for segment in text.split('~') {
        let elements: Vec<&str> = segment.trim().split('*').collect();
        let number = |at: usize| match elements.get(at).copied().unwrap_or_default() {
            "" => 0,
            text => cents(text),
        };
        match elements[0] {
            "CLP" => (sums.0, sums.1, sums.2) = (number(3), number(4), number(5)),
            "CAS" => {
                let amounts: i64 = (3..elements.len()).step_by(3).map(number).sum();
                *sums.3.entry(elements[1].to_owned()).or_insert(0) += amounts;
            }
            _ => {}
        }
    }
    sums
}

/// The totals of the answer, by category.
fn answered(claim: &Claim, outcome: &Outcome) -> BTreeMap<String, i64> {
    let text = claim_response(claim, outcome, payer("").in_fhir(), day("2026-03-02"), None);
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let totals = answer["total"].as_array().unwrap();
    totals
        .iter()
        .map(|total| {
            let category = total["category"]["coding"][0]["code"].as_str().unwrap();
            let amount = total["amount"]["value"].to_string();
            (category.to_owned(), cents(&amount))
        })
        .collect()
}

/// Page, view, remittance and FHIR answer say the same of a claim, to the cent.
async fn agree(fixture: &Fixture, read: &ClaimRead) -> bool {
    let book = fixture.node.book().await.unwrap();
    let view = ClaimView::of(read, &book);
    let eob = MemberEob::of(&view);
    let page = fixture.get(&format!("/claims/{}/eob", view.claim)).await;
    assert_eq!(page.status, StatusCode::OK);
    check_html(&view.claim, &page.body);
    let shown = words(&page.body);
    assert_eq!(eob.totals.billed.to_string(), view.charge);
    assert!(shown.contains(&super::super::eob::dollars(eob.totals.billed)));
    let (Some(outcome), true) = (&read.outcome, eob.decided) else {
        assert!(shown.contains("has not decided yet"), "{shown}");
        return false;
    };
    let totals = &eob.totals;
    assert!(totals.balance());
    assert!(eob.services.iter().all(|service| service.shares.balance()));
    // The view's JSON is what `tally claim eob --json` prints.
    let json = serde_json::to_value(&view).unwrap();
    for (ours, name) in [
        (totals.billed, "charge"),
        (totals.paid, "paid"),
        (totals.owed, "patient"),
    ] {
        assert_eq!(json[name], ours.to_string(), "{name}");
    }
    for amount in [totals.billed, totals.discount, totals.paid, totals.owed] {
        assert!(
            shown.contains(&super::super::eob::dollars(amount)),
            "{amount}"
        );
    }
    let owed = format!("You may owe\n{}", super::super::eob::dollars(totals.owed));
    assert!(shown.contains(&owed), "{owed}");
    let (charge, paid, patient, groups) = remitted(&read.claim, outcome);
    assert_eq!(totals.billed.scaled(), charge);
    assert_eq!(totals.paid.scaled(), paid);
    assert_eq!(totals.owed.scaled(), patient);
    assert_eq!(totals.owed.scaled(), groups.get("PR").copied().unwrap_or(0));
    let rest: i64 = groups
        .iter()
        .filter(|(group, _)| *group != "PR")
        .map(|(_, sum)| sum)
        .sum();
    let ours = totals.discount.scaled() + totals.refused.scaled() + totals.other.scaled();
    assert_eq!(ours, rest);
    let answer = answered(&read.claim, outcome);
    assert_eq!(answer["submitted"], charge);
    assert_eq!(answer["benefit"], paid);
    assert_eq!(answer.get("memberliability").copied().unwrap_or(0), patient);
    true
}

#[tokio::test]
async fn page_view_remittance_and_answer_agree() {
    let fixture = Fixture::harbor().await;
    let reads = fixture.reads().await;
    let mut decided = 0;
    for read in &reads {
        decided += usize::from(agree(&fixture, read).await);
    }
    assert_eq!((decided, reads.len()), (5, 6));
}

#[tokio::test]
async fn the_demos_claims_agree() {
    let fixture = Fixture::new(Vec::new()).await;
    let population = generate(3, 120);
    for contract in &population.contracts {
        fixture.node.enrol(contract, false).await.unwrap();
    }
    for file in &population.files {
        let delivery = Delivery::local(&file.bytes, None);
        fixture.node.submit(delivery).await.unwrap();
    }
    fixture.node.drain(&|_| ()).await.unwrap();
    let mut decided = 0;
    for read in &fixture.reads().await {
        decided += usize::from(agree(&fixture, read).await);
    }
    assert!(decided > 80, "only {decided} claims were decided");
}

/// Without levels in the configuration no number is told: none is known.
#[tokio::test]
async fn no_number_of_days_is_made_up() {
    let mut fixture = Fixture::harbor().await;
    fixture.router = crate::pages::router(
        Arc::clone(&fixture.node),
        payer(""),
        Default::default(),
        None,
    );
    let body = fixture.eob("VISIT").await;
    assert!(body.contains("You may appeal") && body.contains("somebody independent"));
    for number in ["180", "72 hours", "month", "days of receiving"] {
        assert!(!body.contains(number), "{number}");
    }
}

#[tokio::test]
async fn what_a_member_reads() {
    let fixture = Fixture::harbor().await;
    let mut all = String::new();
    for control in ["VISIT", "OUTSIDE", "MIXED", "WAITS", "SECOND", "UNKNOWN"] {
        let body = fixture.eob(control).await;
        assert!(body.contains("This is not a bill"));
        for number in ["180 days", "72 hours", "4 months", "“external review”"] {
            assert_eq!(body.contains(number), control != "WAITS", "{number}");
        }
        let shown = words(&body);
        let kept: Vec<&str> = shown
            .lines()
            .take_while(|line| !line.starts_with("If you do not"))
            .collect();
        let _ = writeln!(all, "=== {control}\n{}\n", kept.join("\n"));
        // Words, not codes: of a reason there is no number.
        for code in ["CO 45", "PR 3", "OA 23", "CARC"] {
            assert!(!shown.contains(code), "{control} shows {code}");
        }
    }
    // Ids are the file's hash: the same on every run.
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn an_explanation_is_linked_and_noted() {
    let fixture = Fixture::harbor().await;
    let id = fixture.claims().await.remove(0);
    let page = fixture.get(&format!("/claims/{id}")).await;
    let to = format!("/claims/{id}/eob");
    assert!(page.links().contains(&to));
    fixture.get(&to).await;
    let noted = fixture.node.store().audit(1000).await.unwrap();
    assert!(
        noted
            .iter()
            .any(|row| row.action == "page:eob" && row.subject == id)
    );
    let none = fixture
        .get(&format!("/claims/{}/eob", "0".repeat(32)))
        .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

/// In family cover of a high deductible plan no member has a deductible of their
/// own, though what they bear is counted as if they were alone (Summit, clauses
/// 5.2 and 5.3, and its case `family-aggregate`).
#[tokio::test]
async fn an_aggregate_deductible_is_the_familys_alone() {
    let fixture = Fixture::new(Vec::new()).await;
    let contract = serde_json::json!({
        "format": "tallystick-contract/v1", "id": "S", "inception": "2026-01-01",
        "members": [
            {
                "id": "S-1", "name": "Robin Example", "birth": "1982-02-11", "sex": "female",
                "relationship": "subscriber",
                "spans": [{ "product": "summit-hdhp", "from": "2026-01-01" }],
                "authorizations": [{
                    "number": "A-1", "procedure": "29881", "from": "2026-01-01",
                    "through": "2026-12-31", "units": "1",
                }],
            },
            {
                "id": "S-2", "name": "Kim Example", "birth": "1981-05-03", "sex": "male",
                "relationship": "spouse",
                "spans": [{ "product": "summit-hdhp", "from": "2026-01-01" }],
            },
        ],
    });
    let contracts = tally_core::interchange::read_contracts(contract.to_string().as_bytes());
    for contract in contracts.unwrap() {
        fixture.node.enrol(&contract, false).await.unwrap();
    }
    let mut claim = harbor(
        "KNEE",
        "2000031510",
        serde_json::json!([line("29881", "2000.00")]),
    );
    claim["member"] = "S-1".into();
    let bytes = serde_json::json!([claim]).to_string();
    let delivery = Delivery::local(bytes.as_bytes(), None);
    fixture.node.submit(delivery).await.unwrap();
    fixture.node.drain(&|_| ()).await.unwrap();
    let shown = words(&fixture.eob("KNEE").await);
    assert!(shown.contains("You may owe\n$2,000.00"), "{shown}");
    let family =
        "Deductible\nthe family’s together\n$2,000.00\n$2,000.00 of it now\n$3,400.00\n$1,400.00";
    assert!(shown.contains(family), "{shown}");
    assert!(!shown.contains("Deductible\nthe patient’s own"), "{shown}");
    assert!(
        shown.contains("Out-of-pocket limit\nthe patient’s own"),
        "{shown}"
    );
}

/// What the last quarter carries over is in no balance of the new year: it is
/// said beside them (Harbor, clause 5.6).
#[tokio::test]
async fn what_is_carried_over_is_said() {
    let fixture = Fixture::harbor().await;
    fixture.node.clock().set(day("2027-02-01"));
    let image = |control: &str, on: &str| {
        let mut claim = harbor(
            control,
            "2000042475",
            serde_json::json!([line("76700", "165.00")]),
        );
        claim["lines"][0]["from"] = on.into();
        claim
    };
    let claims = serde_json::json!([image("AUTUMN", "2026-11-10"), image("WINTER", "2027-01-15"),]);
    let bytes = claims.to_string();
    let delivery = Delivery::local(bytes.as_bytes(), None);
    fixture.node.submit(delivery).await.unwrap();
    fixture.node.drain(&|_| ()).await.unwrap();
    let autumn = words(&fixture.eob("AUTUMN").await);
    assert!(!autumn.contains("From the year before"), "{autumn}");
    let winter = words(&fixture.eob("WINTER").await);
    for whose in ["the patient’s own", "the family’s together"] {
        let said = format!(
            "From the year before, $165.00 counts as well (In-network deductible, last quarter, {whose})"
        );
        assert!(winter.contains(&said), "{winter}");
    }
}

#[tokio::test]
async fn a_statements_page_has_every_posting() {
    let fixture = Fixture::harbor().await;
    let contract = fixture.node.read_contract("HB-1").await.unwrap().unwrap();
    let asked = crate::node::statement::Asked::default();
    let made = fixture
        .node
        .statement(&contract, "HB-1", asked)
        .await
        .unwrap();
    let page = fixture.get("/members/HB-1/statement").await;
    assert_eq!(page.status, StatusCode::OK);
    check_html("statement", &page.body);
    let entries: usize = made
        .accounts
        .iter()
        .map(|account| account.entries.len())
        .sum();
    assert!(entries > 4);
    assert_eq!(page.body.matches("data-label=\"Added\"").count(), entries);
    for account in &made.accounts {
        let balance =
            super::super::show::grouped(crate::view::amount(account.balance, account.unit));
        assert!(page.body.contains(&balance), "{balance}");
    }
    // Before the first service nothing was counted; a day that is none is said.
    let early = fixture
        .get("/members/HB-1/statement?as-of=2026-01-31")
        .await;
    assert!(early.body.contains("Nothing has accumulated by then."));
    let early = fixture
        .get("/members/HB-1/statement?known=2026-01-31")
        .await;
    assert!(early.body.contains("Nothing has accumulated by then."));
    let wrong = fixture.get("/members/HB-1/statement?known=soon").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let none = fixture.get("/members/nobody/statement").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    // A member id that is hard to put into an address.
    let hostile = Fixture::hostile().await;
    let page = hostile
        .get(&format!("/members/{}/statement", encoded(MEMBER)))
        .await;
    assert_eq!(page.status, StatusCode::OK);
    check_html("statement", &page.body);
}

/// Of a claim that was taken back nothing is counted, and nothing is to be appealed.
#[tokio::test]
async fn an_explanation_that_was_taken_back_says_so() {
    let fixture = Fixture::harbor().await;
    let before = fixture.eob("VISIT").await;
    assert!(before.contains("With this claim") && before.contains("You may appeal"));
    let reads = fixture
        .node
        .read_claims(&ClaimFilter::default(), "test")
        .await;
    let reads = reads.unwrap();
    let claim = reads
        .iter()
        .find(|read| read.claim.control_number == "VISIT");
    let id = claim.unwrap().row.id;
    fixture.node.void(id, crate::node::SUBMITTER).await.unwrap();
    fixture.node.drain(&|_| ()).await.unwrap();
    let page = fixture.get(&format!("/claims/{id}/eob")).await.body;
    assert!(page.contains("was taken back and stands no more"), "{page}");
    for gone in ["With this claim", "You may appeal", "Appeals are over"] {
        assert!(!page.contains(gone), "{gone}");
    }
}
