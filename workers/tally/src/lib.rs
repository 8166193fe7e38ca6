//! Tallystick's one binary, as a library: an embedded node and the commands on it.

pub mod api;
pub mod appeals;
pub mod authorizations;
pub mod bundle;
pub mod changes;
pub mod cli;
pub mod config;
pub mod consents;
pub mod demo;
pub mod eob;
pub mod failpoint;
pub mod metrics;
pub mod network;
pub mod node;
pub mod pages;
pub mod policies;
mod printable;
pub mod roles;
pub mod shared;
pub mod view;
pub mod witness;
