//! Agreement of authorities on one chain of opaque payloads: the only user of
//! commonware.
//!
//! Authorities with known ed25519 keys agree, with Byzantine fault tolerance, on
//! one order of blocks. What a block may say is the business of a [`Machine`];
//! what becomes of it, of whoever receives [`Finalised`] blocks. Fewer than a
//! third of the authorities may fail in any way: of 4 one, of 7 two. When more
//! are away nothing is final until enough are back, and nothing is lost.
//!
//! ```text
//!             propose, judge                    Finalised, in order
//!  Machine <------------------  notary thread  ---------------------> the store
//!                               own runtime    <---------------------
//!  Voice   ------------------>  own journal         acknowledge
//!             broadcast, nudge      |
//!                                   | authenticated, encrypted
//!                            other authorities
//! ```
//!
//! - [`Notary::start`] takes a [`Config`], a machine and what the store has.
//!   It is for two authorities or more: one agrees with itself, and its own
//!   log is the ledger ([`Error::Alone`]).
//! - Every node delivers the same blocks from height 1 without a gap, at least
//!   once: the store writes by height, then calls [`Acknowledge::done`]. Only
//!   then does the journal move on.
//! - A block is refused only for what is wrong with it for ever; while something
//!   is [`Missing`](Judged::Missing) the node does not vote on it.
//! - With nothing to say, leaders propose an empty block at a slow pace, so that
//!   an idle chain is seen to be alive; [`Voice::nudge`] wakes them.
//! - An epoch ends with the block whose state has
//!   [`next_authorities`](Machine::next_authorities). Its engine stops there, and
//!   the next set's starts from that block. Heights go on; a node that was away
//!   walks from epoch to epoch, each end proved by the set before.
//! - The [`Voice`] also carries messages between authorities beside the chain,
//!   bounded and lossy, each with the key it came from.
//!
//! - One whose key is of none of the last two epochs' sets is answered by nobody, and
//!   sees nothing become final: [`Status::silent`] says for how long. It goes on with a
//!   key that is in force, a journal of that key, and [`Config::known`] of today.
//!
//! A key votes from one journal, and where it was made ([`enter`]):
//! [`Config::fence`] refuses a key that it does not know, and a journal that was
//! wiped, replaced or put back from a copy, since it could vote twice. The way
//! on after the loss of a disk is a new key that the authorities vote in.
//!
//! Only commonware's BETA surface is used, whose formats on the wire and on disk
//! do not change: `.cargo/config.toml` sets the flag that takes the rest away.
//! Why, and what else could stand behind this interface:
//! `docs/decisions/0033-commonware-simplex.md`.

// Without the flag, an unstable part could slip in unseen.
// (rustdoc is not given it; what it links to was built with it.)
#[cfg(not(any(commonware_stability_BETA, doc, doctest)))]
compile_error!(
    "build with `--cfg commonware_stability_BETA`: .cargo/config.toml sets it, and an \
     environment's RUSTFLAGS replaces that"
);

mod agent;
mod block;
mod config;
mod delivery;
mod engine;
mod epochs;
mod erased;
mod error;
mod fence;
mod files;
mod machine;
mod network;
mod notary;
mod parts;
mod side;
mod states;

pub use config::Config;
pub use delivery::{Acknowledge, Finalised};
pub use erased::Blocks;
pub use error::Error;
pub use fence::{enter, is_new, knows, owner, renew, spend, spent};
pub use machine::{Authority, Header, Judged, Machine, Standing};
pub use notary::{Notary, Running, Status, Voice, public_key};
pub use side::{Heard, Inbox};
