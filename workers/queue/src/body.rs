//! What a message of a partition holds: the ids of claims that follow each other
//! there, sealed, so that nobody who has only the broker can read which claims
//! they are or put one there.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use thiserror::Error;
use zeroize::Zeroize;

use crate::error::QueueError;

/// The version of the body, its first byte.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;

/// The id of a claim.
pub type ClaimRef = [u8; 16];

/// The most claims a message should refer to.
pub const REFERENCES: usize = 128;

/// How many claims a body of this length refers to, if it opens.
#[must_use]
pub fn references(body: &[u8]) -> usize {
    body.len().saturating_sub(1 + NONCE + TAG) / size_of::<ClaimRef>()
}

/// Where a reference belongs: one moved to another partition does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of partitions, which names the generation.
    pub partitions: u16,
    /// Which of them, from 0.
    pub partition: u16,
}

impl Place {
    fn associated(self) -> Vec<u8> {
        let mut data = b"tallystick/queue/v1".to_vec();
        data.extend_from_slice(&self.partitions.to_be_bytes());
        data.extend_from_slice(&self.partition.to_be_bytes());
        data
    }
}

/// A body that is no reference: another key, another partition, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the message is no reference sealed for this partition by this node")]
pub struct NotAReference;

/// The key that seals references. Wiped when dropped; it has no `Debug`.
pub struct QueueKey([u8; 32]);

impl QueueKey {
    /// The key of 32 secret bytes.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Seals references, of which there must be some: version, nonce,
    /// XChaCha20-Poly1305.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn seal(&self, place: Place, claims: &[ClaimRef]) -> Result<Vec<u8>, QueueError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| QueueError::Random)?;
        let sealed = XChaCha20Poly1305::new((&self.0).into())
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: claims.as_flattened(),
                    aad: &place.associated(),
                },
            )
            .map_err(|_| QueueError::Random)?;
        let mut body = Vec::with_capacity(1 + NONCE + sealed.len());
        body.push(VERSION);
        body.extend_from_slice(&nonce);
        body.extend_from_slice(&sealed);
        Ok(body)
    }

    /// Opens references, in the order in which they were sealed.
    ///
    /// # Errors
    /// When they were not sealed under this key for this place.
    pub fn open(&self, place: Place, body: &[u8]) -> Result<Vec<ClaimRef>, NotAReference> {
        let Some((&VERSION, rest)) = body.split_first() else {
            return Err(NotAReference);
        };
        let Some((nonce, sealed)) = rest.split_first_chunk::<NONCE>() else {
            return Err(NotAReference);
        };
        let opened = XChaCha20Poly1305::new((&self.0).into())
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: sealed,
                    aad: &place.associated(),
                },
            )
            .map_err(|_| NotAReference)?;
        match opened.as_chunks() {
            (claims @ [_, ..], []) => Ok(claims.to_vec()),
            _ => Err(NotAReference),
        }
    }
}

impl Drop for QueueKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static_assertions::assert_not_impl_any!(QueueKey: core::fmt::Debug, core::fmt::Display, Clone);

    const PLACE: Place = Place {
        partitions: 8,
        partition: 3,
    };

    #[test]
    fn a_reference_opens_where_it_belongs_and_nowhere_else() {
        let key = QueueKey::new([7; 32]);
        let body = key.seal(PLACE, &[[1; 16]]).unwrap();
        assert_eq!(body.len(), 57);
        assert_eq!(references(&body), 1);
        assert_eq!(key.open(PLACE, &body), Ok(vec![[1; 16]]));
        for place in [
            Place {
                partition: 4,
                ..PLACE
            },
            Place {
                partitions: 16,
                ..PLACE
            },
        ] {
            assert_eq!(key.open(place, &body), Err(NotAReference));
        }
        assert_eq!(
            QueueKey::new([8; 32]).open(PLACE, &body),
            Err(NotAReference)
        );
    }

    #[test]
    fn several_open_in_their_order() {
        let key = QueueKey::new([7; 32]);
        let claims: Vec<ClaimRef> = (0..128).map(|n| [n; 16]).collect();
        let body = key.seal(PLACE, &claims).unwrap();
        assert_eq!(references(&body), claims.len());
        assert_eq!(key.open(PLACE, &body), Ok(claims));
        // None is no message.
        let empty = key.seal(PLACE, &[]).unwrap();
        assert_eq!(references(&empty), 0);
        assert_eq!(key.open(PLACE, &empty), Err(NotAReference));
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let key = QueueKey::new([7; 32]);
        let body = key.seal(PLACE, &[[1; 16]]).unwrap();
        for at in 0..body.len() {
            let mut changed = body.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(PLACE, &changed), Err(NotAReference), "byte {at}");
            assert_eq!(key.open(PLACE, &body[..at]), Err(NotAReference));
        }
    }

    #[test]
    fn no_two_bodies_are_alike() {
        let key = QueueKey::new([7; 32]);
        let [a, b] = [(); 2].map(|()| key.seal(PLACE, &[[1; 16]]).unwrap());
        assert_ne!(a, b);
    }
}
