//! Reading a row, column by column, each checked to be what was written.

use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type, ValueRef};
use tally_core::claim::ClaimId;
use tally_types::{Money, ServiceDate};

use crate::port::{Answer, RecordId, Sealed, StoreError, Token};

/// A row being read, and what is said of it when it cannot be read.
pub(super) struct Cells<'r> {
    row: &'r PgRow,
    at: usize,
    what: &'static str,
}

impl<'r> Cells<'r> {
    pub(super) fn of(row: &'r PgRow, what: &'static str) -> Self {
        Self { row, at: 0, what }
    }

    fn damaged(&self) -> StoreError {
        StoreError::Damaged { what: self.what }
    }

    fn next<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Answer<T> {
        let value = self.row.try_get(self.at).map_err(|_| self.damaged());
        self.at = self.at.saturating_add(1);
        value
    }

    /// An integer of whatever width, in the range of what it is.
    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> Answer<T> {
        let value = self.row.try_get_raw(self.at).map_err(|_| self.damaged())?;
        self.at = self.at.saturating_add(1);
        let bytes = value.as_bytes().map_err(|_| self.damaged())?;
        let number = match *bytes {
            [a, b] => i64::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => return Err(self.damaged()),
        };
        T::try_from(number).map_err(|_| self.damaged())
    }

    pub(super) fn truth(&mut self) -> Answer<bool> {
        self.next()
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

    /// An array of numbers.
    pub(super) fn numbers(&mut self) -> Answer<Vec<i64>> {
        self.next()
    }

    /// An array of `N` bytes each.
    pub(super) fn list<const N: usize>(&mut self) -> Answer<Vec<[u8; N]>> {
        let list: Vec<Vec<u8>> = self.next()?;
        list.into_iter()
            .map(|item| item.try_into().map_err(|_| self.damaged()))
            .collect()
    }

    /// What `read` reads, or `None` where its (one) column is NULL.
    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Answer<T>,
    ) -> Answer<Option<T>> {
        let value = self.row.try_get_raw(self.at).map_err(|_| self.damaged())?;
        if value.is_null() {
            self.at = self.at.saturating_add(1);
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// Passes columns over.
    pub(super) fn skip(&mut self, columns: usize) {
        self.at = self.at.saturating_add(columns);
    }
}
