//! Runs a policy's real component against its worked cases.
