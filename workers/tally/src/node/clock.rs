//! What day it is: the machine's clock, or a simulated one.

use std::sync::atomic::{AtomicI32, Ordering};

use tally_core::appeal::Moment;
use tally_types::ServiceDate;

/// Where a node's dates come from. The core never learns the time: a date is
/// read once, at intake, and is an input ever after.
pub enum Clock {
    /// The machine's clock, in UTC.
    System,
    /// A simulated day, as days since 1970-01-01.
    Simulated(AtomicI32),
}

impl Clock {
    /// A simulated clock that stands at a day.
    pub fn simulated(day: ServiceDate) -> Self {
        Self::Simulated(AtomicI32::new(day.days()))
    }

    /// Moves a simulated clock; the machine's is left alone.
    pub fn set(&self, day: ServiceDate) {
        if let Self::Simulated(days) = self {
            days.store(day.days(), Ordering::SeqCst);
        }
    }

    /// Today.
    pub fn today(&self) -> ServiceDate {
        let days = match self {
            Self::System => i32::try_from(chrono::Utc::now().timestamp().div_euclid(86_400)),
            Self::Simulated(days) => Ok(days.load(Ordering::SeqCst)),
        };
        days.ok()
            .and_then(ServiceDate::from_days)
            .unwrap_or(ServiceDate::MAX)
    }

    /// Today, with the minute of the day in UTC, which is always the machine's.
    pub fn moment(&self) -> Moment {
        let now = chrono::Utc::now().timestamp();
        let minute = now.rem_euclid(86_400).div_euclid(60);
        let day = match self {
            // Read once: a day and its minute belong together.
            Self::System => i32::try_from(now.div_euclid(86_400))
                .ok()
                .and_then(ServiceDate::from_days),
            Self::Simulated(_) => Some(self.today()),
        };
        Moment {
            day: day.unwrap_or(ServiceDate::MAX),
            minute: u16::try_from(minute).unwrap_or(0),
        }
    }

    /// Seconds since 1970-01-01 UTC: of today, with the machine's time of day.
    pub fn seconds(&self) -> u64 {
        let now = chrono::Utc::now().timestamp();
        let seconds = match self {
            Self::System => now,
            Self::Simulated(_) => {
                let day = i64::from(self.today().days());
                day.saturating_mul(86_400)
                    .saturating_add(now.rem_euclid(86_400))
            }
        };
        u64::try_from(seconds).unwrap_or_default()
    }

    /// Milliseconds since 1970-01-01, for the audit trail: always the machine's.
    pub fn now_ms() -> i64 {
        chrono::Utc::now().timestamp_millis()
    }
}

/// A moment as RFC 3339, in UTC, from milliseconds since 1970.
#[must_use]
pub fn when(at: i64) -> String {
    chrono::DateTime::from_timestamp_millis(at).map_or_else(
        || at.to_string(),
        |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}
