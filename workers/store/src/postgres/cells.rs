//! The columns of PostgreSQL's rows.

use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};

use crate::alike::Columns;
use crate::port::Answer;

pub(super) type Cells<'r> = crate::alike::Cells<'r, PgRow>;

impl Columns for PgRow {
    fn null(&self, at: usize) -> Option<bool> {
        self.try_get_raw(at).ok().map(|value| value.is_null())
    }

    fn integer(&self, at: usize) -> Option<i64> {
        match *self.try_get_raw(at).ok()?.as_bytes().ok()? {
            [a, b] => Some(i16::from_be_bytes([a, b]).into()),
            [a, b, c, d] => Some(i32::from_be_bytes([a, b, c, d]).into()),
            [a, b, c, d, e, f, g, h] => Some(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
            _ => None,
        }
    }

    fn truth(&self, at: usize) -> Option<bool> {
        self.try_get(at).ok()
    }

    fn text(&self, at: usize) -> Option<String> {
        self.try_get(at).ok()
    }

    fn bytes(&self, at: usize) -> Option<&[u8]> {
        self.try_get(at).ok()
    }

    /// An array.
    fn list<const N: usize>(&self, at: usize) -> Option<Vec<[u8; N]>> {
        let list: Vec<Vec<u8>> = self.try_get(at).ok()?;
        list.into_iter().map(|item| item.try_into().ok()).collect()
    }
}

/// An array of numbers.
pub(super) fn numbers(cells: &mut Cells<'_>) -> Answer<Vec<i64>> {
    cells.next(|row, at| row.try_get(at).ok())
}
