//! Facts by group, the marks on groups, and the flags that follow.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;
use tally_core::claim::ClaimId;

use crate::alike::{detector, detector_of};
use crate::port::{
    Answer, Detection, FactRow, FlagGroup, FlagRow, Group, Judged, StoreError, Token, Unjudged,
};

use super::cells::{Cells, numbers};
use super::{ASKED, PostgresStore, doing, fenced, flags, once, position, whole};

/// Facts by group: found by the first bytes of its key.
pub(super) const FACTS: &str = "SELECT g.n, c.id, f.line, f.record, f.payload \
     FROM unnest($1::bigint[], $2::smallint[], $3::bytea[]) \
          WITH ORDINALITY AS g (near, detector, key, n) \
     CROSS JOIN LATERAL (SELECT * FROM fact WHERE fact.near = g.near AND fact.key = g.key \
         AND fact.detector = g.detector OFFSET 0) AS f \
     CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = f.claim OFFSET 0) AS c";

/// The groups of the marks in front, each with all its marks.
pub(super) const UNJUDGED: &str = "WITH front AS MATERIALIZED (\
     SELECT id, detector, key FROM unjudged ORDER BY id LIMIT $2), \
     first AS MATERIALIZED (SELECT detector, key, min(id) AS id FROM front \
     GROUP BY detector, key ORDER BY min(id) LIMIT $1) \
     SELECT f.detector, f.key, \
            array(SELECT u.id FROM unjudged AS u \
                  WHERE u.key = f.key AND u.detector = f.detector ORDER BY u.id + 0), \
            (SELECT count(*) FROM front) \
     FROM first AS f ORDER BY f.id";

/// Takes marks off, in order.
pub(super) const TAKEN: &str = "DELETE FROM unjudged WHERE id IN (\
     SELECT id FROM unjudged WHERE id = ANY($1) ORDER BY id FOR UPDATE)";

/// Facts, and a mark on each of their groups.
pub(super) const STATED: &str = "WITH stated AS (\
     INSERT INTO fact (claim, line, near, detector, key, record, payload) \
     SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::smallint[], \
                          $5::bytea[], $6::bytea[], $7::bytea[]) \
     ON CONFLICT (claim, line, detector, key) \
     DO UPDATE SET record = excluded.record, payload = excluded.payload) \
     INSERT INTO unjudged (detector, key) \
     SELECT * FROM unnest($8::smallint[], $9::bytea[])";

/// Claims' places.
const PLACES: &str = "SELECT id, place FROM claim WHERE id = ANY($1)";

/// How many marks are looked at for each group that is asked for, at first.
const MARKS: i64 = 8;

/// The first bytes of a group's key, as a number.
fn near(key: &Token) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = key.0;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Takes facts out.
pub(super) const FORGOTTEN: &str = "DELETE FROM fact AS f \
     USING unnest($1::bytea[], $2::integer[], $3::smallint[], $4::bytea[]) AS g (id, line, detector, key) \
     WHERE f.claim = (SELECT place FROM claim WHERE claim.id = g.id) AND f.line = g.line \
     AND f.detector = g.detector AND f.key = g.key";

/// Takes facts out, and marks their groups to be judged.
pub(super) async fn forget(conn: &mut PgConnection, facts: &[(Group, ClaimId, u16)]) -> Answer<()> {
    if facts.is_empty() {
        return Ok(());
    }
    sqlx::query(FORGOTTEN)
        .bind(
            facts
                .iter()
                .map(|(_, claim, _)| &claim.0[..])
                .collect::<Vec<_>>(),
        )
        .bind(
            facts
                .iter()
                .map(|(.., line)| i32::from(*line))
                .collect::<Vec<_>>(),
        )
        .bind(
            facts
                .iter()
                .map(|(group, ..)| detector(group.detector))
                .collect::<Vec<_>>(),
        )
        .bind(
            facts
                .iter()
                .map(|(group, ..)| &group.key.0[..])
                .collect::<Vec<_>>(),
        )
        .execute(&mut *conn)
        .await
        .map_err(doing("forgetting facts"))?;
    let groups: Vec<Group> = facts.iter().map(|(group, ..)| *group).collect();
    mark(conn, &groups).await
}

impl Detection for PostgresStore {
    async fn unjudged(&self, limit: u32) -> Answer<Vec<Unjudged>> {
        once!(self, "reading what is to be judged", |conn| {
            let limit = i64::from(limit);
            let mut window = limit.saturating_mul(MARKS);
            loop {
                let (groups, marks) = unjudged(conn, limit, window).await?;
                let full = i64::try_from(groups.len()) == Ok(limit);
                if full || marks < window {
                    return Ok(groups);
                }
                // Few groups with many marks are in front.
                window = window.saturating_mul(MARKS);
            }
        })
    }

    async fn facts(&self, groups: &[Group]) -> Answer<Vec<FactRow>> {
        once!(self, "reading facts", |conn| facts(conn, groups).await)
    }

    async fn flags_in(&self, groups: &[FlagGroup]) -> Answer<Vec<(FlagGroup, FlagRow)>> {
        once!(self, "reading the flags of groups", |conn| {
            flags::standing(conn, groups).await
        })
    }

    async fn judge(&self, judged: &[Judged]) -> Answer<()> {
        whole!(self, "replacing flags", |conn| judge(conn, judged).await)
    }
}

/// Groups, and how many marks were looked at.
async fn unjudged(
    conn: &mut PgConnection,
    limit: i64,
    window: i64,
) -> Answer<(Vec<Unjudged>, i64)> {
    let rows = sqlx::query(UNJUDGED)
        .bind(limit)
        .bind(window)
        .fetch_all(conn)
        .await
        .map_err(doing("reading what is to be judged"))?;
    let mut groups = Vec::with_capacity(rows.len());
    let mut marks = 0;
    for row in &rows {
        let mut cells = Cells::of(row, "mark");
        groups.push(Unjudged {
            group: Group {
                detector: detector_of(cells.number()?)?,
                key: cells.token()?,
            },
            marks: numbers(&mut cells)?,
        });
        marks = cells.number()?;
    }
    Ok((groups, marks))
}

async fn facts(conn: &mut PgConnection, groups: &[Group]) -> Answer<Vec<FactRow>> {
    let rows = sqlx::query(FACTS)
        .bind(groups.iter().map(|g| near(&g.key)).collect::<Vec<_>>())
        .bind(
            groups
                .iter()
                .map(|g| detector(g.detector))
                .collect::<Vec<_>>(),
        )
        .bind(groups.iter().map(|g| &g.key.0[..]).collect::<Vec<_>>())
        .fetch_all(conn)
        .await
        .map_err(doing("reading facts"))?;
    let mut facts = rows
        .iter()
        .map(|row| {
            let mut cells = Cells::of(row, "fact");
            let position = position(cells.number()?)?;
            let fact = FactRow {
                group: *groups.get(position).ok_or(ASKED)?,
                claim: cells.claim()?,
                line: cells.number()?,
                sealed: cells.sealed()?,
            };
            Ok((position, fact))
        })
        .collect::<Answer<Vec<_>>>()?;
    facts.sort_by_key(|(position, fact)| (*position, fact.claim, fact.line));
    Ok(facts.into_iter().map(|(_, fact)| fact).collect())
}

async fn judge(conn: &mut PgConnection, judged: &[Judged]) -> Answer<()> {
    let marks: Vec<i64> = judged
        .iter()
        .flat_map(|judged| judged.marks.iter().copied())
        .collect();
    let count = marks.len();
    let gone = sqlx::query(TAKEN)
        .bind(marks)
        .execute(&mut *conn)
        .await
        .map_err(doing("taking marks off groups"))?;
    if usize::try_from(gone.rows_affected()) != Ok(count) {
        return Err(fenced("a group of facts"));
    }
    // Of two judgements of a group, the later says how it now is.
    let changes: BTreeMap<FlagGroup, &[FlagRow]> = judged
        .iter()
        .map(|judged| (FlagGroup::Facts(judged.group), &judged.flags[..]))
        .collect();
    flags::replace(conn, &changes).await
}

/// Stores facts and marks their groups. `places` are those of claims that are
/// known already.
pub(super) async fn state(
    conn: &mut PgConnection,
    facts: &[FactRow],
    mut places: BTreeMap<ClaimId, i64>,
) -> Answer<()> {
    if facts.is_empty() {
        return Ok(());
    }
    let others: BTreeSet<&[u8]> = facts
        .iter()
        .filter(|fact| !places.contains_key(&fact.claim))
        .map(|fact| &fact.claim.0[..])
        .collect();
    if !others.is_empty() {
        let rows = sqlx::query(PLACES)
            .bind(others.into_iter().collect::<Vec<_>>())
            .fetch_all(&mut *conn)
            .await
            .map_err(doing("finding facts' claims"))?;
        for row in &rows {
            let mut cells = Cells::of(row, "claim");
            places.insert(cells.claim()?, cells.number()?);
        }
    }
    // In the order of their key, each once: the later holds.
    let mut rows: BTreeMap<(i64, u16, Group), &FactRow> = BTreeMap::new();
    for fact in facts {
        let place = *places.get(&fact.claim).ok_or(StoreError::Damaged {
            what: "fact's claim",
        })?;
        rows.insert((place, fact.line, fact.group), fact);
    }
    let marked: BTreeSet<Group> = facts.iter().map(|fact| fact.group).collect();
    let (detectors, keys) = columns(&marked);
    let keyed = || rows.keys();
    sqlx::query(STATED)
        .bind(keyed().map(|(place, _, _)| *place).collect::<Vec<_>>())
        .bind(
            keyed()
                .map(|(_, line, _)| i32::from(*line))
                .collect::<Vec<_>>(),
        )
        .bind(
            keyed()
                .map(|(_, _, group)| near(&group.key))
                .collect::<Vec<_>>(),
        )
        .bind(
            keyed()
                .map(|(_, _, group)| detector(group.detector))
                .collect::<Vec<_>>(),
        )
        .bind(
            keyed()
                .map(|(_, _, group)| &group.key.0[..])
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.values()
                .map(|f| &f.sealed.record.0[..])
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.values()
                .map(|f| &f.sealed.bytes[..])
                .collect::<Vec<_>>(),
        )
        .bind(detectors)
        .bind(keys)
        .execute(conn)
        .await
        .map_err(doing("storing facts"))?;
    Ok(())
}

/// Marks groups to be judged, each once.
pub(super) async fn mark(conn: &mut PgConnection, groups: &[Group]) -> Answer<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let marked: BTreeSet<Group> = groups.iter().copied().collect();
    let (detectors, keys) = columns(&marked);
    sqlx::query(
        "INSERT INTO unjudged (detector, key) SELECT * FROM unnest($1::smallint[], $2::bytea[])",
    )
    .bind(detectors)
    .bind(keys)
    .execute(conn)
    .await
    .map_err(doing("marking groups"))?;
    Ok(())
}

fn columns(groups: &BTreeSet<Group>) -> (Vec<i16>, Vec<&[u8]>) {
    groups
        .iter()
        .map(|group| (detector(group.detector), &group.key.0[..]))
        .unzip()
}
