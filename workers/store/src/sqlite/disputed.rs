//! What others dispute, as they told it.

use tally_core::claim::ClaimId;

use crate::alike::{index, last_disputed};
use crate::port::{Answer, Disputed, DisputedRow};

use super::cells::Cells;
use super::{SqliteStore, doing};

pub(super) const KNOWN: &str = "SELECT organisation, entry, claim, leaf, day, record, payload \
     FROM disputed WHERE organisation = ? AND leaf = ?";
pub(super) const ALL: &str = "SELECT organisation, entry, claim, leaf, day, record, payload \
     FROM disputed ORDER BY id DESC LIMIT ?";
pub(super) const OF_CLAIM: &str = "SELECT organisation, entry, claim, leaf, day, record, payload \
     FROM disputed WHERE claim = ? ORDER BY id DESC LIMIT ?";
const COUNT: &str = "SELECT count(*) FROM disputed";
pub(super) const COUNT_OF_CLAIM: &str = "SELECT count(*) FROM disputed WHERE claim = ?";

impl Disputed for SqliteStore {
    async fn keep_disputed(&self, row: &DisputedRow) -> Answer<bool> {
        let mut writer = self.writer().await;
        let done = sqlx::query(
            "INSERT INTO disputed (organisation, entry, claim, leaf, day, record, payload) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&row.organisation)
        .bind(index(row.entry)?)
        .bind(row.claim.0.to_vec())
        .bind(index(row.leaf)?)
        .bind(row.day.days())
        .bind(row.told.record.0.to_vec())
        .bind(&row.told.bytes[..])
        .execute(&mut *writer)
        .await
        .map_err(doing("keeping a dispute"))?;
        Ok(done.rows_affected() > 0)
    }

    async fn disputed_by(&self, organisation: &str, leaf: u64) -> Answer<Option<DisputedRow>> {
        let Ok(leaf) = index(leaf) else {
            return Ok(None);
        };
        let mut reader = self.reader().await?;
        let row = sqlx::query(KNOWN)
            .bind(organisation)
            .bind(leaf)
            .fetch_optional(&mut *reader)
            .await
            .map_err(doing("reading disputes"))?;
        row.map(|row| Cells::of(&row, "dispute").disputed())
            .transpose()
    }

    async fn disputed(&self, claim: Option<ClaimId>, last: u32) -> Answer<(Vec<DisputedRow>, u64)> {
        let mut reader = self.reader().await?;
        let limit = match last {
            0 => -1,
            last => i64::from(last),
        };
        let (rows, count) = match claim {
            None => (sqlx::query(ALL), sqlx::query(COUNT)),
            Some(claim) => {
                let of = claim.0.to_vec();
                let rows = sqlx::query(OF_CLAIM).bind(of.clone());
                (rows, sqlx::query(COUNT_OF_CLAIM).bind(of))
            }
        };
        let rows = rows
            .bind(limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading disputes"))?;
        let count = count
            .fetch_one(&mut *reader)
            .await
            .map_err(doing("counting disputes"))?;
        last_disputed(&rows, &count)
    }
}
