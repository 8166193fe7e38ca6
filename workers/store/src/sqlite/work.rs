//! What waits, and what a worker must know to adjudicate it.

use sqlx::sqlite::SqliteConnection;
use tally_core::claim::ClaimId;

use crate::port::{
    AccumulatorName, AccumulatorRow, Answer, Batch, FactRow, FlagGroup, FlagRow, Group, Queued,
    Sealed, StoreError, Token, UnitState, Waiting, Work,
};

use super::bulk::{hex_list, id_list, pair_list};
use super::cells::Cells;
use super::flags::detector;
use super::{SqliteStore, begin, doing, moment};

/// What is ready of a partition, in order: from the index of what is ready.
pub(super) const NEXT: &str = "SELECT c.id, u.token, c.sequence, c.contract, q.attempts, c.record, c.payload \
     FROM queue AS q CROSS JOIN claim AS c ON c.place = q.claim \
     CROSS JOIN unit AS u ON u.id = c.unit \
     WHERE q.partition = ? AND q.state = 0 ORDER BY q.claim LIMIT ?";

/// How many are ready: the size of the index of what is.
pub(super) const READY_COUNT: &str = "SELECT count(*) FROM queue WHERE state = 0";

/// How many are not, and why.
pub(super) const ASIDE_COUNT: &str =
    "SELECT state, count(*) FROM queue WHERE state <> 0 GROUP BY state";

/// Units with a claim set aside let go of it.
pub(super) const LET_GO: &str = "UPDATE unit SET held = NULL WHERE id IN \
     (SELECT c.unit FROM queue AS q CROSS JOIN claim AS c ON c.place = q.claim \
     WHERE q.state <> 0 AND q.state = 2)";

/// What is not ready, is.
pub(super) const RELEASED: &str = "UPDATE queue SET state = 0, attempts = 0 WHERE state <> 0";

/// Units by token.
pub(super) const UNITS: &str = "SELECT j.key, u.id, u.done FROM json_each(?) AS j \
     CROSS JOIN unit AS u ON u.token = unhex(j.value)";

/// Facts by group.
pub(super) const FACTS: &str = "SELECT j.key, f.claim, f.line, f.record, f.payload FROM json_each(?) AS j \
     CROSS JOIN fact AS f ON f.detector = j.value ->> 0 AND f.key = unhex(j.value ->> 1)";

/// Balances by unit.
pub(super) const BALANCES: &str = "SELECT j.key, nullif(a.member, x''), a.product, a.name, a.period, a.used \
     FROM json_each(?) AS j CROSS JOIN accumulator AS a ON a.unit = j.value";

/// Histories by unit.
pub(super) const HISTORIES: &str = "SELECT j.key, h.sequence, h.record, h.payload \
     FROM json_each(?) AS j CROSS JOIN history AS h ON h.unit = j.value";

impl Work for SqliteStore {
    async fn next(&self, partition: u32, limit: u32) -> Answer<Vec<Queued>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(NEXT)
            .bind(partition)
            .bind(limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading the queue"))?;
        rows.iter()
            .map(|row| {
                let mut cells = Cells::of(row, "queued claim");
                Ok(Queued {
                    claim: cells.claim()?,
                    unit: cells.token()?,
                    sequence: cells.number()?,
                    contract: cells.optional(Cells::number)?,
                    attempts: cells.number()?,
                    sealed: cells.sealed()?,
                })
            })
            .collect()
    }

    async fn units(&self, units: &[Token]) -> Answer<Vec<UnitState>> {
        let mut reader = self.reader().await?;
        let mut tx = moment(&mut reader).await?;
        let mut states: Vec<UnitState> = units
            .iter()
            .map(|unit| UnitState {
                unit: *unit,
                done: 0,
                accumulators: Vec::new(),
                history: Vec::new(),
            })
            .collect();
        // The ids, in the order asked: -1, which no unit has, for the unknown.
        let mut ids = vec![-1; units.len()];
        let rows = sqlx::query(UNITS)
            .bind(hex_list(units.iter().map(|unit| &unit.0[..])))
            .fetch_all(&mut *tx)
            .await
            .map_err(doing("reading units"))?;
        for row in &rows {
            let mut cells = Cells::of(row, "unit");
            let position: usize = cells.number()?;
            let state = states.get_mut(position).ok_or(ASKED)?;
            *ids.get_mut(position).ok_or(ASKED)? = cells.number()?;
            state.done = cells.number()?;
        }
        let ids = id_list(ids);
        for (position, row) in accumulators(&mut tx, &ids).await? {
            let state = states.get_mut(position).ok_or(ASKED)?;
            state.accumulators.push(row);
        }
        for (position, sealed) in history(&mut tx, &ids).await? {
            states.get_mut(position).ok_or(ASKED)?.history.push(sealed);
        }
        Ok(states)
    }

    async fn facts(&self, groups: &[Group]) -> Answer<Vec<FactRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(FACTS)
            .bind(pair_list(
                groups
                    .iter()
                    .map(|group| (detector(group.detector), &group.key.0[..])),
            ))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading facts"))?;
        let mut facts = rows
            .iter()
            .map(|row| {
                let mut cells = Cells::of(row, "fact");
                let position: usize = cells.number()?;
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

    async fn flags_in(&self, groups: &[FlagGroup]) -> Answer<Vec<(FlagGroup, FlagRow)>> {
        let mut reader = self.reader().await?;
        super::flags::standing(&mut reader, groups).await
    }

    async fn commit(&self, batch: &Batch) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        super::commit::commit(&mut tx, batch).await?;
        tx.commit().await.map_err(doing("committing a batch"))
    }

    async fn failed(&self, claim: ClaimId, limit: u32) -> Answer<bool> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let row = sqlx::query(
            "SELECT q.claim, q.attempts, q.state, c.unit, c.sequence \
             FROM claim AS c JOIN queue AS q ON q.claim = c.place WHERE c.id = ?",
        )
        .bind(&claim.0[..])
        .fetch_optional(&mut *tx)
        .await
        .map_err(doing("reading a claim's attempts"))?;
        let Some(row) = row else { return Ok(false) };
        let mut cells = Cells::of(&row, "queued claim");
        let (place, attempts): (i64, u32) = (cells.number()?, cells.number()?);
        let (state, unit, sequence): (i64, i64, i64) =
            (cells.number()?, cells.number()?, cells.number()?);
        if state == HELD {
            return Ok(true);
        }
        let attempts = attempts.saturating_add(1);
        let held = attempts >= limit;
        sqlx::query("UPDATE queue SET attempts = ?, state = ? WHERE claim = ?")
            .bind(attempts)
            .bind(if held { HELD } else { state })
            .bind(place)
            .execute(&mut *tx)
            .await
            .map_err(doing("counting an attempt"))?;
        if held {
            hold(&mut tx, unit, sequence).await?;
        }
        tx.commit().await.map_err(doing("counting an attempt"))?;
        Ok(held)
    }

    async fn release(&self) -> Answer<u64> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let held = waiting(&mut tx).await?.held;
        if held == 0 {
            return Ok(0);
        }
        for sql in [LET_GO, RELEASED] {
            sqlx::query(sql)
                .execute(&mut *tx)
                .await
                .map_err(doing("releasing what was set aside"))?;
        }
        tx.commit()
            .await
            .map_err(doing("releasing what was set aside"))?;
        Ok(held)
    }

    async fn waiting(&self) -> Answer<Waiting> {
        let mut reader = self.reader().await?;
        let mut tx = moment(&mut reader).await?;
        waiting(&mut tx).await
    }
}

/// States of what is queued.
pub(super) const READY: i64 = 0;
const BEHIND: i64 = 1;
const HELD: i64 = 2;

/// SQLite numbered the elements of a list otherwise than they stand in it.
const ASKED: StoreError = StoreError::Damaged {
    what: "list of what was asked",
};

async fn waiting(conn: &mut SqliteConnection) -> Answer<Waiting> {
    let ready: i64 = sqlx::query_scalar(READY_COUNT)
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("counting what waits"))?;
    let rows = sqlx::query(ASIDE_COUNT)
        .fetch_all(conn)
        .await
        .map_err(doing("counting what waits"))?;
    let mut waiting = Waiting {
        ready: u64::try_from(ready).map_err(|_| StoreError::Damaged { what: "queue" })?,
        ..Waiting::default()
    };
    for row in &rows {
        let mut cells = Cells::of(row, "queue");
        match cells.number::<i64>()? {
            BEHIND => waiting.behind = cells.number()?,
            HELD => waiting.held = cells.number()?,
            _ => return Err(StoreError::Damaged { what: "queue" }),
        }
    }
    Ok(waiting)
}

/// Sets a claim's unit back: its later claims wait behind it.
async fn hold(conn: &mut SqliteConnection, unit: i64, sequence: i64) -> Answer<()> {
    sqlx::query("UPDATE unit SET held = min(coalesce(held, ?2), ?2) WHERE id = ?1")
        .bind(unit)
        .bind(sequence)
        .execute(&mut *conn)
        .await
        .map_err(doing("setting a claim aside"))?;
    sqlx::query(
        "UPDATE queue SET state = 1 WHERE state = 0 AND claim IN \
         (SELECT place FROM claim WHERE unit = ? AND sequence > ?)",
    )
    .bind(unit)
    .bind(sequence)
    .execute(conn)
    .await
    .map_err(doing("setting a unit's claims back"))?;
    Ok(())
}

/// Balances of units, each with its unit's position in the list of ids.
async fn accumulators(
    conn: &mut SqliteConnection,
    ids: &str,
) -> Answer<Vec<(usize, AccumulatorRow)>> {
    let rows = sqlx::query(BALANCES)
        .bind(ids)
        .fetch_all(conn)
        .await
        .map_err(doing("reading balances"))?;
    let mut found = rows
        .iter()
        .map(|row| {
            let mut cells = Cells::of(row, "balance");
            let position: usize = cells.number()?;
            let name = AccumulatorName {
                member: cells.optional(Cells::token)?,
                product: cells.text()?,
                name: cells.text()?,
                period: cells.day()?,
            };
            let used = cells.number()?;
            Ok((position, AccumulatorRow { name, used }))
        })
        .collect::<Answer<Vec<_>>>()?;
    found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    Ok(found)
}

/// Lines of units' earlier claims, each with its unit's position.
async fn history(conn: &mut SqliteConnection, ids: &str) -> Answer<Vec<(usize, Sealed)>> {
    let rows = sqlx::query(HISTORIES)
        .bind(ids)
        .fetch_all(conn)
        .await
        .map_err(doing("reading histories"))?;
    let mut found = rows
        .iter()
        .map(|row| {
            let mut cells = Cells::of(row, "history");
            let (position, sequence): (usize, i64) = (cells.number()?, cells.number()?);
            Ok((position, sequence, cells.sealed()?))
        })
        .collect::<Answer<Vec<_>>>()?;
    found.sort_by_key(|(position, sequence, _)| (*position, *sequence));
    Ok(found
        .into_iter()
        .map(|(position, _, sealed)| (position, sealed))
        .collect())
}
