//! Claims set aside after host faults: counted, listed, released, given up.

use sqlx::sqlite::SqliteConnection;
use tally_core::claim::ClaimId;

use crate::alike::Stands;
use crate::port::{Answer, AuditRow, HeldRow};

use super::cells::Cells;
use super::work::{HELD, waiting};
use super::{audit, doing};

/// Units with a claim set aside let go of it.
pub(super) const LET_GO: &str = "UPDATE unit SET held = NULL WHERE id IN \
     (SELECT c.unit FROM queue AS q CROSS JOIN claim AS c ON c.place = q.claim \
     WHERE q.state <> 0 AND q.state = 2)";

/// What is not ready, is.
pub(super) const RELEASED: &str = "UPDATE queue SET state = 0, attempts = 0 WHERE state <> 0";

/// What is set aside, with how many of its unit wait behind it.
pub(super) const HELD_ROWS: &str = "SELECT c.id, u.token, c.sequence, q.attempts, q.reason, \
     (SELECT count(*) FROM queue AS r CROSS JOIN claim AS b ON b.place = r.claim \
      WHERE r.state <> 0 AND b.unit = c.unit AND b.sequence > c.sequence) \
     FROM queue AS q CROSS JOIN claim AS c ON c.place = q.claim \
     CROSS JOIN unit AS u ON u.id = c.unit \
     WHERE q.state <> 0 AND q.state = 2 ORDER BY q.claim";

async fn stands(conn: &mut SqliteConnection, claim: ClaimId) -> Answer<Option<Stands>> {
    let row = sqlx::query(
        "SELECT q.claim, c.unit, c.sequence, c.previous, q.state, q.attempts \
         FROM claim AS c JOIN queue AS q ON q.claim = c.place WHERE c.id = ?",
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
    conn: &mut SqliteConnection,
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
    sqlx::query("UPDATE queue SET attempts = ?, state = ?, reason = ? WHERE claim = ?")
        .bind(attempts)
        .bind(if held { HELD } else { stands.state })
        .bind(reason)
        .bind(stands.place)
        .execute(&mut *conn)
        .await
        .map_err(doing("counting an attempt"))?;
    if held {
        settle(conn, stands.unit).await?;
    }
    Ok(held)
}

pub(super) async fn held(conn: &mut SqliteConnection) -> Answer<Vec<HeldRow>> {
    let rows = sqlx::query(HELD_ROWS)
        .fetch_all(conn)
        .await
        .map_err(doing("listing what is set aside"))?;
    rows.iter()
        .map(|row| Cells::of(row, "held claim").held())
        .collect()
}

pub(super) async fn release(conn: &mut SqliteConnection, claim: Option<ClaimId>) -> Answer<u64> {
    let Some(claim) = claim else {
        let held = waiting(conn).await?.held;
        for sql in [LET_GO, RELEASED] {
            sqlx::query(sql)
                .execute(&mut *conn)
                .await
                .map_err(doing("releasing what was set aside"))?;
        }
        return Ok(held);
    };
    let Some(stands) = stands(conn, claim).await?.filter(|s| s.state == HELD) else {
        return Ok(0);
    };
    sqlx::query("UPDATE queue SET state = 0, attempts = 0 WHERE claim = ?")
        .bind(stands.place)
        .execute(&mut *conn)
        .await
        .map_err(doing("releasing a claim"))?;
    settle(conn, stands.unit).await?;
    Ok(1)
}

pub(super) async fn discard(
    conn: &mut SqliteConnection,
    claim: ClaimId,
    note: &AuditRow,
) -> Answer<bool> {
    let Some(stands) = stands(conn, claim).await?.filter(|s| s.state == HELD) else {
        return Ok(false);
    };
    // The order closes over it: what came after it now comes after what came
    // before it.
    for sql in [
        "DELETE FROM queue WHERE claim = ?1",
        "INSERT INTO discarded (claim) VALUES (?1)",
        "UPDATE claim SET previous = ?4 WHERE unit = ?2 AND previous = ?3 AND place <> ?1",
        "UPDATE unit SET last_claim = ?4 WHERE id = ?2 AND last_claim = ?3",
    ] {
        sqlx::query(sql)
            .bind(stands.place)
            .bind(stands.unit)
            .bind(stands.sequence)
            .bind(stands.previous)
            .execute(&mut *conn)
            .await
            .map_err(doing("discarding a claim"))?;
    }
    settle(conn, stands.unit).await?;
    audit::note(conn, std::slice::from_ref(note)).await?;
    Ok(true)
}

/// Lets a unit's claims stand as what is set aside of it says: those after the
/// first of these wait.
async fn settle(conn: &mut SqliteConnection, unit: i64) -> Answer<()> {
    for sql in [
        "UPDATE unit SET held = (SELECT min(c.sequence) FROM claim AS c \
         JOIN queue AS q ON q.claim = c.place WHERE c.unit = ?1 AND q.state = 2) WHERE id = ?1",
        "UPDATE queue SET state = (SELECT u.held IS NOT NULL AND c.sequence > u.held \
         FROM claim AS c JOIN unit AS u ON u.id = c.unit WHERE c.place = queue.claim) \
         WHERE state <> 2 AND claim IN (SELECT c.place FROM unit AS u JOIN claim AS c \
         ON c.unit = u.id AND c.sequence > u.done WHERE u.id = ?1)",
    ] {
        sqlx::query(sql)
            .bind(unit)
            .execute(&mut *conn)
            .await
            .map_err(doing("setting a unit's claims in order"))?;
    }
    Ok(())
}
