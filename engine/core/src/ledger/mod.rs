//! The ledger: entries, the tree over them, checkpoints, proofs and receipts.
//!
//! The tree is that of RFC 6962; notes, checkpoints, tiles and proofs are those
//! of C2SP. Two edge cases are decided here: a consistency proof between equal
//! sizes is empty and holds when the roots agree, and nothing is consistent
//! with the empty tree. Signatures are ed25519, always verified strictly.

pub mod access;
mod bodies;
mod checkpoint;
mod commitment;
pub mod counterparty;
mod entry;
pub mod erasure;
mod note;
mod proof;
mod publication;
#[cfg(test)]
mod quiet;
mod receipt;
#[cfg(test)]
mod rig;
pub mod shared;
#[cfg(test)]
mod tests;
pub mod tiles;
pub mod tree;
mod trust;
pub mod witness;

pub use bodies::{PaymentAdvice, ReceivedClaim};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use commitment::{Commitment, Reversal, Salt, Subject, commit};
pub use entry::{Adjudication, Entry, Ground, MAX_ENTRY, Standing, kind};
pub use note::{Note, NoteError, Signature, SigningKey, VerifierKey};
pub use proof::LogProof;
pub use publication::{PolicyPublished, PublicationError, Published, TableHash, in_force};
pub use receipt::{
    Execution, Receipt, ReceiptBody, ReceiptError, SharedProof, Shown, Verdict, verify_any,
    verify_reading, verify_receipt,
};
pub use trust::{Trust, TrustError, TrustedLog};
