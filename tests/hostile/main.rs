//! Hostile policies: what is refused before it is compiled, what breaks its
//! contract while it runs, and what only the host can be blamed for.

mod broken;
mod guest;
mod refused;
mod rig;
mod slots;
