//! Reference tables: CSV for people, sorted canonical bytes for hashing and
//! looking up, and readers of the files in which such tables are published.
//!
//! ```csv
//! # comments and empty lines are left out
//! code,from,through,fee:money,reduced:count
//! 99213,2026-01-01,,92.00,0
//! ```
//!
//! The first column is `code`; a second key column is `code2`, which may be
//! empty in a row of the code alone. `from` and `through` are inclusive, an
//! empty `through` is open. One to four value columns follow, each with its
//! kind: `money` (cents), `rate` (a decimal, `0.2` is 20 %), `price` (up to six
//! decimals), `count`, or `code` (at most nine characters, or empty). Rows of
//! one key may not overlap. The canonical bytes are the same whatever the order
//! of the rows.
//!
//! A table that was read from published files ([`import`]) names them: lines
//! that begin with `#= ` are its [`Source`]s, which its bytes and so its hash
//! cover. A later file goes over an earlier table with [`Table::merge`].
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::float_arithmetic
    )
)]

mod bytes;
mod csv;
pub mod import;
mod kind;
mod merge;
mod source;
mod table;
mod tables;

use thiserror::Error;

pub use kind::Kind;
pub use merge::MergeError;
pub use source::{MAX_SOURCES, Source};
pub use table::{Row, Table};
pub use tables::{Tables, TablesError};

/// The section of a component that carries a table, before its name.
pub const SECTION: &str = "tally:table/";
/// The most rows a table may have: the national code pairs with their history
/// are some two and a half million.
pub const MAX_ROWS: usize = 8_000_000;
/// The most value columns.
pub const MAX_COLUMNS: usize = 4;

/// Why a text is no table, or bytes are none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TableError {
    /// The header is not `code[,code2],from,through,name:kind…`.
    #[error("line {line}: the header is `code[,code2],from,through` and one to four `name:kind`")]
    Header {
        /// The line, from 1.
        line: usize,
    },
    /// A row with another number of columns.
    #[error("line {line}: {found} columns where {expected} belong")]
    Columns {
        /// The line, from 1.
        line: usize,
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A field that cannot be read.
    #[error("line {line}, column `{column}`: {reason}")]
    Field {
        /// The line, from 1.
        line: usize,
        /// The column.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// A line that begins with `#=` and names no source.
    #[error("line {line}: `#= ` and what names a source belong there, as an import writes it")]
    Source {
        /// The line, from 1.
        line: usize,
    },
    /// Two rows of one key for one day.
    #[error("line {second} overlaps line {first}: the same key is in force twice on one day")]
    Overlap {
        /// The first, from 1.
        first: usize,
        /// The second, from 1.
        second: usize,
    },
    /// Too many sources, or one with a text that its line cannot hold.
    #[error("more than {MAX_SOURCES} sources, or one that cannot be printed on a line")]
    Sources,
    /// Too many rows.
    #[error("more than {MAX_ROWS} rows")]
    TooLong,
    /// Bytes that are not a table's canonical bytes.
    #[error("not the bytes of a table: {0}")]
    Bytes(&'static str),
}

/// Whether a text may name a value column: 1 to 63 bytes of what a header can
/// hold.
fn is_column(name: &str) -> bool {
    (1..64).contains(&name.len()) && !name.contains([',', ':', '\n', '\r']) && name.trim() == name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tally_types::{Code, ServiceDate};

    const FEES: &str = "\
# invented fees
code,from,through,fee:money,share:rate
99213,2026-01-01,,92.00,0.2
99213,2025-01-01,2025-12-31,90.00,0.2
80053,2025-01-01,,10.56,0
";

    fn on(text: &str) -> ServiceDate {
        ServiceDate::parse(text).unwrap()
    }

    #[test]
    fn rows_are_found_as_of_the_day() {
        let table = Table::from_csv(FEES).unwrap();
        let fee = |code, day| table.lookup(Code::of(code), Code::NONE, on(day));
        assert_eq!(fee("99213", "2025-12-31"), Some([9_000, 200_000, 0, 0]));
        assert_eq!(fee("99213", "2026-01-01"), Some([9_200, 200_000, 0, 0]));
        assert_eq!(fee("99213", "2024-12-31"), None);
        assert_eq!(fee("80053", "2030-01-01"), Some([1_056, 0, 0, 0]));
        assert_eq!(fee("99999", "2026-01-01"), None);
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn the_order_of_rows_does_not_change_the_hash() {
        let mut lines: Vec<&str> = FEES.lines().collect();
        lines.swap(2, 4);
        let other = Table::from_csv(&lines.join("\n")).unwrap();
        assert_eq!(other.hash(), Table::from_csv(FEES).unwrap().hash());
    }

    #[test]
    fn errors_say_where() {
        for (text, says) in [
            ("", "line 1: the header"),
            ("code,from\n", "line 1: the header"),
            ("code,from,through,fee:float\n", "line 1: the header"),
            (
                "code,from,through,fee:money\n1,2026-01-01,\n",
                "line 2: 3 columns where 4 belong",
            ),
            (
                "code,from,through,fee:money\n1,2026-01-01,,1.005\n",
                "line 2, column `fee:money`",
            ),
            (
                "code,from,through,fee:money\n1,2026-02-30,,1\n",
                "line 2, column `from`",
            ),
            (
                "code,from,through,fee:money\n1,2026-02-01,2026-01-01,1\n",
                "line 2, column `through`",
            ),
            (
                "code,from,through,fee:money\n1,2026-01-01,,1\n1,2026-05-01,,1\n",
                "line 3 overlaps line 2",
            ),
        ] {
            let error = Table::from_csv(text).err().unwrap().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }

    proptest! {
        #[test]
        fn bytes_go_out_and_back(rows in proptest::collection::btree_map(0u32..500, -5i64..500, 0..40)) {
            let mut text = "code,code2,from,through,v:count\n".to_owned();
            for (key, value) in &rows {
                text.push_str(&format!("A{key},B,2026-01-01,,{value}\n"));
            }
            let table = Table::from_csv(&text).unwrap();
            let bytes = table.to_bytes();
            prop_assert!(Table::from_bytes(&bytes).unwrap() == table);
            for (key, value) in &rows {
                let code = Code::parse(&format!("A{key}")).unwrap();
                let found = table.lookup(code, Code::of("B"), on("2026-07-01"));
                prop_assert_eq!(found, Some([*value, 0, 0, 0]));
            }
        }

        #[test]
        fn junk_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
            let _ = Table::from_bytes(&bytes);
            let _ = Table::from_csv(&text);
        }
    }
}
