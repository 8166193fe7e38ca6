//! Contracts and whose they are.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use crate::port::{Answer, ContractRow, Enrolment, NewContract, StoreError, Token};

use super::bulk::{Bulk, hex_list};
use super::cells::Cells;
use super::{SqliteStore, begin, doing};

const MEMBERS: Bulk = Bulk {
    doing: "enrolling members",
    before: "INSERT INTO member (token, unit)",
    columns: 2,
    after: "ON CONFLICT (token) DO NOTHING",
};

impl Enrolment for SqliteStore {
    async fn put_contract(&self, contract: &NewContract) -> Answer<u32> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let row = sqlx::query(
            "INSERT INTO unit (token, contract) VALUES (?, 1) \
             ON CONFLICT (token) DO UPDATE SET contract = contract + 1 \
             RETURNING id, contract",
        )
        .bind(&contract.unit.0[..])
        .fetch_one(&mut *tx)
        .await
        .map_err(doing("storing a contract"))?;
        let mut cells = Cells::of(&row, "unit");
        let (unit, version) = (cells.number::<i64>()?, cells.number::<u32>()?);

        let enrolled = units_of(&mut tx, &contract.members).await?;
        for (position, member) in (1..).zip(&contract.members) {
            if enrolled.get(member).is_some_and(|other| *other != unit) {
                return Err(StoreError::MemberElsewhere { position });
            }
        }
        MEMBERS
            .run(&mut tx, &contract.members, |values, member| {
                values.bytes(&member.0);
                values.number(unit);
            })
            .await?;
        sqlx::query("INSERT INTO contract (unit, version, record, payload) VALUES (?, ?, ?, ?)")
            .bind(unit)
            .bind(version)
            .bind(&contract.sealed.record.0[..])
            .bind(&contract.sealed.bytes[..])
            .execute(&mut *tx)
            .await
            .map_err(doing("storing a contract"))?;
        tx.commit().await.map_err(doing("storing a contract"))?;
        Ok(version)
    }

    async fn contract(&self, unit: Token, version: Option<u32>) -> Answer<Option<ContractRow>> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(
            "SELECT c.version, c.record, c.payload FROM unit AS u \
             JOIN contract AS c ON c.unit = u.id AND c.version = coalesce(?2, u.contract) \
             WHERE u.token = ?1",
        )
        .bind(&unit.0[..])
        .bind(version)
        .fetch_optional(&mut *reader)
        .await
        .map_err(doing("reading a contract"))?;
        row.map(|row| {
            let mut cells = Cells::of(&row, "contract");
            Ok(ContractRow {
                unit,
                version: cells.number()?,
                sealed: cells.sealed()?,
            })
        })
        .transpose()
    }

    async fn unit_of(&self, member: Token) -> Answer<Option<Token>> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(
            "SELECT u.token FROM member AS m JOIN unit AS u ON u.id = m.unit WHERE m.token = ?",
        )
        .bind(&member.0[..])
        .fetch_optional(&mut *reader)
        .await
        .map_err(doing("reading a member's unit"))?;
        row.map(|row| Cells::of(&row, "unit").token()).transpose()
    }
}

/// The units that members are enrolled under, where they are.
async fn units_of(conn: &mut SqliteConnection, members: &[Token]) -> Answer<BTreeMap<Token, i64>> {
    let rows = sqlx::query(
        "SELECT m.token, m.unit FROM json_each(?) AS j \
         CROSS JOIN member AS m ON m.token = unhex(j.value)",
    )
    .bind(hex_list(members.iter().map(|member| &member.0[..])))
    .fetch_all(conn)
    .await
    .map_err(doing("reading members' units"))?;
    rows.iter()
        .map(|row| {
            let mut cells = Cells::of(row, "member");
            Ok((cells.token()?, cells.number()?))
        })
        .collect()
}
