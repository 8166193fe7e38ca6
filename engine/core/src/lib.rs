//! The pure core of Tallystick: arguments in, values out.
//!
//! Nothing here reads a clock, the environment, a file, the network or a
//! database, and nothing here draws random numbers: see `ARCHITECTURE.md`.

pub mod canon;
pub mod ledger;
