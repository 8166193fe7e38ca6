//! What an act comes to, in one transaction; and what was taken back.

use sqlx::sqlite::SqliteConnection;
use tally_core::claim::ClaimId;

use crate::alike::{fenced, kind, moved_by, status};
use crate::port::{
    ActDone, Acts, Adjudicated, Answer, Change, FlagGroup, OutcomeRow, Revised, RevisionRow,
    StoreError, Token,
};

use super::bulk::{Bulk, Values};
use super::cells::Cells;
use super::commit::{self, Placed};
use super::work::READY;
use super::{SqliteStore, begin, detection, doing, flags};

/// Where an act stands.
pub(super) const PLACED: &str = "SELECT c.place, c.sequence, c.previous, u.id, u.token, u.done, q.state, q.kind \
     FROM claim AS c CROSS JOIN unit AS u ON u.id = c.unit \
     CROSS JOIN queue AS q ON q.claim = c.place WHERE c.id = ?";

/// A claim is taken back once more.
pub(super) const REVISED: &str = "INSERT INTO revision (claim, number, act, reversal_record, reversal_payload, \
           status, charge, allowed, paid, patient, policy, hash, record, payload) \
     VALUES (?1, 1 + (SELECT count(*) FROM revision WHERE claim = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, \
             ?9, ?10, ?11, ?12, ?13) RETURNING id";

/// The revisions of a unit's claims.
pub(super) const REVISIONS: &str = "SELECT r.claim, r.number, b.id, b.sequence, r.reversal_record, \
            r.reversal_payload, r.reversal_leaf, \
            r.status, r.allowed, r.paid, r.patient, r.policy, r.hash, r.record, r.payload, r.leaf \
     FROM unit AS u CROSS JOIN claim AS b ON b.unit = u.id CROSS JOIN act AS a ON a.claim = b.place \
     CROSS JOIN revision AS r ON r.act = a.claim WHERE u.token = ? ORDER BY r.id";

/// What claims of a unit that have revisions came to at first.
pub(super) const FIRST: &str = "SELECT c.id, o.status, o.allowed, o.paid, o.patient, o.policy, o.hash, \
            d.record, d.payload, o.leaf \
     FROM unit AS u CROSS JOIN claim AS c ON c.unit = u.id \
     CROSS JOIN outcome AS o ON o.claim = c.id CROSS JOIN decision AS d ON d.claim = c.place \
     WHERE u.token = ? AND EXISTS (SELECT 1 FROM revision WHERE revision.claim = c.id) \
     ORDER BY c.sequence";

const ENTRY: &str = "INSERT INTO outbox (claim, revision, reversal, entry) VALUES (?, ?, ?, ?)";

const DONE: &str = "UPDATE act SET record = ?2, payload = ?3 WHERE claim = ?1";

const HISTORIES: Bulk = Bulk {
    doing: "storing histories",
    before: "INSERT INTO revised_history (unit, sequence, act, record, payload)",
    columns: 5,
    after: "",
};

impl Acts for SqliteStore {
    async fn commit_act(&self, done: &ActDone) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        commit_act(&mut tx, done).await?;
        tx.commit().await.map_err(doing("committing an act"))
    }

    async fn revisions(&self, unit: Token) -> Answer<Vec<RevisionRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(REVISIONS)
            .bind(&unit.0[..])
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what was taken back"))?;
        rows.iter()
            .map(|row| Cells::of(row, "revision").revision())
            .collect()
    }

    async fn first_outcomes(&self, unit: Token) -> Answer<Vec<(ClaimId, OutcomeRow)>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(FIRST)
            .bind(&unit.0[..])
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what was decided at first"))?;
        rows.iter()
            .map(|row| {
                let mut cells = Cells::of(row, "outcome");
                Ok((cells.claim()?, cells.outcome(0)?))
            })
            .collect()
    }
}

/// An act, and where it stands.
struct Act {
    place: i64,
    unit: i64,
    sequence: i64,
}

async fn commit_act(conn: &mut SqliteConnection, done: &ActDone) -> Answer<()> {
    let act = placed(conn, done).await?;
    let moved = moved_by(act.unit, &done.movements);
    commit::balances(conn, &moved).await?;
    for change in &done.changes {
        match change {
            Change::Revised(revised) => revise(conn, &act, revised).await?,
            Change::Own(own) => come_to(conn, &act, done, own).await?,
        }
    }
    HISTORIES
        .run(conn, &done.histories, |values, (sequence, lines)| {
            values.number(act.unit);
            values.number(*sequence);
            values.number(act.sequence);
            values.sealed(lines);
        })
        .await?;
    detection::forget(conn, &done.forgotten).await?;
    detection::state(conn, &done.facts).await?;
    let findings = done
        .findings
        .iter()
        .map(|(claim, flags)| (FlagGroup::Findings(*claim), &flags[..]))
        .collect();
    flags::replace(conn, findings).await?;
    sqlx::query(DONE)
        .bind(act.place)
        .bind(&done.record.record.0[..])
        .bind(&done.record.bytes[..])
        .execute(&mut *conn)
        .await
        .map_err(doing("noting what an act came to"))?;
    commit::move_on(conn, &[(act.unit, act.sequence)], &[act.place]).await
}

/// Finds an act in the queue, next in its unit.
async fn placed(conn: &mut SqliteConnection, done: &ActDone) -> Answer<Act> {
    let row = sqlx::query(PLACED)
        .bind(&done.act.0[..])
        .fetch_optional(conn)
        .await
        .map_err(doing("finding an act in the queue"))?;
    let row = row.ok_or(fenced("an act's place in the queue"))?;
    let mut cells = Cells::of(&row, "queued act");
    let act = Act {
        place: cells.number()?,
        sequence: cells.number()?,
        unit: 0,
    };
    let previous: i64 = cells.number()?;
    let (unit, token) = (cells.number()?, cells.token()?);
    let stands: i64 = cells.number()?;
    let (state, of): (i64, i64) = (cells.number()?, cells.number()?);
    if state != READY || of == i64::from(kind(None)) {
        return Err(fenced("an act's place in the queue"));
    }
    let sequence = u64::try_from(act.sequence).ok();
    if token != done.unit || sequence != Some(done.sequence) || stands != previous {
        return Err(fenced("a unit's sequence"));
    }
    Ok(Act { unit, ..act })
}

async fn revise(conn: &mut SqliteConnection, act: &Act, revised: &Revised) -> Answer<()> {
    let mut values = Values::default();
    values.bytes(&revised.claim.0);
    values.number(act.place);
    values.sealed(&revised.reversal);
    match &revised.now {
        Some(now) => {
            values.number(status(now.status));
            for amount in [now.charge, now.allowed, now.paid, now.patient] {
                values.number(amount.scaled());
            }
            values.optional_bytes(now.policy.as_ref().map(|hash| &hash[..]));
            values.bytes(&now.outcome_hash);
            values.sealed(&now.record);
        }
        None => {
            for _ in 0..5 {
                values.optional(None::<i64>);
            }
            for _ in 0..4 {
                values.optional_bytes(None);
            }
        }
    }
    let doing_it = "taking back what a claim came to";
    let arguments = values.finish().map_err(doing(doing_it))?;
    let id: i64 = sqlx::query_scalar_with(REVISED, arguments)
        .fetch_one(&mut *conn)
        .await
        .map_err(doing(doing_it))?;
    let now = revised.now.as_ref().map(|now| (0, &now.entry));
    for (reversal, entry) in [Some((1, &revised.reversal_entry)), now]
        .into_iter()
        .flatten()
    {
        sqlx::query(ENTRY)
            .bind(&revised.claim.0[..])
            .bind(id)
            .bind(reversal)
            .bind(&entry[..])
            .execute(&mut *conn)
            .await
            .map_err(doing("storing entries for the log"))?;
    }
    Ok(())
}

/// What an act comes to that is a claim.
async fn come_to(
    conn: &mut SqliteConnection,
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
    };
    commit::decided(conn, &[placed]).await
}
