//! A provider whose claims another sends, as a clearing house does: it runs them again all
//! the same, and who sent them does not.

use std::fs;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tally_core::claim::ClaimId;

use super::*;

/// What lakeside is known by in claims, as harbor's configuration says.
const BILLS: &str = "1234567893";
/// Of nobody that the configuration names: then it is who sent it.
const ANOTHER: &str = "1245319599";

fn claim(control: &str, billing: &str) -> Vec<u8> {
    serde_json::json!({
        "format": "tallystick-claim/v1", "kind": "professional", "member": "M-900001",
        "control_number": control, "billing": billing, "diagnoses": ["J069"],
        "lines": [{ "procedure": "99213", "place": "11", "charge": "120.00", "from": "2026-01-05" }],
    })
    .to_string()
    .into_bytes()
}

/// Sends harbor a claim of this billing provider; answers its id.
fn sent(by: &str, folder: &Path, control: &str, billing: &str) -> ClaimId {
    let secret = keys::secret(&folder.join(by), "signing.key");
    let client = Client::new(by, secret);
    let said = post_as(folder, &client, control, claim(control, billing));
    ClaimId::parse(said["claims"][0]["claim"].as_str().unwrap()).unwrap()
}

/// How often lakeside and riverside each entered that they agree with what a claim came to.
fn agreed(folder: &Path, claim: &ClaimId) -> [i64; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    ["lakeside", "riverside"].map(|provider| {
        let file = folder.join(provider).join("node.db");
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(file).read_only(true);
            let mut database = SqliteConnection::connect_with(&options).await.unwrap();
            let count =
                "SELECT count(*) FROM statement WHERE kind = 7 AND substr(about, 1, 16) = ?";
            let count = sqlx::query_scalar(count).bind(claim.0.to_vec());
            count.fetch_one(&mut database).await.unwrap()
        })
    })
}

#[test]
fn a_claim_that_a_clearing_house_sent_is_run_again_by_who_billed_it() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let network = serving(&folder, 6);
    stranded::press(&folder, "harbor-health", "stop");
    let config = folder.join("harbor-health/tally.toml");
    let text = fs::read_to_string(&config).unwrap();
    let payee = format!(
        "\n[[payee]]\nidentifier = \"{BILLS}\"\nname = \"LAKESIDE CLINICS\"\n\
         organisation = \"lakeside\"\n"
    );
    fs::write(&config, text + &payee).unwrap();
    stranded::press(&folder, "harbor-health", "start");
    until("harbor answers", || {
        status(&folder, "harbor-health").is_some()
    });
    let of = |organisation: &str, name: &str| {
        status(&folder, organisation).and_then(|of| of[name].as_u64())
    };
    let all_is_done = || {
        for provider in ["lakeside", "riverside"] {
            until("all is run again", || of(provider, "unchecked") == Some(0));
        }
    };
    all_is_done();

    // Lakeside bills it and riverside sends it: lakeside agrees, and riverside is shown nothing
    // that it could be run with.
    let one = sent("riverside", &folder, "R-1", BILLS);
    until("lakeside agrees", || agreed(&folder, &one) == [1, 0]);
    until("riverside is shown nothing", || {
        of("riverside", "withheld") == Some(1)
    });
    // What lakeside bills and sends is run again once.
    let two = sent("lakeside", &folder, "L-1", BILLS);
    until("lakeside agrees", || agreed(&folder, &two) == [1, 0]);
    // What is nobody's by the configuration is of who sends it.
    let three = sent("riverside", &folder, "R-2", ANOTHER);
    until("riverside agrees", || agreed(&folder, &three) == [0, 1]);
    all_is_done();
    let each = [&one, &two, &three].map(|claim| agreed(&folder, claim));
    assert_eq!(each, [[1, 0], [1, 0], [0, 1]]);
    assert_eq!(of("riverside", "withheld"), Some(1));
    assert_eq!(of("lakeside", "withheld"), Some(0));
    assert_eq!(of("lakeside", "disputed"), Some(0));
    drop(network);
}
