//! Appeals: who does not agree with what a claim came to asks for it to be looked at
//! again, level by level, each with its deadlines.
//!
//! A filing and the events after it are the record; an [`Appeal`] is what they come to,
//! and a [`Docket`] all appeals of a claim: pure functions of them and of a moment.
//! How long each thing may take is a payer's to say ([`Level`]): no number is here.

mod docket;
mod fault;
mod level;
mod record;
mod state;
#[cfg(test)]
mod tests;
mod time;

pub use docket::{Asking, Docket, Numbered, Standing};
pub use fault::{Refusal, StepError};
pub use level::{Level, Party, Window};
pub use record::{Appealed, Decided, Event, Filed, Overturning, TEXT_BYTES, Verdict};
pub use state::{Appeal, Stage};
pub use time::{Due, Moment};

use sha2::{Digest as _, Sha256};

use crate::claim::ClaimId;

/// Names an appeal: derived from the claim and the number of its filing among the
/// events of the claim's appeals. It identifies no person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppealId(pub [u8; 16]);

impl AppealId {
    /// The appeal that is filed as this event of a claim's appeals, from 1.
    #[must_use]
    pub fn of(claim: ClaimId, number: u32) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/appeal-id/v1");
        hasher.update(claim.0);
        hasher.update(number.to_be_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }

    /// Reads 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        ClaimId::parse(text).map(|id| Self(id.0))
    }
}

impl core::fmt::Display for AppealId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
