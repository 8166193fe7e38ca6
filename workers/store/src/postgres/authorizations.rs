//! Requests for prior authorisation, and what happens to them.

use sqlx::postgres::PgConnection;

use crate::alike::{request_event, requests};
use crate::port::{
    Answer, Authorizations, Following, NewRequest, RequestFilter, RequestRow, StoreError, Token,
};

use super::cells::Cells;
use super::{PostgresStore, doing, fenced, once, short, taken, whole};

/// The columns of a request and of an event.
macro_rules! columns {
    () => {
        "SELECT r.id, r.number, r.content, r.submitter, r.member, r.provider, r.received, \
                r.record, r.payload, e.number, e.kind, e.day, e.contract, e.record, e.payload "
    };
}

/// The events of each request.
macro_rules! events {
    () => {
        " LEFT JOIN LATERAL (SELECT * FROM authorization_event \
              WHERE authorization_event.request = r.id OFFSET 0) AS e ON true "
    };
}

/// A request by its number.
pub(super) const BY_NUMBER: &str = concat!(
    columns!(),
    "FROM (SELECT * FROM authorization_request WHERE number = $1 OFFSET 0) AS r",
    events!(),
    "ORDER BY e.number"
);

/// A request by its token.
pub(super) const BY_TOKEN: &str = concat!(
    columns!(),
    "FROM (SELECT * FROM authorization_request WHERE token = $1 OFFSET 0) AS r",
    events!(),
    "ORDER BY e.number"
);

/// The requests of members.
pub(super) const OF_MEMBERS: &str = concat!(
    columns!(),
    "FROM unnest($1::bytea[]) AS m (token) CROSS JOIN LATERAL \
     (SELECT * FROM authorization_request WHERE authorization_request.member = m.token OFFSET 0) AS r",
    events!(),
    "ORDER BY r.id, e.number"
);

/// A request's id, which later ones are above.
pub(super) const ID: &str = "SELECT id FROM authorization_request WHERE number = $1";

/// Requests before one, the latest first.
pub(super) const LATEST: &str = concat!(
    columns!(),
    "FROM (SELECT * FROM authorization_request WHERE id < $1 ORDER BY id DESC LIMIT $2) AS r",
    events!(),
    "ORDER BY r.id DESC, e.number"
);

/// The same, of a submitter: as a range, which only one index is in the order of.
pub(super) const OF_SUBMITTER: &str = concat!(
    columns!(),
    "FROM (SELECT * FROM authorization_request \
           WHERE submitter >= $3 AND (submitter, id) < ($3, $1) \
           ORDER BY submitter DESC, id DESC LIMIT $2) AS r",
    events!(),
    "ORDER BY r.id DESC, e.number"
);

/// The same, of a member.
pub(super) const OF_MEMBER: &str = concat!(
    columns!(),
    "FROM (SELECT * FROM authorization_request \
           WHERE member >= $4 AND (member, id) < ($4, $1) \
           AND ($3::text IS NULL OR submitter = $3) \
           ORDER BY member DESC, id DESC LIMIT $2) AS r",
    events!(),
    "ORDER BY r.id DESC, e.number"
);

/// How much happened to the requests of members.
pub(super) const EVENTS: &str = "SELECT count(*) FROM unnest($1::bytea[]) AS m (token) \
     CROSS JOIN LATERAL (SELECT id FROM authorization_request \
         WHERE authorization_request.member = m.token OFFSET 0) AS r \
     CROSS JOIN LATERAL (SELECT FROM authorization_event \
         WHERE authorization_event.request = r.id OFFSET 0) AS e";

/// Locks a unit.
pub(super) const UNIT: &str = "SELECT id, contract FROM unit WHERE token = $1 FOR NO KEY UPDATE";

/// The unit that a member is enrolled under.
pub(super) const ENROLLED: &str = "SELECT unit FROM member WHERE token = $1";

/// An event of a request of the member.
pub(super) const EVENT: &str = "INSERT INTO authorization_event \
     (request, number, kind, day, unit, contract, record, payload) \
     SELECT r.id, $3::integer, $4, $5, $6, $7, $8, $9 FROM \
         (SELECT id, member, record FROM authorization_request WHERE number = $1 OFFSET 0) AS r \
     WHERE r.member = $2 AND r.record = $8 AND $3::integer = 1 + (SELECT count(*) FROM authorization_event WHERE request = r.id)";

/// A request, unless it is there.
pub(super) const PUT: &str = "INSERT INTO authorization_request \
     (token, content, number, submitter, member, provider, received, record, payload) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (token) DO NOTHING";

const READING: &str = "reading requests";
const FOLLOWING: &str = "storing what happened to a request";

impl Authorizations for PostgresStore {
    async fn put_request(&self, new: &NewRequest) -> Answer<RequestRow> {
        whole!(self, "storing a request", |conn| put(conn, new).await)
    }

    async fn request(&self, number: &str) -> Answer<Option<RequestRow>> {
        once!(self, READING, |conn| {
            let rows = sqlx::query(BY_NUMBER)
                .bind(number)
                .fetch_all(conn)
                .await
                .map_err(doing(READING))?;
            Ok(requests(&rows)?.pop())
        })
    }

    async fn requests_of(&self, members: &[Token]) -> Answer<Vec<RequestRow>> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        once!(self, READING, |conn| {
            let rows = sqlx::query(OF_MEMBERS)
                .bind(members.iter().map(|m| &m.0[..]).collect::<Vec<_>>())
                .fetch_all(conn)
                .await
                .map_err(doing(READING))?;
            requests(&rows)
        })
    }

    async fn requests(&self, filter: &RequestFilter) -> Answer<Vec<RequestRow>> {
        once!(self, READING, |conn| listed(conn, filter).await)
    }

    async fn follow(&self, following: &Following) -> Answer<Option<u32>> {
        whole!(self, FOLLOWING, |conn| follow(conn, following).await)
    }
}

async fn put(conn: &mut PgConnection, new: &NewRequest) -> Answer<RequestRow> {
    sqlx::query(PUT)
        .bind(&new.token.0[..])
        .bind(&new.content.0[..])
        .bind(&new.number)
        .bind(&new.submitter)
        .bind(&new.member.0[..])
        .bind(&new.provider.0[..])
        .bind(new.received.days())
        .bind(&new.sealed.record.0[..])
        .bind(&new.sealed.bytes[..])
        .execute(&mut *conn)
        .await
        .map_err(doing("storing a request"))
        .map_err(taken("a request's number"))?;
    let rows = sqlx::query(BY_TOKEN)
        .bind(&new.token.0[..])
        .fetch_all(conn)
        .await
        .map_err(doing(READING))?;
    let stored = requests(&rows)?.pop();
    stored.ok_or(StoreError::Damaged { what: "request" })
}

async fn listed(conn: &mut PgConnection, filter: &RequestFilter) -> Answer<Vec<RequestRow>> {
    let before: Option<i64> = match &filter.before {
        None => Some(i64::MAX),
        Some(number) => sqlx::query_scalar(ID)
            .bind(number)
            .fetch_optional(&mut *conn)
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
    let mut query = sqlx::query(sql).bind(before).bind(i64::from(filter.limit));
    if filter.member.is_some() || filter.submitter.is_some() {
        query = query.bind(filter.submitter.as_deref());
    }
    if let Some(member) = &filter.member {
        query = query.bind(&member.0[..]);
    }
    let rows = query.fetch_all(conn).await.map_err(doing(READING))?;
    requests(&rows)
}

/// Whoever holds a unit holds what its members' requests come to.
async fn follow(conn: &mut PgConnection, following: &Following) -> Answer<Option<u32>> {
    let row = sqlx::query(UNIT)
        .bind(&following.unit.0[..])
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing(FOLLOWING))?;
    let row = row.ok_or(fenced("a member's enrolment"))?;
    let mut cells = Cells::of(&row, "unit");
    let (unit, version) = (cells.number::<i64>()?, cells.number::<u32>()?);
    let enrolled: Option<i64> = sqlx::query_scalar(ENROLLED)
        .bind(&following.member.0[..])
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing(FOLLOWING))?;
    if enrolled != Some(unit) {
        return Err(fenced("a member's enrolment"));
    }
    if version != following.version {
        return Err(fenced("a contract's version"));
    }
    let next = match &following.contract {
        None => None,
        Some(sealed) => Some(super::enrolment::next_version(conn, unit, sealed).await?),
    };
    for event in &following.events {
        let done = sqlx::query(EVENT)
            .bind(&event.request)
            .bind(&following.member.0[..])
            .bind(short(event.number))
            .bind(request_event(event.kind))
            .bind(event.day.days())
            .bind(unit)
            .bind(next.map(short))
            .bind(&event.sealed.record.0[..])
            .bind(&event.sealed.bytes[..])
            .execute(&mut *conn)
            .await
            .map_err(doing(FOLLOWING))
            .map_err(taken("a request"))?;
        if done.rows_affected() != 1 {
            return Err(fenced("a request"));
        }
    }
    Ok(next)
}

/// Refuses a contract that was made before more happened to its members' requests.
/// The units of all of them are held.
pub(super) async fn check_events(
    conn: &mut PgConnection,
    members: &[&[u8]],
    events: u32,
) -> Answer<()> {
    let found: i64 = sqlx::query_scalar(EVENTS)
        .bind(members)
        .fetch_one(conn)
        .await
        .map_err(doing(READING))?;
    if found != i64::from(events) {
        return Err(fenced("a member's requests"));
    }
    Ok(())
}
