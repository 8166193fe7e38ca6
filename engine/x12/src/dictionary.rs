//! Which elements a segment has: `guides/dictionary.txt`, read once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What an element may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// AN: text.
    Text,
    /// ID: a code.
    Code,
    /// N0: an integer.
    Integer,
    /// R: a decimal.
    Decimal,
    /// DT: a date, CCYYMMDD.
    Date,
    /// TM: a time, HHMM and more.
    Time,
}

/// One element that is not composite, or a component: what it may hold, with the
/// fewest and the most characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simple {
    pub kind: Kind,
    pub least: usize,
    pub most: usize,
}

/// An element of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// One, or the components of a composite.
    pub parts: Vec<Simple>,
    /// Whether it is composite.
    pub composite: bool,
    /// How often it may be repeated.
    pub repeats: usize,
}

/// The segments by name.
pub struct Dictionary {
    segments: BTreeMap<&'static str, Vec<Shape>>,
    pairs: BTreeMap<&'static str, Vec<(usize, usize)>>,
}

static TEXT: &str = include_str!("../guides/dictionary.txt");

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(|| Dictionary::read(TEXT));

/// The dictionary.
pub fn dictionary() -> &'static Dictionary {
    &DICTIONARY
}

impl Dictionary {
    /// A segment's elements; none when there is no such segment.
    pub fn segment(&self, tag: &str) -> Option<&[Shape]> {
        self.segments.get(tag).map(Vec::as_slice)
    }

    /// Elements of a segment of which none stands without the other.
    pub fn pairs(&self, tag: &str) -> &[(usize, usize)] {
        self.pairs.get(tag).map_or(&[], Vec::as_slice)
    }

    fn read(text: &'static str) -> Self {
        let lines = || {
            let lines = text.lines().map(str::trim);
            lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
        };
        let mut composites = BTreeMap::new();
        for line in lines() {
            let mut words = line.split_whitespace();
            if let (Some("composite"), Some(name)) = (words.next(), words.next()) {
                let parts: Vec<Simple> = words.filter_map(simple).collect();
                composites.insert(name, parts);
            }
        }
        let mut segments = BTreeMap::new();
        let mut pairs = BTreeMap::new();
        for line in lines() {
            let mut words = line.split_whitespace();
            let Some(tag) = words.next().filter(|tag| *tag != "composite") else {
                continue;
            };
            if tag == "pairs" {
                let pair = |word: &str| {
                    let (one, other) = word.split_once('-')?;
                    Some((one.parse().ok()?, other.parse().ok()?))
                };
                let tag = words.next().unwrap_or("");
                pairs.insert(tag, words.filter_map(pair).collect());
                continue;
            }
            let shape = |word: &str| {
                let (word, repeats) = match word.split_once('*') {
                    Some((word, repeats)) => (word, repeats.parse().ok()?),
                    None => (word, 1),
                };
                let (parts, composite) = match word.strip_prefix('@') {
                    Some(name) => (composites.get(name)?.clone(), true),
                    None => (vec![simple(word)?], false),
                };
                Some(Shape {
                    parts,
                    composite,
                    repeats,
                })
            };
            segments.insert(tag, words.filter_map(shape).collect());
        }
        Self { segments, pairs }
    }
}

/// `AN1-60`: a type, the shortest, the longest.
fn simple(word: &str) -> Option<Simple> {
    let kinds = [
        ("AN", Kind::Text),
        ("ID", Kind::Code),
        ("N0", Kind::Integer),
        ("DT", Kind::Date),
        ("TM", Kind::Time),
        ("R", Kind::Decimal),
    ];
    let found = kinds
        .iter()
        .find_map(|(name, kind)| Some((kind, word.strip_prefix(name)?)));
    let (kind, rest) = found?;
    let (least, most) = rest.split_once('-')?;
    Some(Simple {
        kind: *kind,
        least: least.parse().ok()?,
        most: most.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood() {
        let lines = TEXT.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let apart = |line: &&str| line.starts_with("composite") || line.starts_with("pairs");
        for line in lines.filter(|line| !apart(line)) {
            let (tag, elements) = line.split_once(' ').unwrap();
            let shapes = dictionary().segment(tag).unwrap();
            assert_eq!(shapes.len(), elements.split_whitespace().count(), "{tag}");
            assert!(shapes.iter().all(|shape| !shape.parts.is_empty()), "{tag}");
        }
    }

    #[test]
    fn elements_have_their_bounds() {
        let nm1 = dictionary().segment("NM1").unwrap();
        let name = Simple {
            kind: Kind::Text,
            least: 1,
            most: 60,
        };
        assert_eq!(nm1[2].parts, [name]);
        let sv1 = dictionary().segment("SV1").unwrap();
        assert!(sv1[0].composite);
        assert_eq!(sv1[6].parts.len(), 4);
        assert_eq!(sv1[6].parts[0].kind, Kind::Integer);
        assert_eq!(sv1[1].parts[0].kind, Kind::Decimal);
        assert_eq!(dictionary().segment("EQ").unwrap()[0].repeats, 99);
        assert!(dictionary().segment("CLN").is_none());
    }
}
