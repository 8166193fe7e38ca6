//! Codes packed into integers: copied, compared and looked up without
//! allocation. Seven bits a character, first character highest, so integer
//! order is text order.

use core::fmt;

/// Why a text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeError {
    /// No characters.
    Empty,
    /// More characters than the type holds.
    TooLong,
    /// A character that is not printable ASCII, or is a space.
    Character,
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty code",
            Self::TooLong => "a code longer than can be held",
            Self::Character => "a code with a character that is not printable ASCII",
        })
    }
}

impl core::error::Error for CodeError {}

macro_rules! packed {
    ($name:ident, $int:ty, $chars:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name($int);

        impl $name {
            /// No code.
            pub const NONE: Self = Self(0);
            /// The most characters a code may have.
            pub const MAX_CHARS: usize = $chars;

            /// Packs a text of 1 to
            #[doc = stringify!($chars)]
            /// printable ASCII characters.
            ///
            /// # Errors
            /// When the text is empty, too long or has another character.
            #[allow(clippy::indexing_slicing)] // bounded by the loop; `get` is not const
            pub const fn parse(text: &str) -> Result<Self, CodeError> {
                let bytes = text.as_bytes();
                if bytes.is_empty() {
                    return Err(CodeError::Empty);
                }
                if bytes.len() > $chars {
                    return Err(CodeError::TooLong);
                }
                let mut packed: $int = 0;
                let mut i = 0;
                while i < $chars {
                    packed <<= 7;
                    if i < bytes.len() {
                        if !bytes[i].is_ascii_graphic() {
                            return Err(CodeError::Character);
                        }
                        packed |= bytes[i] as $int;
                    }
                    i += 1;
                }
                Ok(Self(packed))
            }

            /// Packs a literal; a malformed one does not compile in a `const`.
            ///
            /// # Panics
            /// When the text is no code.
            #[must_use]
            #[allow(clippy::panic)] // for literals, where it stops the build
            pub const fn of(text: &str) -> Self {
                match Self::parse(text) {
                    Ok(code) => code,
                    Err(_) => panic!("not a code"),
                }
            }

            /// The packed integer.
            #[must_use]
            pub const fn packed(self) -> $int {
                self.0
            }

            /// From a packed integer, if it is one that packing makes.
            #[must_use]
            pub const fn from_packed(packed: $int) -> Option<Self> {
                if packed >> ($chars * 7) != 0 {
                    return None;
                }
                let mut ended = false;
                let mut i = $chars;
                while i > 0 {
                    i -= 1;
                    let byte = ((packed >> (i * 7)) & 0x7f) as u8;
                    if byte == 0 {
                        ended = true;
                    } else if ended || !byte.is_ascii_graphic() {
                        return None;
                    }
                }
                Some(Self(packed))
            }

            /// From an integer that packing made: what the other side of the
            /// policy interface, which checks it, hands over. Of any other
            /// integer it makes something that no code equals.
            #[must_use]
            pub const fn trusted(packed: $int) -> Self {
                Self(packed)
            }

            /// Whether there is no code.
            #[must_use]
            pub const fn is_none(self) -> bool {
                self.0 == 0
            }

            /// How many characters there are.
            #[must_use]
            pub const fn len(self) -> usize {
                let mut n = 0;
                while n < $chars && (self.0 >> (($chars - 1 - n) * 7)) & 0x7f != 0 {
                    n += 1;
                }
                n
            }

            /// Whether there is no code: the same as [`Self::is_none`].
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether it begins with the characters of `prefix`: a category of
            /// diagnoses, a range of procedures. No code begins every code.
            #[must_use]
            pub const fn starts_with(self, prefix: Self) -> bool {
                let after = ($chars - prefix.len()) * 7;
                if after == $chars * 7 {
                    return true;
                }
                self.0 >> after == prefix.0 >> after
            }

            /// The code without one of the characters: `Z12.11` without `.` is
            /// `Z1211`, as some senders write it.
            #[must_use]
            pub const fn without(self, character: char) -> Self {
                let mut packed: $int = 0;
                let mut kept = 0;
                let mut i = $chars;
                while i > 0 {
                    i -= 1;
                    let byte = (self.0 >> (i * 7)) & 0x7f;
                    if byte != 0 && byte != character as $int {
                        kept += 1;
                        packed |= byte << (($chars - kept) * 7);
                    }
                }
                Self(packed)
            }

            /// The characters.
            pub fn chars(self) -> impl Iterator<Item = char> {
                (0..$chars)
                    .rev()
                    .map(move |i| ((self.0 >> (i * 7)) & 0x7f) as u8)
                    .take_while(|byte| *byte != 0)
                    .map(char::from)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.chars().try_for_each(|c| fmt::Write::write_char(f, c))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

packed!(
    Code,
    u128,
    18,
    "A procedure, diagnosis, drug or provider code of at most 18 characters: \
     HCPCS, CDT, ICD-10, NDC, RxNorm, SNOMED CT, NPI."
);
packed!(
    ShortCode,
    u64,
    9,
    "A short code of at most 9 characters: modifier, place of service, revenue \
     code, remark code."
);

impl Code {
    /// The high and low 64 bits, as the policy interface carries them.
    #[must_use]
    pub const fn halves(self) -> (u64, u64) {
        ((self.0 >> 64) as u64, self.0 as u64)
    }

    /// From the two halves, if they are a code.
    #[must_use]
    pub const fn from_halves(hi: u64, lo: u64) -> Option<Self> {
        Self::from_packed((hi as u128) << 64 | lo as u128)
    }
}

impl From<ShortCode> for Code {
    /// The same characters: a modifier or a revenue code as a table's key.
    fn from(short: ShortCode) -> Self {
        Self((short.0 as u128) << ((Self::MAX_CHARS - ShortCode::MAX_CHARS) * 7))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_codes() {
        assert_eq!(Code::of("99213").to_string(), "99213");
        assert_eq!(
            Code::of("162864005123456789").to_string(),
            "162864005123456789"
        );
        assert_eq!(ShortCode::of("MA130").to_string(), "MA130");
        assert_eq!(Code::parse(""), Err(CodeError::Empty));
        assert_eq!(Code::parse("1628640051234567890"), Err(CodeError::TooLong));
        assert_eq!(Code::parse("99 13"), Err(CodeError::Character));
        assert_eq!(Code::parse("９９"), Err(CodeError::Character));
        assert!(Code::NONE.is_none());
    }

    #[test]
    fn only_what_packing_makes_unpacks() {
        assert_eq!(Code::from_packed(0), Some(Code::NONE));
        assert_eq!(Code::from_packed(1), None, "a control character");
        assert_eq!(Code::from_packed(0x41), None, "a gap before the character");
        assert_eq!(Code::from_packed(u128::MAX), None);
    }

    #[test]
    fn a_point_is_left_out() {
        assert_eq!(Code::of("Z12.11").without('.'), Code::of("Z1211"));
        assert_eq!(Code::of("Z1211").without('.'), Code::of("Z1211"));
        assert_eq!(Code::of("...").without('.'), Code::NONE);
        assert_eq!(Code::NONE.without('.'), Code::NONE);
        assert_eq!(Code::of("A").without('é'), Code::of("A"));
    }

    proptest! {
        #[test]
        fn a_prefix_is_told_as_of_text(a in "[A-C]{1,9}", b in "[A-C]{1,9}") {
            let (ca, cb) = (Code::of(&a), Code::of(&b));
            prop_assert_eq!(ca.starts_with(cb), a.starts_with(&b));
            prop_assert_eq!(ca.len(), a.len());
            prop_assert!(ca.starts_with(Code::NONE));
            let short = ShortCode::of(&a);
            prop_assert_eq!(Code::from(short), ca);
            prop_assert_eq!(short.starts_with(ShortCode::of(&b)), a.starts_with(&b));
        }

        #[test]
        fn packing_keeps_text_and_order(a in "[!-~]{1,18}", b in "[!-~]{1,18}") {
            let (ca, cb) = (Code::parse(&a).unwrap(), Code::parse(&b).unwrap());
            prop_assert_eq!(ca.to_string(), a.clone());
            prop_assert_eq!(ca.cmp(&cb), a.cmp(&b));
            let (hi, lo) = ca.halves();
            prop_assert_eq!(Code::from_halves(hi, lo), Some(ca));
        }

        #[test]
        fn any_integer_unpacks_to_itself_or_not_at_all(packed in any::<u64>()) {
            if let Some(code) = ShortCode::from_packed(packed) {
                prop_assert_eq!(code.packed(), packed);
            }
        }
    }
}
