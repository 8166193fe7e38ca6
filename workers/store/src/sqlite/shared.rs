//! The ledger that organisations share.

use sqlx::sqlite::SqliteConnection;

use crate::alike::{FOLLOWS, Written, leaves, of_each, place_of, totalled, written_before};
use crate::port::{
    Answer, NewBlock, SharedBlock, SharedCheckpoint, SharedHead, SharedLedger, TileRow, Totalled,
};

use super::bulk::{Bulk, Values, number_list};
use super::cells::Cells;
use super::{SqliteStore, begin, doing};

const HEAD: &str =
    "SELECT height, block, size, snapshot FROM shared_head WHERE id = 1 AND height >= 0";

/// How far it is, without all that it comes to.
const HEIGHT: &str = "SELECT height, size FROM shared_head WHERE id = 1 AND height >= 0";

/// The fence.
const MOVED: &str = "UPDATE shared_head SET height = ?1, block = ?2, size = ?3, snapshot = ?4, \
         entries = entries + ?5, agreed = agreed + ?6, disputed = disputed + ?7 \
     WHERE id = 1 AND height = ?1 - 1 AND size = ?8";

/// The block of a height.
pub(super) const BLOCK: &str = "SELECT block, size FROM shared_block WHERE height = ?";

/// Blocks from a height on.
pub(super) const BLOCKS: &str =
    "SELECT height, block, size FROM shared_block WHERE height >= ? ORDER BY height LIMIT ?";

/// The chunks that hold leaves.
pub(super) const LEAVES: &str = "SELECT first, count, bytes FROM shared_chunk \
     WHERE first >= (SELECT max(first) FROM shared_chunk WHERE first <= ?1) AND first < ?2 \
     ORDER BY first";

/// Tiles by level and place.
pub(super) const TILES_AT: &str = "SELECT j.key, t.hashes FROM json_each(?) AS j \
     CROSS JOIN shared_tile AS t ON t.level = j.value ->> 0 AND t.place = j.value ->> 1";

/// The last envelope of an organisation that begins no later.
pub(super) const BROUGHT: &str = "SELECT first, count, leaf FROM shared_brought \
     WHERE organisation = ? AND first <= ? ORDER BY first DESC LIMIT 1";

/// Keeps a checkpoint: one that hands over whatever came since.
pub(super) const KEPT: &str = "INSERT INTO shared_checkpoint (size, epoch, hands_over, note) \
     SELECT ?1, ?2, ?3, ?4 \
     WHERE ?3 OR NOT EXISTS (SELECT 1 FROM shared_checkpoint WHERE size > ?1) \
     ON CONFLICT (size, epoch) DO UPDATE SET hands_over = excluded.hands_over, \
                                             note = excluded.note";

/// The last checkpoint.
pub(super) const LAST: &str = "SELECT size, epoch, hands_over, note FROM shared_checkpoint \
     ORDER BY size DESC, epoch DESC LIMIT 1";

/// Those that handed over.
pub(super) const HANDOVERS: &str = "SELECT size, epoch, hands_over, note FROM shared_checkpoint \
     WHERE hands_over = 1 ORDER BY epoch, size";

const TILES: Bulk = Bulk {
    doing: "storing tiles",
    before: "INSERT INTO shared_tile (level, place, hashes)",
    columns: 3,
    after: "ON CONFLICT (level, place) DO UPDATE SET hashes = excluded.hashes",
};

const ENVELOPES: Bulk = Bulk {
    doing: "storing what envelopes brought",
    before: "INSERT INTO shared_brought (organisation, first, count, leaf)",
    columns: 4,
    after: "",
};

impl SharedLedger for SqliteStore {
    async fn shared_head(&self) -> Answer<Option<SharedHead>> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(HEAD)
            .fetch_optional(&mut *reader)
            .await
            .map_err(doing("reading the shared ledger's head"))?;
        row.map(|row| Cells::of(&row, "head of the shared ledger").shared_head())
            .transpose()
    }

    async fn shared_height(&self) -> Answer<Option<(u64, u64)>> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(HEIGHT)
            .fetch_optional(&mut *reader)
            .await
            .map_err(doing("reading the shared ledger's head"))?;
        row.map(|row| Cells::of(&row, "head of the shared ledger").height())
            .transpose()
    }

    async fn append_block(&self, new: &NewBlock) -> Answer<()> {
        let written = Written::of(new)?;
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        append(&mut tx, new, &written).await?;
        tx.commit().await.map_err(doing("appending a block"))
    }

    async fn shared_leaves(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        let (Ok(first), 1..) = (i64::try_from(from), limit) else {
            return Ok(Vec::new());
        };
        let mut reader = self.reader().await?;
        let rows = sqlx::query(LEAVES)
            .bind(first)
            .bind(first.saturating_add(limit.into()))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading the shared ledger's leaves"))?;
        leaves(&rows, from, limit)
    }

    async fn shared_blocks(&self, from: u64, limit: u32) -> Answer<Vec<SharedBlock>> {
        let Ok(from) = i64::try_from(from) else {
            return Ok(Vec::new());
        };
        let mut reader = self.reader().await?;
        let rows = sqlx::query(BLOCKS)
            .bind(from)
            .bind(limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading blocks"))?;
        let block = |row| Cells::of(row, "block of the shared ledger").shared_block();
        rows.iter().map(block).collect()
    }

    async fn shared_tiles(&self, tiles: &[(u8, u64)]) -> Answer<Vec<Option<Vec<u8>>>> {
        let mut reader = self.reader().await?;
        // A place that SQLite cannot hold is one where there is no tile.
        let asked = tiles
            .iter()
            .map(|(level, place)| [i64::from(*level), i64::try_from(*place).unwrap_or(-1)]);
        let rows = sqlx::query(TILES_AT)
            .bind(number_list(asked))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading tiles"))?;
        of_each(tiles, &rows, "tile", |cells, _| cells.blob())
    }

    async fn shared_place(&self, organisation: &str, index: u64) -> Answer<Option<u64>> {
        let Ok(at) = i64::try_from(index) else {
            return Ok(None);
        };
        let mut reader = self.reader().await?;
        let row = sqlx::query(BROUGHT)
            .bind(organisation)
            .bind(at)
            .fetch_optional(&mut *reader)
            .await
            .map_err(doing("finding an entry in the shared ledger"))?;
        place_of(row.as_ref(), index)
    }

    async fn shared_totals(&self) -> Answer<Totalled> {
        let mut reader = self.reader().await?;
        let row = sqlx::query("SELECT entries, agreed, disputed FROM shared_head WHERE id = 1")
            .fetch_one(&mut *reader)
            .await
            .map_err(doing("counting the shared ledger"))?;
        totalled(&row)
    }

    async fn keep_checkpoint(&self, checkpoint: &SharedCheckpoint) -> Answer<()> {
        let mut values = Values::default();
        values.number(checkpoint.size);
        values.number(checkpoint.epoch);
        values.number(u8::from(checkpoint.hands_over));
        values.text(&checkpoint.note);
        let arguments = values.finish().map_err(doing("keeping a checkpoint"))?;
        let mut writer = self.writer().await;
        let kept = sqlx::query_with(KEPT, arguments)
            .execute(&mut *writer)
            .await
            .map_err(doing("keeping a checkpoint"))?;
        if kept.rows_affected() == 1 {
            Ok(())
        } else {
            Err(FOLLOWS)
        }
    }

    async fn shared_checkpoint(&self) -> Answer<Option<SharedCheckpoint>> {
        Ok(self.checkpoints(LAST).await?.pop())
    }

    async fn handovers(&self) -> Answer<Vec<SharedCheckpoint>> {
        self.checkpoints(HANDOVERS).await
    }
}

impl SqliteStore {
    async fn checkpoints(&self, sql: &'static str) -> Answer<Vec<SharedCheckpoint>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(sql)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading checkpoints"))?;
        rows.iter()
            .map(|row| Cells::of(row, "checkpoint").shared_checkpoint())
            .collect()
    }
}

async fn append(conn: &mut SqliteConnection, new: &NewBlock, written: &Written) -> Answer<()> {
    let moved = sqlx::query(MOVED)
        .bind(written.height)
        .bind(&new.head.id[..])
        .bind(written.size)
        .bind(&new.head.snapshot[..])
        .bind(written.entries)
        .bind(written.agreed)
        .bind(written.disputed)
        .bind(written.from)
        .execute(&mut *conn)
        .await
        .map_err(doing("appending a block"))?;
    if moved.rows_affected() != 1 {
        let row = sqlx::query(BLOCK)
            .bind(written.height)
            .fetch_optional(conn)
            .await
            .map_err(doing("reading a block"))?;
        return written_before(row.as_ref(), new);
    }
    sqlx::query("INSERT INTO shared_block (height, block, size) VALUES (?, ?, ?)")
        .bind(written.height)
        .bind(&new.head.id[..])
        .bind(written.size)
        .execute(&mut *conn)
        .await
        .map_err(doing("appending a block"))?;
    if written.count > 0 {
        sqlx::query("INSERT INTO shared_chunk (first, count, bytes) VALUES (?, ?, ?)")
            .bind(written.from)
            .bind(written.count)
            .bind(&written.bytes[..])
            .execute(&mut *conn)
            .await
            .map_err(doing("appending a block's leaves"))?;
    }
    TILES
        .run(conn, &new.tiles, |values, tile: &TileRow| {
            values.number(tile.level);
            values.number(tile.index);
            values.bytes(&tile.hashes);
        })
        .await?;
    let envelopes: Vec<_> = new.brought.iter().zip(&written.brought).collect();
    ENVELOPES
        .run(conn, &envelopes, |values, (of, (first, count, leaf))| {
            values.text(&of.organisation);
            values.number(*first);
            values.number(*count);
            values.number(*leaf);
        })
        .await
}
