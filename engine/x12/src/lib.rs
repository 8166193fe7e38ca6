//! X12 as syntax: tokens, envelopes, the structure of the implementation guides
//! as data, and the acknowledgements that say what does not fit it.
//!
//! - [`read`] takes a file apart into interchanges, functional groups and
//!   transaction sets, and says what is wrong with the envelopes;
//! - [`Guide`] is the structure of one implementation guide: loops, segments,
//!   elements, where each stands and how often;
//! - [`walk`](Guide::walk) lays a transaction set over its guide: a tree of loops,
//!   and every place that does not fit, by the codes of the acknowledgements;
//! - [`ack`] says so to the sender: TA1 and 999;
//! - [`Writer`] writes segments and counts them.
//!
//! Nothing here knows what a claim is. Nothing panics, whatever the bytes.

#![cfg_attr(
    not(test),
    deny(
        clippy::float_arithmetic,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
    )
)]

pub mod ack;
mod check;
mod dictionary;
mod envelope;
mod fault;
mod guide;
mod syntax;
mod walk;
mod write;

pub use envelope::{File, Group, Interchange, Transaction, read};
pub use fault::{At, ElementCode, Fault, GroupCode, InterchangeCode, SegmentCode, SetCode};
pub use guide::{Guide, Loop, guides};
pub use syntax::{Delimiters, Segment, text_of};
pub use walk::{LoopRef, Tree};
pub use write::Writer;
