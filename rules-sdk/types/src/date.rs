//! Calendar dates as day numbers: proleptic Gregorian, no time, no zone.

use core::fmt;

/// A calendar date: days since 1970-01-01, from year 1 to year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct ServiceDate(i32);

/// Why a text or a number is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateError {
    /// Not of the form `YYYY-MM-DD`.
    Syntax,
    /// No such day in the calendar.
    NoSuchDay,
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a date of the form YYYY-MM-DD",
            Self::NoSuchDay => "no such day in the calendar",
        })
    }
}

impl core::error::Error for DateError {}

/// Whether a year has 366 days.
const fn is_leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days before 1 January of `year`, counted from 0001-01-01.
const fn days_before_year(year: i32) -> i32 {
    let y = year - 1;
    y * 365 + y / 4 - y / 100 + y / 400
}

/// 0001-01-01 to 1970-01-01.
const EPOCH: i32 = days_before_year(1970);

const fn two(a: u8, b: u8) -> Option<u32> {
    if a.is_ascii_digit() && b.is_ascii_digit() {
        Some((a - b'0') as u32 * 10 + (b - b'0') as u32)
    } else {
        None
    }
}

impl ServiceDate {
    /// The first date that can be held: 0001-01-01.
    pub const MIN: Self = Self(-EPOCH);
    /// The last date that can be held: 9999-12-31.
    pub const MAX: Self = Self(days_before_year(10_000) - EPOCH - 1);

    /// From a day number (days since 1970-01-01).
    #[must_use]
    pub const fn from_days(days: i32) -> Option<Self> {
        if days < Self::MIN.0 || days > Self::MAX.0 {
            None
        } else {
            Some(Self(days))
        }
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.0
    }

    /// From year (1 to 9999), month and day.
    #[must_use]
    pub const fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        if year < 1
            || year > 9999
            || month < 1
            || month > 12
            || day < 1
            || day > days_in_month(year, month)
        {
            return None;
        }
        let mut days = days_before_year(year) - EPOCH;
        let mut m = 1;
        while m < month {
            days += days_in_month(year, m) as i32;
            m += 1;
        }
        Some(Self(days + day as i32 - 1))
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// When the text has another form or names no day.
    pub const fn parse(text: &str) -> Result<Self, DateError> {
        let [a, b, c, d, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else {
            return Err(DateError::Syntax);
        };
        match (two(a, b), two(c, d), two(m1, m2), two(d1, d2)) {
            (Some(century), Some(rest), Some(month), Some(day)) => {
                match Self::new((century * 100 + rest) as i32, month, day) {
                    Some(date) => Ok(date),
                    None => Err(DateError::NoSuchDay),
                }
            }
            _ => Err(DateError::Syntax),
        }
    }

    /// Year, month and day.
    #[must_use]
    pub const fn ymd(self) -> (i32, u32, u32) {
        let n = self.0 + EPOCH;
        // Within a year of the answer, then corrected.
        let mut year = n / 366 + 1;
        while days_before_year(year + 1) <= n {
            year += 1;
        }
        let mut left = (n - days_before_year(year)) as u32;
        let mut month = 1;
        while left >= days_in_month(year, month) {
            left -= days_in_month(year, month);
            month += 1;
        }
        (year, month, left + 1)
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i32 {
        self.ymd().0
    }

    /// 1 January of this date's year.
    #[must_use]
    pub const fn year_start(self) -> Self {
        Self(days_before_year(self.year()) - EPOCH)
    }

    /// This date moved by `days`, within the range that can be held.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Option<Self> {
        match self.0.checked_add(days) {
            Some(n) => Self::from_days(n),
            None => None,
        }
    }

    /// The same day `months` later, or the last day of that month where it has
    /// no such day: a month after 31 January is 28 or 29 February. `None` beyond
    /// the range that can be held.
    #[must_use]
    pub const fn plus_months(self, months: u32) -> Option<Self> {
        let (year, month, day) = self.ymd();
        // From zero, so that a year is twelve of them.
        let Some(months) = (month - 1).checked_add(months) else {
            return None;
        };
        let Some(year) = year.checked_add((months / 12) as i32) else {
            return None;
        };
        let month = months % 12 + 1;
        let last = days_in_month(year, month);
        Self::new(year, month, if day < last { day } else { last })
    }

    /// How many days this date's year has: 365, or 366 in a leap year.
    #[must_use]
    pub const fn days_in_year(self) -> i32 {
        if is_leap(self.year()) { 366 } else { 365 }
    }

    /// Whole days from `earlier` to this date; negative when it is later.
    #[must_use]
    pub const fn days_since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }

    /// Whether it is a Saturday or a Sunday.
    #[must_use]
    pub const fn is_weekend(self) -> bool {
        // 1970-01-01 was a Thursday: three days after a Monday.
        (self.0 as i64 + 3).rem_euclid(7) >= 5
    }

    /// Completed years from `birth` to this date, as an age is counted.
    #[must_use]
    pub const fn age_from(self, birth: Self) -> i32 {
        let (y, m, d) = self.ymd();
        let (by, bm, bd) = birth.ymd();
        let before_birthday = m < bm || (m == bm && d < bd);
        y - by - if before_birthday { 1 } else { 0 }
    }
}

impl fmt::Display for ServiceDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.ymd();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2026-11-23", 20_780),
            ("1969-12-31", -1),
        ] {
            assert_eq!(ServiceDate::parse(text).map(ServiceDate::days), Ok(days));
        }
        assert_eq!(ServiceDate::MIN.to_string(), "0001-01-01");
        assert_eq!(ServiceDate::MAX.to_string(), "9999-12-31");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for (text, error) in [
            ("2026-02-29", DateError::NoSuchDay),
            ("2026-13-01", DateError::NoSuchDay),
            ("0000-01-01", DateError::NoSuchDay),
            ("2026-1-01", DateError::Syntax),
            ("20260101", DateError::Syntax),
            ("2026-01-01T00:00:00Z", DateError::Syntax),
        ] {
            assert_eq!(ServiceDate::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn ages_change_on_the_birthday() {
        let birth = ServiceDate::new(2000, 2, 29).unwrap();
        assert_eq!(ServiceDate::new(2018, 2, 28).unwrap().age_from(birth), 17);
        assert_eq!(ServiceDate::new(2018, 3, 1).unwrap().age_from(birth), 18);
    }

    #[test]
    fn months_end_where_they_must() {
        for (from, months, then) in [
            ("2026-01-31", 1, "2026-02-28"),
            ("2024-01-31", 1, "2024-02-29"),
            ("2024-02-29", 12, "2025-02-28"),
            ("2026-11-30", 4, "2027-03-30"),
            ("2026-12-15", 0, "2026-12-15"),
        ] {
            let from = ServiceDate::parse(from).unwrap();
            assert_eq!(from.plus_months(months).unwrap().to_string(), then);
        }
        assert_eq!(ServiceDate::MAX.plus_months(1), None);
        assert_eq!(ServiceDate::MAX.plus_months(u32::MAX), None);
        assert_eq!(ServiceDate::new(2024, 5, 1).unwrap().days_in_year(), 366);
        assert_eq!(ServiceDate::new(2100, 5, 1).unwrap().days_in_year(), 365);
    }

    #[test]
    fn weekends_are_known() {
        for (text, weekend) in [
            ("2026-11-20", false), // a Friday
            ("2026-11-21", true),
            ("2026-11-22", true),
            ("2026-11-23", false),
            ("1969-12-27", true), // a Saturday
            ("1969-12-29", false),
        ] {
            assert_eq!(
                ServiceDate::parse(text).unwrap().is_weekend(),
                weekend,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_day_goes_out_and_back(days in ServiceDate::MIN.0..=ServiceDate::MAX.0) {
            let date = ServiceDate::from_days(days).unwrap();
            let (y, m, d) = date.ymd();
            prop_assert_eq!(ServiceDate::new(y, m, d), Some(date));
            prop_assert_eq!(ServiceDate::parse(&date.to_string()), Ok(date));
        }
    }
}
