//! Prior authorisation and referral: what a provider asks for before the care, what
//! the payer decides, and what may be used of it.
//!
//! A request and the events after it are the record; a [`State`] is what they come to,
//! a pure function of them. What the enrolment has on file is made from the states by
//! [`entries`], so that adjudication knows of authorisations as it always has.

mod decision;
mod entries;
mod fault;
mod record;
mod request;
mod state;
#[cfg(test)]
mod tests;

pub use decision::{Action, Decision, Grant, LineDecision, ReviewReason, Verdict};
pub use entries::{entries, entries_by_line};
pub use fault::{RequestError, TransitionError};
pub use record::{Dated, Event, Record};
pub use request::{Certification, Earlier, Request, RequestLine, Urgency};
pub use state::{Authorization, AuthorizedLine, LineState, Stage, State};
