//! The ledger: entries, the tree over them, checkpoints, proofs and receipts.
//!
//! The tree is that of RFC 6962; notes, checkpoints, tiles and proofs are those
//! of C2SP. Two edge cases are decided here: a consistency proof between equal
//! sizes is empty and holds when the roots agree, and nothing is consistent
//! with the empty tree. Signatures are ed25519, always verified strictly.

mod checkpoint;
mod entry;
mod note;
mod proof;
mod receipt;
#[cfg(test)]
mod tests;
pub mod tiles;
pub mod tree;
mod trust;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use entry::{
    Commitment, Entry, PolicyPublished, PublicationError, Published, Reversal, Salt, Subject,
    TableHash, commit, in_force,
};
pub use note::{Note, NoteError, Signature, SigningKey, VerifierKey};
pub use proof::LogProof;
pub use receipt::{Execution, Receipt, ReceiptBody, ReceiptError, Verdict, verify_receipt};
pub use trust::{Trust, TrustError, TrustedLog};
