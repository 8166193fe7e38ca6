//! Published policies and their components.

use sqlx::postgres::PgConnection;

use crate::port::{Answer, NewPolicy, NewStatement, PolicyRow, Publications};

use super::cells::Cells;
use super::statements::state;
use super::{PostgresStore, doing, once, whole};

impl Publications for PostgresStore {
    async fn publish(&self, policy: &NewPolicy) -> Answer<()> {
        whole!(self, "publishing a policy", |conn| publish(conn, policy)
            .await)
    }

    async fn publications(&self) -> Answer<Vec<PolicyRow>> {
        once!(self, "reading policies", |conn| {
            let rows = sqlx::query("SELECT leaf, hash, entry FROM policy ORDER BY id")
                .fetch_all(conn)
                .await
                .map_err(doing("reading policies"))?;
            rows.iter()
                .map(|row| Cells::of(row, "policy").policy())
                .collect()
        })
    }

    async fn component(&self, hash: [u8; 32]) -> Answer<Option<Vec<u8>>> {
        once!(self, "reading a component", |conn| {
            sqlx::query_scalar("SELECT bytes FROM component WHERE hash = $1")
                .bind(hash.to_vec())
                .fetch_optional(conn)
                .await
                .map_err(doing("reading a component"))
        })
    }
}

async fn publish(conn: &mut PgConnection, policy: &NewPolicy) -> Answer<()> {
    sqlx::query("INSERT INTO component (hash, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(&policy.hash[..])
        .bind(&policy.component[..])
        .execute(&mut *conn)
        .await
        .map_err(doing("storing a component"))?;
    let new = sqlx::query(
        "WITH published AS (\
         INSERT INTO policy (product, effective, hash, entry) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (known_by) DO NOTHING RETURNING id, entry) \
         INSERT INTO outbox (policy, entry) SELECT id, entry FROM published",
    )
    .bind(&policy.product[..])
    .bind(policy.effective.days())
    .bind(&policy.hash[..])
    .bind(&policy.entry[..])
    .execute(&mut *conn)
    .await
    .map_err(doing("storing a policy"))?;
    // The same publication again is the same publication.
    if new.rows_affected() > 0 && !policy.stands.is_empty() {
        let stands: Vec<&NewStatement> = policy.stands.iter().collect();
        state(conn, &stands).await?;
    }
    Ok(())
}
