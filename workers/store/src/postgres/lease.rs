//! A connection for one operation, and transactions on it.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Postgres, SqlSafeStr};

use crate::port::{Answer, StoreError};

use super::settings::late;

/// How often a transaction that met another is tried.
pub(super) const TRIES: u32 = 8;

/// A connection of the pool. It goes back when its operation came to an end on
/// it; one that was given up in the middle, or that broke, is closed.
pub(crate) struct Lease {
    conn: Option<PoolConnection<Postgres>>,
    whole: bool,
}

/// Why a lease has no connection: it never has none before it is dropped.
const GONE: &str = "a lease keeps its connection";

impl Lease {
    pub(crate) async fn of(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self {
            conn: Some(pool.acquire().await?),
            whole: false,
        })
    }

    /// Says that an operation came to an end.
    pub(crate) fn settle<T>(&mut self, answer: &Answer<T>) {
        self.whole = match answer {
            Err(StoreError::Database { source, .. }) => !broken(source),
            _ => true,
        };
    }

    /// The same, of what the driver answered.
    pub(crate) fn settled<T>(&mut self, answer: &Result<T, sqlx::Error>) {
        self.whole = !answer.as_ref().err().is_some_and(broken);
    }
}

impl Deref for Lease {
    type Target = PgConnection;
    #[allow(clippy::expect_used)]
    fn deref(&self) -> &PgConnection {
        self.conn.as_ref().expect(GONE)
    }
}

impl DerefMut for Lease {
    #[allow(clippy::expect_used)]
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.conn.as_mut().expect(GONE)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take()
            && !self.whole
        {
            // Out of the pool, and closed without a word: nobody may listen.
            drop(conn.detach());
        }
    }
}

/// Whether the connection can be of no more use: all but what the database said
/// of a statement, and stayed.
fn broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .is_none_or(|code| code.starts_with("57P") || code.starts_with("08")),
        sqlx::Error::RowNotFound
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_) => false,
        _ => true,
    }
}

/// Whether a transaction met another, and may not the next time.
pub(super) fn met(error: &StoreError) -> bool {
    let StoreError::Database { source, .. } = error else {
        return false;
    };
    source
        .as_database_error()
        .and_then(|error| error.code().map(|code| code == "40P01" || code == "40001"))
        .unwrap_or(false)
}

/// Gives an operation up that takes too long.
pub(crate) async fn timed<T>(
    limit: Duration,
    doing: &'static str,
    operation: impl Future<Output = Answer<T>>,
) -> Answer<T> {
    match tokio::time::timeout(limit, operation).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Database {
            doing,
            source: late(),
        }),
    }
}

/// A word to the server that has no values.
pub(crate) async fn say(
    conn: &mut PgConnection,
    doing: &'static str,
    sql: impl SqlSafeStr,
) -> Answer<()> {
    sqlx::raw_sql(sql)
        .execute(conn)
        .await
        .map(|_| ())
        .map_err(super::doing(doing))
}

/// Commits what went well and takes back what did not.
pub(super) async fn finish<T>(
    conn: &mut PgConnection,
    doing: &'static str,
    answer: Answer<T>,
) -> Answer<T> {
    match answer {
        Ok(value) => say(conn, doing, "COMMIT").await.map(|()| value),
        Err(StoreError::Database { doing, source }) if broken(&source) => {
            Err(StoreError::Database { doing, source })
        }
        Err(error) => {
            say(conn, doing, "ROLLBACK").await?;
            Err(error)
        }
    }
}

/// Does something on a connection, outside of a transaction: one statement, or
/// several that need not be of one moment.
macro_rules! once {
    ($store:expr, $doing:expr, |$conn:ident| $work:expr) => {
        crate::postgres::lease::timed($store.limit, $doing, async {
            let mut lease = $store.lease($doing).await?;
            let answer = async {
                let $conn: &mut sqlx::postgres::PgConnection = &mut lease;
                $work
            }
            .await;
            lease.settle(&answer);
            answer
        })
        .await
    };
}

/// Does something in one transaction. One that met another (a deadlock, say) is
/// done again.
macro_rules! whole {
    ($store:expr, $doing:expr, |$conn:ident| $work:expr) => {
        crate::postgres::lease::timed($store.limit, $doing, async {
            let mut tries = 1;
            loop {
                let mut lease = $store.lease($doing).await?;
                let answer = async {
                    crate::postgres::lease::say(&mut lease, $doing, "BEGIN").await?;
                    let done = async {
                        let $conn: &mut sqlx::postgres::PgConnection = &mut lease;
                        $work
                    }
                    .await;
                    crate::postgres::lease::finish(&mut lease, $doing, done).await
                }
                .await;
                lease.settle(&answer);
                match answer {
                    Err(error)
                        if tries < crate::postgres::lease::TRIES
                            && crate::postgres::lease::met(&error) =>
                    {
                        tries += 1;
                        tokio::time::sleep(std::time::Duration::from_millis(u64::from(tries) * 3))
                            .await;
                    }
                    answer => return answer,
                }
            }
        })
        .await
    };
}

pub(super) use {once, whole};
