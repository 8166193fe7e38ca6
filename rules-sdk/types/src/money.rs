//! Amounts, prices, quantities and rates, each a scaled integer of its own.

use core::fmt;

use crate::decimal::{self, DecimalError};

/// How a named amount is rounded to the minor unit. Plan data, pinned by the
/// policy's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rounding {
    /// Half away from zero: usual in CMS pricers.
    #[default]
    HalfUp,
    /// Half to the even neighbour.
    HalfEven,
}

/// `numerator / denominator`, rounded. `denominator` is positive.
pub(crate) const fn divide(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    // Usual amounts fit: dividing 128 bits costs many times as much.
    if let (Some(small), Some(by)) = (narrow(numerator), narrow(denominator)) {
        let quotient = small.div_euclid(by);
        let rest = small.rem_euclid(by);
        let up = rounds_up(
            rest as i128,
            denominator,
            small < 0,
            quotient % 2 != 0,
            rounding,
        );
        return quotient as i128 + up as i128;
    }
    let quotient = numerator.div_euclid(denominator);
    let rest = numerator.rem_euclid(denominator);
    let odd = quotient % 2 != 0;
    quotient + rounds_up(rest, denominator, numerator < 0, odd, rounding) as i128
}

/// Whether a quotient, which is the floor, is rounded up: by what the division
/// left, whether the number was negative and whether the quotient is odd.
const fn rounds_up(
    rest: i128,
    denominator: i128,
    negative: bool,
    odd: bool,
    rounding: Rounding,
) -> bool {
    let missing = denominator - rest;
    if rest == missing {
        match rounding {
            // Away from zero is up for what is not negative.
            Rounding::HalfUp => !negative,
            Rounding::HalfEven => odd,
        }
    } else {
        rest > missing
    }
}

pub(crate) const fn narrow(value: i128) -> Option<i64> {
    if value > i64::MAX as i128 || value < i64::MIN as i128 {
        None
    } else {
        Some(value as i64)
    }
}

macro_rules! scaled {
    ($name:ident, $places:literal, $least:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);
            /// Decimal places held.
            pub const PLACES: u32 = $places;

            /// From the scaled integer.
            #[must_use]
            pub const fn from_scaled(value: i64) -> Self {
                Self(value)
            }

            /// The scaled integer.
            #[must_use]
            pub const fn scaled(self) -> i64 {
                self.0
            }

            /// Reads a plain decimal exactly.
            ///
            /// # Errors
            /// When the text is no decimal, is too precise or out of range.
            pub const fn parse(text: &str) -> Result<Self, DecimalError> {
                match decimal::parse(text, $places) {
                    Ok(value) => Ok(Self(value)),
                    Err(error) => Err(error),
                }
            }

            /// The sum, or `None` on overflow.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(value) => Some(Self(value)),
                    None => None,
                }
            }

            /// The difference, or `None` on overflow.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(value) => Some(Self(value)),
                    None => None,
                }
            }

            /// The lesser of two.
            #[must_use]
            pub const fn lesser(self, other: Self) -> Self {
                if self.0 <= other.0 { self } else { other }
            }

            /// The greater of two.
            #[must_use]
            pub const fn greater(self, other: Self) -> Self {
                if self.0 >= other.0 { self } else { other }
            }

            /// Whether this is zero.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// Whether this is below zero.
            #[must_use]
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }

            /// The sum of many, or `None` on overflow.
            pub fn checked_sum(items: impl IntoIterator<Item = Self>) -> Option<Self> {
                items
                    .into_iter()
                    .try_fold(Self::ZERO, |sum, item| sum.checked_add(item))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                decimal::print(f, self.0, $places, $least)
            }
        }
    };
}

scaled!(
    Money,
    2,
    2,
    "An amount in minor units (cents) of the claim's currency."
);
scaled!(
    UnitPrice,
    6,
    2,
    "A price per unit, in millionths of the currency's unit: drug prices have \
     more places than cents."
);
scaled!(
    Quantity,
    4,
    0,
    "Units of service, in ten-thousandths: half units and drug quantities."
);
scaled!(
    Rate,
    6,
    0,
    "A rate, in millionths: 20 % is `0.2`, held as 200,000."
);

impl Money {
    /// From whole cents.
    #[must_use]
    pub const fn cents(value: i64) -> Self {
        Self(value)
    }

    /// The share of this amount at `rate`, rounded once.
    ///
    /// Compute one share with this and give the other party the *residual*
    /// (`amount - share`); never round both shares.
    #[must_use]
    pub const fn share(self, rate: Rate, rounding: Rounding) -> Option<Self> {
        match narrow(divide(self.0 as i128 * rate.0 as i128, 1_000_000, rounding)) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// `part / whole` of this amount, rounded once: three of five units.
    /// `None` on overflow, or when `whole` is not above zero.
    #[must_use]
    pub const fn proportion(self, part: i64, whole: i64, rounding: Rounding) -> Option<Self> {
        if whole <= 0 {
            return None;
        }
        match narrow(divide(
            self.0 as i128 * part as i128,
            whole as i128,
            rounding,
        )) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The sum of amounts, each at a rate of its own, rounded once: a share of
    /// labour at a wage index and the rest at another. `None` on overflow.
    #[must_use]
    pub const fn weighted(parts: &[(Self, Rate)], rounding: Rounding) -> Option<Self> {
        let mut sum: i128 = 0;
        let mut parts = parts;
        while let [(amount, rate), rest @ ..] = parts {
            parts = rest;
            sum = match sum.checked_add(amount.0 as i128 * rate.0 as i128) {
                Some(sum) => sum,
                None => return None,
            };
        }
        match narrow(divide(sum, 1_000_000, rounding)) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// This amount less `other`, or zero where `other` is greater.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        if other.0 >= self.0 {
            Self(0)
        } else {
            Self(self.0.saturating_sub(other.0))
        }
    }
}

impl UnitPrice {
    /// `price × quantity × rate`, rounded once to the minor unit.
    #[must_use]
    pub const fn extend(self, quantity: Quantity, rate: Rate, rounding: Rounding) -> Option<Money> {
        self.extend_by(quantity, &[rate], rounding)
    }

    /// `price × quantity ×` every rate, rounded once to the minor unit: the
    /// product is exact, or `None` when it does not fit 128 bits.
    #[must_use]
    pub const fn extend_by(
        self,
        quantity: Quantity,
        rates: &[Rate],
        rounding: Rounding,
    ) -> Option<Money> {
        // 10^-6 × 10^-4 = 10^-10; a cent is 10^-2.
        let mut product = self.0 as i128 * quantity.0 as i128;
        let mut scale: i128 = 100_000_000;
        let mut rates = rates;
        while let [rate, rest @ ..] = rates {
            rates = rest;
            // The whole changes nothing, and wide numbers are dear.
            if rate.0 == Rate::ONE.0 {
                continue;
            }
            match (
                product.checked_mul(rate.0 as i128),
                scale.checked_mul(1_000_000),
            ) {
                (Some(wider), Some(finer)) => (product, scale) = (wider, finer),
                _ => return None,
            }
        }
        match narrow(divide(product, scale, rounding)) {
            Some(value) => Some(Money(value)),
            None => None,
        }
    }

    /// `price × (Σ quantity × rate) ×` every factor, rounded once to the minor
    /// unit: relative values, each at its index, at a conversion factor. `None`
    /// when it does not fit 128 bits.
    #[must_use]
    pub const fn extend_sum(
        self,
        parts: &[(Quantity, Rate)],
        factors: &[Rate],
        rounding: Rounding,
    ) -> Option<Money> {
        let mut sum: i128 = 0;
        let mut parts = parts;
        while let [(quantity, rate), rest @ ..] = parts {
            parts = rest;
            sum = match sum.checked_add(quantity.0 as i128 * rate.0 as i128) {
                Some(sum) => sum,
                None => return None,
            };
        }
        // 10^-6 × 10^-4 × 10^-6 = 10^-16; a cent is 10^-2.
        let mut product = match sum.checked_mul(self.0 as i128) {
            Some(product) => product,
            None => return None,
        };
        let mut scale: i128 = 100_000_000_000_000;
        let mut factors = factors;
        while let [factor, rest @ ..] = factors {
            factors = rest;
            if factor.0 == Rate::ONE.0 {
                continue;
            }
            match (
                product.checked_mul(factor.0 as i128),
                scale.checked_mul(1_000_000),
            ) {
                (Some(wider), Some(finer)) => (product, scale) = (wider, finer),
                _ => return None,
            }
        }
        match narrow(divide(product, scale, rounding)) {
            Some(value) => Some(Money(value)),
            None => None,
        }
    }

    /// The price that is this many whole cents.
    #[must_use]
    pub const fn from_money(amount: Money) -> Option<Self> {
        match amount.0.checked_mul(10_000) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }
}

impl Quantity {
    /// One unit.
    pub const ONE: Self = Self(10_000);

    /// From whole units.
    #[must_use]
    pub const fn whole(units: i64) -> Option<Self> {
        match units.checked_mul(10_000) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }
}

impl Rate {
    /// The whole: 100 %.
    pub const ONE: Self = Self(1_000_000);

    /// From whole percent.
    #[must_use]
    pub const fn percent(value: i32) -> Self {
        Self(value as i64 * 10_000)
    }

    /// What is left of the whole.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(1_000_000 - self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        assert_eq!(money("12.34").scaled(), 1234);
        assert_eq!(money("-0.05").scaled(), -5);
        assert_eq!(money("7").scaled(), 700);
        assert_eq!(money("1.5000").scaled(), 150);
        for (text, error) in [
            ("28.104000000000003", DecimalError::TooPrecise),
            ("", DecimalError::Syntax),
            (".5", DecimalError::Syntax),
            ("5.", DecimalError::Syntax),
            ("1e2", DecimalError::Syntax),
            ("--1", DecimalError::Syntax),
            ("92233720368547758.08", DecimalError::OutOfRange),
        ] {
            assert_eq!(Money::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn amounts_print_as_decimals() {
        assert_eq!(money("-3.07").to_string(), "-3.07");
        assert_eq!(money("100").to_string(), "100.00");
        assert_eq!(Quantity::parse("1.5").unwrap().to_string(), "1.5");
        assert_eq!(Quantity::ONE.to_string(), "1");
        assert_eq!(UnitPrice::parse("0.12345").unwrap().to_string(), "0.12345");
        assert_eq!(Rate::percent(20).to_string(), "0.2");
    }

    /// Ties named in the rounding rules: 50 % at odd cents, 25 % at 2 mod 4,
    /// 12.5 % at 4 mod 8, 15 and 35 % at 10 mod 20.
    #[test]
    fn ties_round_as_named() {
        for (cents, rate, up, even) in [
            (1, "0.5", 1, 0),
            (3, "0.5", 2, 2),
            (2, "0.25", 1, 0),
            (6, "0.25", 2, 2),
            (4, "0.125", 1, 0),
            (12, "0.125", 2, 2),
            (10, "0.15", 2, 2),
            (30, "0.15", 5, 4),
            (10, "0.35", 4, 4),
            (30, "0.35", 11, 10),
            (-1, "0.5", -1, 0),
            (-3, "0.5", -2, -2),
        ] {
            let rate = Rate::parse(rate).unwrap();
            let amount = Money::cents(cents);
            assert_eq!(
                amount.share(rate, Rounding::HalfUp),
                Some(Money::cents(up)),
                "{cents} × {rate} half up"
            );
            assert_eq!(
                amount.share(rate, Rounding::HalfEven),
                Some(Money::cents(even)),
                "{cents} × {rate} half even"
            );
        }
    }

    #[test]
    fn a_unit_price_extends_with_one_rounding() {
        let price = UnitPrice::parse("0.3333").unwrap();
        let quantity = Quantity::parse("3").unwrap();
        assert_eq!(
            price.extend(quantity, Rate::ONE, Rounding::HalfUp),
            Some(Money::cents(100))
        );
        let half = Quantity::parse("0.5").unwrap();
        assert_eq!(
            UnitPrice::parse("10.01")
                .unwrap()
                .extend(half, Rate::ONE, Rounding::HalfUp),
            Some(Money::cents(501))
        );
    }

    /// Rounded after each rate, the first three would be 34.27, 232.78 and 0.01.
    #[test]
    fn a_unit_price_extends_by_many_rates_with_one_rounding() {
        let by = |price: &str, units: &str, rates: &[&str], rounding| {
            let rates: Vec<Rate> = rates.iter().map(|r| Rate::parse(r).unwrap()).collect();
            let quantity = Quantity::parse(units).unwrap();
            let price = UnitPrice::parse(price).unwrap();
            price.extend_by(quantity, &rates, rounding)
        };
        for (price, units, rates, up) in [
            // 36.065; 34.26175
            ("72.13", "1", &["0.5", "0.95"][..], "34.26"),
            // 245.025; 232.77375
            ("163.35", "1", &["1.5", "0.95"][..], "232.77"),
            // 0.005; 0.0025
            ("0.01", "1", &["0.5", "0.5"][..], "0.00"),
            ("72.13", "1", &["1", "0.95", "1"][..], "68.52"),
            ("72.13", "2", &[][..], "144.26"),
            ("72.13", "2", &["0"][..], "0.00"),
        ] {
            assert_eq!(
                by(price, units, rates, Rounding::HalfUp),
                Some(money(up)),
                "{price}"
            );
        }
        // 0.10 × 0.5 × 0.1 = 0.005: a tie in the end only.
        let tie = |rounding| by("0.10", "1", &["0.5", "0.1"], rounding);
        assert_eq!(tie(Rounding::HalfUp), Some(money("0.01")));
        assert_eq!(tie(Rounding::HalfEven), Some(money("0.00")));
        let large = UnitPrice::from_scaled(i64::MAX);
        let quantity = Quantity::from_scaled(i64::MAX);
        assert_eq!(
            large.extend_by(quantity, &[Rate::percent(50); 9], Rounding::HalfUp),
            None
        );
    }

    #[test]
    fn sums_of_products_are_rounded_once() {
        let rate = |text| Rate::parse(text).unwrap();
        // 0.005 and 0.005: each alone would be rounded up, together they are one.
        let halves = [(money("0.01"), rate("0.5")), (money("0.01"), rate("0.5"))];
        assert_eq!(
            Money::weighted(&halves, Rounding::HalfUp),
            Some(money("0.01"))
        );
        let huge = [(Money(i64::MAX), rate("2"))];
        assert_eq!(Money::weighted(&huge, Rounding::HalfUp), None);
        let unit = UnitPrice::parse("0.01").unwrap();
        let part = (Quantity::parse("0.25").unwrap(), Rate::ONE);
        let sum = |factors: &[Rate], rounding| unit.extend_sum(&[part, part], factors, rounding);
        assert_eq!(sum(&[], Rounding::HalfUp), Some(money("0.01")));
        assert_eq!(sum(&[Rate::ONE], Rounding::HalfEven), Some(money("0.00")));
        assert_eq!(sum(&[rate("0.98")], Rounding::HalfUp), Some(money("0.00")));
        let wide = UnitPrice::from_scaled(i64::MAX);
        let most = (Quantity::from_scaled(i64::MAX), Rate::from_scaled(i64::MAX));
        assert_eq!(wide.extend_sum(&[most], &[], Rounding::HalfUp), None);
    }

    #[test]
    fn a_proportion_is_rounded_once() {
        let third = money("100.00").proportion(1, 3, Rounding::HalfUp);
        assert_eq!(third, Some(money("33.33")));
        let half = money("0.05").proportion(1, 2, Rounding::HalfEven);
        assert_eq!(half, Some(money("0.02")));
        assert_eq!(money("1.00").proportion(1, 0, Rounding::HalfUp), None);
    }

    proptest! {
        #[test]
        fn printing_and_reading_agree(cents in any::<i64>().prop_filter("min", |c| *c != i64::MIN)) {
            let amount = Money::cents(cents);
            prop_assert_eq!(Money::parse(&amount.to_string()), Ok(amount));
        }

        #[test]
        fn twenty_percent_of_whole_cents_is_never_a_tie(cents in -1_000_000_000i64..1_000_000_000) {
            let rate = Rate::percent(20);
            let amount = Money::cents(cents);
            prop_assert_eq!(
                amount.share(rate, Rounding::HalfUp),
                amount.share(rate, Rounding::HalfEven)
            );
        }

        #[test]
        fn both_widths_divide_alike(n in any::<i64>(), d in 1i64..=i64::MAX, shift in 0u32..40) {
            let d = (d >> shift).max(1);
            // Far too wide for the short way: the quotient and its rounding are
            // those of the same numbers times 2^64.
            let wide = 1i128 << 63;
            for rounding in [Rounding::HalfUp, Rounding::HalfEven] {
                let short = divide(n.into(), d.into(), rounding);
                let long = divide(i128::from(n >> 1) * wide, i128::from(d) * wide, rounding);
                prop_assert_eq!(divide((n >> 1).into(), d.into(), rounding), long);
                prop_assert!((short * i128::from(d) - i128::from(n)).abs() * 2 <= i128::from(d));
            }
        }

        #[test]
        fn a_share_and_its_residual_make_the_whole(cents in 0i64..1_000_000_000_000, rate in 0i64..=1_000_000) {
            let amount = Money::cents(cents);
            let share = amount.share(Rate::from_scaled(rate), Rounding::HalfUp).unwrap();
            prop_assert!(share >= Money::ZERO && share <= amount);
            prop_assert_eq!(share.checked_add(amount.less(share)), Some(amount));
        }
    }
}
