//! The local log: the outbox, and what was appended from it.
//!
//! Transactions that run at once take their places in the outbox before they
//! commit. So while a relay signs what it has read, a place before the last of
//! it may come to light. That is no reason to refuse what it read: the entries
//! of one unit are in order all the same, since whoever commits holds the unit.
//! What it could have seen and left out is. So the store remembers which
//! transactions it could see when the outbox was last read.

use sqlx::postgres::PgConnection;
use tally_core::ledger::tree::Hash;

use crate::port::{Answer, Head, Integration, Leaf, Log, OutboxRow, PendingFlag, StoreError};

use super::cells::Cells;
use super::{PostgresStore, doing, fenced, number, once, position, whole};

/// Flags that stand and have no place, oldest first.
pub(super) const PENDING: &str = "SELECT id, commitment FROM flag \
     WHERE standing AND leaf IS NULL ORDER BY id LIMIT $1";

/// Nodes by level and place.
pub(super) const NODES_AT: &str = "SELECT a.n, t.hash \
     FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS a (level, place, n) \
     CROSS JOIN LATERAL (SELECT hash FROM node \
         WHERE node.level = a.level AND node.place = a.place OFFSET 0) AS t";

/// Entries from a place on.
pub(super) const ENTRIES_FROM: &str =
    "SELECT bytes FROM entry WHERE leaf >= $1 ORDER BY leaf LIMIT $2";

/// The latest checkpoint.
pub(super) const HEAD: &str =
    "SELECT size, adjudicated, note FROM checkpoint ORDER BY size DESC LIMIT 1";

/// What waits, in order, and what could be seen.
pub(super) const WAITING: &str =
    "SELECT id, entry, pg_current_snapshot()::text FROM outbox ORDER BY id LIMIT $1";

/// The fence, and the lock: one appends at a time.
pub(super) const APPEND: &str =
    "UPDATE head SET size = $2, adjudicated = $3 WHERE id = 1 AND size = $1";

/// Empties the outbox of what is appended.
pub(super) const RELAYED: &str = "DELETE FROM outbox WHERE id = ANY($1) \
     RETURNING id, entry, claim, policy, statement, revision, reversal";

/// Whether something was left out.
pub(super) const LEFT_OUT: &str = "SELECT EXISTS (SELECT FROM outbox WHERE id < $1 \
     AND ($2::text IS NULL OR pg_visible_in_snapshot(by, $2::pg_snapshot)))";

/// Entries and nodes; claims, policies, statements and revisions, given in order,
/// learn their places.
pub(super) const APPENDED: &str = "WITH entries AS (INSERT INTO entry (leaf, bytes) \
     SELECT * FROM unnest($1::bigint[], $2::bytea[])), \
     nodes AS (INSERT INTO node (level, place, hash) \
     SELECT * FROM unnest($3::smallint[], $4::bigint[], $5::bytea[])), \
     claims AS (UPDATE outcome SET leaf = ($7::bigint[])[width_bucket(claim, $6::bigint[])] \
     WHERE claim = ANY($6)), \
     policies AS (UPDATE policy SET leaf = ($9::bigint[])[width_bucket(id, $8::bigint[])] \
     WHERE id = ANY($8)), \
     statements AS (UPDATE statement SET leaf = ($18::bigint[])[width_bucket(id, $17::bigint[])] \
     WHERE id = ANY($17)), \
     revisions AS (UPDATE revision SET leaf = \
         CASE WHEN id = ANY($13) THEN ($14::bigint[])[width_bucket(id, $13::bigint[])] \
              ELSE leaf END, \
         reversal_leaf = CASE WHEN id = ANY($15) \
              THEN ($16::bigint[])[width_bucket(id, $15::bigint[])] ELSE reversal_leaf END \
     WHERE id = ANY($13::bigint[] || $15::bigint[])) \
     INSERT INTO checkpoint (size, adjudicated, note) VALUES ($10, $11, $12) \
     ON CONFLICT (size) DO UPDATE SET adjudicated = excluded.adjudicated, note = excluded.note";

/// Locks flags, in order.
pub(super) const FLAGS: &str =
    "SELECT id FROM flag WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

/// Tells flags, given in order, their places.
pub(super) const PLACED: &str = "UPDATE flag SET leaf = ($2::bigint[])[width_bucket(id, $1::bigint[])], \
                 slot = ($3::integer[])[width_bucket(id, $1::bigint[])] \
     WHERE id = ANY($1) AND leaf IS NULL";

impl Log for PostgresStore {
    async fn head(&self) -> Answer<Head> {
        once!(self, "reading the log's head", |conn| {
            let row = sqlx::query(HEAD)
                .fetch_optional(conn)
                .await
                .map_err(doing("reading the log's head"))?;
            let Some(row) = row else {
                return Ok(Head::default());
            };
            Cells::of(&row, "checkpoint").head()
        })
    }

    async fn outbox(&self, limit: u32) -> Answer<Vec<OutboxRow>> {
        let (rows, seen) = once!(self, "reading the outbox", |conn| outbox(conn, limit).await)?;
        if seen.is_some() {
            self.see(seen);
        }
        Ok(rows)
    }

    async fn pending_flags(&self, limit: u32) -> Answer<Vec<PendingFlag>> {
        once!(self, "reading pending flags", |conn| {
            let rows = sqlx::query(PENDING)
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await
                .map_err(doing("reading pending flags"))?;
            rows.iter()
                .map(|row| Cells::of(row, "flag").pending())
                .collect()
        })
    }

    async fn integrate(&self, new: &Integration) -> Answer<()> {
        let seen = self.seen();
        whole!(self, "appending to the log", |conn| {
            integrate(conn, new, seen.as_deref()).await
        })
    }

    async fn nodes(&self, nodes: &[(u8, u64)]) -> Answer<Vec<Option<Hash>>> {
        once!(self, "reading nodes", |conn| {
            let levels: Vec<i16> = nodes.iter().map(|(level, _)| i16::from(*level)).collect();
            let places: Vec<i64> = nodes.iter().map(|(_, place)| number(*place)).collect();
            let rows = sqlx::query(NODES_AT)
                .bind(levels)
                .bind(places)
                .fetch_all(conn)
                .await
                .map_err(doing("reading nodes"))?;
            let mut found = vec![None; nodes.len()];
            for row in &rows {
                let mut cells = Cells::of(row, "node");
                let position = position(cells.number()?)?;
                let hash = cells.bytes()?;
                if let Some(found) = found.get_mut(position) {
                    *found = Some(hash);
                }
            }
            Ok(found)
        })
    }

    async fn entries(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        once!(self, "reading entries", |conn| {
            sqlx::query_scalar(ENTRIES_FROM)
                .bind(number(from))
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await
                .map_err(doing("reading entries"))
        })
    }
}

impl PostgresStore {
    /// A task that panicked here has left one thing or the other.
    fn see(&self, seen: Option<String>) {
        *self
            .seen
            .lock()
            .unwrap_or_else(|broken| broken.into_inner()) = seen;
    }

    fn seen(&self) -> Option<String> {
        self.seen
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
            .clone()
    }
}

async fn outbox(conn: &mut PgConnection, limit: u32) -> Answer<(Vec<OutboxRow>, Option<String>)> {
    let rows = sqlx::query(WAITING)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await
        .map_err(doing("reading the outbox"))?;
    let mut seen = None;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut cells = Cells::of(row, "entry");
        found.push(OutboxRow {
            id: cells.number()?,
            entry: cells.blob()?,
        });
        seen = Some(cells.text()?);
    }
    Ok((found, seen))
}

const SIZE: StoreError = fenced("the size of the log");

const TOO_LONG: StoreError = StoreError::Damaged {
    what: "size of the log",
};

async fn integrate(conn: &mut PgConnection, new: &Integration, seen: Option<&str>) -> Answer<()> {
    let from = i64::try_from(new.from).map_err(|_| SIZE)?;
    let leaves: Vec<(i64, &Leaf)> = (from..).zip(&new.leaves).collect();
    let count = i64::try_from(leaves.len()).map_err(|_| TOO_LONG)?;
    let size = from.checked_add(count).ok_or(TOO_LONG)?;
    let adjudicated = i64::try_from(new.adjudicated).map_err(|_| TOO_LONG)?;
    let appends = sqlx::query(APPEND)
        .bind(from)
        .bind(size)
        .bind(adjudicated)
        .execute(&mut *conn)
        .await
        .map_err(doing("waiting to append"))?;
    if appends.rows_affected() != 1 {
        return Err(SIZE);
    }
    let relayed = relayed(conn, &leaves, seen).await?;
    let nodes = || new.nodes.iter();
    sqlx::query(APPENDED)
        .bind(leaves.iter().map(|(place, _)| *place).collect::<Vec<_>>())
        .bind(
            leaves
                .iter()
                .map(|(_, leaf)| &leaf.entry[..])
                .collect::<Vec<_>>(),
        )
        .bind(
            nodes()
                .map(|node| i16::from(node.level))
                .collect::<Vec<_>>(),
        )
        .bind(nodes().map(|node| number(node.index)).collect::<Vec<_>>())
        .bind(nodes().map(|node| &node.hash[..]).collect::<Vec<_>>())
        .bind(relayed.claims.0)
        .bind(relayed.claims.1)
        .bind(relayed.policies.0)
        .bind(relayed.policies.1)
        .bind(size)
        .bind(adjudicated)
        .bind(&new.checkpoint[..])
        .bind(relayed.revisions.0)
        .bind(relayed.revisions.1)
        .bind(relayed.reversals.0)
        .bind(relayed.reversals.1)
        .bind(relayed.statements.0)
        .bind(relayed.statements.1)
        .execute(&mut *conn)
        .await
        .map_err(doing("appending entries"))?;
    place_flags(conn, &leaves).await
}

/// What an entry of the outbox is of.
enum Origin {
    Claim(i64),
    Policy(i64),
    Statement(i64),
    Revision(i64),
    Reversal(i64),
}

/// What entries of the outbox are of, in order, each with the place it is given.
#[derive(Default)]
struct Relayed {
    claims: (Vec<i64>, Vec<i64>),
    policies: (Vec<i64>, Vec<i64>),
    statements: (Vec<i64>, Vec<i64>),
    revisions: (Vec<i64>, Vec<i64>),
    reversals: (Vec<i64>, Vec<i64>),
}

impl Relayed {
    fn of(placed: impl Iterator<Item = (Origin, i64)>) -> Self {
        let mut kinds: [Vec<(i64, i64)>; 5] = Default::default();
        let [claims, policies, statements, revisions, reversals] = &mut kinds;
        for (of, place) in placed {
            match of {
                Origin::Claim(claim) => claims.push((claim, place)),
                Origin::Policy(policy) => policies.push((policy, place)),
                Origin::Statement(statement) => statements.push((statement, place)),
                Origin::Revision(revision) => revisions.push((revision, place)),
                Origin::Reversal(revision) => reversals.push((revision, place)),
            }
        }
        let [claims, policies, statements, revisions, reversals] = kinds.map(|mut kind| {
            kind.sort_unstable();
            kind.into_iter().unzip()
        });
        Self {
            claims,
            policies,
            statements,
            revisions,
            reversals,
        }
    }
}

/// Takes what comes from the outbox off it: it must be the first of it, in
/// order, and the entries the ones that wait there.
async fn relayed(
    conn: &mut PgConnection,
    leaves: &[(i64, &Leaf)],
    seen: Option<&str>,
) -> Answer<Relayed> {
    let given: Vec<(i64, i64, &[u8])> = leaves
        .iter()
        .filter_map(|(place, leaf)| leaf.outbox.map(|id| (id, *place, &leaf.entry[..])))
        .collect();
    let Some((last, ..)) = given.last() else {
        return Ok(Relayed::default());
    };
    let another = fenced("the outbox");
    if !given.is_sorted_by(|(a, ..), (b, ..)| a < b) {
        return Err(another);
    }
    let mut rows = sqlx::query(RELAYED)
        .bind(given.iter().map(|(id, ..)| *id).collect::<Vec<_>>())
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("emptying the outbox"))?
        .iter()
        .map(|row| {
            let mut cells = Cells::of(row, "outbox");
            let (id, entry) = (cells.number::<i64>()?, cells.blob()?);
            let claim = cells.optional(Cells::number::<i64>)?;
            let policy = cells.optional(Cells::number::<i64>)?;
            let statement = cells.optional(Cells::number::<i64>)?;
            let revision = cells.optional(Cells::number::<i64>)?;
            let reversal = cells.truth()?;
            let of = match (claim, policy, statement, revision) {
                (Some(_), None, None, Some(revision)) if reversal => Origin::Reversal(revision),
                (Some(_), None, None, Some(revision)) => Origin::Revision(revision),
                (Some(claim), None, None, None) => Origin::Claim(claim),
                (None, Some(policy), None, None) => Origin::Policy(policy),
                (None, None, Some(statement), None) => Origin::Statement(statement),
                _ => return Err(StoreError::Damaged { what: "entry" }),
            };
            Ok((id, entry, of))
        })
        .collect::<Answer<Vec<_>>>()?;
    rows.sort_unstable_by_key(|(id, ..)| *id);
    if rows.len() != given.len() {
        return Err(another);
    }
    if rows
        .iter()
        .zip(&given)
        .any(|((_, waits, _), (.., entry))| waits != entry)
    {
        return Err(another);
    }
    let left_out: bool = sqlx::query_scalar(LEFT_OUT)
        .bind(last)
        .bind(seen)
        .fetch_one(conn)
        .await
        .map_err(doing("reading the outbox"))?;
    if left_out {
        return Err(another);
    }
    let places = given.iter().map(|(_, place, _)| *place);
    Ok(Relayed::of(rows.into_iter().map(|(.., of)| of).zip(places)))
}

/// Tells flags their places; one that has a place already is fenced.
async fn place_flags(conn: &mut PgConnection, leaves: &[(i64, &Leaf)]) -> Answer<()> {
    let mut placed: Vec<(i64, i64, i32)> = leaves
        .iter()
        .flat_map(|(place, leaf)| {
            leaf.flags
                .iter()
                .map(|(flag, slot)| (*flag, *place, i32::from(*slot)))
        })
        .collect();
    if placed.is_empty() {
        return Ok(());
    }
    placed.sort_unstable();
    let flags: Vec<i64> = placed.iter().map(|(flag, ..)| *flag).collect();
    sqlx::query(FLAGS)
        .bind(&flags)
        .execute(&mut *conn)
        .await
        .map_err(doing("waiting for flags"))?;
    let done = sqlx::query(PLACED)
        .bind(flags)
        .bind(placed.iter().map(|(_, leaf, _)| *leaf).collect::<Vec<_>>())
        .bind(placed.iter().map(|(_, _, slot)| *slot).collect::<Vec<_>>())
        .execute(conn)
        .await
        .map_err(doing("placing flags"))?;
    if usize::try_from(done.rows_affected()) == Ok(placed.len()) {
        Ok(())
    } else {
        Err(fenced("a flag's place"))
    }
}
