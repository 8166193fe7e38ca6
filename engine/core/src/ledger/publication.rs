//! A policy's publication, and which one is in force.

use tally_types::ServiceDate;
use thiserror::Error;

use super::note::{NoteError, SigningKey, VerifierKey};
use crate::canon::Canon as _;

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
