//! The columns of SQLite's rows.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, ValueRef};

use crate::alike::Columns;

pub(super) type Cells<'r> = crate::alike::Cells<'r, SqliteRow>;

impl Columns for SqliteRow {
    fn null(&self, at: usize) -> Option<bool> {
        self.try_get_raw(at).ok().map(|value| value.is_null())
    }

    fn integer(&self, at: usize) -> Option<i64> {
        self.try_get(at).ok()
    }

    fn truth(&self, at: usize) -> Option<bool> {
        self.integer(at).map(|number| number != 0)
    }

    fn text(&self, at: usize) -> Option<String> {
        self.try_get(at).ok()
    }

    fn bytes(&self, at: usize) -> Option<&[u8]> {
        self.try_get(at).ok()
    }

    /// One text of hexadecimal digits, as `group_concat` gives it; none are
    /// NULL.
    fn list<const N: usize>(&self, at: usize) -> Option<Vec<[u8; N]>> {
        if self.null(at)? {
            return Some(Vec::new());
        }
        let text = self.text(at)?;
        let (chunks, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = chunks.iter().map(|pair| octet(*pair)).collect();
        let bytes = bytes?;
        let (items, over) = bytes.as_chunks::<N>();
        (rest.is_empty() && over.is_empty()).then(|| items.to_vec())
    }
}

fn octet(pair: [u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high?.checked_mul(16)?.checked_add(low?)?).ok()
}
