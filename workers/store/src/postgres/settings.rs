//! How a PostgreSQL database is reached: by the store and by the vault alike.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

/// Where a database is and how it is used. No `Debug`: the URL may hold a
/// password.
#[derive(Clone)]
pub struct PgSettings {
    /// `postgres://user:password@host:port/database`, with `sslmode` (and
    /// `sslrootcert`) for TLS: `verify-full` is the one that checks whom one
    /// speaks to.
    pub url: String,
    /// Connections at once, the most.
    pub max_connections: u32,
    /// What the server's administrator sees.
    pub application_name: String,
    /// How long one operation may take, its statements and its commit, before
    /// it is given up and its connection closed.
    pub statement_timeout: Duration,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
}

impl PgSettings {
    /// Settings that fit most: 8 connections, 30 s an operation, 10 s to
    /// connect.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 8,
            application_name: "tally".into(),
            statement_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
        }
    }

    /// What every connection has in common.
    ///
    /// A server that swallows packets answers nothing, not even that a
    /// statement timed out: so each operation is given up on this side, with a
    /// clock of its own. What is set here is for the other side, which must not
    /// keep locks for a client that is gone.
    fn options(&self, schema: &str) -> Result<PgConnectOptions, sqlx::Error> {
        let milliseconds = self.statement_timeout.as_millis().to_string();
        Ok(PgConnectOptions::from_str(&self.url)?
            .application_name(&self.application_name)
            .statement_cache_capacity(256)
            .disable_statement_logging()
            .options([
                ("search_path", schema),
                ("timezone", "UTC"),
                ("statement_timeout", &milliseconds),
                ("idle_in_transaction_session_timeout", &milliseconds),
                ("tcp_keepalives_idle", "15"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "3"),
                ("tcp_user_timeout", &milliseconds),
            ]))
    }

    /// For the store's own statements. Each has one good plan, whatever the
    /// tables hold: from the keys that are given, through an index, to the rows.
    /// PostgreSQL guesses that an array has ten elements and a new table ten
    /// pages, and would now and then read a whole table instead, so it is left
    /// no choice: no scans of whole tables, no joins by hashing or merging. With
    /// one good plan there is nothing to be gained from planning again for each
    /// set of values, nor from compiling it, which those prices would bring on.
    fn planned(&self, schema: &str) -> Result<PgConnectOptions, sqlx::Error> {
        Ok(self.options(schema)?.options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
        ]))
    }

    /// A pool of connections, of which there is at least one. `connected` is
    /// told of each that is made.
    pub(crate) async fn pool(
        &self,
        schema: &str,
        connected: impl Fn() + Send + Sync + 'static,
    ) -> Result<PgPool, sqlx::Error> {
        PgPoolOptions::new()
            .after_connect(move |_, _| {
                connected();
                Box::pin(async { Ok(()) })
            })
            .max_connections(self.max_connections.max(1))
            .acquire_timeout(self.connect_timeout)
            // One that is broken is closed when it breaks, not asked each time.
            .test_before_acquire(false)
            .connect_with(self.planned(schema)?)
            .await
    }

    /// One connection, to migrate: a migration may take its time.
    pub(crate) async fn migrator(&self, schema: &str) -> Result<PgConnection, sqlx::Error> {
        let options = self
            .options(schema)?
            .options([("statement_timeout", "0"), ("lock_timeout", "60000")]);
        let connecting = PgConnection::connect_with(&options);
        tokio::time::timeout(self.connect_timeout, connecting)
            .await
            .map_err(|_| late())?
    }
}

/// An operation took too long.
pub(crate) fn late() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "the database did not answer in time",
    ))
}
