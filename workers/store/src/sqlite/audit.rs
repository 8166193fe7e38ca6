//! The audit trail.

use sqlx::sqlite::SqliteConnection;

use crate::port::{Answer, Audit, AuditRow};

use super::bulk::Bulk;
use super::cells::Cells;
use super::{SqliteStore, begin, doing};

const NOTES: Bulk = Bulk {
    doing: "writing the audit trail",
    before: "INSERT INTO audit (at, actor, action, subject)",
    columns: 4,
    after: "",
};

impl Audit for SqliteStore {
    async fn note(&self, rows: &[AuditRow]) -> Answer<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        note(&mut tx, rows).await?;
        tx.commit().await.map_err(doing(NOTES.doing))
    }

    async fn audit(&self, limit: u32) -> Answer<Vec<AuditRow>> {
        let mut reader = self.reader().await?;
        let rows =
            sqlx::query("SELECT at, actor, action, subject FROM audit ORDER BY id DESC LIMIT ?")
                .bind(limit)
                .fetch_all(&mut *reader)
                .await
                .map_err(doing("reading the audit trail"))?;
        rows.iter()
            .map(|row| Cells::of(row, "audit entry").audit())
            .collect()
    }
}

pub(super) async fn note(conn: &mut SqliteConnection, rows: &[AuditRow]) -> Answer<()> {
    NOTES
        .run(conn, rows, |values, row| {
            values.number(row.at);
            values.text(&row.actor);
            values.text(&row.action);
            values.text(&row.subject);
        })
        .await
}
