//! Published policies and their components.

use crate::port::{Answer, NewPolicy, NewStatement, PolicyRow, Publications};

use super::cells::Cells;
use super::statements::state;
use super::{SqliteStore, begin, doing};

impl Publications for SqliteStore {
    async fn publish(&self, policy: &NewPolicy) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        sqlx::query("INSERT INTO component (hash, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(&policy.hash[..])
            .bind(&policy.component[..])
            .execute(&mut *tx)
            .await
            .map_err(doing("storing a component"))?;
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO policy (product, effective, hash, entry) VALUES (?, ?, ?, ?) \
             ON CONFLICT (entry) DO NOTHING RETURNING id",
        )
        .bind(&policy.product[..])
        .bind(policy.effective.days())
        .bind(&policy.hash[..])
        .bind(&policy.entry[..])
        .fetch_optional(&mut *tx)
        .await
        .map_err(doing("storing a policy"))?;
        // The same publication again is the same publication.
        let Some(id) = id else { return Ok(()) };
        sqlx::query("INSERT INTO outbox (policy, entry) VALUES (?, ?)")
            .bind(id)
            .bind(&policy.entry[..])
            .execute(&mut *tx)
            .await
            .map_err(doing("storing a policy's entry"))?;
        let stands: Vec<&NewStatement> = policy.stands.iter().collect();
        state(&mut tx, &stands).await?;
        tx.commit().await.map_err(doing("publishing a policy"))
    }

    async fn publications(&self) -> Answer<Vec<PolicyRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query("SELECT leaf, hash, entry FROM policy ORDER BY id")
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading policies"))?;
        rows.iter()
            .map(|row| Cells::of(row, "policy").policy())
            .collect()
    }

    async fn component(&self, hash: [u8; 32]) -> Answer<Option<Vec<u8>>> {
        let mut reader = self.reader().await?;
        sqlx::query_scalar("SELECT bytes FROM component WHERE hash = ?")
            .bind(hash.to_vec())
            .fetch_optional(&mut *reader)
            .await
            .map_err(doing("reading a component"))
    }
}
