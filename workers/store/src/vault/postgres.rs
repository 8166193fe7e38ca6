//! Record keys in a PostgreSQL database: a schema of their own, which belongs
//! in a database of its own.
//!
//! What destroying a key can do here is less than in a file of one's own. The
//! row is overwritten, deleted, and its dead versions are cleaned out of the
//! table before it is answered; no query finds them any more. But the pages
//! that held them may stay on the disk until they are used again, the
//! write-ahead log holds what was written until it is recycled or archived, and
//! so do standbys and backups. What lies there is the key under the wrapping
//! key, which is in no database. `docs/data-map.md` says how to keep that short.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnection, PgPool, PgRow};

use super::rows::{Row, Rows};
use super::{VaultError, doing, record};
use crate::port::RecordId;
use crate::postgres::PgSettings;
use crate::postgres::lease::Lease;
use crate::postgres::settings::late;

const SCHEMA: &str = "tally_keys";

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres-keys");

/// How long an operation may take.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) struct PgRows {
    pool: PgPool,
}

/// Does something on a connection; gives it up when it takes too long.
macro_rules! once {
    ($pool:expr, $doing:expr, |$conn:ident| $work:expr) => {{
        let operation = async {
            let mut lease = Lease::of(&$pool).await?;
            let answer: Result<_, sqlx::Error> = async {
                let $conn: &mut PgConnection = &mut lease;
                $work
            }
            .await;
            lease.settled(&answer);
            answer
        };
        match tokio::time::timeout(LIMIT, operation).await {
            Ok(answer) => answer.map_err(doing($doing)),
            Err(_) => Err(doing($doing)(late())),
        }
    }};
}

impl PgRows {
    pub(super) async fn connect(settings: &PgSettings) -> Result<Self, VaultError> {
        let mut conn = settings
            .migrator(SCHEMA)
            .await
            .map_err(doing("connecting to it"))?;
        migrate(&mut conn).await?;
        drop(conn);
        let pool = settings
            .pool(SCHEMA, || ())
            .await
            .map_err(doing("connecting to it"))?;
        Ok(Self { pool })
    }
}

/// Brings the schema up to date. Who may not, finds it so, or cannot go on.
async fn migrate(conn: &mut PgConnection) -> Result<(), VaultError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max();
    let noted = "tally_keys._sqlx_migrations";
    let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(noted)
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("reading its schema's version"))?;
    if there {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT max(version) FROM tally_keys._sqlx_migrations WHERE success",
        )
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("reading its schema's version"))?;
        if found == known {
            return Ok(());
        }
    }
    let mut migrations = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
    migrations.dangerous_set_table_name(noted);
    migrations.create_schema(SCHEMA);
    migrations.run_direct(None, conn, false).await?;
    Ok(())
}

/// A record and its key as they stand in a row.
fn row(row: &PgRow) -> Result<Row, VaultError> {
    let record: &[u8] = row.try_get(0).map_err(doing("reading keys"))?;
    let wrapped: Vec<u8> = row.try_get(1).map_err(doing("reading keys"))?;
    let record = record.try_into().map_err(|_| VaultError::Wrapped)?;
    Ok((RecordId(record), wrapped))
}

impl Rows for PgRows {
    async fn proof(&self, new: Vec<u8>) -> Result<Option<Vec<u8>>, VaultError> {
        once!(self.pool, "checking the wrapping key", |conn| {
            let added = sqlx::query(
                "INSERT INTO wrap (id, proof) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
            )
            .bind(new)
            .execute(&mut *conn)
            .await?;
            if added.rows_affected() == 1 {
                return Ok(None);
            }
            sqlx::query_scalar("SELECT proof FROM wrap")
                .fetch_optional(&mut *conn)
                .await
        })
    }

    async fn prove_anew(&self, old: &[u8], new: &[u8]) -> Result<bool, VaultError> {
        let done = once!(self.pool, "noting another wrapping key", |conn| {
            sqlx::query("UPDATE wrap SET proof = $1 WHERE proof = $2")
                .bind(new)
                .bind(old)
                .execute(&mut *conn)
                .await
        })?;
        Ok(done.rows_affected() == 1)
    }

    async fn insert(&self, rows: &[Row], proof: &[u8]) -> Result<bool, VaultError> {
        // Whoever puts another proof there waits for this, or this finds it there.
        let done = once!(self.pool, "storing keys", |conn| {
            sqlx::query(
                "WITH same AS (SELECT 1 FROM wrap WHERE proof = $3 FOR SHARE) \
                 INSERT INTO record_key (record, wrapped) \
                 SELECT new.record, new.wrapped FROM unnest($1::bytea[], $2::bytea[]) \
                 AS new (record, wrapped) WHERE EXISTS (SELECT FROM same)",
            )
            .bind(rows.iter().map(|(id, _)| &id.0[..]).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, key)| &key[..]).collect::<Vec<_>>())
            .bind(proof)
            .execute(&mut *conn)
            .await
        })?;
        Ok(done.rows_affected() == rows.len() as u64)
    }

    async fn count(&self) -> Result<u64, VaultError> {
        let count: i64 = once!(self.pool, "counting keys", |conn| {
            sqlx::query_scalar("SELECT count(*) FROM record_key")
                .fetch_one(&mut *conn)
                .await
        })?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn page(&self, after: Option<RecordId>, limit: u32) -> Result<Vec<Row>, VaultError> {
        let rows = once!(self.pool, "reading keys", |conn| {
            sqlx::query(
                "SELECT record, wrapped FROM record_key WHERE record > $1 ORDER BY record LIMIT $2",
            )
            // Before every record.
            .bind(after.map_or_else(Vec::new, |record| record.0.to_vec()))
            .bind(i64::from(limit))
            .fetch_all(&mut *conn)
            .await
        })?;
        rows.iter().map(row).collect()
    }

    async fn replace(&self, rows: &[(RecordId, Vec<u8>, Vec<u8>)]) -> Result<(), VaultError> {
        once!(self.pool, "wrapping keys anew", |conn| {
            sqlx::query(
                "UPDATE record_key SET wrapped = new.wrapped \
                 FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS new (record, old, wrapped) \
                 WHERE record_key.record = new.record AND record_key.wrapped = new.old",
            )
            .bind(rows.iter().map(|(id, ..)| &id.0[..]).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, old, _)| &old[..]).collect::<Vec<_>>())
            .bind(rows.iter().map(|(.., new)| &new[..]).collect::<Vec<_>>())
            .execute(&mut *conn)
            .await
        })?;
        Ok(())
    }

    async fn find(&self, records: &[RecordId]) -> Result<Vec<Row>, VaultError> {
        let rows = once!(self.pool, "reading keys", |conn| {
            sqlx::query("SELECT record, wrapped FROM record_key WHERE record = ANY($1)")
                .bind(records.iter().map(|id| &id.0[..]).collect::<Vec<_>>())
                .fetch_all(&mut *conn)
                .await
        })?;
        rows.iter().map(row).collect()
    }

    async fn destroy(
        &self,
        record: RecordId,
        noise: [u8; record::WRAPPED],
    ) -> Result<(), VaultError> {
        once!(self.pool, "overwriting a key", |conn| {
            sqlx::query("UPDATE record_key SET wrapped = $1 WHERE record = $2")
                .bind(&noise[..])
                .bind(&record.0[..])
                .execute(&mut *conn)
                .await
        })?;
        once!(self.pool, "deleting a key", |conn| {
            sqlx::query("DELETE FROM record_key WHERE record = $1")
                .bind(&record.0[..])
                .execute(&mut *conn)
                .await
        })?;
        // Its dead versions go now, not when their number is worth it. Freezing
        // and truncating have no part in it.
        once!(self.pool, "cleaning up after a key", |conn| {
            sqlx::raw_sql("VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF) tally_keys.record_key")
                .execute(&mut *conn)
                .await
        })?;
        Ok(())
    }

    async fn close(self) -> Result<(), VaultError> {
        self.pool.close().await;
        Ok(())
    }
}
