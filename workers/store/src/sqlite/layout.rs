//! What every process on one store agrees on.

use sqlx::sqlite::SqliteConnection;

use crate::port::{Answer, Identity, Layout};

use super::cells::Cells;
use super::{SqliteStore, begin, doing};

impl Layout for SqliteStore {
    async fn identity(&self) -> Answer<Option<Identity>> {
        let mut reader = self.reader().await?;
        identity(&mut reader).await
    }

    async fn set_up(&self, identity: &Identity) -> Answer<Identity> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        if let Some(held) = self::identity(&mut tx).await? {
            return Ok(held);
        }
        sqlx::query("INSERT INTO identity (id, origin, partitions) VALUES (1, ?, ?)")
            .bind(&identity.origin)
            .bind(identity.partitions)
            .execute(&mut *tx)
            .await
            .map_err(doing("setting the store up"))?;
        tx.commit().await.map_err(doing("setting the store up"))?;
        Ok(identity.clone())
    }

    async fn repartition(&self, partitions: u32) -> Answer<()> {
        let changing = || doing("changing the number of partitions");
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        sqlx::query("INSERT OR IGNORE INTO generation SELECT partitions FROM identity")
            .execute(&mut *tx)
            .await
            .map_err(changing())?;
        for change in [
            "UPDATE identity SET partitions = ?",
            "DELETE FROM generation WHERE partitions = ?",
        ] {
            sqlx::query(change)
                .bind(partitions)
                .execute(&mut *tx)
                .await
                .map_err(changing())?;
        }
        tx.commit().await.map_err(changing())
    }

    async fn former(&self) -> Answer<Vec<u32>> {
        let mut reader = self.reader().await?;
        sqlx::query_scalar("SELECT partitions FROM generation ORDER BY partitions")
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading former numbers of partitions"))
    }

    async fn removed(&self, partitions: u32) -> Answer<()> {
        let mut writer = self.writer().await;
        sqlx::query("DELETE FROM generation WHERE partitions = ?")
            .bind(partitions)
            .execute(&mut *writer)
            .await
            .map_err(doing("noting that queues are removed"))?;
        Ok(())
    }
}

pub(super) async fn identity(conn: &mut SqliteConnection) -> Answer<Option<Identity>> {
    let row = sqlx::query("SELECT origin, partitions FROM identity")
        .fetch_optional(conn)
        .await
        .map_err(doing("reading what the store was set up as"))?;
    row.map(|row| {
        let mut cells = Cells::of(&row, "identity");
        Ok(Identity {
            origin: cells.text()?,
            partitions: cells.number()?,
        })
    })
    .transpose()
}
