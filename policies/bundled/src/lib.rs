//! The policies that the binary carries, built with it. The demo publishes
//! them, and so does every command on a node that has none yet.

/// A policy that the binary carries.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// The product's name.
    pub name: &'static str,
    /// The component, as it is published.
    pub component: &'static [u8],
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// The day it is in force from, `YYYY-MM-DD`.
    pub effective: &'static str,
}

/// Every policy that the binary carries, in order of their names.
#[must_use]
pub fn all() -> &'static [Bundled] {
    include!(concat!(env!("OUT_DIR"), "/bundled.rs"))
}
