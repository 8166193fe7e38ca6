//! A table in memory: each code once, rows as columns of small numbers, so
//! that two million code pairs take some fifty megabytes and a look-up stays
//! in a few cache lines.

use sha2::{Digest, Sha256};
use tally_types::{Code, ServiceDate};

use crate::{Kind, MAX_COLUMNS, MAX_ROWS, MAX_SOURCES, Source, TableError};

/// A row: its key, the days it is in force on, both inclusive, and its values.
/// Unused columns are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The first code.
    pub code: Code,
    /// The second code, or [`Code::NONE`].
    pub second: Code,
    /// The first day.
    pub from: ServiceDate,
    /// The last day, [`ServiceDate::MAX`] when it is open.
    pub through: ServiceDate,
    /// The values, scaled as the kinds of the columns say.
    pub values: [i64; MAX_COLUMNS],
}

impl Row {
    pub(crate) fn key(&self) -> (Code, Code, ServiceDate) {
        (self.code, self.second, self.from)
    }

    /// Whether both are in force on one day, given that `self` sorts first.
    pub(crate) fn overlaps(&self, later: &Self) -> bool {
        (self.code, self.second) == (later.code, later.second) && later.from <= self.through
    }
}

/// A table, sorted and ready.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    pub(crate) sources: Vec<Source>,
    pub(crate) columns: Vec<(String, Kind)>,
    /// Every code of a key, first or second, once, in order.
    pub(crate) codes: Vec<Code>,
    /// Where the rows of each code begin, and where the last ones end.
    pub(crate) starts: Vec<u32>,
    /// Of each row: 0, or one more than the place of its second code.
    pub(crate) seconds: Vec<u32>,
    pub(crate) days: Vec<(ServiceDate, ServiceDate)>,
    /// Of each row as many as there are columns.
    pub(crate) values: Vec<i64>,
}

impl Table {
    /// From rows that are sorted by key and do not overlap, [`MAX_ROWS`] at
    /// most.
    pub(crate) fn from_sorted(
        sources: Vec<Source>,
        columns: Vec<(String, Kind)>,
        rows: impl ExactSizeIterator<Item = Row> + Clone,
    ) -> Self {
        let mut codes: Vec<Code> = Vec::new();
        let mut seconds: Vec<Code> = Vec::new();
        for row in rows.clone() {
            if codes.last() != Some(&row.code) {
                codes.push(row.code);
            }
            if !row.second.is_none() && seconds.last() != Some(&row.second) {
                seconds.push(row.second);
            }
        }
        codes.append(&mut seconds);
        codes.sort_unstable();
        codes.dedup();
        codes.shrink_to_fit();
        let mut table = Self {
            starts: Vec::with_capacity(codes.len().saturating_add(1)),
            seconds: Vec::with_capacity(rows.len()),
            days: Vec::with_capacity(rows.len()),
            values: Vec::with_capacity(rows.len().saturating_mul(columns.len())),
            sources,
            columns,
            codes,
        };
        for row in rows {
            let place = small(table.codes.partition_point(|code| *code < row.code));
            table.begin(place);
            let second = match row.second.is_none() {
                true => 0,
                false => small(table.codes.partition_point(|code| *code <= row.second)),
            };
            table.push(second, (row.from, row.through), &row.values);
        }
        table.begin(small(table.codes.len()));
        table
    }

    /// What follows are rows of the code at `place`, or of a later one.
    pub(crate) fn begin(&mut self, place: u32) {
        let rows = small(self.seconds.len());
        while small(self.starts.len()) <= place {
            self.starts.push(rows);
        }
    }

    pub(crate) fn push(
        &mut self,
        second: u32,
        days: (ServiceDate, ServiceDate),
        values: &[i64; MAX_COLUMNS],
    ) {
        self.seconds.push(second);
        self.days.push(days);
        self.values
            .extend(values.iter().take(self.columns.len()).copied());
    }

    /// Puts rows, each with its place in a text, in order.
    ///
    /// # Errors
    /// The places of two rows of one key for one day.
    pub(crate) fn arrange<P: Copy>(rows: &mut [(P, Row)]) -> Result<(), (P, P)> {
        rows.sort_by_key(|(_, row)| row.key());
        for pair in rows.windows(2) {
            if let [(first, one), (second, other)] = pair
                && one.overlaps(other)
            {
                return Err((*first, *second));
            }
        }
        Ok(())
    }

    /// SHA-256 of the canonical bytes: the table's name on the ledger.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seconds.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    /// Names and kinds of the value columns.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, Kind)> {
        self.columns
            .iter()
            .map(|(name, kind)| (name.as_str(), *kind))
    }

    /// The published files it was read from, in the order in which they were
    /// merged. None for a table written by hand.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The same rows, said to be from these sources.
    ///
    /// # Errors
    /// When there are more than [`MAX_SOURCES`], or one has a text that cannot
    /// be printed on its line.
    pub fn with_sources(mut self, sources: Vec<Source>) -> Result<Self, TableError> {
        if sources.len() > MAX_SOURCES || !sources.iter().all(Source::is_sound) {
            return Err(TableError::Sources);
        }
        self.sources = sources;
        Ok(self)
    }

    /// Every row, in order of the keys.
    pub fn rows(&self) -> impl Iterator<Item = Row> + Clone {
        let ranges = self.codes.iter().zip(self.starts.windows(2));
        ranges.flat_map(move |(code, range)| {
            let rows = match range {
                [from, to] => wide(*from)..wide(*to),
                _ => 0..0,
            };
            rows.filter_map(move |row| self.row(*code, row))
        })
    }

    fn row(&self, code: Code, row: usize) -> Option<Row> {
        let (from, through) = *self.days.get(row)?;
        Some(Row {
            code,
            second: match wide(*self.seconds.get(row)?).checked_sub(1) {
                Some(place) => *self.codes.get(place)?,
                None => Code::NONE,
            },
            from,
            through,
            values: self.values(row),
        })
    }

    /// The first day on which a row is in force.
    #[must_use]
    pub fn first_day(&self) -> Option<ServiceDate> {
        self.days.iter().map(|(from, _)| *from).min()
    }

    /// The row of these codes in force on a day; unused columns are zero.
    #[must_use]
    pub fn lookup(&self, a: Code, b: Code, on: ServiceDate) -> Option<[i64; MAX_COLUMNS]> {
        let place = self.codes.binary_search(&a).ok()?;
        let second = match b.is_none() {
            true => 0,
            false => small(self.codes.binary_search(&b).ok()?.checked_add(1)?),
        };
        let start = wide(*self.starts.get(place)?);
        let end = wide(*self.starts.get(place.checked_add(1)?)?);
        let seconds = self.seconds.get(start..end)?;
        let days = self.days.get(start..end)?;
        let first = seconds.partition_point(|other| *other < second);
        let end = seconds.partition_point(|other| *other <= second);
        let after = days
            .get(first..end)?
            .partition_point(|(from, _)| *from <= on);
        let at = first.checked_add(after.checked_sub(1)?)?;
        let (_, through) = days.get(at)?;
        (on <= *through).then(|| self.values(start.saturating_add(at)))
    }

    pub(crate) fn values(&self, row: usize) -> [i64; MAX_COLUMNS] {
        let mut values = [0; MAX_COLUMNS];
        let width = self.columns.len();
        let at = row.saturating_mul(width);
        if let Some(found) = self.values.get(at..at.saturating_add(width)) {
            for (value, found) in values.iter_mut().zip(found) {
                *value = *found;
            }
        }
        values
    }
}

/// At most [`MAX_ROWS`] rows and twice as many codes: they fit.
pub(crate) fn small(n: usize) -> u32 {
    const { assert!(MAX_ROWS < (u32::MAX / 4) as usize) };
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub(crate) fn wide(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
