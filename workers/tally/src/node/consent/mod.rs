//! Who may read: grants, custodies and memberships that this node keeps or was shown,
//! and what they allow whoever asks. The rules are those of
//! [`tally_core::ledger::access`]; here is what they are asked with.

mod beside;
mod book;
mod disclose;
mod effect;
mod keep;
mod rules;
#[cfg(test)]
mod tests;
mod told;

pub use beside::Beside;
pub use book::Seen;
pub use disclose::{Allowed, Asking, Disclosed, Need, Refused};
pub use effect::NoEffect;
pub use keep::{Kept, Unknown};
pub use rules::Rules;
pub use told::ReadingRead;

/// The label of a sealed grant, custody or membership, behind its salt.
pub(super) const GRANT: &str = "grant";
/// The label of what is kept of a revocation.
pub(super) const REVOCATION: &str = "revocation";
/// The label of a sealed reading, behind its salt.
pub(super) const READING: &str = "reading";
/// The label of how grants name a member.
const PATIENT: &str = "patient";
