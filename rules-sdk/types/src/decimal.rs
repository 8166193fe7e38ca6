//! Exact reading and printing of decimals held as scaled integers.

use core::fmt;

/// Why a decimal cannot be held exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a plain decimal: digits, at most one point, at most one leading
    /// minus. Exponents are for the edge that allows them to expand.
    Syntax,
    /// More decimal places than the type holds; nothing is rounded silently.
    TooPrecise,
    /// Beyond the type's range.
    OutOfRange,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a decimal number",
            Self::TooPrecise => "more decimal places than can be held",
            Self::OutOfRange => "out of range",
        })
    }
}

impl core::error::Error for DecimalError {}

/// Reads `text` as an integer count of `10^-places`. Trailing zeros beyond
/// `places` are allowed: `1.500` is `150` hundredths.
pub(crate) const fn parse(text: &str, places: u32) -> Result<i64, DecimalError> {
    let bytes = text.as_bytes();
    let (negative, mut i) = match bytes {
        [b'-', ..] => (true, 1),
        _ => (false, 0),
    };
    let mut value: i64 = 0;
    let mut whole_digits = 0u32;
    let mut seen_point = false;
    let mut fraction_digits = 0u32;
    while i < bytes.len() {
        #[allow(clippy::indexing_slicing)] // i < len, and `get` is not const
        let b = bytes[i];
        i += 1;
        match b {
            b'.' if !seen_point && whole_digits > 0 => seen_point = true,
            b'0'..=b'9' => {
                if seen_point {
                    fraction_digits += 1;
                    if fraction_digits > places {
                        if b != b'0' {
                            return Err(DecimalError::TooPrecise);
                        }
                        continue;
                    }
                } else {
                    whole_digits += 1;
                }
                value = match value.checked_mul(10) {
                    Some(v) => match v.checked_add((b - b'0') as i64) {
                        Some(v) => v,
                        None => return Err(DecimalError::OutOfRange),
                    },
                    None => return Err(DecimalError::OutOfRange),
                };
            }
            _ => return Err(DecimalError::Syntax),
        }
    }
    if whole_digits == 0 || (seen_point && fraction_digits == 0) {
        return Err(DecimalError::Syntax);
    }
    let mut missing = places.saturating_sub(fraction_digits);
    while missing > 0 {
        value = match value.checked_mul(10) {
            Some(v) => v,
            None => return Err(DecimalError::OutOfRange),
        };
        missing -= 1;
    }
    Ok(if negative { -value } else { value })
}

/// Prints a scaled integer with at least `least` and at most `places` decimals.
pub(crate) fn print(
    f: &mut fmt::Formatter<'_>,
    value: i64,
    places: u32,
    least: u32,
) -> fmt::Result {
    let unit = 10u64.pow(places);
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let whole = magnitude / unit;
    let mut fraction = magnitude % unit;
    let mut width = places;
    while width > least && fraction.is_multiple_of(10) {
        fraction /= 10;
        width -= 1;
    }
    if width == 0 {
        write!(f, "{sign}{whole}")
    } else {
        write!(f, "{sign}{whole}.{fraction:0w$}", w = width as usize)
    }
}
