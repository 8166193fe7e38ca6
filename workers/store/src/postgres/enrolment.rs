//! Contracts and whose they are.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;

use crate::port::{
    Answer, ContractRow, Enrolment, EventRow, NewContract, Sealed, StoreError, Token,
};

use super::cells::Cells;
use super::intake::members_of;
use super::{PostgresStore, authorizations, detection, doing, fenced, once, short, whole};
use crate::alike::{all_of_each, of_each};

/// How often a contract is tried whose members move while it waits.
const TRIES: usize = 16;

/// The unit of a contract, added when it is missing.
const ADDED: &str = "INSERT INTO unit (token) SELECT $1 \
     WHERE NOT EXISTS (SELECT FROM unit AS u WHERE u.token = $1) \
     ON CONFLICT (token) DO NOTHING";

/// Contracts by unit and version, the latest where that is null.
pub(super) const CONTRACTS: &str = "SELECT a.n - 1, c.* \
     FROM unnest($1::bytea[], $2::integer[]) WITH ORDINALITY AS a (token, version, n) \
     CROSS JOIN LATERAL (SELECT id, contract FROM unit WHERE unit.token = a.token OFFSET 0) AS u \
     CROSS JOIN LATERAL (SELECT version, record, payload FROM contract \
         WHERE contract.unit = u.id AND contract.version = coalesce(a.version, u.contract) \
         OFFSET 0) AS c";

/// Units by member.
pub(super) const UNITS_OF: &str = "SELECT a.n - 1, u.token \
     FROM unnest($1::bytea[]) WITH ORDINALITY AS a (token, n) \
     CROSS JOIN LATERAL (SELECT unit FROM member WHERE member.token = a.token OFFSET 0) AS m \
     CROSS JOIN LATERAL (SELECT token FROM unit WHERE unit.id = m.unit OFFSET 0) AS u";

/// Former units by member.
pub(super) const UNITS_BEFORE: &str = "SELECT a.n - 1, u.token \
     FROM unnest($1::bytea[]) WITH ORDINALITY AS a (token, n) \
     CROSS JOIN LATERAL (SELECT unit FROM former WHERE former.member = a.token OFFSET 0) AS f \
     CROSS JOIN LATERAL (SELECT id, token FROM unit WHERE unit.id = f.unit OFFSET 0) AS u \
     ORDER BY a.n, u.id";

/// Members who were covered under a unit before.
const FORMER: &str = "INSERT INTO former (member, unit) SELECT t, $2 FROM unnest($1::bytea[]) AS t \
     ORDER BY t ON CONFLICT DO NOTHING";

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

    async fn contracts(&self, of: &[(Token, Option<u32>)]) -> Answer<Vec<Option<ContractRow>>> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        once!(self, "reading contracts", |conn| {
            let rows = sqlx::query(CONTRACTS)
                .bind(of.iter().map(|(unit, _)| &unit.0[..]).collect::<Vec<_>>())
                .bind(of.iter().map(|(_, at)| at.map(short)).collect::<Vec<_>>())
                .fetch_all(conn)
                .await
                .map_err(doing("reading contracts"))?;
            of_each(of, &rows, "contract", |cells, (unit, _)| {
                cells.contract(*unit)
            })
        })
    }

    async fn units_of(&self, members: &[Token]) -> Answer<Vec<Option<Token>>> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        once!(self, "reading members' units", |conn| {
            let rows = sqlx::query(UNITS_OF)
                .bind(members.iter().map(|m| &m.0[..]).collect::<Vec<_>>())
                .fetch_all(conn)
                .await
                .map_err(doing("reading members' units"))?;
            of_each(members, &rows, "unit", |cells, _| cells.token())
        })
    }

    async fn units_before(&self, members: &[Token]) -> Answer<Vec<Vec<Token>>> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        once!(self, "reading members' former units", |conn| {
            let rows = sqlx::query(UNITS_BEFORE)
                .bind(members.iter().map(|m| &m.0[..]).collect::<Vec<_>>())
                .fetch_all(conn)
                .await
                .map_err(doing("reading members' former units"))?;
            all_of_each(members, &rows, "unit", |cells, _| cells.token())
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
    authorizations::check_events(conn, &members, contract.events).await?;
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
    left(conn, &contract.left, unit).await?;
    for (member, from) in moved {
        move_member(conn, member, from, unit).await?;
    }
    let version = next_version(conn, unit, &contract.sealed).await?;
    detection::mark(conn, &contract.touched).await?;
    Ok(Some(version))
}

/// Stores the contract itself, as the next version.
pub(super) async fn next_version(
    conn: &mut PgConnection,
    unit: i64,
    sealed: &Sealed,
) -> Answer<u32> {
    let row = sqlx::query(
        "WITH versioned AS (\
         UPDATE unit SET contract = contract + 1 WHERE id = $1 RETURNING id, contract) \
         INSERT INTO contract (unit, version, record, payload) \
         SELECT id, contract, $2, $3 FROM versioned RETURNING version",
    )
    .bind(unit)
    .bind(&sealed.record.0[..])
    .bind(&sealed.bytes[..])
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
        .execute(&mut *conn)
        .await
        .map_err(doing("moving a member"))?;
    left(conn, &[member], from).await
}

/// Notes under which unit members were covered before.
async fn left(conn: &mut PgConnection, members: &[Token], unit: i64) -> Answer<()> {
    if members.is_empty() {
        return Ok(());
    }
    sqlx::query(FORMER)
        .bind(members.iter().map(|m| &m.0[..]).collect::<Vec<_>>())
        .bind(unit)
        .execute(conn)
        .await
        .map_err(doing("noting who left"))?;
    Ok(())
}
