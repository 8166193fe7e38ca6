//! Who may read: what of it is in no statement.

use sqlx::postgres::PgConnection;

use crate::port::{Access, Answer, Sealed, ShownRow, Token};

use super::cells::Cells;
use super::{PostgresStore, doing, once, whole};

pub(super) const PATIENT: &str = "SELECT record, payload FROM patient WHERE member = $1";

const SHOWN: &str = "SELECT commitment, about, record, payload FROM shown ORDER BY commitment";
/// Put in order when they are there: an index by commitment would be walked from end to end.
pub(super) const SHOWN_ABOUT: &str =
    "SELECT commitment, about, record, payload FROM shown WHERE about = ANY($1)";

impl Access for PostgresStore {
    async fn patient(&self, member: Token) -> Answer<Option<Sealed>> {
        once!(self, "reading a patient", |conn| patient(conn, member)
            .await)
    }

    async fn keep_patient(&self, member: Token, drawn: &Sealed) -> Answer<Sealed> {
        once!(self, "keeping a patient", |conn| keep_patient(
            conn, member, drawn
        )
        .await)
    }

    async fn keep_shown(&self, shown: &ShownRow) -> Answer<bool> {
        whole!(self, "keeping what was shown", |conn| keep_shown(
            conn, shown
        )
        .await)
    }

    async fn shown(&self, about: Option<&[Token]>) -> Answer<Vec<ShownRow>> {
        once!(self, "reading what was shown", |conn| {
            let query = match about {
                None => sqlx::query(SHOWN),
                Some(about) => {
                    let about: Vec<_> = about.iter().map(|token| token.0.to_vec()).collect();
                    sqlx::query(SHOWN_ABOUT).bind(about)
                }
            };
            let rows = query
                .fetch_all(conn)
                .await
                .map_err(doing("reading what was shown"))?;
            let mut shown = rows
                .iter()
                .map(|row| Cells::of(row, "shown grant").shown())
                .collect::<Answer<Vec<_>>>()?;
            shown.sort_by_key(|row| row.commitment);
            Ok(shown)
        })
    }
}

async fn patient(conn: &mut PgConnection, member: Token) -> Answer<Option<Sealed>> {
    let row = sqlx::query(PATIENT)
        .bind(member.0.to_vec())
        .fetch_optional(conn)
        .await
        .map_err(doing("reading a patient"))?;
    row.map(|row| Cells::of(&row, "patient").sealed())
        .transpose()
}

async fn keep_patient(conn: &mut PgConnection, member: Token, drawn: &Sealed) -> Answer<Sealed> {
    sqlx::query(
        "INSERT INTO patient (member, record, payload) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(member.0.to_vec())
    .bind(drawn.record.0.to_vec())
    .bind(&drawn.bytes[..])
    .execute(&mut *conn)
    .await
    .map_err(doing("keeping a patient"))?;
    // A statement of its own: it sees what another put there meanwhile.
    let kept = patient(conn, member).await?;
    kept.ok_or(crate::port::StoreError::Damaged { what: "patient" })
}

async fn keep_shown(conn: &mut PgConnection, shown: &ShownRow) -> Answer<bool> {
    let done = sqlx::query(
        "INSERT INTO shown (commitment, about, record, payload) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    )
    .bind(&shown.commitment[..])
    .bind(shown.about.0.to_vec())
    .bind(shown.opening.record.0.to_vec())
    .bind(&shown.opening.bytes[..])
    .execute(conn)
    .await
    .map_err(doing("keeping what was shown"))?;
    Ok(done.rows_affected() > 0)
}
