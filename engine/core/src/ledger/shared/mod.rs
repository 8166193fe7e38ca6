//! The ledger that organisations share: who they are, what they may enter, in
//! which order it stands, and how a stranger checks it.
//!
//! Every organisation has a log of its own. An [`Envelope`] says, under its
//! signature, that so many entries are the next of that log; a [`Block`] holds
//! envelopes; a [`Snapshot`] is what all blocks so far come to. Whether a block
//! is admitted is a pure function of the snapshot before it, so that all
//! authorities answer alike. The tree's leaves are the [`Charter`], and for each
//! envelope its header and its entries: whoever has the leaves can check every
//! signature and every rule again.

mod authorities;
mod block;
mod bounds;
mod envelope;
mod foresight;
mod gossip;
mod organisation;
mod refusal;
mod rules;
mod state;
#[cfg(test)]
mod tests;

pub use authorities::{
    Authorities, Authority, Handover, MAX_AUTHORITIES, SetError, Signed, quorum,
};
pub use block::{
    Audit, Block, BlockId, Header, MAX_BLOCK_BYTES, MAX_BLOCK_ENTRIES, Snapshot, audit, build,
};
pub use bounds::{MAX_ORGANISATIONS, MAX_PUBLICATIONS, max_snapshot_bytes};
pub use envelope::{Envelope, EnvelopeHeader, MAX_ENVELOPE_BYTES, MAX_ENVELOPE_ENTRIES};
pub use gossip::Gossip;
pub use organisation::{
    Change, Charter, Motion, MotionId, Organisation, OrganisationId, Possession, Proposal, Role,
    Witness,
};
pub use refusal::Refusal;
pub use state::{Member, OpenMotion, Policy, State};
