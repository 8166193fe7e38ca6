//! The store on SQLite: one file, one writer, a few readers.
//!
//! A write is one transaction that holds SQLite's write lock from its start
//! (`BEGIN IMMEDIATE`), so what it read is still so when it commits. Another
//! process may write the same file: the lock orders them, and the fences (a
//! claim's outcome, a unit's next number, a balance, a group's facts, the log's
//! size) refuse what came too late.

mod access;
mod acts;
mod appeals;
mod aside;
mod audit;
mod authorizations;
mod bulk;
mod cells;
mod commit;
mod detection;
mod disputed;
mod enrolment;
mod flags;
mod holds;
mod intake;
mod layout;
mod log;
mod payments;
mod publications;
mod reading;
mod shared;
mod statements;
#[cfg(test)]
mod tests;
mod work;

use std::path::Path;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{Mutex, MutexGuard};

pub(crate) use bulk::hex_list;

use crate::alike::{ASKED, doing};
use crate::database;
use crate::port::Answer;

/// Readers at once.
const READERS: u32 = 4;

/// A node's store in one SQLite file.
pub struct SqliteStore {
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the store at `path`; makes it when it is not there, and brings
    /// its schema up to date. Several processes may have it open.
    ///
    /// # Errors
    /// [`crate::port::StoreError::Database`] when the file cannot be opened;
    /// [`crate::port::StoreError::Migrate`] when it was written by a later version.
    pub async fn open(path: &Path) -> Answer<Self> {
        let opening = database::Opening::of(path)
            .await
            .map_err(|error| doing("waiting to open the store")(sqlx::Error::Io(error)))?;
        let mut writer = SqliteConnection::connect_with(&database::options(path))
            .await
            .map_err(doing("opening the store"))?;
        sqlx::migrate!("../../migrations/sqlite")
            .run_direct(None, &mut writer, false)
            .await?;
        drop(opening);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(database::reading(path))
            .await
            .map_err(doing("opening the store to read"))?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers,
        })
    }

    /// Closes the file: when nobody else has it open, its write-ahead log is
    /// emptied into it. A store that is only dropped loses nothing either.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close(self) -> Answer<()> {
        self.readers.close().await;
        self.writer
            .into_inner()
            .close()
            .await
            .map_err(doing("closing the store"))
    }

    /// The writer, once no other task of this process has it.
    async fn writer(&self) -> MutexGuard<'_, SqliteConnection> {
        self.writer.lock().await
    }

    /// A reader; what it reads in one transaction is of one moment.
    async fn reader(&self) -> Answer<PoolConnection<Sqlite>> {
        self.readers
            .acquire()
            .await
            .map_err(doing("waiting to read"))
    }
}

/// Takes the write lock.
async fn begin(writer: &mut SqliteConnection) -> Answer<Transaction<'_, Sqlite>> {
    writer
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(doing("waiting to write"))
}

/// A moment to read from.
async fn moment(reader: &mut SqliteConnection) -> Answer<Transaction<'_, Sqlite>> {
    reader.begin().await.map_err(doing("starting to read"))
}
