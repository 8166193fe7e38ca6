//! Many rows in one statement. A statement is a round trip to SQLite's thread,
//! which costs more than a row; so rows go in by the dozen, and keys are looked
//! up as one list.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};

use crate::port::{Answer, Sealed};

use super::doing;

/// Rows of a statement, the most first. Few sizes, so that the statements stay
/// prepared.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// A statement over many rows of values.
pub(super) struct Bulk {
    /// What is being done, for the error.
    pub(super) doing: &'static str,
    /// What stands before the values: `INSERT INTO table (columns)`.
    pub(super) before: &'static str,
    /// How many columns.
    pub(super) columns: usize,
    /// What stands after them.
    pub(super) after: &'static str,
}

impl Bulk {
    /// Does it to the rows, in order; `bind` gives each row's columns.
    pub(super) async fn run<T>(
        &self,
        conn: &mut SqliteConnection,
        rows: &[T],
        bind: impl Fn(&mut Values, &T),
    ) -> Answer<()> {
        for (sql, arguments) in self.statements(rows, bind)? {
            sqlx::query_with(AssertSqlSafe(sql), arguments)
                .execute(&mut *conn)
                .await
                .map_err(doing(self.doing))?;
        }
        Ok(())
    }

    /// The same, for a statement that answers a number: their sum.
    pub(super) async fn count<T>(
        &self,
        conn: &mut SqliteConnection,
        rows: &[T],
        bind: impl Fn(&mut Values, &T),
    ) -> Answer<i64> {
        let mut sum = 0i64;
        for (sql, arguments) in self.statements(rows, bind)? {
            let count: i64 = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments)
                .fetch_one(&mut *conn)
                .await
                .map_err(doing(self.doing))?;
            sum = sum.saturating_add(count);
        }
        Ok(sum)
    }

    fn statements<T>(
        &self,
        rows: &[T],
        bind: impl Fn(&mut Values, &T),
    ) -> Answer<Vec<(String, SqliteArguments)>> {
        let mut statements = Vec::new();
        let mut rest = rows;
        for size in SIZES {
            while let Some((rows, more)) = rest.split_at_checked(size) {
                let mut values = Values::default();
                for row in rows {
                    bind(&mut values, row);
                }
                let arguments = values.finish().map_err(doing(self.doing))?;
                statements.push((self.sql(size), arguments));
                rest = more;
            }
        }
        Ok(statements)
    }

    pub(super) fn sql(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        let values = vec![row; rows].join(",");
        format!("{} VALUES {values} {}", self.before, self.after)
    }
}

/// Columns of rows, in order.
#[derive(Default)]
pub(super) struct Values {
    arguments: SqliteArguments,
    refused: Option<BoxDynError>,
}

impl Values {
    fn add<'t>(&mut self, value: impl Encode<'t, Sqlite> + Type<Sqlite>) {
        if let Err(error) = self.arguments.add(value) {
            self.refused.get_or_insert(error);
        }
    }

    /// A number; one that SQLite cannot hold refuses the whole statement.
    pub(super) fn number<T: TryInto<i64>>(&mut self, number: T)
    where
        T::Error: Into<BoxDynError>,
    {
        match number.try_into() {
            Ok(number) => self.add(number),
            Err(error) => {
                self.refused.get_or_insert(error.into());
            }
        }
    }

    pub(super) fn optional<T: TryInto<i64>>(&mut self, number: Option<T>)
    where
        T::Error: Into<BoxDynError>,
    {
        match number {
            Some(number) => self.number(number),
            None => self.add(None::<i64>),
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.add(bytes);
    }

    pub(super) fn optional_bytes(&mut self, bytes: Option<&[u8]>) {
        self.add(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.add(text);
    }

    pub(super) fn optional_text(&mut self, text: Option<&str>) {
        self.add(text);
    }

    /// Two columns: the record and the payload.
    pub(super) fn sealed(&mut self, sealed: &Sealed) {
        self.bytes(&sealed.record.0);
        self.bytes(&sealed.bytes);
    }

    /// The arguments, unless one was refused.
    pub(super) fn finish(self) -> Result<SqliteArguments, sqlx::Error> {
        match self.refused {
            None => Ok(self.arguments),
            Some(error) => Err(sqlx::Error::Encode(error)),
        }
    }
}

/// Keys as a JSON array of hexadecimal digits, for `json_each` and `unhex`: one
/// statement, whatever their number.
pub(crate) fn hex_list<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut list = String::from("[");
    for key in keys {
        if list.len() > 1 {
            list.push(',');
        }
        list.push('"');
        hex(&mut list, key);
        list.push('"');
    }
    list.push(']');
    list
}

/// Pairs of a number and a key, as a JSON array of arrays.
pub(super) fn pair_list<'a>(pairs: impl IntoIterator<Item = (i64, &'a [u8])>) -> String {
    let mut list = String::from("[");
    for (number, key) in pairs {
        if list.len() > 1 {
            list.push(',');
        }
        list.push('[');
        list.push_str(&number.to_string());
        list.push_str(",\"");
        hex(&mut list, key);
        list.push_str("\"]");
    }
    list.push(']');
    list
}

/// Numbers, as a JSON array.
pub(super) fn id_list(ids: impl IntoIterator<Item = i64>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    format!("[{}]", ids.join(","))
}

/// Rows of numbers, as a JSON array of arrays.
pub(super) fn number_list<const N: usize>(rows: impl IntoIterator<Item = [i64; N]>) -> String {
    let mut list = String::from("[");
    for row in rows {
        if list.len() > 1 {
            list.push(',');
        }
        list.push('[');
        list.push_str(&row.map(|number| number.to_string()).join(","));
        list.push(']');
    }
    list.push(']');
    list
}

fn hex(list: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            list.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
}
