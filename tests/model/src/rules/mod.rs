//! What is allowed, as functions on plain data: no clock, no files, no network.
//!
//! Every rule has two halves. `may_…` says whether something is allowed; the function of the
//! same name without `may_` does it and asks nothing. A model breaks one rule by not asking.
//! Keys, roots and organisations are parameters: names in a trace, small numbers in a model.

mod checkpoint;
mod delivery;
mod epochs;
mod evidence;
mod fence;
mod reader;
mod relay;
mod witness;

pub use checkpoint::{Collected, Statement, may_publish, may_sign};
pub use delivery::{Block, Delivery, Store};
pub use epochs::{Epoch, Epochs};
pub use evidence::{Evidence, Signed, evidence};
pub use fence::Fence;
pub use reader::Reader;
pub use relay::Counters;
use thiserror::Error;
pub use witness::Witness;

/// How many of `n` authorities may be Byzantine.
#[must_use]
pub fn tolerated(n: usize) -> usize {
    n.saturating_sub(1) / 3
}

/// How many of `n` must sign: `n - ⌊(n-1)/3⌋`.
#[must_use]
pub fn quorum(n: usize) -> usize {
    n - tolerated(n)
}

/// What is not allowed. Numbers are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Refusal {
    /// A height was left out.
    #[error("M101 a block was committed whose parent was not")]
    Gap,
    /// Another block stands at that height.
    #[error("M102 another block was committed at that height")]
    Rewritten,
    /// The log has fewer leaves than before.
    #[error("M103 the size shrinks")]
    Shrinks,
    /// The log has as many leaves, and others.
    #[error("M104 the size is the same and the root is another")]
    OtherRoot,
    /// Acknowledged before it was on disk.
    #[error("M105 what was acknowledged was not committed")]
    AcknowledgedUncommitted,
    /// The store has less than it said.
    #[error("M106 the store lost what it had committed")]
    Lost,
    /// Two nodes disagree about what was finalised.
    #[error("M107 another node committed another block at that height")]
    Fork,
    /// Signed before it was on disk.
    #[error("M201 what was signed was not committed")]
    SignedUncommitted,
    /// Fewer than a quorum.
    #[error("M202 fewer signatures than a quorum")]
    TooFew,
    /// A signature that was not received.
    #[error("M203 a signature is counted that was not collected")]
    NotCollected,
    /// A signature that its signer did not make.
    #[error("M204 the signer did not sign that")]
    Forged,
    /// A checkpoint of what nobody committed.
    #[error("M205 the checkpoint is of nothing finalised")]
    NotFinalised,
    /// The key is not of the epoch's set.
    #[error("M301 the key is not of the epoch's authorities")]
    NotOfTheSet,
    /// The set signs past its last block.
    #[error("M302 it is past the epoch's boundary")]
    PastBoundary,
    /// The set signs before its first block.
    #[error("M303 it is before the epoch's first block")]
    BeforeItsEpoch,
    /// Nobody entered that epoch.
    #[error("M304 the epoch is not known")]
    UnknownEpoch,
    /// Epochs follow one another.
    #[error("M305 the epoch is not the next one")]
    NotNext,
    /// Two sets for one epoch, or two boundaries.
    #[error("M306 the epoch has another set or another boundary")]
    OtherEpoch,
    /// Nobody can walk to that epoch.
    #[error("M307 the handover to the epoch is not public")]
    NoHandover,
    /// A reader holds another history.
    #[error("M308 it is not consistent with what the reader holds")]
    OtherThanHeld,
    /// A key that has a journal was started without it.
    #[error("M401 the key was started with another journal")]
    OtherJournal,
    /// A process said something while it was not running.
    #[error("M402 the node is not running")]
    NotRunning,
    /// Started twice.
    #[error("M403 the node is running already")]
    Running,
    /// A witness asks for a quorum.
    #[error("M501 cosigned without a quorum")]
    CosignedWithoutQuorum,
    /// A witness never goes back.
    #[error("M502 the witness cosigned a larger size before")]
    CosignedShrinks,
    /// A witness cosigns one root of a size.
    #[error("M503 the witness cosigned another root of this size")]
    CosignedOtherRoot,
    /// A witness asks for a consistency proof.
    #[error("M504 it is not consistent with what the witness cosigned before")]
    CosignedInconsistent,
    /// An envelope of nothing.
    #[error("M601 an envelope without entries")]
    NoEntries,
    /// Entries that stand already.
    #[error("M602 the entries stand already")]
    Again,
    /// Entries were left out.
    #[error("M603 entries before these are missing")]
    EntriesMissing,
    /// The leaves do not add up.
    #[error("M604 the size is not that of the envelopes")]
    OtherCount,
}

#[cfg(test)]
mod tests {
    use super::{quorum, tolerated};

    /// Why a fork names someone: for every n, two quorums share more than may be Byzantine,
    /// and of one quorum more keep the rules than may be Byzantine.
    #[test]
    fn two_quorums_share_more_than_may_be_byzantine() {
        for n in 1..=1000 {
            let (q, f) = (quorum(n), tolerated(n));
            assert!(
                3 * f < n && 3 * (f + 1) >= n,
                "{n}: the most that can be borne"
            );
            assert!(2 * q - n > f, "{n}: two quorums");
            assert!(q - f > f, "{n}: the honest of one quorum");
            assert!(q + f <= n, "{n}: those who are not absent suffice");
        }
    }
}
