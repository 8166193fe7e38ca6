//! Formats and functions that others must agree with to the byte, against
//! vectors nobody on this project wrote, and against frozen values of our own.
//!
//! The vectors are read where they are present (`TALLY_CASES`); where they are
//! absent a test says so and checks nothing.

mod cases;
mod crypto;
mod merkle;
mod notes;
mod partition;
mod receipt;
mod tessera;
mod tree;
mod witness;
