//! Exact decimals from the text of a number. Exponents are expanded, nothing
//! is rounded, and no float is made.

use tally_types::{Money, Quantity};

use super::refusal::{Fault, IntakeRule, Place};
use crate::claim::Limits;

/// A decimal number that is not negative: `digits × 10^-places`. `digits` has no
/// trailing zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exact {
    digits: u128,
    places: i32,
}

/// Why a number cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberError {
    /// Not the text of a decimal.
    Syntax,
    /// More digits than any amount has.
    Range,
    /// Below zero.
    Negative,
    /// More decimal places than can be held.
    TooPrecise,
}

impl Exact {
    pub const ONE: Self = Self {
        digits: 1,
        places: 0,
    };

    /// Reads a number as JSON writes it: `-12.50`, `1.25e1`.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(NumberError::Syntax),
            Some((whole, fraction)) => (whole, fraction),
            None => (mantissa, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !all_digits(whole) || !all_digits(fraction) {
            return Err(NumberError::Syntax);
        }
        let fraction = fraction.trim_end_matches('0');
        let mut digits: u128 = 0;
        for b in whole.bytes().chain(fraction.bytes()) {
            digits = digits
                .checked_mul(10)
                .and_then(|d| d.checked_add(b.saturating_sub(b'0').into()))
                .ok_or(NumberError::Range)?;
        }
        let places = i32::try_from(fraction.len()).map_err(|_| NumberError::Range)?;
        let exact = Self {
            digits,
            places: places.saturating_sub(exponent),
        }
        .reduced();
        if negative && exact.digits != 0 {
            return Err(NumberError::Negative);
        }
        Ok(exact)
    }

    /// Without trailing zeros.
    fn reduced(mut self) -> Self {
        if self.digits == 0 {
            return Self {
                digits: 0,
                places: 0,
            };
        }
        while self.digits.is_multiple_of(10) {
            self.digits = self.digits.checked_div(10).unwrap_or(0);
            self.places = self.places.saturating_sub(1);
        }
        self
    }

    /// As a count of `10^-places`, exactly.
    pub fn scaled(self, places: u32) -> Result<i64, NumberError> {
        let shift = i64::from(places).saturating_sub(self.places.into());
        let Ok(shift) = u32::try_from(shift) else {
            return Err(NumberError::TooPrecise);
        };
        if self.digits == 0 {
            return Ok(0);
        }
        10u128
            .checked_pow(shift)
            .and_then(|power| self.digits.checked_mul(power))
            .and_then(|value| i64::try_from(value).ok())
            .ok_or(NumberError::Range)
    }

    /// The product, exactly.
    pub fn times(self, other: Self) -> Result<Self, NumberError> {
        Ok(Self {
            digits: self
                .digits
                .checked_mul(other.digits)
                .ok_or(NumberError::Range)?,
            places: self.places.saturating_add(other.places),
        }
        .reduced())
    }

    /// Whether whole cents are this number rounded to the cent, a tie either
    /// way: twice the distance is at most a cent.
    pub fn rounds_to(self, cents: Money) -> bool {
        let Ok(places) = u32::try_from(self.places.max(2)) else {
            return false;
        };
        let shift = |places: u32, from: i32| {
            u32::try_from(i64::from(places).saturating_sub(from.into()))
                .ok()
                .and_then(|by| 10u128.checked_pow(by))
        };
        let (Some(up), Some(cent)) = (shift(places, self.places), shift(places, 2)) else {
            return false;
        };
        let Ok(cents) = u128::try_from(cents.scaled()) else {
            return false;
        };
        match (self.digits.checked_mul(up), cents.checked_mul(cent)) {
            (Some(this), Some(that)) => this.abs_diff(that).saturating_mul(2) <= cent,
            _ => false,
        }
    }
}

fn parse_exponent(text: &str) -> Result<i32, NumberError> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] | rest => (1, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::Syntax);
    }
    // Saturated far beyond any exponent that can be expanded.
    let magnitude = digits.iter().fold(0i32, |n, b| {
        n.saturating_mul(10)
            .saturating_add(b.saturating_sub(b'0').into())
            .min(1_000_000)
    });
    Ok(magnitude.saturating_mul(sign))
}

/// A number as it may stand in an error: short, and of nothing but digits.
fn shown(text: &str) -> &str {
    let plain = text.len() <= 40
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
    if plain { text } else { "the number" }
}

/// The fault of a number at a node.
fn fault(node: &impl Place, text: &str, error: NumberError) -> Fault {
    let shown = shown(text);
    match error {
        NumberError::Syntax => node.fault(
            IntakeRule::BadNumber,
            "a decimal number is expected, such as 12.50",
        ),
        NumberError::Range => node.fault(
            IntakeRule::OverLimit,
            format!("{shown} is larger than can be held"),
        ),
        NumberError::Negative => node.fault(IntakeRule::Negative, format!("{shown} is below zero")),
        NumberError::TooPrecise => node.fault(
            IntakeRule::SubCent,
            format!("{shown} has a fraction of a cent, and amounts are not rounded at intake"),
        ),
    }
}

/// Any decimal that is not negative: a price or a factor.
pub(super) fn exact(node: &impl Place, text: &str) -> Result<Exact, Fault> {
    Exact::parse(text).map_err(|error| fault(node, text, error))
}

/// An amount of money: whole cents, from zero to the limit of a charge.
pub(super) fn money(node: &impl Place, text: &str) -> Result<Money, Fault> {
    let cents = exact(node, text)?
        .scaled(Money::PLACES)
        .map_err(|error| fault(node, text, error))?;
    within(node, Money::cents(cents))
}

/// An amount within the limit of a charge.
pub(super) fn within(node: &impl Place, amount: Money) -> Result<Money, Fault> {
    if amount > Limits::CHARGE {
        return Err(node.fault(
            IntakeRule::OverLimit,
            format!(
                "{amount} is above {}, the most a charge may be",
                Limits::CHARGE
            ),
        ));
    }
    Ok(amount)
}

/// Units of service: above zero, at most four decimal places.
pub(super) fn quantity(node: &impl Place, text: &str) -> Result<Quantity, Fault> {
    let number = exact(node, text)?;
    let shown = shown(text);
    let units = match number.scaled(Quantity::PLACES) {
        Ok(units) => Quantity::from_scaled(units),
        Err(NumberError::TooPrecise) => {
            return Err(node.fault(
                IntakeRule::BadQuantity,
                format!("{shown} has more than four decimal places"),
            ));
        }
        Err(error) => return Err(fault(node, text, error)),
    };
    if units.is_zero() {
        return Err(node.fault(IntakeRule::BadQuantity, "a line has no units of service"));
    }
    if Quantity::whole(Limits::UNITS).is_none_or(|most| units > most) {
        return Err(node.fault(
            IntakeRule::OverLimit,
            format!(
                "{shown} is more than {}, the most units a line may have",
                Limits::UNITS
            ),
        ));
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cents(text: &str) -> Result<i64, NumberError> {
        Exact::parse(text)?.scaled(2)
    }

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        for (text, expected) in [
            ("135.57", Ok(13_557)),
            ("0", Ok(0)),
            ("-0.00", Ok(0)),
            ("1.2500e2", Ok(12_500)),
            ("12500E-2", Ok(12_500)),
            ("5e-2", Ok(5)),
            ("0e999999999999", Ok(0)),
            ("1.000000000000000000000000000000000000000000", Ok(100)),
            ("28.104000000000003", Err(NumberError::TooPrecise)),
            ("5e-3", Err(NumberError::TooPrecise)),
            ("1e-999999999999", Err(NumberError::TooPrecise)),
            ("1e999999999999", Err(NumberError::Range)),
            ("1e17", Err(NumberError::Range)),
            ("9".repeat(60).as_str(), Err(NumberError::Range)),
            ("-0.01", Err(NumberError::Negative)),
            ("", Err(NumberError::Syntax)),
            (".5", Err(NumberError::Syntax)),
            ("5.", Err(NumberError::Syntax)),
            ("05", Err(NumberError::Syntax)),
            ("+5", Err(NumberError::Syntax)),
            ("1e", Err(NumberError::Syntax)),
            ("1,000.00", Err(NumberError::Syntax)),
            ("NaN", Err(NumberError::Syntax)),
            ("１", Err(NumberError::Syntax)),
            (" 1", Err(NumberError::Syntax)),
        ] {
            assert_eq!(cents(text), expected, "{text}");
        }
    }

    #[test]
    fn products_are_exact() {
        let of = |text: &str| Exact::parse(text).unwrap();
        let product = of("220.00").times(of("0.07")).unwrap();
        assert_eq!(product.scaled(2), Ok(1540));
        let third = of("33.333333").times(of("3")).unwrap();
        assert_eq!(third.scaled(2), Err(NumberError::TooPrecise));
        assert!(third.rounds_to(Money::cents(10_000)));
        assert!(!third.rounds_to(Money::cents(9_999)));
        let tie = of("0.125");
        assert!(tie.rounds_to(Money::cents(12)) && tie.rounds_to(Money::cents(13)));
        assert!(!tie.rounds_to(Money::cents(14)));
        assert!(of("5e3").rounds_to(Money::cents(500_000)));
        assert!(of(&"9".repeat(30)).times(of(&"9".repeat(30))).is_err());
    }

    proptest! {
        #[test]
        fn plain_decimals_agree_with_the_shared_reader(text in "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,4})?") {
            match (Exact::parse(&text), Money::parse(&text)) {
                (Ok(exact), theirs) => prop_assert_eq!(exact.scaled(2).ok(), theirs.ok().map(Money::scaled)),
                (Err(error), theirs) => {
                    prop_assert_eq!(error, NumberError::Negative);
                    prop_assert!(text.starts_with('-'));
                    prop_assert!(theirs.is_err() || theirs.is_ok_and(Money::is_negative));
                }
            }
        }

        #[test]
        fn an_exponent_moves_the_point(digits in 0u32..1_000_000, shift in 0usize..8) {
            let plain = Exact::parse(&format!("{digits}{}", "0".repeat(shift)));
            prop_assert_eq!(Exact::parse(&format!("{digits}e{shift}")), plain);
            prop_assert_eq!(Exact::parse(&format!("{digits}.0E+{shift}")), plain);
        }

        #[test]
        fn nothing_panics(text in "[-+0-9.eE]{0,40}") {
            if let Ok(exact) = Exact::parse(&text) {
                let _ = (exact.scaled(2), exact.scaled(4), exact.times(exact), exact.rounds_to(Money::cents(7)));
            }
        }
    }
}
