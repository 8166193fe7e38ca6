//! Sealed payloads, in partitions by the month their claim was received in.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;

use crate::port::{Answer, Sealed, StoreError};

use super::cells::Cells;
use super::doing;

/// The claims'. The bounds leave out the partitions of all other months when
/// the statement starts; the dates of the list, those of other claims' months
/// for each claim.
pub(super) const CLAIMS: &str = "SELECT p.* \
     FROM unnest($1::bigint[], $2::integer[]) AS a (place, received) \
     CROSS JOIN LATERAL (SELECT place, record, payload FROM claim_payload AS p \
         WHERE p.place = a.place AND p.received = a.received \
         AND p.received BETWEEN $3 AND $4 OFFSET 0) AS p";

/// What was decided of them.
pub(super) const DECISIONS: &str = "SELECT p.* \
     FROM unnest($1::bigint[], $2::integer[]) AS a (place, received) \
     CROSS JOIN LATERAL (SELECT place, record, payload FROM decision AS p \
         WHERE p.place = a.place AND p.received = a.received \
         AND p.received BETWEEN $3 AND $4 OFFSET 0) AS p";

/// Where a payload is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) place: i64,
    pub(super) received: i32,
}

/// Payloads by the places of their claims. They are never changed, so they need
/// not be read in the moment in which their claims were.
pub(super) async fn read(
    conn: &mut PgConnection,
    sql: &'static str,
    places: &[Place],
) -> Answer<BTreeMap<i64, Sealed>> {
    let days = || places.iter().map(|place| place.received);
    let (Some(first), Some(last)) = (days().min(), days().max()) else {
        return Ok(BTreeMap::new());
    };
    let rows = sqlx::query(sql)
        .bind(places.iter().map(|place| place.place).collect::<Vec<_>>())
        .bind(days().collect::<Vec<_>>())
        .bind(first)
        .bind(last)
        .fetch_all(conn)
        .await
        .map_err(doing("reading payloads"))?;
    rows.iter()
        .map(|row| {
            let mut cells = Cells::of(row, "payload");
            Ok((cells.number()?, cells.sealed()?))
        })
        .collect()
}

/// One of those that were read.
pub(super) fn one(payloads: &BTreeMap<i64, Sealed>, place: i64) -> Answer<Sealed> {
    payloads
        .get(&place)
        .cloned()
        .ok_or(StoreError::Damaged { what: "payload" })
}

/// What stands for a payload until it was read.
pub(super) fn none() -> Sealed {
    Sealed {
        record: crate::port::RecordId([0; 16]),
        bytes: Vec::new(),
    }
}
