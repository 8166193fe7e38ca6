//! The house rules that a tool can hold: which crate may depend on which, what
//! the core may never see, and what no file may have in it.

mod crates;
mod files;
