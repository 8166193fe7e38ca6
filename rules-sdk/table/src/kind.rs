//! What a value column holds.

use tally_types::{Money, Rate, ShortCode, UnitPrice};

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
    /// A short code of at most nine characters, packed; 0 is none.
    Code,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Money,
        Self::Rate,
        Self::Price,
        Self::Count,
        Self::Code,
    ];

    /// The word a header has for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Rate => "rate",
            Self::Price => "price",
            Self::Count => "count",
            Self::Code => "code",
        }
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Money => 1,
            Self::Rate => 2,
            Self::Price => 3,
            Self::Count => 4,
            Self::Code => 5,
        }
    }

    pub(crate) fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    pub(crate) fn parse(self, text: &str) -> Result<i64, String> {
        let decimal = |error: tally_types::DecimalError| error.to_string();
        match self {
            Self::Money => Money::parse(text).map(Money::scaled).map_err(decimal),
            Self::Rate => Rate::parse(text).map(Rate::scaled).map_err(decimal),
            Self::Price => UnitPrice::parse(text)
                .map(UnitPrice::scaled)
                .map_err(decimal),
            Self::Count => text.parse().map_err(|_| "not a whole number".to_owned()),
            Self::Code if text.is_empty() => Ok(0),
            Self::Code => ShortCode::parse(text)
                .map(packed)
                .map_err(|error| error.to_string()),
        }
    }

    /// The text that reads back as `value`.
    #[must_use]
    pub fn text(self, value: i64) -> String {
        match self {
            Self::Money => Money::from_scaled(value).to_string(),
            Self::Rate => Rate::from_scaled(value).to_string(),
            Self::Price => UnitPrice::from_scaled(value).to_string(),
            Self::Count => value.to_string(),
            Self::Code => short(value).map_or_else(String::new, |code| code.to_string()),
        }
    }

    /// Whether a text makes this value: only such a value may stand in bytes.
    pub(crate) fn holds(self, value: i64) -> bool {
        match self {
            Self::Count => true,
            Self::Money | Self::Rate | Self::Price => value != i64::MIN,
            Self::Code => short(value).is_some_and(|code| code.chars().all(|c| c != ',')),
        }
    }
}

/// A short code as a value: 63 bits, so that it is never negative.
pub(crate) fn packed(code: ShortCode) -> i64 {
    i64::try_from(code.packed()).unwrap_or_default()
}

fn short(value: i64) -> Option<ShortCode> {
    ShortCode::from_packed(u64::try_from(value).ok()?)
}
