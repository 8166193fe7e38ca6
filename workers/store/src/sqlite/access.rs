//! Who may read: what of it is in no statement.

use crate::port::{Access, Answer, Sealed, ShownRow, Token};

use super::bulk::hex_list;
use super::cells::Cells;
use super::{SqliteStore, doing};

pub(super) const PATIENT: &str = "SELECT record, payload FROM patient WHERE member = ?";

const SHOWN: &str = "SELECT commitment, about, record, payload FROM shown ORDER BY commitment";
pub(super) const SHOWN_ABOUT: &str = "SELECT s.commitment, s.about, s.record, s.payload FROM json_each(?) AS j \
     CROSS JOIN shown AS s ON s.about = unhex(j.value) ORDER BY s.commitment";

impl Access for SqliteStore {
    async fn patient(&self, member: Token) -> Answer<Option<Sealed>> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(PATIENT)
            .bind(member.0.to_vec())
            .fetch_optional(&mut *reader)
            .await
            .map_err(doing("reading a patient"))?;
        row.map(|row| Cells::of(&row, "patient").sealed())
            .transpose()
    }

    async fn keep_patient(&self, member: Token, drawn: &Sealed) -> Answer<Sealed> {
        let mut writer = self.writer().await;
        sqlx::query(
            "INSERT INTO patient (member, record, payload) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(member.0.to_vec())
        .bind(drawn.record.0.to_vec())
        .bind(&drawn.bytes[..])
        .execute(&mut *writer)
        .await
        .map_err(doing("keeping a patient"))?;
        let row = sqlx::query(PATIENT)
            .bind(member.0.to_vec())
            .fetch_one(&mut *writer)
            .await
            .map_err(doing("reading a patient"))?;
        Cells::of(&row, "patient").sealed()
    }

    async fn keep_shown(&self, shown: &ShownRow) -> Answer<bool> {
        let mut writer = self.writer().await;
        let done = sqlx::query(
            "INSERT INTO shown (commitment, about, record, payload) VALUES (?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&shown.commitment[..])
        .bind(shown.about.0.to_vec())
        .bind(shown.opening.record.0.to_vec())
        .bind(&shown.opening.bytes[..])
        .execute(&mut *writer)
        .await
        .map_err(doing("keeping what was shown"))?;
        Ok(done.rows_affected() > 0)
    }

    async fn shown(&self, about: Option<&[Token]>) -> Answer<Vec<ShownRow>> {
        let mut reader = self.reader().await?;
        let query = match about {
            None => sqlx::query(SHOWN),
            Some(about) => {
                let about = about.iter().map(|token| &token.0[..]);
                sqlx::query(SHOWN_ABOUT).bind(hex_list(about))
            }
        };
        let rows = query
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what was shown"))?;
        rows.iter()
            .map(|row| Cells::of(row, "shown grant").shown())
            .collect()
    }
}
