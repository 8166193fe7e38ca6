//! Golden tests of the products: their worked cases on their real components,
//! fuel frozen, invariants over generated claims; and published worked examples
//! that the toolkit can express.

mod generated;
mod imported;
mod long;
mod products;
mod published;
mod tables;
mod worked;
