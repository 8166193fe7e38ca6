//! What stands on the ledger: nothing that identifies a person or can be
//! guessed back. Adjudications and flags are salted commitments.

use sha2::{Digest, Sha256};
use tally_types::ServiceDate;
use thiserror::Error;

use super::note::{NoteError, SigningKey, VerifierKey};
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;
use crate::fraud::schedule::Batch;

/// The version of the encoding, an entry's first byte.
const VERSION: u8 = 1;

/// A salted commitment.
pub type Commitment = [u8; 32];
/// 256 fresh bits from the operating system.
pub type Salt = [u8; 32];

/// What a commitment is of: commitments of one kind never open as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The body of a receipt.
    Receipt,
    /// A policy's context.
    Context,
    /// A flag.
    Flag,
    /// A reversal.
    Reversal,
}

crate::canon_enum!(Subject { Receipt = 1, Context = 2, Flag = 3, Reversal = 4 });

/// What an entry that takes an adjudication back commits to. What takes its place,
/// if anything does, is the next adjudication of the same claim, or of the claim
/// that replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// The claim.
    pub claim: ClaimId,
    /// SHA-256 of the canonical bytes of the outcome that no longer stands.
    pub outcome: [u8; 32],
    /// What brought it about: a void, a replacement, a re-adjudication, a review.
    pub act: ClaimId,
}

crate::canon_record!(Reversal {
    claim,
    outcome,
    act
});

/// Commits to `body`:
/// `SHA-256("tallystick/commitment/v1" ‖ salt ‖ subject ‖ body)`.
#[must_use]
pub fn commit(subject: Subject, salt: &Salt, body: &[u8]) -> Commitment {
    let mut hasher = Sha256::new();
    hasher.update(b"tallystick/commitment/v1");
    hasher.update(salt);
    hasher.update(subject.to_canon());
    hasher.update(body);
    hasher.finalize().into()
}

/// A policy's publication, signed by its insurer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPublished {
    /// The product.
    pub product: String,
    /// The first date of service it is in force on.
    pub effective: ServiceDate,
    /// SHA-256 of the component.
    pub policy: [u8; 32],
    /// Its reference tables, by name, in the order of its description.
    pub tables: Vec<TableHash>,
    /// The interface's version.
    pub abi: u32,
    /// Fuel of one adjudication.
    pub fuel: u64,
    /// The table of fuel costs.
    pub fuel_costs: u32,
    /// SHA-256 of the description's canonical bytes.
    pub description: [u8; 32],
}

/// A table by name and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableHash {
    /// Its name in the policy's description.
    pub name: String,
    /// SHA-256 of its canonical bytes.
    pub hash: [u8; 32],
}

/// A publication with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What is published.
    pub publication: PolicyPublished,
    /// The insurer's public key.
    pub publisher: [u8; 32],
    /// Its signature over the publication.
    pub signature: [u8; 64],
}

/// Why a publication does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PublicationError {
    /// Its signature does not hold.
    #[error("the publication's signature does not hold")]
    Signature(#[from] NoteError),
}

impl Published {
    /// Signs a publication.
    #[must_use]
    pub fn sign(publication: PolicyPublished, key: &SigningKey) -> Self {
        let signature = key.sign(&Self::message(&publication));
        Self {
            publication,
            publisher: key.verifier().public(),
            signature,
        }
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn verify(&self) -> Result<(), PublicationError> {
        let key = VerifierKey::new("publisher", &self.publisher)?;
        key.verify(&Self::message(&self.publication), &self.signature)?;
        Ok(())
    }

    fn message(publication: &PolicyPublished) -> Vec<u8> {
        let mut message = b"tallystick/publication/v1".to_vec();
        publication.put(&mut message);
        message
    }
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The first entry: which log this is.
    Genesis {
        /// The log's name.
        origin: String,
        /// Its public key.
        key: [u8; 32],
    },
    /// A policy was published.
    Policy(Box<Published>),
    /// A claim was adjudicated.
    Adjudicated(Commitment),
    /// A batch of flags, padded, on schedule.
    Flags(Box<Batch>),
    /// An adjudication was taken back: a commitment to a [`Reversal`]. It comes
    /// before whatever takes its place.
    Reversed(Commitment),
}

/// Which publication is in force for a product on a date of service, of those
/// in the prefix of the ledger given: the latest effective date that is not
/// after the service wins, and of equal ones the last published.
pub fn in_force<'a>(
    product: &str,
    on: ServiceDate,
    prefix: impl IntoIterator<Item = (u64, &'a PolicyPublished)>,
) -> Option<(u64, &'a PolicyPublished)> {
    prefix
        .into_iter()
        .filter(|(_, policy)| policy.product == product && policy.effective <= on)
        .max_by_key(|(index, policy)| (policy.effective, *index))
}

crate::canon_record!(TableHash { name, hash });
crate::canon_record!(PolicyPublished {
    product,
    effective,
    policy,
    tables,
    abi,
    fuel,
    fuel_costs,
    description,
});
crate::canon_record!(Published {
    publication,
    publisher,
    signature
});

impl Canon for Entry {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        match self {
            Self::Genesis { origin, key } => {
                out.push(1);
                origin.put(out);
                key.put(out);
            }
            Self::Policy(published) => {
                out.push(2);
                published.put(out);
            }
            Self::Adjudicated(commitment) => {
                out.push(3);
                commitment.put(out);
            }
            Self::Flags(batch) => {
                out.push(4);
                batch.put(out);
            }
            Self::Reversed(commitment) => {
                out.push(5);
                commitment.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("entry version", n.into())),
        }
        match u8::take(from)? {
            1 => Ok(Self::Genesis {
                origin: Canon::take(from)?,
                key: Canon::take(from)?,
            }),
            2 => Ok(Self::Policy(Box::new(Canon::take(from)?))),
            3 => Ok(Self::Adjudicated(Canon::take(from)?)),
            4 => Ok(Self::Flags(Box::new(Canon::take(from)?))),
            5 => Ok(Self::Reversed(Canon::take(from)?)),
            n => Err(from.invalid("entry", n.into())),
        }
    }
}
