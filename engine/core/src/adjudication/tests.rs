//! Adjudication, tested rule by rule, and by what must always hold.

mod cover;
mod decide;
mod describe;
mod history;
mod others;
mod outcome;
mod properties;
mod retro;
pub(crate) mod rig;
mod settle;
mod snapshots;
