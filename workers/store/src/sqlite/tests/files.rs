//! The file: shared by processes, refused when it is not ours, told when it is
//! damaged.

use std::sync::Arc;

use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnection;
use tokio::task::JoinSet;

use super::Folder;
use crate::conformance::Fixture;
use crate::conformance::appeals::filing;
use crate::conformance::assert_fenced;
use crate::conformance::consistency::assert_consistent;
use crate::conformance::payments::{payment, told};
use crate::conformance::shared::{Growing, checkpoint};
use crate::conformance::statements::marked;
use crate::conformance::together::{assert_flags_of_all, judge, stated};
use crate::conformance::world::{
    adjudicated, batch, claim_id, contract, decided, integrate_all, moved, submission, token, unit,
};
use crate::port::{
    Appeals, ClaimFilter, Enrolment, Intake, Log, PartKind, Payments, Publications, Reading,
    SharedLedger, Statements, StoreError, Work,
};
use crate::sqlite::SqliteStore;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_made_once_by_many_at_once() {
    let folder = Folder::new();
    let path = folder.path();
    let mut tasks = JoinSet::new();
    for n in 0..6 {
        let path = path.clone();
        tasks.spawn(async move {
            let store = super::open(&path).await;
            store.accept(&submission(n, &[(n, n % 2)])).await.unwrap();
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let store = super::open(&path).await;
    assert_eq!(store.waiting().await.unwrap().ready, 6);
    assert_consistent_numbers(&store).await;
}

async fn assert_consistent_numbers(store: &SqliteStore) {
    for of in 0..2 {
        let rows = store.claims_of_unit(unit(of)).await.unwrap();
        let numbers: Vec<_> = rows.iter().map(|row| row.sequence).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}

#[tokio::test]
async fn commits_reach_the_disk_and_readers_only_read() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    crate::database::tests::assert_durable(&mut *store.writer().await).await;
    let mut reader = store.reader().await.unwrap();
    let written = sqlx::query("DELETE FROM audit").execute(&mut *reader).await;
    assert!(written.is_err());
}

/// Two stores on one file stand for two processes: they share no lock of ours.
#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_file_have_one_effect() {
    let folder = Folder::new();
    let path = folder.path();
    let one = Arc::new(super::open(&path).await);
    let two = Arc::new(super::open(&path).await);
    let mut tasks = JoinSet::new();
    for (task, store) in [&one, &two, &one, &two].into_iter().enumerate() {
        let store = Arc::clone(store);
        let task = u64::try_from(task).unwrap();
        tasks.spawn(async move {
            for n in (0..12).map(|n| task * 100 + n) {
                let claims: Vec<_> = (0..3).map(|i| (n * 10 + i, (n + i) % 4)).collect();
                store.accept(&submission(n, &claims)).await.unwrap();
                for of in 0..4 {
                    commit_next(&store, of).await;
                }
                match integrate_all(&*store).await {
                    Ok(_) | Err(StoreError::Fenced { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    for store in [&one, &two] {
        assert_consistent(&**store, 4).await;
    }
    assert_eq!(one.head().await.unwrap(), two.head().await.unwrap());
}

async fn commit_next(store: &SqliteStore, of: u64) {
    let queued = store
        .next(u32::try_from(of % 2).unwrap(), 50)
        .await
        .unwrap();
    let Some(queued) = queued.iter().find(|queued| queued.unit == unit(of)) else {
        return;
    };
    let state = store.units(&[unit(of)]).await.unwrap().remove(0);
    let used = state.accumulators.first().map_or(0, |row| row.used);
    let (claim, _) = moved(decided(queued, of), used);
    match store.commit(&batch(vec![claim])).await {
        Ok(()) | Err(StoreError::Fenced { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_file_lose_no_flag() {
    let folder = Folder::new();
    let path = folder.path();
    let one = super::open(&path).await;
    let two = super::open(&path).await;
    let claims: Vec<_> = (0..40).map(|n| (n, 1)).collect();
    one.accept(&submission(1, &claims)).await.unwrap();
    for n in 0..20 {
        one.commit(&stated(2 * n)).await.unwrap();
        two.commit(&stated(2 * n + 1)).await.unwrap();
        // Both judge what they see, which is the same; one is first.
        match tokio::join!(judge(&one), judge(&two)) {
            (Ok(()), Ok(())) => {}
            (Ok(()), late) => {
                assert_fenced(late);
                judge(&two).await.unwrap();
            }
            (late, Ok(())) => {
                assert_fenced(late);
                judge(&one).await.unwrap();
            }
            (first, second) => {
                assert_fenced(first);
                assert_fenced(second);
                judge(&one).await.unwrap();
            }
        }
        assert_flags_of_all(&one, 2 * n + 2).await;
        assert_flags_of_all(&two, 2 * n + 2).await;
    }
}

#[tokio::test]
async fn a_file_of_a_later_version_or_of_something_else_is_refused() {
    let folder = Folder::new();
    let path = folder.path();
    let store = super::open(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'a later version', true, x'00', 0)",
    )
    .execute(&mut *store.writer().await)
    .await
    .unwrap();
    drop(store);
    let later = SqliteStore::open(&path).await;
    assert!(matches!(later, Err(StoreError::Migrate(_))));
    let junk = folder.path();
    std::fs::write(&junk, vec![b'x'; 10_000]).unwrap();
    let junk = SqliteStore::open(&junk).await;
    assert!(matches!(junk, Err(StoreError::Database { .. })));
    let nowhere = folder.path().join("no such folder").join("node.db");
    let nowhere = SqliteStore::open(&nowhere).await;
    assert!(matches!(nowhere, Err(StoreError::Database { .. })));
}

/// The outbox is made anew for statements: what waits in it stays, and no number of it is
/// given twice, even when nothing waits.
#[tokio::test]
async fn the_outbox_of_before_goes_on() {
    for waits in [0, 2] {
        let folder = Folder::new();
        let path = folder.path();
        let known = sqlx::migrate!("../../migrations/sqlite");
        let before = known.iter().filter(|migration| migration.version <= 7);
        let before = Migrator::with_migrations(before.cloned().collect());
        let options = crate::database::options(&path).create_if_missing(true);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        before.run_direct(None, &mut conn, false).await.unwrap();
        for n in 0..3 {
            sqlx::query(
                "INSERT INTO component (hash, bytes) VALUES (?1, x'');
                 INSERT INTO policy (id, product, effective, hash, entry) VALUES (?2, 'p', 0, ?1, ?3);
                 INSERT INTO outbox (id, policy, entry) VALUES (?2, ?2, ?3)",
            )
            .bind(vec![n; 32])
            .bind(i64::from(n) + 40)
            .bind(vec![n])
            .execute(&mut conn)
            .await
            .unwrap();
        }
        sqlx::query("DELETE FROM outbox WHERE id > 39 + ?")
            .bind(waits)
            .execute(&mut conn)
            .await
            .unwrap();
        conn.close().await.unwrap();

        let store = super::open(&path).await;
        store.state(&[marked(6, 1)]).await.unwrap();
        let outbox = store.outbox(9).await.unwrap();
        let ids: Vec<_> = outbox.iter().map(|row| row.id).collect();
        let expected: Vec<_> = (40..40 + waits).chain([43]).collect();
        assert_eq!(ids, expected);
        integrate_all(&store).await.unwrap();
        let published = store.publications().await.unwrap();
        let placed = published.iter().filter(|row| row.leaf.is_some()).count();
        assert_eq!(i64::try_from(placed), Ok(waits));
    }
}

#[tokio::test]
async fn a_dropped_write_changes_nothing() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    store.accept(&submission(1, &[(1, 1)])).await.unwrap();
    // Dropped at each of its first waits in turn, as when a request is
    // cancelled: the next write must find no transaction of it.
    for waits in 0..40 {
        let n = 100 + waits;
        let new = submission(n, &[(n, 1)]);
        let mut write = Box::pin(store.accept(&new));
        for _ in 0..waits {
            tokio::select! {
                biased;
                done = &mut write => { done.unwrap(); break; }
                () = tokio::time::sleep(std::time::Duration::from_micros(50)) => {}
            }
        }
        drop(write);
        store
            .accept(&submission(n + 1000, &[(n + 1000, 1)]))
            .await
            .unwrap();
    }
    let rows = store.claims_of_unit(unit(1)).await.unwrap();
    for (row, sequence) in rows.iter().zip(1..) {
        assert_eq!(row.sequence, sequence);
    }
    assert!(rows.len() >= 41);
    let totals = store.totals().await.unwrap();
    assert_eq!(u64::try_from(rows.len()), Ok(totals.read - totals.refused));
}

/// What SQLite's own checks let through, reading does not.
#[tokio::test]
async fn a_damaged_row_is_told() {
    for damage in [
        "UPDATE claim SET received = 99999999",
        "UPDATE claim SET sequence = 99999999999",
        "UPDATE claim SET contract = -1",
        "UPDATE claim SET member = x'00'",
        "UPDATE claim SET record = x'00'",
        "UPDATE claim SET id = x'00'",
        "UPDATE claim SET charge = 'much'",
        "UPDATE outcome SET status = 9",
        "UPDATE outcome SET hash = x'00'",
        "UPDATE outcome SET leaf = -1",
        "DELETE FROM decision",
    ] {
        let folder = Folder::new();
        let store = folder.fresh().await;
        store.accept(&submission(1, &[(1, 1)])).await.unwrap();
        let first = batch(vec![adjudicated(claim_id(1), 1, 1)]);
        store.commit(&first).await.unwrap();
        for sql in [
            "PRAGMA foreign_keys = OFF",
            "PRAGMA ignore_check_constraints = ON",
        ] {
            sqlx::query(sql)
                .execute(&mut *store.writer().await)
                .await
                .unwrap();
        }
        let done = sqlx::query(damage)
            .execute(&mut *store.writer().await)
            .await;
        let read = store.claims(&ClaimFilter::default()).await;
        if damage.contains("much") || damage.contains("99999999999") {
            // STRICT refuses the first; the second is a number like another.
            assert_eq!(done.is_err(), damage.contains("much"), "{damage}");
            assert!(read.is_ok(), "{damage}");
            continue;
        }
        done.unwrap();
        assert!(
            matches!(read, Err(StoreError::Damaged { .. })),
            "{damage}: {read:?}"
        );
    }
}

#[tokio::test]
async fn what_must_only_grow_cannot_shrink() {
    let folder = Folder::new();
    let store = folder.fresh().await;
    store.accept(&submission(1, &[(1, 1)])).await.unwrap();
    let first = batch(vec![adjudicated(claim_id(1), 1, 1)]);
    store.commit(&first).await.unwrap();
    assert_fenced(store.commit(&first).await);
    integrate_all(&store).await.unwrap();
    let paid = payment(1, 1, vec![told(1, 0, PartKind::Payment)], vec![]);
    store.pay(&paid).await.unwrap();
    store.add_appeal_event(&filing(1, 1, 1)).await.unwrap();
    let mut named = contract(2, &[2], 1);
    named.left = vec![token("member", 3)];
    store.put_contract(&named).await.unwrap();
    store.state(&[marked(6, 1)]).await.unwrap();
    integrate_all(&store).await.unwrap();
    let mut ledger = Growing::default();
    for block in [ledger.charter(), ledger.block(&[("harbour", 2)])] {
        store.append_block(&block).await.unwrap();
    }
    let kept = checkpoint(4, 0, true, "signed");
    store.keep_checkpoint(&kept).await.unwrap();
    for sql in [
        "DELETE FROM statement",
        "UPDATE statement SET entry = x'00'",
        "UPDATE statement SET leaf = 0",
        "UPDATE statement SET leaf = NULL",
        "DELETE FROM shared_head",
        "UPDATE shared_head SET snapshot = x'00'",
        "UPDATE shared_head SET height = height + 1, size = size - 1",
        "DELETE FROM shared_block",
        "UPDATE shared_block SET size = 9",
        "DELETE FROM shared_chunk",
        "UPDATE shared_chunk SET bytes = x'0000'",
        "DELETE FROM shared_tile",
        "UPDATE shared_tile SET hashes = zeroblob(32)",
        "UPDATE shared_tile SET place = place + 1",
        "DELETE FROM shared_brought",
        "UPDATE shared_brought SET leaf = 9",
        "DELETE FROM shared_checkpoint",
        "UPDATE shared_checkpoint SET size = 9",
        "UPDATE appeal SET level = 2",
        "DELETE FROM appeal",
        "UPDATE appeal_event SET payload = x'00'",
        "DELETE FROM appeal_event",
        "UPDATE entry SET bytes = x'00'",
        "DELETE FROM entry",
        "UPDATE node SET hash = zeroblob(32)",
        "DELETE FROM node",
        "DELETE FROM outcome",
        "DELETE FROM claim",
        "DELETE FROM unit",
        "DELETE FROM former",
        "UPDATE former SET unit = 1",
        "DELETE FROM payment",
        "UPDATE payment SET amount = 0",
        "DELETE FROM payment_part",
        "UPDATE payment_part SET paid = 0",
    ] {
        let done = sqlx::query(sql).execute(&mut *store.writer().await).await;
        assert!(done.is_err(), "{sql}");
    }
}

#[cfg(unix)]
mod modes {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::submission;
    use crate::port::Intake;
    use crate::vault::{Vault, WrapKey};

    const FOLDER: &str = "TALLY_MODES_FOLDER";

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    /// The umask is the process's: so a process of its own. A test of nothing
    /// when nobody is its parent.
    #[tokio::test]
    async fn child() {
        let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
            return;
        };
        let node = folder.join("node.db");
        let keys = folder.join("keys.db");
        let store = super::super::open(&node).await;
        let vault = Vault::open(&keys, WrapKey::new([9; 32])).await.unwrap();
        store.accept(&submission(1, &[(1, 1)])).await.unwrap();
        vault.fresh(1).await.unwrap();
        for path in [node, keys] {
            for more in ["", "-wal", "-shm"] {
                let mut name = path.clone().into_os_string();
                name.push(more);
                let path = PathBuf::from(name);
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
        std::fs::write(folder.join("looked"), []).unwrap();
    }

    #[test]
    fn only_the_owner_reads_the_files() {
        for umask in ["000", "022", "277"] {
            let folder = tempfile::TempDir::new().unwrap();
            let child = Command::new("sh")
                .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "sqlite::tests::files::modes::child"])
                .env(FOLDER, folder.path())
                .output()
                .unwrap();
            assert!(child.status.success(), "umask {umask}: {child:?}");
            assert!(folder.path().join("looked").exists(), "{child:?}");
        }
    }

    /// A file that is there keeps its mode: who opened it up meant to.
    #[tokio::test]
    async fn a_file_that_is_there_keeps_its_mode() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("node.db");
        super::super::open(&path).await.close().await.unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let again = super::super::open(&path).await;
        assert_eq!(mode(&path), 0o640);
        again.close().await.unwrap();
    }
}
