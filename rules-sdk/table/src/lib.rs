//! Reference tables: CSV for people, sorted canonical bytes for hashing and
//! looking up.
//!
//! ```csv
//! # comments and empty lines are left out
//! code,from,through,fee:money,reduced:count
//! 99213,2026-01-01,,92.00,0
//! ```
//!
//! The first column is `code`; a second key column is `code2`. `from` and
//! `through` are inclusive, an empty `through` is open. One to four value
//! columns follow, each with its kind: `money` (cents), `rate` (a decimal,
//! `0.2` is 20 %), `price` (up to six decimals) or `count`. Rows of one key
//! may not overlap. The canonical bytes are the same whatever the order of
//! the rows.

mod tables;

use sha2::{Digest, Sha256};
use tally_types::{Code, Money, Rate, ServiceDate, UnitPrice};
use thiserror::Error;

pub use tables::{Tables, TablesError};

/// The section of a component that carries a table, before its name.
pub const SECTION: &str = "tally:table/";
/// The most rows a table may have.
pub const MAX_ROWS: usize = 1_000_000;
/// The most value columns.
pub const MAX_COLUMNS: usize = 4;
const MAGIC: &[u8; 4] = b"TTB1";

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
    /// Two rows of one key for one day.
    #[error("line {second} overlaps line {first}: the same key is in force twice on one day")]
    Overlap {
        /// The first, from 1.
        first: usize,
        /// The second, from 1.
        second: usize,
    },
    /// Too many rows.
    #[error("more than {MAX_ROWS} rows")]
    TooLong,
    /// Bytes that are not a table's canonical bytes.
    #[error("not the bytes of a table: {0}")]
    Bytes(&'static str),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Cents.
    Money,
    /// A rate, in millionths.
    Rate,
    /// A unit price, in millionths.
    Price,
    /// A whole number.
    Count,
}

impl Kind {
    fn of(text: &str) -> Option<Self> {
        match text {
            "money" => Some(Self::Money),
            "rate" => Some(Self::Rate),
            "price" => Some(Self::Price),
            "count" => Some(Self::Count),
            _ => None,
        }
    }
    fn number(self) -> u8 {
        match self {
            Self::Money => 1,
            Self::Rate => 2,
            Self::Price => 3,
            Self::Count => 4,
        }
    }
    fn parse(self, text: &str) -> Result<i64, String> {
        let decimal = |error: tally_types::DecimalError| error.to_string();
        match self {
            Self::Money => Money::parse(text).map(Money::scaled).map_err(decimal),
            Self::Rate => Rate::parse(text).map(Rate::scaled).map_err(decimal),
            Self::Price => UnitPrice::parse(text)
                .map(UnitPrice::scaled)
                .map_err(decimal),
            Self::Count => text.parse().map_err(|_| "not a whole number".to_owned()),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Row {
    a: Code,
    b: Code,
    from: ServiceDate,
    through: ServiceDate,
    values: [i64; MAX_COLUMNS],
}

impl Row {
    fn key(&self) -> (Code, Code, ServiceDate) {
        (self.a, self.b, self.from)
    }
}

/// A table, sorted and ready.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(String, Kind)>,
    rows: Vec<Row>,
}

impl Table {
    /// Reads a CSV text.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn from_csv(text: &str) -> Result<Self, TableError> {
        let mut lines = (1usize..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let (line, header) = lines.next().ok_or(TableError::Header { line: 1 })?;
        let bad = TableError::Header { line };
        let names: Vec<&str> = header.split(',').map(str::trim).collect();
        let two = names.get(1) == Some(&"code2");
        let keys = if two { 4 } else { 3 };
        let head: &[&str] = if two {
            &["code", "code2", "from", "through"]
        } else {
            &["code", "from", "through"]
        };
        if names.get(..keys) != Some(head) {
            return Err(bad);
        }
        let columns: Vec<(String, Kind)> = names
            .iter()
            .skip(keys)
            .map(|name| {
                let (name, kind) = name.split_once(':')?;
                is_column(name).then_some((name.to_owned(), Kind::of(kind)?))
            })
            .collect::<Option<_>>()
            .ok_or(bad.clone())?;
        let twice = (1..columns.len()).any(|i| {
            let (before, from) = columns.split_at(i);
            matches!(from, [(name, _), ..] if before.iter().any(|(other, _)| other == name))
        });
        if columns.is_empty() || columns.len() > MAX_COLUMNS || twice {
            return Err(bad);
        }
        let mut rows: Vec<(usize, Row)> = Vec::new();
        for (line, text) in lines {
            if rows.len() >= MAX_ROWS {
                return Err(TableError::TooLong);
            }
            let fields: Vec<&str> = text.split(',').map(str::trim).collect();
            rows.push((line, read_row(line, &names, &fields, two, &columns)?));
        }
        rows.sort_by_key(|(_, row)| row.key());
        for pair in rows.windows(2) {
            if let [(first, one), (second, other)] = pair
                && (one.a, one.b) == (other.a, other.b)
                && other.from <= one.through
            {
                return Err(TableError::Overlap {
                    first: *first.min(second),
                    second: *first.max(second),
                });
            }
        }
        Ok(Self {
            columns,
            rows: rows.into_iter().map(|(_, row)| row).collect(),
        })
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(u8::try_from(self.columns.len()).unwrap_or(u8::MAX));
        for (name, kind) in &self.columns {
            out.push(kind.number());
            out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(
            &u32::try_from(self.rows.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        for row in &self.rows {
            out.extend_from_slice(&row.a.packed().to_be_bytes());
            out.extend_from_slice(&row.b.packed().to_be_bytes());
            out.extend_from_slice(&row.from.days().to_be_bytes());
            out.extend_from_slice(&row.through.days().to_be_bytes());
            for value in row.values.iter().take(self.columns.len()) {
                out.extend_from_slice(&value.to_be_bytes());
            }
        }
        out
    }

    /// Reads canonical bytes, and only those.
    ///
    /// # Errors
    /// When they are not a table's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TableError> {
        let bad = TableError::Bytes;
        let mut reader = Reader(bytes);
        if reader.array::<4>()? != *MAGIC {
            return Err(bad("another beginning"));
        }
        let [count] = reader.array::<1>()?;
        if count == 0 || usize::from(count) > MAX_COLUMNS {
            return Err(bad("number of columns"));
        }
        let mut columns = Vec::new();
        for _ in 0..count {
            let [kind, length] = reader.array::<2>()?;
            let kind = [Kind::Money, Kind::Rate, Kind::Price, Kind::Count]
                .into_iter()
                .find(|known| known.number() == kind)
                .ok_or(bad("kind of a column"))?;
            let name = core::str::from_utf8(reader.take(length.into())?)
                .ok()
                .filter(|name| is_column(name) && !columns.iter().any(|(other, _)| other == name))
                .ok_or(bad("name of a column"))?;
            columns.push((name.to_owned(), kind));
        }
        let count = usize::try_from(u32::from_be_bytes(reader.array()?)).unwrap_or(usize::MAX);
        let width = columns.len().saturating_mul(8).saturating_add(40);
        if count > MAX_ROWS || reader.0.len() != count.saturating_mul(width) {
            return Err(bad("number of rows"));
        }
        let mut rows: Vec<Row> = Vec::with_capacity(count);
        for _ in 0..count {
            let code = |packed| Code::from_packed(packed).ok_or(bad("a code"));
            let date = |days| ServiceDate::from_days(days).ok_or(bad("a date"));
            let mut row = Row {
                a: code(u128::from_be_bytes(reader.array()?))?,
                b: code(u128::from_be_bytes(reader.array()?))?,
                from: date(i32::from_be_bytes(reader.array()?))?,
                through: date(i32::from_be_bytes(reader.array()?))?,
                values: [0; MAX_COLUMNS],
            };
            for value in row.values.iter_mut().take(columns.len()) {
                *value = i64::from_be_bytes(reader.array()?);
            }
            let in_order = row.through >= row.from
                && rows.last().is_none_or(|last| {
                    last.key() < row.key()
                        && ((last.a, last.b) != (row.a, row.b) || last.through < row.from)
                });
            if !in_order {
                return Err(bad("rows out of order"));
            }
            rows.push(row);
        }
        Ok(Self { columns, rows })
    }

    /// SHA-256 of the canonical bytes: the table's name on the ledger.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of these codes in force on a day; unused columns are zero.
    #[must_use]
    pub fn lookup(&self, a: Code, b: Code, on: ServiceDate) -> Option<[i64; MAX_COLUMNS]> {
        let after = self.rows.partition_point(|row| row.key() <= (a, b, on));
        let row = self.rows.get(after.checked_sub(1)?)?;
        ((row.a, row.b) == (a, b) && on <= row.through).then_some(row.values)
    }
}

/// Whether a text may name a value column: 1 to 63 bytes of what a header can
/// hold.
fn is_column(name: &str) -> bool {
    (1..64).contains(&name.len()) && !name.contains([',', ':', '\n', '\r']) && name.trim() == name
}

fn read_row(
    line: usize,
    names: &[&str],
    fields: &[&str],
    two: bool,
    columns: &[(String, Kind)],
) -> Result<Row, TableError> {
    if fields.len() != names.len() {
        return Err(TableError::Columns {
            line,
            found: fields.len(),
            expected: names.len(),
        });
    }
    let field = |column: usize, reason: String| TableError::Field {
        line,
        column: names.get(column).copied().unwrap_or_default().to_owned(),
        reason,
    };
    let at = |column: usize| fields.get(column).copied().unwrap_or_default();
    let code =
        |column: usize| Code::parse(at(column)).map_err(|error| field(column, error.to_string()));
    let date = |column: usize| {
        ServiceDate::parse(at(column)).map_err(|error| field(column, error.to_string()))
    };
    let first = if two { 2 } else { 1 };
    let through = first + 1;
    let mut row = Row {
        a: code(0)?,
        b: if two { code(1)? } else { Code::NONE },
        from: date(first)?,
        through: if at(through).is_empty() {
            ServiceDate::MAX
        } else {
            date(through)?
        },
        values: [0; MAX_COLUMNS],
    };
    if row.through < row.from {
        return Err(field(through, "it ends before it begins".to_owned()));
    }
    for (i, (value, (_, kind))) in row.values.iter_mut().zip(columns).enumerate() {
        let column = through + 1 + i;
        *value = kind
            .parse(at(column))
            .map_err(|reason| field(column, reason))?;
    }
    Ok(row)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], TableError> {
        let (head, tail) = self
            .0
            .split_at_checked(n)
            .ok_or(TableError::Bytes("it ends early"))?;
        self.0 = tail;
        Ok(head)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], TableError> {
        self.take(N)?
            .try_into()
            .map_err(|_| TableError::Bytes("it ends early"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
