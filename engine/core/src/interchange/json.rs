//! JSON as a tree that keeps the text of every number.
//!
//! `serde_json` checks the grammar of the whole text first and reads the texts
//! in it; the tree is ours for three reasons. A number must stay text, or money
//! would pass through a float. A key that stands twice must be seen wherever it
//! stands, and be named by its place. And an error must say what was found
//! without quoting it, for what was found may name a patient.

use core::fmt;
use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::limits::FileLimits;
use super::refusal::{Fault, IntakeRule};

/// A JSON value.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// The number as written.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// The entries in the order written; a key may stand twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// How many values may still be read, over all documents of a submission.
pub(super) struct Budget(usize);

impl Budget {
    pub fn new() -> Self {
        Self(FileLimits::VALUES)
    }
}

/// Whether a text is one JSON document.
pub(super) fn is_document(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Reads one document. `place` names it in errors.
pub(super) fn read<'a>(text: &'a str, place: &str, budget: &mut Budget) -> Result<Json<'a>, Fault> {
    // Checked without recursion, by one who knows line and column of an error.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let what = if error.is_eof() {
            "the JSON is cut short"
        } else {
            "the JSON is malformed"
        };
        let reason = match error.line() {
            0 | 1 => format!("{what} at column {}", error.column()),
            line => format!("{what} at line {line}, column {}", error.column()),
        };
        return Err(Fault::new(IntakeRule::NotJson, place, reason));
    }
    let mut scan = Scan {
        text,
        at: 0,
        place,
        budget,
    };
    scan.value(FileLimits::DEPTH)
}

/// Takes apart a text whose grammar has been checked, in one pass.
struct Scan<'a, 's> {
    text: &'a str,
    at: usize,
    place: &'s str,
    budget: &'s mut Budget,
}

impl<'a> Scan<'a, '_> {
    /// The next byte that is no space, without taking it.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let spaces = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.at = self.at.saturating_add(spaces);
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes the next byte that is no space.
    fn take(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at = self.at.saturating_add(1);
        byte
    }

    /// Takes `length` bytes from here.
    fn slice(&mut self, length: usize) -> &'a str {
        let start = self.at;
        self.at = start.saturating_add(length);
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.spend()?;
        match self.peek() {
            Some(b'{') => {
                let depth = self.deeper(depth)?;
                let mut entries = Vec::new();
                while !matches!(self.take(), None | Some(b'}')) {
                    if self.peek() == Some(b'}') {
                        continue;
                    }
                    let key = self.words()?;
                    self.take();
                    entries.push((key, self.value(depth)?));
                }
                Ok(Json::Object(entries))
            }
            Some(b'[') => {
                let depth = self.deeper(depth)?;
                let mut items = Vec::new();
                while !matches!(self.take(), None | Some(b']')) {
                    if self.peek() != Some(b']') {
                        items.push(self.value(depth)?);
                    }
                }
                Ok(Json::List(items))
            }
            Some(b'"') => self.words().map(Json::Text),
            _ => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let length = rest
                    .find(|c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace())
                    .unwrap_or(rest.len());
                Ok(match self.slice(length) {
                    "true" => Json::Bool(true),
                    "false" => Json::Bool(false),
                    "null" => Json::Null,
                    number => Json::Number(Cow::Borrowed(number)),
                })
            }
        }
    }

    /// A quoted text.
    fn words(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.peek();
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let mut escaped = false;
        let mut escapes = false;
        let inner = rest
            .iter()
            .skip(1)
            .take_while(|b| {
                let ends = **b == b'"' && !escaped;
                escaped = **b == b'\\' && !escaped;
                escapes |= escaped;
                !ends
            })
            .count();
        let quoted = self.slice(inner.saturating_add(2));
        if !escapes {
            let last = quoted.len().saturating_sub(1);
            return Ok(Cow::Borrowed(quoted.get(1..last).unwrap_or_default()));
        }
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| {
            // The grammar is good: what is left are lone surrogates.
            let reason = "a text has an escape that stands for no character";
            Fault::new(IntakeRule::NotJson, self.place, reason)
        })
    }

    fn spend(&mut self) -> Result<(), Fault> {
        self.budget.0 = self.budget.0.checked_sub(1).ok_or_else(|| {
            Fault::new(
                IntakeRule::TooManyValues,
                self.place,
                format!("more than {} JSON values", FileLimits::VALUES),
            )
        })?;
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Result<usize, Fault> {
        depth.checked_sub(1).ok_or_else(|| {
            Fault::new(
                IntakeRule::TooDeep,
                self.place,
                format!("nested more than {} levels deep", FileLimits::DEPTH),
            )
        })
    }
}

/// A key as it may stand in an error: only what looks like a field's name,
/// else its number, for a key can hold anything.
pub(super) fn printable_key(key: &str, position: usize) -> String {
    let named = key.len() <= 40
        && key.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    if named {
        key.to_owned()
    } else {
        format!("(key {})", position.saturating_add(1))
    }
}

impl Json<'_> {
    /// What it is, for a sentence.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// The value of a key: the first, where it stands twice.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a key, if it has one.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Refuses a key that stands twice in one object, the first in document
    /// order; `skip` says which values to leave to others.
    pub fn check_keys(&self, place: &str, skip: &dyn Fn(&Self) -> bool) -> Result<(), Fault> {
        match self.twice(skip) {
            None => Ok(()),
            Some(path) => Err(Fault::new(
                IntakeRule::DuplicateKey,
                format!("{place}{path}"),
                "the key stands twice in one object",
            )),
        }
    }

    /// The path of the first key that stands twice, from here.
    fn twice(&self, skip: &dyn Fn(&Self) -> bool) -> Option<String> {
        let below = |value: &Self| {
            let look = matches!(value, Self::Object(_) | Self::List(_)) && !skip(value);
            if look { value.twice(skip) } else { None }
        };
        match self {
            Self::Object(entries) => {
                let mut keys: Vec<(&str, usize)> = entries
                    .iter()
                    .enumerate()
                    .map(|(i, (key, _))| (key.as_ref(), i))
                    .collect();
                keys.sort_unstable();
                let here = keys
                    .iter()
                    .zip(keys.iter().skip(1))
                    .filter(|((a, _), (b, _))| a == b)
                    .map(|(_, (key, i))| (*i, *key))
                    .min();
                if let Some((i, key)) = here {
                    return Some(format!(".{}", printable_key(key, i)));
                }
                entries.iter().enumerate().find_map(|(i, (key, value))| {
                    let path = below(value)?;
                    Some(format!(".{}{path}", printable_key(key, i)))
                })
            }
            Self::List(items) => items
                .iter()
                .enumerate()
                .find_map(|(i, value)| Some(format!("[{i}]{}", below(value)?))),
            _ => None,
        }
    }
}

/// A text value.
pub(super) fn text<'a>(value: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::Text(value.into())
}

/// A number, as its decimal text.
pub(super) fn number<'a>(value: impl fmt::Display) -> Json<'a> {
    Json::Number(Cow::Owned(value.to_string()))
}

/// An object without its null values.
pub(super) fn object<'a, const N: usize>(entries: [(&'static str, Json<'a>); N]) -> Json<'a> {
    Json::Object(
        entries
            .into_iter()
            .filter(|(_, value)| *value != Json::Null)
            .map(|(key, value)| (Cow::Borrowed(key), value))
            .collect(),
    )
}

/// A list of what an iterator gives.
pub(super) fn list<'a>(items: impl IntoIterator<Item = Json<'a>>) -> Json<'a> {
    Json::List(items.into_iter().collect())
}

impl fmt::Display for Json<'_> {
    /// Compact JSON, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => quote(f, text),
            Self::List(items) => {
                let mut before = "[";
                for item in items {
                    write!(f, "{before}{item}")?;
                    before = ",";
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Object(entries) => {
                let mut before = "{";
                for (key, value) in entries {
                    f.write_str(before)?;
                    quote(f, key)?;
                    write!(f, ":{value}")?;
                    before = ",";
                }
                f.write_str(if entries.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write as _;
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            c if u32::from(c) < 0x20 => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Json<'_>, Fault> {
        read(text, "file", &mut Budget::new())
    }

    fn rule(text: &str) -> Option<IntakeRule> {
        parse(text).err().map(|fault| fault.rule)
    }

    #[test]
    fn numbers_stay_text() {
        let Ok(Json::List(items)) = parse("[28.104000000000003, 1E2,-0.50]") else {
            panic!("a list");
        };
        let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["28.104000000000003", "1E2", "-0.50"]);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,",
            "{\"a\":1,}",
            "nul",
            "[01]",
            "[+1]",
            "[.5]",
            "{a:1}",
            "\"\\ud800\"",
            "[1] 2",
            "{\"a\" 1}",
            "\"\n\"",
            "[1e]",
        ] {
            assert_eq!(rule(text), Some(IntakeRule::NotJson), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_without_using_the_stack() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert_eq!(rule(&deep), Some(IntakeRule::TooDeep));
        let open = "[".repeat(1_000_000);
        assert_eq!(rule(&open), Some(IntakeRule::NotJson));
    }

    #[test]
    fn a_key_that_stands_twice_is_named_by_its_place() {
        for (text, place) in [
            (r#"{"a":1,"a":2}"#, "file.a"),
            (
                r#"{"a":{"b":[{"c":1},{"c":1,"d":2,"c":3}]}}"#,
                "file.a.b[1].c",
            ),
            (r#"{"a":1,"\u0061":2}"#, "file.a"),
            (r#"{"Jane Doe":1,"Jane Doe":2}"#, "file.(key 2)"),
        ] {
            let fault = parse(text).unwrap().check_keys("file", &|_| false);
            let Err(fault) = fault else { panic!("{text}") };
            assert_eq!(fault.place, place);
            assert_eq!(fault.rule, IntakeRule::DuplicateKey);
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::btree_map(".{0,8}", inner, 0..6)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_it_was(value in json()) {
            let text = value.to_string();
            let tree = parse(&text).unwrap();
            let again: serde_json::Value = serde_json::from_str(&tree.to_string()).unwrap();
            prop_assert_eq!(again, value);
        }

        #[test]
        fn any_text_is_json_here_when_it_is_elsewhere(text in r#"[\[\]{},:"0-9a-z\\ .+-]{0,24}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // A number out of range for a float is a number all the same.
            let same = parse(&text).is_ok() == theirs.is_ok()
                || theirs.is_err_and(|e| e.to_string().contains("out of range"));
            prop_assert!(same);
        }
    }
}
