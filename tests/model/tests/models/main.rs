//! Models of the ledger above consensus. A checker tries every order of events: with the rules
//! as they are no property fails, and with any one of them broken some property does.

mod common;
mod disk;
mod epochs;
mod mutants;
mod quorum;
mod relay;
mod told;
mod witness;
