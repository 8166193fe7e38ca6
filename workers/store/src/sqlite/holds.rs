//! Legal holds.

use tally_core::claim::ClaimId;
use tally_core::ledger::kind;

use crate::alike::fenced;
use crate::port::{Answer, HoldRow, Holds, NewStatement};

use super::bulk::hex_list;
use super::cells::Cells;
use super::{SqliteStore, begin, doing, statements};

const HOLDS: &str = "SELECT claim, name, day, lifted FROM legal_hold ORDER BY id";
pub(super) const OF_CLAIM: &str =
    "SELECT claim, name, day, lifted FROM legal_hold WHERE claim = ? ORDER BY id";

/// Whether a claim was erased.
pub(super) const IS_ERASED: &str =
    "SELECT EXISTS (SELECT 1 FROM statement WHERE about = ? AND +kind = ?)";

/// Whether a hold stands on any of these.
pub(super) const IS_HELD: &str = "SELECT EXISTS (SELECT 1 FROM json_each(?) AS j \
     CROSS JOIN legal_hold AS h ON h.claim = unhex(j.value) \
     WHERE h.lifted = 0 AND NOT EXISTS (SELECT 1 FROM legal_hold AS l \
         WHERE l.claim = h.claim AND l.id > h.id AND l.name = h.name AND l.lifted = 1))";

impl Holds for SqliteStore {
    async fn hold(&self, row: &HoldRow) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let is_erased: bool = sqlx::query_scalar(IS_ERASED)
            .bind(row.claim.0.to_vec())
            .bind(i64::from(kind::ERASED))
            .fetch_one(&mut *tx)
            .await
            .map_err(doing("placing a hold"))?;
        if is_erased && !row.lifted {
            return Err(fenced("the erasure of a claim"));
        }
        sqlx::query("INSERT INTO legal_hold (claim, name, day, lifted) VALUES (?, ?, ?, ?)")
            .bind(row.claim.0.to_vec())
            .bind(&row.name)
            .bind(row.day.days())
            .bind(row.lifted)
            .execute(&mut *tx)
            .await
            .map_err(doing("placing a hold"))?;
        tx.commit().await.map_err(doing("placing a hold"))
    }

    async fn state_unless_held(
        &self,
        new: &[NewStatement],
        claims: &[ClaimId],
    ) -> Answer<Vec<Option<i64>>> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let is_held: bool = sqlx::query_scalar(IS_HELD)
            .bind(hex_list(claims.iter().map(|claim| &claim.0[..])))
            .fetch_one(&mut *tx)
            .await
            .map_err(doing("reading holds"))?;
        if is_held {
            return Err(fenced("a hold on a claim"));
        }
        let new: Vec<&NewStatement> = new.iter().collect();
        let made = statements::state(&mut tx, &new).await?;
        tx.commit().await.map_err(doing("making statements"))?;
        Ok(made)
    }

    async fn holds(&self, claim: Option<ClaimId>) -> Answer<Vec<HoldRow>> {
        let mut reader = self.reader().await?;
        let query = match claim {
            None => sqlx::query(HOLDS),
            Some(claim) => sqlx::query(OF_CLAIM).bind(claim.0.to_vec()),
        };
        let rows = query
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading holds"))?;
        rows.iter()
            .map(|row| Cells::of(row, "hold").hold())
            .collect()
    }
}
