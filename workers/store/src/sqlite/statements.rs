//! Statements.

use std::collections::BTreeSet;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Sqlite};

use crate::alike::{ASKED, TAKEN, fenced};
use crate::port::{Answer, NewStatement, StatementFilter, StatementRow, Statements, StoreError};

use super::bulk::{Bulk, hex_list, pair_list};
use super::cells::Cells;
use super::{SqliteStore, begin, doing};

/// Which marks there are, by kind and mark.
pub(super) const MARKED: &str = "SELECT j.key FROM json_each(?) AS j \
     CROSS JOIN statement AS s ON s.kind = j.value ->> 0 AND s.once = unhex(j.value ->> 1)";

/// Those of a kind that are about any of these.
pub(super) const ABOUT: &str = "SELECT s.id, s.kind, s.about, s.entry, s.leaf, s.record, s.payload \
     FROM json_each(?) AS j CROSS JOIN statement AS s ON s.about = unhex(j.value) \
     WHERE +s.kind = ? ORDER BY s.id";

/// Whether there is any of a kind about something.
pub(super) const IS_STATED: &str = "SELECT EXISTS (SELECT 1 FROM json_each(?) AS j \
     CROSS JOIN statement AS s ON s.about = unhex(j.value ->> 1) AND +s.kind = j.value ->> 0)";

/// The last of all.
pub(super) const LAST: &str = "SELECT coalesce(max(id), 0) FROM statement";

const COLUMNS: &str = "SELECT id, kind, about, entry, leaf, record, payload FROM statement";

const MADE: Bulk = Bulk {
    doing: "making statements",
    before: "INSERT INTO statement (id, kind, about, once, entry, record, payload)",
    columns: 7,
    after: "",
};

const WAITS: Bulk = Bulk {
    doing: "storing statements' entries",
    before: "INSERT INTO outbox (statement, entry)",
    columns: 2,
    after: "",
};

impl Statements for SqliteStore {
    async fn state(&self, new: &[NewStatement]) -> Answer<Vec<Option<i64>>> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let new: Vec<&NewStatement> = new.iter().collect();
        let made = state(&mut tx, &new).await?;
        tx.commit().await.map_err(doing("making statements"))?;
        Ok(made)
    }

    async fn state_unless(
        &self,
        new: &[NewStatement],
        taken: &[(u8, Vec<u8>)],
    ) -> Answer<Vec<Option<i64>>> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let taken = taken.iter().map(|(kind, of)| (i64::from(*kind), &of[..]));
        let is_taken: bool = sqlx::query_scalar(IS_STATED)
            .bind(pair_list(taken))
            .fetch_one(&mut *tx)
            .await
            .map_err(doing("reading statements"))?;
        if is_taken {
            return Err(fenced(TAKEN));
        }
        let new: Vec<&NewStatement> = new.iter().collect();
        let made = state(&mut tx, &new).await?;
        tx.commit().await.map_err(doing("making statements"))?;
        Ok(made)
    }

    async fn statements(&self, filter: &StatementFilter) -> Answer<Vec<StatementRow>> {
        let mut reader = self.reader().await?;
        let rows = filtered(filter)
            .build()
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading statements"))?;
        read(&rows)
    }

    async fn statements_about(&self, kind: u8, about: &[Vec<u8>]) -> Answer<Vec<StatementRow>> {
        if about.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = self.reader().await?;
        let rows = sqlx::query(ABOUT)
            .bind(hex_list(about.iter().map(|about| &about[..])))
            .bind(i64::from(kind))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading statements"))?;
        read(&rows)
    }
}

fn read(rows: &[SqliteRow]) -> Answer<Vec<StatementRow>> {
    rows.iter()
        .map(|row| Cells::of(row, "statement").statement())
        .collect()
}

/// Makes statements; see [`Statements::state`].
pub(super) async fn state(
    conn: &mut SqliteConnection,
    new: &[&NewStatement],
) -> Answer<Vec<Option<i64>>> {
    let mut marks = marked(conn, new).await?;
    let mut next: i64 = sqlx::query_scalar(LAST)
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("reading statements"))?;
    let mut answers = Vec::with_capacity(new.len());
    let mut made = Vec::with_capacity(new.len());
    for statement in new {
        let first = statement
            .once
            .is_none_or(|once| marks.insert((statement.kind, once)));
        answers.push(if first {
            next = next.checked_add(1).ok_or(StoreError::Damaged {
                what: "number of statements",
            })?;
            made.push((next, statement));
            Some(next)
        } else {
            None
        });
    }
    MADE.run(conn, &made, |values, (id, statement)| {
        values.number(*id);
        values.number(statement.kind);
        values.bytes(&statement.about);
        values.optional_bytes(statement.once.as_ref().map(|once| &once[..]));
        values.bytes(&statement.entry);
        let opening = statement.opening.as_ref();
        values.optional_bytes(opening.map(|sealed| &sealed.record.0[..]));
        values.optional_bytes(opening.map(|sealed| &sealed.bytes[..]));
    })
    .await?;
    WAITS
        .run(conn, &made, |values, (id, statement)| {
            values.number(*id);
            values.bytes(&statement.entry);
        })
        .await?;
    Ok(answers)
}

/// The marks of those that were made before.
async fn marked(
    conn: &mut SqliteConnection,
    new: &[&NewStatement],
) -> Answer<BTreeSet<(u8, [u8; 32])>> {
    let marks: Vec<(u8, [u8; 32])> = new
        .iter()
        .filter_map(|statement| Some((statement.kind, statement.once?)))
        .collect();
    if marks.is_empty() {
        return Ok(BTreeSet::new());
    }
    let list = pair_list(
        marks
            .iter()
            .map(|(kind, once)| (i64::from(*kind), &once[..])),
    );
    let rows = sqlx::query(MARKED)
        .bind(list)
        .fetch_all(conn)
        .await
        .map_err(doing("reading statements"))?;
    rows.iter()
        .map(|row| {
            let at: usize = Cells::of(row, "statement").number()?;
            marks.get(at).copied().ok_or(ASKED)
        })
        .collect()
}

/// The statements that a filter lets through: a kind at a time, each in its order up to
/// the limit. Of what there are few anyway, all.
pub(super) fn filtered(filter: &StatementFilter) -> QueryBuilder<Sqlite> {
    let limit = match filter.limit {
        0 => -1,
        limit => i64::from(limit),
    };
    let kinds: BTreeSet<u8> = filter.kinds.iter().copied().collect();
    let each: Vec<Option<u8>> = match filter.about {
        None if !kinds.is_empty() => kinds.iter().copied().map(Some).collect(),
        _ => vec![None],
    };
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM (");
    for (n, kind) in each.iter().enumerate() {
        let joined = if n == 0 { "" } else { " UNION ALL " };
        query
            .push(joined)
            .push("SELECT * FROM (")
            .push(COLUMNS)
            .push(" WHERE id > ")
            .push_bind(filter.after.unwrap_or(0));
        if let Some(kind) = kind {
            query.push(" AND kind = ").push_bind(i64::from(*kind));
        }
        if let Some(about) = &filter.about {
            query.push(" AND about = ").push_bind(about.clone());
            for (n, kind) in kinds.iter().enumerate() {
                query
                    .push(if n == 0 { " AND +kind IN (" } else { ", " })
                    .push_bind(i64::from(*kind));
            }
            query.push(if kinds.is_empty() { "" } else { ")" });
        }
        query.push(" ORDER BY id LIMIT ").push_bind(limit).push(")");
    }
    query.push(") ORDER BY id LIMIT ").push_bind(limit);
    query
}
