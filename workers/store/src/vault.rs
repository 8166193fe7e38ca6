//! Record keys, in a store of their own: each payload is under a key that can
//! be destroyed alone. Keys are wrapped by a key outside any database.

mod record;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection, Row};
use thiserror::Error;
use tokio::sync::Mutex;

pub use record::{RecordKey, WrapKey};
pub use token::Tokens;

use crate::database;
use crate::port::RecordId;

/// Why the vault could not do what it was asked.
#[derive(Debug, Error)]
pub enum VaultError {
    /// Its database failed.
    #[error("the key store failed while {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// Its schema could not be brought up to date.
    #[error("the key store could not be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// The wrapping key is not the one the keys were wrapped with, or a
    /// wrapped key is damaged.
    #[error("a record key does not open: another wrapping key, or damage")]
    Wrapped,
    /// The record's key was destroyed.
    #[error("the record was erased: its key is destroyed")]
    Erased,
    /// The record's key is deleted, but a reader keeps its bytes in the
    /// key store's write-ahead log. Destroy it again.
    #[error(
        "the record's key is deleted, but its bytes are still in the key store's \
         write-ahead log, since somebody reads it: destroy it again"
    )]
    Lingers,
    /// A payload does not open under its record's key.
    #[error("a sealed payload does not open: damaged, or moved from elsewhere")]
    Payload,
}

fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> VaultError {
    move |source| VaultError::Database { doing, source }
}

/// Random bytes from the operating system.
///
/// # Errors
/// When it gives none.
pub fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| VaultError::Random)?;
    Ok(bytes)
}

/// The store of record keys: SQLite, in a file of its own. Nothing is cached,
/// so that a key destroyed by one process opens nothing in another.
pub struct Vault {
    wrap: WrapKey,
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
}

/// Rows put into one statement.
const ROWS: usize = 256;

impl Vault {
    /// Opens the key store at `path`; makes it when it is not there.
    ///
    /// # Errors
    /// [`VaultError::Wrapped`] when its keys were wrapped with another key; or
    /// when its database fails.
    pub async fn open(path: &Path, wrap: WrapKey) -> Result<Self, VaultError> {
        let opening = database::Opening::of(path)
            .await
            .map_err(|error| doing("waiting to open it")(sqlx::Error::Io(error)))?;
        let mut writer = SqliteConnection::connect_with(&database::options(path))
            .await
            .map_err(doing("opening it"))?;
        sqlx::migrate!("../../migrations/sqlite-keys")
            .run_direct(None, &mut writer, false)
            .await?;
        Self::prove(&mut writer, &wrap).await?;
        drop(opening);
        let readers = SqlitePoolOptions::new()
            .max_connections(2)
            .test_before_acquire(false)
            .connect_with(database::reading(path))
            .await
            .map_err(doing("opening it to read"))?;
        Ok(Self {
            wrap,
            writer: Mutex::new(writer),
            readers,
        })
    }

    /// Checks the wrapping key against the proof, or leaves one.
    async fn prove(writer: &mut SqliteConnection, wrap: &WrapKey) -> Result<(), VaultError> {
        let mut tx = writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(doing("checking the wrapping key"))?;
        let proof: Option<Vec<u8>> = sqlx::query_scalar("SELECT proof FROM wrap")
            .fetch_optional(&mut *tx)
            .await
            .map_err(doing("checking the wrapping key"))?;
        if let Some(proof) = proof {
            return wrap.check(&proof);
        }
        sqlx::query("INSERT INTO wrap (id, proof) VALUES (1, ?)")
            .bind(wrap.proof()?)
            .execute(&mut *tx)
            .await
            .map_err(doing("noting the wrapping key"))?;
        tx.commit().await.map_err(doing("noting the wrapping key"))
    }

    /// Closes the file: when nobody else has it open, its write-ahead log is
    /// emptied into it. A vault that is only dropped loses nothing either.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close(self) -> Result<(), VaultError> {
        self.readers.close().await;
        self.writer
            .into_inner()
            .close()
            .await
            .map_err(doing("closing it"))
    }

    /// Makes keys for `n` new records. They are on the disk, in one
    /// transaction, when this answers.
    ///
    /// # Errors
    /// When the database fails or the operating system gives no random bytes.
    pub async fn fresh(&self, n: usize) -> Result<Vec<RecordKey>, VaultError> {
        let keys: Vec<RecordKey> = (0..n)
            .map(|_| RecordKey::fresh())
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Ok(keys);
        }
        let mut writer = self.writer.lock().await;
        let mut tx = writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(doing("storing keys"))?;
        for chunk in keys.chunks(ROWS) {
            let values = vec!["(?, ?)"; chunk.len()].join(", ");
            let sql = format!("INSERT INTO record_key (record, wrapped) VALUES {values}");
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(chunk.len() == ROWS);
            for key in chunk {
                query = query.bind(key.id().0.to_vec()).bind(self.wrap.wrap(key)?);
            }
            query
                .execute(&mut *tx)
                .await
                .map_err(doing("storing keys"))?;
        }
        tx.commit().await.map_err(doing("storing keys"))?;
        Ok(keys)
    }

    /// A record's key.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when it was destroyed or never was;
    /// [`VaultError::Wrapped`] when it does not open.
    pub async fn key(&self, record: RecordId) -> Result<RecordKey, VaultError> {
        let wrapped: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT wrapped FROM record_key WHERE record = ?")
                .bind(record.0.to_vec())
                .fetch_optional(&self.readers)
                .await
                .map_err(doing("reading a key"))?;
        self.wrap
            .unwrap(record, &wrapped.ok_or(VaultError::Erased)?)
    }

    /// The keys of records; those that were destroyed, or never were, are
    /// absent.
    ///
    /// # Errors
    /// [`VaultError::Wrapped`] when one does not open.
    pub async fn keys(
        &self,
        records: &[RecordId],
    ) -> Result<BTreeMap<RecordId, RecordKey>, VaultError> {
        let rows = sqlx::query(
            "SELECT k.record, k.wrapped FROM json_each(?) AS j \
             CROSS JOIN record_key AS k ON k.record = unhex(j.value)",
        )
        .bind(crate::sqlite::hex_list(records.iter().map(|id| &id.0[..])))
        .fetch_all(&self.readers)
        .await
        .map_err(doing("reading keys"))?;
        let mut keys = BTreeMap::new();
        for row in rows {
            let record: Vec<u8> = row.try_get(0).map_err(doing("reading keys"))?;
            let wrapped: Vec<u8> = row.try_get(1).map_err(doing("reading keys"))?;
            let record = RecordId(record.try_into().map_err(|_| VaultError::Wrapped)?);
            keys.insert(record, self.wrap.unwrap(record, &wrapped)?);
        }
        Ok(keys)
    }

    /// Destroys a record's key: it is overwritten, deleted, and gone from the
    /// write-ahead log when this answers. Destroying it again changes nothing.
    ///
    /// # Errors
    /// [`VaultError::Lingers`] when a reader holds on to the log.
    pub async fn destroy(&self, record: RecordId) -> Result<(), VaultError> {
        let mut writer = self.writer.lock().await;
        let noise = random::<{ record::WRAPPED }>()?;
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
}
