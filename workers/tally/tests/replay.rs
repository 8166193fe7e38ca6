//! Replay proves the context too: what is altered in the store is named.

mod common;

use std::path::{Path, PathBuf};

use common::{json, population, scratch, tally};
use serde_json::Value;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

/// A node with a few hundred claims.
fn node(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    let output = tally()
        .args(["demo", "--once", "--json", "--claims", "200", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    json(&output, 0);
    data
}

fn alter(data: &Path, sql: &'static str) -> u64 {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(data.join("node.db"))
                .foreign_keys(false);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql("PRAGMA ignore_check_constraints = 1")
                .execute(&mut connection)
                .await
                .unwrap();
            let done = sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            done.rows_affected()
        })
}

#[track_caller]
fn replay(data: &Path, backend: &str, code: i32) -> Value {
    let output = tally()
        .args(["ledger", "replay", "--json", "--backend", backend, "--data"])
        .arg(data)
        .output()
        .unwrap();
    json(&output, code)
}

fn kinds(found: &Value) -> Vec<String> {
    let mut kinds: Vec<String> = found["breaks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["kind"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

#[test]
fn everything_comes_out_the_same_on_both_backends() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    for backend in ["cranelift", "pulley"] {
        let found = replay(&data, backend, 0);
        assert_eq!(found["identical"], true);
        assert_eq!(found["chain_breaks"], 0);
        assert!(found["checked"].as_u64().unwrap() > 100);
    }
}

#[test]
fn an_altered_balance_is_named() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    assert_eq!(
        alter(
            &data,
            "UPDATE accumulator SET used = used + 1 WHERE (unit, member, product, name, period) IN (SELECT unit, member, product, name, period FROM accumulator LIMIT 1)"
        ),
        1
    );
    let found = replay(&data, "cranelift", 1);
    assert_eq!(found["identical"], true, "the outcomes are as they were");
    assert_eq!(kinds(&found), ["accumulator"]);
    assert_eq!(found["chain_breaks"], 1);
}

#[test]
fn an_altered_policy_choice_is_named() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    let changed = alter(
        &data,
        "UPDATE outcome SET policy = (SELECT max(policy) FROM outcome)
         WHERE claim = (SELECT min(claim) FROM outcome WHERE policy = (SELECT min(policy) FROM outcome))",
    );
    assert_eq!(changed, 1);
    let found = replay(&data, "cranelift", 1);
    assert_eq!(kinds(&found), ["policy-choice"]);
    assert!(found["breaks"][0]["claim"].is_string(), "{found}");
}

#[test]
fn an_altered_table_is_named() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    // The last byte of the component is in its last table: a value of a row.
    let changed = alter(
        &data,
        "UPDATE component SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'07' AS BLOB)
         WHERE hash = (SELECT min(hash) FROM component)",
    );
    assert_eq!(changed, 1);
    let found = replay(&data, "cranelift", 1);
    assert!(kinds(&found).contains(&"table".to_owned()), "{found}");
    assert!(kinds(&found).contains(&"policy".to_owned()), "{found}");
}

#[test]
fn a_gap_in_the_sequence_is_named() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    let changed = alter(
        &data,
        "UPDATE claim SET sequence = sequence + 1000
         WHERE place = (SELECT max(place) FROM claim)",
    );
    assert_eq!(changed, 1);
    let found = replay(&data, "cranelift", 1);
    assert!(kinds(&found).contains(&"sequence".to_owned()), "{found}");
}

#[test]
fn a_claim_that_vanished_is_named() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    // The last claim of a unit, and one that moved no balance.
    alter(
        &data,
        "DROP TRIGGER outcome_never_shrinks;
         CREATE TEMP TABLE gone AS
             SELECT c.place, c.id, c.unit, c.sequence FROM claim c
             JOIN outcome o ON o.claim = c.id JOIN unit u ON u.id = c.unit
             WHERE o.status = 3 AND c.sequence = u.done LIMIT 1;
         DELETE FROM history WHERE (unit, sequence) IN (SELECT unit, sequence FROM gone);
         DELETE FROM decision WHERE claim IN (SELECT place FROM gone);
         DELETE FROM fact WHERE claim IN (SELECT id FROM gone);
         DELETE FROM outcome WHERE claim IN (SELECT id FROM gone);
         DELETE FROM claim WHERE place IN (SELECT place FROM gone);",
    );
    let output = tally()
        .args(["ledger", "fsck", "--json", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    let found = json(&output, 1);
    assert!(found.to_string().contains("a claim is missing"), "{found}");
    let found = replay(&data, "cranelift", 1);
    assert!(kinds(&found).contains(&"sequence".to_owned()), "{found}");
}

#[test]
fn an_altered_history_is_named() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    let changed = alter(
        &data,
        "DELETE FROM history WHERE (unit, sequence) IN
         (SELECT unit, max(sequence) FROM history GROUP BY unit LIMIT 1)",
    );
    assert_eq!(changed, 1);
    assert_eq!(kinds(&replay(&data, "cranelift", 1)), ["history"]);
}

#[test]
fn a_flag_taken_away_is_named() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    let changed = alter(
        &data,
        "UPDATE flag SET standing = 0 WHERE id = (SELECT min(id) FROM flag WHERE standing = 1)",
    );
    assert_eq!(changed, 1);
    assert_eq!(kinds(&replay(&data, "cranelift", 1)), ["flag"]);
}

#[test]
fn a_damaged_fact_is_named_and_blocks_nothing() {
    let (folder, _) = scratch();
    let data = node(folder.path());
    let changed = alter(&data, "UPDATE fact SET payload = zeroblob(80)");
    assert!(changed > 100);
    assert_eq!(kinds(&replay(&data, "cranelift", 1)), ["fact"]);
    // Another population meets the same members and days: it is adjudicated.
    let files = population(1, 200, folder.path());
    let mut twice = serde_json::Value::Null;
    for path in files
        .claims
        .iter()
        .filter(|path| path.extension().and_then(|e| e.to_str()) == Some("json"))
    {
        // Other bytes, so another submission of the same services.
        let mut bytes = std::fs::read(path).unwrap();
        bytes.push(b'\n');
        std::fs::write(path, &bytes).unwrap();
        let output = tally()
            .args(["claim", "submit", "--json", "--data"])
            .arg(&data)
            .arg(path)
            .output()
            .unwrap();
        let code = output.status.code().unwrap();
        twice = json(&output, code);
        assert_eq!(
            twice["read"].as_u64().unwrap(),
            twice["accepted"].as_u64().unwrap() + twice["refused"].as_u64().unwrap(),
            "{twice}"
        );
    }
    assert!(twice.is_object());
}
