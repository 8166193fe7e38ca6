//! What is broken on purpose, to see that it is found.

use std::sync::Arc;

use tally_core::ledger::shared::{Block, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A block is final by one vote too few.
    QuorumTooSmall,
    /// Blocks are voted for without being verified.
    VerifySkipped,
    /// Which entry of an organisation's log is next is not looked at.
    ReplayIgnored,
    /// An honest authority votes for every block of a view.
    VotesTwice,
    /// The last block that was written is gone after a kill.
    ForgetsWhenKilled,
    /// Signatures and checkpoints are said once.
    SignsOnce,
    /// Envelopes are said once.
    RelaysOnce,
    /// A witness does not remember the epochs that have ended.
    WitnessForgets,
}

/// The snapshot that a payload is judged against.
pub fn before(mutant: Option<Mutant>, at: &Arc<Snapshot>, payload: &[u8]) -> Arc<Snapshot> {
    let (Some(Mutant::ReplayIgnored), Ok(block)) = (mutant, Block::parse(payload)) else {
        return Arc::clone(at);
    };
    let mut before = Snapshot::clone(at);
    let state = Arc::make_mut(&mut before.state);
    for envelope in block.envelopes.iter().rev() {
        if let Some(member) = state.members.get_mut(&envelope.header.organisation) {
            Arc::make_mut(member).next = envelope.header.first;
        }
    }
    Arc::new(before)
}
