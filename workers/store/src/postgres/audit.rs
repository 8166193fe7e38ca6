//! The audit trail.

use sqlx::postgres::PgConnection;

use crate::port::{Answer, Audit, AuditRow};

use super::cells::Cells;
use super::{PostgresStore, doing, once};

const NOTED: &str = "INSERT INTO audit (at, actor, action, subject) \
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])";

/// The latest of each month, merged: entries are in order of their ids, and
/// what a clock says of them may not be.
pub(super) const LATEST: &str =
    "SELECT at, actor, action, subject FROM audit ORDER BY id DESC LIMIT $1";

impl Audit for PostgresStore {
    async fn note(&self, rows: &[AuditRow]) -> Answer<()> {
        if rows.is_empty() {
            return Ok(());
        }
        once!(self, "writing the audit trail", |conn| note(conn, rows)
            .await)
    }

    async fn audit(&self, limit: u32) -> Answer<Vec<AuditRow>> {
        once!(self, "reading the audit trail", |conn| {
            let rows = sqlx::query(LATEST)
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await
                .map_err(doing("reading the audit trail"))?;
            rows.iter()
                .map(|row| Cells::of(row, "audit entry").audit())
                .collect()
        })
    }
}

pub(super) async fn note(conn: &mut PgConnection, rows: &[AuditRow]) -> Answer<()> {
    sqlx::query(NOTED)
        .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| &row.actor[..]).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| &row.action[..]).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| &row.subject[..]).collect::<Vec<_>>())
        .execute(conn)
        .await
        .map_err(doing("writing the audit trail"))?;
    Ok(())
}
