//! Another wrapping key, beside processes that use the old one.

use std::sync::{Arc, Mutex};

use tally_rig::shared_postgres;
use tempfile::TempDir;

use super::{RecordKey, Vault, VaultError, WrapKey, assert_error, path};
use crate::port::RecordId;
use crate::vault::{Rewrapped, Wraps};

/// The files of the wrapping keys, as all processes see them.
#[derive(Clone)]
struct Files(Arc<Mutex<Vec<u8>>>);

impl Files {
    fn of(keys: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(keys.to_vec())))
    }

    fn set(&self, keys: &[u8]) {
        *self.0.lock().unwrap() = keys.to_vec();
    }

    fn wraps(&self) -> Wraps {
        let files = Arc::clone(&self.0);
        Wraps::read_by(move || {
            let keys = files.lock().unwrap();
            keys.iter().map(|key| WrapKey::new([*key; 32])).collect()
        })
    }
}

fn ids(keys: &[RecordKey]) -> Vec<RecordId> {
    keys.iter().map(RecordKey::id).collect()
}

/// `running` opened the vault before; `rotating` wraps anew.
async fn goes_on(running: &Vault, rotating: &Vault, files: &Files) {
    assert_error(rotating.rewrap(&|_, _| ()).await, "NoOther");
    let before = ids(&running.fresh(2_500).await.unwrap());
    running.destroy(before[7]).await.unwrap();
    files.set(&[7, 8]);
    let told = Mutex::new(Vec::new());
    let tell = |done, of| told.lock().unwrap().push((done, of));
    let done = rotating.rewrap(&tell).await.unwrap();
    let expected = Rewrapped {
        wrapped: 2_499,
        ..Rewrapped::default()
    };
    assert_eq!(done, expected);
    let told = told.into_inner().unwrap();
    assert_eq!(told, [(1_000, 2_499), (2_000, 2_499), (2_499, 2_499)]);

    // Whoever had the old key alone reads what was wrapped anew, and stores nothing under
    // the old one.
    assert_eq!(running.keys(&before).await.unwrap().len(), 2_499);
    assert_error(running.key(before[7]).await, "Erased");
    let after = ids(&running.fresh(3).await.unwrap());
    let again = rotating.rewrap(&|_, _| ()).await.unwrap();
    let expected = Rewrapped {
        already: 2_502,
        ..Rewrapped::default()
    };
    assert_eq!(again, expected);
    // A copy of the key that is there is no other.
    files.set(&[8, 8]);
    assert_error(rotating.rewrap(&|_, _| ()).await, "NoOther");
    files.set(&[8]);
    assert_eq!(rotating.keys(&after).await.unwrap().len(), 3);
    assert_error(rotating.rewrap(&|_, _| ()).await, "NoOther");
}

#[tokio::test]
async fn keys_are_wrapped_anew_beside_who_uses_them() {
    let (folder, files) = (TempDir::new().unwrap(), Files::of(&[7]));
    let path = path(&folder);
    let open = || Vault::open(&path, files.wraps());
    let (running, rotating) = (open().await.unwrap(), open().await.unwrap());
    goes_on(&running, &rotating, &files).await;
    drop((running, rotating));
    let old = Vault::open(&path, WrapKey::new([7; 32])).await;
    assert_error(old, "Wrapped");
    Vault::open(&path, WrapKey::new([8; 32])).await.unwrap();
}

#[tokio::test]
async fn on_postgres_too() {
    let url = tokio::task::spawn_blocking(|| shared_postgres().fresh_database().unwrap())
        .await
        .unwrap();
    let files = Files::of(&[7]);
    let open = || Vault::connect(&url, files.wraps());
    let (running, rotating) = (open().await.unwrap(), open().await.unwrap());
    goes_on(&running, &rotating, &files).await;
}

/// Stopped where half of the keys are wrapped anew: everything opens, what is stored is
/// under the new key, and the rest is done when it is asked for again.
#[tokio::test]
async fn what_was_stopped_goes_on() {
    let (folder, files) = (TempDir::new().unwrap(), Files::of(&[7]));
    let path = path(&folder);
    let open = || Vault::open(&path, files.wraps());
    let vault = open().await.unwrap();
    let before = ids(&vault.fresh(2_000).await.unwrap());
    files.set(&[7, 8]);
    let stopped = tokio::spawn(async move { vault.rewrap(&|_, _| panic!("killed")).await });
    assert!(stopped.await.unwrap_err().is_panic());
    let vault = open().await.unwrap();
    assert_eq!(vault.keys(&before).await.unwrap().len(), 2_000);
    let after = ids(&vault.fresh(1).await.unwrap());
    let done = vault.rewrap(&|_, _| ()).await.unwrap();
    let expected = Rewrapped {
        wrapped: 1_000,
        already: 1_001,
        damaged: 0,
    };
    assert_eq!(done, expected);
    files.set(&[8]);
    let vault = open().await.unwrap();
    assert_eq!(vault.keys(&before).await.unwrap().len(), 2_000);
    vault.key(after[0]).await.unwrap();
}

/// A key that opens under neither is left as it is, and told.
#[tokio::test]
async fn what_is_damaged_is_counted() {
    let (folder, files) = (TempDir::new().unwrap(), Files::of(&[7]));
    let vault = Vault::open(&path(&folder), files.wraps()).await.unwrap();
    let keys = ids(&vault.fresh(3).await.unwrap());
    sqlx::query("UPDATE record_key SET wrapped = zeroblob(72) WHERE record = ?")
        .bind(keys[1].0.to_vec())
        .execute(&mut *vault.file().writer.lock().await)
        .await
        .unwrap();
    files.set(&[7, 8]);
    let done = vault.rewrap(&|_, _| ()).await.unwrap();
    assert_eq!((done.wrapped, done.damaged), (2, 1));
    assert_error(vault.key(keys[1]).await, "Wrapped");
    let VaultError::Wrapped = vault.keys(&keys).await.err().unwrap() else {
        panic!("it is told");
    };
}
