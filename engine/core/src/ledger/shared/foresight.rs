//! What would be refused, told before it is entered.

use super::envelope::Envelope;
use super::organisation::{Motion, OrganisationId, Proposal};
use super::refusal::Refusal;
use super::state::State;

impl State {
    /// Whether an envelope can be next.
    ///
    /// # Errors
    /// The first rule that it would break.
    pub fn may_take(&self, envelope: &Envelope) -> Result<(), Refusal> {
        self.clone().take_in(envelope).map(|_| ())
    }

    /// Whether an organisation may propose this now.
    ///
    /// # Errors
    /// The first rule that it would break.
    pub fn may_propose(&self, by: &OrganisationId, proposal: &Proposal) -> Result<(), Refusal> {
        self.clone().propose(by, proposal.clone())
    }

    /// Whether an organisation may vote so now.
    ///
    /// # Errors
    /// The first rule that it would break.
    pub fn may_vote(&self, by: &OrganisationId, motion: Motion) -> Result<(), Refusal> {
        self.clone().vote(by, motion)
    }
}
