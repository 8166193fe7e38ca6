//! The ledger that organisations share.
//!
//! A block is one statement: it takes the head's row, which fences it, and all
//! else follows from that.

use sqlx::postgres::PgConnection;

use crate::alike::{FOLLOWS, Written, leaves, place_of, totalled, written_before};
use crate::port::{
    Answer, NewBlock, SharedBlock, SharedCheckpoint, SharedHead, SharedLedger, StoreError, Totalled,
};

use super::cells::Cells;
use super::{PostgresStore, doing, number, once, position};

/// Where it stands.
pub(super) const HEAD: &str =
    "SELECT height, block, size, snapshot FROM shared_head WHERE id = 1 AND height >= 0";

/// How far it is, without all that it comes to.
const HEIGHT: &str = "SELECT height, size FROM shared_head WHERE id = 1 AND height >= 0";

/// Appends a block that follows the last.
pub(super) const APPENDED: &str = "WITH moved AS (UPDATE shared_head \
     SET height = $1, block = $2, size = $3, snapshot = $4, entries = entries + $5, \
         agreed = agreed + $6, disputed = disputed + $7 \
     WHERE id = 1 AND height = $1 - 1 AND size = $8 RETURNING id), \
     chunk AS (INSERT INTO shared_chunk (first, count, bytes) \
     SELECT $8, $9::integer, $10::bytea FROM moved WHERE $9::integer > 0), \
     tiles AS (INSERT INTO shared_tile (level, place, hashes) \
     SELECT t.* FROM moved \
     CROSS JOIN unnest($11::smallint[], $12::bigint[], $13::bytea[]) AS t \
     ON CONFLICT (level, place) DO UPDATE SET hashes = excluded.hashes), \
     brought AS (INSERT INTO shared_brought (organisation, first, count, leaf) \
     SELECT b.* FROM moved \
     CROSS JOIN unnest($14::text[], $15::bigint[], $16::integer[], $17::bigint[]) AS b) \
     INSERT INTO shared_block (height, block, size) \
     SELECT $1::bigint, $2::bytea, $3::bigint FROM moved";

/// Blocks from a height on.
pub(super) const BLOCKS: &str =
    "SELECT height, block, size FROM shared_block WHERE height >= $1 ORDER BY height LIMIT $2";

/// The block of a height.
pub(super) const BLOCK: &str = "SELECT block, size FROM shared_block WHERE height = $1";

/// The chunks that hold leaves.
pub(super) const LEAVES: &str = "SELECT first, count, bytes FROM shared_chunk \
     WHERE first >= (SELECT max(first) FROM shared_chunk WHERE first <= $1) AND first < $2 \
     ORDER BY first";

/// Tiles by level and place.
pub(super) const TILES_AT: &str = "SELECT a.n, t.hashes \
     FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS a (level, place, n) \
     CROSS JOIN LATERAL (SELECT hashes FROM shared_tile \
         WHERE shared_tile.level = a.level AND shared_tile.place = a.place OFFSET 0) AS t";

/// The last envelope of an organisation that begins no later.
pub(super) const BROUGHT: &str = "SELECT first, count, leaf FROM shared_brought \
     WHERE organisation = $1 AND first <= $2 ORDER BY organisation, first DESC LIMIT 1";

/// Keeps a checkpoint: one that hands over whatever came since.
pub(super) const KEPT: &str = "INSERT INTO shared_checkpoint (size, epoch, hands_over, note) \
     SELECT $1::bigint, $2::bigint, $3::boolean, $4::text \
     WHERE $3::boolean OR NOT EXISTS (SELECT FROM shared_checkpoint WHERE size > $1::bigint) \
     ON CONFLICT (size, epoch) DO UPDATE SET hands_over = excluded.hands_over, \
                                             note = excluded.note";

/// The last checkpoint.
pub(super) const LAST: &str = "SELECT size, epoch, hands_over, note FROM shared_checkpoint \
     ORDER BY size DESC, epoch DESC LIMIT 1";

/// Those that handed over.
pub(super) const HANDOVERS: &str = "SELECT size, epoch, hands_over, note FROM shared_checkpoint \
     WHERE hands_over ORDER BY epoch, size";

impl SharedLedger for PostgresStore {
    async fn shared_head(&self) -> Answer<Option<SharedHead>> {
        once!(self, "reading the shared ledger's head", |conn| {
            let row = sqlx::query(HEAD)
                .fetch_optional(conn)
                .await
                .map_err(doing("reading the shared ledger's head"))?;
            row.map(|row| Cells::of(&row, "head of the shared ledger").shared_head())
                .transpose()
        })
    }

    async fn shared_height(&self) -> Answer<Option<(u64, u64)>> {
        once!(self, "reading the shared ledger's head", |conn| {
            let row = sqlx::query(HEIGHT)
                .fetch_optional(conn)
                .await
                .map_err(doing("reading the shared ledger's head"))?;
            row.map(|row| Cells::of(&row, "head of the shared ledger").height())
                .transpose()
        })
    }

    async fn append_block(&self, new: &NewBlock) -> Answer<()> {
        let written = Written::of(new)?;
        once!(self, "appending a block", |conn| {
            append(conn, new, &written).await
        })
    }

    async fn shared_leaves(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        once!(self, "reading the shared ledger's leaves", |conn| {
            let rows = sqlx::query(LEAVES)
                .bind(number(from))
                .bind(number(from.saturating_add(limit.into())))
                .fetch_all(conn)
                .await
                .map_err(doing("reading the shared ledger's leaves"))?;
            leaves(&rows, from, limit)
        })
    }

    async fn shared_blocks(&self, from: u64, limit: u32) -> Answer<Vec<SharedBlock>> {
        once!(self, "reading blocks", |conn| {
            let rows = sqlx::query(BLOCKS)
                .bind(number(from))
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await
                .map_err(doing("reading blocks"))?;
            let block = |row| Cells::of(row, "block of the shared ledger").shared_block();
            rows.iter().map(block).collect()
        })
    }

    async fn shared_tiles(&self, tiles: &[(u8, u64)]) -> Answer<Vec<Option<Vec<u8>>>> {
        once!(self, "reading tiles", |conn| {
            let levels: Vec<i16> = tiles.iter().map(|(level, _)| i16::from(*level)).collect();
            let places: Vec<i64> = tiles.iter().map(|(_, place)| number(*place)).collect();
            let rows = sqlx::query(TILES_AT)
                .bind(levels)
                .bind(places)
                .fetch_all(conn)
                .await
                .map_err(doing("reading tiles"))?;
            let mut found = vec![None; tiles.len()];
            for row in &rows {
                let mut cells = Cells::of(row, "tile");
                let position = position(cells.number()?)?;
                let hashes = cells.blob()?;
                if let Some(found) = found.get_mut(position) {
                    *found = Some(hashes);
                }
            }
            Ok(found)
        })
    }

    async fn shared_place(&self, organisation: &str, index: u64) -> Answer<Option<u64>> {
        let Ok(at) = i64::try_from(index) else {
            return Ok(None);
        };
        once!(self, "finding an entry in the shared ledger", |conn| {
            let row = sqlx::query(BROUGHT)
                .bind(organisation)
                .bind(at)
                .fetch_optional(conn)
                .await
                .map_err(doing("finding an entry in the shared ledger"))?;
            place_of(row.as_ref(), index)
        })
    }

    async fn shared_totals(&self) -> Answer<Totalled> {
        once!(self, "counting the shared ledger", |conn| {
            let row = sqlx::query("SELECT entries, agreed, disputed FROM shared_head WHERE id = 1")
                .fetch_one(conn)
                .await
                .map_err(doing("counting the shared ledger"))?;
            totalled(&row)
        })
    }

    async fn keep_checkpoint(&self, checkpoint: &SharedCheckpoint) -> Answer<()> {
        const TOO_GREAT: StoreError = StoreError::Damaged { what: "checkpoint" };
        let size = i64::try_from(checkpoint.size).map_err(|_| TOO_GREAT)?;
        let epoch = i64::try_from(checkpoint.epoch).map_err(|_| TOO_GREAT)?;
        once!(self, "keeping a checkpoint", |conn| {
            let kept = sqlx::query(KEPT)
                .bind(size)
                .bind(epoch)
                .bind(checkpoint.hands_over)
                .bind(&checkpoint.note[..])
                .execute(conn)
                .await
                .map_err(doing("keeping a checkpoint"))?;
            if kept.rows_affected() == 1 {
                Ok(())
            } else {
                Err(FOLLOWS)
            }
        })
    }

    async fn shared_checkpoint(&self) -> Answer<Option<SharedCheckpoint>> {
        Ok(self.checkpoints(LAST).await?.pop())
    }

    async fn handovers(&self) -> Answer<Vec<SharedCheckpoint>> {
        self.checkpoints(HANDOVERS).await
    }
}

impl PostgresStore {
    async fn checkpoints(&self, sql: &'static str) -> Answer<Vec<SharedCheckpoint>> {
        once!(self, "reading checkpoints", |conn| {
            let rows = sqlx::query(sql)
                .fetch_all(conn)
                .await
                .map_err(doing("reading checkpoints"))?;
            rows.iter()
                .map(|row| Cells::of(row, "checkpoint").shared_checkpoint())
                .collect()
        })
    }
}

async fn append(conn: &mut PgConnection, new: &NewBlock, written: &Written) -> Answer<()> {
    let tiles = || new.tiles.iter();
    let envelopes = || written.brought.iter();
    let appended = sqlx::query(APPENDED)
        .bind(written.height)
        .bind(&new.head.id[..])
        .bind(written.size)
        .bind(&new.head.snapshot[..])
        .bind(written.entries)
        .bind(written.agreed)
        .bind(written.disputed)
        .bind(written.from)
        .bind(written.count)
        .bind(&written.bytes[..])
        .bind(
            tiles()
                .map(|tile| i16::from(tile.level))
                .collect::<Vec<_>>(),
        )
        .bind(tiles().map(|tile| number(tile.index)).collect::<Vec<_>>())
        .bind(tiles().map(|tile| &tile.hashes[..]).collect::<Vec<_>>())
        .bind(
            new.brought
                .iter()
                .map(|envelope| &envelope.organisation[..])
                .collect::<Vec<_>>(),
        )
        .bind(envelopes().map(|(first, ..)| *first).collect::<Vec<_>>())
        .bind(envelopes().map(|(_, count, _)| *count).collect::<Vec<_>>())
        .bind(envelopes().map(|(.., leaf)| *leaf).collect::<Vec<_>>())
        .execute(&mut *conn)
        .await
        .map_err(doing("appending a block"))?;
    if appended.rows_affected() == 1 {
        return Ok(());
    }
    let row = sqlx::query(BLOCK)
        .bind(written.height)
        .fetch_optional(conn)
        .await
        .map_err(doing("reading a block"))?;
    written_before(row.as_ref(), new)
}
