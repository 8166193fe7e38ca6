//! A record's key: what it seals and opens, and how it is wrapped itself.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{VaultError, random};
use crate::port::{RecordId, Sealed};

const KEY: usize = 32;
const NONCE: usize = 24;
const TAG: usize = 16;

/// Bytes of a wrapped key: nonce, ciphertext, tag.
pub(super) const WRAPPED: usize = NONCE + KEY + TAG;

/// What a wrapped key and the proof are bound to.
const KEY_LABEL: &[u8] = b"tallystick/record-key/v1";
const PROOF_LABEL: &[u8] = b"tallystick/wrapping-key/v1";

/// XChaCha20-Poly1305 with a fresh nonce in front. The nonce is long enough to
/// be drawn at random.
fn seal(key: &[u8; KEY], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce = random::<NONCE>()?;
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad })
        .map_err(|_| VaultError::Payload)?;
    let mut bytes = Vec::with_capacity(NONCE.saturating_add(sealed.len()));
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

/// What [`seal`] sealed; `None` when it does not open.
fn open(key: &[u8; KEY], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, msg) = sealed.split_first_chunk::<NONCE>()?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), Payload { msg, aad })
        .ok()
        .map(Zeroizing::new)
}

/// A label, then the record: the record's length is fixed, so no two pairs
/// give the same bytes.
fn bound(label: &[u8], record: RecordId) -> Vec<u8> {
    let mut aad = Vec::with_capacity(label.len().saturating_add(record.0.len()));
    aad.extend_from_slice(label);
    aad.extend_from_slice(&record.0);
    aad
}

/// The key of one record. It has no `Debug`, and is wiped when dropped.
pub struct RecordKey {
    id: RecordId,
    key: Zeroizing<[u8; KEY]>,
}

impl RecordKey {
    pub(super) fn fresh() -> Result<Self, VaultError> {
        Ok(Self {
            id: RecordId(random()?),
            key: Zeroizing::new(random()?),
        })
    }

    /// The key itself, for tests that look for it where it must not be.
    #[cfg(test)]
    pub(super) fn plain(&self) -> &[u8] {
        &self.key[..]
    }

    /// Whose key it is.
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// Seals a payload. The label says what it is: it opens under no other.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn seal(&self, label: &str, plain: &[u8]) -> Result<Sealed, VaultError> {
        Ok(Sealed {
            record: self.id,
            bytes: seal(&self.key, &bound(label.as_bytes(), self.id), plain)?,
        })
    }

    /// Opens a payload, into memory that is wiped when dropped.
    ///
    /// # Errors
    /// [`VaultError::Payload`] when it is of another record or label, or was
    /// changed.
    pub fn open(&self, label: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        if sealed.record != self.id {
            return Err(VaultError::Payload);
        }
        open(&self.key, &bound(label.as_bytes(), self.id), &sealed.bytes).ok_or(VaultError::Payload)
    }
}

/// The key that wraps all record keys: it lives in a file outside any
/// database. It has no `Debug`, and is wiped when dropped.
pub struct WrapKey(Zeroizing<[u8; KEY]>);

impl WrapKey {
    /// The wrapping key of these bytes.
    #[must_use]
    pub fn new(key: [u8; KEY]) -> Self {
        Self(Zeroizing::new(key))
    }

    pub(super) fn same(&self) -> Self {
        Self(self.0.clone())
    }

    pub(super) fn wrap(&self, key: &RecordKey) -> Result<Vec<u8>, VaultError> {
        seal(&self.0, &bound(KEY_LABEL, key.id), &key.key[..])
    }

    pub(super) fn unwrap(&self, id: RecordId, wrapped: &[u8]) -> Result<RecordKey, VaultError> {
        let plain = open(&self.0, &bound(KEY_LABEL, id), wrapped).ok_or(VaultError::Wrapped)?;
        let mut key = Zeroizing::new([0; KEY]);
        if plain.len() != key.len() {
            return Err(VaultError::Wrapped);
        }
        key.copy_from_slice(&plain);
        Ok(RecordKey { id, key })
    }

    /// What only this key opens, to be kept beside the wrapped keys.
    pub(super) fn proof(&self) -> Result<Vec<u8>, VaultError> {
        seal(&self.0, PROOF_LABEL, &[])
    }

    pub(super) fn check(&self, proof: &[u8]) -> Result<(), VaultError> {
        open(&self.0, PROOF_LABEL, proof)
            .map(|_| ())
            .ok_or(VaultError::Wrapped)
    }
}
