//! Payments, and what is to be told.

use sqlx::postgres::PgConnection;
use sqlx::{Postgres, QueryBuilder};
use tally_core::claim::ClaimId;

use crate::alike::part;
use crate::port::{
    Answer, DueRow, NewPayment, PartRow, PaymentFilter, PaymentRow, Payments, StoreError, Token,
    ToldRow,
};

use super::cells::Cells;
use super::statements;
use super::{PostgresStore, doing, once, short, taken, whole};

/// The next payee with a mark.
pub(super) const PAYEE: &str =
    "SELECT provider FROM due WHERE provider > $1 ORDER BY provider LIMIT 1";

/// A payee's marks, from one on.
pub(super) const DUE: &str = "SELECT d.id, c.id FROM (SELECT id, claim FROM due \
         WHERE provider = $1 AND id + 0 > $2 ORDER BY id + 0 LIMIT $3) AS d \
     CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = d.claim OFFSET 0) AS c \
     ORDER BY d.id";

/// Those of claims that have a mark.
pub(super) const MARKED: &str = "SELECT c.id FROM unnest($1::bytea[]) AS n (id) \
     CROSS JOIN LATERAL (SELECT id, place FROM claim WHERE claim.id = n.id OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT 1 FROM due WHERE due.claim = c.place LIMIT 1) AS d";

/// Takes marks off.
pub(super) const OFF: &str = "DELETE FROM due WHERE id = ANY($1)";

/// What a payment tells.
pub(super) const PARTS: &str = "SELECT c.id, p.revision, p.kind, p.paid, p.interest, p.withheld, p.record, p.payload \
     FROM (SELECT * FROM payment_part WHERE payment = $1 OFFSET 0) AS p \
     CROSS JOIN LATERAL (SELECT id FROM claim WHERE claim.place = p.claim OFFSET 0) AS c \
     ORDER BY p.number";

/// What was told of claims.
pub(super) const TOLD: &str = "SELECT b.trace, b.day, c.id, p.revision, p.kind, p.paid, p.interest, p.withheld, \
            p.record, p.payload \
     FROM unnest($1::bytea[]) AS n (id) \
     CROSS JOIN LATERAL (SELECT id, place FROM claim WHERE claim.id = n.id OFFSET 0) AS c \
     CROSS JOIN LATERAL (SELECT * FROM payment_part WHERE payment_part.claim = c.place OFFSET 0) \
         AS p \
     CROSS JOIN LATERAL (SELECT trace, day FROM payment WHERE payment.id = p.payment OFFSET 0) \
         AS b ORDER BY p.payment, p.number";

/// Records a payment.
pub(super) const PAID: &str = "INSERT INTO payment (trace, payee, number, day, amount, brought, forwarded, parts, \
         submitter, hash, record, payload) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id";

/// Records what it tells.
pub(super) const ADDED: &str = "INSERT INTO payment_part (payment, number, claim, revision, kind, paid, interest, \
         withheld, record, payload) \
     SELECT $1, n.n, c.place, n.revision, n.kind, n.paid, n.interest, n.withheld, n.record, \
            n.payload \
     FROM unnest($2::bytea[], $3::integer[], $4::smallint[], $5::bigint[], $6::bigint[], \
                 $7::bigint[], $8::bytea[], $9::bytea[]) WITH ORDINALITY \
          AS n (id, revision, kind, paid, interest, withheld, record, payload, n) \
     CROSS JOIN LATERAL (SELECT place FROM claim WHERE claim.id = n.id OFFSET 0) AS c";

const COLUMNS: &str = "SELECT id, trace, payee, number, day, amount, brought, forwarded, parts, submitter, hash, \
     record, payload FROM payment WHERE true";

impl Payments for PostgresStore {
    async fn due_payee(&self, after: Option<Token>) -> Answer<Option<Token>> {
        once!(self, "finding who is to be paid", |conn| {
            let row = sqlx::query(PAYEE)
                .bind(after.map_or_else(Vec::new, |after| after.0.to_vec()))
                .fetch_optional(conn)
                .await
                .map_err(doing("finding who is to be paid"))?;
            row.map(|row| Cells::of(&row, "mark").token()).transpose()
        })
    }

    async fn due(&self, payee: Token, after: i64, limit: u32) -> Answer<Vec<DueRow>> {
        once!(self, "reading what is to be told", |conn| {
            let rows = sqlx::query(DUE)
                .bind(&payee.0[..])
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await
                .map_err(doing("reading what is to be told"))?;
            rows.iter()
                .map(|row| Cells::of(row, "mark").due())
                .collect()
        })
    }

    async fn marked(&self, claims: &[ClaimId]) -> Answer<Vec<ClaimId>> {
        once!(self, "reading what is to be told", |conn| {
            let ids: Vec<&[u8]> = claims.iter().map(|id| &id.0[..]).collect();
            let rows = sqlx::query(MARKED)
                .bind(ids)
                .fetch_all(conn)
                .await
                .map_err(doing("reading what is to be told"))?;
            rows.iter()
                .map(|row| Cells::of(row, "mark").claim())
                .collect()
        })
    }

    async fn nothing_due(&self, marks: &[i64]) -> Answer<()> {
        once!(self, "taking marks off", |conn| off(conn, marks).await)
    }

    async fn told_of(&self, claims: &[ClaimId]) -> Answer<Vec<ToldRow>> {
        once!(self, "reading what was told", |conn| {
            let ids: Vec<&[u8]> = claims.iter().map(|id| &id.0[..]).collect();
            let rows = sqlx::query(TOLD)
                .bind(ids)
                .fetch_all(conn)
                .await
                .map_err(doing("reading what was told"))?;
            rows.iter()
                .map(|row| Cells::of(row, "part of a payment").told())
                .collect()
        })
    }

    async fn pay(&self, payment: &NewPayment) -> Answer<()> {
        whole!(self, "recording a payment", |conn| pay(conn, payment)
            .await
            .map_err(taken("a payee's payments")))
    }

    async fn last_payment(&self, payee: Token) -> Answer<Option<PaymentRow>> {
        let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
        query
            .push(" AND payee = ")
            .push_bind(payee.0.to_vec())
            .push(" ORDER BY payee, number DESC LIMIT 1");
        Ok(self.payments_by(query).await?.pop())
    }

    async fn payment(&self, trace: &str) -> Answer<Option<PaymentRow>> {
        let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
        query.push(" AND trace = ").push_bind(trace.to_owned());
        Ok(self.payments_by(query).await?.pop())
    }

    async fn parts(&self, payment: i64) -> Answer<Vec<PartRow>> {
        once!(self, "reading what a payment tells", |conn| {
            let rows = sqlx::query(PARTS)
                .bind(payment)
                .fetch_all(conn)
                .await
                .map_err(doing("reading what a payment tells"))?;
            rows.iter()
                .map(|row| Cells::of(row, "part of a payment").part())
                .collect()
        })
    }

    async fn payments(&self, filter: &PaymentFilter) -> Answer<Vec<PaymentRow>> {
        self.payments_by(filtered(filter)).await
    }
}

/// The payments that a filter lets through.
pub(super) fn filtered(filter: &PaymentFilter) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::<Postgres>::new(COLUMNS);
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
        query.push(" LIMIT ").push_bind(i64::from(filter.limit));
    }
    query
}

impl PostgresStore {
    async fn payments_by(&self, mut query: QueryBuilder<Postgres>) -> Answer<Vec<PaymentRow>> {
        once!(self, "reading payments", |conn| {
            let rows = query
                .build()
                .fetch_all(conn)
                .await
                .map_err(doing("reading payments"))?;
            rows.iter()
                .map(|row| Cells::of(row, "payment").payment())
                .collect()
        })
    }
}

async fn off(conn: &mut PgConnection, marks: &[i64]) -> Answer<()> {
    sqlx::query(OFF)
        .bind(marks)
        .execute(conn)
        .await
        .map_err(doing("taking marks off"))?;
    Ok(())
}

/// A column of parts.
fn all<'a, T>(parts: &'a [PartRow], of: impl Fn(&'a PartRow) -> T) -> Vec<T> {
    parts.iter().map(of).collect()
}

async fn pay(conn: &mut PgConnection, new: &NewPayment) -> Answer<()> {
    let count = u32::try_from(new.parts.len()).unwrap_or(u32::MAX);
    let id: i64 = sqlx::query_scalar(PAID)
        .bind(&new.trace[..])
        .bind(&new.payee.0[..])
        .bind(short(new.number))
        .bind(new.day.days())
        .bind(new.amount.scaled())
        .bind(new.brought.scaled())
        .bind(new.forwarded.scaled())
        .bind(short(count))
        .bind(new.submitter.as_deref())
        .bind(&new.hash[..])
        .bind(&new.sealed.record.0[..])
        .bind(&new.sealed.bytes[..])
        .fetch_one(&mut *conn)
        .await
        .map_err(doing("recording a payment"))?;
    let parts = &new.parts;
    let added = sqlx::query(ADDED)
        .bind(id)
        .bind(all(parts, |part| &part.claim.0[..]))
        .bind(all(parts, |part| short(part.revision)))
        .bind(all(parts, |row| part(row.kind)))
        .bind(all(parts, |part| part.paid.scaled()))
        .bind(all(parts, |part| part.interest.scaled()))
        .bind(all(parts, |part| part.withheld.scaled()))
        .bind(all(parts, |part| {
            part.sealed.as_ref().map(|sealed| &sealed.record.0[..])
        }))
        .bind(all(parts, |part| {
            part.sealed.as_ref().map(|sealed| &sealed.bytes[..])
        }))
        .execute(&mut *conn)
        .await
        .map_err(doing("recording what a payment tells"))?;
    if added.rows_affected() != u64::from(count) {
        return Err(StoreError::Damaged {
            what: "claim of a payment",
        });
    }
    statements::state(conn, &[&new.advised]).await?;
    off(conn, &new.marks).await
}
