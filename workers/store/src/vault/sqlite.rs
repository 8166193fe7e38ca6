//! Record keys in a SQLite file of their own.

use std::path::Path;

use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::sync::Mutex;

use super::rows::{Row as KeyRow, Rows};
use super::{VaultError, doing, record};
use crate::database;
use crate::port::RecordId;

/// Rows put into one statement.
const ROWS: usize = 256;

/// The file: one writer, a few readers.
pub(super) struct SqliteRows {
    pub(super) writer: Mutex<SqliteConnection>,
    pub(super) readers: SqlitePool,
}

impl SqliteRows {
    pub(super) async fn open(path: &Path) -> Result<Self, VaultError> {
        let opening = database::Opening::of(path)
            .await
            .map_err(|error| doing("waiting to open it")(sqlx::Error::Io(error)))?;
        let mut writer = SqliteConnection::connect_with(&database::options(path))
            .await
            .map_err(doing("opening it"))?;
        sqlx::migrate!("../../migrations/sqlite-keys")
            .run_direct(None, &mut writer, false)
            .await?;
        drop(opening);
        let readers = SqlitePoolOptions::new()
            .max_connections(2)
            .test_before_acquire(false)
            .connect_with(database::reading(path))
            .await
            .map_err(doing("opening it to read"))?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers,
        })
    }
}

/// A record and its key as they stand in a row.
fn row(row: &SqliteRow) -> Result<KeyRow, VaultError> {
    let record: Vec<u8> = row.try_get(0).map_err(doing("reading keys"))?;
    let wrapped: Vec<u8> = row.try_get(1).map_err(doing("reading keys"))?;
    let record = record.try_into().map_err(|_| VaultError::Wrapped)?;
    Ok((RecordId(record), wrapped))
}

impl Rows for SqliteRows {
    async fn proof(&self, new: Vec<u8>) -> Result<Option<Vec<u8>>, VaultError> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(doing("checking the wrapping key"))?;
        let proof: Option<Vec<u8>> = sqlx::query_scalar("SELECT proof FROM wrap")
            .fetch_optional(&mut *tx)
            .await
            .map_err(doing("checking the wrapping key"))?;
        if proof.is_some() {
            return Ok(proof);
        }
        sqlx::query("INSERT INTO wrap (id, proof) VALUES (1, ?)")
            .bind(new)
            .execute(&mut *tx)
            .await
            .map_err(doing("noting the wrapping key"))?;
        tx.commit()
            .await
            .map_err(doing("noting the wrapping key"))?;
        Ok(None)
    }

    async fn prove_anew(&self, old: &[u8], new: &[u8]) -> Result<bool, VaultError> {
        let mut writer = self.writer.lock().await;
        let done = sqlx::query("UPDATE wrap SET proof = ? WHERE proof = ?")
            .bind(new)
            .bind(old)
            .execute(&mut *writer)
            .await
            .map_err(doing("noting another wrapping key"))?;
        Ok(done.rows_affected() == 1)
    }

    async fn insert(&self, rows: &[KeyRow], proof: &[u8]) -> Result<bool, VaultError> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(doing("storing keys"))?;
        let present: Vec<u8> = sqlx::query_scalar("SELECT proof FROM wrap")
            .fetch_one(&mut *tx)
            .await
            .map_err(doing("storing keys"))?;
        if present != proof {
            return Ok(false);
        }
        for chunk in rows.chunks(ROWS) {
            let values = vec!["(?, ?)"; chunk.len()].join(", ");
            let sql = format!("INSERT INTO record_key (record, wrapped) VALUES {values}");
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(chunk.len() == ROWS);
            for (record, wrapped) in chunk {
                query = query.bind(record.0.to_vec()).bind(&wrapped[..]);
            }
            query
                .execute(&mut *tx)
                .await
                .map_err(doing("storing keys"))?;
        }
        tx.commit().await.map_err(doing("storing keys"))?;
        Ok(true)
    }

    async fn count(&self) -> Result<u64, VaultError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM record_key")
            .fetch_one(&self.readers)
            .await
            .map_err(doing("counting keys"))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn page(&self, after: Option<RecordId>, limit: u32) -> Result<Vec<KeyRow>, VaultError> {
        let rows = sqlx::query(
            "SELECT record, wrapped FROM record_key WHERE record > ? ORDER BY record LIMIT ?",
        )
        // Before every record.
        .bind(after.map_or_else(Vec::new, |record| record.0.to_vec()))
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(doing("reading keys"))?;
        rows.iter().map(row).collect()
    }

    async fn replace(&self, rows: &[(RecordId, Vec<u8>, Vec<u8>)]) -> Result<(), VaultError> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(doing("wrapping keys anew"))?;
        for (record, old, new) in rows {
            sqlx::query("UPDATE record_key SET wrapped = ? WHERE record = ? AND wrapped = ?")
                .bind(&new[..])
                .bind(record.0.to_vec())
                .bind(&old[..])
                .execute(&mut *tx)
                .await
                .map_err(doing("wrapping keys anew"))?;
        }
        tx.commit().await.map_err(doing("wrapping keys anew"))
    }

    async fn find(&self, records: &[RecordId]) -> Result<Vec<KeyRow>, VaultError> {
        let rows = sqlx::query(
            "SELECT k.record, k.wrapped FROM json_each(?) AS j \
             CROSS JOIN record_key AS k ON k.record = unhex(j.value)",
        )
        .bind(crate::sqlite::hex_list(records.iter().map(|id| &id.0[..])))
        .fetch_all(&self.readers)
        .await
        .map_err(doing("reading keys"))?;
        rows.iter().map(row).collect()
    }

    async fn destroy(
        &self,
        record: RecordId,
        noise: [u8; record::WRAPPED],
    ) -> Result<(), VaultError> {
        let mut writer = self.writer.lock().await;
        sqlx::query("UPDATE record_key SET wrapped = ? WHERE record = ?")
            .bind(noise.to_vec())
            .bind(record.0.to_vec())
            .execute(&mut *writer)
            .await
            .map_err(doing("overwriting a key"))?;
        sqlx::query("DELETE FROM record_key WHERE record = ?")
            .bind(record.0.to_vec())
            .execute(&mut *writer)
            .await
            .map_err(doing("deleting a key"))?;
        let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *writer)
            .await
            .map_err(doing("emptying the write-ahead log"))?;
        if busy == 0 {
            Ok(())
        } else {
            Err(VaultError::Lingers)
        }
    }

    async fn close(self) -> Result<(), VaultError> {
        self.readers.close().await;
        self.writer
            .into_inner()
            .close()
            .await
            .map_err(doing("closing it"))
    }
}
