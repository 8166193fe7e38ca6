//! Interest on clean claims that are paid late.
//!
//! Medicare's rule (CMS 100-04 ch. 1 §80.2.2): a clean claim is to be paid
//! within the *ceiling*, a number of calendar days after its receipt. Later
//! than that it bears interest from the day after the ceiling through the day
//! of payment: payment × annual rate × days / 365, or 366 in a leap year,
//! rounded to the cent. States have the same with other numbers, so the
//! ceiling and the rates are data.

use core::fmt;

use crate::date::ServiceDate;
use crate::money::{Money, Rate, Rounding, divide, narrow};

/// An annual rate in force from a day until the next one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedRate {
    /// The first day it is in force.
    pub from: ServiceDate,
    /// For a year: 4.625 % is `0.04625`.
    pub rate: Rate,
}

/// Which day's rate counts, where the rate changes between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateOn {
    /// That of the day of payment, for every day: Medicare's way.
    PaymentDay,
    /// Each day its own.
    EachDay,
}

/// A rule of prompt payment.
#[derive(Debug, Clone, Copy)]
pub struct PromptPay<'a> {
    /// Calendar days after receipt within which payment is in time: 30 for
    /// Medicare.
    pub ceiling_days: i32,
    /// The rates, dates rising.
    pub rates: &'a [DatedRate],
    /// Which day's rate counts.
    pub rate_on: RateOn,
    /// How the interest is rounded to the cent.
    pub rounding: Rounding,
}

/// Interest, and what it was reckoned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// The first day that bears interest: the day after the ceiling.
    pub first_day: ServiceDate,
    /// How many days bear interest, the day of payment among them.
    pub days: i32,
    /// The interest, in minor units, rounded once.
    pub amount: Money,
}

/// Why interest cannot be reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterestError {
    /// No rate is in force on this day: the table must begin earlier.
    NoRate(ServiceDate),
    /// A date or an amount beyond what can be held.
    OutOfRange,
}

impl fmt::Display for InterestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRate(day) => write!(
                f,
                "no interest rate is in force on {day}; let the table of rates begin earlier"
            ),
            Self::OutOfRange => f.write_str("a date or an amount is beyond what can be held"),
        }
    }
}

impl core::error::Error for InterestError {}

impl PromptPay<'_> {
    /// The last day on which payment is in time.
    ///
    /// # Errors
    /// When the day cannot be held.
    pub fn due(&self, received: ServiceDate) -> Result<ServiceDate, InterestError> {
        received
            .plus_days(self.ceiling_days)
            .ok_or(InterestError::OutOfRange)
    }

    /// The interest on `payment`, of a clean claim received on `received` and
    /// paid on `paid`; `None` when the payment is in time, or nothing is paid.
    ///
    /// `payment` is net: after cost sharing, other payers and reductions
    /// (§80.2.2). `received` is the day on which the claim was clean: a claim
    /// that had to be completed begins anew.
    ///
    /// Where days fall into a common and a leap year, those of each are divided
    /// by their own year's length. The sum is exact and is rounded once.
    ///
    /// # Errors
    /// When no rate is in force on a day that needs one, or a number cannot be
    /// held.
    pub fn interest(
        &self,
        payment: Money,
        received: ServiceDate,
        paid: ServiceDate,
    ) -> Result<Option<Interest>, InterestError> {
        let due = self.due(received)?;
        if paid <= due || payment <= Money::ZERO {
            return Ok(None);
        }
        let first_day = due.plus_days(1).ok_or(InterestError::OutOfRange)?;
        // Rates times days, in common years and in leap years.
        let (mut common, mut leap) = (0i128, 0i128);
        let mut day = first_day;
        while day <= paid {
            let rate_day = match self.rate_on {
                RateOn::PaymentDay => paid,
                RateOn::EachDay => day,
            };
            let rate = self.rate(rate_day)?;
            let end = self.alike_until(day, paid);
            let days = i128::from(end.days_since(day)).saturating_add(1);
            let add = i128::from(rate.scaled()).saturating_mul(days);
            let sum = if day.days_in_year() == 366 {
                &mut leap
            } else {
                &mut common
            };
            *sum = sum.saturating_add(add);
            match end.plus_days(1) {
                Some(next) => day = next,
                None => break,
            }
        }
        let numerator = common
            .saturating_mul(366)
            .saturating_add(leap.saturating_mul(365))
            .checked_mul(i128::from(payment.scaled()))
            .ok_or(InterestError::OutOfRange)?;
        let amount = narrow(divide(numerator, 365 * 366 * 1_000_000, self.rounding))
            .ok_or(InterestError::OutOfRange)?;
        Ok(Some(Interest {
            first_day,
            days: paid.days_since(due),
            amount: Money::cents(amount),
        }))
    }

    fn rate(&self, on: ServiceDate) -> Result<Rate, InterestError> {
        let in_force = self.rates.iter().rev().find(|rate| rate.from <= on);
        in_force
            .map(|rate| rate.rate)
            .ok_or(InterestError::NoRate(on))
    }

    /// The last day, at most `paid`, of the same year as `day` and, where that
    /// counts, of the same rate.
    fn alike_until(&self, day: ServiceDate, paid: ServiceDate) -> ServiceDate {
        let length = day.days_in_year();
        let year_end = day.year_start().plus_days(length.saturating_sub(1));
        let mut end = year_end.map_or(paid, |last| last.min(paid));
        if self.rate_on == RateOn::EachDay {
            let next = self.rates.iter().find(|rate| rate.from > day);
            if let Some(before) = next.and_then(|next| next.from.plus_days(-1)) {
                end = end.min(before);
            }
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> ServiceDate {
        ServiceDate::parse(text).unwrap()
    }
    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }
    fn rate(from: &str, rate: &str) -> DatedRate {
        DatedRate {
            from: day(from),
            rate: Rate::parse(rate).unwrap(),
        }
    }
    const fn medicare(rates: &[DatedRate]) -> PromptPay<'_> {
        PromptPay {
            ceiling_days: 30,
            rates,
            rate_on: RateOn::PaymentDay,
            rounding: Rounding::HalfUp,
        }
    }

    /// CMS 100-04 ch. 1 §80.2.2: received on 1 March 2009, to be paid by 31
    /// March; the first day of interest is 1 April.
    #[test]
    fn interest_begins_the_day_after_the_ceiling() {
        let rates = [rate("2009-01-01", "0.05625")];
        let rule = medicare(&rates);
        let on = |paid| rule.interest(money("1000.00"), day("2009-03-01"), day(paid));
        assert_eq!(rule.due(day("2009-03-01")), Ok(day("2009-03-31")));
        assert_eq!(on("2009-03-31"), Ok(None));
        let first = on("2009-04-01").unwrap().unwrap();
        // 1,000.00 × 5.625 % / 365 = 0.1541
        assert_eq!(
            (first.first_day, first.days, first.amount),
            (day("2009-04-01"), 1, money("0.15"))
        );
        // Three days: 0.4623.
        assert_eq!(on("2009-04-03").unwrap().unwrap().amount, money("0.46"));
        let nothing = rule.interest(Money::ZERO, day("2009-03-01"), day("2009-05-01"));
        assert_eq!(nothing, Ok(None));
    }

    #[test]
    fn a_leap_year_has_366_days_and_each_year_its_own() {
        let rates = [rate("2023-01-01", "0.10")];
        let rule = medicare(&rates);
        // Due 2024-01-30, paid 2024-03-01: 31 days of 2024.
        // 10,000.00 × 0.10 × 31 / 366 = 84.699
        let leap = rule.interest(money("10000.00"), day("2023-12-31"), day("2024-03-01"));
        let leap = leap.unwrap().unwrap();
        assert_eq!((leap.days, leap.amount), (31, money("84.70")));
        // Due 2023-12-21: 10 days of 2023 and 10 of 2024:
        // 1,000,000.00 × 0.10 × (10/365 + 10/366) = 2,739.7260 + 2,732.2404 = 5,471.9664
        let over = rule.interest(money("1000000.00"), day("2023-11-21"), day("2024-01-10"));
        let over = over.unwrap().unwrap();
        assert_eq!((over.days, over.amount), (20, money("5471.97")));
    }

    #[test]
    fn the_rate_is_that_of_the_day_of_payment_or_of_each_day() {
        // Treasury's rates of 2022 (July: 4.000 %) and 2023 (January: 4.625 %).
        let rates = [rate("2022-07-01", "0.04"), rate("2023-01-01", "0.04625")];
        let mut rule = medicare(&rates);
        // Due 2022-12-26: 5 days of 2022 and 5 of 2023.
        let of = |rule: PromptPay<'_>| {
            let found = rule.interest(money("10000.00"), day("2022-11-26"), day("2023-01-05"));
            found.unwrap().unwrap().amount
        };
        // 10 × 4.625 % / 365 = 12.671
        assert_eq!(of(rule), money("12.67"));
        rule.rate_on = RateOn::EachDay;
        // 5 × 4 % + 5 × 4.625 %: 11.815
        assert_eq!(of(rule), money("11.82"));
    }

    #[test]
    fn what_cannot_be_reckoned_is_said() {
        let rates = [rate("2023-01-01", "0.05")];
        let rule = PromptPay {
            rate_on: RateOn::EachDay,
            ..medicare(&rates)
        };
        let early = rule.interest(money("1.00"), day("2022-11-01"), day("2023-02-01"));
        assert_eq!(early, Err(InterestError::NoRate(day("2022-12-02"))));
        let far = rule.due(ServiceDate::MAX);
        assert_eq!(far, Err(InterestError::OutOfRange));
        let huge = Money::cents(i64::MAX);
        let wide = [rate("2023-01-01", "9000000000000")];
        let rule = medicare(&wide);
        let got = rule.interest(huge, day("2023-01-01"), day("2990-01-01"));
        assert_eq!(got, Err(InterestError::OutOfRange));
    }

    proptest! {
        /// The same as day by day, and it grows with the days.
        #[test]
        fn segments_are_days(start in 18_000i32..20_000, late in 1i32..900, cents in 1i64..100_000_000) {
            let received = ServiceDate::from_days(start).unwrap();
            let rates = [rate("2000-01-01", "0.03"), rate("2021-03-04", "0.07"), rate("2024-02-29", "0.01")];
            let rule = PromptPay { rate_on: RateOn::EachDay, ..medicare(&rates) };
            let paid = received.plus_days(30 + late).unwrap();
            let found = rule.interest(Money::cents(cents), received, paid).unwrap().unwrap();
            let mut exact = 0i128;
            for n in 1..=late {
                let day = received.plus_days(30 + n).unwrap();
                let other = if day.days_in_year() == 366 { 365 } else { 366 };
                exact += i128::from(rule.rate(day).unwrap().scaled()) * other * i128::from(cents);
            }
            let whole = 365 * 366 * 1_000_000i128;
            prop_assert_eq!(i128::from(found.amount.scaled()), (exact + whole / 2).div_euclid(whole));
            prop_assert_eq!(found.days, late);
            prop_assert!(!found.amount.is_negative());
        }
    }
}
