//! What a claim moved is in the balances when it is erased, and what came after it was decided
//! with it: neither is a break, and nothing of what was erased is told.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::json as said;
use crate::{Office, TEN_YEARS};

impl Office {
    #[track_caller]
    fn replayed(&self, code: i32) -> Value {
        said(&self.run(&["ledger", "replay", "--json"]), code)
    }
}

/// Changes something in the node's store.
fn alter(data: &Path, sql: &str) {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("node.db"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect_with(&options)
            .await
            .unwrap();
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut database)
            .await
            .unwrap();
        assert!(done.rows_affected() > 0, "{sql}");
    });
}

#[test]
fn what_an_erased_claim_moved_is_no_break() {
    let office = Office::new(TEN_YEARS);
    let before = office.submit_for("A-1", "99214", "200.00");
    let claim = office.submit("A-2");
    let sound = office.replayed(0);
    assert_eq!(
        (&sound["checked"], &sound["erased"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(sound["unchecked"], json!([]));

    // The last of its contract: what it moved is stored, and follows from nothing.
    office.erase(&claim, "order");
    let found = office.replayed(0);
    assert_eq!(found["breaks"], json!([]));
    assert_eq!(
        (&found["checked"], &found["erased"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&found["identical"], &found["unchecked"]),
        (&json!(true), &json!([]))
    );

    // What comes after it was given balances that it had moved, and so was an act.
    let after = office.submit_for("A-3", "99212", "90.00");
    let eob = said(&office.run(&["claim", "eob", &after, "--json"]), 0);
    assert_eq!(eob["status"], "paid", "{eob:#}");
    let act = office.act(&["claim", "readjudicate", &before, "--reason", "to see"]);
    let found = office.replayed(0);
    assert_eq!(found["breaks"], json!([]));
    assert_eq!(found["unchecked"], json!([after, act]));
    assert_eq!(
        (&found["checked"], &found["identical"]),
        (&json!(1), &json!(true))
    );
    let told = office.done(&["ledger", "replay"]);
    for named in [&after, &act] {
        let line = format!("Claim {named} was decided with what was erased since");
        assert!(told.contains(&line), "{told}");
    }
    for name in ["deductible", "out-of-pocket", "stored", claim.as_str()] {
        assert!(!told.contains(name), "{told}");
    }

    // What does not hang on it is checked as before.
    let sql = format!("UPDATE outcome SET policy = zeroblob(32) WHERE claim = x'{before}'");
    alter(&office.path("data"), &sql);
    let found = office.replayed(1);
    assert_eq!(found["breaks"][0]["claim"], before.as_str(), "{found:#}");
}
