//! What both stores do alike, whatever their SQL: reading a row, the numbers
//! that stand for names, and what follows from what was read.

mod balances;
mod cells;
mod numbers;
mod rows;
mod shared;
mod versions;

pub(crate) use balances::{Moved, moved, moved_by};
pub(crate) use cells::{Cells, Columns};
pub(crate) use numbers::{
    detector, detector_of, kind, kind_of, part, part_of, request_event, request_event_of, status,
    status_of,
};
pub(crate) use rows::{Stands, all_of_each, last_disputed, of_each, requests};
pub(crate) use shared::{FOLLOWS, Written, leaves, place_of, totalled, written_before};
pub(crate) use versions::{Changes, Version, changes, wanted};

use crate::port::{Answer, StoreError};

/// The database numbered the elements of a list otherwise than they stand in
/// it.
pub(crate) const ASKED: StoreError = StoreError::Damaged {
    what: "list of what was asked",
};

/// What a database failed at.
pub(crate) fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

/// An index, as a database has it.
pub(crate) fn index(number: u64) -> Answer<i64> {
    i64::try_from(number).map_err(|_| StoreError::Damaged { what: "index" })
}

/// What nothing is stated after.
pub(crate) const TAKEN: &str = "what was taken back or erased";

/// Somebody else was first.
pub(crate) const fn fenced(what: &'static str) -> StoreError {
    StoreError::Fenced { what }
}

/// Something that is there already is somebody else's.
pub(crate) fn taken(what: &'static str) -> impl FnOnce(StoreError) -> StoreError {
    move |error| match &error {
        StoreError::Database {
            source: sqlx::Error::Database(source),
            ..
        } if source.is_unique_violation() => fenced(what),
        _ => error,
    }
}
