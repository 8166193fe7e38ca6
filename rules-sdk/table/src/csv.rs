//! Our CSV: read and written.

use core::fmt::Write as _;

use tally_types::{Code, ServiceDate};

use crate::{Kind, MAX_COLUMNS, MAX_ROWS, MAX_SOURCES, Row, Source, Table, TableError, is_column};

/// What a line begins with that names a source.
const SOURCE: &str = "#= ";

impl Table {
    /// Reads a CSV text.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn from_csv(text: &str) -> Result<Self, TableError> {
        let mut sources = Vec::new();
        for (line, text) in (1usize..).zip(text.lines()) {
            let Some(text) = text.strip_prefix(SOURCE) else {
                continue;
            };
            sources.push(Source::parse(text).ok_or(TableError::Source { line })?);
            if sources.len() > MAX_SOURCES {
                return Err(TableError::Source { line });
            }
        }
        let mut lines = (1usize..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let (line, header) = lines.next().ok_or(TableError::Header { line: 1 })?;
        let names: Vec<&str> = header.split(',').map(str::trim).collect();
        let two = names.get(1) == Some(&"code2");
        let columns = columns(&names, two).ok_or(TableError::Header { line })?;
        let mut rows: Vec<(usize, Row)> = Vec::new();
        for (line, text) in lines {
            if rows.len() >= MAX_ROWS {
                return Err(TableError::TooLong);
            }
            let fields: Vec<&str> = text.split(',').map(str::trim).collect();
            rows.push((line, read_row(line, &names, &fields, two, &columns)?));
        }
        Self::arrange(&mut rows).map_err(|(one, other)| TableError::Overlap {
            first: one.min(other),
            second: one.max(other),
        })?;
        let rows = rows.iter().map(|(_, row)| *row);
        Ok(Self::from_sorted(sources, columns, rows))
    }

    /// The table as a CSV text: its sources, a header, the rows in order of
    /// their keys. It reads back as the same table.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut out = String::new();
        // Nothing that is written to a `String` fails.
        let _ = self.write_csv(&mut out);
        out
    }

    fn write_csv(&self, out: &mut String) -> core::fmt::Result {
        for source in &self.sources {
            writeln!(out, "{SOURCE}{source}")?;
        }
        let two = self.seconds.iter().any(|second| *second != 0);
        let second = if two { ",code2" } else { "" };
        write!(out, "code{second},from,through")?;
        for (name, kind) in &self.columns {
            write!(out, ",{name}:{}", kind.name())?;
        }
        out.push('\n');
        for row in self.rows() {
            write!(out, "{}", row.code)?;
            if two {
                write!(out, ",{}", row.second)?;
            }
            write!(out, ",{},", row.from)?;
            if row.through < ServiceDate::MAX {
                write!(out, "{}", row.through)?;
            }
            for (value, (_, kind)) in row.values.iter().zip(&self.columns) {
                write!(out, ",{}", kind.text(*value))?;
            }
            out.push('\n');
        }
        Ok(())
    }
}

fn columns(names: &[&str], two: bool) -> Option<Vec<(String, Kind)>> {
    let head: &[&str] = if two {
        &["code", "code2", "from", "through"]
    } else {
        &["code", "from", "through"]
    };
    let mut columns: Vec<(String, Kind)> = Vec::new();
    for name in names.strip_prefix(head)? {
        let (name, kind) = name.split_once(':')?;
        let twice = columns.iter().any(|(other, _)| other == name);
        if !is_column(name) || twice {
            return None;
        }
        columns.push((name.to_owned(), Kind::of(kind)?));
    }
    (1..=MAX_COLUMNS)
        .contains(&columns.len())
        .then_some(columns)
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
        code: code(0)?,
        // A row of the code alone may stand among pairs: a service as such,
        // and with a modifier.
        second: match two && !at(1).is_empty() {
            true => code(1)?,
            false => Code::NONE,
        },
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
            .and_then(|value| match kind.holds(value) {
                true => Ok(value),
                false => Err("out of range".to_owned()),
            })
            .map_err(|reason| field(column, reason))?;
    }
    Ok(row)
}
