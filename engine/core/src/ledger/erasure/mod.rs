//! Erasure: when the key and salt of a record may be destroyed, and the receipt that
//! shows it was done. What is destroyed and where is the node's own matter
//! (`docs/data-map.md`).

mod receipt;
mod retention;
mod shared;
#[cfg(test)]
mod tests;

pub use receipt::{ErasureError, ErasureReceipt, Shown};
pub use retention::{Hold, Kept, Kind, Refused, RetentionRule, Since, may_erase};
pub use shared::{Brought, SharedErasure};
