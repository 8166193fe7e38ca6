//! The simulated time: services of fourteen months, over a change of year.

use tally_types::ServiceDate;

/// A day of the calendar, written in the code.
pub const fn day(year: i32, month: u32, day: u32) -> ServiceDate {
    match ServiceDate::new(year, month, day) {
        Some(date) => date,
        None => panic!("no such day"),
    }
}

/// The first day of service.
pub const FIRST: ServiceDate = day(2025, 1, 6);
/// The last day of service.
pub const LAST: ServiceDate = day(2026, 3, 20);

/// This day moved; the calendar's end is far away.
pub fn plus(date: ServiceDate, days: i32) -> ServiceDate {
    date.plus_days(days).unwrap_or(date)
}

/// Whether offices are closed: a Saturday or Sunday.
pub fn is_weekend(date: ServiceDate) -> bool {
    // 1970-01-01 was a Thursday.
    (date.days() + 3).rem_euclid(7) >= 5
}

/// This day, or the next that is no weekend.
pub fn workday(date: ServiceDate) -> ServiceDate {
    let mut date = date;
    while is_weekend(date) {
        date = plus(date, 1);
    }
    date
}

/// The Saturday on or after this day.
pub fn saturday(date: ServiceDate) -> ServiceDate {
    let weekday = (date.days() + 3).rem_euclid(7);
    plus(date, (5 - weekday).rem_euclid(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_are_known() {
        assert!(!is_weekend(day(2025, 6, 13)), "a Friday");
        assert!(is_weekend(day(2025, 6, 14)));
        assert_eq!(workday(day(2025, 6, 14)), day(2025, 6, 16));
        assert_eq!(saturday(day(2025, 6, 16)), day(2025, 6, 21));
        assert_eq!(saturday(day(2025, 6, 14)), day(2025, 6, 14));
    }
}
