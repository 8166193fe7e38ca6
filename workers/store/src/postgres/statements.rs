//! Statements.

use std::collections::BTreeSet;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Postgres, QueryBuilder};

use tally_core::ledger::kind;

use crate::alike::TAKEN;
use crate::port::{Answer, NewStatement, StatementFilter, StatementRow, Statements, StoreError};

use super::cells::Cells;
use super::{PostgresStore, doing, fenced, holds, once, whole};

/// Makes statements, each with its entry in the outbox, in order. Answers the numbers
/// that were given to them, and which of these are of one that was made.
pub(super) const MADE: &str = "WITH given AS MATERIALIZED (\
     SELECT nextval('statement_id') AS id, g.* FROM (SELECT * \
         FROM unnest($1::smallint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], \
                     $6::bytea[]) WITH ORDINALITY \
              AS n (kind, about, once, entry, record, payload, n) ORDER BY n) AS g), \
     made AS (INSERT INTO statement (id, kind, about, once, entry, record, payload) \
         SELECT id, kind, about, once, entry, record, payload FROM given ORDER BY n \
         ON CONFLICT (kind, once) WHERE once IS NOT NULL DO NOTHING RETURNING id, entry), \
     waits AS (INSERT INTO outbox (statement, entry) SELECT id, entry FROM made ORDER BY id) \
     SELECT id, false FROM given UNION ALL SELECT id, true FROM made";

/// Those of a kind that are about any of these.
pub(super) const ABOUT: &str = "SELECT id, kind, about, entry, leaf, record, payload \
     FROM statement WHERE about = ANY($1) AND kind + 0 = $2 ORDER BY id + 0";

/// Whether there is any of a kind about something.
pub(super) const IS_STATED: &str = "SELECT EXISTS (SELECT FROM unnest($1::smallint[], $2::bytea[]) \
         AS n (kind, about) \
     WHERE EXISTS (SELECT FROM statement AS s \
         WHERE s.about = n.about AND s.kind + 0 = n.kind OFFSET 0))";

const COLUMNS: &str = "SELECT id, kind, about, entry, leaf, record, payload FROM statement";

impl Statements for PostgresStore {
    async fn state(&self, new: &[NewStatement]) -> Answer<Vec<Option<i64>>> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let new: Vec<&NewStatement> = new.iter().collect();
        whole!(self, "making statements", |conn| state(conn, &new).await)
    }

    async fn state_unless(
        &self,
        new: &[NewStatement],
        taken: &[(u8, Vec<u8>)],
    ) -> Answer<Vec<Option<i64>>> {
        let new: Vec<&NewStatement> = new.iter().collect();
        let kinds: Vec<i16> = taken.iter().map(|(kind, _)| i16::from(*kind)).collect();
        let about: Vec<&[u8]> = taken.iter().map(|(_, about)| &about[..]).collect();
        whole!(self, "making statements", |conn| {
            holds::beside(conn).await?;
            let is_taken: bool = sqlx::query_scalar(IS_STATED)
                .bind(&kinds)
                .bind(&about)
                .fetch_one(&mut *conn)
                .await
                .map_err(doing("reading statements"))?;
            if is_taken {
                return Err(fenced(TAKEN));
            }
            state(conn, &new).await
        })
    }

    async fn statements(&self, filter: &StatementFilter) -> Answer<Vec<StatementRow>> {
        once!(self, "reading statements", |conn| {
            let rows = filtered(filter)
                .build()
                .fetch_all(conn)
                .await
                .map_err(doing("reading statements"))?;
            read(&rows)
        })
    }

    async fn statements_about(&self, kind: u8, about: &[Vec<u8>]) -> Answer<Vec<StatementRow>> {
        if about.is_empty() {
            return Ok(Vec::new());
        }
        once!(self, "reading statements", |conn| {
            let rows = sqlx::query(ABOUT)
                .bind(about)
                .bind(i16::from(kind))
                .fetch_all(conn)
                .await
                .map_err(doing("reading statements"))?;
            read(&rows)
        })
    }
}

fn read(rows: &[PgRow]) -> Answer<Vec<StatementRow>> {
    rows.iter()
        .map(|row| Cells::of(row, "statement").statement())
        .collect()
}

/// A column of statements.
fn all<'a, T>(new: &[&'a NewStatement], of: impl Fn(&'a NewStatement) -> T) -> Vec<T> {
    new.iter().map(|statement| of(statement)).collect()
}

/// Makes statements; see [`Statements::state`].
pub(super) async fn state(
    conn: &mut PgConnection,
    new: &[&NewStatement],
) -> Answer<Vec<Option<i64>>> {
    // Who looks whether it was taken back or erased has ended, or looks when it stands.
    let takes = |of: &&NewStatement| [kind::REVOKED, kind::ERASED].contains(&of.kind);
    if new.iter().any(takes) {
        holds::alone(conn).await?;
    }
    let rows = sqlx::query(MADE)
        .bind(all(new, |statement| i16::from(statement.kind)))
        .bind(all(new, |statement| &statement.about[..]))
        .bind(all(new, |statement| {
            statement.once.as_ref().map(|once| &once[..])
        }))
        .bind(all(new, |statement| &statement.entry[..]))
        .bind(all(new, |statement| {
            let opening = statement.opening.as_ref();
            opening.map(|sealed| &sealed.record.0[..])
        }))
        .bind(all(new, |statement| {
            let opening = statement.opening.as_ref();
            opening.map(|sealed| &sealed.bytes[..])
        }))
        .fetch_all(conn)
        .await
        .map_err(doing("making statements"))?;
    let (mut given, mut made) = (Vec::with_capacity(new.len()), BTreeSet::new());
    for row in &rows {
        let mut cells = Cells::of(row, "statement");
        let id: i64 = cells.number()?;
        if cells.truth()? {
            made.insert(id);
        } else {
            given.push(id);
        }
    }
    if given.len() != new.len() {
        return Err(StoreError::Damaged {
            what: "number of statements",
        });
    }
    // Numbers were given in order.
    given.sort_unstable();
    Ok(given
        .into_iter()
        .map(|id| made.contains(&id).then_some(id))
        .collect())
}

/// The statements that a filter lets through: a kind at a time, each in its order up to
/// the limit. Of what there are few anyway, all.
pub(super) fn filtered(filter: &StatementFilter) -> QueryBuilder<Postgres> {
    let limit = (filter.limit > 0).then(|| i64::from(filter.limit));
    let kinds: BTreeSet<i16> = filter.kinds.iter().copied().map(i16::from).collect();
    let each: Vec<Option<i16>> = match filter.about {
        None if !kinds.is_empty() => kinds.iter().copied().map(Some).collect(),
        _ => vec![None],
    };
    let mut query = QueryBuilder::<Postgres>::new("SELECT * FROM (");
    for (n, kind) in each.iter().enumerate() {
        let joined = if n == 0 { "" } else { " UNION ALL " };
        query.push(joined).push("(").push(COLUMNS);
        // Not in the order of the primary key, but for all of them.
        let id = if kind.is_some() || filter.about.is_some() {
            "id + 0"
        } else {
            "id"
        };
        query
            .push(" WHERE ")
            .push(id)
            .push(" > ")
            .push_bind(filter.after.unwrap_or(0));
        if let Some(kind) = kind {
            query.push(" AND kind = ").push_bind(*kind);
        }
        if let Some(about) = &filter.about {
            query.push(" AND about = ").push_bind(about.clone());
            if !kinds.is_empty() {
                let kinds: Vec<i16> = kinds.iter().copied().collect();
                query
                    .push(" AND kind + 0 = ANY(")
                    .push_bind(kinds)
                    .push(")");
            }
        }
        query
            .push(" ORDER BY ")
            .push(id)
            .push(" LIMIT ")
            .push_bind(limit)
            .push(")");
    }
    query.push(") AS each ORDER BY id LIMIT ").push_bind(limit);
    query
}
