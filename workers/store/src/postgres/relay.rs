//! What the store does beside a message broker.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use tally_core::claim::ClaimId;

use crate::port::{Among, Answer, Dispatch, Relay, ResultRow};

use super::cells::Cells;
use super::{PostgresStore, doing, once, short, whole};
use crate::alike::status_of;

/// What is ready and was not published, in order.
pub(super) const UNPUBLISHED: &str = "SELECT c.id, q.partitions, q.partition, q.trace \
     FROM (SELECT claim + 0 AS claim, partitions, partition, trace FROM queue \
           WHERE state = 0 AND published IS NULL AND partition <> ALL ($2) \
           AND partition = coalesce($3, partition) \
           ORDER BY claim + 0 LIMIT $1) AS q \
     CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = q.claim OFFSET 0) AS c \
     ORDER BY q.claim";

/// Notes what a broker has. What somebody holds at this moment is passed over:
/// it is being committed or set aside, and if it should be published once more,
/// that is known when it comes.
///
/// This one transaction does not wait for the disk: a note that a crash takes
/// back is of a claim that is then published once more, as after a crash before
/// the note, and the fence tells.
pub(super) const PUBLISHED: &str = "UPDATE queue SET published = now() WHERE claim = ANY(array(\
     SELECT claim FROM queue WHERE claim = ANY(array(SELECT place FROM claim WHERE id = ANY($1))) \
     FOR NO KEY UPDATE SKIP LOCKED)) \
     AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL";

/// Counts as not published what was longer ago.
pub(super) const LOST: &str = "UPDATE queue SET published = NULL WHERE claim = ANY(array(\
     SELECT claim FROM queue WHERE partition = $2 AND state = 0 AND partitions = $1 \
     AND published < now() - make_interval(secs => $3) \
     ORDER BY claim + 0 LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED))";

/// Results, in order.
pub(super) const RESULTS: &str = "SELECT r.claim, c.id, c.submitter, o.status, o.hash \
     FROM (SELECT claim FROM result ORDER BY claim OFFSET 0) AS r \
     CROSS JOIN LATERAL (SELECT * FROM claim WHERE claim.place = r.claim OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT * FROM outcome WHERE outcome.claim = r.claim OFFSET 0) AS o \
     WHERE c.submitter <> ALL ($2) AND c.submitter = coalesce($3, c.submitter) \
     ORDER BY r.claim LIMIT $1";

/// Results of revisions, in order.
pub(super) const REVISED: &str = "SELECT -r.id, c.id, c.submitter, r.status, r.hash \
     FROM (SELECT revision FROM revised_result ORDER BY revision OFFSET 0) AS t \
     CROSS JOIN LATERAL (SELECT * FROM revision WHERE revision.id = t.revision OFFSET 0) AS r \
     CROSS JOIN LATERAL (SELECT * FROM claim WHERE claim.place = r.claim OFFSET 0) AS c \
     WHERE c.submitter <> ALL ($2) AND c.submitter = coalesce($3, c.submitter) \
     ORDER BY r.id LIMIT $1";

/// Locks the units of claims, in order.
pub(super) const UNITS: &str = "SELECT id FROM unit WHERE id = ANY(array(\
     SELECT unit FROM claim WHERE id = ANY($1))) ORDER BY id FOR NO KEY UPDATE";

/// Counts what may have died of claims.
pub(super) const SUSPECTED: &str = "WITH asked AS MATERIALIZED (\
     SELECT id, place FROM claim WHERE id = ANY($1)), \
     counted AS (UPDATE queue SET crashes = crashes + 1 \
     WHERE claim = ANY(array(SELECT place FROM asked)) RETURNING claim, crashes) \
     SELECT place, id, NULL::integer FROM asked \
     UNION ALL SELECT claim, NULL, crashes FROM counted";

impl Relay for PostgresStore {
    async fn unpublished(&self, limit: u32, of: Among<'_, u32>) -> Answer<Vec<Dispatch>> {
        let (without, only) = of.parts();
        once!(self, "reading what is to be published", |conn| {
            let rows = sqlx::query(UNPUBLISHED)
                .bind(i64::from(limit))
                .bind(without.into_iter().map(short).collect::<Vec<_>>())
                .bind(only.map(short))
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
                        trace: cells.optional(Cells::text)?,
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

    async fn lost(&self, partitions: u32, partition: u32, seconds: u32, limit: u32) -> Answer<u64> {
        once!(self, "noting what was lost", |conn| {
            let lost = sqlx::query(LOST)
                .bind(short(partitions))
                .bind(short(partition))
                .bind(f64::from(seconds))
                .bind(i64::from(limit))
                .execute(conn)
                .await
                .map_err(doing("noting what was lost"))?;
            Ok(lost.rows_affected())
        })
    }

    async fn results(&self, limit: u32, of: Among<'_, String>) -> Answer<Vec<ResultRow>> {
        let (without, only) = of.parts();
        once!(self, "reading results", |conn| {
            let mut results: Vec<ResultRow> = Vec::new();
            // What was decided first, before what took its place.
            for sql in [RESULTS, REVISED] {
                let left = i64::from(limit) - i64::try_from(results.len()).unwrap_or(0);
                let rows = sqlx::query(sql)
                    .bind(left)
                    .bind(&without)
                    .bind(&only)
                    .fetch_all(&mut *conn)
                    .await
                    .map_err(doing("reading results"))?;
                for row in &rows {
                    results.push(result(&mut Cells::of(row, "result"))?);
                }
                if i64::try_from(rows.len()) == Ok(left) {
                    break;
                }
            }
            Ok(results)
        })
    }

    async fn told(&self, ids: &[i64]) -> Answer<()> {
        once!(self, "noting what was told", |conn| {
            let (revised, first): (Vec<i64>, Vec<i64>) = ids.iter().partition(|id| **id < 0);
            for (sql, ids) in [
                ("DELETE FROM result WHERE claim = ANY($1)", first),
                (
                    "DELETE FROM revised_result WHERE revision = ANY($1)",
                    revised.into_iter().map(i64::saturating_neg).collect(),
                ),
            ] {
                if ids.is_empty() {
                    continue;
                }
                sqlx::query(sql)
                    .bind(ids)
                    .execute(&mut *conn)
                    .await
                    .map_err(doing("noting what was told"))?;
            }
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

fn result(cells: &mut Cells<'_>) -> Answer<ResultRow> {
    Ok(ResultRow {
        id: cells.number()?,
        claim: cells.claim()?,
        submitter: cells.text()?,
        decided: match cells.optional(Cells::number)? {
            None => {
                cells.skip(1);
                None
            }
            Some(status) => Some((status_of(status)?, cells.bytes()?)),
        },
    })
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
    let mut places: BTreeMap<ClaimId, i64> = BTreeMap::new();
    let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
    for row in &rows {
        let mut cells = Cells::of(row, "queued claim");
        let place = cells.number()?;
        match cells.optional(Cells::claim)? {
            Some(claim) => places.insert(claim, place).is_some(),
            None => counts.insert(place, cells.number()?).is_some(),
        };
    }
    Ok(claims
        .iter()
        .map(|claim| places.get(claim).and_then(|place| counts.get(place)))
        .map(|count| count.copied().unwrap_or(0))
        .collect())
}

fn ids(claims: &[ClaimId]) -> Vec<&[u8]> {
    claims.iter().map(|claim| &claim.0[..]).collect()
}
