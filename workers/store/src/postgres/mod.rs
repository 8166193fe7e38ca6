//! The store on PostgreSQL: several processes on one database.
//!
//! A write is one transaction at READ COMMITTED that takes what it must hold in
//! one order, everywhere: the submission, then units by their ids (a unit that
//! is missing is added before any is locked), then the rest. Whoever holds a
//! unit's row holds what is its: its numbers, its balances, its claims' places
//! in the queue, and which members are enrolled under it. What two of a kind
//! could still meet at (marks, flags) is locked in order of ids. So transactions
//! wait for each other, but not in a circle; should they after all, the database
//! ends one of them, and that is done again.
//!
//! The fences are the ones of SQLite: a claim's place in the queue and its
//! outcome, a unit's next number, a balance, a group's marks, the log's size.

mod access;
mod acts;
mod appeals;
mod aside;
mod audit;
mod authorizations;
mod cells;
mod commit;
mod dead_letters;
mod detection;
mod disputed;
mod enrolment;
mod flags;
mod holds;
mod intake;
mod layout;
pub(crate) mod lease;
mod log;
mod payloads;
mod payments;
mod publications;
mod reading;
mod relay;
mod schema;
pub(crate) mod settings;
mod shared;
mod statements;
mod states;
#[cfg(test)]
mod tests;
mod work;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgPool;

use crate::alike::{ASKED, doing, fenced, taken};
use crate::port::{Answer, StoreError};
use lease::Lease;
use lease::{once, whole};
use states::States;

pub use schema::{Migrated, migrate, remove};
pub use settings::PgSettings;

/// The schema that everything is in.
pub(crate) const SCHEMA: &str = "tally";

/// Roles, each with a table that those in it may add to, and no others.
const ROLES: [(&str, &str); 3] = [
    ("tally_worker", "outcome"),
    ("tally_relay", "entry"),
    ("tally_api", "submission"),
];

/// A payer's store in a PostgreSQL database.
pub struct PostgresStore {
    pool: PgPool,
    limit: Duration,
    /// What could be seen when the outbox was last read: see [`log`].
    seen: Mutex<Option<String>>,
    /// What units have come to, as far as it is known here.
    states: Arc<States>,
}

impl PostgresStore {
    /// Connects to a database that [`migrate`] has brought up to date. Several
    /// processes may.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when its schema is older or newer than this
    /// program's; [`StoreError::Database`] when it cannot be reached.
    pub async fn connect(settings: &PgSettings) -> Answer<Self> {
        let states = Arc::new(States::default());
        let kept = Arc::clone(&states);
        let pool = settings
            .pool(SCHEMA, move || kept.clear())
            .await
            .map_err(doing("connecting to the database"))?;
        let store = Self {
            pool,
            limit: settings.statement_timeout,
            seen: Mutex::new(None),
            states,
        };
        once!(store, "reading the schema's version", |conn| {
            schema::check(conn).await
        })?;
        Ok(store)
    }

    /// Of the database's roles `tally_worker`, `tally_relay` and `tally_api`,
    /// those whose work this login may not do.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn roles_missing(&self) -> Answer<Vec<&'static str>> {
        once!(self, "reading what the login may do", |conn| {
            let may: Vec<bool> = sqlx::query_scalar(
                "SELECT has_table_privilege('tally.' || name, 'INSERT') \
                 FROM unnest($1::text[]) WITH ORDINALITY AS t (name, n) ORDER BY n",
            )
            .bind(ROLES.map(|(_, table)| table).to_vec())
            .fetch_all(conn)
            .await
            .map_err(doing("reading what the login may do"))?;
            let missing = ROLES.iter().zip(may).filter(|(_, may)| !may);
            Ok(missing.map(|((role, _), _)| *role).collect())
        })
    }

    /// Closes all connections. A store that is only dropped loses nothing
    /// either.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// Makes the partitions of this month and the next three, as far as they
    /// are not there. Answers how many it made. To be called now and then: what
    /// has no partition of its own goes into one for all such.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make_next_partitions(&self) -> Answer<u32> {
        once!(self, "making partitions", |conn| {
            let made: i32 = sqlx::query_scalar("SELECT make_next_partitions()")
                .fetch_one(conn)
                .await
                .map_err(doing("making partitions"))?;
            u32::try_from(made).map_err(|_| StoreError::Damaged {
                what: "number of partitions",
            })
        })
    }

    async fn lease(&self, what: &'static str) -> Answer<Lease> {
        Lease::of(&self.pool).await.map_err(doing(what))
    }
}

/// A number that PostgreSQL can hold; one that it cannot is one that nothing
/// has.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The same for its shorter ones.
fn short(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Where an element stands in a list, counted from 1 by PostgreSQL.
fn position(ordinality: i64) -> Answer<usize> {
    usize::try_from(ordinality)
        .ok()
        .and_then(|n| n.checked_sub(1))
        .ok_or(ASKED)
}
