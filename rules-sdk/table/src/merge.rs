//! A later file over an earlier table.

use tally_types::ServiceDate;
use thiserror::Error;

use crate::{MAX_ROWS, MAX_SOURCES, Row, Table};

/// Why two tables are not merged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MergeError {
    /// Other columns, or of another kind.
    #[error(
        "the columns differ: `{earlier}` earlier, `{later}` later; a table with other columns is another table"
    )]
    Columns {
        /// The header of the earlier table.
        earlier: String,
        /// The header of the later one.
        later: String,
    },
    /// Too many rows together.
    #[error("more than {MAX_ROWS} rows together: drop history that no claim can need")]
    TooLong,
    /// Too many sources together.
    #[error("more than {MAX_SOURCES} sources together")]
    Sources,
}

impl Table {
    /// This table before `effective`, and `later` from that day on: what a
    /// quarter's file makes of the table of the quarters before. A look-up of
    /// an earlier day is answered as before, one of that day or a later one as
    /// by `later` alone. What does not change stays one row; the history of
    /// what does is kept. The sources of both are named, those of this table
    /// first.
    ///
    /// # Errors
    /// When the tables have other columns, or are too long together.
    pub fn merge(&self, later: &Self, effective: ServiceDate) -> Result<Self, MergeError> {
        if self.columns != later.columns {
            let header = |table: &Self| {
                let columns = table.columns();
                let names: Vec<_> = columns
                    .map(|(name, kind)| format!("{name}:{}", kind.name()))
                    .collect();
                names.join(",")
            };
            return Err(MergeError::Columns {
                earlier: header(self),
                later: header(later),
            });
        }
        let mut sources = self.sources.clone();
        for source in &later.sources {
            if !sources.contains(source) {
                sources.push(source.clone());
            }
        }
        if sources.len() > MAX_SOURCES {
            return Err(MergeError::Sources);
        }
        let before = effective.plus_days(-1);
        // Rows, and whether each would have gone on.
        let mut rows: Vec<(Row, bool)> = Vec::new();
        if let Some(before) = before {
            let earlier = self.rows().filter(|row| row.from <= before);
            rows.extend(earlier.map(|row| {
                let through = row.through.min(before);
                (Row { through, ..row }, row.through > before)
            }));
        }
        let after = later.rows().filter(|row| row.through >= effective);
        rows.extend(after.map(|row| {
            let from = row.from.max(effective);
            (Row { from, ..row }, false)
        }));
        rows.sort_by_key(|(row, _)| row.key());
        rows.dedup_by(|(later, _), (earlier, goes_on)| {
            let same = (earlier.code, earlier.second, earlier.values)
                == (later.code, later.second, later.values);
            let joins = same && *goes_on && later.from == effective;
            if joins {
                *goes_on = false;
                earlier.through = later.through;
            }
            joins
        });
        if rows.len() > MAX_ROWS {
            return Err(MergeError::TooLong);
        }
        let columns = self.columns.clone();
        Ok(Self::from_sorted(
            sources,
            columns,
            rows.iter().map(|(row, _)| *row),
        ))
    }
}
