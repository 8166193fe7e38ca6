//! What a claim's page shows of its appeals.

use tally_core::appeal::Party;
use tally_core::claim::ClaimId;

use super::*;
use crate::node::{Deciding, Filing};

#[tokio::test]
async fn a_claim_shows_its_appeals_with_their_deadlines() {
    let fixture = Fixture::harbor().await;
    let filter = ClaimFilter::default();
    let reads = fixture.node.read_claims(&filter, "test").await.unwrap();
    let named = |control: &str| {
        let read = reads
            .iter()
            .find(|read| read.claim.control_number == control);
        read.unwrap().row.id
    };
    let claim = named("VISIT");
    let path = format!("/claims/{claim}");
    let before = fixture.get(&path).await.body;
    assert!(!before.contains("<h2>Appeals</h2>"));
    assert!(
        before.contains("An appeal at the level “internal” may be filed until 2026-08-29."),
        "{before}"
    );
    let eob = fixture.eob("VISIT").await;
    assert!(
        eob.contains("at the level “internal”, is 29 August 2026"),
        "{eob}"
    );
    let payer = payer(LEVELS);
    let file = async |claim: ClaimId, expedited| {
        let filing = Filing {
            claim,
            level: None,
            by: Party::Member,
            reason: HOSTILE,
            expedited,
            on: None,
        };
        let filed = fixture
            .node
            .file_appeal(payer.appeal.levels(), &filing)
            .await;
        filed.unwrap()
    };
    let first = file(claim, false).await;
    let open = fixture.get(&path).await.body;
    for shown in ["<h2>Appeals</h2>", "2026-05-01", "60 days left", ">filed<"] {
        assert!(open.contains(shown), "{shown}: {open}");
    }
    // What somebody wrote is no part of the page.
    assert!(!open.contains("onerror"));
    let eob = fixture.eob("VISIT").await;
    assert!(eob.contains("It is to be decided by 1 May 2026") && !eob.contains("The last day"));
    assert!(!eob.contains("You may appeal"), "{eob}");
    let listed = fixture.get("/appeals").await.body;
    for shown in [&path, "60 days left", "internal"] {
        assert!(listed.contains(shown), "{shown}: {listed}");
    }
    let overview = fixture.get("/").await.body;
    assert!(overview.contains("<a href=\"/appeals\">1 appeal waits</a>"));
    fixture.node.clock().set(day("2026-05-03"));
    let lapsed = fixture.get(&path).await.body;
    for shown in [">lapsed<", "2 days over", "“external review”", "2026-09-01"] {
        assert!(lapsed.contains(shown), "{shown}: {lapsed}");
    }
    let listed = fixture.get("/appeals").await.body;
    assert!(listed.contains("Of 1, the time is over"), "{listed}");
    let decided = fixture.node.decide_appeal(first, &Deciding::Upheld, "no");
    decided.await.unwrap();
    let upheld = fixture.get(&path).await.body;
    for shown in [">upheld<", "decided 2026-05-03", "2026-09-03"] {
        assert!(upheld.contains(shown), "{shown}: {upheld}");
    }
    // The first term is over, and nothing is said of it.
    let eob = fixture.eob("VISIT").await;
    let further = "Until 3 September 2026 you may go on to “external review”";
    assert!(eob.contains(further), "{eob}");
    assert!(!eob.contains("You may appeal") && !eob.contains("The last day"));
    fixture.node.clock().set(day("2026-09-04"));
    let eob = fixture.eob("VISIT").await;
    assert!(eob.contains("Appeals are over"), "{eob}");
    fixture.node.clock().set(day("2026-05-03"));
    let listed = fixture.get("/appeals").await.body;
    assert!(listed.contains("No appeal waits"), "{listed}");
    // What was due by the hour is over on its day.
    let urgent = file(named("MIXED"), true).await;
    let due = fixture.node.read_appeal(urgent, "test").await.unwrap();
    let due = due.appeal.due(fixture.node.moment());
    fixture.node.clock().set(due.day);
    let listed = fixture.get("/appeals").await.body;
    assert!(listed.contains("due today") || listed.contains("<small>over</small>"));
    fixture.node.clock().set(due.day.plus_days(1).unwrap());
    let listed = fixture.get("/appeals").await.body;
    assert!(listed.contains("1 day over"), "{listed}");
    // A claim that waits cannot be appealed.
    let waits = fixture.get(&format!("/claims/{}", named("WAITS"))).await;
    let (_, main) = waits.body.split_once("<main").unwrap();
    assert!(!main.contains("ppeal"), "{main}");
}
