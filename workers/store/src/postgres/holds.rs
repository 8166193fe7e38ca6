//! Legal holds.

use sqlx::postgres::PgConnection;
use tally_core::claim::ClaimId;
use tally_core::ledger::kind;

use crate::port::{Answer, HoldRow, Holds, NewStatement};

use super::cells::Cells;
use super::{PostgresStore, doing, fenced, once, statements, whole};

const HOLDS: &str = "SELECT claim, name, day, lifted FROM legal_hold ORDER BY id";
pub(super) const OF_CLAIM: &str =
    "SELECT claim, name, day, lifted FROM legal_hold WHERE claim = $1 ORDER BY id";

/// Who places a hold, erases or takes back look one after the other, until what they do
/// stands, and so do they and those who read meanwhile. A lock in memory: there is no row that
/// both of them would write.
const LOCK: i64 = 0x74_61_6c_6c_79_02;

/// Whether a claim was erased.
pub(super) const IS_ERASED: &str =
    "SELECT EXISTS (SELECT FROM statement WHERE about = $1 AND kind + 0 = $2)";

/// Whether a hold stands on any of these.
pub(super) const IS_HELD: &str = "SELECT EXISTS (SELECT FROM legal_hold AS h \
     WHERE h.claim = ANY($1) AND NOT h.lifted AND NOT EXISTS (SELECT FROM legal_hold AS l \
         WHERE l.claim = h.claim AND l.id > h.id AND l.name = h.name AND l.lifted OFFSET 0))";

/// Until the transaction ends nobody else holds, erases or takes back, nor reads.
pub(super) async fn alone(conn: &mut PgConnection) -> Answer<()> {
    lock(conn, "SELECT pg_advisory_xact_lock($1)").await
}

/// Until the transaction ends nobody holds, erases or takes back; others may read.
pub(super) async fn beside(conn: &mut PgConnection) -> Answer<()> {
    lock(conn, "SELECT pg_advisory_xact_lock_shared($1)").await
}

async fn lock(conn: &mut PgConnection, query: &'static str) -> Answer<()> {
    sqlx::query(query)
        .bind(LOCK)
        .execute(conn)
        .await
        .map_err(doing("waiting for holds and erasures"))?;
    Ok(())
}

impl Holds for PostgresStore {
    async fn hold(&self, row: &HoldRow) -> Answer<()> {
        whole!(self, "placing a hold", |conn| {
            alone(conn).await?;
            let is_erased: bool = sqlx::query_scalar(IS_ERASED)
                .bind(row.claim.0.to_vec())
                .bind(i16::from(kind::ERASED))
                .fetch_one(&mut *conn)
                .await
                .map_err(doing("placing a hold"))?;
            if is_erased && !row.lifted {
                return Err(fenced("the erasure of a claim"));
            }
            sqlx::query(
                "INSERT INTO legal_hold (claim, name, day, lifted) VALUES ($1, $2, $3, $4)",
            )
            .bind(row.claim.0.to_vec())
            .bind(&row.name)
            .bind(row.day.days())
            .bind(row.lifted)
            .execute(conn)
            .await
            .map_err(doing("placing a hold"))?;
            Ok(())
        })
    }

    async fn state_unless_held(
        &self,
        new: &[NewStatement],
        claims: &[ClaimId],
    ) -> Answer<Vec<Option<i64>>> {
        let new: Vec<&NewStatement> = new.iter().collect();
        let claims: Vec<&[u8]> = claims.iter().map(|claim| &claim.0[..]).collect();
        whole!(self, "making statements", |conn| {
            alone(conn).await?;
            let is_held: bool = sqlx::query_scalar(IS_HELD)
                .bind(&claims)
                .fetch_one(&mut *conn)
                .await
                .map_err(doing("reading holds"))?;
            if is_held {
                return Err(fenced("a hold on a claim"));
            }
            statements::state(conn, &new).await
        })
    }

    async fn holds(&self, claim: Option<ClaimId>) -> Answer<Vec<HoldRow>> {
        once!(self, "reading holds", |conn| {
            let query = match claim {
                None => sqlx::query(HOLDS),
                Some(claim) => sqlx::query(OF_CLAIM).bind(claim.0.to_vec()),
            };
            let rows = query
                .fetch_all(conn)
                .await
                .map_err(doing("reading holds"))?;
            rows.iter()
                .map(|row| Cells::of(row, "hold").hold())
                .collect()
        })
    }
}
