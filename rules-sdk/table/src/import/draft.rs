//! A table in the making: rows with their places, and what became of the
//! others.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tally_types::ServiceDate;

use super::{Format, ImportError, LeftOut};
use crate::table::{small, wide};
use crate::{MAX_ROWS, Row, Source, Table};

/// Where a row stands: file and line, from 1.
pub(super) type Place = (u16, u32);

/// What a file says of itself and what was taken of it.
#[derive(Default)]
pub(super) struct Told {
    pub(super) version: String,
    pub(super) of: String,
    read: u64,
    left_out: BTreeMap<Cow<'static, str>, u64>,
}

impl Told {
    /// A row that the table does not have.
    fn leave(&mut self, reason: Cow<'static, str>) {
        self.read = self.read.saturating_add(1);
        self.drop(reason);
    }

    /// A row that was read, and that the table will not have after all.
    fn drop(&mut self, reason: Cow<'static, str>) {
        let count = self.left_out.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// A row that the table has in it, though not as a row.
    pub(super) fn used(&mut self) {
        self.read = self.read.saturating_add(1);
    }
}

pub(super) struct Draft<'a> {
    pub(super) rows: Vec<(Place, Row)>,
    pub(super) files: Vec<Told>,
    left: Vec<LeftOut>,
    read: u64,
    watch: &'a dyn Fn(u64),
}

/// How often whoever watches is told where it stands: a power of two.
const OFTEN: u64 = 1 << 12;

impl<'a> Draft<'a> {
    pub(super) fn new(files: usize, watch: &'a dyn Fn(u64)) -> Self {
        Self {
            rows: Vec::new(),
            files: (0..files).map(|_| Told::default()).collect(),
            left: Vec::new(),
            read: 0,
            watch,
        }
    }

    /// One more row was read.
    fn tick(&mut self) {
        self.read = self.read.saturating_add(1);
        if self.read.is_multiple_of(OFTEN) {
            (self.watch)(self.read);
        }
    }

    /// Notes where a row stands that is left out, while that is worth reading.
    fn note(&mut self, (file, line): (usize, usize), reason: Cow<'static, str>) {
        if self.left.len() < super::MAX_LEFT_OUT {
            self.left.push(LeftOut { file, line, reason });
        }
    }

    /// Leaves out a row.
    pub(super) fn leave(
        &mut self,
        place: (usize, usize),
        reason: Cow<'static, str>,
    ) -> Result<(), ImportError> {
        self.tick();
        self.note(place, reason.clone());
        self.told(place.0)?.leave(reason);
        Ok(())
    }

    pub(super) fn told(&mut self, file: usize) -> Result<&mut Told, ImportError> {
        let file = self.files.get_mut(file.saturating_sub(1));
        file.ok_or(ImportError::Empty)
    }

    /// Takes a row, or leaves it out with a reason.
    pub(super) fn take(
        &mut self,
        (file, line): (usize, usize),
        row: Result<Row, Cow<'static, str>>,
    ) -> Result<(), ImportError> {
        match row {
            Ok(row) => {
                self.tick();
                if self.rows.len() >= MAX_ROWS {
                    return Err(ImportError::TooLong);
                }
                let place = (u16::try_from(file).unwrap_or(u16::MAX), small(line));
                self.rows.push((place, row));
                self.told(file)?.used();
            }
            Err(reason) => self.leave((file, line), reason)?,
        }
        Ok(())
    }

    /// Leaves out a row that was taken.
    pub(super) fn drop(&mut self, (file, line): Place, reason: &'static str) {
        self.note((file.into(), wide(line)), reason.into());
        if let Ok(told) = self.told(file.into()) {
            told.drop(reason.into());
        }
    }

    pub(super) fn finish(
        mut self,
        format: &Format,
        files: &[&[u8]],
    ) -> Result<(Table, Vec<LeftOut>), ImportError> {
        let mut rows = core::mem::take(&mut self.rows);
        rows.sort_by_key(|(place, row)| (row.key(), *place));
        let mut repeated = Vec::new();
        rows.dedup_by(|later, earlier| {
            let same = earlier.1 == later.1;
            if same {
                repeated.push(later.0);
            }
            same
        });
        for place in repeated {
            self.drop(place, "repeated");
        }
        Table::arrange(&mut rows).map_err(|(one, other)| {
            let place = |(file, line): Place| (file.into(), wide(line));
            ImportError::Contradiction {
                first: place(one.min(other)),
                second: place(one.max(other)),
            }
        })?;
        let whole = span(rows.iter().map(|(_, row)| row)).ok_or(ImportError::Empty)?;
        let mut sources = Vec::new();
        for ((number, told), bytes) in (1u16..).zip(core::mem::take(&mut self.files)).zip(files) {
            let own = rows.iter().filter(|((file, _), _)| *file == number);
            // A file of factors has no rows of its own.
            let (first, last) = span(own.map(|(_, row)| row)).unwrap_or(whole);
            sources.push(Source {
                format: format.name.to_owned(),
                version: told.version,
                of: told.of,
                sha256: Sha256::digest(bytes).into(),
                read: told.read,
                left_out: told
                    .left_out
                    .into_iter()
                    .map(|(reason, count)| (reason.into_owned(), count))
                    .collect(),
                first,
                last,
            });
        }
        // The header is ours, and a test reads every one of them.
        let columns = Table::from_csv(format.header).map_err(|_| ImportError::Empty)?;
        let table = Table::from_sorted(
            Vec::new(),
            columns.columns,
            rows.iter().map(|(_, row)| *row),
        );
        let table = table.with_sources(sources);
        let mut left = self.left;
        left.sort_by_key(|one| (one.file, one.line));
        Ok((table.map_err(|_| ImportError::Version)?, left))
    }
}

fn span<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<(ServiceDate, ServiceDate)> {
    rows.fold(None, |span, row| {
        let (first, last) = span.unwrap_or((row.from, row.through));
        Some((first.min(row.from), last.max(row.through)))
    })
}
