//! The local log: the outbox, and what was appended from it.

use sqlx::sqlite::SqliteConnection;
use tally_core::ledger::tree::{Hash, Node};

use crate::port::{Answer, Head, Integration, Leaf, Log, OutboxRow, PendingFlag, StoreError};

use super::bulk::{Bulk, number_list, pair_list};
use super::cells::Cells;
use super::{SqliteStore, begin, doing};

/// Flags that stand and have no place, oldest first.
pub(super) const PENDING: &str = "SELECT id, commitment FROM flag WHERE standing = 1 AND leaf IS NULL \
     ORDER BY id LIMIT ?";

/// Nodes by level and place.
pub(super) const NODES_AT: &str = "SELECT j.key, n.hash FROM json_each(?) AS j \
     CROSS JOIN node AS n ON n.level = j.value ->> 0 AND n.place = j.value ->> 1";

/// Entries from a place on.
pub(super) const ENTRIES_FROM: &str =
    "SELECT bytes FROM entry WHERE leaf >= ? ORDER BY leaf LIMIT ?";

/// The latest checkpoint.
pub(super) const HEAD: &str =
    "SELECT size, adjudicated, note FROM checkpoint ORDER BY size DESC LIMIT 1";

/// What waits, in order.
pub(super) const WAITING: &str = "SELECT id, entry, claim, policy, statement, revision, reversal FROM outbox ORDER BY id LIMIT ?";

/// Tells outcomes the places of their entries.
pub(super) const PLACE_CLAIMS: &str = "UPDATE outcome SET leaf = j.value ->> 0 FROM json_each(?) AS j \
     WHERE outcome.claim = unhex(j.value ->> 1)";

/// Tells policies the places of their entries.
pub(super) const PLACE_POLICIES: &str = "UPDATE policy SET leaf = j.value ->> 1 FROM json_each(?) AS j \
     WHERE policy.id = j.value ->> 0";

/// Tells revisions the places of their entries.
pub(super) const PLACE_REVISIONS: &str = "UPDATE revision SET leaf = j.value ->> 1 FROM json_each(?) AS j \
     WHERE revision.id = j.value ->> 0";

/// Tells revisions the places of their reversals.
pub(super) const PLACE_REVERSALS: &str = "UPDATE revision SET reversal_leaf = j.value ->> 1 FROM json_each(?) AS j \
     WHERE revision.id = j.value ->> 0";

/// Tells statements the places of their entries.
pub(super) const PLACE_STATEMENTS: &str = "UPDATE statement SET leaf = j.value ->> 1 FROM json_each(?) AS j \
     WHERE statement.id = j.value ->> 0";

/// Empties the outbox of what was relayed.
pub(super) const RELAYED: &str = "DELETE FROM outbox WHERE id <= ?";

/// Tells flags their places.
pub(super) const PLACE_FLAGS: &str = "UPDATE flag SET leaf = j.value ->> 1, slot = j.value ->> 2 FROM json_each(?) AS j \
     WHERE flag.id = j.value ->> 0 AND flag.leaf IS NULL";

const ENTRIES: Bulk = Bulk {
    doing: "appending entries",
    before: "INSERT INTO entry (leaf, bytes)",
    columns: 2,
    after: "",
};

const NODES: Bulk = Bulk {
    doing: "storing nodes",
    before: "INSERT INTO node (level, place, hash)",
    columns: 3,
    after: "",
};

impl Log for SqliteStore {
    async fn head(&self) -> Answer<Head> {
        let mut reader = self.reader().await?;
        head(&mut reader).await
    }

    async fn outbox(&self, limit: u32) -> Answer<Vec<OutboxRow>> {
        let mut reader = self.reader().await?;
        outbox(&mut reader, limit.into()).await
    }

    async fn pending_flags(&self, limit: u32) -> Answer<Vec<PendingFlag>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(PENDING)
            .bind(limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading pending flags"))?;
        rows.iter()
            .map(|row| Cells::of(row, "flag").pending())
            .collect()
    }

    async fn integrate(&self, new: &Integration) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        integrate(&mut tx, new).await?;
        tx.commit().await.map_err(doing("appending to the log"))
    }

    async fn nodes(&self, nodes: &[(u8, u64)]) -> Answer<Vec<Option<Hash>>> {
        let mut reader = self.reader().await?;
        // A place that SQLite cannot hold is one where there is no node.
        let asked = nodes
            .iter()
            .map(|(level, place)| [i64::from(*level), i64::try_from(*place).unwrap_or(-1)]);
        let rows = sqlx::query(NODES_AT)
            .bind(number_list(asked))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading nodes"))?;
        let mut found = vec![None; nodes.len()];
        for row in &rows {
            let mut cells = Cells::of(row, "node");
            let position: usize = cells.number()?;
            let hash = cells.bytes()?;
            if let Some(found) = found.get_mut(position) {
                *found = Some(hash);
            }
        }
        Ok(found)
    }

    async fn entries(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        let Ok(from) = i64::try_from(from) else {
            return Ok(Vec::new());
        };
        let mut reader = self.reader().await?;
        sqlx::query_scalar(ENTRIES_FROM)
            .bind(from)
            .bind(limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading entries"))
    }
}

async fn head(conn: &mut SqliteConnection) -> Answer<Head> {
    let row = sqlx::query(HEAD)
        .fetch_optional(conn)
        .await
        .map_err(doing("reading the log's head"))?;
    let Some(row) = row else {
        return Ok(Head::default());
    };
    Cells::of(&row, "checkpoint").head()
}

async fn outbox(conn: &mut SqliteConnection, limit: i64) -> Answer<Vec<OutboxRow>> {
    let rows = sqlx::query(WAITING)
        .bind(limit)
        .fetch_all(conn)
        .await
        .map_err(doing("reading the outbox"))?;
    rows.iter()
        .map(|row| {
            let mut cells = Cells::of(row, "entry");
            Ok(OutboxRow {
                id: cells.number()?,
                entry: cells.blob()?,
            })
        })
        .collect()
}

const TOO_LONG: StoreError = StoreError::Damaged {
    what: "size of the log",
};

async fn integrate(conn: &mut SqliteConnection, new: &Integration) -> Answer<()> {
    if head(conn).await?.size != new.from {
        return Err(StoreError::Fenced {
            what: "the size of the log",
        });
    }
    let from = i64::try_from(new.from).map_err(|_| TOO_LONG)?;
    let leaves: Vec<(i64, &Leaf)> = (from..).zip(&new.leaves).collect();
    let count = i64::try_from(leaves.len()).map_err(|_| TOO_LONG)?;
    let size = from.checked_add(count).ok_or(TOO_LONG)?;
    let placed = relayed(conn, &leaves).await?;

    ENTRIES
        .run(conn, &leaves, |values, (place, leaf)| {
            values.number(*place);
            values.bytes(&leaf.entry);
        })
        .await?;
    NODES
        .run(conn, &new.nodes, |values, node: &Node| {
            values.number(node.level);
            values.number(node.index);
            values.bytes(&node.hash);
        })
        .await?;
    place_relayed(conn, &placed).await?;
    place_flags(conn, &leaves).await?;
    sqlx::query(
        "INSERT INTO checkpoint (size, adjudicated, note) VALUES (?, ?, ?) \
         ON CONFLICT (size) DO UPDATE SET adjudicated = excluded.adjudicated, \
                                          note = excluded.note",
    )
    .bind(size)
    .bind(i64::try_from(new.adjudicated).map_err(|_| TOO_LONG)?)
    .bind(&new.checkpoint[..])
    .execute(conn)
    .await
    .map_err(doing("storing a checkpoint"))?;
    Ok(())
}

/// An entry that leaves the outbox, and the place it is given.
struct Relayed {
    id: i64,
    place: i64,
    of: Origin,
}

/// What an entry of the outbox is of.
enum Origin {
    Claim([u8; 16]),
    Policy(i64),
    Statement(i64),
    Revision(i64),
    Reversal(i64),
}

/// What comes from the outbox: it must be the first of it, in order, and the
/// entries the ones that wait there.
async fn relayed(conn: &mut SqliteConnection, leaves: &[(i64, &Leaf)]) -> Answer<Vec<Relayed>> {
    let given: Vec<(i64, i64, &[u8])> = leaves
        .iter()
        .filter_map(|(place, leaf)| leaf.outbox.map(|id| (id, *place, &leaf.entry[..])))
        .collect();
    let rows = sqlx::query(WAITING)
        .bind(i64::try_from(given.len()).map_err(|_| TOO_LONG)?)
        .fetch_all(conn)
        .await
        .map_err(doing("reading the outbox"))?;
    let another = StoreError::Fenced { what: "the outbox" };
    if rows.len() != given.len() {
        return Err(another);
    }
    let mut relayed = Vec::with_capacity(rows.len());
    for (row, (id, place, entry)) in rows.iter().zip(given) {
        let mut cells = Cells::of(row, "outbox");
        if cells.number::<i64>()? != id || cells.blob()? != entry {
            return Err(another);
        }
        let claim = cells.optional(Cells::bytes)?;
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
        relayed.push(Relayed { id, place, of });
    }
    Ok(relayed)
}

/// Tells claims, policies, statements and revisions their places, and empties the outbox of them.
async fn place_relayed(conn: &mut SqliteConnection, relayed: &[Relayed]) -> Answer<()> {
    let Some(last) = relayed.last() else {
        return Ok(());
    };
    let claims = pair_list(relayed.iter().filter_map(|entry| match &entry.of {
        Origin::Claim(claim) => Some((entry.place, &claim[..])),
        _ => None,
    }));
    let numbered = |of: fn(&Origin) -> Option<i64>| {
        number_list(
            relayed
                .iter()
                .filter_map(|entry| Some([of(&entry.of)?, entry.place])),
        )
    };
    let policies = numbered(|of| match of {
        Origin::Policy(policy) => Some(*policy),
        _ => None,
    });
    let statements = numbered(|of| match of {
        Origin::Statement(statement) => Some(*statement),
        _ => None,
    });
    let revisions = numbered(|of| match of {
        Origin::Revision(revision) => Some(*revision),
        _ => None,
    });
    let reversals = numbered(|of| match of {
        Origin::Reversal(revision) => Some(*revision),
        _ => None,
    });
    for (sql, places) in [
        (PLACE_CLAIMS, claims),
        (PLACE_POLICIES, policies),
        (PLACE_STATEMENTS, statements),
        (PLACE_REVISIONS, revisions),
        (PLACE_REVERSALS, reversals),
    ] {
        if places == "[]" {
            continue;
        }
        sqlx::query(sql)
            .bind(places)
            .execute(&mut *conn)
            .await
            .map_err(doing("placing entries"))?;
    }
    sqlx::query(RELAYED)
        .bind(last.id)
        .execute(conn)
        .await
        .map_err(doing("emptying the outbox"))?;
    Ok(())
}

/// Tells flags their places; one that has a place already is fenced.
async fn place_flags(conn: &mut SqliteConnection, leaves: &[(i64, &Leaf)]) -> Answer<()> {
    let placed: Vec<[i64; 3]> = leaves
        .iter()
        .flat_map(|(place, leaf)| {
            leaf.flags
                .iter()
                .map(|(flag, slot)| [*flag, *place, i64::from(*slot)])
        })
        .collect();
    if placed.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(PLACE_FLAGS)
        .bind(number_list(placed.iter().copied()))
        .execute(conn)
        .await
        .map_err(doing("placing flags"))?;
    if usize::try_from(done.rows_affected()) == Ok(placed.len()) {
        Ok(())
    } else {
        Err(StoreError::Fenced {
            what: "a flag's place",
        })
    }
}
