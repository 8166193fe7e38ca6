//! The node's X25519 key, to which envelopes are sealed.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use zeroize::Zeroizing;

use super::SealError;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Bytes of the encapsulated key, which stands before the ciphertext.
const ENCAPSULATED: usize = 32;

/// The node's secret key. It has no `Debug`; its secret is wiped when dropped.
pub struct NodeKey(PrivateKey);

impl NodeKey {
    /// The key of 32 secret bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Option<Self> {
        PrivateKey::from_bytes(secret).ok().map(Self)
    }

    /// The key that submitters seal to.
    #[must_use]
    pub fn public(&self) -> NodePublicKey {
        NodePublicKey(X25519HkdfSha256::sk_to_pk(&self.0))
    }

    /// Opens what was sealed to the key under `info`.
    /// What [`NodePublicKey::seal_notice`] sealed to this key.
    #[must_use]
    pub fn open_notice(
        &self,
        payer: &str,
        submitter: &str,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        self.open(&notice_info(payer, submitter), sealed)
    }

    /// What [`NodePublicKey::seal_between`] sealed to this key.
    #[must_use]
    pub fn open_between(&self, from: &str, to: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.open(&between_info(from, to), sealed)
    }

    pub(super) fn open(&self, info: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (encapsulated, ciphertext) = sealed.split_at_checked(ENCAPSULATED)?;
        let encapsulated = Encapsulated::from_bytes(encapsulated).ok()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            info,
            ciphertext,
            b"",
        )
        .ok()
        .map(Zeroizing::new)
    }
}

/// The node's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePublicKey(PublicKey);

impl NodePublicKey {
    /// The key of 32 bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Option<Self> {
        PublicKey::from_bytes(bytes).ok().map(Self)
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes().into()
    }

    /// Seals to the key under `info`; the ephemeral key is made from `seed`,
    /// which is fresh from the operating system.
    /// Seals what a submitter is told to its own key: HPKE as an envelope's
    /// payload, with the info string `tallystick/result/v1`, the payer and the
    /// submitter, each after a zero byte.
    ///
    /// # Errors
    /// When the key is a weak one, or the operating system gives no random
    /// bytes.
    pub fn seal_notice(
        &self,
        payer: &str,
        submitter: &str,
        notice: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|_| SealError::Random)?;
        self.seal(&notice_info(payer, submitter), notice, &seed)
    }

    /// Seals what one organisation sends another on a shared ledger to its own key: HPKE
    /// as above, with the info string `tallystick/between/v1`, the sender and the
    /// receiver, each after a zero byte.
    ///
    /// # Errors
    /// When the key is a weak one, or the operating system gives no random bytes.
    pub fn seal_between(&self, from: &str, to: &str, sent: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|_| SealError::Random)?;
        self.seal(&between_info(from, to), sent, &seed)
    }

    pub(super) fn seal(
        &self,
        info: &[u8],
        payload: &[u8],
        seed: &[u8; 32],
    ) -> Result<Vec<u8>, SealError> {
        let mut random = ChaCha20Rng::from_seed(*seed);
        let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            X25519HkdfSha256,
        >(
            &OpModeS::Base, &self.0, info, payload, b"", &mut random
        )
        .map_err(|_| SealError::Key)?;
        let mut sealed = encapsulated.to_bytes().to_vec();
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }
}

/// Neither holds a zero byte.
fn between_info(from: &str, to: &str) -> Vec<u8> {
    [
        b"tallystick/between/v1".as_slice(),
        from.as_bytes(),
        to.as_bytes(),
    ]
    .join(&0)
}

/// Neither holds a zero byte.
fn notice_info(payer: &str, submitter: &str) -> Vec<u8> {
    [
        b"tallystick/result/v1".as_slice(),
        payer.as_bytes(),
        submitter.as_bytes(),
    ]
    .join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_opens_under_its_key_for_whom_it_was_meant() {
        let key = NodeKey::new(&[7; 32]).unwrap();
        let sealed = key
            .public()
            .seal_notice("harbor", "riverside", b"paid")
            .unwrap();
        let opened = key.open_notice("harbor", "riverside", &sealed).unwrap();
        assert_eq!(*opened, b"paid");
        assert!(key.open_notice("harbor", "elsewhere", &sealed).is_none());
        let other = NodeKey::new(&[8; 32]).unwrap();
        assert!(other.open_notice("harbor", "riverside", &sealed).is_none());
    }
}
