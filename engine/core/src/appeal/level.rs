//! Levels of appeal, as a payer has them.

use core::fmt;

use tally_types::ServiceDate;

/// Who appeals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// The member, or whoever acts for them.
    Member,
    /// The provider.
    Provider,
}
crate::canon_enum!(Party {
    Member = 1,
    Provider = 2
});

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Member => "member",
            Self::Provider => "provider",
        })
    }
}

/// How long after a decision became known it may be appealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// So many days.
    Days(i32),
    /// So many months: until the same day of the month.
    Months(u32),
}

impl Window {
    /// The last day, of what became known on a day; `None` beyond the calendar.
    #[must_use]
    pub fn last_day(self, known: ServiceDate) -> Option<ServiceDate> {
        match self {
            Self::Days(days) => known.plus_days(days),
            Self::Months(months) => known.plus_months(months),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
            Self::Months(1) => f.write_str("1 month"),
            Self::Months(months) => write!(f, "{months} months"),
        }
    }
}

/// A level of appeal. What the numbers are is a payer's to say, by the law that it is
/// under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// What it is called.
    pub name: String,
    /// How long it may be filed: from the day the decision that is appealed became
    /// known.
    pub file_within: Window,
    /// Days in which it is to be decided, from the day it was received.
    pub decide_within: i32,
    /// Days by which that may be put off in all.
    pub extend: i32,
    /// Hours in which it is to be decided where it cannot wait; `None` where the level
    /// knows no such appeals.
    pub expedited: Option<u32>,
    /// Whether members may file.
    pub member: bool,
    /// Whether providers may.
    pub provider: bool,
}

impl Level {
    /// Whether it is open to somebody.
    #[must_use]
    pub fn is_open_to(&self, party: Party) -> bool {
        match party {
            Party::Member => self.member,
            Party::Provider => self.provider,
        }
    }
}
