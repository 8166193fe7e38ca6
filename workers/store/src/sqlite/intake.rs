//! Sequencing and queueing.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteConnection;

use crate::alike::{fenced, kind};
use crate::port::{
    Answer, Intake, NewClaim, NewStatement, StoreError, Submission, SubmissionRow, Token,
};

use super::bulk::{Bulk, hex_list, number_list};
use super::cells::Cells;
use super::enrolment::units_of;
use super::statements;
use super::{SqliteStore, begin, doing, layout, moment};

/// Notes the last numbers given.
pub(super) const NUMBERED: &str = "UPDATE unit SET sequence = j.value ->> 1, last_claim = j.value ->> 2 FROM json_each(?) AS j \
     WHERE unit.id = j.value ->> 0";

/// A submission by its token.
pub(super) const SEEN: &str =
    "SELECT content, read, refused, refusals, first, claims FROM submission WHERE token = ?";

/// The claims of a submission, by their places.
pub(super) const CLAIMS_AT: &str =
    "SELECT id FROM claim WHERE place >= ?1 AND place < ?1 + ?2 ORDER BY place";

/// Units by token.
pub(super) const UNITS_OF: &str = "SELECT u.token, u.id, u.sequence, u.last_claim, u.held IS NOT NULL FROM json_each(?) AS j \
     CROSS JOIN unit AS u ON u.token = unhex(j.value)";

/// The last place given.
pub(super) const LAST: &str = "SELECT coalesce(max(place), 0) FROM claim";

/// An act, and what it is of.
pub(super) const ACT: &str = "INSERT INTO act (claim, kind, original) \
     SELECT ?1, ?2, (SELECT place FROM claim WHERE id = ?3) \
     WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM claim WHERE id = ?3 AND unit = ?4)";

const UNITS: Bulk = Bulk {
    doing: "adding units",
    before: "INSERT INTO unit (token)",
    columns: 1,
    after: "ON CONFLICT (token) DO NOTHING",
};

const CLAIMS: Bulk = Bulk {
    doing: "storing claims",
    before: "INSERT INTO claim (place, id, unit, sequence, previous, submitter, contract, member, provider, \
           received, first_service, charge, record, payload)",
    columns: 14,
    after: "",
};

const QUEUE: Bulk = Bulk {
    doing: "queueing claims",
    before: "INSERT INTO queue (claim, partitions, partition, state, kind)",
    columns: 5,
    after: "",
};

/// A unit as claims are added to it.
struct Unit {
    id: i64,
    sequence: i64,
    last_claim: i64,
    held: bool,
}

/// A claim, and the place it is given.
struct Placed<'a> {
    claim: &'a NewClaim,
    place: i64,
    unit: i64,
    sequence: i64,
    previous: i64,
    held: bool,
}

impl Intake for SqliteStore {
    async fn submission(&self, token: Token) -> Answer<Option<SubmissionRow>> {
        let mut reader = self.reader().await?;
        let mut tx = moment(&mut reader).await?;
        submission(&mut tx, token).await
    }

    async fn accept(&self, new: &Submission) -> Answer<SubmissionRow> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        if let Some(seen) = submission(&mut tx, new.token).await? {
            return Ok(seen);
        }
        agreed(&mut tx, new.partitions).await?;
        let mut units = units(&mut tx, new).await?;
        enrolled(&mut tx, new, &units).await?;
        let mut place: i64 = sqlx::query_scalar(LAST)
            .fetch_one(&mut *tx)
            .await
            .map_err(doing("reading the last place"))?;
        let first = place.saturating_add(1);

        let mut claims = Vec::with_capacity(new.claims.len());
        for claim in &new.claims {
            let unit = units
                .get_mut(&claim.unit)
                .ok_or(StoreError::Damaged { what: "unit" })?;
            unit.sequence = unit.sequence.saturating_add(1);
            place = place.saturating_add(1);
            claims.push(Placed {
                claim,
                place,
                unit: unit.id,
                sequence: unit.sequence,
                previous: unit.last_claim,
                held: unit.held,
            });
            unit.last_claim = unit.sequence;
        }
        CLAIMS
            .run(&mut tx, &claims, |values, placed| {
                let claim = placed.claim;
                values.number(placed.place);
                values.bytes(&claim.id.0);
                values.number(placed.unit);
                values.number(placed.sequence);
                values.number(placed.previous);
                values.text(&new.submitter);
                values.optional(claim.contract);
                values.bytes(&claim.member.0);
                values.bytes(&claim.provider.0);
                values.number(claim.received.days());
                values.number(claim.first_service.days());
                values.number(claim.charge.scaled());
                values.sealed(&claim.sealed);
            })
            .await
            .map_err(taken)?;
        QUEUE
            .run(&mut tx, &claims, |values, placed| {
                values.number(placed.place);
                values.number(new.partitions);
                values.number(placed.claim.partition);
                values.number(i64::from(placed.held));
                values.number(kind(placed.claim.act.map(|act| act.kind)));
            })
            .await?;
        acts(&mut tx, &claims).await?;
        let received = new
            .claims
            .iter()
            .filter_map(|claim| claim.statement.as_ref());
        let received: Vec<&NewStatement> = received.collect();
        if !received.is_empty() {
            statements::state(&mut tx, &received).await?;
        }
        sqlx::query(NUMBERED)
            .bind(number_list(
                units
                    .values()
                    .map(|unit| [unit.id, unit.sequence, unit.last_claim]),
            ))
            .execute(&mut *tx)
            .await
            .map_err(doing("numbering claims"))?;

        let row = SubmissionRow {
            content: new.content,
            read: new.read,
            refusals: new.refusals.clone(),
            refused: new.refused,
            claims: new.claims.iter().map(|claim| claim.id).collect(),
        };
        sqlx::query(
            "INSERT INTO submission (token, submitter, content, read, refused, refusals, first, claims) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&new.token.0[..])
        .bind(&new.submitter)
        .bind(&new.content.0[..])
        .bind(new.read)
        .bind(new.refused)
        .bind(&new.refusals[..])
        .bind(first)
        .bind(place.saturating_sub(first).saturating_add(1))
        .execute(&mut *tx)
        .await
        .map_err(doing("storing a submission"))?;
        tx.commit().await.map_err(doing("taking in a submission"))?;
        Ok(row)
    }
}

/// Notes which claims are acts, and what they are of: a claim of the same unit.
async fn acts(conn: &mut SqliteConnection, claims: &[Placed<'_>]) -> Answer<()> {
    for placed in claims {
        let Some(act) = placed.claim.act else {
            continue;
        };
        let noted = sqlx::query(ACT)
            .bind(placed.place)
            .bind(kind(Some(act.kind)))
            .bind(act.original.as_ref().map(|claim| &claim.0[..]))
            .bind(placed.unit)
            .execute(&mut *conn)
            .await
            .map_err(doing("storing an act"))?;
        if noted.rows_affected() != 1 {
            return Err(fenced("the claim that an act is of"));
        }
    }
    Ok(())
}

/// Whether the partitions are of the number that the store queues in.
async fn agreed(conn: &mut SqliteConnection, partitions: u32) -> Answer<()> {
    let identity = layout::identity(conn)
        .await?
        .ok_or(StoreError::Damaged { what: "identity" })?;
    if identity.partitions == partitions {
        Ok(())
    } else {
        Err(StoreError::Fenced {
            what: "the number of partitions",
        })
    }
}

/// Whether every member is enrolled where the claim was resolved to, or was before where
/// it is for a day of then.
async fn enrolled(
    conn: &mut SqliteConnection,
    new: &Submission,
    units: &BTreeMap<Token, Unit>,
) -> Answer<()> {
    let resolved: BTreeSet<(Token, Token, bool)> = new
        .claims
        .iter()
        .filter(|claim| claim.contract.is_some() && claim.act.is_none())
        .map(|claim| (claim.member, claim.unit, claim.former))
        .collect();
    let members: Vec<Token> = resolved.iter().map(|(member, ..)| *member).collect();
    let now = units_of(conn, &members).await?;
    for (member, unit, former) in resolved {
        let unit = units.get(&unit).map(|unit| unit.id);
        let theirs = match former {
            true => was_in(conn, member, unit).await?,
            false => now.get(&member).copied() == unit,
        };
        if !theirs {
            return Err(StoreError::Fenced {
                what: "a member's contract",
            });
        }
    }
    Ok(())
}

/// Whether a member was covered in a unit before.
async fn was_in(conn: &mut SqliteConnection, member: Token, unit: Option<i64>) -> Answer<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM former WHERE member = ?1 AND unit = ?2)")
        .bind(&member.0[..])
        .bind(unit)
        .fetch_one(conn)
        .await
        .map_err(doing("reading a member's former unit"))
}

/// A claim's id that is there already came with another submission.
fn taken(error: StoreError) -> StoreError {
    match &error {
        StoreError::Database {
            source: sqlx::Error::Database(source),
            ..
        } if source.is_unique_violation() => StoreError::Fenced {
            what: "a claim's id",
        },
        _ => error,
    }
}

async fn submission(conn: &mut SqliteConnection, token: Token) -> Answer<Option<SubmissionRow>> {
    let row = sqlx::query(SEEN)
        .bind(&token.0[..])
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing("reading a submission"))?;
    let Some(row) = row else { return Ok(None) };
    let mut cells = Cells::of(&row, "submission");
    // What was taken in before contents were noted was named by its content.
    let content = match cells.blob()? {
        none if none.is_empty() => token,
        content => Token(
            content
                .try_into()
                .map_err(|_| StoreError::Damaged { what: "submission" })?,
        ),
    };
    let (read, refused, refusals) = (cells.number()?, cells.number()?, cells.blob()?);
    let (first, count): (i64, i64) = (cells.number()?, cells.number()?);
    let rows = sqlx::query(CLAIMS_AT)
        .bind(first)
        .bind(count)
        .fetch_all(conn)
        .await
        .map_err(doing("reading a submission's claims"))?;
    let claims: Vec<_> = rows
        .iter()
        .map(|row| Cells::of(row, "claim").claim())
        .collect::<Answer<_>>()?;
    if usize::try_from(count) != Ok(claims.len()) {
        return Err(StoreError::Damaged { what: "submission" });
    }
    Ok(Some(SubmissionRow {
        content,
        read,
        refusals,
        refused,
        claims,
    }))
}

/// The units of a submission's claims; those not there yet are added.
async fn units(conn: &mut SqliteConnection, new: &Submission) -> Answer<BTreeMap<Token, Unit>> {
    let mut tokens: Vec<Token> = new.claims.iter().map(|claim| claim.unit).collect();
    tokens.sort_unstable();
    tokens.dedup();
    UNITS
        .run(conn, &tokens, |values, token| values.bytes(&token.0))
        .await?;
    let rows = sqlx::query(UNITS_OF)
        .bind(hex_list(tokens.iter().map(|token| &token.0[..])))
        .fetch_all(conn)
        .await
        .map_err(doing("reading units"))?;
    rows.iter()
        .map(|row| {
            let mut cells = Cells::of(row, "unit");
            let token = cells.token()?;
            let unit = Unit {
                id: cells.number()?,
                sequence: cells.number()?,
                last_claim: cells.number()?,
                held: cells.number::<i64>()? != 0,
            };
            Ok((token, unit))
        })
        .collect()
}
