//! Salted commitments: what stands on the ledger in place of what may not.

use sha2::{Digest, Sha256};

use crate::canon::Canon as _;
use crate::claim::ClaimId;

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
    /// That a claim was received.
    Received,
    /// What a counterparty found when it ran the policy again.
    Reexecution,
    /// A grant of access.
    Grant,
    /// A reading.
    Reading,
    /// A payment that was advised.
    Payment,
    /// What a policy asked and was answered.
    Transcript,
}

crate::canon_enum!(Subject {
    Receipt = 1,
    Context = 2,
    Flag = 3,
    Reversal = 4,
    Received = 5,
    Reexecution = 6,
    Grant = 7,
    Reading = 8,
    Payment = 9,
    Transcript = 10,
});

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
