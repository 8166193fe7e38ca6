//! Tokens: keyed hashes that stand for what identifies.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::port::Token;

/// Makes tokens under the node's key. It has no `Debug`; the key is wiped when
/// dropped.
pub struct Tokens {
    /// The key, with zeroes up to a block of the hash: as HMAC pads it.
    block: Zeroizing<[u8; 64]>,
}

impl Tokens {
    /// Tokens under this key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(key.iter()) {
            *to = *from;
        }
        Self { block }
    }

    /// HMAC-SHA256 over the domain and the parts, each after its length (eight
    /// bytes, big-endian), so that no two lists give the same bytes.
    #[must_use]
    pub fn token(&self, domain: &str, parts: &[&[u8]]) -> Token {
        let mut mac = Hmac::<Sha256>::new((&*self.block).into());
        for part in std::iter::once(&domain.as_bytes()).chain(parts) {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            mac.update(&length.to_be_bytes());
            mac.update(part);
        }
        Token(mac.finalize().into_bytes().into())
    }
}
