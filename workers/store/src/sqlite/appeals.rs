//! Appeals, and what happened to them.

use sqlx::sqlite::SqliteConnection;
use tally_core::appeal::AppealId;
use tally_core::claim::ClaimId;

use crate::alike::fenced;
use crate::port::{
    Answer, AppealEffect, AppealEventRow, AppealFilter, AppealRow, Appeals, NewAppealEvent,
};

use super::bulk::{Values, hex_list};
use super::cells::Cells;
use super::{SqliteStore, begin, doing};

/// Where a claim is, and the last number of its appeals' events.
pub(super) const LAST: &str = "SELECT c.place, \
     coalesce((SELECT max(number) FROM appeal_event WHERE claim = c.place), 0) \
     FROM claim AS c WHERE c.id = ?";

const NUMBERED: &str = "SELECT id FROM appeal WHERE appeal = ?";

const FILED: &str =
    "INSERT INTO appeal (appeal, claim, level, filed) VALUES (?, ?, ?, ?) RETURNING id";

pub(super) const CLOSED: &str = "DELETE FROM appeal_open WHERE claim = ?";

const OPENED: &str = "INSERT INTO appeal_open (appeal, claim) VALUES (?, ?)";

const EVENT: &str = "INSERT INTO appeal_event (claim, number, appeal, kind, day, record, payload) \
     VALUES (?, ?, ?, ?, ?, ?, ?)";

/// An appeal.
pub(super) const ONE: &str = "SELECT a.id, a.appeal, c.id, a.level, a.filed, o.appeal IS NOT NULL \
     FROM appeal AS a CROSS JOIN claim AS c ON c.place = a.claim \
     LEFT JOIN appeal_open AS o ON o.appeal = a.id WHERE a.appeal = ?";

/// All of them.
pub(super) const ALL: &str = "SELECT a.id, a.appeal, c.id, a.level, a.filed, o.appeal IS NOT NULL \
     FROM appeal AS a CROSS JOIN claim AS c ON c.place = a.claim \
     LEFT JOIN appeal_open AS o ON o.appeal = a.id WHERE a.id > ? ORDER BY a.id LIMIT ?";

/// Open ones.
pub(super) const OPEN: &str = "SELECT a.id, a.appeal, c.id, a.level, a.filed, 1 \
     FROM appeal_open AS o CROSS JOIN appeal AS a ON a.id = o.appeal \
     CROSS JOIN claim AS c ON c.place = a.claim WHERE o.appeal > ? ORDER BY o.appeal LIMIT ?";

/// Those of a claim.
pub(super) const OF_CLAIM: &str = "SELECT a.id, a.appeal, c.id, a.level, a.filed, o.appeal IS NOT NULL \
     FROM claim AS c CROSS JOIN appeal AS a ON a.claim = c.place \
     LEFT JOIN appeal_open AS o ON o.appeal = a.id WHERE c.id = ? ORDER BY a.id";

/// What happened to the appeals of claims.
pub(super) const EVENTS: &str = "SELECT c.id, e.number, a.appeal, e.day, e.record, e.payload \
     FROM json_each(?) AS j CROSS JOIN claim AS c ON c.id = unhex(j.value) \
     CROSS JOIN appeal_event AS e ON e.claim = c.place CROSS JOIN appeal AS a ON a.id = e.appeal \
     ORDER BY j.key, e.number";

impl Appeals for SqliteStore {
    async fn add_appeal_event(&self, event: &NewAppealEvent) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        add(&mut tx, event).await?;
        tx.commit()
            .await
            .map_err(doing("storing what happened to an appeal"))
    }

    async fn appeal(&self, id: AppealId) -> Answer<Option<AppealRow>> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(ONE)
            .bind(&id.0[..])
            .fetch_optional(&mut *reader)
            .await
            .map_err(doing("reading an appeal"))?;
        row.map(|row| Cells::of(&row, "appeal").appeal())
            .transpose()
    }

    async fn appeals(&self, filter: &AppealFilter) -> Answer<Vec<AppealRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(if filter.open { OPEN } else { ALL })
            .bind(i64::try_from(filter.after).unwrap_or(i64::MAX))
            .bind(filter.limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("listing appeals"))?;
        rows.iter()
            .map(|row| Cells::of(row, "appeal").appeal())
            .collect()
    }

    async fn appeals_of(&self, claim: ClaimId) -> Answer<Vec<AppealRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(OF_CLAIM)
            .bind(&claim.0[..])
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading the appeals of a claim"))?;
        rows.iter()
            .map(|row| Cells::of(row, "appeal").appeal())
            .collect()
    }

    async fn appeal_events(&self, claims: &[ClaimId]) -> Answer<Vec<AppealEventRow>> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = self.reader().await?;
        let rows = sqlx::query(EVENTS)
            .bind(hex_list(claims.iter().map(|id| &id.0[..])))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what happened to appeals"))?;
        rows.iter()
            .map(|row| Cells::of(row, "event of an appeal").appeal_event())
            .collect()
    }
}

async fn add(conn: &mut SqliteConnection, event: &NewAppealEvent) -> Answer<()> {
    let doing_it = "storing what happened to an appeal";
    let row = sqlx::query(LAST)
        .bind(&event.claim.0[..])
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing(doing_it))?
        .ok_or(fenced("an appeal's claim"))?;
    let mut cells = Cells::of(&row, "event of an appeal");
    let (place, last): (i64, u32) = (cells.number()?, cells.number()?);
    if last.checked_add(1) != Some(event.number) {
        return Err(fenced("a claim's appeals"));
    }
    if event.effect != AppealEffect::Stays {
        sqlx::query(CLOSED)
            .bind(place)
            .execute(&mut *conn)
            .await
            .map_err(doing(doing_it))?;
    }
    let appeal: i64 = match event.effect {
        AppealEffect::Opens { level } => {
            let id = sqlx::query_scalar(FILED)
                .bind(&event.appeal.0[..])
                .bind(place)
                .bind(level)
                .bind(event.day.days())
                .fetch_one(&mut *conn)
                .await
                .map_err(doing(doing_it))?;
            sqlx::query(OPENED)
                .bind(id)
                .bind(place)
                .execute(&mut *conn)
                .await
                .map_err(doing(doing_it))?;
            id
        }
        AppealEffect::Stays | AppealEffect::Closes => sqlx::query_scalar(NUMBERED)
            .bind(&event.appeal.0[..])
            .fetch_optional(&mut *conn)
            .await
            .map_err(doing(doing_it))?
            .ok_or(fenced("an appeal"))?,
    };
    let mut values = Values::default();
    values.number(place);
    values.number(event.number);
    values.number(appeal);
    values.number(event.kind);
    values.number(event.day.days());
    values.sealed(&event.sealed);
    let arguments = values.finish().map_err(doing(doing_it))?;
    sqlx::query_with(EVENT, arguments)
        .execute(conn)
        .await
        .map_err(doing(doing_it))?;
    Ok(())
}
