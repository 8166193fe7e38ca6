//! A batch, in one transaction: fenced first, then written.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;

use crate::port::{Adjudicated, Answer, Batch, FlagGroup, FlagRow, StoreError, Token};

use super::cells::Cells;
use super::{detection, doing, fenced, flags, number, position, taken};
use crate::alike::{Moved, moved, status};

/// Locks units, in order.
pub(super) const UNITS: &str =
    "SELECT token, id, done FROM unit WHERE token = ANY($1) ORDER BY id + 0 FOR NO KEY UPDATE";

/// Tells where claims stand, takes off the queue those that are ready there, and
/// counts these. Whoever changes what is ready holds the units. (The sum keeps
/// it from walking through all that is ready.)
pub(super) const TAKEN: &str = "WITH asked AS MATERIALIZED (\
     SELECT a.n, c.place, c.unit, c.sequence, c.previous, c.received \
     FROM unnest($1::bytea[]) WITH ORDINALITY AS a (id, n) CROSS JOIN LATERAL (\
     SELECT * FROM claim WHERE claim.id = a.id OFFSET 0) AS c), \
     gone AS (DELETE FROM queue WHERE claim = ANY(array(SELECT place FROM asked)) \
     AND state + 0 = 0 AND kind = 0 RETURNING claim) \
     SELECT a.*, (SELECT count(*) FROM gone) FROM asked AS a";

/// Moves balances from where they stand to where they are to stand; counts them.
/// One that is not there, or not what it was taken to be, is not moved.
pub(super) const BALANCES: &str = "WITH moved AS (UPDATE accumulator AS a SET used = g.after \
     FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::integer[], $6::bigint[], \
                 $7::bigint[]) AS g (unit, member, product, name, period, before, after) \
     WHERE a.unit = g.unit AND a.period = g.period AND a.name = g.name \
     AND a.product = g.product AND a.member = g.member AND a.used = g.before RETURNING 1) \
     SELECT count(*) FROM moved";

/// Sets balances that start at zero and are not there; counts them.
pub(super) const NEW_BALANCES: &str = "WITH made AS (\
     INSERT INTO accumulator (unit, member, product, name, period, used) \
     SELECT g.unit, g.member, g.product, g.name, g.period, g.after \
     FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::integer[], $6::bigint[], \
                 $7::bigint[]) AS g (unit, member, product, name, period, before, after) \
     WHERE g.before = 0 ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM made";

/// All that claims came to, in one round trip.
pub(super) const WRITTEN: &str = "WITH given AS MATERIALIZED (\
     SELECT * FROM unnest($1::bigint[], $2::integer[], $3::smallint[], $4::bigint[], \
                          $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[], $9::bytea[], \
                          $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[]) \
          AS n (place, received, status, charge, allowed, paid, patient, policy, hash, record, \
                decided, history_record, lines, entry)), \
     outcomes AS (INSERT INTO outcome (claim, status, charge, allowed, paid, patient, policy, hash) \
     SELECT place, status, charge, allowed, paid, patient, policy, hash FROM given), \
     decisions AS (INSERT INTO decision (place, received, record, payload) \
     SELECT place, received, record, decided FROM given), \
     histories AS (INSERT INTO history (place, record, payload) \
     SELECT place, history_record, lines FROM given), \
     results AS (INSERT INTO result (claim) SELECT place FROM given), \
     entries AS (INSERT INTO outbox (claim, entry) SELECT place, entry FROM given), \
     moved_on AS (UPDATE unit SET done = ($16::bigint[])[width_bucket(id, $15::bigint[])] \
     WHERE id = ANY($15)) \
     SELECT count(*) FROM given";

/// A claim of the batch, and where it stands.
pub(super) struct Placed<'a> {
    pub(super) claim: &'a Adjudicated,
    pub(super) place: i64,
    pub(super) unit: i64,
    pub(super) received: i32,
}

/// Answers where each unit stood before.
pub(super) async fn commit(conn: &mut PgConnection, batch: &Batch) -> Answer<BTreeMap<Token, u64>> {
    let mut places = BTreeMap::new();
    let mut before = BTreeMap::new();
    if !batch.claims.is_empty() {
        let tokens: Vec<&[u8]> = batch.claims.iter().map(|claim| &claim.unit.0[..]).collect();
        let units = units(conn, &tokens).await?;
        before = units
            .iter()
            .map(|(unit, (_, done))| (*unit, *done))
            .collect();
        let placed = placed(conn, &batch.claims, units).await?;
        balances(conn, &moved(placed.iter().map(|p| (p.unit, p.claim)))?).await?;
        write(conn, &placed).await?;
        places = placed.iter().map(|p| (p.claim.claim, p.place)).collect();
    }
    detection::state(conn, &batch.facts, places).await?;
    let findings: BTreeMap<FlagGroup, &[FlagRow]> = batch
        .findings
        .iter()
        .map(|(claim, flags)| (FlagGroup::Findings(*claim), &flags[..]))
        .collect();
    flags::replace(conn, &findings).await?;
    Ok(before)
}

/// Takes each claim off the queue, next in its unit.
async fn placed<'a>(
    conn: &mut PgConnection,
    claims: &'a [Adjudicated],
    mut done: BTreeMap<Token, (i64, u64)>,
) -> Answer<Vec<Placed<'a>>> {
    let rows = sqlx::query(TAKEN)
        .bind(claims.iter().map(|c| &c.claim.0[..]).collect::<Vec<_>>())
        .fetch_all(conn)
        .await
        .map_err(doing("taking claims off the queue"))?;
    if rows.len() != claims.len() {
        return Err(fenced("a claim"));
    }
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut cells = Cells::of(row, "queued claim");
        let position = position(cells.number()?)?;
        found.push((position, cells));
    }
    found.sort_by_key(|(position, _)| *position);
    let mut placed = Vec::with_capacity(claims.len());
    for ((_, mut cells), claim) in found.into_iter().zip(claims) {
        let place = cells.number()?;
        let (unit, sequence, previous): (i64, u64, u64) =
            (cells.number()?, cells.number()?, cells.number()?);
        let stands = done
            .get_mut(&claim.unit)
            .filter(|(id, done)| *id == unit && *done == previous)
            .ok_or(fenced("a unit's sequence"))?;
        if sequence != claim.sequence {
            return Err(fenced("a unit's sequence"));
        }
        stands.1 = sequence;
        placed.push(Placed {
            claim,
            place,
            unit,
            received: cells.number()?,
        });
        if usize::try_from(cells.number::<i64>()?) != Ok(claims.len()) {
            return Err(fenced("a claim's place in the queue"));
        }
    }
    Ok(placed)
}

/// Units, locked: which they are and how far they are.
pub(super) async fn units(
    conn: &mut PgConnection,
    tokens: &[&[u8]],
) -> Answer<BTreeMap<Token, (i64, u64)>> {
    let mut tokens = tokens.to_vec();
    tokens.sort_unstable();
    tokens.dedup();
    let rows = sqlx::query(UNITS)
        .bind(tokens)
        .fetch_all(conn)
        .await
        .map_err(doing("waiting for units"))?;
    rows.iter()
        .map(|row| {
            let mut cells = Cells::of(row, "unit");
            Ok((cells.token()?, (cells.number()?, cells.number()?)))
        })
        .collect()
}

pub(super) async fn balances(conn: &mut PgConnection, moved: &[Moved<'_>]) -> Answer<()> {
    if moved.is_empty() {
        return Ok(());
    }
    let mut left = moved.len();
    // Nearly all are there already.
    for sql in [BALANCES, NEW_BALANCES] {
        let done: i64 = sqlx::query_scalar(sql)
            .bind(all(moved, |m| m.unit))
            .bind(all(moved, |m| match &m.name.member {
                Some(member) => &member.0[..],
                None => &[],
            }))
            .bind(all(moved, |m| &m.name.product[..]))
            .bind(all(moved, |m| &m.name.name[..]))
            .bind(all(moved, |m| m.name.period.days()))
            .bind(all(moved, |m| m.before))
            .bind(all(moved, |m| m.after))
            .fetch_one(&mut *conn)
            .await
            .map_err(doing("moving balances"))?;
        left = usize::try_from(done)
            .ok()
            .and_then(|done| left.checked_sub(done))
            .ok_or(StoreError::Damaged { what: "balance" })?;
        if left == 0 {
            return Ok(());
        }
    }
    Err(fenced("a balance"))
}

/// A column of rows.
fn all<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

pub(super) async fn write(conn: &mut PgConnection, placed: &[Placed<'_>]) -> Answer<()> {
    let mut done: BTreeMap<i64, i64> = BTreeMap::new();
    for Placed { claim, unit, .. } in placed {
        done.insert(*unit, number(claim.sequence));
    }
    let policies = all(placed, |p| p.claim.policy.as_ref().map(|hash| &hash[..]));
    let written: i64 = sqlx::query_scalar(WRITTEN)
        .bind(all(placed, |p| p.place))
        .bind(all(placed, |p| p.received))
        .bind(all(placed, |p| status(p.claim.status)))
        .bind(all(placed, |p| p.claim.charge.scaled()))
        .bind(all(placed, |p| p.claim.allowed.scaled()))
        .bind(all(placed, |p| p.claim.paid.scaled()))
        .bind(all(placed, |p| p.claim.patient.scaled()))
        .bind(policies)
        .bind(all(placed, |p| &p.claim.outcome_hash[..]))
        .bind(all(placed, |p| &p.claim.record.record.0[..]))
        .bind(all(placed, |p| &p.claim.record.bytes[..]))
        .bind(all(placed, |p| &p.claim.history.record.0[..]))
        .bind(all(placed, |p| &p.claim.history.bytes[..]))
        .bind(all(placed, |p| &p.claim.entry[..]))
        .bind(done.keys().copied().collect::<Vec<_>>())
        .bind(done.values().copied().collect::<Vec<_>>())
        .fetch_one(conn)
        .await
        .map_err(doing("storing outcomes"))
        .map_err(taken("a claim's outcome"))?;
    if usize::try_from(written) == Ok(placed.len()) {
        Ok(())
    } else {
        Err(StoreError::Damaged { what: "batch" })
    }
}
