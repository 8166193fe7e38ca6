//! What an organisation sends: the next entries of its own log, signed once.

use sha2::{Digest, Sha256};

use super::organisation::OrganisationId;
use crate::canon::{Blob, Canon};
use crate::ledger::entry::Entry;
use crate::ledger::note::{NoteError, SigningKey, VerifierKey};
use crate::ledger::tree::leaf_hash;

/// The most entries of one envelope.
pub const MAX_ENVELOPE_ENTRIES: usize = 500;
/// The most bytes of one envelope, by [`Envelope::weight`]: any fits into a block.
pub const MAX_ENVELOPE_BYTES: usize = super::MAX_BLOCK_BYTES;
/// What an envelope's header weighs at most.
const HEADER_WEIGHT: usize = 256;

/// What an envelope says of its entries. It stands on the ledger before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeHeader {
    /// Whose entries.
    pub organisation: OrganisationId,
    /// The index of the first in the organisation's own log.
    pub first: u64,
    /// How many.
    pub count: u32,
    /// SHA-256 over the leaf hashes of the entries, in order.
    pub digest: [u8; 32],
    /// By the organisation's signing key.
    pub signature: [u8; 64],
}

crate::canon_record!(EnvelopeHeader {
    organisation,
    first,
    count,
    digest,
    signature,
});

impl EnvelopeHeader {
    /// Checks the signature, for the ledger of this name.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn verify(&self, origin: &str, key: &[u8; 32]) -> Result<(), NoteError> {
        let message = self.message(origin);
        VerifierKey::new("signing", key)?.verify(&message, &self.signature)
    }

    fn message(&self, origin: &str) -> Vec<u8> {
        let mut message = b"tallystick/envelope/v1".to_vec();
        origin.to_owned().put(&mut message);
        self.organisation.put(&mut message);
        self.first.put(&mut message);
        self.count.put(&mut message);
        self.digest.put(&mut message);
        message
    }
}

/// Entries of an organisation's own log, with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What is said of them.
    pub header: EnvelopeHeader,
    /// Their canonical bytes.
    pub entries: Vec<Blob>,
}

crate::canon_record!(Envelope { header, entries });

impl Envelope {
    /// Signs the entries from an index of the organisation's own log on.
    #[must_use]
    pub fn seal(
        origin: &str,
        organisation: OrganisationId,
        first: u64,
        entries: Vec<Vec<u8>>,
        key: &SigningKey,
    ) -> Self {
        let entries: Vec<Blob> = entries.into_iter().map(Blob).collect();
        let mut header = EnvelopeHeader {
            organisation,
            first,
            count: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            digest: digest(&entries),
            signature: [0; 64],
        };
        header.signature = key.sign(&header.message(origin));
        Self { header, entries }
    }

    /// Whether its entries are those that its header tells of, as many and no more bytes
    /// than an envelope may have.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let count = self.entries.len();
        (1..=MAX_ENVELOPE_ENTRIES).contains(&count)
            && u32::try_from(count) == Ok(self.header.count)
            && self.weight() <= MAX_ENVELOPE_BYTES
            && digest(&self.entries) == self.header.digest
    }

    /// Its leaves: its header, then its entries.
    #[must_use]
    pub fn leaves(&self) -> Vec<Vec<u8>> {
        let mut leaves = vec![Entry::Envelope(Box::new(self.header.clone())).to_canon()];
        leaves.extend(self.entries.iter().map(|entry| entry.0.clone()));
        leaves
    }

    /// How many bytes it is as leaves, at most.
    #[must_use]
    pub fn weight(&self) -> usize {
        let entries = self.entries.iter().map(|entry| entry.0.len());
        entries.fold(HEADER_WEIGHT, usize::saturating_add)
    }

    /// How many of these entries, of so many bytes each, the next envelope holds:
    /// at least one, if there is one.
    #[must_use]
    pub fn room(entries: impl IntoIterator<Item = usize>) -> usize {
        let mut weight = HEADER_WEIGHT;
        let fits = |bytes: &usize| {
            weight = weight.saturating_add(*bytes);
            weight <= MAX_ENVELOPE_BYTES
        };
        let entries = entries.into_iter().take(MAX_ENVELOPE_ENTRIES);
        entries.take_while(fits).count()
    }
}

/// SHA-256 over the leaf hashes of entries.
pub(super) fn digest(entries: &[Blob]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for entry in entries {
        hasher.update(leaf_hash(&entry.0));
    }
    hasher.finalize().into()
}
