//! What every process on the store agrees on.

use sqlx::postgres::PgConnection;

use crate::port::{Answer, Identity, Layout};

use super::cells::Cells;
use super::{PostgresStore, doing, once, short, whole};

/// Held, shared, by whoever takes claims in, until it commits; so nobody does
/// by the old number once another is set. A lock in memory: a row's would be
/// written each time.
pub(super) const LOCK: i64 = 0x74_61_6c_6c_79_01;

impl Layout for PostgresStore {
    async fn identity(&self) -> Answer<Option<Identity>> {
        once!(self, "reading the layout", |conn| identity(conn).await)
    }

    async fn set_up(&self, new: &Identity) -> Answer<Identity> {
        whole!(self, "setting the store up", |conn| {
            // Whoever may not set it up may find that it is.
            if let Some(held) = identity(conn).await? {
                return Ok(held);
            }
            sqlx::query(
                "INSERT INTO layout (id, origin, partitions) VALUES (1, $1, $2) \
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(&new.origin)
            .bind(short(new.partitions))
            .execute(&mut *conn)
            .await
            .map_err(doing("setting the store up"))?;
            Ok(identity(conn).await?.unwrap_or_else(|| new.clone()))
        })
    }

    async fn repartition(&self, partitions: u32) -> Answer<()> {
        whole!(self, "changing the number of partitions", |conn| {
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(LOCK)
                .execute(&mut *conn)
                .await
                .map_err(doing("waiting for intake"))?;
            let changing = || doing("changing the number of partitions");
            sqlx::query(
                "INSERT INTO generation SELECT partitions FROM layout ON CONFLICT DO NOTHING",
            )
            .execute(&mut *conn)
            .await
            .map_err(changing())?;
            for change in [
                "UPDATE layout SET partitions = $1 WHERE id = 1",
                "DELETE FROM generation WHERE partitions = $1",
            ] {
                sqlx::query(change)
                    .bind(short(partitions))
                    .execute(&mut *conn)
                    .await
                    .map_err(changing())?;
            }
            Ok(())
        })
    }

    async fn former(&self) -> Answer<Vec<u32>> {
        once!(self, "reading the layout", |conn| {
            let rows = sqlx::query("SELECT partitions FROM generation ORDER BY partitions")
                .fetch_all(conn)
                .await
                .map_err(doing("reading the layout"))?;
            rows.iter()
                .map(|row| Cells::of(row, "generation").number())
                .collect()
        })
    }

    async fn removed(&self, partitions: u32) -> Answer<()> {
        once!(self, "noting that queues are removed", |conn| {
            sqlx::query("DELETE FROM generation WHERE partitions = $1")
                .bind(short(partitions))
                .execute(conn)
                .await
                .map_err(doing("noting that queues are removed"))?;
            Ok(())
        })
    }
}

async fn identity(conn: &mut PgConnection) -> Answer<Option<Identity>> {
    let row = sqlx::query("SELECT origin, partitions FROM layout WHERE id = 1")
        .fetch_optional(conn)
        .await
        .map_err(doing("reading the layout"))?;
    row.map(|row| {
        let mut cells = Cells::of(&row, "layout");
        Ok(Identity {
            origin: cells.text()?,
            partitions: cells.number()?,
        })
    })
    .transpose()
}
