//! What others dispute, as they told it.

use sqlx::postgres::PgConnection;
use tally_core::claim::ClaimId;

use crate::alike::{index, last_disputed};
use crate::port::{Answer, Disputed, DisputedRow};

use super::cells::Cells;
use super::{PostgresStore, doing, once, whole};

pub(super) const KNOWN: &str = "SELECT organisation, entry, claim, leaf, day, record, payload \
     FROM disputed WHERE organisation = $1 AND leaf = $2";
const ALL: &str = "SELECT organisation, entry, claim, leaf, day, record, payload \
     FROM disputed ORDER BY id DESC LIMIT $1";
pub(super) const OF_CLAIM: &str = "SELECT organisation, entry, claim, leaf, day, record, payload \
     FROM disputed WHERE claim = $1 ORDER BY id DESC LIMIT $2";
const COUNT: &str = "SELECT count(*) FROM disputed";
pub(super) const COUNT_OF_CLAIM: &str = "SELECT count(*) FROM disputed WHERE claim = $1";

impl Disputed for PostgresStore {
    async fn keep_disputed(&self, row: &DisputedRow) -> Answer<bool> {
        whole!(self, "keeping a dispute", |conn| keep(conn, row).await)
    }

    async fn disputed_by(&self, organisation: &str, leaf: u64) -> Answer<Option<DisputedRow>> {
        let Ok(leaf) = index(leaf) else {
            return Ok(None);
        };
        once!(self, "reading disputes", |conn| {
            let row = sqlx::query(KNOWN)
                .bind(organisation)
                .bind(leaf)
                .fetch_optional(conn)
                .await
                .map_err(doing("reading disputes"))?;
            row.map(|row| Cells::of(&row, "dispute").disputed())
                .transpose()
        })
    }

    async fn disputed(&self, claim: Option<ClaimId>, last: u32) -> Answer<(Vec<DisputedRow>, u64)> {
        once!(self, "reading disputes", |conn| read(conn, claim, last)
            .await)
    }
}

async fn keep(conn: &mut PgConnection, row: &DisputedRow) -> Answer<bool> {
    let done = sqlx::query(
        "INSERT INTO disputed (organisation, entry, claim, leaf, day, record, payload) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(&row.organisation)
    .bind(index(row.entry)?)
    .bind(row.claim.0.to_vec())
    .bind(index(row.leaf)?)
    .bind(row.day.days())
    .bind(row.told.record.0.to_vec())
    .bind(&row.told.bytes[..])
    .execute(conn)
    .await
    .map_err(doing("keeping a dispute"))?;
    Ok(done.rows_affected() > 0)
}

async fn read(
    conn: &mut PgConnection,
    claim: Option<ClaimId>,
    last: u32,
) -> Answer<(Vec<DisputedRow>, u64)> {
    let limit = (last > 0).then_some(i64::from(last));
    let (rows, count) = match claim {
        None => (sqlx::query(ALL), sqlx::query(COUNT)),
        Some(claim) => {
            let of = claim.0.to_vec();
            let rows = sqlx::query(OF_CLAIM).bind(of.clone());
            (rows, sqlx::query(COUNT_OF_CLAIM).bind(of))
        }
    };
    let rows = rows
        .bind(limit)
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("reading disputes"))?;
    let count = count
        .fetch_one(conn)
        .await
        .map_err(doing("counting disputes"))?;
    last_disputed(&rows, &count)
}
