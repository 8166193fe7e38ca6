//! The canonical bytes, `TTB2`: one sequence of bytes for one table.
//!
//! Sources as their lines; the columns; every code once, in order; every day
//! once, in order; then the rows, in order of the keys, as small numbers: how
//! far the code is from that of the row before, the second code (how far from
//! that of the row before where the code is the same), the days by their
//! places, the values. Numbers are of seven bits a byte, lowest first, in as
//! few bytes as they need; values have their sign as the lowest bit. A code
//! pair of a national file takes six or seven bytes.

use tally_types::{Code, ServiceDate};

use crate::table::{small, wide};
use crate::{
    Kind, MAX_COLUMNS, MAX_ROWS, MAX_SOURCES, Row, Source, Table, TableError, is_column, source,
};

const MAGIC: &[u8; 4] = b"TTB2";

impl Table {
    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut days: Vec<ServiceDate> = Vec::new();
        let mut before = None;
        for pair in &self.days {
            if before != Some(pair) {
                days.extend([pair.0, pair.1]);
            }
            before = Some(pair);
        }
        days.sort_unstable();
        days.dedup();
        let mut out = MAGIC.to_vec();
        out.extend(short(self.sources.len()).to_be_bytes());
        for source in &self.sources {
            let text = source.to_string();
            out.extend(short(text.len()).to_be_bytes());
            out.extend(text.as_bytes());
        }
        out.push(byte(self.columns.len()));
        for (name, kind) in &self.columns {
            out.extend([kind.number(), byte(name.len())]);
            out.extend(name.as_bytes());
        }
        out.extend(small(self.codes.len()).to_be_bytes());
        for code in &self.codes {
            out.push(byte(code.len()));
            out.extend(code.chars().filter_map(|c| u8::try_from(c).ok()));
        }
        out.extend(small(days.len()).to_be_bytes());
        for day in &days {
            out.extend(day.days().to_be_bytes());
        }
        out.extend(small(self.len()).to_be_bytes());
        let place = |day: ServiceDate| days.partition_point(|other| *other < day) as u64;
        let mut last_code = 0;
        for (code, range) in (0u64..).zip(self.starts.windows(2)) {
            let &[start, end] = range else { continue };
            let mut last_second = 0;
            for row in wide(start)..wide(end) {
                let Some((&second, &(from, through))) =
                    self.seconds.get(row).zip(self.days.get(row))
                else {
                    continue;
                };
                let second = u64::from(second);
                number(&mut out, code.saturating_sub(last_code));
                number(&mut out, second.saturating_sub(last_second));
                number(&mut out, place(from));
                number(&mut out, place(through));
                for value in self.values(row).iter().take(self.columns.len()) {
                    number(
                        &mut out,
                        (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned(),
                    );
                }
                (last_code, last_second) = (code, second);
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
        let sources = reader.sources()?;
        let columns = reader.columns()?;
        let codes = reader.codes()?;
        let days = reader.days()?;
        let count = wide(u32::from_be_bytes(reader.array()?));
        let least = columns.len().saturating_add(4);
        if count > MAX_ROWS || reader.0.len() < count.saturating_mul(least) {
            return Err(bad("number of rows"));
        }
        let mut used = Used {
            codes: vec![false; codes.len()],
            days: vec![false; days.len()],
        };
        let mut table = Self {
            sources,
            starts: Vec::with_capacity(codes.len().saturating_add(1)),
            seconds: Vec::with_capacity(count),
            days: Vec::with_capacity(count),
            values: Vec::with_capacity(count.saturating_mul(columns.len())),
            columns,
            codes,
        };
        let mut last: Option<Row> = None;
        let (mut code, mut second) = (0u64, 0u64);
        for _ in 0..count {
            let step = reader.number()?;
            let beyond = reader.number()?;
            let new = step > 0 || last.is_none();
            code = code.checked_add(step).ok_or(bad("a code"))?;
            second = match new {
                true => Some(beyond),
                false => second.checked_add(beyond),
            }
            .ok_or(bad("a code"))?;
            let mut row = Row {
                code: used.code(&table.codes, Some(code)).ok_or(bad("a code"))?,
                second: match second {
                    0 => Code::NONE,
                    n => used
                        .code(&table.codes, n.checked_sub(1))
                        .ok_or(bad("a code"))?,
                },
                from: used.day(&days, reader.number()?).ok_or(bad("a day"))?,
                through: used.day(&days, reader.number()?).ok_or(bad("a day"))?,
                values: [0; MAX_COLUMNS],
            };
            if row.code.chars().next() == Some('#') {
                return Err(bad("a code"));
            }
            for (value, (_, kind)) in row.values.iter_mut().zip(&table.columns) {
                let number = reader.number()?;
                *value = (number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg();
                if !kind.holds(*value) {
                    return Err(bad("a value"));
                }
            }
            let in_order = row.through >= row.from
                && last.is_none_or(|last| last.key() < row.key() && !last.overlaps(&row));
            if !in_order {
                return Err(bad("rows out of order"));
            }
            table.begin(u32::try_from(code).unwrap_or(u32::MAX));
            let second = u32::try_from(second).unwrap_or(u32::MAX);
            table.push(second, (row.from, row.through), &row.values);
            last = Some(row);
        }
        table.begin(small(table.codes.len()));
        if !reader.0.is_empty() {
            return Err(bad("it goes on"));
        }
        if used.codes.contains(&false) || used.days.contains(&false) {
            return Err(bad("a code or a day of no row"));
        }
        Ok(table)
    }
}

/// Which codes and days some row has: bytes that say more than the rows would
/// be a second form of one table.
struct Used {
    codes: Vec<bool>,
    days: Vec<bool>,
}

impl Used {
    fn code(&mut self, codes: &[Code], place: Option<u64>) -> Option<Code> {
        let place = usize::try_from(place?).ok()?;
        *self.codes.get_mut(place)? = true;
        codes.get(place).copied()
    }
    fn day(&mut self, days: &[ServiceDate], place: u64) -> Option<ServiceDate> {
        let place = usize::try_from(place).ok()?;
        *self.days.get_mut(place)? = true;
        days.get(place).copied()
    }
}

fn byte(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
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

    /// A number in as few bytes as it needs.
    fn number(&mut self) -> Result<u64, TableError> {
        let mut n = 0;
        let mut shift = 0u32;
        loop {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            let fits = shift < 63 || (shift == 63 && bits < 2);
            if !fits || (byte == 0 && shift > 0) {
                return Err(TableError::Bytes("a number"));
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
            shift = shift.saturating_add(7);
        }
    }

    fn sources(&mut self) -> Result<Vec<Source>, TableError> {
        let count = usize::from(u16::from_be_bytes(self.array()?));
        if count > MAX_SOURCES {
            return Err(TableError::Bytes("number of sources"));
        }
        let mut sources = Vec::new();
        for _ in 0..count {
            let length = usize::from(u16::from_be_bytes(self.array()?));
            if length > source::MAX_TEXT {
                return Err(TableError::Bytes("a source"));
            }
            let source = core::str::from_utf8(self.take(length)?)
                .ok()
                .and_then(Source::parse)
                .ok_or(TableError::Bytes("a source"))?;
            sources.push(source);
        }
        Ok(sources)
    }

    fn columns(&mut self) -> Result<Vec<(String, Kind)>, TableError> {
        let [count] = self.array::<1>()?;
        if count == 0 || usize::from(count) > MAX_COLUMNS {
            return Err(TableError::Bytes("number of columns"));
        }
        let mut columns: Vec<(String, Kind)> = Vec::new();
        for _ in 0..count {
            let [kind, length] = self.array::<2>()?;
            let kind = Kind::numbered(kind).ok_or(TableError::Bytes("kind of a column"))?;
            let name = core::str::from_utf8(self.take(length.into())?)
                .ok()
                .filter(|name| is_column(name) && !columns.iter().any(|(other, _)| other == name))
                .ok_or(TableError::Bytes("name of a column"))?;
            columns.push((name.to_owned(), kind));
        }
        Ok(columns)
    }

    fn codes(&mut self) -> Result<Vec<Code>, TableError> {
        let count = wide(u32::from_be_bytes(self.array()?));
        if self.0.len() < count.saturating_mul(2) {
            return Err(TableError::Bytes("number of codes"));
        }
        let mut codes: Vec<Code> = Vec::with_capacity(count);
        for _ in 0..count {
            let [length] = self.array::<1>()?;
            let code = core::str::from_utf8(self.take(length.into())?)
                .ok()
                .filter(|text| !text.contains(','))
                .and_then(|text| Code::parse(text).ok())
                .filter(|code| codes.last().is_none_or(|last| last < code))
                .ok_or(TableError::Bytes("a code"))?;
            codes.push(code);
        }
        Ok(codes)
    }

    fn days(&mut self) -> Result<Vec<ServiceDate>, TableError> {
        let count = wide(u32::from_be_bytes(self.array()?));
        if self.0.len() < count.saturating_mul(4) {
            return Err(TableError::Bytes("number of days"));
        }
        let mut days: Vec<ServiceDate> = Vec::with_capacity(count);
        for _ in 0..count {
            let day = ServiceDate::from_days(i32::from_be_bytes(self.array()?))
                .filter(|day| days.last().is_none_or(|last| last < day))
                .ok_or(TableError::Bytes("a day"))?;
            days.push(day);
        }
        Ok(days)
    }
}
