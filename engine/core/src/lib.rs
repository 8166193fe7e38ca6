//! The pure core of Tallystick: arguments in, values out.
//!
//! Nothing here reads a clock, the environment, a file, the network or a
//! database, and nothing here draws random numbers: see `ARCHITECTURE.md`.

#![cfg_attr(
    not(test),
    deny(
        clippy::float_arithmetic,
        clippy::lossy_float_literal,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::disallowed_types,
        clippy::disallowed_methods
    )
)]

pub mod adjudication;
pub mod appeal;
pub mod authorization;
pub mod canon;
pub mod claim;
pub mod fraud;
pub mod interchange;
pub mod ledger;
