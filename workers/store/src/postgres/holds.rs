//! Legal holds.

use tally_core::claim::ClaimId;

use crate::port::{Answer, HoldRow, Holds};

use super::cells::Cells;
use super::{PostgresStore, doing, once, whole};

const HOLDS: &str = "SELECT claim, name, day, lifted FROM legal_hold ORDER BY id";
pub(super) const OF_CLAIM: &str =
    "SELECT claim, name, day, lifted FROM legal_hold WHERE claim = $1 ORDER BY id";

impl Holds for PostgresStore {
    async fn hold(&self, row: &HoldRow) -> Answer<()> {
        whole!(self, "placing a hold", |conn| {
            sqlx::query(
                "INSERT INTO legal_hold (claim, name, day, lifted) VALUES ($1, $2, $3, $4)",
            )
            .bind(row.claim.0.to_vec())
            .bind(&row.name)
            .bind(row.day.days())
            .bind(row.lifted)
            .execute(conn)
            .await
            .map_err(doing("placing a hold"))?;
            Ok(())
        })
    }

    async fn holds(&self, claim: Option<ClaimId>) -> Answer<Vec<HoldRow>> {
        once!(self, "reading holds", |conn| {
            let query = match claim {
                None => sqlx::query(HOLDS),
                Some(claim) => sqlx::query(OF_CLAIM).bind(claim.0.to_vec()),
            };
            let rows = query
                .fetch_all(conn)
                .await
                .map_err(doing("reading holds"))?;
            rows.iter()
                .map(|row| Cells::of(row, "hold").hold())
                .collect()
        })
    }
}
