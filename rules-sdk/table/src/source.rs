//! Where a table is from: the published file, its version and what became of
//! its rows.

use core::fmt;

use tally_types::ServiceDate;

/// The most sources a table may have: two a quarter are a century.
pub const MAX_SOURCES: usize = 1_024;
/// The most bytes of one source's text.
pub(crate) const MAX_TEXT: usize = 4_096;

/// A published file that rows of a table were read from.
///
/// It is printed as one line, `format=…; version=…; of=…; sha256=…; read=…;
/// left-out=…; days=…`, which is how the CSV (after `#= `) and the canonical
/// bytes carry it, so that the table's hash covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name of its format: `ncci-mue`.
    pub format: String,
    /// The published version, as the file says it or as whoever imported it
    /// did: `2026 Q1`, `RVU26A`.
    pub version: String,
    /// Which of it was taken, where that is a choice: `practitioner`, a
    /// locality. Empty when nothing was chosen.
    pub of: String,
    /// SHA-256 of the file as published.
    pub sha256: [u8; 32],
    /// How many rows it has, without header and notes.
    pub read: u64,
    /// How many of them the table does not have, by reason, in order of the
    /// reasons.
    pub left_out: Vec<(String, u64)>,
    /// The first day on which one of its rows is in force.
    pub first: ServiceDate,
    /// The last such day, [`ServiceDate::MAX`] when it is open.
    pub last: ServiceDate,
}

impl Source {
    /// How many of its rows the table has.
    #[must_use]
    pub fn kept(&self) -> u64 {
        let left: u64 = self.left_out.iter().map(|(_, count)| *count).sum();
        self.read.saturating_sub(left)
    }

    /// Reads what [`Source`] prints, and only that. `None` when it is not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let mut pieces = text.split("; ");
        let mut piece = |key: &str| pieces.next()?.strip_prefix(key)?.strip_prefix('=');
        let source = Self {
            format: piece("format")?.to_owned(),
            version: piece("version")?.to_owned(),
            of: piece("of")?.to_owned(),
            sha256: hash(piece("sha256")?)?,
            read: piece("read")?.parse().ok()?,
            left_out: match piece("left-out")? {
                "" => Vec::new(),
                list => list
                    .split(", ")
                    .map(|one| {
                        let (count, reason) = one.split_once(' ')?;
                        Some((reason.to_owned(), count.parse().ok()?))
                    })
                    .collect::<Option<_>>()?,
            },
            first: ServiceDate::MIN,
            last: ServiceDate::MAX,
        };
        let (first, last) = piece("days")?.split_once("..")?;
        let source = Self {
            first: ServiceDate::parse(first).ok()?,
            last: match last {
                "" => ServiceDate::MAX,
                last => ServiceDate::parse(last).ok()?,
            },
            ..source
        };
        (pieces.next().is_none() && source.is_sound() && source.to_string() == text)
            .then_some(source)
    }

    /// Whether what it prints reads back as it is.
    pub(crate) fn is_sound(&self) -> bool {
        let word = |text: &str| {
            text.len() < 128
                && text.trim() == text
                && text
                    .bytes()
                    .all(|b| matches!(b, b' '..=b'~') && !matches!(b, b';' | b','))
        };
        let left = self.left_out.iter().try_fold(0u64, |sum, (reason, count)| {
            (word(reason) && !reason.is_empty() && *count > 0)
                .then(|| sum.checked_add(*count))
                .flatten()
        });
        let sorted = self
            .left_out
            .iter()
            .zip(self.left_out.iter().skip(1))
            .all(|((one, _), (other, _))| one < other);
        word(&self.format)
            && word(&self.version)
            && word(&self.of)
            && !self.format.is_empty()
            && !self.version.is_empty()
            && left.is_some_and(|left| left <= self.read)
            && sorted
            && self.first <= self.last
            && self.to_string().len() <= MAX_TEXT
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            format,
            version,
            of,
            read,
            first,
            ..
        } = self;
        write!(f, "format={format}; version={version}; of={of}; sha256=")?;
        for byte in self.sha256 {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "; read={read}; left-out=")?;
        for (i, (reason, count)) in self.left_out.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{count} {reason}")?;
        }
        write!(f, "; days={first}..")?;
        if self.last < ServiceDate::MAX {
            write!(f, "{}", self.last)?;
        }
        Ok(())
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source() -> Source {
        Source {
            format: "leie".to_owned(),
            version: "2026-01".to_owned(),
            of: String::new(),
            sha256: [0xa5; 32],
            read: 12,
            left_out: vec![("no NPI".to_owned(), 4), ("repeated".to_owned(), 1)],
            first: ServiceDate::new(2020, 3, 19).unwrap(),
            last: ServiceDate::MAX,
        }
    }

    #[test]
    fn a_source_is_one_line() {
        let text = source().to_string();
        let hash = "a5".repeat(32);
        assert_eq!(
            text,
            format!(
                "format=leie; version=2026-01; of=; sha256={hash}; read=12; \
                 left-out=4 no NPI, 1 repeated; days=2020-03-19.."
            )
        );
        assert_eq!(Source::parse(&text), Some(source()));
        assert_eq!(source().kept(), 7);
    }

    #[test]
    fn only_what_is_printed_is_read() {
        let text = source().to_string();
        for (from, to) in [
            ("read=12", "read=012"),
            ("read=12", "read=+12"),
            ("read=12", "read=4"),
            ("a5a5", "A5a5"),
            ("a5a5", "+5a5"),
            ("4 no NPI, 1 repeated", "1 repeated, 4 no NPI"),
            ("4 no NPI, 1 repeated", "4 no NPI, 0 repeated"),
            ("2020-03-19..", "2020-03-19..2020-03-18"),
            ("2020-03-19..", "2020-03-19..9999-12-31"),
            ("version=2026-01", "version="),
            ("version=2026-01", "version=a\nb"),
            ("days=", "then=1; days="),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert_eq!(Source::parse(&changed), None, "{changed}");
        }
    }

    proptest! {
        #[test]
        fn what_reads_prints_alike(text in "format=.{0,8}; version=.{0,8}; of=.{0,8}; sha256=(a5){32}; read=[0-9]{1,3}; left-out=([0-9] [a-z]{1,3}(, )?){0,3}; days=2[0-9]{3}-0[0-9]-0[0-9]\\.\\.") {
            if let Some(source) = Source::parse(&text) {
                prop_assert!(source.is_sound());
                prop_assert_eq!(source.to_string(), text);
            }
        }
    }
}
