//! Claims in and answers out: real files, bad files, what goes out and back,
//! and the encodings that are hashed.
#![allow(clippy::disallowed_methods)] // tests read the folder of cases

mod answers;
mod bad;
mod cases;
mod codings;
mod documents;
mod eligibility;
mod eligibility_alike;
mod encodings;
mod explained;
mod explanations;
mod frozen;
mod full;
mod generate;
mod mutations;
mod parts;
mod prior_answers;
mod readings;
mod remittance;
mod round_trips;
mod smoke;
mod targets;
mod verbatim;
mod writer;
mod writer_parts;
