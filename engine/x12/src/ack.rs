//! Acknowledgements: TA1 of an interchange, 999 of its functional groups.

use crate::envelope::{Group, Interchange, Transaction};
use crate::fault::{Fault, InterchangeCode, SetCode};
use crate::guide::{Guide, guides};
use crate::syntax::Delimiters;
use crate::walk::Tree;
use crate::write::Writer;

/// A transaction set, and what it is worth.
pub struct Judged<'a> {
    /// Over its guide; none where there is no guide for it.
    pub tree: Option<Tree<'a>>,
    /// What is wrong with it as a whole.
    pub codes: Vec<SetCode>,
}

/// Whether something is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Without a fault.
    Accepted,
    /// With faults that hide nothing.
    Noted,
    /// Of a group, some transaction sets.
    Partly,
    /// Not at all.
    Rejected,
}

impl Verdict {
    /// AK901, IK501.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "A",
            Self::Noted => "E",
            Self::Partly => "P",
            Self::Rejected => "R",
        }
    }
}

impl Judged<'_> {
    /// What does not fit the guide.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        self.tree.as_ref().map_or(&[], |tree| &tree.faults)
    }

    /// Whether the transaction set is taken.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let rejected = self.tree.as_ref().is_none_or(Tree::is_rejected);
        match () {
            () if rejected || !self.codes.is_empty() => Verdict::Rejected,
            () if !self.faults().is_empty() => Verdict::Noted,
            () => Verdict::Accepted,
        }
    }
}

/// The guide of a transaction set; or why there is none.
///
/// # Errors
/// When the transaction set, or its version, is none that is read.
pub fn guide_of(group: &Group<'_>, set: &Transaction<'_>) -> Result<&'static Guide, SetCode> {
    let mut of_set = guides().iter().filter(|guide| guide.set() == set.set());
    let Some(first) = of_set.next() else {
        return Err(SetCode::NotSupported);
    };
    let version = set.version(group);
    core::iter::once(first)
        .chain(of_set)
        .find(|guide| guide.versions().contains(&version))
        .ok_or(SetCode::Version)
}

/// Looks at a transaction set.
#[must_use]
pub fn judge<'a>(group: &Group<'a>, set: &Transaction<'a>) -> Judged<'a> {
    let mut codes = set.faults.clone();
    match guide_of(group, set) {
        Ok(guide) => Judged {
            tree: Some(guide.walk(&set.segments)),
            codes,
        },
        Err(code) => {
            codes.push(code);
            Judged { tree: None, codes }
        }
    }
}

/// Of which day and hour an acknowledgement is, and its number.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// CCYYMMDD.
    pub date: &'a str,
    /// HHMM.
    pub time: &'a str,
    /// The interchange control number of what is written.
    pub control: u32,
}

/// The faults of a transaction set that an acknowledgement lists; more would help
/// nobody.
const MOST: usize = 200;

/// Acknowledges an interchange, whose transaction sets were judged, group by group:
/// a TA1 where its envelope is at fault, and a 999 for each group.
#[must_use]
pub fn acknowledge(
    interchange: &Interchange<'_>,
    judged: &[Vec<Judged<'_>>],
    stamp: Stamp<'_>,
) -> String {
    let mut writer = Writer::default();
    let of = |number: usize| interchange.element(number);
    // To whom it came from.
    let ids = [of(7), of(8), of(5), of(6)];
    let date = stamp.date.get(2..).unwrap_or("");
    writer.interchange(ids, (date, stamp.time), stamp.control, of(15) == "T");
    if let Some(code) = interchange.faults.first() {
        let verdict = match interchange.is_rejected() {
            true => Verdict::Rejected,
            false => Verdict::Noted,
        };
        writer.simple(
            "TA1",
            &[
                interchange.control_number(),
                of(9),
                of(10),
                verdict.code(),
                code.code(),
            ],
        );
    }
    let rejected = interchange.is_rejected();
    let mut groups = 0usize;
    for (group, judged) in interchange.groups.iter().zip(judged) {
        groups = groups.saturating_add(1);
        acknowledge_group(&mut writer, group, judged, groups, rejected, stamp);
    }
    let control = format!("{:09}", stamp.control % 1_000_000_000);
    writer.simple("IEA", &[&groups.to_string(), &control]);
    writer.done()
}

fn acknowledge_group(
    writer: &mut Writer,
    group: &Group<'_>,
    judged: &[Judged<'_>],
    number: usize,
    rejected: bool,
    stamp: Stamp<'_>,
) {
    let number = number.to_string();
    let (to, from) = (group.element(2), group.element(3));
    let version = "005010X231A1";
    writer.simple(
        "GS",
        &[
            "FA", from, to, stamp.date, stamp.time, &number, "X", version,
        ],
    );
    let control = "0001";
    writer.begin("999", control, version);
    let (kind, number_sent) = (group.element(1), group.element(6));
    let digits = number_sent.bytes().all(|b| b.is_ascii_digit()) && number_sent.len() <= 9;
    writer.simple(
        "AK1",
        &[
            &held(kind, 2, 2, "ZZ"),
            match digits && !number_sent.is_empty() {
                true => number_sent,
                false => "0",
            },
            &held(group.element(8), 1, 12, ""),
        ],
    );
    let mut taken = 0usize;
    let mut noted = false;
    for (set, judged) in group.transactions.iter().zip(judged) {
        writer.simple(
            "AK2",
            &[
                &held(set.set(), 3, 3, "ZZZ"),
                &held(set.control_number(), 4, 9, "0000"),
                &held(set.version(group), 1, 35, ""),
            ],
        );
        for fault in judged.faults().iter().take(MOST) {
            write_fault(writer, fault);
        }
        let mut codes = judged.codes.clone();
        if judged.faults().iter().any(|fault| fault.fatal) {
            codes.push(SetCode::Segments);
        }
        let verdict = judged.verdict();
        noted |= verdict == Verdict::Noted;
        if verdict != Verdict::Rejected {
            taken = taken.saturating_add(1);
        }
        let mut elements = vec![verdict.code()];
        elements.extend(codes.iter().take(5).map(|code| code.code()));
        writer.simple("IK5", &elements);
    }
    let all = group.transactions.len();
    let verdict = match () {
        () if rejected || !group.faults.is_empty() || taken == 0 => Verdict::Rejected,
        () if taken < all => Verdict::Partly,
        () if noted => Verdict::Noted,
        () => Verdict::Accepted,
    };
    if verdict == Verdict::Rejected {
        taken = 0;
    }
    let (all, taken) = (all.to_string(), taken.to_string());
    let mut elements = vec![verdict.code(), &all, &all, &taken];
    elements.extend(group.faults.iter().take(5).map(|code| code.code()));
    writer.simple("AK9", &elements);
    writer.end(control);
    writer.simple("GE", &["1", &number]);
}

/// A text of what is acknowledged, as an element of the acknowledgement may hold it:
/// letters and digits, cut to `most`; something else where they are fewer than
/// `least`.
fn held(text: &str, least: usize, most: usize, otherwise: &str) -> String {
    let plain = |c: &char| c.is_ascii_graphic();
    let cut: String = text.chars().filter(plain).take(most).collect();
    // Delimiters would become blanks.
    let delimited = cut.chars().any(|c| Delimiters::USUAL.has(c));
    match delimited || cut.chars().count() < least {
        true => otherwise.to_owned(),
        false => cut,
    }
}

fn write_fault(writer: &mut Writer, fault: &Fault) {
    let segment = fault.segment.to_string();
    // A name has two characters or three; whatever stands there.
    let tag = held(&fault.tag, 2, 3, "ZZZ");
    writer.simple("IK3", &[&tag, &segment, fault.loop_id, fault.code.code()]);
    if let Some((at, code)) = fault.element {
        let number = |number: Option<u16>| number.map_or_else(String::new, |n| n.to_string());
        let element = at.element.to_string();
        // A repeat beyond the ninety-ninth is told by its element alone.
        let repeat = at.repeat.filter(|repeat| *repeat < 100);
        let (component, repeat) = (number(at.component), number(repeat));
        writer.segment(
            "IK4",
            &[&[&element, &component, &repeat], &[], &[code.code()]],
        );
    }
}

/// What is wrong with an interchange, in words.
#[must_use]
pub fn words(codes: &[InterchangeCode]) -> Vec<&'static str> {
    codes.iter().map(|code| code.says()).collect()
}
