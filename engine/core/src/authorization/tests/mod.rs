//! Authorisations: tables of what may and may not follow, and properties.

mod entries;
mod properties;
mod rig;
mod transitions;
