//! What waits, and what a worker must know to adjudicate it.

use std::collections::BTreeMap;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tally_core::claim::ClaimId;

use crate::port::{
    AccumulatorName, AccumulatorRow, Answer, AuditRow, Batch, HeldRow, Queued, Sealed, StoreError,
    Taken, Token, UnitState, Waiting, Work,
};

use crate::alike::kind_of;

use super::bulk::{hex_list, id_list, number_list};
use super::cells::Cells;
use super::{ASKED, SqliteStore, aside, begin, doing, moment};

/// What is ready of a partition, in order: from the index of what is ready.
pub(super) const NEXT: &str = "SELECT c.id, u.token, c.sequence, c.previous, q.kind, c.contract, q.attempts, c.record, c.payload \
     FROM queue AS q CROSS JOIN claim AS c ON c.place = q.claim \
     CROSS JOIN unit AS u ON u.id = c.unit \
     WHERE q.partition = ? AND q.state = 0 ORDER BY q.claim LIMIT ?";

/// How many are ready: the size of the index of what is.
pub(super) const READY_COUNT: &str = "SELECT count(*) FROM queue WHERE state = 0";

/// How many are not, and why.
pub(super) const ASIDE_COUNT: &str =
    "SELECT state, count(*) FROM queue WHERE state <> 0 GROUP BY state";

/// Where claims stand, by their ids.
pub(super) const SOUGHT: &str = "SELECT j.key, c.unit, c.sequence, q.state \
     FROM json_each(?) AS j CROSS JOIN claim AS c ON c.id = unhex(j.value) \
     LEFT JOIN queue AS q ON q.claim = c.place";

/// What is ready of units up to a number, in order of arrival.
pub(super) const UP_TO: &str = "SELECT c.id, u.token, c.sequence, c.previous, q.kind, c.contract, q.attempts, c.record, c.payload \
     FROM json_each(?) AS j CROSS JOIN unit AS u ON u.id = j.value ->> 0 \
     CROSS JOIN claim AS c ON c.unit = u.id AND c.sequence > u.done AND c.sequence <= j.value ->> 1 \
     CROSS JOIN queue AS q ON q.claim = c.place AND q.state = 0 ORDER BY c.place LIMIT ?";

/// The numbers of partitions that the queue's rows are of.
const GENERATIONS: &str = "SELECT DISTINCT partitions FROM queue ORDER BY partitions";

/// How many marks there are on groups of facts.
pub(super) const MARKS_COUNT: &str = "SELECT count(*) FROM unjudged";

/// Units by token.
pub(super) const UNITS: &str = "SELECT j.key, u.id, u.done FROM json_each(?) AS j \
     CROSS JOIN unit AS u ON u.token = unhex(j.value)";

/// Balances by unit.
pub(super) const BALANCES: &str = "SELECT j.key, nullif(a.member, x''), a.product, a.name, a.period, a.used \
     FROM json_each(?) AS j CROSS JOIN accumulator AS a ON a.unit = j.value";

/// Histories by unit.
pub(super) const HISTORIES: &str = "SELECT j.key, h.sequence, 0, h.record, h.payload \
     FROM json_each(?1) AS j CROSS JOIN history AS h ON h.unit = j.value \
     UNION ALL SELECT j.key, h.sequence, h.act, h.record, h.payload \
     FROM json_each(?1) AS j CROSS JOIN revised_history AS h ON h.unit = j.value";

impl Work for SqliteStore {
    async fn next(&self, partition: u32, limit: u32) -> Answer<Vec<Queued>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(NEXT)
            .bind(partition)
            .bind(limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading the queue"))?;
        rows.iter().map(queued).collect()
    }

    async fn generations(&self) -> Answer<Vec<u32>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(GENERATIONS)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading the queue"))?;
        rows.iter()
            .map(|row| Cells::of(row, "queue").number())
            .collect()
    }

    async fn take(&self, claims: &[ClaimId], limit: u32) -> Answer<Taken> {
        let mut reader = self.reader().await?;
        let mut tx = moment(&mut reader).await?;
        let rows = sqlx::query(SOUGHT)
            .bind(hex_list(claims.iter().map(|claim| &claim.0[..])))
            .fetch_all(&mut *tx)
            .await
            .map_err(doing("finding claims"))?;
        let mut taken = Taken::default();
        let mut up_to: BTreeMap<i64, i64> = BTreeMap::new();
        let mut known = vec![false; claims.len()];
        for row in &rows {
            let mut cells = Cells::of(row, "claim");
            let position: usize = cells.number()?;
            let claim = *claims.get(position).ok_or(ASKED)?;
            *known.get_mut(position).ok_or(ASKED)? = true;
            let (unit, sequence): (i64, i64) = (cells.number()?, cells.number()?);
            match cells.optional(Cells::number::<i64>)? {
                Some(READY) => {
                    let last = up_to.entry(unit).or_insert(sequence);
                    *last = sequence.max(*last);
                }
                Some(_) => taken.aside.push(claim),
                None => taken.done.push(claim),
            }
        }
        taken.unknown = claims
            .iter()
            .zip(known)
            .filter(|(_, known)| !known)
            .map(|(claim, _)| *claim)
            .collect();
        let rows = sqlx::query(UP_TO)
            .bind(number_list(up_to.into_iter().map(<[i64; 2]>::from)))
            .bind(limit)
            .fetch_all(&mut *tx)
            .await
            .map_err(doing("taking claims"))?;
        taken.ready = rows.iter().map(queued).collect::<Answer<_>>()?;
        Ok(taken)
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

    async fn units_at(&self, units: &[(Token, u64)]) -> Answer<Vec<UnitState>> {
        let units: Vec<Token> = units.iter().map(|(unit, _)| *unit).collect();
        self.units(&units).await
    }

    async fn commit(&self, batch: &Batch) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        super::commit::commit(&mut tx, batch).await?;
        tx.commit().await.map_err(doing("committing a batch"))
    }

    async fn failed(&self, claim: ClaimId, limit: u32, reason: &str) -> Answer<bool> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let held = aside::failed(&mut tx, claim, limit, reason).await?;
        tx.commit().await.map_err(doing("counting an attempt"))?;
        Ok(held)
    }

    async fn held(&self) -> Answer<Vec<HeldRow>> {
        let mut reader = self.reader().await?;
        aside::held(&mut reader).await
    }

    async fn release(&self, claim: Option<ClaimId>) -> Answer<u64> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let released = aside::release(&mut tx, claim).await?;
        tx.commit()
            .await
            .map_err(doing("releasing what was set aside"))?;
        Ok(released)
    }

    async fn discard(&self, claim: ClaimId, note: &AuditRow) -> Answer<bool> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let discarded = aside::discard(&mut tx, claim, note).await?;
        tx.commit().await.map_err(doing("discarding a claim"))?;
        Ok(discarded)
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
pub(super) const HELD: i64 = 2;

fn queued(row: &SqliteRow) -> Answer<Queued> {
    let mut cells = Cells::of(row, "queued claim");
    Ok(Queued {
        claim: cells.claim()?,
        unit: cells.token()?,
        sequence: cells.number()?,
        previous: cells.number()?,
        act: kind_of(cells.number()?)?,
        contract: cells.optional(Cells::number)?,
        attempts: cells.number()?,
        // An embedded node has no broker that a trace would go through.
        trace: None,
        sealed: cells.sealed()?,
    })
}

pub(super) async fn waiting(conn: &mut SqliteConnection) -> Answer<Waiting> {
    let ready: i64 = sqlx::query_scalar(READY_COUNT)
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("counting what waits"))?;
    let unjudged: i64 = sqlx::query_scalar(MARKS_COUNT)
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("counting what waits"))?;
    let rows = sqlx::query(ASIDE_COUNT)
        .fetch_all(conn)
        .await
        .map_err(doing("counting what waits"))?;
    let mut waiting = Waiting {
        ready: u64::try_from(ready).map_err(|_| StoreError::Damaged { what: "queue" })?,
        unjudged: u64::try_from(unjudged).map_err(|_| StoreError::Damaged { what: "mark" })?,
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

/// Lines of units' earlier claims as they stand, each with its unit's position.
async fn history(conn: &mut SqliteConnection, ids: &str) -> Answer<Vec<(usize, Sealed)>> {
    let rows = sqlx::query(HISTORIES)
        .bind(ids)
        .fetch_all(conn)
        .await
        .map_err(doing("reading histories"))?;
    let mut found: BTreeMap<(usize, i64), (i64, Sealed)> = BTreeMap::new();
    for row in &rows {
        let mut cells = Cells::of(row, "history");
        let place = (cells.number()?, cells.number()?);
        let act = cells.number()?;
        if found.get(&place).is_none_or(|(known, _)| *known < act) {
            found.insert(place, (act, cells.sealed()?));
        }
    }
    Ok(found
        .into_iter()
        .map(|((position, _), (_, sealed))| (position, sealed))
        .collect())
}
