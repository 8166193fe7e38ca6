//! Authorisations: tables of what may and may not follow, and properties.

mod entries;
mod properties;
mod rig;
mod transitions;

use super::{Authorization, Decision, Event, Record, Request, State, Verdict};

static_assertions::assert_not_impl_any!(Authorization: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Decision: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Event: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Record: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Request: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(State: std::fmt::Debug, std::fmt::Display);
static_assertions::assert_not_impl_any!(Verdict: std::fmt::Debug, std::fmt::Display);
