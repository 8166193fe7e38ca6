//! What a description must be before a policy can be published.

use thiserror::Error;

use super::contract::{Accumulator, AccumulatorPeriod, Description};
use super::decide::period_start;

/// Bounds on a description, with their reasons.
#[derive(Debug, Clone, Copy)]
pub struct DescriptionLimits;

impl DescriptionLimits {
    /// Clauses, accumulators, tables, pend reasons and patterns, each: an index
    /// is read and shown by people.
    pub const ITEMS: usize = 512;
    /// Bytes of a name.
    pub const NAME: usize = 64;
    /// Bytes of a text.
    pub const TEXT: usize = 4096;

    /// Whether a text may be a name: 1 to 64 of `a-z`, `0-9`, `-` and `.`.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        (1..=Self::NAME).contains(&text.len()) && text.bytes().all(plain)
    }
}

/// Why a description cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DescriptionError {
    /// A name is empty, too long or has other characters than it may.
    #[error(
        "{what} {position}: a name has 1 to {} lower-case letters, digits, `-` and `.`",
        DescriptionLimits::NAME
    )]
    Name {
        /// What is named.
        what: &'static str,
        /// Its position in its list, from 1; zero when it stands alone.
        position: usize,
    },
    /// A text is empty, too long or has control characters.
    #[error(
        "{what} {position}: a text has 1 to {} bytes and no control characters",
        DescriptionLimits::TEXT
    )]
    Text {
        /// What the text is of.
        what: &'static str,
        /// Its position in its list, from 1; zero when it stands alone.
        position: usize,
    },
    /// Two of a list have one name.
    #[error("{what} {second} has the name of {what} {first}")]
    Twice {
        /// What is named.
        what: &'static str,
        /// Position of the first, from 1.
        first: usize,
        /// Position of the second, from 1.
        second: usize,
    },
    /// A list is too long.
    #[error("{found} {what}s are more than {}", DescriptionLimits::ITEMS)]
    TooMany {
        /// What the list is of.
        what: &'static str,
        /// How many there are.
        found: usize,
    },
    /// There are no clauses.
    #[error("a policy has at least one clause: every amount names one")]
    NoClauses,
    /// Only US dollars are adjudicated yet.
    #[error("the currency must be USD")]
    Currency,
    /// Limits out of order or negative, or one of a lifetime that begins late.
    #[error(
        "accumulator {position}: its limits are not negative and their dates rise; \
         that of a lifetime is effective 1970-01-01"
    )]
    Limits {
        /// Its position, from 1.
        position: usize,
    },
}

fn name(what: &'static str, position: usize, text: &str) -> Result<(), DescriptionError> {
    DescriptionLimits::is_name(text)
        .then_some(())
        .ok_or(DescriptionError::Name { what, position })
}

fn text(what: &'static str, position: usize, text: &str) -> Result<(), DescriptionError> {
    let good =
        (1..=DescriptionLimits::TEXT).contains(&text.len()) && !text.chars().any(char::is_control);
    good.then_some(())
        .ok_or(DescriptionError::Text { what, position })
}

fn unique<'a>(
    what: &'static str,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), DescriptionError> {
    let found = names.len();
    if found > DescriptionLimits::ITEMS {
        return Err(DescriptionError::TooMany { what, found });
    }
    let mut seen = std::collections::BTreeMap::new();
    for (second, name) in (1usize..).zip(names) {
        if let Some(first) = seen.insert(name, second) {
            return Err(DescriptionError::Twice {
                what,
                first,
                second,
            });
        }
    }
    Ok(())
}

impl Description {
    /// The accumulator of a name.
    #[must_use]
    pub fn accumulator(&self, name: &str) -> Option<&Accumulator> {
        self.accumulators.iter().find(|of| of.name == name)
    }

    /// Checks what the engine and its readers rely on.
    ///
    /// # Errors
    /// The first thing found that is not sound.
    pub fn check(&self) -> Result<(), DescriptionError> {
        name("product", 0, &self.product)?;
        text("title", 0, &self.title)?;
        name("version", 0, &self.version)?;
        if self.currency != "USD" {
            return Err(DescriptionError::Currency);
        }
        if self.clauses.is_empty() {
            return Err(DescriptionError::NoClauses);
        }
        unique("clause", self.clauses.iter().map(|c| c.id.as_str()))?;
        unique(
            "accumulator",
            self.accumulators.iter().map(|a| a.name.as_str()),
        )?;
        unique("table", self.tables.iter().map(String::as_str))?;
        unique(
            "pend reason",
            self.pend_reasons.iter().map(|p| p.id.as_str()),
        )?;
        unique("pattern", self.patterns.iter().map(|p| p.id.as_str()))?;
        for (position, clause) in (1usize..).zip(&self.clauses) {
            name("clause", position, &clause.id)?;
            text("clause", position, &clause.title)?;
            text("clause", position, &clause.text)?;
        }
        for (position, accumulator) in (1usize..).zip(&self.accumulators) {
            name("accumulator", position, &accumulator.name)?;
            if !accumulator.pool.is_empty() {
                name("pool", position, &accumulator.pool)?;
            }
            let dates = accumulator.limits.iter().map(|l| l.effective);
            let rising = dates.clone().zip(dates.skip(1)).all(|(a, b)| a < b);
            // A lifetime is one period, that of all days: a limit that came into
            // force later would never be.
            let late = accumulator.period == AccumulatorPeriod::Lifetime
                && accumulator.limits.first().is_some_and(|first| {
                    first.effective
                        > period_start(accumulator.period, first.effective, first.effective)
                });
            let many = accumulator.limits.len() > DescriptionLimits::ITEMS;
            if many || late || !rising || accumulator.limits.iter().any(|l| l.limit < 0) {
                return Err(DescriptionError::Limits { position });
            }
        }
        for (position, table) in (1usize..).zip(&self.tables) {
            name("table", position, table)?;
        }
        for (position, pend) in (1usize..).zip(&self.pend_reasons) {
            name("pend reason", position, &pend.id)?;
            text("pend reason", position, &pend.text)?;
            text("pend reason", position, &pend.resolution)?;
        }
        for (position, pattern) in (1usize..).zip(&self.patterns) {
            name("pattern", position, &pattern.id)?;
            text("pattern", position, &pattern.title)?;
        }
        Ok(())
    }
}
