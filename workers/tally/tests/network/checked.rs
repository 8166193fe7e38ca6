//! What a node keeps of the shared ledger, and what its statements keep to themselves, is
//! checked: one byte of any of it is named.

use std::path::PathBuf;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::*;

/// A copy of a node's folder, in place of the one before.
pub fn copied(node: &Path, to: &Path) -> PathBuf {
    let to = to.join("copy");
    let _ = std::fs::remove_dir_all(&to);
    copy(node, &to);
    to
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Changes a byte of a column of one row: so many from the end of it.
pub fn change(node: &Path, table: &str, column: &str, which: &str, from_end: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(node.join("node.db"));
        let mut database = SqliteConnection::connect_with(&options).await.unwrap();
        let triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?";
        let triggers = sqlx::query(triggers).bind(table);
        for row in triggers.fetch_all(&mut database).await.unwrap() {
            let drop = format!("DROP TRIGGER {}", row.get::<String, _>(0));
            sqlx::query(AssertSqlSafe(drop))
                .execute(&mut database)
                .await
                .unwrap();
        }
        let ask = format!(
            "SELECT CAST({column} AS BLOB), typeof({column}) FROM {table} \
             WHERE {which} LIMIT 1"
        );
        let row = sqlx::query(AssertSqlSafe(ask))
            .fetch_one(&mut database)
            .await
            .unwrap();
        let was: Vec<u8> = row.get(0);
        let mut bytes = was.clone();
        let at = bytes.len() - 1 - from_end;
        bytes[at] ^= 1;
        let kind: String = row.get(1);
        let set = format!(
            "UPDATE {table} SET {column} = CAST(? AS {kind}) \
             WHERE {column} = CAST(? AS {kind}) AND {which}"
        );
        let set = sqlx::query(AssertSqlSafe(set)).bind(bytes).bind(was);
        assert_eq!(set.execute(&mut database).await.unwrap().rows_affected(), 1);
        database.close().await.unwrap();
    });
}

/// What the node's own check says, which ends with this code.
#[track_caller]
pub fn fsck(node: &Path, code: i32) -> Value {
    let node = node.to_str().unwrap();
    let ran = run(["ledger", "fsck", "--json", "--data", node]);
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(code), "{errors}");
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{errors}"))
}

#[test]
fn one_byte_of_what_is_kept_of_the_shared_ledger_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("network");
    let output = tally()
        .args(["network", "--authorities", "4", "--claims", "12", "--once"])
        .args(["--json", "--data"])
        .arg(&folder)
        .output()
        .unwrap();
    let report = json(&output, 0);
    for node in ["harbor-health", "cedar-mutual", "lakeside", "riverside"] {
        let found = fsck(&folder.join(node), 0);
        // It may have grown after the report.
        let (leaves, told) = (&found["shared"], &report["checkpoint"]["size"]);
        assert!(leaves.as_u64() >= told.as_u64(), "{node}: {found}");
    }
    let shared = "of the shared ledger";
    for (node, table, column, which, from_end, place) in [
        // A leaf, and the charter, which nobody signed but the checkpoints name.
        ("lakeside", "shared_chunk", "bytes", "first > 9", 3, "leaf "),
        (
            "harbor-health",
            "shared_chunk",
            "bytes",
            "first = 0",
            3,
            "tile 0 of level 0 ",
        ),
        (
            "lakeside",
            "shared_chunk",
            "bytes",
            "first > 9",
            3,
            "tile 0 of level 0 ",
        ),
        (
            "lakeside",
            "shared_tile",
            "hashes",
            "level = 0",
            70,
            "tile 0 of level 0 ",
        ),
        (
            "lakeside",
            "shared_tile",
            "hashes",
            "level = 0",
            0,
            "tile 0 of level 0 ",
        ),
        ("lakeside", "shared_head", "snapshot", "true", 0, "head "),
        ("lakeside", "shared_head", "snapshot", "true", 500, "head "),
        ("lakeside", "shared_head", "agreed", "true", 0, "head "),
        (
            "lakeside",
            "shared_brought",
            "leaf",
            "first > 0",
            0,
            "leaf ",
        ),
        (
            "lakeside",
            "shared_checkpoint",
            "note",
            LAST,
            20,
            "checkpoint ",
        ),
        (
            "lakeside",
            "shared_checkpoint",
            "note",
            LAST,
            600,
            "checkpoint ",
        ),
        (
            "lakeside",
            "shared_checkpoint",
            "epoch",
            LAST,
            0,
            "checkpoint ",
        ),
        // What an organisation's own log says, and what its statements keep.
        (
            "lakeside",
            "statement",
            "payload",
            "kind = 7",
            3,
            "statement ",
        ),
        (
            "lakeside",
            "statement",
            "entry",
            "kind = 7",
            3,
            "statement ",
        ),
        ("lakeside", "entry", "bytes", "leaf = 1", 3, "leaf "),
    ] {
        let copy = copied(&folder.join(node), temporary.path());
        change(&copy, table, column, which, from_end);
        let found = fsck(&copy, 1);
        let faults = found["faults"].as_array().unwrap();
        let named = faults.iter().any(|fault| {
            let said = fault["place"].as_str().unwrap();
            said.starts_with(place) && (said.contains(shared) || place == "statement ")
        });
        assert!(named, "{table}.{column}, {which}: {found}");
    }
}

/// The checkpoint that is the last.
const LAST: &str = "size = (SELECT max(size) FROM shared_checkpoint)";
