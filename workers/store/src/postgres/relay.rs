//! What the store does beside a message broker.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use tally_core::claim::ClaimId;

use crate::port::{Answer, Dispatch, Relay, ResultRow};

use super::cells::Cells;
use super::{PostgresStore, doing, once, short, status_of, whole};

/// What is ready and was not published, in order.
pub(super) const UNPUBLISHED: &str = "SELECT c.id, q.partitions, q.partition \
     FROM queue AS q JOIN claim AS c ON c.place = q.claim \
     WHERE q.state = 0 AND q.published IS NULL ORDER BY q.claim LIMIT $1";

/// Notes what a broker has. What somebody holds at this moment is passed over:
/// it is being committed or set aside, and if it should be published once more,
/// that is known when it comes.
pub(super) const PUBLISHED: &str = "WITH had AS MATERIALIZED (SELECT q.claim FROM claim AS c \
     JOIN queue AS q ON q.claim = c.place WHERE c.id = ANY($1) \
     FOR NO KEY UPDATE OF q SKIP LOCKED) \
     UPDATE queue SET published = now() FROM had WHERE queue.claim = had.claim";

/// Counts as not published what was longer ago.
pub(super) const LOST: &str = "WITH lost AS MATERIALIZED (SELECT claim FROM queue \
     WHERE partition = $2 AND state = 0 AND partitions = $1 \
     AND published < now() - make_interval(secs => $3) FOR NO KEY UPDATE SKIP LOCKED) \
     UPDATE queue SET published = NULL FROM lost WHERE queue.claim = lost.claim";

/// Results, in order.
pub(super) const RESULTS: &str = "SELECT r.claim, c.id, c.submitter, o.status, o.hash \
     FROM result AS r JOIN claim AS c ON c.place = r.claim \
     JOIN outcome AS o ON o.claim = r.claim ORDER BY r.claim LIMIT $1";

/// Locks the units of claims, in order.
pub(super) const UNITS: &str = "SELECT id FROM unit WHERE id = ANY(array(\
     SELECT unit FROM claim WHERE id = ANY($1))) ORDER BY id FOR NO KEY UPDATE";

/// Counts what may have died of claims.
pub(super) const SUSPECTED: &str = "UPDATE queue SET crashes = crashes + 1 FROM claim AS c \
     WHERE c.id = ANY($1) AND queue.claim = c.place RETURNING c.id, crashes";

impl Relay for PostgresStore {
    async fn unpublished(&self, limit: u32) -> Answer<Vec<Dispatch>> {
        once!(self, "reading what is to be published", |conn| {
            let rows = sqlx::query(UNPUBLISHED)
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await
                .map_err(doing("reading what is to be published"))?;
            rows.iter()
                .map(|row| {
                    let mut cells = Cells::of(row, "queued claim");
                    Ok(Dispatch {
                        claim: cells.claim()?,
                        partitions: cells.number()?,
                        partition: cells.number()?,
                    })
                })
                .collect()
        })
    }

    async fn published(&self, claims: &[ClaimId]) -> Answer<()> {
        once!(self, "noting what was published", |conn| {
            sqlx::query(PUBLISHED)
                .bind(ids(claims))
                .execute(conn)
                .await
                .map_err(doing("noting what was published"))?;
            Ok(())
        })
    }

    async fn lost(&self, partitions: u32, partition: u32, seconds: u32) -> Answer<u64> {
        once!(self, "noting what was lost", |conn| {
            let lost = sqlx::query(LOST)
                .bind(short(partitions))
                .bind(short(partition))
                .bind(f64::from(seconds))
                .execute(conn)
                .await
                .map_err(doing("noting what was lost"))?;
            Ok(lost.rows_affected())
        })
    }

    async fn results(&self, limit: u32) -> Answer<Vec<ResultRow>> {
        once!(self, "reading results", |conn| {
            let rows = sqlx::query(RESULTS)
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await
                .map_err(doing("reading results"))?;
            rows.iter()
                .map(|row| {
                    let mut cells = Cells::of(row, "result");
                    Ok(ResultRow {
                        id: cells.number()?,
                        claim: cells.claim()?,
                        submitter: cells.text()?,
                        status: status_of(cells.number()?)?,
                        outcome_hash: cells.bytes()?,
                    })
                })
                .collect()
        })
    }

    async fn told(&self, ids: &[i64]) -> Answer<()> {
        once!(self, "noting what was told", |conn| {
            sqlx::query("DELETE FROM result WHERE claim = ANY($1)")
                .bind(ids)
                .execute(conn)
                .await
                .map_err(doing("noting what was told"))?;
            Ok(())
        })
    }

    async fn suspect(&self, claims: &[ClaimId]) -> Answer<Vec<u32>> {
        whole!(self, "counting crashes", |conn| suspect(conn, claims).await)
    }

    async fn alive(&self, worker: &str, seconds: u32) -> Answer<Vec<String>> {
        once!(self, "noting that a worker lives", |conn| {
            sqlx::query(
                "INSERT INTO worker (name, seen) VALUES ($1, now()) \
                 ON CONFLICT (name) DO UPDATE SET seen = excluded.seen",
            )
            .bind(worker)
            .execute(&mut *conn)
            .await
            .map_err(doing("noting that a worker lives"))?;
            sqlx::query_scalar(
                "SELECT name FROM worker WHERE name = $1 \
                 OR seen >= now() - make_interval(secs => $2) ORDER BY name",
            )
            .bind(worker)
            .bind(f64::from(seconds))
            .fetch_all(conn)
            .await
            .map_err(doing("reading which workers live"))
        })
    }

    async fn ended(&self, worker: &str) -> Answer<()> {
        once!(self, "noting that a worker ended", |conn| {
            // With those that never said so.
            sqlx::query("DELETE FROM worker WHERE name = $1 OR seen < now() - interval '7 days'")
                .bind(worker)
                .execute(conn)
                .await
                .map_err(doing("noting that a worker ended"))?;
            Ok(())
        })
    }
}

async fn suspect(conn: &mut PgConnection, claims: &[ClaimId]) -> Answer<Vec<u32>> {
    sqlx::query(UNITS)
        .bind(ids(claims))
        .execute(&mut *conn)
        .await
        .map_err(doing("waiting for units"))?;
    let rows = sqlx::query(SUSPECTED)
        .bind(ids(claims))
        .fetch_all(conn)
        .await
        .map_err(doing("counting crashes"))?;
    let counts: BTreeMap<ClaimId, u32> = rows
        .iter()
        .map(|row| {
            let mut cells = Cells::of(row, "queued claim");
            Ok((cells.claim()?, cells.number()?))
        })
        .collect::<Answer<_>>()?;
    Ok(claims
        .iter()
        .map(|claim| counts.get(claim).copied().unwrap_or(0))
        .collect())
}

fn ids(claims: &[ClaimId]) -> Vec<&[u8]> {
    claims.iter().map(|claim| &claim.0[..]).collect()
}
