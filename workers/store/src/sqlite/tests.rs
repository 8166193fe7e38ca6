//! The conformance suite on SQLite, and what only SQLite must show.

mod canary;
mod crash;
mod files;
mod plans;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::SqliteStore;
use crate::conformance::Fixture;
use crate::conformance::world::identity;
use crate::port::Layout as _;

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

/// Opens a store, set up.
async fn open(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).await.unwrap();
    store.set_up(&identity()).await.unwrap();
    store
}

impl Fixture for Folder {
    type Store = SqliteStore;

    async fn fresh(&self) -> SqliteStore {
        open(&self.path()).await
    }
}

mod suite {
    use super::Folder;

    crate::conformance_suite!(Folder::new());
}
