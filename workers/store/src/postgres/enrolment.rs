//! Contracts and whose they are.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;

use crate::port::{Answer, ContractRow, Enrolment, EventRow, NewContract, StoreError, Token};

use super::cells::Cells;
use super::intake::members_of;
use super::{PostgresStore, detection, doing, fenced, once, short, whole};

/// How often a contract is tried whose members move while it waits.
const TRIES: usize = 16;

/// The unit of a contract, added when it is missing.
const ADDED: &str = "INSERT INTO unit (token) SELECT $1 \
     WHERE NOT EXISTS (SELECT FROM unit AS u WHERE u.token = $1) \
     ON CONFLICT (token) DO NOTHING";

/// Locks units, in order.
pub(super) const UNITS: &str =
    "SELECT id FROM unit WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

/// A member moves: an event with the next number of a unit.
const EVENT: &str = "WITH numbered AS (\
     UPDATE unit SET sequence = sequence + 1 WHERE id = $1 RETURNING id, sequence) \
     INSERT INTO event (unit, sequence, member, from_unit, to_unit) \
     SELECT id, sequence, $2, $3, $4 FROM numbered";

impl Enrolment for PostgresStore {
    async fn put_contract(&self, contract: &NewContract) -> Answer<u32> {
        for _ in 0..TRIES {
            let version = whole!(self, "storing a contract", |conn| put(conn, contract).await)?;
            if let Some(version) = version {
                return Ok(version);
            }
        }
        Err(fenced("a member's enrolment"))
    }

    async fn contract(&self, unit: Token, version: Option<u32>) -> Answer<Option<ContractRow>> {
        once!(self, "reading a contract", |conn| {
            let row = sqlx::query(
                "SELECT c.version, c.record, c.payload FROM unit AS u \
                 JOIN contract AS c ON c.unit = u.id AND c.version = coalesce($2, u.contract) \
                 WHERE u.token = $1",
            )
            .bind(&unit.0[..])
            .bind(version.map(short))
            .fetch_optional(conn)
            .await
            .map_err(doing("reading a contract"))?;
            row.map(|row| Cells::of(&row, "contract").contract(unit))
                .transpose()
        })
    }

    async fn unit_of(&self, member: Token) -> Answer<Option<Token>> {
        once!(self, "reading a member's unit", |conn| {
            let row = sqlx::query(
                "SELECT u.token FROM member AS m JOIN unit AS u ON u.id = m.unit \
                 WHERE m.token = $1",
            )
            .bind(&member.0[..])
            .fetch_optional(conn)
            .await
            .map_err(doing("reading a member's unit"))?;
            row.map(|row| Cells::of(&row, "unit").token()).transpose()
        })
    }

    async fn events(&self, unit: Token) -> Answer<Vec<EventRow>> {
        once!(self, "reading a unit's events", |conn| {
            let rows = sqlx::query(
                "SELECT e.sequence, e.member, f.token, t.token FROM unit AS u \
                 JOIN event AS e ON e.unit = u.id JOIN unit AS f ON f.id = e.from_unit \
                 JOIN unit AS t ON t.id = e.to_unit WHERE u.token = $1 ORDER BY e.sequence",
            )
            .bind(&unit.0[..])
            .fetch_all(conn)
            .await
            .map_err(doing("reading a unit's events"))?;
            rows.iter()
                .map(|row| Cells::of(row, "event").event(unit))
                .collect()
        })
    }
}

/// Stores a contract. `None` when members moved while it waited for the units
/// it knew of: it does not hold all that it needs, and cannot wait for more
/// without waiting in a circle.
async fn put(conn: &mut PgConnection, contract: &NewContract) -> Answer<Option<u32>> {
    sqlx::query(ADDED)
        .bind(&contract.unit.0[..])
        .execute(&mut *conn)
        .await
        .map_err(doing("adding a unit"))?;
    let unit: i64 = sqlx::query_scalar("SELECT id FROM unit WHERE token = $1")
        .bind(&contract.unit.0[..])
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("reading a unit"))?;
    let mut members: Vec<&[u8]> = contract.members.iter().map(|m| &m.0[..]).collect();
    members.sort_unstable();
    members.dedup();

    let mut held: BTreeSet<i64> = members_of(conn, &members).await?.into_values().collect();
    held.insert(unit);
    sqlx::query(UNITS)
        .bind(held.iter().copied().collect::<Vec<_>>())
        .execute(&mut *conn)
        .await
        .map_err(doing("waiting for units"))?;
    let enrolled = members_of(conn, &members).await?;
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
    if !moved.values().all(|other| held.contains(other)) {
        return Ok(None);
    }
    // In order of their tokens: somebody else may be enrolling the same ones.
    members.retain(|member| !enrolled.keys().any(|known| known.0 == **member));
    let added = sqlx::query(
        "INSERT INTO member (token, unit) SELECT t, $2 FROM unnest($1::bytea[]) AS t \
         ORDER BY t ON CONFLICT (token) DO NOTHING",
    )
    .bind(&members)
    .bind(unit)
    .execute(&mut *conn)
    .await
    .map_err(doing("enrolling members"))?;
    if usize::try_from(added.rows_affected()) != Ok(members.len()) {
        return Err(fenced("a member's enrolment"));
    }
    for (member, from) in moved {
        move_member(conn, member, from, unit).await?;
    }
    let version = version(conn, unit, contract).await?;
    detection::mark(conn, &contract.touched).await?;
    Ok(Some(version))
}

/// Stores the contract itself, as the next version.
async fn version(conn: &mut PgConnection, unit: i64, contract: &NewContract) -> Answer<u32> {
    let row = sqlx::query(
        "WITH versioned AS (\
         UPDATE unit SET contract = contract + 1 WHERE id = $1 RETURNING id, contract) \
         INSERT INTO contract (unit, version, record, payload) \
         SELECT id, contract, $2, $3 FROM versioned RETURNING version",
    )
    .bind(unit)
    .bind(&contract.sealed.record.0[..])
    .bind(&contract.sealed.bytes[..])
    .fetch_one(conn)
    .await
    .map_err(doing("storing a contract"))?;
    Cells::of(&row, "contract").number()
}

/// Moves a member, as an event of both units.
async fn move_member(conn: &mut PgConnection, member: Token, from: i64, to: i64) -> Answer<()> {
    for unit in [from, to] {
        sqlx::query(EVENT)
            .bind(unit)
            .bind(&member.0[..])
            .bind(from)
            .bind(to)
            .execute(&mut *conn)
            .await
            .map_err(doing("moving a member"))?;
    }
    sqlx::query("UPDATE member SET unit = $2 WHERE token = $1")
        .bind(&member.0[..])
        .bind(to)
        .execute(conn)
        .await
        .map_err(doing("moving a member"))?;
    Ok(())
}
