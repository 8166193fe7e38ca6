//! Appeals: tables of what may and may not follow, and properties.

mod filing;
mod frozen;
mod properties;
mod rig;
mod steps;

use super::{Appeal, Decided, Event, Filed, Overturning};

static_assertions::assert_not_impl_any!(Appeal: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Decided: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Event: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Filed: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Overturning: std::fmt::Debug, std::fmt::Display);
