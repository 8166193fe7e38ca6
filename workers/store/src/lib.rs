//! What must survive: enrolment, claims and their order, outcomes, balances,
//! flags, the log, the audit trail. [`port`] says what a store does; each
//! store does it in SQL of its own and passes the one conformance suite; what
//! they do alike, whatever the SQL, is written once.

mod alike;
pub mod any;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod database;
pub mod port;
pub mod postgres;
pub mod sqlite;
pub mod vault;
