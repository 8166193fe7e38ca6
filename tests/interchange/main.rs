//! Claims in and answers out: real files, bad files, and what goes out and back.
#![allow(clippy::disallowed_methods)] // tests read the folder of cases

mod cases;
