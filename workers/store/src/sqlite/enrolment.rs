//! Contracts and whose they are.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use crate::port::{Answer, ContractRow, Enrolment, EventRow, NewContract, StoreError, Token};

use super::bulk::{Bulk, hex_list, pair_list};
use super::cells::Cells;
use super::{SqliteStore, authorizations, begin, detection, doing};
use crate::alike::{all_of_each, of_each};

const MEMBERS: Bulk = Bulk {
    doing: "enrolling members",
    before: "INSERT INTO member (token, unit)",
    columns: 2,
    after: "ON CONFLICT (token) DO NOTHING",
};

const FORMER: Bulk = Bulk {
    doing: "noting who left",
    before: "INSERT INTO former (member, unit)",
    columns: 2,
    after: "ON CONFLICT (member, unit) DO NOTHING",
};

/// Stands for the latest version: none is so small.
const LATEST: i64 = -1;

/// Contracts by version and unit.
pub(super) const CONTRACTS: &str = "SELECT j.key, c.version, c.record, c.payload \
     FROM json_each(?1) AS j CROSS JOIN unit AS u ON u.token = unhex(j.value ->> 1) \
     CROSS JOIN contract AS c ON c.unit = u.id \
     AND c.version = coalesce(nullif(j.value ->> 0, ?2), u.contract)";

/// Units by member.
pub(super) const UNITS_OF: &str = "SELECT j.key, u.token FROM json_each(?) AS j \
     CROSS JOIN member AS m ON m.token = unhex(j.value) CROSS JOIN unit AS u ON u.id = m.unit";

/// Former units by member.
pub(super) const UNITS_BEFORE: &str = "SELECT j.key, u.token FROM json_each(?) AS j \
     CROSS JOIN former AS f ON f.member = unhex(j.value) \
     CROSS JOIN unit AS u ON u.id = f.unit ORDER BY j.key, u.id";

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

        authorizations::check_events(&mut tx, &contract.members, contract.events).await?;
        let enrolled = units_of(&mut tx, &contract.members).await?;
        let mut moved = BTreeMap::new();
        for (position, member) in (1..).zip(&contract.members) {
            match enrolled.get(member) {
                Some(other) if *other != unit && !contract.moving => {
                    return Err(StoreError::MemberElsewhere { position });
                }
                Some(other) if *other != unit => {
                    moved.insert(*member, *other);
                }
                _ => {}
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
        FORMER
            .run(&mut tx, &contract.left, |values, member| {
                values.bytes(&member.0);
                values.number(unit);
            })
            .await?;
        for (member, from) in moved {
            move_member(&mut tx, member, from, unit).await?;
        }
        detection::mark(&mut tx, contract.touched.clone()).await?;
        tx.commit().await.map_err(doing("storing a contract"))?;
        Ok(version)
    }

    async fn contracts(&self, of: &[(Token, Option<u32>)]) -> Answer<Vec<Option<ContractRow>>> {
        let mut reader = self.reader().await?;
        let asked = of.iter().map(|(unit, version)| {
            let version = version.map_or(LATEST, i64::from);
            (version, &unit.0[..])
        });
        let rows = sqlx::query(CONTRACTS)
            .bind(pair_list(asked))
            .bind(LATEST)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading contracts"))?;
        of_each(of, &rows, "contract", |cells, (unit, _)| {
            cells.contract(*unit)
        })
    }

    async fn units_of(&self, members: &[Token]) -> Answer<Vec<Option<Token>>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(UNITS_OF)
            .bind(hex_list(members.iter().map(|member| &member.0[..])))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading members' units"))?;
        of_each(members, &rows, "unit", |cells, _| cells.token())
    }

    async fn units_before(&self, members: &[Token]) -> Answer<Vec<Vec<Token>>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(UNITS_BEFORE)
            .bind(hex_list(members.iter().map(|member| &member.0[..])))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading members' former units"))?;
        all_of_each(members, &rows, "unit", |cells, _| cells.token())
    }

    async fn events(&self, unit: Token) -> Answer<Vec<EventRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(
            "SELECT e.sequence, e.member, f.token, t.token FROM unit AS u \
             CROSS JOIN event AS e ON e.unit = u.id CROSS JOIN unit AS f ON f.id = e.from_unit \
             CROSS JOIN unit AS t ON t.id = e.to_unit WHERE u.token = ? ORDER BY e.sequence",
        )
        .bind(&unit.0[..])
        .fetch_all(&mut *reader)
        .await
        .map_err(doing("reading a unit's events"))?;
        rows.iter()
            .map(|row| Cells::of(row, "event").event(unit))
            .collect()
    }
}

/// Moves a member, as an event of both units.
async fn move_member(conn: &mut SqliteConnection, member: Token, from: i64, to: i64) -> Answer<()> {
    for unit in [from, to] {
        for sql in [
            "UPDATE unit SET sequence = sequence + 1 WHERE id = ?1",
            "INSERT INTO event (unit, sequence, member, from_unit, to_unit) \
             SELECT id, sequence, ?2, ?3, ?4 FROM unit WHERE id = ?1",
        ] {
            sqlx::query(sql)
                .bind(unit)
                .bind(&member.0[..])
                .bind(from)
                .bind(to)
                .execute(&mut *conn)
                .await
                .map_err(doing("moving a member"))?;
        }
    }
    for (sql, unit) in [
        ("UPDATE member SET unit = ?2 WHERE token = ?1", to),
        (
            "INSERT INTO former (member, unit) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            from,
        ),
    ] {
        sqlx::query(sql)
            .bind(&member.0[..])
            .bind(unit)
            .execute(&mut *conn)
            .await
            .map_err(doing("moving a member"))?;
    }
    Ok(())
}

/// The units that members are enrolled under, where they are.
pub(super) async fn units_of(
    conn: &mut SqliteConnection,
    members: &[Token],
) -> Answer<BTreeMap<Token, i64>> {
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
