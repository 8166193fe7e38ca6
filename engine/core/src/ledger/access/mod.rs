//! Who may read which claim, as it is granted and taken back on the ledger.
//!
//! The ledger has commitments ([`Entry::Granted`](super::Entry::Granted)) and
//! which of them were taken back ([`Entry::Revoked`](super::Entry::Revoked)).
//! What they commit to, a [`Bestowal`], is kept by the organisation that entered
//! it and by those it was shown to. [`Book`] is what a node knows of it; what
//! stands there is a function of the places of entries, never of their arrival.
//! [`decide`] answers a request, with the reading that is to be entered; who may
//! not read learns nothing of why ([`Denied::told`]).
//!
//! Days are days of UTC. A grant holds from its first day through its last, both
//! included. What was taken back is taken back for good: to grant it again is a
//! new grant, under a new salt. What hangs on an organisation that has left the ledger
//! does not hold while it is away. `docs/access.md` says all of it for people.

mod book;
mod decide;
mod grant;
mod purpose;
mod reading;
mod scope;
mod stands;
#[cfg(test)]
mod tests;

pub use book::{Book, Entered, What};
pub use decide::{Denied, Request, decide};
pub use grant::{Bestowal, Custody, Grant, Grantee, Group, Membership, Patient, Revocation};
pub use purpose::Purpose;
pub use reading::{Access, By, MAX_PERSON, MAX_REASON, MIN_REASON, Notice, Reading, View};
pub use scope::{ClaimFacts, CodeList, ListId, Parties, Reach, Scope};
pub use stands::{Ledger, Members, Stands};
