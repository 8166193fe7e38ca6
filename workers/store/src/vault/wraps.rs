//! The wrapping keys that a vault knows. There is one, and another beside it while the
//! record keys are wrapped anew: what is stored is wrapped with the one that the proof
//! opens under, what is read may be wrapped with either.

use std::sync::{Arc, PoisonError};

use super::rows::Rows as _;
use super::{Kept, RecordKey, Vault, VaultError, WrapKey};
use crate::port::RecordId;

/// How often a proof that changed at the wrong moment is looked at again.
const TRIES: u32 = 8;

type Read = dyn Fn() -> Vec<WrapKey> + Send + Sync;

/// Where a vault has its wrapping keys from: the present one, then the next.
pub struct Wraps(Box<Read>);

impl Wraps {
    /// They are read when the vault is opened, and again whenever a record's key does not
    /// open under those that were read.
    #[must_use]
    pub fn read_by(read: impl Fn() -> Vec<WrapKey> + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl From<WrapKey> for Wraps {
    fn from(key: WrapKey) -> Self {
        Self::read_by(move || vec![key.same()])
    }
}

/// The wrapping keys as they were read, and the proof that was stored then.
pub(super) struct Held {
    pub(super) proof: Vec<u8>,
    pub(super) wraps: Vec<WrapKey>,
    /// Which of them the proof opens under.
    writes: usize,
}

impl Held {
    pub(super) fn unwrap(&self, id: RecordId, wrapped: &[u8]) -> Result<RecordKey, VaultError> {
        let opened = self.wraps.iter().map(|wrap| wrap.unwrap(id, wrapped));
        opened
            .into_iter()
            .find(Result::is_ok)
            .unwrap_or(Err(VaultError::Wrapped))
    }

    pub(super) fn wrap(&self, key: &RecordKey) -> Result<Vec<u8>, VaultError> {
        let wrap = self.wraps.get(self.writes).ok_or(VaultError::Wrapped)?;
        wrap.wrap(key)
    }
}

impl Vault {
    pub(super) fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the wrapping keys, and which of them the proof opens under. Where there is no
    /// proof, one of the first is left.
    pub(super) async fn hold(kept: &Kept, wraps: &Wraps) -> Result<Held, VaultError> {
        let mut tried = 0;
        loop {
            let read = (wraps.0)();
            let new = read.first().ok_or(VaultError::Wrapped)?.proof()?;
            let found = kept!(kept, |rows| rows.proof(new.clone()).await)?;
            let proof = found.unwrap_or(new);
            if let Some(writes) = read.iter().position(|wrap| wrap.check(&proof).is_ok()) {
                return Ok(Held {
                    proof,
                    wraps: read,
                    writes,
                });
            }
            // The files were changed between the reading of two of them.
            tried += 1;
            if tried == TRIES {
                return Err(VaultError::Wrapped);
            }
        }
    }

    pub(super) async fn read_wraps(&self) -> Result<Arc<Held>, VaultError> {
        let held = Arc::new(Self::hold(&self.kept, &self.wraps).await?);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&held);
        Ok(held)
    }

    /// Stores record keys, wrapped with the key that the proof opens under at that moment.
    pub(super) async fn store(&self, keys: &[RecordKey]) -> Result<(), VaultError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut held = self.held();
        for _ in 0..TRIES {
            let rows = keys.iter().map(|key| Ok((key.id(), held.wrap(key)?)));
            let rows = rows.collect::<Result<Vec<_>, VaultError>>()?;
            if kept!(&self.kept, |kept| kept.insert(&rows, &held.proof).await)? {
                return Ok(());
            }
            held = self.read_wraps().await?;
        }
        Err(VaultError::Wrapped)
    }
}
