//! Claims set aside after host faults: counted, listed, released, given up.
//! Whoever does any of it holds the rows of the claims' units.

use sqlx::postgres::PgConnection;
use tally_core::claim::ClaimId;

use crate::alike::Stands;
use crate::port::{Answer, AuditRow, HeldRow};

use super::cells::Cells;
use super::{audit, doing};

const HELD: i64 = 2;

/// What is set aside, with how many of its unit wait behind it.
pub(super) const HELD_ROWS: &str = "SELECT c.id, u.token, c.sequence, q.attempts, q.reason, \
     (SELECT count(*) FROM claim AS b CROSS JOIN LATERAL (SELECT FROM queue \
          WHERE queue.claim = b.place AND queue.state + 0 > 0 OFFSET 0) AS r \
      WHERE b.unit = c.unit AND b.sequence > c.sequence) \
     FROM queue AS q \
     CROSS JOIN LATERAL (SELECT * FROM claim WHERE claim.place = q.claim OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT * FROM unit WHERE unit.id = c.unit OFFSET 0) AS u \
     WHERE q.state <> 0 AND q.state = 2 ORDER BY q.claim + 0";

/// Locks the unit of a claim.
const UNIT: &str = "SELECT u.id FROM claim AS c JOIN unit AS u ON u.id = c.unit \
     WHERE c.id = $1 FOR NO KEY UPDATE OF u";

/// Locks the units of all that is set aside, in order.
pub(super) const UNITS: &str = "SELECT id FROM unit WHERE id = ANY(array(\
     SELECT c.unit FROM queue AS q CROSS JOIN LATERAL (\
     SELECT unit FROM claim WHERE claim.place = q.claim OFFSET 0) AS c \
     WHERE q.state <> 0 AND q.state = 2)) ORDER BY id FOR NO KEY UPDATE";

/// The first that is set aside of units.
pub(super) const HELD_AT: &str = "UPDATE unit SET held = (SELECT min(c.sequence) FROM claim AS c \
     CROSS JOIN LATERAL (SELECT FROM queue \
         WHERE queue.claim = c.place AND queue.state + 0 = 2 OFFSET 0) AS q \
     WHERE c.unit = unit.id AND c.sequence > unit.done) WHERE id = ANY($1)";

/// What comes after it waits.
pub(super) const BEHIND: &str = "UPDATE queue SET state = 1 WHERE claim = ANY(array(\
     SELECT c.place FROM unit AS u JOIN claim AS c ON c.unit = u.id AND c.sequence > u.held \
     WHERE u.id = ANY($1))) AND state + 0 = 0";

/// What comes before it does not, and is published again: a broker has let go
/// of it.
pub(super) const READY_AGAIN: &str = "UPDATE queue SET state = 0, published = NULL \
     WHERE claim = ANY(array(SELECT c.place FROM unit AS u JOIN claim AS c ON c.unit = u.id \
     AND c.sequence > u.done AND c.sequence < coalesce(u.held, 9223372036854775807) \
     WHERE u.id = ANY($1))) AND state + 0 = 1";

/// Where a claim stands in the queue, its unit held. One that came to light only after
/// its unit was looked for is not there yet: what is done to it without its unit would
/// wait in a circle with whoever holds it.
async fn stands(conn: &mut PgConnection, claim: ClaimId) -> Answer<Option<Stands>> {
    let unit: Option<i64> = sqlx::query_scalar(UNIT)
        .bind(&claim.0[..])
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing("waiting for a unit"))?;
    if unit.is_none() {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT q.claim, c.unit, c.sequence, c.previous, q.state, q.attempts \
         FROM claim AS c JOIN queue AS q ON q.claim = c.place WHERE c.id = $1",
    )
    .bind(&claim.0[..])
    .fetch_optional(conn)
    .await
    .map_err(doing("finding a claim in the queue"))?;
    row.map(|row| Cells::of(&row, "queued claim").stands())
        .transpose()
}

/// Counts a host fault; answers whether the claim is set aside.
pub(super) async fn failed(
    conn: &mut PgConnection,
    claim: ClaimId,
    limit: u32,
    reason: &str,
) -> Answer<bool> {
    let Some(stands) = stands(conn, claim).await? else {
        return Ok(false);
    };
    if stands.state == HELD {
        return Ok(true);
    }
    let attempts = stands.attempts.saturating_add(1);
    let held = attempts >= limit;
    sqlx::query(
        "UPDATE queue SET attempts = $2, state = CASE WHEN $3 THEN 2 ELSE state END, reason = $4 \
         WHERE claim = $1",
    )
    .bind(stands.place)
    .bind(super::short(attempts))
    .bind(held)
    .bind(reason)
    .execute(&mut *conn)
    .await
    .map_err(doing("counting an attempt"))?;
    if held {
        for sql in [HELD_AT, BEHIND] {
            on(conn, sql, &[stands.unit]).await?;
        }
    }
    Ok(held)
}

pub(super) async fn held(conn: &mut PgConnection) -> Answer<Vec<HeldRow>> {
    let rows = sqlx::query(HELD_ROWS)
        .fetch_all(conn)
        .await
        .map_err(doing("listing what is set aside"))?;
    rows.iter()
        .map(|row| Cells::of(row, "held claim").held())
        .collect()
}

/// Makes all that is set aside ready, and what is behind.
pub(super) async fn release_all(conn: &mut PgConnection) -> Answer<u64> {
    let units: Vec<i64> = sqlx::query_scalar(UNITS)
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("waiting for units"))?;
    if units.is_empty() {
        return Ok(0);
    }
    let released: i64 = sqlx::query_scalar(
        "WITH released AS (UPDATE queue SET state = 1, attempts = 0, crashes = 0 \
         WHERE state <> 0 AND state = 2 AND (SELECT unit FROM claim \
         WHERE claim.place = queue.claim) = ANY($1) RETURNING 1) SELECT count(*) FROM released",
    )
    .bind(&units)
    .fetch_one(&mut *conn)
    .await
    .map_err(doing("releasing what was set aside"))?;
    sqlx::query(
        "UPDATE queue SET attempts = 0, crashes = 0 \
         WHERE state <> 0 AND state = 1 AND attempts + crashes > 0 AND (SELECT unit FROM claim \
         WHERE claim.place = queue.claim) = ANY($1)",
    )
    .bind(&units)
    .execute(&mut *conn)
    .await
    .map_err(doing("releasing what was set aside"))?;
    settle(conn, &units).await?;
    Ok(u64::try_from(released).unwrap_or(0))
}

/// Makes one ready again, as far as no other of its unit is set aside before
/// it, and what is behind it.
pub(super) async fn release(conn: &mut PgConnection, claim: ClaimId) -> Answer<u64> {
    let Some(stands) = stands(conn, claim).await?.filter(|s| s.state == HELD) else {
        return Ok(0);
    };
    sqlx::query("UPDATE queue SET state = 1, attempts = 0, crashes = 0 WHERE claim = $1")
        .bind(stands.place)
        .execute(&mut *conn)
        .await
        .map_err(doing("releasing a claim"))?;
    settle(conn, &[stands.unit]).await?;
    Ok(1)
}

pub(super) async fn discard(
    conn: &mut PgConnection,
    claim: ClaimId,
    note: &AuditRow,
) -> Answer<bool> {
    let Some(stands) = stands(conn, claim).await?.filter(|s| s.state == HELD) else {
        return Ok(false);
    };
    sqlx::query(
        "WITH taken AS (DELETE FROM queue WHERE claim = $1) \
         INSERT INTO discarded (claim) VALUES ($1)",
    )
    .bind(stands.place)
    .execute(&mut *conn)
    .await
    .map_err(doing("discarding a claim"))?;
    // The order closes over it: what came after it now comes after what came
    // before it.
    for sql in [
        "UPDATE claim SET previous = $3 WHERE unit = $1 AND sequence > $2 AND previous = $2",
        "UPDATE unit SET last_claim = $3 WHERE id = $1 AND last_claim = $2",
    ] {
        sqlx::query(sql)
            .bind(stands.unit)
            .bind(stands.sequence)
            .bind(stands.previous)
            .execute(&mut *conn)
            .await
            .map_err(doing("discarding a claim"))?;
    }
    settle(conn, &[stands.unit]).await?;
    audit::note(conn, std::slice::from_ref(note)).await?;
    Ok(true)
}

/// Lets units' claims stand as what is still set aside of them says.
async fn settle(conn: &mut PgConnection, units: &[i64]) -> Answer<()> {
    for sql in [HELD_AT, READY_AGAIN] {
        on(conn, sql, units).await?;
    }
    Ok(())
}

async fn on(conn: &mut PgConnection, sql: &'static str, units: &[i64]) -> Answer<()> {
    sqlx::query(sql)
        .bind(units)
        .execute(conn)
        .await
        .map_err(doing("setting a unit's claims in order"))?;
    Ok(())
}
