//! Record keys, in a store of their own: each payload is under a key that can
//! be destroyed alone. Keys are wrapped by a key outside any database.

use thiserror::Error;

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
    /// A payload does not open under its record's key.
    #[error("a sealed payload does not open: damaged, or moved from elsewhere")]
    Payload,
}
