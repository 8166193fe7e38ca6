//! Prices of institutional claims: per diem, case rate, percent of charge, DRG,
//! and what a price of the whole claim makes of its lines.
//!
//! A price is an amount; what a line allows of it is set by
//! [`crate::LineWork::limit_to`] (the lesser of charge and price) or
//! [`crate::LineWork::allow`] (the price whatever was charged). A case rate is
//! an amount of a table; the others are reckoned here. A price of the whole claim
//! is spread over its lines first:
//!
//! ```
//! use tally_sdk::prelude::*;
//! use tally_sdk::pricing::price_lines;
//!
//! // A case rate of 1,000.00 for lines that charge 900.00 and 600.00.
//! let charges = [90_000, 60_000].map(Money::cents);
//! let lines = price_lines(Money::cents(100_000), &charges, true).unwrap();
//! assert_eq!(lines, [60_000, 40_000].map(Money::cents));
//! ```

pub mod drg;
mod spread;

use tally_types::{Money, Quantity, Rate, Rounding, ServiceDate};

pub use spread::{lesser_of, price_lines, spread, spread_within};

/// The days of an inpatient stay: the day of discharge does not count, and a
/// stay of one day is one (CMS 100-02 ch. 3 §20.1). Zero when the stay ends
/// before it begins.
#[must_use]
pub fn stay_days(admitted: ServiceDate, discharged: ServiceDate) -> u32 {
    match u32::try_from(discharged.days_since(admitted)) {
        Ok(nights) => nights.max(1),
        Err(_) => 0,
    }
}

/// What a day costs from a day of the stay on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DayTier {
    /// The first day it holds for: 1 is the first day.
    pub from_day: u32,
    /// The amount of each day.
    pub amount: Money,
}

/// An amount by the day: a per-diem price, a copayment by the day, a benefit
/// that pays so much a day. Days are numbered from `first_day`, which is above 1
/// when earlier days were on another claim or in the same benefit period
/// (Medicare's coinsurance of days 61 to 90: 42 CFR 409.83). Each day costs what
/// the last tier that begins on or before it says, `tiers` with rising days; a
/// day before the first tier costs nothing. Exact; `None` when it cannot be
/// held.
///
/// ```
/// use tally_sdk::Money;
/// use tally_sdk::pricing::{DayTier, by_day};
/// // 1,000.00 for each of the first two days, 800.00 for each later one.
/// let tiers = [
///     DayTier { from_day: 1, amount: Money::cents(100_000) },
///     DayTier { from_day: 3, amount: Money::cents(80_000) },
/// ];
/// assert_eq!(by_day(&tiers, 1, 5), Some(Money::cents(440_000)));
/// ```
#[must_use]
pub fn by_day(tiers: &[DayTier], first_day: u32, days: u32) -> Option<Money> {
    let after = u64::from(first_day) + u64::from(days);
    let mut sum = 0i64;
    for (i, tier) in tiers.iter().enumerate() {
        let next = tiers.get(i.saturating_add(1));
        let end = next.map_or(after, |next| u64::from(next.from_day).min(after));
        let start = u64::from(tier.from_day).max(u64::from(first_day));
        let count = i64::try_from(end.saturating_sub(start)).ok()?;
        sum = sum.checked_add(tier.amount.scaled().checked_mul(count)?)?;
    }
    Some(Money::cents(sum))
}

/// A percentage of the charge, rounded once, at least `floor` and at most `cap`.
/// `None` when it cannot be held.
#[must_use]
pub fn percent_of_charge(
    charge: Money,
    rate: Rate,
    floor: Option<Money>,
    cap: Option<Money>,
    rounding: Rounding,
) -> Option<Money> {
    let share = charge.share(rate, rounding)?;
    let raised = floor.map_or(share, |floor| share.greater(floor));
    Some(cap.map_or(raised, |cap| raised.lesser(cap)))
}

/// Where charge and price are compared, so that the lesser holds
/// ([`lesser_of`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lesser {
    /// Line by line.
    Line,
    /// Claim against claim.
    Claim,
    /// Not at all.
    Never,
}

/// A number of days as a quantity, for lines that bill days as units.
#[must_use]
pub fn days_of(quantity: Quantity) -> u32 {
    let whole = Quantity::ONE.scaled();
    let days = quantity.scaled().max(0) / whole;
    let part = i64::from(quantity.scaled().max(0) % whole > 0);
    u32::try_from(days + part).unwrap_or(u32::MAX)
}
