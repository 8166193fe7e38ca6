//! The SDK's own sources, carried along.

/// Each file of the SDK: its path under `sdk/` and its text.
pub(crate) const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
