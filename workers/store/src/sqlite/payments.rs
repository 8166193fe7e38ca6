//! Payments, and what is to be told.

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};
use tally_core::claim::ClaimId;

use crate::alike::{of_each, part, taken};
use crate::port::{
    Answer, DueRow, NewPayment, PartRow, PaymentFilter, PaymentRow, Payments, StoreError, Token,
    ToldRow,
};

use super::bulk::{Bulk, Values, hex_list, id_list};
use super::cells::Cells;
use super::statements;
use super::{SqliteStore, begin, doing};

/// The next payee with a mark.
pub(super) const PAYEE: &str =
    "SELECT provider FROM due WHERE provider > ? ORDER BY provider LIMIT 1";

/// A payee's marks, from one on.
pub(super) const DUE: &str = "SELECT d.id, c.id FROM due AS d CROSS JOIN claim AS c ON c.place = d.claim \
     WHERE d.provider = ? AND d.id > ? ORDER BY d.id LIMIT ?";

/// Those of claims that have a mark.
pub(super) const MARKED: &str = "SELECT c.id FROM json_each(?) AS j CROSS JOIN claim AS c ON c.id = unhex(j.value) \
     WHERE EXISTS (SELECT 1 FROM due AS d WHERE d.claim = c.place)";

/// Takes marks off.
pub(super) const OFF: &str = "DELETE FROM due WHERE id IN (SELECT value FROM json_each(?))";

pub(super) const PARTS: &str = "SELECT c.id, p.revision, p.kind, p.paid, p.interest, p.withheld, p.record, p.payload \
     FROM payment_part AS p CROSS JOIN claim AS c ON c.place = p.claim \
     WHERE p.payment = ? ORDER BY p.number";

/// What was told of claims.
pub(super) const TOLD: &str = "SELECT b.trace, b.day, c.id, p.revision, p.kind, p.paid, p.interest, p.withheld, \
            p.record, p.payload \
     FROM json_each(?) AS j CROSS JOIN claim AS c ON c.id = unhex(j.value) \
     CROSS JOIN payment_part AS p ON p.claim = c.place \
     CROSS JOIN payment AS b ON b.id = p.payment ORDER BY p.payment, p.number";

/// Where claims stand.
pub(super) const PLACES: &str = "SELECT j.key, c.place FROM json_each(?) AS j \
     CROSS JOIN claim AS c ON c.id = unhex(j.value)";

const COLUMNS: &str = "SELECT id, trace, payee, number, day, amount, brought, forwarded, parts, submitter, hash, \
     record, payload FROM payment";

const ADDED: Bulk = Bulk {
    doing: "recording what a payment tells",
    before: "INSERT INTO payment_part (payment, number, claim, revision, kind, paid, interest, withheld, \
           record, payload)",
    columns: 10,
    after: "",
};

impl Payments for SqliteStore {
    async fn due_payee(&self, after: Option<Token>) -> Answer<Option<Token>> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(PAYEE)
            .bind(after.map_or_else(Vec::new, |after| after.0.to_vec()))
            .fetch_optional(&mut *reader)
            .await
            .map_err(doing("finding who is to be paid"))?;
        row.map(|row| Cells::of(&row, "mark").token()).transpose()
    }

    async fn due(&self, payee: Token, after: i64, limit: u32) -> Answer<Vec<DueRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(DUE)
            .bind(&payee.0[..])
            .bind(after)
            .bind(limit)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what is to be told"))?;
        rows.iter()
            .map(|row| Cells::of(row, "mark").due())
            .collect()
    }

    async fn marked(&self, claims: &[ClaimId]) -> Answer<Vec<ClaimId>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(MARKED)
            .bind(hex_list(claims.iter().map(|id| &id.0[..])))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what is to be told"))?;
        rows.iter()
            .map(|row| Cells::of(row, "mark").claim())
            .collect()
    }

    async fn nothing_due(&self, marks: &[i64]) -> Answer<()> {
        let mut writer = self.writer().await;
        off(&mut writer, marks).await
    }

    async fn told_of(&self, claims: &[ClaimId]) -> Answer<Vec<ToldRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(TOLD)
            .bind(hex_list(claims.iter().map(|id| &id.0[..])))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what was told"))?;
        rows.iter()
            .map(|row| Cells::of(row, "part of a payment").told())
            .collect()
    }

    async fn pay(&self, payment: &NewPayment) -> Answer<()> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        pay(&mut tx, payment)
            .await
            .map_err(taken("a payee's payments"))?;
        tx.commit().await.map_err(doing("recording a payment"))
    }

    async fn last_payment(&self, payee: Token) -> Answer<Option<PaymentRow>> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query
            .push(" WHERE payee = ")
            .push_bind(payee.0.to_vec())
            .push(" ORDER BY number DESC LIMIT 1");
        Ok(self.payments_by(query).await?.pop())
    }

    async fn payment(&self, trace: &str) -> Answer<Option<PaymentRow>> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push(" WHERE trace = ").push_bind(trace.to_owned());
        Ok(self.payments_by(query).await?.pop())
    }

    async fn parts(&self, payment: i64) -> Answer<Vec<PartRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(PARTS)
            .bind(payment)
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading what a payment tells"))?;
        rows.iter()
            .map(|row| Cells::of(row, "part of a payment").part())
            .collect()
    }

    async fn payments(&self, filter: &PaymentFilter) -> Answer<Vec<PaymentRow>> {
        self.payments_by(filtered(filter)).await
    }
}

/// The payments that a filter lets through.
pub(super) fn filtered(filter: &PaymentFilter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    query.push(" WHERE true");
    if let Some(payee) = filter.payee {
        query.push(" AND payee = ").push_bind(payee.0.to_vec());
    }
    if let Some(submitter) = &filter.submitter {
        query.push(" AND submitter = ").push_bind(submitter.clone());
    }
    if let Some(since) = filter.since {
        query.push(" AND day >= ").push_bind(since.days());
    }
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before);
    }
    // Of one payee they are in the order of their numbers too.
    query.push(match filter.payee {
        Some(_) => " ORDER BY number DESC",
        None => " ORDER BY id DESC",
    });
    if filter.limit > 0 {
        query.push(" LIMIT ").push_bind(filter.limit);
    }
    query
}

impl SqliteStore {
    async fn payments_by(&self, mut query: QueryBuilder<Sqlite>) -> Answer<Vec<PaymentRow>> {
        let mut reader = self.reader().await?;
        let rows = query
            .build()
            .fetch_all(&mut *reader)
            .await
            .map_err(doing("reading payments"))?;
        rows.iter()
            .map(|row| Cells::of(row, "payment").payment())
            .collect()
    }
}

async fn off(conn: &mut SqliteConnection, marks: &[i64]) -> Answer<()> {
    sqlx::query(OFF)
        .bind(id_list(marks.iter().copied()))
        .execute(conn)
        .await
        .map_err(doing("taking marks off"))?;
    Ok(())
}

async fn pay(conn: &mut SqliteConnection, new: &NewPayment) -> Answer<()> {
    let mut values = Values::default();
    values.text(&new.trace);
    values.bytes(&new.payee.0);
    values.number(new.number);
    values.number(new.day.days());
    for amount in [new.amount, new.brought, new.forwarded] {
        values.number(amount.scaled());
    }
    values.number(new.parts.len());
    values.optional_text(new.submitter.as_deref());
    values.bytes(&new.hash);
    values.sealed(&new.sealed);
    let doing_it = "recording a payment";
    let arguments = values.finish().map_err(doing(doing_it))?;
    let id: i64 = sqlx::query_scalar_with(
        "INSERT INTO payment (trace, payee, number, day, amount, brought, forwarded, parts, \
             submitter, hash, record, payload) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        arguments,
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(doing(doing_it))?;
    let rows = sqlx::query(PLACES)
        .bind(hex_list(new.parts.iter().map(|part| &part.claim.0[..])))
        .fetch_all(&mut *conn)
        .await
        .map_err(doing("finding claims"))?;
    let places = of_each(&new.parts, &rows, "claim", |cells, _| cells.number::<i64>())?;
    let mut parts = Vec::with_capacity(places.len());
    for (number, (part, place)) in (1i64..).zip(new.parts.iter().zip(places)) {
        let place = place.ok_or(StoreError::Damaged {
            what: "claim of a payment",
        })?;
        parts.push((number, place, part));
    }
    ADDED
        .run(conn, &parts, |values, (number, place, row)| {
            values.number(id);
            values.number(*number);
            values.number(*place);
            values.number(row.revision);
            values.number(part(row.kind));
            for amount in [row.paid, row.interest, row.withheld] {
                values.number(amount.scaled());
            }
            let sealed = row.sealed.as_ref();
            values.optional_bytes(sealed.map(|sealed| &sealed.record.0[..]));
            values.optional_bytes(sealed.map(|sealed| &sealed.bytes[..]));
        })
        .await?;
    statements::state(conn, &[&new.advised]).await?;
    off(conn, &new.marks).await
}
