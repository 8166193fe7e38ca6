//! Tests of what crosses crates: see the folders beside `src`.
