//! What an act comes to, in one transaction; and what was taken back.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use tally_core::claim::ClaimId;

use crate::alike::{moved_by, status};
use crate::port::{
    ActDone, Acts, Adjudicated, Answer, Change, Decided, FlagGroup, FlagRow, OutcomeRow, Revised,
    RevisionRow, StoreError, Token,
};

use super::cells::Cells;
use super::commit::{self, Placed};
use super::{PostgresStore, detection, doing, fenced, flags, number, once, whole};

/// Takes an act off the queue.
pub(super) const TAKEN: &str = "WITH asked AS MATERIALIZED (\
     SELECT place, unit, sequence, previous, received FROM claim WHERE id = $1), \
     gone AS (DELETE FROM queue WHERE claim = ANY(array(SELECT place FROM asked)) \
     AND state + 0 = 0 AND kind <> 0 RETURNING claim) \
     SELECT a.* FROM asked AS a CROSS JOIN gone";

/// Claims are taken back, each once by one act: their revisions, and what is to
/// be told of them.
pub(super) const REVISED: &str = "WITH given AS MATERIALIZED (\
     SELECT n.*, c.place FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::smallint[], \
                $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], \
                $11::bytea[], $12::bytea[], $13::bytea[]) WITH ORDINALITY \
          AS n (id, reversal_record, reversal_payload, status, charge, allowed, paid, patient, \
                policy, hash, record, payload, n) \
     CROSS JOIN LATERAL (SELECT place FROM claim WHERE claim.id = n.id OFFSET 0) AS c), \
     revised AS (INSERT INTO revision (claim, number, act, reversal_record, reversal_payload, \
         status, charge, allowed, paid, patient, policy, hash, record, payload) \
     SELECT place, 1 + (SELECT count(*) FROM revision WHERE revision.claim = place), $1, \
            reversal_record, reversal_payload, status, charge, allowed, paid, patient, policy, \
            hash, record, payload FROM given ORDER BY n RETURNING id, claim), \
     told AS (INSERT INTO revised_result (revision) SELECT id FROM revised) \
     SELECT g.id, g.place, r.id FROM given AS g JOIN revised AS r ON r.claim = g.place \
     ORDER BY g.n";

/// Entries of revisions, in order.
pub(super) const ENTRIES: &str = "INSERT INTO outbox (claim, revision, reversal, entry) \
     SELECT claim, revision, reversal, entry \
     FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::bytea[]) WITH ORDINALITY \
          AS n (claim, revision, reversal, entry, n) ORDER BY n";

/// Lines of places.
pub(super) const HISTORIES: &str = "INSERT INTO revised_history (unit, sequence, act, record, payload) \
     SELECT $1, n.sequence, $2, n.record, n.payload \
     FROM unnest($3::bigint[], $4::bytea[], $5::bytea[]) AS n (sequence, record, payload)";

/// What an act came to; and its unit is moved on.
pub(super) const DONE: &str = "WITH moved_on AS (UPDATE unit SET done = $3 WHERE id = $2) \
     UPDATE act SET record = $4, payload = $5 WHERE claim = $1";

/// The revisions of a unit's claims.
pub(super) const REVISIONS: &str = "SELECT c.id, r.number, b.id, b.sequence, r.reversal_record, \
            r.reversal_payload, r.reversal_leaf, \
            r.status, r.allowed, r.paid, r.patient, r.policy, r.hash, r.record, r.payload, r.leaf \
     FROM (SELECT id FROM unit WHERE token = $1 OFFSET 0) AS u \
     CROSS JOIN LATERAL (SELECT * FROM claim WHERE claim.unit = u.id OFFSET 0) AS b \
     CROSS JOIN LATERAL (SELECT * FROM act WHERE act.claim = b.place OFFSET 0) AS a \
     CROSS JOIN LATERAL (SELECT * FROM revision WHERE revision.act = a.claim OFFSET 0) AS r \
     CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = r.claim OFFSET 0) AS c \
     ORDER BY r.id";

/// What claims of a unit that have revisions came to at first.
pub(super) const FIRST: &str = "SELECT c.id, o.status, o.allowed, o.paid, o.patient, o.policy, o.hash, \
            d.record, d.payload, o.leaf \
     FROM (SELECT id FROM unit WHERE token = $1 OFFSET 0) AS u \
     CROSS JOIN LATERAL (SELECT * FROM claim WHERE claim.unit = u.id OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT FROM revision WHERE revision.claim = c.place LIMIT 1) AS r \
     CROSS JOIN LATERAL (SELECT * FROM outcome WHERE outcome.claim = c.place OFFSET 0) AS o \
     CROSS JOIN LATERAL (SELECT * FROM decision WHERE decision.place = c.place \
         AND decision.received = c.received OFFSET 0) AS d ORDER BY c.sequence";

impl Acts for PostgresStore {
    async fn commit_act(&self, done: &ActDone) -> Answer<()> {
        whole!(self, "committing an act", |conn| commit_act(conn, done)
            .await)?;
        self.states.forget(&done.unit);
        Ok(())
    }

    async fn revisions(&self, unit: Token) -> Answer<Vec<RevisionRow>> {
        once!(self, "reading what was taken back", |conn| {
            let rows = sqlx::query(REVISIONS)
                .bind(&unit.0[..])
                .fetch_all(conn)
                .await
                .map_err(doing("reading what was taken back"))?;
            rows.iter()
                .map(|row| Cells::of(row, "revision").revision())
                .collect()
        })
    }

    async fn first_outcomes(&self, unit: Token) -> Answer<Vec<(ClaimId, OutcomeRow)>> {
        once!(self, "reading what was decided at first", |conn| {
            let rows = sqlx::query(FIRST)
                .bind(&unit.0[..])
                .fetch_all(conn)
                .await
                .map_err(doing("reading what was decided at first"))?;
            rows.iter()
                .map(|row| {
                    let mut cells = Cells::of(row, "outcome");
                    Ok((cells.claim()?, cells.outcome(0)?))
                })
                .collect()
        })
    }
}

/// An act, and where it stands.
struct Act {
    place: i64,
    unit: i64,
    received: i32,
}

async fn commit_act(conn: &mut PgConnection, done: &ActDone) -> Answer<()> {
    let act = placed(conn, done).await?;
    commit::balances(conn, &moved_by(act.unit, &done.movements)).await?;
    let mut revised = Vec::new();
    for change in &done.changes {
        match change {
            Change::Revised(one) => revised.push(&**one),
            // In the log it comes after what was taken back before it.
            Change::Own(own) => {
                revise(conn, &act, &revised).await?;
                revised.clear();
                come_to(conn, &act, done, own).await?;
            }
        }
    }
    revise(conn, &act, &revised).await?;
    sqlx::query(HISTORIES)
        .bind(act.unit)
        .bind(number(done.sequence))
        .bind(all(&done.histories, |(place, _)| number(*place)))
        .bind(all(&done.histories, |(_, lines)| &lines.record.0[..]))
        .bind(all(&done.histories, |(_, lines)| &lines.bytes[..]))
        .execute(&mut *conn)
        .await
        .map_err(doing("storing histories"))?;
    detection::forget(conn, &done.forgotten).await?;
    detection::state(conn, &done.facts, BTreeMap::from([(done.act, act.place)])).await?;
    let findings: BTreeMap<FlagGroup, &[FlagRow]> = done
        .findings
        .iter()
        .map(|(claim, flags)| (FlagGroup::Findings(*claim), &flags[..]))
        .collect();
    flags::replace(conn, &findings).await?;
    let noted = sqlx::query(DONE)
        .bind(act.place)
        .bind(act.unit)
        .bind(number(done.sequence))
        .bind(&done.record.record.0[..])
        .bind(&done.record.bytes[..])
        .execute(conn)
        .await
        .map_err(doing("noting what an act came to"))?;
    match noted.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Damaged { what: "act" }),
    }
}

/// Takes an act off the queue, next in its unit, which is locked.
async fn placed(conn: &mut PgConnection, done: &ActDone) -> Answer<Act> {
    let units = commit::units(conn, &[&done.unit.0[..]]).await?;
    let row = sqlx::query(TAKEN)
        .bind(&done.act.0[..])
        .fetch_optional(conn)
        .await
        .map_err(doing("taking an act off the queue"))?
        .ok_or(fenced("an act's place in the queue"))?;
    let mut cells = Cells::of(&row, "queued act");
    let place = cells.number()?;
    let (unit, sequence, previous): (i64, u64, u64) =
        (cells.number()?, cells.number()?, cells.number()?);
    if units.get(&done.unit) != Some(&(unit, previous)) || sequence != done.sequence {
        return Err(fenced("a unit's sequence"));
    }
    Ok(Act {
        place,
        unit,
        received: cells.number()?,
    })
}

/// A column of rows.
fn all<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

async fn revise(conn: &mut PgConnection, act: &Act, revised: &[&Revised]) -> Answer<()> {
    if revised.is_empty() {
        return Ok(());
    }
    fn now<'a, T>(revised: &[&'a Revised], of: impl Fn(&'a Decided) -> T) -> Vec<Option<T>> {
        let now = revised.iter().map(|one| one.now.as_ref());
        now.map(|now| now.map(&of)).collect()
    }
    let policies: Vec<Option<&[u8]>> = now(revised, |n| n.policy.as_ref().map(|hash| &hash[..]))
        .into_iter()
        .map(Option::flatten)
        .collect();
    let rows = sqlx::query(REVISED)
        .bind(act.place)
        .bind(all(revised, |one| &one.claim.0[..]))
        .bind(all(revised, |one| &one.reversal.record.0[..]))
        .bind(all(revised, |one| &one.reversal.bytes[..]))
        .bind(now(revised, |n| status(n.status)))
        .bind(now(revised, |n| n.charge.scaled()))
        .bind(now(revised, |n| n.allowed.scaled()))
        .bind(now(revised, |n| n.paid.scaled()))
        .bind(now(revised, |n| n.patient.scaled()))
        .bind(policies)
        .bind(now(revised, |n| &n.outcome_hash[..]))
        .bind(now(revised, |n| &n.record.record.0[..]))
        .bind(now(revised, |n| &n.record.bytes[..]))
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("taking back what claims came to"))?;
    if rows.len() != revised.len() {
        return Err(StoreError::Damaged { what: "act" });
    }
    let mut entries: Vec<(i64, i64, bool, &[u8])> = Vec::new();
    for (row, one) in rows.iter().zip(revised) {
        let mut cells = Cells::of(row, "revision");
        if cells.claim()? != one.claim {
            return Err(super::ASKED);
        }
        let (place, id) = (cells.number()?, cells.number()?);
        entries.push((place, id, true, &one.reversal_entry));
        if let Some(now) = &one.now {
            entries.push((place, id, false, &now.entry));
        }
    }
    sqlx::query(ENTRIES)
        .bind(all(&entries, |entry| entry.0))
        .bind(all(&entries, |entry| entry.1))
        .bind(all(&entries, |entry| entry.2))
        .bind(all(&entries, |entry| entry.3))
        .execute(conn)
        .await
        .map_err(doing("storing entries for the log"))?;
    Ok(())
}

/// What an act comes to that is a claim.
async fn come_to(
    conn: &mut PgConnection,
    act: &Act,
    done: &ActDone,
    own: &Adjudicated,
) -> Answer<()> {
    if own.claim != done.act || !own.movements.is_empty() {
        return Err(StoreError::Damaged { what: "act" });
    }
    let placed = Placed {
        claim: own,
        place: act.place,
        unit: act.unit,
        received: act.received,
    };
    commit::write(conn, &[placed]).await
}
