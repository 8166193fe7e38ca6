//! Sequencing and queueing.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;
use tally_core::claim::ClaimId;

use crate::port::{
    Answer, Intake, NewClaim, NewStatement, StoreError, Submission, SubmissionRow, Token,
};

use crate::alike::kind;

use super::cells::Cells;
use super::layout::LOCK;
use super::statements;
use super::{PostgresStore, doing, fenced, once, short, taken, whole};

/// A submission, with the lock on the layout; no row when it was seen. One that
/// another is taking in is waited for.
const SUBMITTED: &str = "WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($8)) \
     INSERT INTO submission (token, submitter, content, read, refused, refusals, claims) \
     SELECT $1, $2, $3, $4, $5, $6, $7 FROM held ON CONFLICT (token) DO NOTHING RETURNING id";

/// A submission by its token.
pub(super) const SEEN: &str =
    "SELECT content, read, refused, refusals, claims FROM submission WHERE token = $1";

/// Adds the units that are missing, and reads the number of partitions: with
/// the lock on the layout held, it stays what it is.
pub(super) const ADDED: &str = "WITH added AS (INSERT INTO unit (token) \
     SELECT t FROM unnest($1::bytea[]) AS t \
     WHERE NOT EXISTS (SELECT FROM unit AS u WHERE u.token = t) \
     ORDER BY t ON CONFLICT (token) DO NOTHING) \
     SELECT partitions FROM layout WHERE id = 1";

/// Locks units, in order.
pub(super) const UNITS: &str = "SELECT token, id, contract, sequence, last_claim, held IS NOT NULL \
     FROM unit WHERE token = ANY($1) ORDER BY id + 0 FOR NO KEY UPDATE";

/// The units of members.
pub(super) const MEMBERS: &str = "SELECT token, unit FROM member WHERE token = ANY($1)";

/// The units that members were covered under before.
pub(super) const FORMER: &str = "SELECT member, unit FROM former WHERE member = ANY($1)";

/// Claims, their payloads, their places in the queue, and their units' numbers.
/// Places are given in order, while the units are held: so a unit's claims have
/// theirs in sequence.
pub(super) const STORED: &str = "WITH given AS MATERIALIZED (\
     SELECT nextval('claim_place') AS place, n.* \
     FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], \
                 $6::bytea[], $7::bytea[], $8::integer[], $9::integer[], $10::bigint[], \
                 $11::bytea[], $12::bytea[], $13::integer[], $14::smallint[], $21::smallint[]) \
          AS n (id, unit, sequence, previous, contract, member, provider, received, \
                first_service, charge, record, payload, partition, state, kind)), \
     claims AS (INSERT INTO claim (place, id, unit, sequence, previous, contract, member, \
                                   provider, received, first_service, charge, submitter, \
                                   submission) \
     SELECT place, id, unit, sequence, previous, contract, member, provider, received, \
            first_service, charge, $15, $16 FROM given), \
     payloads AS (INSERT INTO claim_payload (place, received, record, payload) \
     SELECT place, received, record, payload FROM given), \
     queued AS (INSERT INTO queue (claim, partitions, partition, state, trace, kind) \
     SELECT place, $17, partition, state, $20, kind FROM given), \
     numbered AS (UPDATE unit SET \
         sequence = ($19::bigint[])[width_bucket(id, $18::bigint[])], \
         last_claim = ($19::bigint[])[width_bucket(id, $18::bigint[])] WHERE id = ANY($18)) \
     SELECT count(*) FROM given";

/// An act, and what it is of.
pub(super) const ACT: &str = "INSERT INTO act (claim, kind, original) \
     SELECT a.place, $2, (SELECT place FROM claim WHERE id = $3) \
     FROM (SELECT place FROM claim WHERE id = $1 OFFSET 0) AS a \
     WHERE $3 IS NULL OR EXISTS (SELECT FROM claim WHERE id = $3 AND unit = $4)";

/// A unit as claims are added to it.
struct Unit {
    id: i64,
    contract: i64,
    sequence: i64,
    last_claim: i64,
    held: bool,
}

/// A claim and its numbers.
struct Numbered<'a> {
    claim: &'a NewClaim,
    unit: i64,
    sequence: i64,
    previous: i64,
    held: bool,
}

impl Intake for PostgresStore {
    async fn submission(&self, token: Token) -> Answer<Option<SubmissionRow>> {
        once!(self, "reading a submission", |conn| submission(conn, token)
            .await)
    }

    async fn accept(&self, new: &Submission) -> Answer<SubmissionRow> {
        whole!(self, "taking in a submission", |conn| accept(conn, new)
            .await)
    }
}

async fn accept(conn: &mut PgConnection, new: &Submission) -> Answer<SubmissionRow> {
    let claims: Vec<u8> = new.claims.iter().flat_map(|claim| claim.id.0).collect();
    let id: Option<i64> = sqlx::query_scalar(SUBMITTED)
        .bind(&new.token.0[..])
        .bind(&new.submitter)
        .bind(&new.content.0[..])
        .bind(i64::from(new.read))
        .bind(i64::from(new.refused))
        .bind(&new.refusals[..])
        .bind(claims)
        .bind(LOCK)
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing("storing a submission"))?;
    let Some(id) = id else {
        return submission(conn, new.token)
            .await?
            .ok_or(StoreError::Damaged { what: "submission" });
    };
    let mut tokens: Vec<Token> = new.claims.iter().map(|claim| claim.unit).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let tokens: Vec<&[u8]> = tokens.iter().map(|token| &token.0[..]).collect();
    let partitions: Option<i32> = sqlx::query_scalar(ADDED)
        .bind(&tokens)
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing("adding units"))?;
    if partitions != Some(short(new.partitions)) {
        return Err(fenced("the number of partitions"));
    }
    if !new.claims.is_empty() {
        let mut units = units(conn, &tokens).await?;
        enrolled(conn, new, &units).await?;
        let numbered = numbered(new, &mut units)?;
        store(conn, new, id, &numbered, &units).await?;
    }
    Ok(SubmissionRow {
        content: new.content,
        read: new.read,
        refusals: new.refusals.clone(),
        refused: new.refused,
        claims: new.claims.iter().map(|claim| claim.id).collect(),
    })
}

/// The units of a submission's claims, locked.
async fn units(conn: &mut PgConnection, tokens: &[&[u8]]) -> Answer<BTreeMap<Token, Unit>> {
    let rows = sqlx::query(UNITS)
        .bind(tokens)
        .fetch_all(conn)
        .await
        .map_err(doing("waiting for units"))?;
    rows.iter()
        .map(|row| {
            let mut cells = Cells::of(row, "unit");
            let token = cells.token()?;
            let unit = Unit {
                id: cells.number()?,
                contract: cells.number()?,
                sequence: cells.number()?,
                last_claim: cells.number()?,
                held: cells.truth()?,
            };
            Ok((token, unit))
        })
        .collect()
}

/// Whether each claim with a contract is of the unit its member is enrolled
/// under. Whoever moves a member holds the rows of both units, so it stays so.
async fn enrolled(
    conn: &mut PgConnection,
    new: &Submission,
    units: &BTreeMap<Token, Unit>,
) -> Answer<()> {
    // An act goes where the claim is that it names.
    let resolves = |claim: &&NewClaim| claim.contract.is_some() && claim.act.is_none();
    let resolved = || new.claims.iter().filter(resolves);
    let mut members: Vec<&[u8]> = resolved().map(|claim| &claim.member.0[..]).collect();
    members.sort_unstable();
    members.dedup();
    if members.is_empty() {
        return Ok(());
    }
    let found = members_of(conn, &members).await?;
    let former = former_of(conn, new).await?;
    for claim in resolved() {
        let unit = units
            .get(&claim.unit)
            .ok_or(StoreError::Damaged { what: "unit" })?;
        let known = claim
            .contract
            .is_some_and(|version| (1..=unit.contract).contains(&version.into()));
        let theirs = match claim.former {
            true => former.contains(&(claim.member, unit.id)),
            false => found.get(&claim.member) == Some(&unit.id),
        };
        if !known || !theirs {
            return Err(fenced("a member's enrolment"));
        }
    }
    Ok(())
}

/// Members of claims for days of before, and the units they were covered in.
async fn former_of(conn: &mut PgConnection, new: &Submission) -> Answer<BTreeSet<(Token, i64)>> {
    let former = new.claims.iter().filter(|claim| claim.former);
    let members: Vec<&[u8]> = former.map(|claim| &claim.member.0[..]).collect();
    if members.is_empty() {
        return Ok(BTreeSet::new());
    }
    of_members(conn, FORMER, &members).await
}

/// The units that members are enrolled under, where they are.
pub(super) async fn members_of(
    conn: &mut PgConnection,
    members: &[&[u8]],
) -> Answer<BTreeMap<Token, i64>> {
    of_members(conn, MEMBERS, members).await
}

/// Members, with a unit of theirs each.
async fn of_members<C: FromIterator<(Token, i64)>>(
    conn: &mut PgConnection,
    sql: &'static str,
    members: &[&[u8]],
) -> Answer<C> {
    let rows = sqlx::query(sql)
        .bind(members)
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

/// Gives each claim the next number of its unit.
fn numbered<'a>(
    new: &'a Submission,
    units: &mut BTreeMap<Token, Unit>,
) -> Answer<Vec<Numbered<'a>>> {
    let mut numbered = Vec::with_capacity(new.claims.len());
    for claim in &new.claims {
        let unit = units
            .get_mut(&claim.unit)
            .ok_or(StoreError::Damaged { what: "unit" })?;
        unit.sequence = unit.sequence.saturating_add(1);
        numbered.push(Numbered {
            claim,
            unit: unit.id,
            sequence: unit.sequence,
            previous: unit.last_claim,
            held: unit.held,
        });
        unit.last_claim = unit.sequence;
    }
    Ok(numbered)
}

async fn store(
    conn: &mut PgConnection,
    new: &Submission,
    submission: i64,
    numbered: &[Numbered<'_>],
    units: &BTreeMap<Token, Unit>,
) -> Answer<()> {
    fn all<'a, T>(numbered: &'a [Numbered<'a>], of: impl Fn(&'a Numbered<'a>) -> T) -> Vec<T> {
        numbered.iter().map(of).collect()
    }
    let last: BTreeMap<i64, i64> = units
        .values()
        .map(|unit| (unit.id, unit.sequence))
        .collect();
    sqlx::query(STORED)
        .bind(all(numbered, |n| &n.claim.id.0[..]))
        .bind(all(numbered, |n| n.unit))
        .bind(all(numbered, |n| n.sequence))
        .bind(all(numbered, |n| n.previous))
        .bind(all(numbered, |n| n.claim.contract.map(short)))
        .bind(all(numbered, |n| &n.claim.member.0[..]))
        .bind(all(numbered, |n| &n.claim.provider.0[..]))
        .bind(all(numbered, |n| n.claim.received.days()))
        .bind(all(numbered, |n| n.claim.first_service.days()))
        .bind(all(numbered, |n| n.claim.charge.scaled()))
        .bind(all(numbered, |n| &n.claim.sealed.record.0[..]))
        .bind(all(numbered, |n| &n.claim.sealed.bytes[..]))
        .bind(all(numbered, |n| short(n.claim.partition)))
        .bind(all(numbered, |n| i16::from(n.held)))
        .bind(&new.submitter)
        .bind(submission)
        .bind(short(new.partitions))
        .bind(last.keys().copied().collect::<Vec<_>>())
        .bind(last.values().copied().collect::<Vec<_>>())
        .bind(&new.trace)
        .bind(all(numbered, |n| kind(n.claim.act.map(|act| act.kind))))
        .execute(&mut *conn)
        .await
        .map_err(doing("storing claims"))
        .map_err(taken("a claim's id"))?;
    acts(conn, numbered).await?;
    let received: Vec<&NewStatement> = new
        .claims
        .iter()
        .filter_map(|claim| claim.statement.as_ref())
        .collect();
    if !received.is_empty() {
        statements::state(conn, &received).await?;
    }
    Ok(())
}

/// Notes which claims are acts, and what they are of: a claim of the same unit.
async fn acts(conn: &mut PgConnection, numbered: &[Numbered<'_>]) -> Answer<()> {
    for numbered in numbered {
        let Some(act) = numbered.claim.act else {
            continue;
        };
        let noted = sqlx::query(ACT)
            .bind(&numbered.claim.id.0[..])
            .bind(kind(Some(act.kind)))
            .bind(act.original.as_ref().map(|claim| &claim.0[..]))
            .bind(numbered.unit)
            .execute(&mut *conn)
            .await
            .map_err(doing("storing an act"))?;
        if noted.rows_affected() != 1 {
            return Err(fenced("the claim that an act is of"));
        }
    }
    Ok(())
}

async fn submission(conn: &mut PgConnection, token: Token) -> Answer<Option<SubmissionRow>> {
    let row = sqlx::query(SEEN)
        .bind(&token.0[..])
        .fetch_optional(conn)
        .await
        .map_err(doing("reading a submission"))?;
    row.map(|row| {
        let mut cells = Cells::of(&row, "submission");
        let content = cells.token()?;
        let (read, refused, refusals) = (cells.number()?, cells.number()?, cells.blob()?);
        let claims = cells.blob()?;
        let (claims, rest) = claims.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(StoreError::Damaged { what: "submission" });
        }
        Ok(SubmissionRow {
            content,
            read,
            refusals,
            refused,
            claims: claims.iter().copied().map(ClaimId).collect(),
        })
    })
    .transpose()
}
