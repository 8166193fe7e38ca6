//! Any schedule.
use super::Fixture;
/// x
pub fn any_schedule<F: Fixture>(_: &F) {}
