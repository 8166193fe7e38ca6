//! Files as records of fields: delimited text, and what stands in a field.
//!
//! Fields are bytes: descriptions come in several encodings, and none is read.
//! Records end at a line feed, a carriage return or both. A field that begins
//! with a quotation mark ends at the next one that is not doubled, whatever
//! line ends it holds; a mark elsewhere is a character like another.

use std::borrow::Cow;

use tally_types::{Code, Rate, ServiceDate, UnitPrice};

use super::ImportError;

/// How many lines a file may have before those that name its columns.
const PREAMBLE: usize = 60;

/// The records of a delimited file.
pub(super) struct Records<'a> {
    file: usize,
    rest: &'a [u8],
    delimiter: u8,
    line: usize,
}

/// One of them.
pub(super) struct Record<'a> {
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) fields: Vec<Cow<'a, [u8]>>,
}

impl<'a> Records<'a> {
    /// Of a file, by its number from 1. Delimited by tabs when one of its first
    /// lines has three.
    pub(super) fn new(file: usize, bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let count = |line: &[u8], byte: u8| line.iter().filter(|b| **b == byte).count();
        let tabs = bytes
            .split(|b| matches!(b, b'\n' | b'\r'))
            .take(PREAMBLE)
            .any(|line| count(line, b'\t') > 2);
        Self {
            file,
            rest: bytes,
            delimiter: if tabs { b'\t' } else { b',' },
            line: 1,
        }
    }

    pub(super) fn record(&self) -> Record<'a> {
        Record {
            file: self.file,
            line: 0,
            fields: Vec::new(),
        }
    }

    /// Reads the next record that is not empty into `record`. `false` at the
    /// end of the file.
    pub(super) fn next(&mut self, record: &mut Record<'a>) -> Result<bool, ImportError> {
        while !self.rest.is_empty() {
            record.line = self.line;
            record.fields.clear();
            while self.field(record)? {}
            if record
                .fields
                .iter()
                .any(|field| !field.trim_ascii().is_empty())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads a field. Whether another one follows in the record.
    fn field(&mut self, record: &mut Record<'a>) -> Result<bool, ImportError> {
        let rest = self.rest;
        if let [b'"', quoted @ ..] = rest {
            let (field, after) = self.quoted(quoted).ok_or(ImportError::Quote {
                file: self.file,
                line: record.line,
            })?;
            let lines = rest.len().saturating_sub(after.len());
            let lines = rest.get(..lines).unwrap_or_default();
            self.line = self.line.saturating_add(breaks(lines));
            record.fields.push(field);
            self.rest = after;
            return Ok(self.step());
        }
        let delimiter = self.delimiter;
        let end = rest
            .iter()
            .position(|b| *b == delimiter || *b == b'\n' || *b == b'\r')
            .unwrap_or(rest.len());
        let (field, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        record.fields.push(Cow::Borrowed(field));
        self.rest = after;
        Ok(self.step())
    }

    /// Steps over what ends a field. Whether another one follows.
    fn step(&mut self) -> bool {
        let (more, after) = match self.rest {
            [b'\r', b'\n', after @ ..] | [b'\r' | b'\n', after @ ..] => (false, after),
            [_, after @ ..] => (true, after),
            [] => (false, self.rest),
        };
        if !more {
            self.line = self.line.saturating_add(1);
        }
        self.rest = after;
        more
    }

    /// A quoted field, after its first mark, and what follows its last one.
    fn quoted(&self, rest: &'a [u8]) -> Option<(Cow<'a, [u8]>, &'a [u8])> {
        let mut field: Option<Vec<u8>> = None;
        let mut left = rest;
        loop {
            let end = left.iter().position(|b| *b == b'"')?;
            let (part, after) = left.split_at_checked(end)?;
            match after {
                [b'"', b'"', after @ ..] => {
                    let field = field.get_or_insert_default();
                    field.extend_from_slice(part);
                    field.push(b'"');
                    left = after;
                }
                [_, after @ ..] => {
                    let ends = match after {
                        [] => true,
                        [b, ..] => *b == self.delimiter || *b == b'\n' || *b == b'\r',
                    };
                    let field = match field {
                        None => Cow::Borrowed(part),
                        Some(mut field) => {
                            field.extend_from_slice(part);
                            Cow::Owned(field)
                        }
                    };
                    return ends.then_some((field, after));
                }
                [] => return None,
            }
        }
    }

    /// Reads up to the record that names the columns, and says where those
    /// looked for stand: of each the first name that matches. An absent one
    /// that need not be there has no place.
    pub(super) fn header<const N: usize>(
        &mut self,
        columns: [Column; N],
    ) -> Result<Header<N>, ImportError> {
        let mut record = self.record();
        for _ in 0..PREAMBLE {
            if !self.next(&mut record)? {
                break;
            }
            let names: Vec<String> = record.fields.iter().map(|field| plain(field)).collect();
            if columns.iter().all(|column| column.is_in(&names)) {
                return Header::new(self.file, columns, names);
            }
        }
        let must = columns.iter().filter(|column| column.must);
        let names: Vec<_> = must.map(|column| format!("`{}`", column.name)).collect();
        Err(ImportError::Header {
            file: self.file,
            columns: names.join(", "),
        })
    }
}

/// How many lines end in these bytes.
fn breaks(bytes: &[u8]) -> usize {
    let pairs = bytes.iter().zip(bytes.iter().skip(1).chain([&0]));
    pairs
        .filter(|(one, next)| **one == b'\n' || (**one == b'\r' && **next != b'\n'))
        .count()
}

/// A name of a column without what differs from year to year: case, spaces or
/// what stands for them, line ends.
pub(super) fn plain(field: &[u8]) -> String {
    let kept = field.iter().filter(|b| b.is_ascii_graphic() && **b != b'_');
    kept.map(|b| char::from(b.to_ascii_uppercase())).collect()
}

/// A column looked for.
pub(super) struct Column {
    /// Its name, in messages.
    pub(super) name: &'static str,
    /// What its name, made plain, contains or is.
    names: &'static [&'static str],
    whole: bool,
    must: bool,
}

impl Column {
    /// One whose name is one of these.
    pub(super) const fn is(name: &'static str, names: &'static [&'static str]) -> Self {
        Self {
            name,
            names,
            whole: true,
            must: true,
        }
    }
    /// One whose name has one of these in it.
    pub(super) const fn has(name: &'static str, names: &'static [&'static str]) -> Self {
        Self {
            whole: false,
            ..Self::is(name, names)
        }
    }
    /// It need not be there.
    pub(super) const fn or_none(self) -> Self {
        Self {
            must: false,
            ..self
        }
    }

    fn places(&self, names: &[String]) -> impl Iterator<Item = usize> {
        let matches = |found: &String| {
            self.names.iter().any(|name| match self.whole {
                true => found == name,
                false => found.contains(name),
            })
        };
        let places = names.iter().enumerate();
        places.filter_map(move |(place, found)| matches(found).then_some(place))
    }

    /// Whether it is among these, or need not be.
    pub(super) fn is_in(&self, names: &[String]) -> bool {
        !self.must || self.places(names).next().is_some()
    }
}

/// Where the columns looked for stand.
pub(super) struct Header<const N: usize> {
    names: Vec<String>,
    columns: [Column; N],
    places: [Option<usize>; N],
}

impl<const N: usize> Header<N> {
    /// Where each column stands among names made plain.
    ///
    /// # Errors
    /// When one is not there, or twice.
    pub(super) fn new(
        file: usize,
        columns: [Column; N],
        names: Vec<String>,
    ) -> Result<Self, ImportError> {
        let mut places = [None; N];
        for (place, column) in places.iter_mut().zip(&columns) {
            let mut found = column.places(&names);
            *place = found.next();
            if found.next().is_some() {
                return Err(ImportError::Twice {
                    file,
                    column: column.name.to_owned(),
                });
            }
            if place.is_none() && column.must {
                return Err(ImportError::Header {
                    file,
                    columns: format!("`{}`", column.name),
                });
            }
        }
        Ok(Self {
            names,
            columns,
            places,
        })
    }

    /// The fields looked for of a record, which must be as wide as the header.
    pub(super) fn of<'r>(&self, record: &'r Record<'_>) -> Result<[Field<'r>; N], ImportError> {
        let more = record.fields.get(self.names.len()..);
        if more.is_none_or(|more| more.iter().any(|field| !field.trim_ascii().is_empty())) {
            return Err(ImportError::Columns {
                file: record.file,
                line: record.line,
                found: record.fields.len(),
                expected: self.names.len(),
            });
        }
        let mut at = 0;
        Ok(self.places.map(|place| {
            let column = self.columns.get(at).map_or("", |column| column.name);
            at = at.saturating_add(1);
            let bytes = place.and_then(|place| record.fields.get(place));
            Field {
                file: record.file,
                line: record.line,
                column,
                bytes: bytes.map_or(&[][..], |bytes| bytes.trim_ascii()),
            }
        }))
    }

    /// The name, made plain, of a column looked for, when it is there.
    pub(super) fn name(&self, column: usize) -> Option<&str> {
        let place = (*self.places.get(column)?)?;
        self.names.get(place).map(String::as_str)
    }
}

/// How a format writes its dates.
#[derive(Clone, Copy)]
pub(super) enum Dates {
    /// `20260101`.
    Compact,
    /// `1/1/2026` or `01/01/2026`.
    Slashed,
    /// Either of these, or `2026-01-01`: a program that opened the file may
    /// have written it anew.
    Any,
}

/// A field, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Field<'r> {
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) column: &'static str,
    pub(super) bytes: &'r [u8],
}

impl Field<'_> {
    pub(super) fn error(&self, reason: impl Into<String>) -> ImportError {
        ImportError::Field {
            file: self.file,
            line: self.line,
            column: self.column.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn text(&self) -> Result<&str, ImportError> {
        let text = core::str::from_utf8(self.bytes).ok();
        text.filter(|text| text.is_ascii())
            .ok_or_else(|| self.error("not plain text"))
    }

    /// A code of so many letters and digits.
    pub(super) fn code(
        &self,
        lengths: core::ops::RangeInclusive<usize>,
    ) -> Result<Code, ImportError> {
        let text = self.text()?;
        let right = lengths.contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        if !right {
            let (least, most) = (lengths.start(), lengths.end());
            let length = match least == most {
                true => format!("{most}"),
                false => format!("{least} to {most}"),
            };
            return Err(self.error(format!(
                "a code of {length} digits and capital letters belongs here"
            )));
        }
        Code::parse(text).map_err(|error| self.error(error.to_string()))
    }

    /// A whole number of at most `most`.
    pub(super) fn count(&self, most: i64) -> Result<i64, ImportError> {
        let digits = self.bytes.iter().all(u8::is_ascii_digit);
        let number = self.text()?.parse().ok();
        number
            .filter(|number| digits && *number <= most)
            .ok_or_else(|| self.error(format!("a whole number up to {most} belongs here")))
    }

    /// A decimal that is not negative, in millionths. An empty one is nothing.
    pub(super) fn millionths(&self) -> Result<i64, ImportError> {
        if self.is_empty() {
            return Ok(0);
        }
        let rate = Rate::parse(self.text()?).map_err(|error| self.error(error.to_string()))?;
        if rate.is_negative() {
            return Err(self.error("it is negative"));
        }
        Ok(rate.scaled())
    }

    /// A price that is above zero.
    pub(super) fn price(&self) -> Result<UnitPrice, ImportError> {
        let price = UnitPrice::parse(self.text()?);
        let price = price.map_err(|error| self.error(error.to_string()))?;
        if price.is_negative() || price.is_zero() {
            return Err(self.error("it is not above zero"));
        }
        Ok(price)
    }

    pub(super) fn date(&self, dates: Dates) -> Result<ServiceDate, ImportError> {
        let number = |bytes: &[u8], least: usize, most: usize| -> Option<u32> {
            let right = (least..=most).contains(&bytes.len());
            (right && bytes.iter().all(u8::is_ascii_digit)).then(|| {
                bytes.iter().fold(0u32, |n, b| {
                    n.saturating_mul(10)
                        .saturating_add(u32::from(b.wrapping_sub(b'0')))
                })
            })
        };
        let compact = || {
            let (year, rest) = self.bytes.split_at_checked(4)?;
            let (month, day) = rest.split_at_checked(2)?;
            Some([
                number(year, 4, 4)?,
                number(month, 2, 2)?,
                number(day, 2, 2)?,
            ])
        };
        let apart = |mark: u8| {
            let mut parts = self.bytes.split(|b| *b == mark);
            let three = [parts.next()?, parts.next()?, parts.next()?];
            parts.next().is_none().then_some(three)
        };
        let slashed = || {
            let [month, day, year] = apart(b'/')?;
            Some([
                number(year, 4, 4)?,
                number(month, 1, 2)?,
                number(day, 1, 2)?,
            ])
        };
        let dashed = || {
            let [year, month, day] = apart(b'-')?;
            Some([
                number(year, 4, 4)?,
                number(month, 2, 2)?,
                number(day, 2, 2)?,
            ])
        };
        let (parts, form) = match dates {
            Dates::Compact => (compact(), "YYYYMMDD"),
            Dates::Slashed => (slashed(), "MM/DD/YYYY"),
            Dates::Any => (
                compact().or_else(slashed).or_else(dashed),
                "YYYYMMDD, MM/DD/YYYY or YYYY-MM-DD",
            ),
        };
        let [year, month, day] =
            parts.ok_or_else(|| self.error(format!("not a date of the form {form}")))?;
        let year = i32::try_from(year).unwrap_or(i32::MAX);
        ServiceDate::new(year, month, day).ok_or_else(|| self.error("no such day in the calendar"))
    }
}

/// The quarter of a day, as the quarterly files are called.
pub(super) fn quarter(day: ServiceDate) -> String {
    let (year, month, _) = day.ymd();
    format!("{year} Q{}", month.saturating_add(2) / 3)
}

/// The version: what the file says, or more of it as given; where the file
/// says nothing, what was given.
pub(super) fn version(said: Option<String>, given: Option<&str>) -> Result<String, ImportError> {
    match (said, given) {
        (Some(said), Some(given)) if !given.starts_with(&said) => Err(ImportError::Disagrees {
            said,
            given: given.to_owned(),
        }),
        (_, Some(given)) => Ok(given.to_owned()),
        (said, None) => said.ok_or(ImportError::Version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A line and its fields.
    type Found = (usize, Vec<Vec<u8>>);

    fn all(bytes: &[u8]) -> Result<Vec<Found>, ImportError> {
        let mut records = Records::new(1, bytes);
        let mut record = records.record();
        let mut found = Vec::new();
        while records.next(&mut record)? {
            let fields = record.fields.iter().map(|field| field.to_vec()).collect();
            found.push((record.line, fields));
        }
        Ok(found)
    }

    #[test]
    fn records_know_their_lines() {
        let text = b"\xef\xbb\xbfa,\"b\n\"\"c\"\"\r\nd\",e\r\n\r\n,,\nf,g\"h,\ri";
        let found = all(text).unwrap();
        let fields = |record: &[&str]| record.iter().map(|f| f.as_bytes().to_vec()).collect();
        assert_eq!(
            found,
            [
                (1, fields(&["a", "b\n\"c\"\r\nd", "e"])),
                (6, fields(&["f", "g\"h", ""])),
                (7, fields(&["i"])),
            ]
        );
    }

    #[test]
    fn quotes_end_where_they_must() {
        for (text, line) in [("a\n\"b", 2), ("\"a\" b,c", 1), ("a,\"b\"\"", 1)] {
            let error = all(text.as_bytes()).err();
            assert_eq!(error, Some(ImportError::Quote { file: 1, line }), "{text}");
        }
    }

    #[test]
    fn dates_have_the_form_they_must() {
        let date = |text: &str, dates| {
            let field = Field {
                file: 1,
                line: 2,
                column: "Start",
                bytes: text.as_bytes(),
            };
            let date = field.date(dates);
            date.map(|day| day.to_string())
                .map_err(|error| error.to_string())
        };
        assert_eq!(date("20260131", Dates::Compact).unwrap(), "2026-01-31");
        assert_eq!(date("1/31/2026", Dates::Slashed).unwrap(), "2026-01-31");
        assert_eq!(date("2026-01-31", Dates::Any).unwrap(), "2026-01-31");
        for (text, dates) in [
            ("2026-01-31", Dates::Compact),
            ("2026013", Dates::Compact),
            ("+2260131", Dates::Compact),
            ("31/1/26", Dates::Slashed),
            ("2026-1-31", Dates::Any),
            ("1/2/3/2026", Dates::Any),
            ("", Dates::Any),
        ] {
            let error = date(text, dates).err().unwrap();
            assert!(
                error.starts_with("file 1, line 2, column `Start`: not a date"),
                "{error}"
            );
        }
        let error = date("02/30/2026", Dates::Slashed).err().unwrap();
        assert!(error.ends_with("no such day in the calendar"), "{error}");
    }

    proptest! {
        /// Whatever bytes there are, records end, and their lines only grow.
        #[test]
        fn any_bytes_are_records_or_an_error(bytes in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..80)) {
            if let Ok(found) = all(&bytes) {
                let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
                prop_assert!(lines.is_sorted_by(|one, other| one < other));
            }
        }

        /// What is quoted as it must be reads back.
        #[test]
        fn quoted_fields_read_back(fields in proptest::collection::vec("[a\",\r\n ]{0,6}x", 1..6)) {
            let quoted: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            let found = all(quoted.join(",").as_bytes()).unwrap();
            prop_assert_eq!(found.len(), 1);
            for (found, field) in found[0].1.iter().zip(&fields) {
                prop_assert_eq!(&found[..], field.as_bytes());
            }
        }
    }
}
