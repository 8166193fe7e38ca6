//! Real servers for tests, on ports and in folders of their own.
//!
//! [`Postgres`] and [`Rabbit`] start a server that belongs to the caller, who
//! may kill it and start it again; [`shared_postgres`] and [`shared_rabbit`]
//! answer one per test process for tests that only use it. [`Proxy`] stands
//! before either and fails on command, [`Delay`] before anything, as far away as it
//! is told.
//!
//! A server ends with its handle. It also ends with the process that started
//! it, however that ends: the kernel signals it (`PR_SET_PDEATHSIG`). What such
//! a process leaves of folders, the next start clears away. Nothing is ended
//! that was not started here, and every end is by process id.
//!
//! As root, a server runs as the user of its Debian package; else as oneself.

mod error;
mod folder;
mod keeper;
mod ports;
mod postgres;
mod process;
mod proxy;
mod rabbit;
mod run;
mod shared;

pub use error::RigError;
pub use postgres::{Postgres, PostgresAddress, PostgresOptions};
pub use proxy::{Delay, Proxy};
pub use rabbit::{Rabbit, RabbitAddress, RabbitOptions};
pub use shared::{
    MANAGEMENT_VARIABLE, POSTGRES_VARIABLE, RABBIT_VARIABLE, shared_postgres, shared_rabbit,
};
