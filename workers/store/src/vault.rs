//! Record keys, in a store of their own: each payload is under a key that can
//! be destroyed alone. Keys are wrapped by a key outside any database.

/// Does the same wherever keys are kept.
macro_rules! kept {
    ($kept:expr, |$rows:ident| $work:expr) => {
        match $kept {
            Kept::Sqlite($rows) => $work,
            Kept::Postgres($rows) => $work,
        }
    };
}

mod postgres;
mod record;
mod rewrap;
mod rows;
mod sqlite;
#[cfg(test)]
mod tests;
mod token;
mod wraps;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, RwLock};

use thiserror::Error;

pub use record::{RecordKey, WrapKey};
pub use rewrap::Rewrapped;
pub use token::Tokens;
pub use wraps::Wraps;

use crate::port::RecordId;
use crate::postgres::PgSettings;
use postgres::PgRows;
use rows::Rows;
use sqlite::SqliteRows;
use wraps::Held;

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
    /// There is no other wrapping key to wrap with.
    #[error("there is no other wrapping key to wrap the record keys with")]
    NoOther,
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

/// The store of record keys: SQLite in a file of its own, or PostgreSQL in a
/// database of its own. Nothing is cached, so that a key destroyed by one
/// process opens nothing in another.
pub struct Vault {
    wraps: Wraps,
    held: RwLock<Arc<Held>>,
    kept: Kept,
}

/// Where wrapped keys are kept.
enum Kept {
    Sqlite(SqliteRows),
    Postgres(PgRows),
}

impl Vault {
    /// Opens the key store at `path`; makes it when it is not there.
    ///
    /// # Errors
    /// [`VaultError::Wrapped`] when its keys were wrapped with another key; or
    /// when its database fails.
    pub async fn open(path: &Path, wraps: impl Into<Wraps>) -> Result<Self, VaultError> {
        Self::proved(Kept::Sqlite(SqliteRows::open(path).await?), wraps.into()).await
    }

    /// Connects to the key store in a PostgreSQL database: `postgres://…`, with
    /// `sslmode`. Makes its schema, `tally_keys`, when it is not there, which
    /// takes a role that may.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn connect(url: &str, wraps: impl Into<Wraps>) -> Result<Self, VaultError> {
        let mut settings = PgSettings::new(url);
        settings.application_name = "tally vault".into();
        Self::connect_with(&settings, wraps).await
    }

    /// The same, with settings.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn connect_with(
        settings: &PgSettings,
        wraps: impl Into<Wraps>,
    ) -> Result<Self, VaultError> {
        let rows = PgRows::connect(settings).await?;
        Self::proved(Kept::Postgres(rows), wraps.into()).await
    }

    /// Checks the wrapping keys against the proof, or leaves one of the first.
    async fn proved(kept: Kept, wraps: Wraps) -> Result<Self, VaultError> {
        let held = Self::hold(&kept, &wraps).await?;
        Ok(Self {
            wraps,
            held: RwLock::new(Arc::new(held)),
            kept,
        })
    }

    /// Closes the database. A file's write-ahead log is emptied into it when
    /// nobody else has it open. A vault that is only dropped loses nothing
    /// either.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close(self) -> Result<(), VaultError> {
        kept!(self.kept, |rows| rows.close().await)
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
        self.store(&keys).await?;
        Ok(keys)
    }

    /// The same, for one record.
    ///
    /// # Errors
    /// As [`Self::fresh`].
    pub async fn fresh_one(&self) -> Result<RecordKey, VaultError> {
        let key = RecordKey::fresh()?;
        self.store(std::slice::from_ref(&key)).await?;
        Ok(key)
    }

    /// A record's key.
    ///
    /// # Errors
    /// [`VaultError::Erased`] when it was destroyed or never was;
    /// [`VaultError::Wrapped`] when it does not open.
    pub async fn key(&self, record: RecordId) -> Result<RecordKey, VaultError> {
        let mut keys = self.keys(&[record]).await?;
        keys.remove(&record).ok_or(VaultError::Erased)
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
        match self.found(records).await {
            // They may have been wrapped anew since the wrapping keys were read.
            Err(VaultError::Wrapped) => {
                self.read_wraps().await?;
                self.found(records).await
            }
            found => found,
        }
    }

    async fn found(
        &self,
        records: &[RecordId],
    ) -> Result<BTreeMap<RecordId, RecordKey>, VaultError> {
        let rows = kept!(&self.kept, |kept| kept.find(records).await)?;
        let held = self.held();
        rows.into_iter()
            .map(|(record, wrapped)| Ok((record, held.unwrap(record, &wrapped)?)))
            .collect()
    }

    /// Destroys a record's key: it is overwritten and deleted when this
    /// answers, and gone from a file's write-ahead log. What may remain of it in
    /// PostgreSQL, and for how long, is in `docs/data-map.md`. Destroying it
    /// again changes nothing.
    ///
    /// # Errors
    /// [`VaultError::Lingers`] when a reader holds on to the log.
    pub async fn destroy(&self, record: RecordId) -> Result<(), VaultError> {
        let noise = random()?;
        kept!(&self.kept, |kept| kept.destroy(record, noise).await)
    }
}

#[cfg(test)]
impl Vault {
    /// The rows in a file, for tests that look into it.
    fn file(&self) -> &SqliteRows {
        match &self.kept {
            Kept::Sqlite(rows) => rows,
            Kept::Postgres(_) => panic!("the keys are in a file"),
        }
    }
}
