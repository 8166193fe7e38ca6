//! Reading a row, column by column, each checked to be what was written.

use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type, ValueRef};
use tally_core::claim::ClaimId;
use tally_types::{Money, ServiceDate};

use crate::port::{Answer, RecordId, Sealed, StoreError, Token};

/// A row being read, and what is said of it when it cannot be read.
pub(super) struct Cells<'r> {
    row: &'r SqliteRow,
    at: usize,
    what: &'static str,
}

impl<'r> Cells<'r> {
    pub(super) fn of(row: &'r SqliteRow, what: &'static str) -> Self {
        Self { row, at: 0, what }
    }

    fn damaged(&self) -> StoreError {
        StoreError::Damaged { what: self.what }
    }

    fn next<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> Answer<T> {
        let value = self.row.try_get(self.at).map_err(|_| self.damaged());
        self.at = self.at.saturating_add(1);
        value
    }

    /// An integer, in the range of what it is.
    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> Answer<T> {
        T::try_from(self.next::<i64>()?).map_err(|_| self.damaged())
    }

    pub(super) fn money(&mut self) -> Answer<Money> {
        self.number().map(Money::cents)
    }

    pub(super) fn day(&mut self) -> Answer<ServiceDate> {
        ServiceDate::from_days(self.number()?).ok_or_else(|| self.damaged())
    }

    pub(super) fn text(&mut self) -> Answer<String> {
        self.next()
    }

    pub(super) fn blob(&mut self) -> Answer<Vec<u8>> {
        self.next()
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Answer<[u8; N]> {
        let bytes: &[u8] = self.next()?;
        bytes.try_into().map_err(|_| self.damaged())
    }

    pub(super) fn token(&mut self) -> Answer<Token> {
        self.bytes().map(Token)
    }

    pub(super) fn claim(&mut self) -> Answer<ClaimId> {
        self.bytes().map(ClaimId)
    }

    /// Two columns: the record and the payload.
    pub(super) fn sealed(&mut self) -> Answer<Sealed> {
        Ok(Sealed {
            record: RecordId(self.bytes()?),
            bytes: self.blob()?,
        })
    }

    /// Many of `N` bytes in one text of hexadecimal digits, as `group_concat`
    /// gives them; none when it is NULL.
    pub(super) fn list<const N: usize>(&mut self) -> Answer<Vec<[u8; N]>> {
        let Some(text) = self.optional(Self::text)? else {
            return Ok(Vec::new());
        };
        let (chunks, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = chunks.iter().map(|pair| octet(*pair)).collect();
        let bytes = bytes.ok_or_else(|| self.damaged())?;
        let (items, over) = bytes.as_chunks::<N>();
        if rest.is_empty() && over.is_empty() {
            Ok(items.to_vec())
        } else {
            Err(self.damaged())
        }
    }

    /// What `read` reads, or `None` where its (one) column is NULL.
    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Answer<T>,
    ) -> Answer<Option<T>> {
        if self.null()? {
            self.at = self.at.saturating_add(1);
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// Steps over columns.
    pub(super) fn skip(&mut self, columns: usize) {
        self.at = self.at.saturating_add(columns);
    }

    /// Whether the next column is NULL; it stays the next.
    pub(super) fn null(&self) -> Answer<bool> {
        let value = self.row.try_get_raw(self.at).map_err(|_| self.damaged())?;
        Ok(value.is_null())
    }
}

fn octet(pair: [u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high?.checked_mul(16)?.checked_add(low?)?).ok()
}
