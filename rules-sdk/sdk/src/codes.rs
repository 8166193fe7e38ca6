//! The codes of a table, read when the policy is compiled: history cannot be
//! asked for "any of these", so a policy must know what to ask for.

use tally_types::Code;

/// The most codes a list may have: it is made at compile time, by comparing
/// each with each.
const MOST: usize = 512;

/// The distinct codes of a CSV text, and how many there are.
#[doc(hidden)]
pub struct Found([Code; MOST], usize);

impl Found {
    /// Reads columns `code` and `code2`. A malformed table does not compile.
    #[must_use]
    pub const fn of(csv: &str) -> Self {
        let mut found = Self([Code::NONE; MOST], 0);
        let mut rest = csv.as_bytes();
        let mut columns = 0;
        while !rest.is_empty() {
            let (line, after) = split(rest, b'\n');
            rest = after;
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let (first, after) = split(line, b',');
            let (second, _) = split(after, b',');
            if columns == 0 {
                columns = if matches!(second.trim_ascii(), b"code2") {
                    2
                } else {
                    1
                };
                continue;
            }
            found.add(first);
            if columns == 2 {
                found.add(second);
            }
        }
        found
    }

    const fn add(&mut self, field: &[u8]) {
        let Ok(text) = core::str::from_utf8(field.trim_ascii()) else {
            panic!("the table is not text");
        };
        let code = Code::of(text);
        let mut i = 0;
        while i < self.1 {
            if self.0[i].packed() == code.packed() {
                return;
            }
            i += 1;
        }
        self.0[self.1] = code;
        self.1 += 1;
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.1
    }

    /// The codes alone.
    #[must_use]
    pub const fn codes<const N: usize>(&self) -> [Code; N] {
        let mut codes = [Code::NONE; N];
        let mut i = 0;
        while i < N {
            codes[i] = self.0[i];
            i += 1;
        }
        codes
    }
}

/// The text before the first `mark`, and the text after it.
const fn split(text: &[u8], mark: u8) -> (&[u8], &[u8]) {
    let mut i = 0;
    while i < text.len() {
        if text[i] == mark {
            let (before, after) = text.split_at(i);
            return (before, after.split_at(1).1);
        }
        i += 1;
    }
    (text, &[])
}

/// The distinct codes of a table's columns `code` and `code2`, in the order of
/// the file, as a `&'static [Code]`: for asking history about services that
/// stand in a table, without a second list beside it. The path is relative to
/// the source file. For tables of up to some hundred codes.
///
/// ```text
/// /// The services that make a pair with another.
/// const PAIRED: &[Code] = codes!("../tables/pairs.csv");
/// ```
#[macro_export]
macro_rules! codes {
    ($path:literal) => {{
        const FOUND: $crate::__Found = $crate::__Found::of(include_str!($path));
        const CODES: [$crate::Code; FOUND.count()] = FOUND.codes();
        const LIST: &[$crate::Code] = &CODES;
        LIST
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Found = Found::of(
        "# pairs\r\ncode,code2,from,through,indicator:count\r\n\n 80053 ,80048,2025-01-01,,0\n80048,82947,2025-01-01,,1",
    );

    #[test]
    fn each_code_is_listed_once() {
        const CODES: [Code; FOUND.count()] = FOUND.codes();
        assert_eq!(
            CODES,
            [Code::of("80053"), Code::of("80048"), Code::of("82947")]
        );
        assert_eq!(
            Found::of("code,from,through,v:count\nA,2025-01-01,,1").count(),
            1
        );
        assert_eq!(Found::of("").count(), 0);
    }
}
