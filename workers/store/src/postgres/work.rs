//! What waits, and what a worker must know to adjudicate it.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnection, PgRow};
use tally_core::claim::ClaimId;

use crate::port::{
    AccumulatorName, AccumulatorRow, Answer, AuditRow, Batch, HeldRow, Queued, Sealed, StoreError,
    Taken, Token, UnitState, Waiting, Work,
};

use crate::alike::kind_of;

use super::cells::Cells;
use super::payloads::{self, Place};
use super::{ASKED, PostgresStore, aside, commit, doing, number, once, position, short, whole};

/// What is ready of a partition, in order: from the index of what is ready.
///
/// A table may be small when a plan is made and long when it is used. So a
/// statement says in what order tables are joined: a subquery with an offset is
/// one that PostgreSQL leaves where it stands. What is updated by a list is
/// found by the list alone, and its values by where its key stands in it.
pub(super) const NEXT: &str = "SELECT c.place, c.received, c.id, u.token, c.sequence, c.previous, \
            q.kind, c.contract, q.attempts, q.trace \
     FROM (SELECT claim + 0 AS claim, kind, attempts, trace FROM queue WHERE partition = $1 AND state = 0 \
           ORDER BY claim + 0 LIMIT $2) AS q \
     CROSS JOIN LATERAL (SELECT * FROM claim WHERE claim.place = q.claim OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT * FROM unit WHERE unit.id = c.unit OFFSET 0) AS u \
     ORDER BY q.claim";

/// The numbers of partitions that the queue's rows are of.
const GENERATIONS: &str = "SELECT DISTINCT partitions FROM queue ORDER BY partitions";

/// Claims, and where they and their units stand.
pub(super) const FOUND: &str = "SELECT a.n, q.state::bigint AS state, u.done, \
            c.place, c.received, c.id, u.token, c.sequence, c.previous, \
            q.kind, c.contract, q.attempts, q.trace \
     FROM unnest($1::bytea[]) WITH ORDINALITY AS a (id, n) \
     LEFT JOIN LATERAL (SELECT * FROM claim WHERE claim.id = a.id OFFSET 0) AS c ON true \
     LEFT JOIN LATERAL (SELECT * FROM queue WHERE queue.claim = c.place OFFSET 0) AS q ON true \
     LEFT JOIN LATERAL (SELECT * FROM unit WHERE unit.id = c.unit OFFSET 0) AS u ON true";

/// Where claims stand that are not ready, and what is ready of the others' units
/// up to them, of one moment. `stands`: 0 unknown, 1 done, 2 aside.
pub(super) const TAKE: &str = "WITH asked AS MATERIALIZED (\
     SELECT a.n, c.place, c.unit, c.sequence, q.state \
     FROM unnest($1::bytea[]) WITH ORDINALITY AS a (id, n) \
     LEFT JOIN LATERAL (SELECT * FROM claim WHERE claim.id = a.id OFFSET 0) AS c ON true \
     LEFT JOIN LATERAL (SELECT * FROM queue WHERE queue.claim = c.place OFFSET 0) AS q ON true), \
     up_to AS MATERIALIZED (\
     SELECT unit, max(sequence) AS last FROM asked WHERE state = 0 GROUP BY unit), \
     ready AS (SELECT c.place, c.received, c.id, u.token, c.sequence, c.previous, \
                      q.kind, c.contract, q.attempts, q.trace \
     FROM up_to AS t \
     CROSS JOIN LATERAL (SELECT * FROM unit WHERE unit.id = t.unit OFFSET 0) AS u \
     CROSS JOIN LATERAL (SELECT * FROM claim WHERE claim.unit = u.id \
         AND claim.sequence > u.done AND claim.sequence <= t.last OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT * FROM queue \
         WHERE queue.claim = c.place AND queue.state + 0 = 0 OFFSET 0) AS q \
     ORDER BY c.place LIMIT $2) \
     SELECT n, CASE WHEN place IS NULL THEN 0 WHEN state IS NULL THEN 1 ELSE 2 END AS stands, \
            NULL::bigint AS place, NULL::integer AS received, NULL::bytea AS id, \
            NULL::bytea AS token, NULL::bigint AS sequence, NULL::bigint AS previous, \
            NULL::smallint AS kind, NULL::integer AS contract, NULL::integer AS attempts, \
            NULL::text AS trace FROM asked \
     WHERE state IS DISTINCT FROM 0 \
     UNION ALL SELECT NULL, NULL, ready.* FROM ready";

/// How many wait, and how.
pub(super) const WAITING: &str = "SELECT (SELECT count(*) FROM queue WHERE state = 0), \
     (SELECT count(*) FROM queue WHERE state <> 0 AND state = 2), \
     (SELECT count(*) FROM queue WHERE state <> 0 AND state = 1), \
     (SELECT count(*) FROM unjudged)";

/// Units, their balances and their histories after a number, of one moment; and
/// the lines of all places that acts have changed.
pub(super) const UNITS: &str = "WITH asked AS MATERIALIZED (SELECT a.n, a.known, u.id, u.done \
     FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS a (token, known, n) \
     CROSS JOIN LATERAL (SELECT id, done FROM unit WHERE unit.token = a.token OFFSET 0) AS u) \
     SELECT 0 AS kind, n, done AS number, NULL::bytea AS a, NULL::bytea AS b, NULL::text AS c, \
            NULL::text AS d, NULL::integer AS e FROM asked \
     UNION ALL SELECT 1, q.n, a.used, nullif(a.member, ''), NULL, a.product, a.name, a.period \
     FROM asked AS q CROSS JOIN LATERAL (\
         SELECT * FROM accumulator WHERE accumulator.unit = q.id OFFSET 0) AS a \
     UNION ALL SELECT 2, q.n, c.sequence, h.record, h.payload, NULL, NULL, NULL \
     FROM asked AS q CROSS JOIN LATERAL (\
         SELECT sequence, place FROM claim WHERE claim.unit = q.id \
         AND claim.sequence > q.known AND claim.sequence <= q.done OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT * FROM history WHERE history.place = c.place OFFSET 0) AS h \
     UNION ALL SELECT 3, q.n, h.sequence, h.record, h.payload, NULL, NULL, NULL \
     FROM asked AS q CROSS JOIN LATERAL (\
         SELECT DISTINCT ON (sequence) sequence, record, payload FROM revised_history AS r \
         WHERE r.unit = q.id ORDER BY sequence, act DESC OFFSET 0) AS h";

impl Work for PostgresStore {
    async fn next(&self, partition: u32, limit: u32) -> Answer<Vec<Queued>> {
        once!(self, "reading the queue", |conn| {
            let rows = sqlx::query(NEXT)
                .bind(short(partition))
                .bind(i64::from(limit))
                .fetch_all(&mut *conn)
                .await
                .map_err(doing("reading the queue"))?;
            let found = rows
                .iter()
                .map(|row| found(&mut Cells::of(row, "queued claim")))
                .collect::<Answer<Vec<_>>>()?;
            queued(conn, found).await
        })
    }

    async fn generations(&self) -> Answer<Vec<u32>> {
        once!(self, "reading the queue", |conn| {
            let rows = sqlx::query(GENERATIONS)
                .fetch_all(conn)
                .await
                .map_err(doing("reading the queue"))?;
            rows.iter()
                .map(|row| Cells::of(row, "queue").number())
                .collect()
        })
    }

    async fn take(&self, claims: &[ClaimId], limit: u32) -> Answer<Taken> {
        once!(self, "taking claims", |conn| {
            match found_all(conn, claims, limit).await? {
                Some(taken) => Ok(taken),
                None => take(conn, claims, limit).await,
            }
        })
    }

    async fn units(&self, units: &[Token]) -> Answer<Vec<UnitState>> {
        let known = self.states.known(units);
        let mut read = self.units_after(units, &known).await?;
        let rewritten = read.iter().zip(&known).any(|(r, k)| r.rewritten && *k > 0);
        if rewritten || !self.join(&known, &mut read) {
            let nothing = vec![0; units.len()];
            read = self.units_after(units, &nothing).await?;
            self.join(&nothing, &mut read);
        }
        Ok(read.into_iter().map(|read| read.state).collect())
    }

    async fn units_at(&self, units: &[(Token, u64)]) -> Answer<Vec<UnitState>> {
        let mut states = self.states.at(units);
        let missing: Vec<Token> = units
            .iter()
            .zip(&states)
            .filter(|(_, state)| state.is_none())
            .map(|((unit, _), _)| *unit)
            .collect();
        if !missing.is_empty() {
            let mut read = self.units(&missing).await?.into_iter();
            for state in states.iter_mut().filter(|state| state.is_none()) {
                *state = read.next();
            }
        }
        states.into_iter().map(|state| state.ok_or(ASKED)).collect()
    }

    async fn commit(&self, batch: &Batch) -> Answer<()> {
        let before = whole!(self, "committing a batch", |conn| commit::commit(
            conn, batch
        )
        .await)?;
        self.states.move_on(&before, &batch.claims);
        Ok(())
    }

    async fn failed(&self, claim: ClaimId, limit: u32, reason: &str) -> Answer<bool> {
        whole!(self, "counting an attempt", |conn| aside::failed(
            conn, claim, limit, reason
        )
        .await)
    }

    async fn held(&self) -> Answer<Vec<HeldRow>> {
        once!(self, "listing what is set aside", |conn| aside::held(conn)
            .await)
    }

    async fn release(&self, claim: Option<ClaimId>) -> Answer<u64> {
        whole!(self, "releasing what was set aside", |conn| {
            match claim {
                Some(claim) => aside::release(conn, claim).await,
                None => aside::release_all(conn).await,
            }
        })
    }

    async fn discard(&self, claim: ClaimId, note: &AuditRow) -> Answer<bool> {
        whole!(self, "discarding a claim", |conn| aside::discard(
            conn, claim, note
        )
        .await)
    }

    async fn waiting(&self) -> Answer<Waiting> {
        once!(self, "counting what waits", |conn| {
            let row = sqlx::query(WAITING)
                .fetch_one(conn)
                .await
                .map_err(doing("counting what waits"))?;
            let mut cells = Cells::of(&row, "count");
            Ok(Waiting {
                ready: cells.number()?,
                held: cells.number()?,
                behind: cells.number()?,
                unjudged: cells.number()?,
            })
        })
    }
}

impl PostgresStore {
    /// Units, with the lines of their histories after a number of each.
    async fn units_after(&self, units: &[Token], known: &[u64]) -> Answer<Vec<Read>> {
        once!(self, "reading units", |conn| {
            let rows = sqlx::query(UNITS)
                .bind(units.iter().map(|unit| &unit.0[..]).collect::<Vec<_>>())
                .bind(known.iter().copied().map(number).collect::<Vec<_>>())
                .fetch_all(conn)
                .await
                .map_err(doing("reading units"))?;
            states(units, &rows)
        })
    }

    /// Puts what is at hand of units before what was read of them. Of those that an
    /// act has touched nothing is kept: they were read whole.
    fn join(&self, known: &[u64], read: &mut [Read]) -> bool {
        let mut kept: Vec<(u64, &mut UnitState)> = Vec::with_capacity(read.len());
        for (read, known) in read.iter_mut().zip(known) {
            if read.rewritten {
                self.states.forget(&read.state.unit);
            } else {
                kept.push((*known, &mut read.state));
            }
        }
        self.states.join(&mut kept)
    }
}

/// A unit as it was read: its history from the number asked for, or, where an act
/// has changed it, as it stands if it was asked for from the beginning.
struct Read {
    state: UnitState,
    rewritten: bool,
}

/// A queued claim, without its payload.
fn found(cells: &mut Cells<'_>) -> Answer<(Place, Queued)> {
    let place = Place {
        place: cells.number()?,
        received: cells.number()?,
    };
    let queued = Queued {
        claim: cells.claim()?,
        unit: cells.token()?,
        sequence: cells.number()?,
        previous: cells.number()?,
        act: kind_of(cells.number()?)?,
        contract: cells.optional(Cells::number)?,
        attempts: cells.number()?,
        trace: cells.optional(Cells::text)?,
        sealed: payloads::none(),
    };
    Ok((place, queued))
}

/// Queued claims, with their payloads.
async fn queued(conn: &mut PgConnection, found: Vec<(Place, Queued)>) -> Answer<Vec<Queued>> {
    let places: Vec<Place> = found.iter().map(|(place, _)| *place).collect();
    let mut payloads = payloads::read(conn, payloads::CLAIMS, &places).await?;
    found
        .into_iter()
        .map(|(place, mut queued)| {
            queued.sealed = payloads
                .remove(&place.place)
                .ok_or(StoreError::Damaged { what: "payload" })?;
            Ok(queued)
        })
        .collect()
}

/// Claims, where no other of their units must be adjudicated before them, as it
/// is when each is asked for in its turn. Otherwise none: see [`TAKE`].
async fn found_all(
    conn: &mut PgConnection,
    claims: &[ClaimId],
    limit: u32,
) -> Answer<Option<Taken>> {
    let rows = sqlx::query(FOUND)
        .bind(claims.iter().map(|claim| &claim.0[..]).collect::<Vec<_>>())
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("taking claims"))?;
    let mut taken = Taken::default();
    let mut ready: BTreeMap<i64, (Place, Queued)> = BTreeMap::new();
    let mut stands: BTreeMap<Token, u64> = BTreeMap::new();
    for row in &rows {
        let mut cells = Cells::of(row, "queued claim");
        let claim = *claims.get(position(cells.number()?)?).ok_or(ASKED)?;
        match cells.optional(Cells::number::<i64>)? {
            Some(0) => {
                let done = cells.number()?;
                let (place, queued) = found(&mut cells)?;
                stands.insert(queued.unit, done);
                ready.insert(place.place, (place, queued));
            }
            Some(_) => taken.aside.push(claim),
            // Who is known has a unit, and that stands somewhere.
            None if cells.optional(Cells::number::<i64>)?.is_some() => taken.done.push(claim),
            None => taken.unknown.push(claim),
        }
    }
    for (_, queued) in ready.values() {
        let stands = stands.insert(queued.unit, queued.sequence);
        if stands != Some(queued.previous) {
            return Ok(None);
        }
    }
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let ready = ready.into_values().take(most).collect();
    taken.ready = queued(conn, ready).await?;
    Ok(Some(taken))
}

async fn take(conn: &mut PgConnection, claims: &[ClaimId], limit: u32) -> Answer<Taken> {
    let rows = sqlx::query(TAKE)
        .bind(claims.iter().map(|claim| &claim.0[..]).collect::<Vec<_>>())
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("taking claims"))?;
    let mut taken = Taken::default();
    let mut ready = Vec::new();
    let mut stands: BTreeMap<usize, i64> = BTreeMap::new();
    for row in &rows {
        let mut cells = Cells::of(row, "queued claim");
        if let Some(n) = cells.optional(Cells::number::<i64>)? {
            stands.insert(position(n)?, cells.number()?);
        } else {
            cells.skip(1);
            ready.push(found(&mut cells)?);
        }
    }
    for (position, stands) in stands {
        let claim = *claims.get(position).ok_or(ASKED)?;
        match stands {
            0 => taken.unknown.push(claim),
            1 => taken.done.push(claim),
            _ => taken.aside.push(claim),
        }
    }
    ready.sort_by_key(|(place, _)| place.place);
    taken.ready = queued(conn, ready).await?;
    Ok(taken)
}

fn states(units: &[Token], rows: &[PgRow]) -> Answer<Vec<Read>> {
    let mut read: Vec<Read> = units
        .iter()
        .map(|unit| Read {
            state: UnitState {
                unit: *unit,
                done: 0,
                accumulators: Vec::new(),
                history: Vec::new(),
            },
            rewritten: false,
        })
        .collect();
    let mut lines: BTreeMap<(usize, i64), Sealed> = BTreeMap::new();
    let mut revised: BTreeMap<(usize, i64), Sealed> = BTreeMap::new();
    for row in rows {
        let mut cells = Cells::of(row, "unit");
        let (kind, position): (i64, usize) = (cells.number()?, position(cells.number()?)?);
        let Read { state, rewritten } = read.get_mut(position).ok_or(ASKED)?;
        match kind {
            0 => state.done = cells.number()?,
            1 => {
                let used = cells.number()?;
                let member = cells.optional(Cells::token)?;
                cells.skip(1);
                let name = AccumulatorName {
                    member,
                    product: cells.text()?,
                    name: cells.text()?,
                    period: cells.day()?,
                };
                state.accumulators.push(AccumulatorRow { name, used });
            }
            2 => {
                lines.insert((position, cells.number()?), cells.sealed()?);
            }
            _ => {
                *rewritten = true;
                revised.insert((position, cells.number()?), cells.sealed()?);
            }
        }
    }
    for Read { state, .. } in &mut read {
        state.accumulators.sort_by(|a, b| a.name.cmp(&b.name));
    }
    lines.append(&mut revised);
    for ((position, _), sealed) in lines {
        let read = read.get_mut(position).ok_or(ASKED)?;
        read.state.history.push(sealed);
    }
    Ok(read)
}
