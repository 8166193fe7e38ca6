//! Moments, and by when something is to be done.

use core::fmt;

use tally_types::ServiceDate;

use crate::canon::{Canon, DecodeError, Reader};

/// Minutes of a day.
const DAY: i64 = 24 * 60;

/// A minute of a day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The day.
    pub day: ServiceDate,
    /// The minute of the day, from 0 to 1439.
    pub minute: u16,
}

impl Moment {
    /// So many hours later; `None` beyond the calendar.
    #[must_use]
    pub fn plus_hours(self, hours: u32) -> Option<Self> {
        let minutes = i64::from(hours).checked_mul(60)?;
        let minutes = minutes.checked_add(self.minute.into())?;
        let days = i32::try_from(minutes.checked_div(DAY)?).ok()?;
        Some(Self {
            day: self.day.plus_days(days)?,
            minute: u16::try_from(minutes.checked_rem(DAY)?).ok()?,
        })
    }
}

/// By when something is to be done: by the end of a day, or by a minute of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The day.
    pub day: ServiceDate,
    /// The minute of the day, in UTC, where hours were counted.
    pub minute: Option<u16>,
}

impl Due {
    /// By the end of a day.
    #[must_use]
    pub fn on(day: ServiceDate) -> Self {
        Self { day, minute: None }
    }

    /// Whether the time is over.
    #[must_use]
    pub fn is_over(&self, now: Moment) -> bool {
        match self.minute {
            None => now.day > self.day,
            Some(minute) => (now.day, now.minute) > (self.day, minute),
        }
    }

    /// So many days later, at the same minute.
    pub(super) fn plus_days(self, days: i32) -> Option<Self> {
        Some(Self {
            day: self.day.plus_days(days)?,
            ..self
        })
    }
}

impl From<Moment> for Due {
    fn from(moment: Moment) -> Self {
        Self {
            day: moment.day,
            minute: Some(moment.minute),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.day)?;
        match self.minute {
            None => Ok(()),
            Some(minute) => {
                let (hour, minute) = (minute.checked_div(60), minute.checked_rem(60));
                let (hour, minute) = (hour.unwrap_or(0), minute.unwrap_or(0));
                write!(f, " {hour:02}:{minute:02} UTC")
            }
        }
    }
}

impl Canon for Due {
    fn put(&self, out: &mut Vec<u8>) {
        self.day.put(out);
        self.minute.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let day = Canon::take(from)?;
        let minute: Option<u16> = Canon::take(from)?;
        match minute {
            Some(minute) if i64::from(minute) >= DAY => {
                Err(from.invalid("minute of a day", minute.into()))
            }
            minute => Ok(Self { day, minute }),
        }
    }
}
