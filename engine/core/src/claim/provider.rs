//! Who provides: billing, rendering, referring.

use tally_types::Code;

/// A provider as the sender names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Provider {
    /// The identifier: an NPI where the sender gives one.
    pub identifier: String,
    /// Whether it is a National Provider Identifier with a valid check digit.
    pub is_npi: bool,
}

impl Provider {
    /// A provider named by `identifier`; it is an NPI if it has ten digits and
    /// the right check digit (Luhn over `80840` and the number, 45 CFR 162.406).
    #[must_use]
    pub fn new(identifier: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            is_npi: is_npi(identifier),
        }
    }

    /// The identifier as a code for a policy; none when it is too long.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::parse(&self.identifier).unwrap_or(Code::NONE)
    }
}

fn is_npi(text: &str) -> bool {
    if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    // The prefix 80840 adds 24 to the Luhn sum.
    let sum: u32 = text
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let digit = u32::from(b.saturating_sub(b'0'));
            if i % 2 == 1 {
                let twice = digit.saturating_mul(2);
                if twice > 9 {
                    twice.saturating_sub(9)
                } else {
                    twice
                }
            } else {
                digit
            }
        })
        .sum::<u32>()
        .saturating_add(24);
    sum.is_multiple_of(10)
}

crate::canon_record!(Provider { identifier, is_npi });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_npi_has_a_check_digit() {
        // The example of the NPI check-digit specification (CMS).
        assert!(Provider::new("1234567893").is_npi);
        assert!(!Provider::new("1234567890").is_npi);
        assert!(!Provider::new("HOSP12345").is_npi);
    }
}
