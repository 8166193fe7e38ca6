//! A batch, in one transaction: fenced first, then written.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use crate::port::{Adjudicated, Answer, Batch, FlagGroup};

use super::bulk::{Bulk, hex_list, id_list, number_list};
use super::cells::Cells;
use super::work::READY;
use super::{ASKED, detection, doing, flags};
use crate::alike::{Moved, fenced, kind, moved, status};

/// Where claims stand.
pub(super) const PLACED: &str = "SELECT j.key, c.place, c.sequence, c.previous, u.id, u.token, u.done, q.state, q.kind, \
     o.claim IS NOT NULL \
     FROM json_each(?) AS j CROSS JOIN claim AS c ON c.id = unhex(j.value) \
     CROSS JOIN unit AS u ON u.id = c.unit \
     LEFT JOIN queue AS q ON q.claim = c.place \
     LEFT JOIN outcome AS o ON o.claim = c.id";

/// Moves units on.
pub(super) const DONE: &str = "UPDATE unit SET done = j.value ->> 1 FROM json_each(?) AS j \
     WHERE unit.id = j.value ->> 0";

/// Takes claims off the queue.
pub(super) const TAKEN: &str = "DELETE FROM queue WHERE claim IN (SELECT value FROM json_each(?))";

const OUTCOMES: Bulk = Bulk {
    doing: "storing outcomes",
    before: "INSERT INTO outcome (claim, status, charge, allowed, paid, patient, policy, hash)",
    columns: 8,
    after: "",
};

const DECISIONS: Bulk = Bulk {
    doing: "storing what was decided",
    before: "INSERT INTO decision (claim, record, payload)",
    columns: 3,
    after: "",
};

const HISTORIES: Bulk = Bulk {
    doing: "storing histories",
    before: "INSERT INTO history (unit, sequence, record, payload)",
    columns: 4,
    after: "",
};

const OUTBOX: Bulk = Bulk {
    doing: "storing entries for the log",
    before: "INSERT INTO outbox (claim, entry)",
    columns: 2,
    after: "",
};

/// How many balances are not what they were taken to be.
pub(super) const STALE: Bulk = Bulk {
    doing: "comparing balances",
    before: "WITH moved (unit, member, product, name, period, used) AS (",
    columns: 6,
    after: ") SELECT count(*) FROM moved AS m LEFT JOIN accumulator AS a \
            ON a.unit = m.unit AND a.member = m.member AND a.product = m.product \
            AND a.name = m.name AND a.period = m.period \
            WHERE coalesce(a.used, 0) <> m.used",
};

const BALANCES: Bulk = Bulk {
    doing: "storing balances",
    before: "INSERT INTO accumulator (unit, member, product, name, period, used)",
    columns: 6,
    after: "ON CONFLICT (unit, member, product, name, period) DO UPDATE SET used = excluded.used",
};

/// A claim of the batch, and where it stands.
pub(super) struct Placed<'a> {
    pub(super) claim: &'a Adjudicated,
    pub(super) place: i64,
    pub(super) unit: i64,
}

pub(super) async fn commit(conn: &mut SqliteConnection, batch: &Batch) -> Answer<()> {
    let placed = placed(conn, &batch.claims).await?;
    let moved = moved(placed.iter().map(|p| (p.unit, p.claim)))?;
    balances(conn, &moved).await?;
    outcomes(conn, &placed).await?;
    detection::state(conn, &batch.facts).await?;
    let findings = batch
        .findings
        .iter()
        .map(|(claim, flags)| (FlagGroup::Findings(*claim), &flags[..]))
        .collect();
    flags::replace(conn, findings).await
}

/// Moves balances from where they must stand.
pub(super) async fn balances(conn: &mut SqliteConnection, moved: &[Moved<'_>]) -> Answer<()> {
    let stale = STALE
        .count(conn, moved, |values, moved| {
            balance(values, moved, moved.before)
        })
        .await?;
    if stale != 0 {
        return Err(fenced("a balance"));
    }
    BALANCES
        .run(conn, moved, |values, moved| {
            balance(values, moved, moved.after)
        })
        .await
}

fn balance(values: &mut super::bulk::Values, moved: &Moved<'_>, used: i64) {
    values.number(moved.unit);
    values.bytes(moved.name.member.as_ref().map_or(&[], |member| &member.0));
    values.text(&moved.name.product);
    values.text(&moved.name.name);
    values.number(moved.name.period.days());
    values.number(used);
}

/// Finds each claim in the queue, next in its unit.
async fn placed<'a>(
    conn: &mut SqliteConnection,
    claims: &'a [Adjudicated],
) -> Answer<Vec<Placed<'a>>> {
    let rows = sqlx::query(PLACED)
        .bind(hex_list(claims.iter().map(|claim| &claim.claim.0[..])))
        .fetch_all(conn)
        .await
        .map_err(doing("finding claims in the queue"))?;
    if rows.len() != claims.len() {
        return Err(fenced("a claim"));
    }
    let mut done: BTreeMap<i64, u64> = BTreeMap::new();
    let mut placed = Vec::with_capacity(claims.len());
    for (position, (row, claim)) in rows.iter().zip(claims).enumerate() {
        let mut cells = Cells::of(row, "queued claim");
        if cells.number::<usize>()? != position {
            return Err(ASKED);
        }
        let (place, sequence): (i64, u64) = (cells.number()?, cells.number()?);
        let previous: u64 = cells.number()?;
        let (unit, token) = (cells.number()?, cells.token()?);
        let before = cells.number()?;
        let state = cells.optional(Cells::number::<i64>)?;
        let of = cells.optional(Cells::number::<i64>)?;
        if cells.number::<i64>()? != 0 {
            return Err(fenced("a claim's outcome"));
        }
        if state != Some(READY) || of != Some(kind(None).into()) {
            return Err(fenced("a claim's place in the queue"));
        }
        let before = done.entry(unit).or_insert(before);
        if token != claim.unit || sequence != claim.sequence || *before != previous {
            return Err(fenced("a unit's sequence"));
        }
        *before = sequence;
        placed.push(Placed { claim, place, unit });
    }
    Ok(placed)
}

async fn outcomes(conn: &mut SqliteConnection, placed: &[Placed<'_>]) -> Answer<()> {
    decided(conn, placed).await?;
    let mut done: BTreeMap<i64, i64> = BTreeMap::new();
    for Placed { claim, unit, .. } in placed {
        let sequence = i64::try_from(claim.sequence).map_err(|_| fenced("a unit's sequence"))?;
        done.insert(*unit, sequence);
    }
    let done: Vec<(i64, i64)> = done.into_iter().collect();
    let places: Vec<i64> = placed.iter().map(|placed| placed.place).collect();
    move_on(conn, &done, &places).await
}

/// What claims came to, and their entries for the log.
pub(super) async fn decided(conn: &mut SqliteConnection, placed: &[Placed<'_>]) -> Answer<()> {
    OUTCOMES
        .run(conn, placed, |values, Placed { claim, .. }| {
            values.bytes(&claim.claim.0);
            values.number(status(claim.status));
            values.number(claim.charge.scaled());
            values.number(claim.allowed.scaled());
            values.number(claim.paid.scaled());
            values.number(claim.patient.scaled());
            values.optional_bytes(claim.policy.as_ref().map(|hash| &hash[..]));
            values.bytes(&claim.outcome_hash);
        })
        .await?;
    DECISIONS
        .run(conn, placed, |values, Placed { claim, place, .. }| {
            values.number(*place);
            values.sealed(&claim.record);
        })
        .await?;
    HISTORIES
        .run(conn, placed, |values, Placed { claim, unit, .. }| {
            values.number(*unit);
            values.number(claim.sequence);
            values.sealed(&claim.history);
        })
        .await?;
    OUTBOX
        .run(conn, placed, |values, Placed { claim, .. }| {
            values.bytes(&claim.claim.0);
            values.bytes(&claim.entry);
        })
        .await
}

/// Moves units on to these numbers, and takes what stands at these places off the
/// queue.
pub(super) async fn move_on(
    conn: &mut SqliteConnection,
    done: &[(i64, i64)],
    places: &[i64],
) -> Answer<()> {
    sqlx::query(DONE)
        .bind(number_list(done.iter().copied().map(<[i64; 2]>::from)))
        .execute(&mut *conn)
        .await
        .map_err(doing("moving units on"))?;
    sqlx::query(TAKEN)
        .bind(id_list(places.iter().copied()))
        .execute(conn)
        .await
        .map_err(doing("taking claims off the queue"))?;
    Ok(())
}
