//! Claims in and answers out: real files, bad files, what goes out and back,
//! and the encodings that are hashed.
#![allow(clippy::disallowed_methods)] // tests read the folder of cases

mod cases;
mod encodings;
mod frozen;
mod generate;
mod round_trips;
mod writer;
