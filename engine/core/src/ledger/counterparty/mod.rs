//! Counterparty re-execution: the provider of a claim runs the policy again, and
//! enters that it agrees, or that it disputes with the first thing that differs.
//!
//! The payer sends a [`Dossier`]. What it holds, and whose it is:
//!
//! | part | what is in it |
//! |---|---|
//! | receipt | the outcome: what the provider is told anyway, with the balances before and after |
//! | claim | the claim, as the payer sealed it |
//! | context, of the claim | kind, received, billing, diagnoses, lines, other payers, what the patient paid, referral, referring, facility, accident, the institutional part: made of the claim, and compared with it |
//! | context, of the member | birth, sex, relationship; since when covered, how many with them |
//! | context, `balances` | accumulators: sums alone |
//! | context, `authorizations` | authorisations and referrals that are left. They may name another provider: then they are another's care, and [`others_care`] refuses |
//! | transcript | rows of the policy's own tables; aggregates of the unit's history, a number a question. Where a question names another provider, and the number is not nothing, [`others_care`] refuses |
//!
//! The component is fetched apart, by its hash. [`Dossier::check`] holds all of it
//! against the receipt; [`Checked::run`] makes it ready for the sandbox, whose answers
//! are [`Recorded`]; [`compare`] holds what came out against what is told. Of a dispute
//! the payer is told with a [`ToldDispute`]: the ledger alone does not say of which claim.

mod compare;
mod dossier;
#[cfg(test)]
mod tests;
mod told;

pub use compare::{Agreement, Cell, Field, FirstDifference, Reexecuted, compare};
pub use dossier::{Against, Checked, Dossier, DossierError, Opening, Recorded, others_care};
pub use told::{ToldDispute, ToldError};
