//! The queue on RabbitMQ: the only user of lapin.
//!
//! The database is the truth. A message in a partition carries *references*:
//! the 16-byte ids of claims that follow each other there, sealed; the worker
//! loads the claims from the store. So nothing that identifies a person stands in
//! the broker, and losing a queue loses no claim: the relay publishes what is not
//! settled again.
//!
//! - [`Topology`]: names and arguments of what is ours; declared, checked.
//! - [`Publisher`]: confirms, with a window.
//! - [`Consumer`]: batches in order; one acknowledgement for each.
//! - [`Batch::bury`]: poison goes to the dead letters with a reason.
//! - [`Inspector`]: depths; removal of a drained generation; [`Held`] letters.
//! - [`QueueKey`]: seals and opens references.
//! - [`envelope`]: what outside systems publish; pure functions.
//!
//! Delivery is at least once: the fence against doubles is in the database.
//! Formats, names and the differences between brokers: `docs/queue.md`.

mod backoff;
mod body;
mod consumer;
pub mod envelope;
mod error;
mod held;
mod inspect;
mod message;
mod publisher;
mod reply;
mod settings;
mod topology;
mod version;

pub use body::{ClaimRef, NotAReference, Place, QueueKey, REFERENCES, references};
pub use consumer::{Batch, Consumer, Delivery};
pub use error::QueueError;
pub use held::Held;
pub use inspect::{Depth, Inspector};
pub use message::{Headers, Outgoing, Reason, header};
pub use publisher::{Fate, Publisher};
pub use reply::{bind_results, reply};
pub use settings::Settings;
pub use topology::Topology;
pub use version::Version;
