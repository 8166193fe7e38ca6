//! How a SQLite file is opened: by the node's store and by the vault alike.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

/// How long a writer waits for one of another process. Longer than any
/// transaction takes; shorter than a person waits.
const BUSY: Duration = Duration::from_secs(60);

/// To be read and written by its owner, and by nobody else.
#[cfg(unix)]
const OWNER: u32 = 0o600;

/// Every commit is on the disk before it is answered; what is deleted is
/// overwritten; statements are not logged. The file must be there:
/// [`Opening::of`] makes it.
pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .statement_cache_capacity(256)
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

/// The same, for connections that only read.
pub(crate) fn reading(path: &Path) -> SqliteConnectOptions {
    options(path).pragma("query_only", "ON")
}

/// Held while a file is created and migrated, which SQLite's own locks do not
/// cover as a whole; let go when dropped, or when the process ends.
pub(crate) struct Opening {
    _lock: File,
}

impl Opening {
    /// Waits until no other process opens the same file, and makes it when it
    /// is not there. The lock is on a file beside it: closing a handle to the
    /// database itself would let go of SQLite's locks.
    pub(crate) async fn of(path: &Path) -> io::Result<Self> {
        let mut beside = path.as_os_str().to_owned();
        beside.push("-open");
        let beside = PathBuf::from(beside);
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || {
            let lock = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(beside)?;
            lock.lock()?;
            make(&path)?;
            Ok(Self { _lock: lock })
        })
        .await
        .map_err(io::Error::other)?
    }
}

/// Makes an empty file that only its owner can read, whatever the umask; SQLite
/// gives its write-ahead log and shared memory the same mode. One that is there
/// is not even opened, and stays as it is.
fn make(path: &Path) -> io::Result<()> {
    let mut new = OpenOptions::new();
    new.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, OWNER);
    let file = match new.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        opened => opened?,
    };
    // The umask can have taken from the owner too.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(OWNER))?;
    drop(file);
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use sqlx::sqlite::SqliteConnection;

    async fn pragma(conn: &mut SqliteConnection, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(conn).await.unwrap()
    }

    /// A process that is killed does not show whether a commit reached the
    /// disk; so what makes it is asserted by itself.
    pub(crate) async fn assert_durable(conn: &mut SqliteConnection) {
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut *conn)
            .await
            .unwrap();
        assert_eq!(mode, "wal");
        assert_eq!(pragma(conn, "PRAGMA synchronous").await, 2, "FULL");
        assert_eq!(pragma(conn, "PRAGMA foreign_keys").await, 1);
        assert_eq!(pragma(conn, "PRAGMA secure_delete").await, 1);
        assert_eq!(pragma(conn, "PRAGMA busy_timeout").await, 60_000);
    }
}
