//! Reading what was decided.

use std::collections::BTreeMap;
use std::ops::Range;

use sqlx::postgres::PgConnection;
use sqlx::{Postgres, QueryBuilder};
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_types::Money;

use crate::alike::{kind_of, status, status_of};
use crate::port::{
    ActRow, Answer, ClaimFilter, ClaimRow, FlagFilter, FlagListed, OutcomeRow, Reading, StoreError,
    Token, Totals,
};

use super::cells::Cells;
use super::lease::say;
use super::payloads::{self, Place, one};
use super::{PostgresStore, doing, flags, once, whole};

/// A claim and what it came to; both may have payloads besides.
const COLUMNS: &str = "SELECT c.place, c.id, u.token, c.sequence, c.previous, c.submitter, \
     c.contract, c.member, c.provider, c.received, c.first_service, c.charge, \
     d.claim IS NOT NULL, a.kind, \
     (SELECT id FROM claim AS b WHERE b.place = a.original), a.record, a.payload, \
     CASE WHEN r.id IS NULL THEN o.status ELSE r.status END, \
     CASE WHEN r.id IS NULL THEN o.allowed ELSE r.allowed END, \
     CASE WHEN r.id IS NULL THEN o.paid ELSE r.paid END, \
     CASE WHEN r.id IS NULL THEN o.patient ELSE r.patient END, \
     CASE WHEN r.id IS NULL THEN o.policy ELSE r.policy END, \
     CASE WHEN r.id IS NULL THEN o.hash ELSE r.hash END, \
     CASE WHEN r.id IS NULL THEN o.leaf ELSE r.leaf END, \
     coalesce(r.number, 0), (SELECT id FROM claim AS b WHERE b.place = g.act), r.record, r.payload \
     FROM claim AS c \
     CROSS JOIN LATERAL (SELECT token FROM unit WHERE unit.id = c.unit OFFSET 0) AS u \
     LEFT JOIN LATERAL (SELECT * FROM outcome WHERE outcome.claim = c.place OFFSET 0) AS o ON true \
     LEFT JOIN LATERAL (SELECT * FROM discarded WHERE discarded.claim = c.place OFFSET 0) AS d \
     ON true \
     LEFT JOIN LATERAL (SELECT * FROM revision WHERE revision.claim = o.claim \
         AND revision.status IS NOT NULL ORDER BY number DESC LIMIT 1) AS r ON true \
     LEFT JOIN LATERAL (SELECT act FROM revision WHERE revision.claim = o.claim \
         AND revision.status IS NULL OFFSET 0) AS g ON true \
     LEFT JOIN LATERAL (SELECT * FROM act WHERE act.claim = c.place OFFSET 0) AS a ON true \
     WHERE true";

/// A void is no claim that comes to something, nor is an act of the payer's.
const CLAIMS: &str = " AND (a.kind IS NULL OR a.kind = 2)";

/// Whose a claim is, where it is a submitter's or one of some providers'.
macro_rules! theirs {
    ($of:literal) => {
        concat!(
            "CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = ",
            $of,
            ".claim AND (submitter = $1 OR provider = ANY($4)) OFFSET 0) AS c "
        )
    };
}

/// What was decided within some entries of the log, of the claims of a submitter and of
/// providers.
pub(super) const DECIDED: &str = concat!(
    "SELECT c.id, o.leaf FROM outcome AS o ",
    theirs!("o"),
    "WHERE o.leaf >= $2 AND o.leaf < $5 \
     UNION ALL SELECT c.id, r.leaf FROM revision AS r ",
    theirs!("r"),
    "WHERE r.leaf >= $2 AND r.leaf < $5 AND r.status IS NOT NULL \
     ORDER BY 2 LIMIT $3"
);

impl Reading for PostgresStore {
    async fn claim(&self, id: ClaimId) -> Answer<Option<ClaimRow>> {
        let rows = once!(self, "reading a claim", |conn| claims(conn, by_id(&[id]))
            .await)?;
        Ok(rows.into_iter().next())
    }

    async fn claims_by_id(&self, ids: &[ClaimId]) -> Answer<Vec<ClaimRow>> {
        let rows = once!(self, "reading claims", |conn| claims(conn, by_id(ids))
            .await)?;
        let rows: BTreeMap<ClaimId, ClaimRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        Ok(ids.iter().filter_map(|id| rows.get(id).cloned()).collect())
    }

    async fn claims(&self, filter: &ClaimFilter) -> Answer<Vec<ClaimRow>> {
        once!(self, "listing claims", |conn| claims(
            conn,
            filtered(filter)
        )
        .await)
    }

    async fn decided(
        &self,
        submitter: &str,
        providers: &[Token],
        entries: Range<u64>,
        limit: u32,
    ) -> Answer<Vec<(ClaimId, u64)>> {
        let Ok(from) = i64::try_from(entries.start) else {
            return Ok(Vec::new());
        };
        let end = i64::try_from(entries.end).unwrap_or(i64::MAX);
        let providers: Vec<&[u8]> = providers.iter().map(|of| &of.0[..]).collect();
        once!(self, "listing what was decided", |conn| {
            let rows = sqlx::query(DECIDED)
                .bind(submitter)
                .bind(from)
                .bind(i64::from(limit))
                .bind(&providers)
                .bind(end)
                .fetch_all(conn)
                .await
                .map_err(doing("listing what was decided"))?;
            rows.iter()
                .map(|row| {
                    let mut cells = Cells::of(row, "outcome");
                    Ok((ClaimId(cells.bytes()?), cells.number()?))
                })
                .collect()
        })
    }

    async fn all_units(&self) -> Answer<Vec<Token>> {
        once!(self, "listing units", |conn| {
            let rows = sqlx::query("SELECT token FROM unit WHERE last_claim > 0 ORDER BY token")
                .fetch_all(conn)
                .await
                .map_err(doing("listing units"))?;
            rows.iter()
                .map(|row| Cells::of(row, "unit").token())
                .collect()
        })
    }

    async fn claims_of_unit(&self, unit: Token) -> Answer<Vec<ClaimRow>> {
        let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
        query
            .push(" AND c.unit = (SELECT id FROM unit WHERE token = ")
            .push_bind(unit.0.to_vec())
            .push(") ORDER BY c.sequence");
        once!(self, "listing a unit's claims", |conn| claims(conn, query)
            .await)
    }

    async fn flags(&self, filter: &FlagFilter) -> Answer<Vec<FlagListed>> {
        once!(self, "listing flags", |conn| flags::listed(conn, filter)
            .await)
    }

    async fn totals(&self) -> Answer<Totals> {
        whole!(self, "summing", |conn| totals(conn).await)
    }
}

fn by_id(ids: &[ClaimId]) -> QueryBuilder<Postgres> {
    let ids: Vec<&[u8]> = ids.iter().map(|id| &id.0[..]).collect();
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(" AND c.id = ANY(").push_bind(ids).push(")");
    query
}

/// The claims that a filter lets through. Those with a status are found by
/// walking through all in order, up to the limit: an index by status would be
/// written with every claim, and only for lists.
pub(super) fn filtered(filter: &ClaimFilter) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
    query.push(CLAIMS);
    if let Some(wanted) = filter.status {
        query
            .push(" AND g.act IS NULL AND coalesce(r.status, o.status) = ")
            .push_bind(status(wanted));
    }
    if let Some(member) = filter.member {
        query.push(" AND c.member = ").push_bind(member.0.to_vec());
    }
    if let Some(unit) = filter.unit {
        query
            .push(" AND c.unit = (SELECT id FROM unit WHERE token = ")
            .push_bind(unit.0.to_vec())
            .push(")");
    }
    if let Some(provider) = filter.provider {
        query
            .push(" AND c.provider = ")
            .push_bind(provider.0.to_vec());
    }
    if let Some(submitter) = &filter.submitter {
        query
            .push(" AND c.submitter = ")
            .push_bind(submitter.clone());
    }
    if let Some(after) = filter.after {
        query.push(" AND c.id > ").push_bind(after.0.to_vec());
    }
    query.push(" ORDER BY c.id");
    if filter.limit > 0 {
        query.push(" LIMIT ").push_bind(i64::from(filter.limit));
    }
    query
}

async fn claims(
    conn: &mut PgConnection,
    mut query: QueryBuilder<Postgres>,
) -> Answer<Vec<ClaimRow>> {
    let rows = query
        .build()
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("reading claims"))?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut cells = Cells::of(row, "claim");
        let place = cells.number()?;
        let (row, outcome) = claim(&mut cells)?;
        let place = Place {
            place,
            received: row.received.days(),
        };
        found.push((place, row, outcome));
    }
    let places: Vec<Place> = found.iter().map(|(place, ..)| *place).collect();
    let sealed = payloads::read(conn, payloads::CLAIMS, &places).await?;
    let places: Vec<Place> = found
        .iter()
        .filter(|(.., outcome)| outcome.as_ref().is_some_and(|o| o.revision == 0))
        .map(|(place, ..)| *place)
        .collect();
    let records = payloads::read(conn, payloads::DECISIONS, &places).await?;
    found
        .into_iter()
        .map(|(place, mut row, outcome)| {
            row.sealed = one(&sealed, place.place)?;
            row.outcome = match outcome {
                Some(mut outcome) if outcome.revision == 0 => {
                    outcome.record = one(&records, place.place)?;
                    Some(outcome)
                }
                Some(outcome) => Some(outcome),
                None => None,
            };
            Ok(row)
        })
        .collect()
}

/// A claim and its outcome, without what is sealed.
fn claim(cells: &mut Cells<'_>) -> Answer<(ClaimRow, Option<OutcomeRow>)> {
    let row = ClaimRow {
        id: cells.claim()?,
        unit: cells.token()?,
        sequence: cells.number()?,
        previous: cells.number()?,
        submitter: cells.text()?,
        contract: cells.optional(Cells::number)?,
        member: cells.token()?,
        provider: cells.token()?,
        received: cells.day()?,
        first_service: cells.day()?,
        charge: cells.money()?,
        sealed: payloads::none(),
        outcome: None,
        discarded: cells.truth()?,
        act: act(cells)?,
    };
    let Some(status) = cells.optional(Cells::number)? else {
        return Ok((row, None));
    };
    let mut outcome = OutcomeRow {
        status: status_of(status)?,
        allowed: cells.money()?,
        paid: cells.money()?,
        patient: cells.money()?,
        policy: cells.optional(Cells::bytes)?,
        outcome_hash: cells.bytes()?,
        record: payloads::none(),
        leaf: cells.optional(Cells::number)?,
        revision: cells.number()?,
        gone: cells.optional(Cells::claim)?,
    };
    if let Some(record) = cells.optional(Cells::sealed)? {
        outcome.record = record;
    }
    Ok((row, Some(outcome)))
}

fn act(cells: &mut Cells<'_>) -> Answer<Option<ActRow>> {
    let Some(kind) = cells.optional(Cells::number)? else {
        cells.skip(3);
        return Ok(None);
    };
    let act = ActRow {
        kind: kind_of(kind)?.ok_or(StoreError::Damaged { what: "act" })?,
        original: cells.optional(Cells::claim)?,
        done: cells.optional(Cells::sealed)?,
    };
    if act.done.is_none() {
        cells.skip(1);
    }
    Ok(Some(act))
}

const OVERFLOW: StoreError = StoreError::Damaged {
    what: "sum of amounts",
};

/// Everything is summed, so here, and here alone, tables are read from end to
/// end, all in one moment.
async fn totals(conn: &mut PgConnection) -> Answer<Totals> {
    say(
        conn,
        "starting to sum",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
         SET LOCAL enable_seqscan = on",
    )
    .await?;
    let row = sqlx::query(
        "SELECT (SELECT coalesce(sum(read), 0)::bigint FROM submission), \
                (SELECT coalesce(sum(refused), 0)::bigint FROM submission), \
                (SELECT count(*) FROM flag WHERE standing)",
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(doing("counting"))?;
    let mut cells = Cells::of(&row, "count");
    let mut totals = Totals {
        read: cells.number()?,
        refused: cells.number()?,
        flags: cells.number()?,
        ..Totals::default()
    };
    // A sum may be longer than its summands.
    let rows = sqlx::query(
        "SELECT status, count(*), sum(charge)::text, sum(allowed)::text, sum(paid)::text, \
                sum(patient)::text \
         FROM (SELECT status, charge, allowed, paid, patient FROM outcome AS o \
               WHERE NOT EXISTS (SELECT FROM revision AS r WHERE r.claim = o.claim) \
               UNION ALL SELECT status, charge, allowed, paid, patient FROM revision AS r \
               WHERE status IS NOT NULL AND NOT EXISTS (SELECT FROM revision AS l \
                   WHERE l.claim = r.claim AND l.number > r.number)) AS s \
         GROUP BY status",
    )
    .fetch_all(conn)
    .await
    .map_err(doing("summing amounts"))?;
    let mut sums = [0i128; 4];
    for row in &rows {
        let mut cells = Cells::of(row, "sum");
        let status = status_of(cells.number()?)?;
        let count = cells.number()?;
        match status {
            Status::Paid => totals.paid = count,
            Status::Denied => totals.denied = count,
            Status::Pended => totals.pended = count,
        }
        for sum in &mut sums {
            let amount: i128 = cells.text()?.parse().map_err(|_| OVERFLOW)?;
            *sum = sum.checked_add(amount).ok_or(OVERFLOW)?;
        }
    }
    let [charge, allowed, paid, patient] =
        sums.map(|sum| i64::try_from(sum).map(Money::cents).map_err(|_| OVERFLOW));
    totals.charge = charge?;
    totals.allowed = allowed?;
    totals.paid_amount = paid?;
    totals.patient = patient?;
    Ok(totals)
}
