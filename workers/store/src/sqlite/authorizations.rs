//! Requests for prior authorisation, and what happens to them.

use sqlx::sqlite::SqliteConnection;

use crate::alike::{doing, fenced, request_event, requests, taken};
use crate::port::{
    Answer, Authorizations, Following, NewRequest, RequestFilter, RequestRow, StoreError, Token,
};

use super::bulk::{Values, hex_list};
use super::cells::Cells;
use super::{SqliteStore, begin};

/// The columns of a request, which may be of a list of them that was made, and of an
/// event.
macro_rules! columns {
    () => {
        "SELECT m.id, m.number, m.content, m.submitter, m.member, m.provider, m.received, \
                m.record, m.payload, e.number, e.kind, e.day, e.contract, e.record, e.payload "
    };
}

/// A request by its number.
pub(super) const BY_NUMBER: &str = concat!(
    columns!(),
    "FROM authorization_request AS m LEFT JOIN authorization_event AS e ON e.request = m.id \
     WHERE m.number = ? ORDER BY e.number"
);

/// A request by its token.
pub(super) const BY_TOKEN: &str = concat!(
    columns!(),
    "FROM authorization_request AS m LEFT JOIN authorization_event AS e ON e.request = m.id \
     WHERE m.token = ? ORDER BY e.number"
);

/// The requests of members.
pub(super) const OF_MEMBERS: &str = concat!(
    columns!(),
    "FROM json_each(?) AS j CROSS JOIN authorization_request AS m ON m.member = unhex(j.value) \
     LEFT JOIN authorization_event AS e ON e.request = m.id ORDER BY m.id, e.number"
);

/// A request's id, which later ones are above.
pub(super) const ID: &str = "SELECT id FROM authorization_request WHERE number = ?";

/// Requests before one, the latest first.
pub(super) const LATEST: &str = concat!(
    columns!(),
    "FROM (SELECT * FROM authorization_request WHERE id < ?1 ORDER BY id DESC LIMIT ?2) AS m \
     LEFT JOIN authorization_event AS e ON e.request = m.id ORDER BY m.id DESC, e.number"
);

/// The same, of a submitter.
pub(super) const OF_SUBMITTER: &str = concat!(
    columns!(),
    "FROM (SELECT * FROM authorization_request WHERE submitter = ?3 AND id < ?1 \
           ORDER BY id DESC LIMIT ?2) AS m \
     LEFT JOIN authorization_event AS e ON e.request = m.id ORDER BY m.id DESC, e.number"
);

/// The same, of a member.
pub(super) const OF_MEMBER: &str = concat!(
    columns!(),
    "FROM (SELECT * FROM authorization_request WHERE member = ?4 AND id < ?1 \
           AND (?3 IS NULL OR submitter = ?3) ORDER BY id DESC LIMIT ?2) AS m \
     LEFT JOIN authorization_event AS e ON e.request = m.id ORDER BY m.id DESC, e.number"
);

/// How much happened to the requests of members.
pub(super) const EVENTS: &str = "SELECT count(*) FROM json_each(?) AS j \
     CROSS JOIN authorization_request AS r ON r.member = unhex(j.value) \
     CROSS JOIN authorization_event AS e ON e.request = r.id";

/// A unit that a member is enrolled under.
pub(super) const ENROLLED: &str = "SELECT u.id, u.contract FROM member AS m CROSS JOIN unit AS u ON u.id = m.unit \
     WHERE m.token = ?1 AND u.token = ?2";

/// An event of a request of the member.
pub(super) const EVENT: &str = "INSERT INTO authorization_event \
     (request, number, kind, day, unit, contract, record, payload) \
     SELECT id, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM authorization_request \
     WHERE number = ?1 AND member = ?2 AND record = ?8 AND ?3 = 1 + \
           (SELECT count(*) FROM authorization_event WHERE request = authorization_request.id)";

const READING: &str = "reading requests";

impl Authorizations for SqliteStore {
    async fn put_request(&self, new: &NewRequest) -> Answer<RequestRow> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        if let Some(stored) = one(&mut tx, BY_TOKEN, &new.token.0[..]).await? {
            return Ok(stored);
        }
        sqlx::query(
            "INSERT INTO authorization_request \
             (token, content, number, submitter, member, provider, received, record, payload) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&new.token.0[..])
        .bind(&new.content.0[..])
        .bind(&new.number)
        .bind(&new.submitter)
        .bind(&new.member.0[..])
        .bind(&new.provider.0[..])
        .bind(new.received.days())
        .bind(&new.sealed.record.0[..])
        .bind(&new.sealed.bytes[..])
        .execute(&mut *tx)
        .await
        .map_err(doing("storing a request"))
        .map_err(taken("a request's number"))?;
        let stored = one(&mut tx, BY_TOKEN, &new.token.0[..]).await?;
        tx.commit().await.map_err(doing("storing a request"))?;
        stored.ok_or(StoreError::Damaged { what: "request" })
    }

    async fn request(&self, number: &str) -> Answer<Option<RequestRow>> {
        let mut reader = self.reader().await?;
        one(&mut reader, BY_NUMBER, number).await
    }

    async fn requests_of(&self, members: &[Token]) -> Answer<Vec<RequestRow>> {
        let mut reader = self.reader().await?;
        let rows = sqlx::query(OF_MEMBERS)
            .bind(hex_list(members.iter().map(|member| &member.0[..])))
            .fetch_all(&mut *reader)
            .await
            .map_err(doing(READING))?;
        requests(&rows)
    }

    async fn requests(&self, filter: &RequestFilter) -> Answer<Vec<RequestRow>> {
        let mut reader = self.reader().await?;
        let before: Option<i64> = match &filter.before {
            None => Some(i64::MAX),
            Some(number) => sqlx::query_scalar(ID)
                .bind(number)
                .fetch_optional(&mut *reader)
                .await
                .map_err(doing(READING))?,
        };
        let Some(before) = before else {
            return Ok(Vec::new());
        };
        let sql = match (&filter.member, &filter.submitter) {
            (Some(_), _) => OF_MEMBER,
            (None, Some(_)) => OF_SUBMITTER,
            (None, None) => LATEST,
        };
        let mut query = sqlx::query(sql).bind(before).bind(filter.limit);
        if filter.member.is_some() || filter.submitter.is_some() {
            query = query.bind(filter.submitter.as_deref());
        }
        if let Some(member) = &filter.member {
            query = query.bind(&member.0[..]);
        }
        let rows = query
            .fetch_all(&mut *reader)
            .await
            .map_err(doing(READING))?;
        requests(&rows)
    }

    async fn follow(&self, following: &Following) -> Answer<Option<u32>> {
        let mut writer = self.writer().await;
        let mut tx = begin(&mut writer).await?;
        let version = follow(&mut tx, following).await?;
        let doing_it = doing("storing what happened to a request");
        tx.commit().await.map_err(doing_it)?;
        Ok(version)
    }
}

async fn follow(conn: &mut SqliteConnection, following: &Following) -> Answer<Option<u32>> {
    let doing_it = "storing what happened to a request";
    let row = sqlx::query(ENROLLED)
        .bind(&following.member.0[..])
        .bind(&following.unit.0[..])
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing(doing_it))?;
    let row = row.ok_or(fenced("a member's enrolment"))?;
    let mut cells = Cells::of(&row, "unit");
    let (unit, version) = (cells.number::<i64>()?, cells.number::<u32>()?);
    if version != following.version {
        return Err(fenced("a contract's version"));
    }
    let next = match &following.contract {
        None => None,
        Some(sealed) => {
            let next = version.saturating_add(1);
            sqlx::query("UPDATE unit SET contract = ?2 WHERE id = ?1")
                .bind(unit)
                .bind(next)
                .execute(&mut *conn)
                .await
                .map_err(doing("storing a contract"))?;
            sqlx::query(
                "INSERT INTO contract (unit, version, record, payload) VALUES (?, ?, ?, ?)",
            )
            .bind(unit)
            .bind(next)
            .bind(&sealed.record.0[..])
            .bind(&sealed.bytes[..])
            .execute(&mut *conn)
            .await
            .map_err(doing("storing a contract"))?;
            Some(next)
        }
    };
    for event in &following.events {
        let mut values = Values::default();
        values.text(&event.request);
        values.bytes(&following.member.0);
        values.number(event.number);
        values.number(request_event(event.kind));
        values.number(event.day.days());
        values.number(unit);
        values.optional(next);
        values.sealed(&event.sealed);
        let arguments = values.finish().map_err(doing(doing_it))?;
        let done = sqlx::query_with(EVENT, arguments)
            .execute(&mut *conn)
            .await
            .map_err(doing(doing_it))?;
        if done.rows_affected() != 1 {
            return Err(fenced("a request"));
        }
    }
    Ok(next)
}

/// Refuses a contract that was made before more happened to its members' requests.
pub(super) async fn check_events(
    conn: &mut SqliteConnection,
    members: &[Token],
    events: u32,
) -> Answer<()> {
    let mut members: Vec<&[u8]> = members.iter().map(|member| &member.0[..]).collect();
    members.sort_unstable();
    members.dedup();
    let found: i64 = sqlx::query_scalar(EVENTS)
        .bind(hex_list(members))
        .fetch_one(conn)
        .await
        .map_err(doing(READING))?;
    if found != i64::from(events) {
        return Err(fenced("a member's requests"));
    }
    Ok(())
}

async fn one<'q, K>(
    conn: &mut SqliteConnection,
    sql: &'static str,
    key: K,
) -> Answer<Option<RequestRow>>
where
    K: 'q + sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send,
{
    let rows = sqlx::query(sql)
        .bind(key)
        .fetch_all(conn)
        .await
        .map_err(doing(READING))?;
    Ok(requests(&rows)?.pop())
}
