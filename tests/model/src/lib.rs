//! The shared ledger above consensus, small enough to be checked in full.
//!
//! [`rules`] says what a node, a witness and a reader may do, as functions on plain data. The
//! models in `tests/models` let a checker try every order of events under these rules, and
//! [`trace`] holds what an implementation says it did against the same rules: docs/model.md.

pub mod rules;
pub mod trace;
