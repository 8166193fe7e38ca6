//! Appeals, and what happened to them.

use sqlx::postgres::PgConnection;
use tally_core::appeal::AppealId;
use tally_core::claim::ClaimId;

use crate::port::{
    Answer, AppealEffect, AppealEventRow, AppealFilter, AppealRow, Appeals, NewAppealEvent,
};

use super::cells::Cells;
use super::{PostgresStore, doing, fenced, number, once, short, taken, whole};

/// Where a claim is, and the last number of its appeals' events.
pub(super) const LAST: &str = "SELECT c.place, coalesce(e.number, 0) \
     FROM (SELECT place FROM claim WHERE id = $1 OFFSET 0) AS c \
     LEFT JOIN LATERAL (SELECT number FROM appeal_event WHERE appeal_event.claim = c.place \
         ORDER BY number DESC LIMIT 1) AS e ON true";

/// The number of an appeal.
pub(super) const NUMBERED: &str = "SELECT id FROM appeal WHERE appeal = $1";

/// An appeal is filed.
pub(super) const FILED: &str = "WITH filed AS (\
     INSERT INTO appeal (appeal, claim, level, filed) VALUES ($1, $2, $3, $4) RETURNING id), \
     opened AS (INSERT INTO appeal_open (appeal, claim) SELECT id, $2 FROM filed) \
     SELECT id FROM filed";

/// What was open of a claim is so no more.
pub(super) const CLOSED: &str = "DELETE FROM appeal_open WHERE claim = $1";

/// An event; one of the same number is there already when somebody was first.
pub(super) const EVENT: &str = "INSERT INTO appeal_event \
     (claim, number, appeal, kind, day, record, payload) VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// An appeal.
pub(super) const ONE: &str = "SELECT a.id, a.appeal, c.id, a.level, a.filed, o.appeal IS NOT NULL \
     FROM (SELECT * FROM appeal WHERE appeal.appeal = $1 OFFSET 0) AS a \
     CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = a.claim OFFSET 0) AS c \
     LEFT JOIN LATERAL (SELECT appeal FROM appeal_open WHERE appeal_open.appeal = a.id LIMIT 1) \
         AS o ON true";

/// All of them.
pub(super) const ALL: &str = "SELECT a.id, a.appeal, c.id, a.level, a.filed, o.appeal IS NOT NULL \
     FROM (SELECT * FROM appeal WHERE id > $1 ORDER BY id LIMIT $2) AS a \
     CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = a.claim OFFSET 0) AS c \
     LEFT JOIN LATERAL (SELECT appeal FROM appeal_open WHERE appeal_open.appeal = a.id LIMIT 1) \
         AS o ON true ORDER BY a.id";

/// Open ones.
pub(super) const OPEN: &str = "SELECT a.id, a.appeal, c.id, a.level, a.filed, true \
     FROM (SELECT appeal FROM appeal_open WHERE appeal > $1 ORDER BY appeal LIMIT $2) AS o \
     CROSS JOIN LATERAL (SELECT * FROM appeal WHERE appeal.id = o.appeal OFFSET 0) AS a \
     CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = a.claim OFFSET 0) AS c \
     ORDER BY a.id";

/// Those of a claim.
pub(super) const OF_CLAIM: &str = "SELECT a.id, a.appeal, c.id, a.level, a.filed, o.appeal IS NOT NULL \
     FROM (SELECT id, place FROM claim WHERE id = $1 OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT * FROM appeal WHERE appeal.claim = c.place OFFSET 0) AS a \
     LEFT JOIN LATERAL (SELECT appeal FROM appeal_open WHERE appeal_open.appeal = a.id LIMIT 1) \
         AS o ON true ORDER BY a.id";

/// What happened to the appeals of claims.
pub(super) const EVENTS: &str = "SELECT c.id, e.number, a.appeal, e.day, e.record, e.payload \
     FROM unnest($1::bytea[]) WITH ORDINALITY AS g (id, n) \
     CROSS JOIN LATERAL (SELECT id, place FROM claim WHERE claim.id = g.id OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT * FROM appeal_event WHERE appeal_event.claim = c.place OFFSET 0) \
         AS e \
     CROSS JOIN LATERAL (SELECT appeal FROM appeal WHERE appeal.id = e.appeal OFFSET 0) AS a \
     ORDER BY g.n, e.number";

impl Appeals for PostgresStore {
    async fn add_appeal_event(&self, event: &NewAppealEvent) -> Answer<()> {
        whole!(self, "storing what happened to an appeal", |conn| add(
            conn, event
        )
        .await)
    }

    async fn appeal(&self, id: AppealId) -> Answer<Option<AppealRow>> {
        once!(self, "reading an appeal", |conn| {
            let row = sqlx::query(ONE)
                .bind(&id.0[..])
                .fetch_optional(conn)
                .await
                .map_err(doing("reading an appeal"))?;
            row.map(|row| Cells::of(&row, "appeal").appeal())
                .transpose()
        })
    }

    async fn appeals(&self, filter: &AppealFilter) -> Answer<Vec<AppealRow>> {
        once!(self, "listing appeals", |conn| {
            let rows = sqlx::query(if filter.open { OPEN } else { ALL })
                .bind(number(filter.after))
                .bind(i64::from(filter.limit))
                .fetch_all(conn)
                .await
                .map_err(doing("listing appeals"))?;
            rows.iter()
                .map(|row| Cells::of(row, "appeal").appeal())
                .collect()
        })
    }

    async fn appeals_of(&self, claim: ClaimId) -> Answer<Vec<AppealRow>> {
        once!(self, "reading the appeals of a claim", |conn| {
            let rows = sqlx::query(OF_CLAIM)
                .bind(&claim.0[..])
                .fetch_all(conn)
                .await
                .map_err(doing("reading the appeals of a claim"))?;
            rows.iter()
                .map(|row| Cells::of(row, "appeal").appeal())
                .collect()
        })
    }

    async fn appeal_events(&self, claims: &[ClaimId]) -> Answer<Vec<AppealEventRow>> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        once!(self, "reading what happened to appeals", |conn| {
            let rows = sqlx::query(EVENTS)
                .bind(claims.iter().map(|id| &id.0[..]).collect::<Vec<_>>())
                .fetch_all(conn)
                .await
                .map_err(doing("reading what happened to appeals"))?;
            rows.iter()
                .map(|row| Cells::of(row, "event of an appeal").appeal_event())
                .collect()
        })
    }
}

async fn add(conn: &mut PgConnection, event: &NewAppealEvent) -> Answer<()> {
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
    // Whoever files at the same time has the same id: it follows from the number.
    let appeal: i64 = match event.effect {
        AppealEffect::Opens { level } => sqlx::query_scalar(FILED)
            .bind(&event.appeal.0[..])
            .bind(place)
            .bind(i16::from(level))
            .bind(event.day.days())
            .fetch_one(&mut *conn)
            .await
            .map_err(doing(doing_it))
            .map_err(taken("a claim's appeals"))?,
        AppealEffect::Stays | AppealEffect::Closes => sqlx::query_scalar(NUMBERED)
            .bind(&event.appeal.0[..])
            .fetch_optional(&mut *conn)
            .await
            .map_err(doing(doing_it))?
            .ok_or(fenced("an appeal"))?,
    };
    sqlx::query(EVENT)
        .bind(place)
        .bind(short(event.number))
        .bind(appeal)
        .bind(i16::from(event.kind))
        .bind(event.day.days())
        .bind(&event.sealed.record.0[..])
        .bind(&event.sealed.bytes[..])
        .execute(conn)
        .await
        .map_err(doing(doing_it))
        .map_err(taken("a claim's appeals"))?;
    Ok(())
}
