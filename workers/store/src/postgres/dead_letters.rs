//! Messages that could not be used.

use sqlx::postgres::{PgConnection, PgRow};

use crate::port::{Answer, AuditRow, DeadLetterRow, DeadLetters, NewDeadLetter, StoreError};

use super::cells::Cells;
use super::{PostgresStore, audit, doing, number, once, whole};

const COLUMNS: &str = "SELECT id, token, at, queue, code, reason, submitter, record, payload, \
     settled, settled_at FROM dead_letter";

/// Those that wait, the latest first.
pub(super) const WAITING: &str = "SELECT id, token, at, queue, code, reason, submitter, record, \
     payload, settled, settled_at FROM dead_letter \
     WHERE settled IS NULL ORDER BY id DESC LIMIT $1";

impl DeadLetters for PostgresStore {
    async fn bury(&self, letter: &NewDeadLetter) -> Answer<u64> {
        whole!(self, "storing a dead letter", |conn| bury(conn, letter)
            .await)
    }

    async fn dead(&self, all: bool, limit: u32) -> Answer<Vec<DeadLetterRow>> {
        once!(self, "reading dead letters", |conn| {
            let all_of_them = format!("{COLUMNS} ORDER BY id DESC LIMIT $1");
            let query = if all {
                sqlx::query(sqlx::AssertSqlSafe(all_of_them))
            } else {
                sqlx::query(WAITING)
            };
            let rows = query
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await
                .map_err(doing("reading dead letters"))?;
            rows.iter().map(read).collect()
        })
    }

    async fn dead_letter(&self, id: u64) -> Answer<Option<DeadLetterRow>> {
        once!(self, "reading a dead letter", |conn| {
            let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1")))
                .bind(number(id))
                .fetch_optional(conn)
                .await
                .map_err(doing("reading a dead letter"))?;
            row.map(|row| read(&row)).transpose()
        })
    }

    async fn settle(&self, id: u64, done: &str, note: &AuditRow) -> Answer<bool> {
        whole!(self, "settling a dead letter", |conn| {
            let settled = sqlx::query(
                // Its name is free again: should the message come back, that is
                // another letter.
                "UPDATE dead_letter SET settled = $2, settled_at = $3, \
                 token = sha256(token || int8send(id)) \
                 WHERE id = $1 AND settled IS NULL",
            )
            .bind(number(id))
            .bind(done)
            .bind(note.at)
            .execute(&mut *conn)
            .await
            .map_err(doing("settling a dead letter"))?;
            if settled.rows_affected() == 0 {
                return Ok(false);
            }
            audit::note(conn, std::slice::from_ref(note)).await?;
            Ok(true)
        })
    }
}

async fn bury(conn: &mut PgConnection, letter: &NewDeadLetter) -> Answer<u64> {
    sqlx::query(
        "INSERT INTO dead_letter (token, at, queue, code, reason, submitter, record, payload) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
         WHERE NOT EXISTS (SELECT FROM dead_letter WHERE token = $1) \
         ON CONFLICT (token) DO NOTHING",
    )
    .bind(&letter.token.0[..])
    .bind(letter.at)
    .bind(&letter.queue)
    .bind(&letter.code)
    .bind(&letter.reason)
    .bind(&letter.submitter)
    .bind(&letter.sealed.record.0[..])
    .bind(&letter.sealed.bytes[..])
    .execute(&mut *conn)
    .await
    .map_err(doing("storing a dead letter"))?;
    let id: i64 = sqlx::query_scalar("SELECT id FROM dead_letter WHERE token = $1")
        .bind(&letter.token.0[..])
        .fetch_one(conn)
        .await
        .map_err(doing("storing a dead letter"))?;
    u64::try_from(id).map_err(|_| StoreError::Damaged {
        what: "dead letter",
    })
}

fn read(row: &PgRow) -> Answer<DeadLetterRow> {
    let mut cells = Cells::of(row, "dead letter");
    let id = cells.number()?;
    let letter = NewDeadLetter {
        token: cells.token()?,
        at: cells.number()?,
        queue: cells.text()?,
        code: cells.text()?,
        reason: cells.text()?,
        submitter: cells.optional(Cells::text)?,
        sealed: cells.sealed()?,
    };
    let settled = cells.optional(Cells::text)?;
    let at = cells.optional(Cells::number)?;
    Ok(DeadLetterRow {
        id,
        letter,
        settled: settled.zip(at),
    })
}
