//! Reading what was decided.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Sqlite};
use tally_core::adjudication::Status;
use tally_core::claim::ClaimId;
use tally_types::Money;

use crate::alike::{status, status_of};
use crate::port::{
    Answer, ClaimFilter, ClaimRow, FlagFilter, FlagListed, OutcomeRow, Reading, StoreError, Token,
    Totals,
};

use super::bulk::hex_list;
use super::cells::Cells;
use super::{SqliteStore, doing, flags, moment};

const COLUMNS: &str = "SELECT c.id, u.token, c.sequence, c.previous, c.submitter, c.contract, c.member, c.provider, \
     c.received, c.first_service, c.charge, c.record, c.payload, \
     o.status, o.allowed, o.paid, o.patient, o.policy, o.hash, d.record, d.payload, o.leaf, \
     EXISTS (SELECT 1 FROM discarded WHERE claim = c.place)";

/// From the claim on: what it came to may be missing.
const BY_CLAIM: &str = " FROM claim AS c CROSS JOIN unit AS u ON u.id = c.unit \
     LEFT JOIN outcome AS o ON o.claim = c.id LEFT JOIN decision AS d ON d.claim = c.place \
     WHERE true";

/// From the outcome on, when nothing but the status narrows.
const BY_OUTCOME: &str = " FROM outcome AS o CROSS JOIN claim AS c ON c.id = o.claim \
     CROSS JOIN unit AS u ON u.id = c.unit LEFT JOIN decision AS d ON d.claim = c.place \
     WHERE true";

/// By their ids, in the order asked.
const BY_ID: &str = ") AS j CROSS JOIN claim AS c ON c.id = unhex(j.value) \
     CROSS JOIN unit AS u ON u.id = c.unit \
     LEFT JOIN outcome AS o ON o.claim = c.id LEFT JOIN decision AS d ON d.claim = c.place \
     ORDER BY j.key";

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

/// The claims that a filter lets through.
pub(super) fn filtered(filter: &ClaimFilter) -> QueryBuilder<Sqlite> {
    let narrowed = filter.member.is_some()
        || filter.unit.is_some()
        || filter.provider.is_some()
        || filter.submitter.is_some();
    let (from, id) = match filter.status {
        Some(_) if !narrowed => (BY_OUTCOME, "o.claim"),
        _ => (BY_CLAIM, "c.id"),
    };
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    query.push(from);
    if let Some(wanted) = filter.status {
        query.push(" AND o.status = ").push_bind(status(wanted));
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
        query
            .push(" AND ")
            .push(id)
            .push(" > ")
            .push_bind(after.0.to_vec());
    }
    query.push(" ORDER BY ").push(id);
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
    })
}

fn outcome(cells: &mut Cells<'_>) -> Answer<Option<OutcomeRow>> {
    let Some(status) = cells.optional(Cells::number)? else {
        cells.skip(8);
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
         FROM outcome GROUP BY status",
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
