//! A transaction set laid over its guide: a tree of loops, and what does not fit.

use crate::check::{Wrong, check};
use crate::dictionary::dictionary;
use crate::fault::{At, ElementCode, Fault, SegmentCode};
use crate::guide::{Guide, Part, Use};
use crate::syntax::{Name, Segment};

/// A transaction set as its guide sees it.
pub struct Tree<'a> {
    guide: &'static Guide,
    nodes: Vec<Node<'a>>,
    /// What does not fit, in the order of the segments.
    pub faults: Vec<Fault>,
}

struct Node<'a> {
    of: usize,
    segments: Vec<(u32, Segment<'a>)>,
    within: Vec<usize>,
}

/// A loop of a transaction set, as it stands in it.
#[derive(Clone, Copy)]
pub struct LoopRef<'t, 'a> {
    tree: &'t Tree<'a>,
    node: usize,
}

impl<'a> Tree<'a> {
    /// The whole of it.
    #[must_use]
    pub fn root(&self) -> LoopRef<'_, 'a> {
        LoopRef {
            tree: self,
            node: 0,
        }
    }

    /// The guide.
    #[must_use]
    pub fn guide(&self) -> &'static Guide {
        self.guide
    }

    /// Whether claims are refused for something in it.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.faults.iter().any(|fault| fault.fatal)
    }
}

impl<'t, 'a> LoopRef<'t, 'a> {
    fn inner(&self) -> Option<&'t Node<'a>> {
        self.tree.nodes.get(self.node)
    }

    /// Its name: `2010AA`.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.inner()
            .and_then(|node| self.tree.guide.of(node.of))
            .map_or("", |of| of.id)
    }

    fn known(&self) -> Option<Name> {
        let node = self.inner()?;
        self.tree.guide.of(node.of).map(|of| of.known)
    }

    /// Its segments, each with its number in the transaction set.
    #[must_use]
    pub fn all(&self) -> &'t [(u32, Segment<'a>)] {
        self.inner().map_or(&[], |node| &node.segments)
    }

    /// The number of its first segment.
    #[must_use]
    pub fn begins(&self) -> u32 {
        self.all().first().map_or(0, |(number, _)| *number)
    }

    /// The loops within it.
    pub fn within(&self) -> impl Iterator<Item = LoopRef<'t, 'a>> + use<'t, 'a> {
        let tree = self.tree;
        let within = self.inner().map_or(&[][..], |node| &node.within);
        within.iter().map(move |node| LoopRef { tree, node: *node })
    }

    /// The loops of a name within it, in order.
    pub fn loops(&self, id: &'static str) -> impl Iterator<Item = LoopRef<'t, 'a>> + use<'t, 'a> {
        let known = Name::of(id);
        self.within()
            .filter(move |within| within.known() == Some(known) && within.id() == id)
    }

    /// The first loop of a name within it.
    #[must_use]
    pub fn one(&self, id: &'static str) -> Option<LoopRef<'t, 'a>> {
        self.loops(id).next()
    }

    /// Its segments of a name, each with its number, in order.
    pub fn segments(
        &self,
        tag: &'static str,
    ) -> impl Iterator<Item = (u32, Segment<'a>)> + use<'t, 'a> {
        let known = Name::of(tag);
        let all = self.all().iter();
        all.filter(move |(_, segment)| segment.name() == known && segment.tag() == tag)
            .copied()
    }

    /// The first segment of a name.
    #[must_use]
    pub fn segment(&self, tag: &'static str) -> Option<(u32, Segment<'a>)> {
        self.segments(tag).next()
    }

    /// The first segment of a name whose first element, or its first component, is
    /// `key`: `REF` of `G1`.
    #[must_use]
    pub fn keyed(&self, tag: &'static str, key: &str) -> Option<(u32, Segment<'a>)> {
        self.segments(tag)
            .find(|(_, segment)| segment.component(1, 1) == key)
    }
}

/// A loop that is open while the segments are read.
struct Frame {
    node: usize,
    of: usize,
    /// The position of what was read last.
    at: u32,
    /// How often each part was there.
    counts: Vec<u32>,
}

struct Walker<'a> {
    tree: Tree<'a>,
    frames: Vec<Frame>,
    wrong: Vec<Wrong>,
}

/// Where a segment belongs: the frame, by its depth, and its part.
#[derive(Clone, Copy)]
struct Target {
    depth: usize,
    part: usize,
}

/// What a segment is looked for by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// By its name and what tells it apart, at or after what was read last.
    All,
    /// Before it too, in the loop that is open.
    Anywhere,
    /// By its name alone.
    Name,
}

impl Guide {
    /// Lays the segments of a transaction set, ST and SE included, over the guide.
    #[must_use]
    pub fn walk<'a>(&'static self, segments: &[Segment<'a>]) -> Tree<'a> {
        let root = Node {
            of: 0,
            segments: Vec::new(),
            within: Vec::new(),
        };
        let mut walker = Walker {
            tree: Tree {
                guide: self,
                nodes: vec![root],
                faults: Vec::new(),
            },
            frames: Vec::new(),
            wrong: Vec::new(),
        };
        walker.open(0, 0);
        let mut number = 0;
        for segment in segments {
            number = u32::saturating_add(number, 1);
            walker.take(number, *segment);
        }
        // What is missing would stand before the SE, which is there or not.
        let end = match segments.last() {
            Some(last) if last.tag() == "SE" => number,
            _ => number.saturating_add(1),
        };
        walker.close_to(0, end);
        walker.missing_in(0, end);
        walker.tree.faults.sort_by_key(|fault| fault.segment);
        check_levels(&mut walker.tree);
        walker.tree
    }
}

impl<'a> Walker<'a> {
    fn guide(&self) -> &'static Guide {
        self.tree.guide
    }

    fn open(&mut self, of: usize, node: usize) {
        let parts = self.guide().of(of).map_or(0, |of| of.parts.len());
        self.frames.push(Frame {
            node,
            of,
            at: 0,
            counts: vec![0; parts],
        });
    }

    fn part(&self, target: Target) -> Option<&'static Part> {
        let frame = self.frames.get(target.depth)?;
        self.guide().of(frame.of)?.parts.get(target.part)
    }

    fn loop_id(&self, depth: usize) -> &'static str {
        self.frames
            .get(depth)
            .and_then(|frame| self.guide().of(frame.of))
            .map_or("", |of| of.id)
    }

    fn take(&mut self, number: u32, segment: Segment<'a>) {
        if let Some(target) = self.find(&segment, By::All) {
            self.accept(target, number, segment);
            return;
        }
        if let Some(target) = self.find(&segment, By::Anywhere) {
            self.fault(number, &segment, target.depth, SegmentCode::OutOfOrder);
            self.accept(target, number, segment);
            return;
        }
        if let Some(target) = self.find(&segment, By::Name) {
            self.unknown_key(target, number, segment);
            return;
        }
        let tag = segment.tag();
        let code = match () {
            () if self.guide().uses(tag) => SegmentCode::Unexpected,
            () if dictionary().segment(tag).is_some() => SegmentCode::NotInSet,
            () => SegmentCode::Unrecognised,
        };
        let depth = self.frames.len().saturating_sub(1);
        self.fault(number, &segment, depth, code);
    }

    /// The place that fits best: as deep as possible, and one that is not full
    /// rather than one that is.
    fn find(&self, segment: &Segment<'_>, by: By) -> Option<Target> {
        let guide = self.guide();
        let mut full = None;
        for (depth, frame) in self.frames.iter().enumerate().rev() {
            let Some(of) = guide.of(frame.of) else {
                continue;
            };
            for (part, one) in of.parts.iter().enumerate() {
                // A loop's first segment begins another such loop.
                if part == 0 && depth > 0 {
                    continue;
                }
                let stands = guide.stands(one);
                if by != By::Anywhere && stands.position < frame.at {
                    continue;
                }
                let Some(first) = guide.first(one) else {
                    continue;
                };
                let count = frame.counts.get(part).copied().unwrap_or(0);
                let fits = match by {
                    By::All | By::Anywhere => first.matches(segment),
                    // A loop only where it is needed: it is meant, then.
                    By::Name => {
                        first.known == segment.name()
                            && (matches!(one, Part::Segment(_)) || (stands.required && count == 0))
                    }
                };
                if !fits {
                    continue;
                }
                let target = Target { depth, part };
                if count < stands.most {
                    return Some(target);
                }
                full = full.or(Some(target));
            }
            // To go back to another loop would leave this one's rest without a place.
            if by == By::Anywhere {
                break;
            }
        }
        full
    }

    fn accept(&mut self, target: Target, number: u32, segment: Segment<'a>) {
        let Some(part) = self.part(target) else {
            return;
        };
        let stands = self.guide().stands(part);
        self.close_to(target.depth, number);
        let Some(frame) = self.frames.get_mut(target.depth) else {
            return;
        };
        frame.at = frame.at.max(stands.position);
        let parent = frame.node;
        let mut count = 0;
        if let Some(counted) = frame.counts.get_mut(target.part) {
            *counted = counted.saturating_add(1);
            count = *counted;
        }
        match part {
            Part::Segment(used) => {
                if let Some(node) = self.tree.nodes.get_mut(parent) {
                    node.segments.push((number, segment));
                }
                if count > stands.most {
                    self.fault(number, &segment, target.depth, SegmentCode::TooOften);
                }
                self.check(used, number, &segment, self.loop_id(target.depth));
            }
            Part::Loop(of) => {
                let node = self.tree.nodes.len();
                self.tree.nodes.push(Node {
                    of: *of,
                    segments: vec![(number, segment)],
                    within: Vec::new(),
                });
                if let Some(parent) = self.tree.nodes.get_mut(parent) {
                    parent.within.push(node);
                }
                self.open(*of, node);
                if let Some(counted) = self.frames.last_mut().and_then(|f| f.counts.first_mut()) {
                    *counted = 1;
                }
                let depth = self.frames.len().saturating_sub(1);
                if count > stands.most {
                    self.fault(number, &segment, depth, SegmentCode::LoopTooOften);
                }
                if let Some(used) = self.guide().first(part) {
                    self.check(used, number, &segment, self.loop_id(depth));
                }
            }
        }
    }

    /// A segment whose name has a place here, with a code that tells no segment of
    /// that name apart.
    fn unknown_key(&mut self, target: Target, number: u32, segment: Segment<'a>) {
        let Some(part) = self.part(target) else {
            return;
        };
        let Some(used) = self.guide().first(part) else {
            return;
        };
        if matches!(part, Part::Loop(_)) {
            // Its other elements are looked at, and the code is one of them.
            self.accept(target, number, segment);
            return;
        }
        let (element, component) = used
            .key
            .as_ref()
            .map_or((1, 1), |key| (key.element, key.component));
        let composite = used
            .elements
            .get(element.saturating_sub(1))
            .is_some_and(|element| element.composite);
        let place = At {
            element: u16::try_from(element).unwrap_or(u16::MAX),
            component: composite.then(|| u16::try_from(component).unwrap_or(u16::MAX)),
            repeat: None,
        };
        let code = match segment.component(element, component) {
            "" => ElementCode::Missing,
            _ => ElementCode::Value,
        };
        let loop_id = self.loop_id(target.depth);
        self.element_fault(number, &segment, loop_id, (place, code, true), "");
    }

    fn check(
        &mut self,
        used: &'static Use,
        number: u32,
        segment: &Segment<'a>,
        loop_id: &'static str,
    ) {
        let mut wrong = core::mem::take(&mut self.wrong);
        check(used, segment, &mut wrong);
        for wrong in wrong.drain(..) {
            self.element_fault(number, segment, loop_id, wrong, used.name);
        }
        self.wrong = wrong;
    }

    fn element_fault(
        &mut self,
        segment_number: u32,
        segment: &Segment<'a>,
        loop_id: &'static str,
        (at, code, fatal): Wrong,
        what: &'static str,
    ) {
        self.tree.faults.push(Fault {
            segment: segment_number,
            tag: named(segment.tag()),
            loop_id,
            code: SegmentCode::Elements,
            element: Some((at, code)),
            what,
            fatal: fatal && !code.is_harmless(),
        });
    }

    fn fault(&mut self, number: u32, segment: &Segment<'a>, depth: usize, code: SegmentCode) {
        self.tree.faults.push(Fault {
            segment: number,
            tag: named(segment.tag()),
            loop_id: self.loop_id(depth),
            code,
            element: None,
            what: "",
            fatal: true,
        });
    }

    /// Closes the loops that are open above a depth.
    fn close_to(&mut self, depth: usize, number: u32) {
        while self.frames.len() > depth.saturating_add(1) {
            let last = self.frames.len().saturating_sub(1);
            self.missing_in(last, number);
            self.frames.pop();
        }
    }

    /// What stands in a loop itself, by segment: each with its place in the guide.
    fn there(&self, node: usize) -> Vec<((u32, usize), u32)> {
        let guide = self.guide();
        let Some((node, of)) =
            (self.tree.nodes.get(node)).and_then(|node| guide.of(node.of).map(|of| (node, of)))
        else {
            return Vec::new();
        };
        let place = |is: &dyn Fn(&Part) -> bool| {
            let at = of.parts.iter().position(is)?;
            Some((guide.stands(of.parts.get(at)?).position, at))
        };
        let mut there = Vec::new();
        for (number, segment) in &node.segments {
            let is = |part: &Part| matches!(part, Part::Segment(used) if used.matches(segment));
            there.extend(place(&is).map(|place| (place, *number)));
        }
        for inner in node.within.iter().filter_map(|at| self.tree.nodes.get(*at)) {
            let is = |part: &Part| matches!(part, Part::Loop(of) if *of == inner.of);
            let begins = inner.segments.first().map(|(number, _)| *number);
            there.extend(place(&is).zip(begins));
        }
        there.sort_by_key(|(_, number)| *number);
        there
    }

    /// Says what a loop lacks: where it should stand, which is before the first that comes
    /// after it, else at the loop's end.
    fn missing_in(&mut self, depth: usize, number: u32) {
        let guide = self.guide();
        let Some(frame) = self.frames.get(depth) else {
            return;
        };
        let Some(of) = guide.of(frame.of) else { return };
        let mut missing = Vec::new();
        let mut there = None;
        for (at, (part, count)) in of.parts.iter().zip(&frame.counts).enumerate() {
            let stands = guide.stands(part);
            let Some(first) = guide.first(part).filter(|_| stands.required && *count == 0) else {
                continue;
            };
            let (loop_id, what) = match part {
                Part::Segment(used) => (of.id, used.name),
                Part::Loop(number) => guide.of(*number).map_or(("", ""), |of| (of.id, of.name)),
            };
            let there = there.get_or_insert_with(|| self.there(frame.node));
            let before = (stands.position, at);
            let mut after = there.iter().filter(|(place, _)| *place > before);
            missing.push(Fault {
                segment: after.next().map_or(number, |(_, number)| *number),
                tag: first.tag.to_owned(),
                loop_id,
                code: SegmentCode::Missing,
                element: None,
                what,
                fatal: true,
            });
        }
        self.tree.faults.append(&mut missing);
    }
}

/// At most three characters of what stands where a segment's name should.
fn named(tag: &str) -> String {
    tag.chars().filter(|c| !c.is_control()).take(3).collect()
}

/// Hierarchical levels are numbered from one, name the level they are in, and say
/// whether there are any within them.
fn check_levels(tree: &mut Tree<'_>) {
    let mut faults = Vec::new();
    let mut expected = 0u32;
    let mut within: Vec<(u32, String)> = Vec::new();
    levels(tree.root(), &mut expected, &mut within, &mut faults);
    // An element that its own guide finds fault with was said.
    faults.retain(|fault: &Fault| {
        let from = (tree.faults).partition_point(|said| said.segment < fault.segment);
        let mut here =
            (tree.faults.iter().skip(from)).take_while(|said| said.segment == fault.segment);
        !here.any(|said| said.element.map(|(at, _)| at) == fault.element.map(|(at, _)| at))
    });
    if !faults.is_empty() {
        tree.faults.append(&mut faults);
        tree.faults.sort_by_key(|fault| fault.segment);
    }
}

fn levels(
    of: LoopRef<'_, '_>,
    expected: &mut u32,
    within: &mut Vec<(u32, String)>,
    faults: &mut Vec<Fault>,
) {
    let level = of.segment("HL");
    if let Some((number, segment)) = level {
        *expected = expected.saturating_add(1);
        let mut say = |element: u16, fatal: bool| {
            faults.push(Fault {
                segment: number,
                tag: "HL".to_owned(),
                loop_id: of.id(),
                code: SegmentCode::Elements,
                element: Some((
                    At {
                        element,
                        component: None,
                        repeat: None,
                    },
                    ElementCode::Value,
                )),
                what: "hierarchical level",
                fatal,
            });
        };
        let own = segment.element(1);
        if own.parse() != Ok(*expected) {
            say(1, true);
            // One that is wrong is not held against those that follow.
            *expected = own.parse().unwrap_or(*expected);
        }
        // A level that names none where there is one was said to lack it.
        let parent = within.last().map_or("", |(_, parent)| parent);
        let said = segment.element(2);
        if said != parent && (parent.is_empty() || !said.is_empty()) {
            say(2, true);
        }
        // Whether levels follow within it. One that is said to have some and has none
        // hides nothing, and many senders say so of every subscriber.
        let follow = of.within().any(|inner| inner.segment("HL").is_some());
        match (segment.element(4), follow) {
            ("0", true) => say(4, true),
            ("1", false) => say(4, false),
            _ => {}
        }
        within.push((number, own.to_owned()));
    }
    for inner in of.within() {
        levels(inner, expected, within, faults);
    }
    if level.is_some() {
        within.pop();
    }
}
