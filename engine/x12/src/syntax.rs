//! Delimiters, segments, elements.

use std::borrow::Cow;

/// The bytes of a file as a text. Delimiters are ASCII, so that segments and elements
/// are the same; what is no UTF-8 becomes U+FFFD, a character that no element may have:
/// it is refused at its place, in its transaction set alone.
#[must_use]
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// What separates what, as the ISA of an interchange says by example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between elements.
    pub element: char,
    /// Between the components of an element.
    pub component: char,
    /// Between the repeats of an element; none in an interchange that names a
    /// letter (4010, and what is left of it).
    pub repetition: Option<char>,
    /// After a segment.
    pub segment: char,
}

impl Delimiters {
    /// Those of the guides' examples: `*`, `:`, `^`, `~`.
    pub const USUAL: Self = Self {
        element: '*',
        component: ':',
        repetition: Some('^'),
        segment: '~',
    };

    /// Whether a character is one of them.
    #[must_use]
    pub fn has(&self, c: char) -> bool {
        c == self.element || c == self.component || c == self.segment || self.repetition == Some(c)
    }
}

/// The name of a segment or loop as a number, for comparing: names of up to seven
/// bytes have each their own, longer ones share one that no guide's name has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name(u64);

impl Name {
    const LONG: Self = Self(u64::MAX);

    pub fn of(text: &str) -> Self {
        if text.len() > 7 {
            return Self::LONG;
        }
        // A first byte of one: `A` is not `A` and a zero.
        let bytes = text.bytes();
        Self(bytes.fold(1, |packed, byte| packed << 8 | u64::from(byte)))
    }
}

/// A segment as it stands in the file, without its terminator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    text: &'a str,
    delimiters: Delimiters,
    tag: &'a str,
    name: Name,
}

impl<'a> Segment<'a> {
    pub(crate) fn new(text: &'a str, delimiters: Delimiters) -> Self {
        let (tag, _) = cut(text, delimiters.element);
        Self {
            text,
            delimiters,
            tag,
            name: Name::of(tag),
        }
    }

    pub(crate) fn with(self, delimiters: Delimiters) -> Self {
        Self::new(self.text, delimiters)
    }

    /// The segment's name, for comparing.
    pub(crate) fn name(&self) -> Name {
        self.name
    }

    /// The whole of it.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// What separates its elements.
    #[must_use]
    pub fn delimiters(&self) -> Delimiters {
        self.delimiters
    }

    /// The segment's name: `CLM`.
    #[must_use]
    pub fn tag(&self) -> &'a str {
        self.tag
    }

    /// The elements, the first of them number one.
    pub fn elements(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        pieces(self.text, self.delimiters.element).skip(1)
    }

    /// An element by its number, from one; empty where there is none.
    #[must_use]
    pub fn element(&self, number: usize) -> &'a str {
        let mut pieces = pieces(self.text, self.delimiters.element);
        pieces.nth(number).unwrap_or("")
    }

    /// A component by its number, from one, of an element's first repeat; empty
    /// where there is none. An element that is not composite has one component.
    #[must_use]
    pub fn component(&self, number: usize, component: usize) -> &'a str {
        let first = self.repeats(number).next().unwrap_or("");
        self.components(first)
            .nth(component.saturating_sub(1))
            .unwrap_or("")
    }

    /// The components of a repeat of an element.
    pub fn components(&self, repeat: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        pieces(repeat, self.delimiters.component)
    }

    /// The repeats of an element; one, perhaps empty, where it is not repeated.
    pub fn repeats(&self, number: usize) -> impl Iterator<Item = &'a str> + use<'a> {
        split(self.element(number), self.delimiters.repetition)
    }
}

/// What stands before the first separator, and what after it. Elements are short: a
/// search made for long texts takes longer to begin than they are.
fn cut(text: &str, separator: char) -> (&str, Option<&str>) {
    let Some(byte) = u8::try_from(separator).ok().filter(u8::is_ascii) else {
        return match text.split_once(separator) {
            Some((head, tail)) => (head, Some(tail)),
            None => (text, None),
        };
    };
    let at = text.bytes().position(|other| other == byte);
    let parts = at.and_then(|at| text.get(..at).zip(text.get(at.saturating_add(1)..)));
    match parts {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    }
}

/// What stands between separators: at least one piece, perhaps empty.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let (head, tail) = cut(rest?, separator);
        rest = tail;
        Some(head)
    })
}

/// Splits by a separator where there is one.
pub(crate) fn split(text: &str, separator: Option<char>) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let (head, tail) = match separator {
            Some(separator) => cut(text, separator),
            None => (text, None),
        };
        rest = tail;
        Some(head)
    })
}

/// Splits a text into segments: what stands between terminators, without the line
/// breaks and blanks that many senders put before a segment.
pub(crate) struct Segments<'a> {
    rest: &'a str,
    delimiters: Delimiters,
}

impl<'a> Segments<'a> {
    pub fn new(text: &'a str, delimiters: Delimiters) -> Self {
        Self {
            rest: text,
            delimiters,
        }
    }

    /// What has not been split yet.
    pub fn rest(&self) -> &'a str {
        self.rest
    }
}

impl<'a> Iterator for Segments<'a> {
    /// A segment, and whether its terminator is there.
    type Item = (Segment<'a>, bool);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.rest.trim_start_matches([' ', '\r', '\n', '\t']);
            // Where a line's end is the terminator, it is no blank.
            if start.is_empty() {
                self.rest = "";
                return None;
            }
            let (text, rest, ended) = match start.split_once(self.delimiters.segment) {
                Some((text, rest)) => (text, rest, true),
                None => (start, "", false),
            };
            self.rest = rest;
            let text = text.trim_end_matches(['\r', '\n']);
            if !text.is_empty() {
                return Some((Segment::new(text, self.delimiters), ended));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_components_and_repeats_are_told_apart() {
        let segment = Segment::new("HI*BK:8901*BF:5559^BF:1**x", Delimiters::USUAL);
        assert_eq!(segment.tag(), "HI");
        assert_eq!(segment.elements().count(), 4);
        assert_eq!(segment.element(1), "BK:8901");
        assert_eq!((segment.element(3), segment.element(9)), ("", ""));
        assert_eq!(segment.component(1, 2), "8901");
        assert_eq!(segment.component(4, 1), "x");
        assert_eq!(segment.component(4, 2), "");
        assert_eq!(segment.repeats(2).collect::<Vec<_>>(), ["BF:5559", "BF:1"]);
        assert_eq!(segment.repeats(3).collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn blanks_between_segments_are_passed_over() {
        let text = "\r\nST*837~\n \n BHT*1~~SE*2";
        let found: Vec<_> = Segments::new(text, Delimiters::USUAL)
            .map(|(segment, ended)| (segment.text().to_owned(), ended))
            .collect();
        let expected = [("ST*837", true), ("BHT*1", true), ("SE*2", false)];
        assert_eq!(
            found,
            expected.map(|(text, ended)| (text.to_owned(), ended))
        );
    }

    #[test]
    fn a_line_may_be_a_segment() {
        let lines = Delimiters {
            segment: '\n',
            ..Delimiters::USUAL
        };
        let found: Vec<_> = Segments::new("ST*837\r\nSE*2\r\n", lines)
            .map(|(segment, _)| segment.text().to_owned())
            .collect();
        assert_eq!(found, ["ST*837", "SE*2"]);
    }
}
