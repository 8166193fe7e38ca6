//! Bringing a database's schema up to date, and telling whether it is.

use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnection;

use crate::port::{Answer, StoreError};

use super::settings::PgSettings;
use super::{SCHEMA, doing};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Where the migrations that were run are noted.
const NOTED: &str = "tally._sqlx_migrations";

/// What bringing a schema up to date came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version before; zero when there was none.
    pub from: i64,
    /// The version now.
    pub to: i64,
    /// Partitions made: those of this month and the next three that were not
    /// there.
    pub partitions: u32,
}

/// The version this program knows.
fn known() -> i64 {
    MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

/// Brings a database's schema up to date, as a role that may make roles and
/// schemas, and makes the partitions of the months to come. Run twice, the
/// second changes nothing; run at once, one waits for the other.
///
/// # Errors
/// [`StoreError::Migrate`] when it was migrated by a later program, or a
/// migration fails: that one is taken back whole.
pub async fn migrate(settings: &PgSettings) -> Answer<Migrated> {
    let mut conn = settings
        .migrator(SCHEMA)
        .await
        .map_err(doing("connecting to the database"))?;
    let migrated = run(&mut conn).await?;
    conn.close().await.map_err(doing("closing a connection"))?;
    Ok(migrated)
}

/// Removes a store from its database, with all that is in it: for what is
/// thrown away afterwards.
///
/// # Errors
/// When the database fails.
pub async fn remove(settings: &PgSettings) -> Answer<()> {
    let mut conn = settings
        .migrator(SCHEMA)
        .await
        .map_err(doing("connecting to the database"))?;
    for sql in [
        "DROP SCHEMA IF EXISTS tally CASCADE",
        "DROP SCHEMA IF EXISTS tally_keys CASCADE",
    ] {
        sqlx::query(sql)
            .execute(&mut conn)
            .await
            .map_err(doing("removing a store"))?;
    }
    conn.close().await.map_err(doing("closing a connection"))
}

async fn run(conn: &mut PgConnection) -> Answer<Migrated> {
    let from = version(conn).await?;
    let mut migrations = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
    migrations.dangerous_set_table_name(NOTED);
    migrations.create_schema(SCHEMA);
    migrations.run_direct(None, conn, false).await?;
    let made: i32 = sqlx::query_scalar("SELECT tally.make_next_partitions()")
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("making partitions"))?;
    Ok(Migrated {
        from,
        to: version(conn).await?,
        partitions: u32::try_from(made).unwrap_or(0),
    })
}

/// The version that a database has; zero when it has none.
async fn version(conn: &mut PgConnection) -> Answer<i64> {
    let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(NOTED)
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("reading the schema's version"))?;
    if !there {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM tally._sqlx_migrations WHERE success")
        .fetch_one(conn)
        .await
        .map_err(doing("reading the schema's version"))
}

/// Whether a database has the schema that this program knows.
pub(super) async fn check(conn: &mut PgConnection) -> Answer<()> {
    let (found, known) = (version(conn).await?, known());
    if found == known {
        Ok(())
    } else {
        Err(StoreError::Schema { found, known })
    }
}
