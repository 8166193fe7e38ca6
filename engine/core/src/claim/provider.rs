//! Who provides: billing, rendering, referring.

use sha2::{Digest, Sha256};
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

    /// A provider whom nothing but a name tells: by a number made of it, the same for the
    /// same name, that no directory has and no card or claim sends (`NAME-` and eight
    /// hexadecimal digits).
    #[must_use]
    pub fn without_number(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"tallystick/provider-without-number/v1");
        for part in parts {
            hasher.update(part.trim().to_uppercase());
            hasher.update([0]);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let mut identifier = String::from("NAME-");
        for byte in digest.iter().take(4) {
            identifier.push_str(&format!("{byte:02X}"));
        }
        Self::new(&identifier)
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
    fn a_name_makes_a_number_of_its_own() {
        let one = Provider::without_number(&["Smith", "Sam", "", ""]);
        assert!(one == Provider::without_number(&["SMITH", "SAM ", "", ""]));
        assert!(one != Provider::without_number(&["SMITH", "", "SAM", ""]));
        assert!(!one.is_npi && !one.code().is_none());
    }

    #[test]
    fn an_npi_has_a_check_digit() {
        // The example of the NPI check-digit specification (CMS).
        assert!(Provider::new("1234567893").is_npi);
        assert!(!Provider::new("1234567890").is_npi);
        assert!(!Provider::new("HOSP12345").is_npi);
    }
}
