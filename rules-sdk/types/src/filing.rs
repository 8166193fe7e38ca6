//! Deadlines: how long a claim may be filed, how long each level of an appeal
//! may be, and when it must be decided. The numbers are dated data; the days
//! are calendar days, and a last day that is a Saturday or a Sunday stays the
//! last day.

use core::fmt;

use crate::date::ServiceDate;

/// A span of time, counted from a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Calendar days after the day.
    Days(i32),
    /// Calendar months after the day; a month without that day ends earlier.
    /// Twelve of them are a calendar year (42 CFR 424.44 (a)).
    Months(u32),
    /// The same, but where the month has no such day the window ends on the
    /// first day of the next (45 CFR 147.136 (d)(2)(i)).
    FullMonths(u32),
}

impl Window {
    /// The last day of the window that begins with `from`; `None` beyond what
    /// can be held.
    #[must_use]
    pub const fn until(self, from: ServiceDate) -> Option<ServiceDate> {
        match self {
            Self::Days(days) => from.plus_days(days),
            Self::Months(months) => from.plus_months(months),
            Self::FullMonths(months) => match from.plus_months(months) {
                Some(until) if until.ymd().2 < from.ymd().2 => until.plus_days(1),
                until => until,
            },
        }
    }

    /// Whether something done on `on` is in time. A window that ends beyond
    /// what can be held has not ended.
    #[must_use]
    pub fn holds(self, from: ServiceDate, on: ServiceDate) -> bool {
        self.until(from).is_none_or(|until| on <= until)
    }
}

/// One level of appeal, as in force from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppealLevel<'a> {
    /// Decisions of this day and later are appealed by it, until a later entry
    /// of the same level.
    pub from: ServiceDate,
    /// The level: 1 is the first.
    pub level: u8,
    /// What it is called.
    pub name: &'a str,
    /// Days after which a decision is taken to have been received: 5 for
    /// Medicare (42 CFR 405.942 (a)(1)).
    pub presumed_receipt: i32,
    /// How long it may be filed, from receipt of the decision appealed.
    pub file: Window,
    /// How long the decision may take, from the day of filing; `None` where no
    /// time is set.
    pub decide: Option<Window>,
}

/// Whether an act is in time, and until when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeliness {
    /// In time: this is the last day.
    InTime(ServiceDate),
    /// Too late: this was the last day.
    Late(ServiceDate),
}

/// Why there is no deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilingError {
    /// No such level is in force for a decision of that day.
    NoLevel {
        /// The level.
        level: u8,
        /// The day of the decision.
        decided: ServiceDate,
    },
    /// Filed before there was a decision to appeal.
    BeforeDecision,
    /// A day beyond what can be held.
    OutOfRange,
}

impl fmt::Display for FilingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLevel { level, decided } => write!(
                f,
                "no appeal of level {level} is in force for a decision of {decided}"
            ),
            Self::BeforeDecision => {
                f.write_str("an appeal is dated before the decision that it appeals")
            }
            Self::OutOfRange => f.write_str("a day is beyond what can be held"),
        }
    }
}

impl core::error::Error for FilingError {}

/// The levels of appeal of a product, with their changes over time.
#[derive(Debug, Clone, Copy)]
pub struct Appeals<'a>(pub &'a [AppealLevel<'a>]);

impl<'a> Appeals<'a> {
    /// The level as in force for a decision of `decided`: the latest entry that
    /// has begun.
    ///
    /// # Errors
    /// When there is none.
    pub fn level(
        self,
        level: u8,
        decided: ServiceDate,
    ) -> Result<&'a AppealLevel<'a>, FilingError> {
        self.0
            .iter()
            .filter(|entry| entry.level == level && entry.from <= decided)
            .max_by_key(|entry| entry.from)
            .ok_or(FilingError::NoLevel { level, decided })
    }

    /// The last day on which a decision of `decided` may be appealed to a level.
    ///
    /// # Errors
    /// When there is no such level, or the day cannot be held.
    pub fn file_by(self, level: u8, decided: ServiceDate) -> Result<ServiceDate, FilingError> {
        let entry = self.level(level, decided)?;
        decided
            .plus_days(entry.presumed_receipt)
            .and_then(|received| entry.file.until(received))
            .ok_or(FilingError::OutOfRange)
    }

    /// Whether an appeal filed on `filed` is in time.
    ///
    /// # Errors
    /// As [`Appeals::file_by`], and when it is dated before the decision.
    pub fn filed(
        self,
        level: u8,
        decided: ServiceDate,
        filed: ServiceDate,
    ) -> Result<Timeliness, FilingError> {
        if filed < decided {
            return Err(FilingError::BeforeDecision);
        }
        let until = self.file_by(level, decided)?;
        Ok(if filed <= until {
            Timeliness::InTime(until)
        } else {
            Timeliness::Late(until)
        })
    }

    /// The last day on which an appeal filed on `filed`, of a decision of
    /// `decided`, is to be decided; `None` where no time is set.
    ///
    /// # Errors
    /// When there is no such level, or the day cannot be held.
    pub fn decide_by(
        self,
        level: u8,
        decided: ServiceDate,
        filed: ServiceDate,
    ) -> Result<Option<ServiceDate>, FilingError> {
        self.level(level, decided)?
            .decide
            .map(|window| window.until(filed).ok_or(FilingError::OutOfRange))
            .transpose()
    }
}

const fn day(year: i32, month: u32, day: u32) -> ServiceDate {
    match ServiceDate::new(year, month, day) {
        Some(date) => date,
        None => ServiceDate::MAX,
    }
}

const fn medicare(level: u8, name: &str, file: i32, decide: Option<Window>) -> AppealLevel<'_> {
    AppealLevel {
        from: day(2006, 1, 1),
        level,
        name,
        presumed_receipt: 5,
        file: Window::Days(file),
        decide,
    }
}

/// Medicare's levels for Parts A and B (42 CFR 405.942 and 405.950, 405.962 and
/// 405.970, 405.1002 and 405.1016, 405.1102 and 405.1100, 405.1136).
pub const MEDICARE: Appeals<'static> = Appeals(&[
    medicare(1, "redetermination", 120, Some(Window::Days(60))),
    medicare(2, "reconsideration", 180, Some(Window::Days(60))),
    medicare(3, "hearing", 60, Some(Window::Days(90))),
    medicare(4, "council review", 60, Some(Window::Days(90))),
    medicare(5, "judicial review", 60, None),
]);

/// Claims after service under a private health plan: an internal appeal (29 CFR
/// 2560.503-1 (h)(3)(i), (i)(2)(iii)) and an external review (45 CFR 147.136
/// (d)(2)(i), (d)(2)(iii)(B)(6)).
pub const PRIVATE_PLAN: Appeals<'static> = Appeals(&[
    AppealLevel {
        from: day(2011, 1, 1),
        level: 1,
        name: "internal appeal",
        presumed_receipt: 0,
        file: Window::Days(180),
        decide: Some(Window::Days(60)),
    },
    AppealLevel {
        from: day(2011, 1, 1),
        level: 2,
        name: "external review",
        presumed_receipt: 0,
        file: Window::FullMonths(4),
        decide: Some(Window::Days(45)),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> ServiceDate {
        ServiceDate::parse(text).unwrap()
    }

    #[test]
    fn windows_end_on_their_last_day() {
        for (window, from, until) in [
            (Window::Days(90), "2025-05-04", "2025-08-02"),
            (Window::Months(12), "2024-02-29", "2025-02-28"),
            (Window::Months(4), "2025-10-30", "2026-02-28"),
            // The example of 45 CFR 147.136 (d)(2)(i): there is no 30 February.
            (Window::FullMonths(4), "2025-10-30", "2026-03-01"),
            (Window::FullMonths(4), "2025-10-28", "2026-02-28"),
        ] {
            assert_eq!(window.until(on(from)), Some(on(until)));
            assert!(window.holds(on(from), on(until)));
            assert!(!window.holds(on(from), on(until).plus_days(1).unwrap()));
        }
        assert!(Window::Days(1).holds(ServiceDate::MAX, ServiceDate::MAX));
    }

    #[test]
    fn medicare_levels_have_their_days() {
        // Notice of 2 January; taken as received on the 7th; 120 days later.
        let decided = on("2026-01-02");
        assert_eq!(MEDICARE.file_by(1, decided), Ok(on("2026-05-07")));
        let last = on("2026-05-07");
        assert_eq!(
            MEDICARE.filed(1, decided, last),
            Ok(Timeliness::InTime(last))
        );
        assert_eq!(
            MEDICARE.filed(1, decided, on("2026-05-08")),
            Ok(Timeliness::Late(last))
        );
        assert_eq!(
            MEDICARE.decide_by(1, decided, last),
            Ok(Some(on("2026-07-06")))
        );
        assert_eq!(MEDICARE.decide_by(5, decided, last), Ok(None));
        assert_eq!(
            MEDICARE.filed(1, decided, on("2026-01-01")),
            Err(FilingError::BeforeDecision)
        );
        let none = FilingError::NoLevel { level: 6, decided };
        assert_eq!(MEDICARE.file_by(6, decided), Err(none));
    }

    #[test]
    fn a_level_is_as_in_force_on_the_day_of_the_decision() {
        let [first, _] = PRIVATE_PLAN.0 else {
            unreachable!("two levels")
        };
        let later = AppealLevel {
            from: on("2027-01-01"),
            file: Window::Days(200),
            ..*first
        };
        let levels = [later, *first];
        let appeals = Appeals(&levels);
        assert_eq!(appeals.file_by(1, on("2026-12-31")), Ok(on("2027-06-29")));
        assert_eq!(appeals.file_by(1, on("2027-01-01")), Ok(on("2027-07-20")));
        assert!(appeals.file_by(1, on("2010-01-01")).is_err());
        let said = appeals.file_by(3, on("2026-12-31")).unwrap_err();
        assert_eq!(
            said.to_string(),
            "no appeal of level 3 is in force for a decision of 2026-12-31"
        );
    }
}
