//! The implementation guides: `guides/*.txt`, read once. `guides/README.md` has
//! the notation.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::dictionary::{Simple, dictionary};
use crate::syntax::{Name, Segment};

/// The structure of one implementation guide.
pub struct Guide {
    set: &'static str,
    group: &'static str,
    versions: Vec<&'static str>,
    name: &'static str,
    /// The first is the transaction set.
    pub(crate) loops: Vec<Loop>,
}

/// A loop: segments, of which the first begins it, and loops within.
pub struct Loop {
    pub(crate) id: &'static str,
    /// The id, for comparing.
    pub(crate) known: Name,
    pub(crate) name: &'static str,
    pub(crate) stands: Stands,
    pub(crate) parts: Vec<Part>,
}

/// Where something stands in its loop, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stands {
    pub position: u32,
    pub required: bool,
    pub most: u32,
}

pub(crate) enum Part {
    Segment(Use),
    Loop(usize),
}

/// A segment as a loop uses it.
pub(crate) struct Use {
    pub tag: &'static str,
    /// The tag, for comparing.
    pub known: Name,
    pub name: &'static str,
    pub stands: Stands,
    pub key: Option<Key>,
    pub elements: Vec<Element>,
    /// Elements of which none stands without the other.
    pub pairs: &'static [(usize, usize)],
}

/// What tells a segment from others of its name.
pub(crate) struct Key {
    pub element: usize,
    pub component: usize,
    pub values: Vec<&'static str>,
}

/// Whether something must, may or should not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Required,
    /// Required, but it says nothing: noted when it is missing.
    Formal,
    Situational,
    NotUsed,
}

pub(crate) struct Element {
    pub usage: Usage,
    pub repeats: usize,
    pub composite: bool,
    pub parts: Vec<Component>,
}

/// A component, or an element that is not composite.
pub(crate) struct Component {
    pub usage: Usage,
    pub simple: Simple,
    /// The codes that may stand; any, where there are none.
    pub values: Vec<&'static str>,
    /// Whether another code is only noted.
    pub lenient: bool,
}

impl Key {
    pub fn matches(&self, segment: &Segment<'_>) -> bool {
        let value = segment.component(self.element, self.component);
        self.values.contains(&value)
    }
}

impl Use {
    pub fn matches(&self, segment: &Segment<'_>) -> bool {
        self.known == segment.name() && self.key.as_ref().is_none_or(|key| key.matches(segment))
    }
}

impl Loop {
    /// The segment that begins the loop.
    pub(crate) fn trigger(&self) -> Option<&Use> {
        self.parts.iter().find_map(|part| match part {
            Part::Segment(first) => Some(first),
            Part::Loop(_) => None,
        })
    }
}

impl Guide {
    /// ST01: `837`.
    #[must_use]
    pub fn set(&self) -> &'static str {
        self.set
    }

    /// GS01: `HC`.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.group
    }

    /// The version it is written for, and others of the same structure.
    #[must_use]
    pub fn versions(&self) -> &[&'static str] {
        &self.versions
    }

    /// What it is of: `professional claim`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether any loop uses a segment.
    pub(crate) fn uses(&self, tag: &str) -> bool {
        let mut parts = self.loops.iter().flat_map(|of| &of.parts);
        parts.any(|part| matches!(part, Part::Segment(used) if used.tag == tag))
    }

    pub(crate) fn of(&self, number: usize) -> Option<&Loop> {
        self.loops.get(number)
    }

    /// Where a part stands.
    pub(crate) fn stands(&self, part: &Part) -> Stands {
        match part {
            Part::Segment(used) => used.stands,
            Part::Loop(number) => self.of(*number).map_or(
                Stands {
                    position: 0,
                    required: false,
                    most: 0,
                },
                |of| of.stands,
            ),
        }
    }

    /// The segment a part begins with.
    pub(crate) fn first<'g>(&'g self, part: &'g Part) -> Option<&'g Use> {
        match part {
            Part::Segment(used) => Some(used),
            Part::Loop(number) => self.of(*number).and_then(Loop::trigger),
        }
    }
}

static TEXTS: [&[&str]; 8] = [
    &[
        include_str!("../guides/837p.txt"),
        include_str!("../guides/837-common.txt"),
    ],
    &[
        include_str!("../guides/837i.txt"),
        include_str!("../guides/837-common.txt"),
    ],
    &[
        include_str!("../guides/837d.txt"),
        include_str!("../guides/837-common.txt"),
    ],
    &[include_str!("../guides/835.txt")],
    &[include_str!("../guides/999.txt")],
    &[include_str!("../guides/270.txt")],
    &[include_str!("../guides/271.txt")],
    &[include_str!("../guides/277ca.txt")],
];

static GUIDES: LazyLock<Vec<Guide>> =
    LazyLock::new(|| TEXTS.iter().filter_map(|texts| read(texts).ok()).collect());

/// All guides.
#[must_use]
pub fn guides() -> &'static [Guide] {
    &GUIDES
}

/// A line of a guide.
#[derive(Clone, Copy)]
struct Line {
    depth: usize,
    text: &'static str,
    name: &'static str,
}

/// Reads a guide from its text and those with the blocks it uses.
fn read(texts: &[&'static str]) -> Result<Guide, String> {
    let mut blocks: BTreeMap<&'static str, Vec<Line>> = BTreeMap::new();
    let mut body = Vec::new();
    let mut header = None;
    let mut block: Option<&'static str> = None;
    for text in texts.iter().flat_map(|text| text.lines()) {
        let trimmed = text.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let depth = text.len().saturating_sub(trimmed.len()) / 2;
        let (text, name) = trimmed.split_once(" : ").unwrap_or((trimmed, ""));
        if let Some(name) = text.strip_prefix("block ") {
            block = Some(name);
            continue;
        }
        if text.starts_with("guide ") {
            header = Some((text, name));
            continue;
        }
        let line = Line { depth, text, name };
        match block {
            // What is within a block is one deeper than its first line.
            Some(block) => blocks.entry(block).or_default().push(Line {
                depth: depth.saturating_sub(1),
                ..line
            }),
            None => body.push(line),
        }
    }
    let (header, name) = header.ok_or("no guide")?;
    let mut words = header.split_whitespace().skip(1);
    let mut word = || words.next().ok_or("too short a header");
    let (set, group) = (word()?, word()?);
    let versions = words.collect();
    let mut loops = vec![Loop {
        id: "",
        known: Name::of(""),
        name: "transaction set",
        stands: Stands {
            position: 0,
            required: true,
            most: 1,
        },
        parts: Vec::new(),
    }];
    let mut lines = Vec::new();
    expand(&body, &blocks, 0, &mut lines)?;
    let mut open: Vec<usize> = vec![0];
    for line in lines {
        open.truncate(line.depth.saturating_add(1));
        let parent = *open.last().ok_or("nothing is open")?;
        let part = match line.text.strip_prefix("loop ") {
            Some(text) => {
                let mut words = text.split_whitespace();
                let id = words.next().ok_or("a loop without a name")?;
                let stands = stands(&mut words).ok_or_else(|| format!("where is loop {id}?"))?;
                let number = loops.len();
                loops.push(Loop {
                    id,
                    known: Name::of(id),
                    name: line.name,
                    stands,
                    parts: Vec::new(),
                });
                open.push(number);
                Part::Loop(number)
            }
            None => Part::Segment(used(line).ok_or_else(|| format!("not read: {}", line.text))?),
        };
        loops
            .get_mut(parent)
            .ok_or("no such loop")?
            .parts
            .push(part);
    }
    Ok(Guide {
        set,
        group,
        versions,
        name,
        loops,
    })
}

fn expand(
    lines: &[Line],
    blocks: &BTreeMap<&'static str, Vec<Line>>,
    depth: usize,
    out: &mut Vec<Line>,
) -> Result<(), String> {
    for line in lines {
        let at = depth.saturating_add(line.depth);
        match line.text.strip_prefix("use ") {
            Some(name) => {
                let block = blocks.get(name).ok_or_else(|| format!("no block {name}"))?;
                expand(block, blocks, at, out)?;
            }
            None => out.push(Line { depth: at, ..*line }),
        }
    }
    Ok(())
}

/// `0150 R1`.
fn stands<'t>(words: &mut impl Iterator<Item = &'t str>) -> Option<Stands> {
    let position = words.next()?.parse().ok()?;
    let usage = words.next()?;
    let (required, most) = match usage.split_at_checked(1)? {
        ("R", most) => (true, most),
        ("S", most) => (false, most),
        _ => return None,
    };
    let most = match most {
        "*" => u32::MAX,
        most => most.parse().ok()?,
    };
    Some(Stands {
        position,
        required,
        most,
    })
}

fn usage(letter: char) -> Option<Usage> {
    Some(match letter {
        'R' => Usage::Required,
        'r' => Usage::Formal,
        'S' => Usage::Situational,
        '-' => Usage::NotUsed,
        _ => return None,
    })
}

/// A segment's line: `NM1 0150 R1 [RRR----RR] 1!PR 2=2 8=PI,XV`.
fn used(line: Line) -> Option<Use> {
    let mut words = line.text.split_whitespace();
    let tag = words.next()?;
    let stands = stands(&mut words)?;
    let letters = words.next()?.strip_prefix('[')?.strip_suffix(']')?;
    let shapes = dictionary().segment(tag)?;
    if letters.chars().count() > shapes.len() {
        return None;
    }
    let letters: Vec<Usage> = letters.chars().map(usage).collect::<Option<_>>()?;
    let mut elements: Vec<Element> = Vec::new();
    for (at, shape) in shapes.iter().enumerate() {
        let usage = letters.get(at).copied().unwrap_or(Usage::NotUsed);
        let part = |simple: &Simple| Component {
            // Of a composite, unless it is said, the first is required.
            usage: Usage::Situational,
            simple: *simple,
            values: Vec::new(),
            lenient: false,
        };
        elements.push(Element {
            usage,
            repeats: shape.repeats,
            composite: shape.composite,
            parts: shape.parts.iter().map(part).collect(),
        });
    }
    let mut key = None;
    for word in words {
        rule(word, &mut elements, &mut key)?;
    }
    Some(Use {
        tag,
        known: Name::of(tag),
        pairs: dictionary().pairs(tag),
        name: line.name,
        stands,
        key,
        elements,
    })
}

/// `5(RRR)`, `1!EI,SY`, `*.1=BF`, `5.2~B`.
fn rule(word: &'static str, elements: &mut [Element], key: &mut Option<Key>) -> Option<()> {
    let split = word.find(['(', '!', '=', '~'])?;
    let (place, rest) = word.split_at_checked(split)?;
    let (element, component) = match place.split_once('.') {
        Some((element, component)) => (element, component.parse().ok()?),
        None => (place, 1usize),
    };
    let chosen: Vec<usize> = match element {
        "*" => (0..elements.len()).collect(),
        number => vec![number.parse::<usize>().ok()?.checked_sub(1)?],
    };
    let (mark, values) = rest.split_at_checked(1)?;
    let list: Vec<&'static str> = values.split(',').collect();
    for at in chosen {
        let element = elements.get_mut(at)?;
        if mark == "(" {
            let letters = values.strip_suffix(')')?;
            for (at, part) in element.parts.iter_mut().enumerate() {
                part.usage = match letters.chars().nth(at) {
                    Some(letter) => usage(letter)?,
                    None => Usage::NotUsed,
                };
            }
            continue;
        }
        let part = element.parts.get_mut(component.checked_sub(1)?)?;
        // What tells the segment apart was said for its own place.
        if part.values.is_empty() {
            part.values.clone_from(&list);
            part.lenient = mark == "~";
        }
        if mark == "!" {
            *key = Some(Key {
                element: at.checked_add(1)?,
                component,
                values: list.clone(),
            });
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guide_is_read() {
        for texts in TEXTS {
            if let Err(error) = read(texts) {
                panic!("{error}");
            }
        }
        let names: Vec<_> = guides().iter().map(|guide| guide.name()).collect();
        assert_eq!(
            names,
            [
                "professional claim",
                "institutional claim",
                "dental claim",
                "claim payment",
                "implementation acknowledgement",
                "eligibility inquiry",
                "eligibility response",
                "claim acknowledgement"
            ]
        );
    }

    /// A loop begins with a segment that tells it from the others.
    #[test]
    fn loops_begin_with_a_segment() {
        for guide in guides() {
            for of in &guide.loops {
                assert!(
                    matches!(of.parts.first(), Some(Part::Segment(_))),
                    "{}",
                    of.id
                );
                assert!(!of.name.is_empty(), "{}", of.id);
            }
        }
    }

    /// What may stand at one position is told apart by its name or its key.
    #[test]
    fn parts_are_told_apart() {
        for guide in guides() {
            for of in &guide.loops {
                for (at, one) in of.parts.iter().enumerate() {
                    for other in of.parts.iter().skip(at + 1) {
                        if guide.stands(one).position != guide.stands(other).position {
                            continue;
                        }
                        let (one, other) = (guide.first(one).unwrap(), guide.first(other).unwrap());
                        if one.tag != other.tag {
                            continue;
                        }
                        let (Some(a), Some(b)) = (&one.key, &other.key) else {
                            panic!("{} {} twice in {}", guide.name, one.tag, of.id);
                        };
                        assert!(
                            (a.element, a.component) == (b.element, b.component)
                                && a.values.iter().all(|value| !b.values.contains(value)),
                            "{} {} in {}: {:?} {:?}",
                            guide.name,
                            one.tag,
                            of.id,
                            a.values,
                            b.values
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn required_parts_of_a_claim_are_known() {
        let professional = &guides()[0];
        let claim = professional
            .loops
            .iter()
            .find(|of| of.id == "2300")
            .unwrap();
        let clm = claim.trigger().unwrap();
        assert_eq!(clm.tag, "CLM");
        assert_eq!(clm.elements[4].parts[1].usage, Usage::Formal);
        assert_eq!(clm.elements[2].usage, Usage::NotUsed);
        let diagnosis = claim.parts.iter().find_map(|part| match part {
            Part::Segment(used) if used.name == "diagnoses" => Some(used),
            _ => None,
        });
        let diagnosis = diagnosis.unwrap();
        assert_eq!(diagnosis.elements[0].parts[0].values, ["ABK", "BK"]);
        assert_eq!(diagnosis.elements[3].parts[0].values, ["ABF", "BF"]);
        assert_eq!(diagnosis.key.as_ref().unwrap().values, ["ABK", "BK"]);
    }
}
