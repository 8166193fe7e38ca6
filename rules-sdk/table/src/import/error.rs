//! Why no table is made of files.

use thiserror::Error;

use super::{FORMATS, Need};
use crate::MAX_ROWS;

/// Why no table is made. No text of a file is repeated: a list of excluded
/// providers has names in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// No such format.
    #[error("there is no format `{name}`: {}", names())]
    Format {
        /// What was asked for.
        name: String,
    },
    /// Too few files, or too many.
    #[error("{found} files where `{usage}` belongs")]
    Files {
        /// How the format is called.
        usage: String,
        /// How many files there are.
        found: usize,
    },
    /// An option the format cannot do without.
    #[error("`{format}` needs `{}`: {}", need.name(), need.about())]
    Missing {
        /// The format.
        format: &'static str,
        /// The option.
        need: Need,
    },
    /// An option that would change nothing.
    #[error("`{}` means nothing to `{format}`: leave it out", need.name())]
    Useless {
        /// The format.
        format: &'static str,
        /// The option.
        need: Need,
    },
    /// The file says something else than the option.
    #[error("the file says `{said}`, not `{given}`: is it the right file?")]
    Disagrees {
        /// What the file says.
        said: String,
        /// What was given.
        given: String,
    },
    /// A version that cannot be printed.
    #[error("a version is up to 127 printable characters without `,` and `;`")]
    Version,
    /// The columns that the format has are not there.
    #[error("file {file}: no line names the columns {columns}: is it this format?")]
    Header {
        /// The file, from 1.
        file: usize,
        /// The columns looked for.
        columns: String,
    },
    /// A column that two names fit.
    #[error("file {file}: the column `{column}` is there twice: leave in the one that holds")]
    Twice {
        /// The file, from 1.
        file: usize,
        /// The column.
        column: String,
    },
    /// A row with too few or too many columns.
    #[error("file {file}, line {line}: {found} columns where {expected} belong")]
    Columns {
        /// The file, from 1.
        file: usize,
        /// The line, from 1.
        line: usize,
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A field that cannot be read.
    #[error("file {file}, line {line}, column `{column}`: {reason}")]
    Field {
        /// The file, from 1.
        file: usize,
        /// The line, from 1.
        line: usize,
        /// The column.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// A quoted field without an end, or with text after it.
    #[error("file {file}, line {line}: a quoted field does not end where it must")]
    Quote {
        /// The file, from 1.
        file: usize,
        /// The line on which the record begins, from 1.
        line: usize,
    },
    /// Two rows of one key for one day that say different things.
    #[error(
        "file {}, line {} contradicts file {}, line {}: the same key on the same day",
        second.0, second.1, first.0, first.1
    )]
    Contradiction {
        /// File and line of the first, from 1.
        first: (usize, usize),
        /// File and line of the second, from 1.
        second: (usize, usize),
    },
    /// What the options ask for is not there.
    #[error("the file has no locality {locality}")]
    NoLocality {
        /// The locality asked for.
        locality: String,
    },
    /// No row is left.
    #[error("no row of the file can be looked up: is it this format?")]
    Empty,
    /// Too many rows.
    #[error("more than {MAX_ROWS} rows")]
    TooLong,
}

fn names() -> String {
    let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    names.join(", ")
}
