//! Acknowledgements: TA1 of an interchange, 999 of its functional groups.

use crate::check::unreadable;
use crate::envelope::{Group, Interchange, Transaction, is_qualifier};
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

/// The guide of a transaction set, whatever its functional group is; or why there is
/// none.
///
/// # Errors
/// When the transaction set, or its version, is none that is read.
pub fn guide_of(group: &Group<'_>, set: &Transaction<'_>) -> Result<&'static Guide, SetCode> {
    let of_set = || guides().iter().filter(|guide| guide.set() == set.set());
    let version = set.version(group);
    let read = |guide: &&Guide| guide.versions().contains(&version);
    of_set().find(read).ok_or_else(|| match () {
        () if of_set().next().is_none() => SetCode::NotSupported,
        // What it says it is, another kind of transaction set is.
        () if guides().iter().any(|guide| read(&guide)) => SetCode::NotInGroup,
        () => SetCode::Version,
    })
}

/// Looks at a transaction set.
#[must_use]
pub fn judge<'a>(group: &Group<'a>, set: &Transaction<'a>) -> Judged<'a> {
    let mut codes = set.faults.clone();
    match guide_of(group, set) {
        Ok(guide) => {
            // A set without a group at all is refused for that.
            if group.is_headed() && guide.group() != group.element(1) {
                codes.push(SetCode::NotInGroup);
            } else if group.is_headed() && !guide.versions().contains(&group.element(8)) {
                codes.push(SetCode::OtherVersion);
            }
            Judged {
                tree: Some(guide.walk(&set.segments)),
                codes,
            }
        }
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

/// Acknowledges an interchange, whose transaction sets were judged, group by group.
///
/// A TA1 where its envelope is at fault, or where it asks for one (ISA14), and a 999
/// for each group; of an interchange that is rejected nothing is looked at any further,
/// so that its TA1 stands alone.
#[must_use]
pub fn acknowledge(
    interchange: &Interchange<'_>,
    judged: &[Vec<Judged<'_>>],
    stamp: Stamp<'_>,
) -> String {
    let mut writer = Writer::default();
    let date = stamp.date.get(2..).unwrap_or("");
    let test = interchange.element(15) == "T";
    writer.interchange(
        sent_back(interchange).each_ref().map(String::as_str),
        (date, stamp.time),
        stamp.control,
        test,
    );
    if interchange.element(14) == "1" || !interchange.faults.is_empty() {
        write_receipt(&mut writer, interchange);
    }
    let mut groups = 0usize;
    if !interchange.is_rejected() {
        for (group, judged) in interchange.groups.iter().zip(judged) {
            groups = groups.saturating_add(1);
            acknowledge_group(&mut writer, group, judged, groups, stamp);
        }
    }
    let control = format!("{:09}", stamp.control % 1_000_000_000);
    writer.simple("IEA", &[&groups.to_string(), &control]);
    writer.done()
}

/// ISA05 to ISA08 of an answer: to whom it came from, by whom it was sent to. What is
/// none is replaced by something that is one, but says nothing.
#[must_use]
pub fn sent_back(interchange: &Interchange<'_>) -> [String; 4] {
    let qualifier = |number: usize| match interchange.element(number) {
        text if is_qualifier(text) => text.to_owned(),
        _ => "ZZ".to_owned(),
    };
    let party = |number: usize| echoed(interchange.element(number), 1, 15, "UNKNOWN");
    [qualifier(7), party(8), qualifier(5), party(6)]
}

/// The TA1 of an interchange, by its first fault.
fn write_receipt(writer: &mut Writer, interchange: &Interchange<'_>) {
    let digits = |text: &str, count: usize| {
        let all = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        if all {
            text.to_owned()
        } else {
            "0".repeat(count)
        }
    };
    let verdict = match () {
        () if interchange.is_rejected() => Verdict::Rejected,
        () if !interchange.faults.is_empty() => Verdict::Noted,
        () => Verdict::Accepted,
    };
    let code = interchange.faults.first().map_or("000", |code| code.code());
    writer.simple(
        "TA1",
        &[
            &digits(interchange.control_number(), 9),
            &digits(interchange.element(9), 6),
            &digits(interchange.element(10), 4),
            verdict.code(),
            code,
        ],
    );
}

fn acknowledge_group(
    writer: &mut Writer,
    group: &Group<'_>,
    judged: &[Judged<'_>],
    number: usize,
    stamp: Stamp<'_>,
) {
    let number = number.to_string();
    // Back to whom it came from.
    let party = |number: usize| echoed(group.element(number), 2, 15, "ZZ");
    let (from, to) = (party(3), party(2));
    let version = "005010X231A1";
    writer.simple(
        "GS",
        &[
            "FA", &from, &to, stamp.date, stamp.time, &number, "X", version,
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
    // What is in a group that is rejected is rejected with it.
    let rejected = !group.faults.is_empty();
    let mut verdicts = Vec::new();
    for (set, judged) in group.transactions.iter().zip(judged) {
        let verdict = match rejected {
            true => Verdict::Rejected,
            false => judged.verdict(),
        };
        acknowledge_set(writer, group, set, judged, verdict);
        verdicts.push(verdict);
    }
    write_totals(writer, group, &verdicts);
    writer.end(control);
    writer.simple("GE", &["1", &number]);
}

fn acknowledge_set(
    writer: &mut Writer,
    group: &Group<'_>,
    set: &Transaction<'_>,
    judged: &Judged<'_>,
    verdict: Verdict,
) {
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
    let mut elements = vec![verdict.code()];
    elements.extend(codes.iter().take(5).map(|code| code.code()));
    writer.simple("IK5", &elements);
}

/// The AK9: how many sets the sender says there are, how many came, how many are
/// taken.
fn write_totals(writer: &mut Writer, group: &Group<'_>, verdicts: &[Verdict]) {
    let taken = verdicts.iter().filter(|of| **of != Verdict::Rejected);
    let (all, taken) = (verdicts.len(), taken.count());
    let verdict = match () {
        () if taken == 0 => Verdict::Rejected,
        () if taken < all => Verdict::Partly,
        () if verdicts.contains(&Verdict::Noted) => Verdict::Noted,
        () => Verdict::Accepted,
    };
    // Without a number of the sender's, the one that came.
    let stated = group.stated.unwrap_or(all).to_string();
    let (all, taken) = (all.to_string(), taken.to_string());
    let mut codes: Vec<&str> = group.faults.iter().map(|code| code.code()).collect();
    codes.dedup();
    let mut elements = vec![verdict.code(), &stated, &all, &taken];
    elements.extend(codes.into_iter().take(5));
    writer.simple("AK9", &elements);
}

/// A name of what is acknowledged, as it stands there; something else where it is
/// none.
fn echoed(text: &str, least: usize, most: usize, otherwise: &str) -> String {
    let sound = (least..=most).contains(&text.chars().count()) && !unreadable(text);
    let blank = |c: char| c.is_whitespace() || Delimiters::USUAL.has(c);
    match sound && !text.chars().all(blank) {
        true => text.to_owned(),
        false => otherwise.to_owned(),
    }
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
