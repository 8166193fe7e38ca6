//! Reading what was decided.

use std::ops::Range;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Sqlite};
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_types::Money;

use crate::alike::{kind_of, status, status_of};
use crate::port::{
    ActRow, Answer, ClaimFilter, ClaimRow, FlagFilter, FlagListed, OutcomeRow, Reading, StoreError,
    Token, Totals,
};

use super::bulk::hex_list;
use super::cells::Cells;
use super::{SqliteStore, doing, flags, moment};

const COLUMNS: &str = "SELECT c.id, u.token, c.sequence, c.previous, c.submitter, c.contract, c.member, c.provider, \
     c.received, c.first_service, c.charge, c.record, c.payload, \
     iif(r.id, r.status, o.status), iif(r.id, r.allowed, o.allowed), iif(r.id, r.paid, o.paid), \
     iif(r.id, r.patient, o.patient), iif(r.id, r.policy, o.policy), iif(r.id, r.hash, o.hash), \
     iif(r.id, r.record, d.record), iif(r.id, r.payload, d.payload), iif(r.id, r.leaf, o.leaf), \
     coalesce(r.number, 0), (SELECT b.id FROM claim AS b WHERE b.place = g.act), \
     EXISTS (SELECT 1 FROM discarded WHERE claim = c.place), \
     a.kind, (SELECT b.id FROM claim AS b WHERE b.place = a.original), a.record, a.payload";

/// From the claim on: what it came to may be missing. What it came to last is in
/// its last revision that has a status; one without says that it stands no more.
macro_rules! came_to {
    () => {
        " CROSS JOIN unit AS u ON u.id = c.unit \
         LEFT JOIN outcome AS o ON o.claim = c.id LEFT JOIN decision AS d ON d.claim = c.place \
         LEFT JOIN revision AS r ON r.claim = o.claim AND r.status IS NOT NULL AND r.number = \
             (SELECT max(number) FROM revision WHERE claim = o.claim AND status IS NOT NULL) \
         LEFT JOIN revision AS g ON g.claim = o.claim AND g.status IS NULL \
         LEFT JOIN act AS a ON a.claim = c.place"
    };
}

const BY_CLAIM: &str = concat!(" FROM claim AS c", came_to!(), " WHERE true");

/// From the outcome on, when nothing but the status narrows: what came to it at
/// once, and what came to it later.
const BY_OUTCOME: [&str; 4] = [
    " FROM (SELECT claim FROM outcome AS f WHERE status = ",
    " AND NOT EXISTS (SELECT 1 FROM revision WHERE revision.claim = f.claim)",
    " UNION ALL SELECT claim FROM revision AS f WHERE status = ",
    " AND NOT EXISTS (SELECT 1 FROM revision WHERE revision.claim = f.claim \
       AND revision.number > f.number)",
];
const FOUND: &str = concat!(
    ") AS f CROSS JOIN claim AS c ON c.id = f.claim",
    came_to!(),
    " ORDER BY f.claim"
);

/// By their ids, in the order asked.
const BY_ID: &str = concat!(
    ") AS j CROSS JOIN claim AS c ON c.id = unhex(j.value)",
    came_to!(),
    " ORDER BY j.key"
);

/// Whether a claim is a submitter's or one of some providers'.
macro_rules! theirs {
    () => {
        "(c.submitter = ?1 OR c.provider IN (SELECT unhex(value) FROM json_each(?4)))"
    };
}

/// What was decided within some entries of the log, of the claims of a submitter and of
/// providers.
pub(super) const DECIDED: &str = concat!(
    "SELECT c.id, o.leaf FROM outcome AS o CROSS JOIN claim AS c ON c.id = o.claim \
     WHERE o.leaf >= ?2 AND o.leaf < ?5 AND ",
    theirs!(),
    " UNION ALL SELECT c.id, r.leaf FROM revision AS r CROSS JOIN claim AS c ON c.id = r.claim \
     WHERE r.leaf >= ?2 AND r.leaf < ?5 AND r.status IS NOT NULL AND ",
    theirs!(),
    " ORDER BY 2 LIMIT ?3"
);

impl Reading for SqliteStore {
    async fn claim(&self, id: ClaimId) -> Answer<Option<ClaimRow>> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query
            .push(BY_CLAIM)
            .push(" AND c.id = ")
            .push_bind(id.0.to_vec());
        let mut reader = self.reader().await?;
        Ok(claims(&mut reader, query).await?.pop())
    }

    async fn claims_by_id(&self, ids: &[ClaimId]) -> Answer<Vec<ClaimRow>> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push(", j.key FROM json_each(");
        query.push_bind(hex_list(ids.iter().map(|id| &id.0[..])));
        query.push(BY_ID);
        let mut reader = self.reader().await?;
        claims(&mut reader, query).await
    }

    async fn claims(&self, filter: &ClaimFilter) -> Answer<Vec<ClaimRow>> {
        let query = filtered(filter);
        let mut reader = self.reader().await?;
        claims(&mut reader, query).await
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
        let mut reader = self.reader().await?;
        let rows = sqlx::query(DECIDED)
            .bind(submitter)
            .bind(from)
            .bind(limit)
            .bind(hex_list(providers.iter().map(|of| &of.0[..])))
            .bind(i64::try_from(entries.end).unwrap_or(i64::MAX))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("listing what was decided"))?;
        rows.iter()
            .map(|row| {
                let mut cells = Cells::of(row, "outcome");
                Ok((ClaimId(cells.bytes()?), cells.number()?))
            })
            .collect()
    }

    async fn all_units(&self) -> Answer<Vec<Token>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query("SELECT token FROM unit WHERE sequence > 0 ORDER BY token")
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("listing units"))?;
        rows.iter()
            .map(|row| Cells::of(row, "unit").token())
            .collect()
    }

    async fn claims_of_unit(&self, unit: Token) -> Answer<Vec<ClaimRow>> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query
            .push(BY_CLAIM)
            .push(" AND c.unit = (SELECT id FROM unit WHERE token = ")
            .push_bind(unit.0.to_vec())
            .push(") ORDER BY c.sequence");
        let mut reader = self.reader().await?;
        claims(&mut reader, query).await
    }

    async fn flags(&self, filter: &FlagFilter) -> Answer<Vec<FlagListed>> {
        let mut reader = self.reader().await?;
        flags::listed(&mut reader, filter).await
    }

    async fn totals(&self) -> Answer<Totals> {
        let mut reader = self.reader().await?;
        let mut tx = moment(&mut reader).await?;
        totals(&mut tx).await
    }
}

/// A void is no claim that comes to something, nor is an act of the payer's.
const CLAIMS: &str = " AND (a.kind IS NULL OR a.kind = 2)";

/// The claims that a filter lets through.
pub(super) fn filtered(filter: &ClaimFilter) -> QueryBuilder<Sqlite> {
    let narrowed = filter.member.is_some()
        || filter.unit.is_some()
        || filter.provider.is_some()
        || filter.submitter.is_some();
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    if let (Some(wanted), false) = (filter.status, narrowed) {
        let [first, alone, later, last] = BY_OUTCOME;
        for (select, and) in [(first, alone), (later, last)] {
            query.push(select).push_bind(status(wanted)).push(and);
            if let Some(after) = filter.after {
                query.push(" AND claim > ").push_bind(after.0.to_vec());
            }
        }
        query.push(" ORDER BY 1");
        if filter.limit > 0 {
            query.push(" LIMIT ").push_bind(filter.limit);
        }
        query.push(FOUND);
        return query;
    }
    query.push(BY_CLAIM).push(CLAIMS);
    if let Some(wanted) = filter.status {
        query
            .push(" AND g.id IS NULL AND iif(r.id, r.status, o.status) = ")
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
        query.push(" LIMIT ").push_bind(filter.limit);
    }
    query
}

async fn claims(
    conn: &mut SqliteConnection,
    mut query: QueryBuilder<Sqlite>,
) -> Answer<Vec<ClaimRow>> {
    let rows = query
        .build()
        .fetch_all(conn)
        .await
        .map_err(doing("reading claims"))?;
    rows.iter().map(claim).collect()
}

fn claim(row: &SqliteRow) -> Answer<ClaimRow> {
    let mut cells = Cells::of(row, "claim");
    Ok(ClaimRow {
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
        sealed: cells.sealed()?,
        outcome: outcome(&mut cells)?,
        discarded: cells.number::<i64>()? != 0,
        act: act(&mut cells)?,
    })
}

fn outcome(cells: &mut Cells<'_>) -> Answer<Option<OutcomeRow>> {
    let Some(status) = cells.optional(Cells::number)? else {
        cells.skip(10);
        return Ok(None);
    };
    Ok(Some(OutcomeRow {
        status: status_of(status)?,
        allowed: cells.money()?,
        paid: cells.money()?,
        patient: cells.money()?,
        policy: cells.optional(Cells::bytes)?,
        outcome_hash: cells.bytes()?,
        record: cells.sealed()?,
        leaf: cells.optional(Cells::number)?,
        revision: cells.number()?,
        gone: cells.optional(Cells::claim)?,
    }))
}

fn act(cells: &mut Cells<'_>) -> Answer<Option<ActRow>> {
    let Some(kind) = cells.optional(Cells::number)? else {
        return Ok(None);
    };
    Ok(Some(ActRow {
        kind: kind_of(kind)?.ok_or(StoreError::Damaged { what: "act" })?,
        original: cells.optional(Cells::claim)?,
        done: cells.optional(Cells::sealed)?,
    }))
}

/// What a sum is taken in, so that it cannot overflow: millions, and the rest.
const MILLION: i128 = 1_000_000;

const OVERFLOW: StoreError = StoreError::Damaged {
    what: "sum of amounts",
};

async fn totals(conn: &mut SqliteConnection) -> Answer<Totals> {
    let row = sqlx::query(
        "SELECT (SELECT coalesce(sum(read), 0) FROM submission), \
                (SELECT coalesce(sum(refused), 0) FROM submission), \
                (SELECT count(*) FROM flag WHERE standing = 1)",
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
    let rows = sqlx::query(
        "SELECT status, count(*), sum(charge / 1000000), sum(charge % 1000000), \
                sum(allowed / 1000000), sum(allowed % 1000000), \
                sum(paid / 1000000), sum(paid % 1000000), \
                sum(patient / 1000000), sum(patient % 1000000) \
         FROM (SELECT status, charge, allowed, paid, patient FROM outcome AS o \
               WHERE NOT EXISTS (SELECT 1 FROM revision WHERE revision.claim = o.claim) \
               UNION ALL SELECT status, charge, allowed, paid, patient FROM revision AS r \
               WHERE status IS NOT NULL AND NOT EXISTS (SELECT 1 FROM revision \
                   WHERE revision.claim = r.claim AND revision.number > r.number)) \
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
            let (millions, rest): (i64, i64) = (cells.number()?, cells.number()?);
            *sum = i128::from(millions)
                .checked_mul(MILLION)
                .and_then(|amount| amount.checked_add(rest.into()))
                .and_then(|amount| amount.checked_add(*sum))
                .ok_or(OVERFLOW)?;
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
