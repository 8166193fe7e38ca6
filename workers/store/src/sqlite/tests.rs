//! The conformance suite on SQLite, and what only SQLite must show.

mod canary;
mod crash;
mod files;
mod plans;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::SqliteStore;
use crate::conformance::Fixture;

/// Stores in a folder that goes with it.
struct Folder {
    folder: TempDir,
    next: AtomicU64,
}

impl Folder {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            next: AtomicU64::new(0),
        }
    }

    fn path(&self) -> PathBuf {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("{n}.db"))
    }
}

impl Fixture for Folder {
    type Store = SqliteStore;

    async fn fresh(&self) -> SqliteStore {
        SqliteStore::open(&self.path()).await.unwrap()
    }
}

mod suite {
    use super::Folder;

    crate::conformance_suite!(Folder::new());
}
