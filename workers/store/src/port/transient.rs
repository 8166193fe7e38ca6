//! Which errors pass.

use super::StoreError;
use crate::vault::VaultError;

/// PostgreSQL's classes and codes for what passes without anything being
/// changed in what was asked: connections (08), resources such as memory, disk
/// and connections (53), an operator at work (57), a system's error (58),
/// and transactions that met (40001, 40P01), or waited too long (55P03).
const POSTGRES: [&str; 7] = ["08", "53", "57", "58", "40001", "40P01", "55P03"];

/// SQLite's primary codes for the same: busy, locked, out of memory, an
/// input/output error, full, cannot open.
const SQLITE: [u32; 6] = [5, 6, 7, 10, 13, 14];

impl StoreError {
    /// Whether the same may go well when it is done again, with nothing changed
    /// but time: the database could not be reached, was out of something, or
    /// ended a transaction in favour of another. What a database says of the
    /// values it was given does not pass.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database { source, .. } => transient(source),
            Self::Migrate(sqlx::migrate::MigrateError::Execute(source)) => transient(source),
            _ => false,
        }
    }
}

impl StoreError {
    /// Whether the database refused the values it was given, or what is stored
    /// cannot be what was written: the same will end the same.
    #[must_use]
    pub fn is_harmful(&self) -> bool {
        // Classes 22, data exceptions, and 23, integrity constraints.
        matches!(self, Self::Damaged { .. })
            || self
                .code()
                .is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// Whether the login lacks a right.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.code().is_some_and(|code| code == "42501")
    }

    /// What PostgreSQL calls the error.
    fn code(&self) -> Option<&str> {
        match self {
            Self::Database {
                source: sqlx::Error::Database(error),
                ..
            } => Some(
                error
                    .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?
                    .code(),
            ),
            _ => None,
        }
    }
}

impl VaultError {
    /// As [`StoreError::is_transient`], of the key store.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database { source, .. } => transient(source),
            Self::Migrate(sqlx::migrate::MigrateError::Execute(source)) => transient(source),
            Self::Lingers => true,
            _ => false,
        }
    }
}

fn transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error
                .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                .is_some()
            {
                POSTGRES.iter().any(|passes| code.starts_with(passes))
            } else {
                code.parse::<u32>()
                    .is_ok_and(|code| SQLITE.contains(&(code & 0xff)))
            }
        }
        _ => false,
    }
}
