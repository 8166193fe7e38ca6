//! Reading a row, column by column, each checked to be what was written.

use tally_core::claim::ClaimId;
use tally_types::{Money, ServiceDate};

use crate::port::{Answer, RecordId, Sealed, StoreError, Token};

/// The columns of a database's rows; none where one is not of its kind.
pub(crate) trait Columns {
    /// Whether it is NULL.
    fn null(&self, at: usize) -> Option<bool>;
    /// An integer, of whatever width.
    fn integer(&self, at: usize) -> Option<i64>;
    /// True or false.
    fn truth(&self, at: usize) -> Option<bool>;
    /// Text.
    fn text(&self, at: usize) -> Option<String>;
    /// Bytes.
    fn bytes(&self, at: usize) -> Option<&[u8]>;
    /// Many of `N` bytes each, in the form that the store's queries give them.
    fn list<const N: usize>(&self, at: usize) -> Option<Vec<[u8; N]>>;
}

/// A row being read, and what is said of it when it cannot be read.
pub(crate) struct Cells<'r, R> {
    row: &'r R,
    at: usize,
    what: &'static str,
}

impl<'r, R: Columns> Cells<'r, R> {
    pub(crate) fn of(row: &'r R, what: &'static str) -> Self {
        Self { row, at: 0, what }
    }

    /// What is read of the next column, and the one after it is the next.
    pub(crate) fn next<T>(&mut self, read: impl FnOnce(&'r R, usize) -> Option<T>) -> Answer<T> {
        let value = read(self.row, self.at);
        self.skip(1);
        value.ok_or(StoreError::Damaged { what: self.what })
    }

    /// An integer, in the range of what it is.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Answer<T> {
        self.next(|row, at| T::try_from(row.integer(at)?).ok())
    }

    pub(crate) fn truth(&mut self) -> Answer<bool> {
        self.next(R::truth)
    }

    pub(crate) fn money(&mut self) -> Answer<Money> {
        self.number().map(Money::cents)
    }

    pub(crate) fn day(&mut self) -> Answer<ServiceDate> {
        self.next(|row, at| ServiceDate::from_days(row.integer(at)?.try_into().ok()?))
    }

    pub(crate) fn text(&mut self) -> Answer<String> {
        self.next(R::text)
    }

    pub(crate) fn blob(&mut self) -> Answer<Vec<u8>> {
        self.next(|row, at| row.bytes(at).map(<[u8]>::to_vec))
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Answer<[u8; N]> {
        self.next(|row, at| row.bytes(at)?.try_into().ok())
    }

    pub(crate) fn token(&mut self) -> Answer<Token> {
        self.bytes().map(Token)
    }

    pub(crate) fn claim(&mut self) -> Answer<ClaimId> {
        self.bytes().map(ClaimId)
    }

    /// Two columns: the record and the payload.
    pub(crate) fn sealed(&mut self) -> Answer<Sealed> {
        Ok(Sealed {
            record: RecordId(self.bytes()?),
            bytes: self.blob()?,
        })
    }

    /// Many of `N` bytes.
    pub(crate) fn list<const N: usize>(&mut self) -> Answer<Vec<[u8; N]>> {
        self.next(R::list)
    }

    /// What `read` reads, or `None` where its first column is NULL, which alone
    /// is stepped over then.
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Answer<T>,
    ) -> Answer<Option<T>> {
        match self.row.null(self.at) {
            None => Err(StoreError::Damaged { what: self.what }),
            Some(false) => read(self).map(Some),
            Some(true) => {
                self.skip(1);
                Ok(None)
            }
        }
    }

    /// Steps over columns.
    pub(crate) fn skip(&mut self, columns: usize) {
        self.at = self.at.saturating_add(columns);
    }
}
