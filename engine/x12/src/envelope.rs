//! Interchanges, functional groups, transaction sets: ISA to IEA, GS to GE, ST
//! to SE, and whether the trailers agree with the headers.

mod group;
mod header;
mod mend;

use crate::fault::{GroupCode, InterchangeCode, SetCode};
use crate::guide::guides;
use crate::syntax::{Delimiters, Segment, Segments};
pub(crate) use header::is_qualifier;
use header::{begins, guessed};
use mend::mend;

/// A file of interchanges.
pub struct File<'a> {
    /// In order. A file without one sound ISA has one all the same, that says so.
    pub interchanges: Vec<Interchange<'a>>,
}

/// An interchange.
pub struct Interchange<'a> {
    /// The elements of the ISA, sixteen where it is sound.
    header: Vec<&'a str>,
    /// What separates what in it.
    pub delimiters: Delimiters,
    /// Its functional groups.
    pub groups: Vec<Group<'a>>,
    /// How many TA1 segments stand before its groups: each is of an interchange that
    /// we sent.
    pub receipts: usize,
    /// What is wrong with the envelope. What [hides nothing] is only noted.
    ///
    /// [hides nothing]: InterchangeCode::is_harmless
    pub faults: Vec<InterchangeCode>,
}

/// A functional group.
pub struct Group<'a> {
    header: Option<Segment<'a>>,
    /// How many transaction sets its trailer says it has, where it says a number.
    pub stated: Option<usize>,
    /// Its transaction sets.
    pub transactions: Vec<Transaction<'a>>,
    /// What is wrong with the envelope.
    pub faults: Vec<GroupCode>,
}

/// A transaction set.
pub struct Transaction<'a> {
    /// Its segments, ST and SE included.
    pub segments: Vec<Segment<'a>>,
    /// What is wrong with the envelope.
    pub faults: Vec<SetCode>,
}

impl<'a> Interchange<'a> {
    /// An element of the ISA, from one, without the blanks that fill it up.
    #[must_use]
    pub fn element(&self, number: usize) -> &'a str {
        let at = number.checked_sub(1).and_then(|at| self.header.get(at));
        at.map_or("", |text| text.trim())
    }

    /// The interchange control number, ISA13.
    #[must_use]
    pub fn control_number(&self) -> &'a str {
        self.element(13)
    }

    /// Whether nothing in it can be relied on.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        !self.faults.iter().all(|code| code.is_harmless())
    }

    /// Whether it holds nothing but acknowledgements: those are never acknowledged, or
    /// two machines would do it for ever.
    #[must_use]
    pub fn only_acknowledges(&self) -> bool {
        let any = self.receipts > 0 || !self.groups.is_empty();
        any && self.groups.iter().all(Group::acknowledges)
    }
}

impl<'a> Group<'a> {
    /// An element of the GS, from one.
    #[must_use]
    pub fn element(&self, number: usize) -> &'a str {
        self.header.map_or("", |header| header.element(number))
    }

    /// Whether it has a GS at all.
    pub(crate) fn is_headed(&self) -> bool {
        self.header.is_some()
    }

    /// Whether it holds acknowledgements alone: as its header says, and nothing that is
    /// known to be something else.
    fn acknowledges(&self) -> bool {
        let receipt = |set: &str| matches!(set, "997" | "999");
        let other = |set: &str| !receipt(set) && guides().iter().any(|guide| guide.set() == set);
        let mut sets = self.transactions.iter().map(Transaction::set);
        match self.header {
            Some(header) => header.element(1) == "FA" && !sets.any(other),
            None => sets.all(receipt),
        }
    }
}

impl<'a> Transaction<'a> {
    fn header(&self) -> Option<&Segment<'a>> {
        self.segments.first()
    }

    /// ST01: `837`.
    #[must_use]
    pub fn set(&self) -> &'a str {
        self.header().map_or("", |header| header.element(1))
    }

    /// ST02.
    #[must_use]
    pub fn control_number(&self) -> &'a str {
        self.header().map_or("", |header| header.element(2))
    }

    /// Which guide it follows: ST03, or GS08 where that is not said.
    #[must_use]
    pub fn version(&self, group: &Group<'a>) -> &'a str {
        match self.convention() {
            "" => group.element(8),
            version => version,
        }
    }

    /// ST03.
    pub(crate) fn convention(&self) -> &'a str {
        self.header().map_or("", |header| header.element(3))
    }
}

/// Takes a file apart. What is wrong is said in the parts.
#[must_use]
pub fn read(text: &str) -> File<'_> {
    let mut interchanges = Vec::new();
    let mut rest = blank(text);
    while !rest.is_empty() {
        let (interchange, left) = interchange(rest);
        interchanges.push(interchange);
        // What cannot be read any further has been said.
        if left.len() >= rest.len() {
            break;
        }
        rest = blank(left);
    }
    File { interchanges }
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}'])
}

/// Reads an interchange; answers what follows it.
fn interchange(text: &str) -> (Interchange<'_>, &str) {
    let mut read = Interchange {
        header: Vec::new(),
        delimiters: Delimiters::USUAL,
        groups: Vec::new(),
        receipts: 0,
        faults: Vec::new(),
    };
    let body = if begins(text) {
        match header::header(text, &mut read) {
            Some(body) => body,
            None => {
                read.faults.push(InterchangeCode::Structure);
                return (read, "");
            }
        }
    } else {
        read.faults.push(InterchangeCode::Structure);
        match guessed(text) {
            Some(delimiters) => read.delimiters = delimiters,
            None => return (read, ""),
        }
        text
    };
    let mut state = State { read, ended: false };
    let mut segments = Segments::new(body, state.read.delimiters);
    loop {
        if begins(blank(segments.rest())) {
            break;
        }
        let Some((segment, terminated)) = segments.next() else {
            break;
        };
        if !terminated {
            // Nobody can tell whether it is whole.
            state.read.faults.push(InterchangeCode::Truncated);
        }
        state.take(segment);
        if state.ended {
            break;
        }
    }
    let rest = segments.rest();
    state.finish();
    (state.read, rest)
}

/// A count as a trailer says it: digits alone, of which there are not too many.
fn count(text: &str, most: usize) -> Option<usize> {
    let digits = text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// What is open while an interchange is read.
struct State<'a> {
    read: Interchange<'a>,
    ended: bool,
}

/// Whether a group, or a transaction set, still takes segments is whether its
/// trailer has come: that is noted by taking the fault away again.
impl<'a> State<'a> {
    fn group(&mut self) -> Option<&mut Group<'a>> {
        self.read
            .groups
            .last_mut()
            .filter(|group| group.faults.first() == Some(&GroupCode::TrailerMissing))
    }

    fn set(&mut self) -> Option<&mut Transaction<'a>> {
        self.group()?
            .transactions
            .last_mut()
            .filter(|set| set.faults.first() == Some(&SetCode::TrailerMissing))
    }

    fn take(&mut self, segment: Segment<'a>) {
        match segment.tag() {
            "GS" => self.begin_group(segment),
            "GE" => self.end_group(segment),
            "IEA" => self.end(segment),
            "ST" => self.begin_set(segment),
            "SE" => self.end_set(segment),
            "TA1" if self.read.groups.is_empty() => {
                self.read.receipts = self.read.receipts.saturating_add(1);
            }
            _ => match self.set() {
                Some(set) => set.segments.push(segment),
                None => self.read.faults.push(InterchangeCode::Content),
            },
        }
    }

    fn begin_group(&mut self, segment: Segment<'a>) {
        let mut faults = vec![GroupCode::TrailerMissing];
        faults.extend(group::of_header(&segment));
        self.read.groups.push(Group {
            header: Some(segment),
            stated: None,
            transactions: Vec::new(),
            faults,
        });
    }

    fn end_group(&mut self, segment: Segment<'a>) {
        let Some(group) = self.group() else {
            self.read.faults.push(InterchangeCode::Content);
            return;
        };
        group.faults.remove(0);
        group.stated = count(segment.element(1), 6);
        if group.stated != Some(group.transactions.len()) {
            group.faults.push(GroupCode::SetCount);
        }
        if segment.element(2) != group.element(6) {
            group.faults.push(GroupCode::ControlNumbersDiffer);
        }
    }

    fn begin_set(&mut self, segment: Segment<'a>) {
        if self.group().is_none() {
            self.read.faults.push(InterchangeCode::Content);
            // So that what is in it can be told.
            self.read.groups.push(Group {
                header: None,
                stated: None,
                transactions: Vec::new(),
                faults: vec![GroupCode::TrailerMissing, GroupCode::NotSupported],
            });
        }
        let mut faults = vec![SetCode::TrailerMissing];
        if segment.element(1).is_empty() {
            faults.push(SetCode::Identifier);
        }
        let control = segment.element(2);
        if !(4..=9).contains(&control.chars().count()) {
            faults.push(SetCode::ControlNumber);
        }
        if let Some(group) = self.group() {
            let mut others = group.transactions.iter();
            if others.any(|other| other.control_number() == control) {
                faults.push(SetCode::NotUnique);
            }
            group.transactions.push(Transaction {
                segments: vec![segment],
                faults,
            });
        }
    }

    fn end_set(&mut self, segment: Segment<'a>) {
        let Some(set) = self.set() else {
            self.read.faults.push(InterchangeCode::Content);
            return;
        };
        set.faults.remove(0);
        set.segments.push(segment);
        if count(segment.element(1), 10) != Some(set.segments.len()) {
            set.faults.push(SetCode::SegmentCount);
        }
        if segment.element(2) != set.control_number() {
            set.faults.push(SetCode::ControlNumbersDiffer);
        }
    }

    fn end(&mut self, segment: Segment<'a>) {
        self.ended = true;
        if count(segment.element(1), 5) != Some(self.read.groups.len()) {
            self.read.faults.push(InterchangeCode::GroupCount);
        }
        if !self.read.header.is_empty() && segment.element(2) != self.read.control_number() {
            self.read.faults.push(InterchangeCode::ControlNumbersDiffer);
        }
    }

    fn finish(&mut self) {
        if !self.ended {
            self.read.faults.push(InterchangeCode::Truncated);
        }
        let mut mended = false;
        for group in &mut self.read.groups {
            group.faults.extend(group::of_kind(group));
            for set in &mut group.transactions {
                mended |= mend(set);
            }
        }
        if mended {
            self.read.faults.push(InterchangeCode::ComponentSeparator);
        }
        let of_groups = self.read.groups.iter().flat_map(|group| &group.faults);
        if of_groups.clone().any(|code| code.is_of_header()) {
            self.read.faults.push(InterchangeCode::GroupHeader);
        }
        if self.read.faults.is_empty() && self.read.groups.is_empty() && self.read.receipts == 0 {
            self.read.faults.push(InterchangeCode::Empty);
        }
        self.read.faults.sort_unstable();
        self.read.faults.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISA: &str = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *\
                       240101*1200*^*00501*000000007*0*T*:~";

    fn file(body: &str) -> String {
        format!("{ISA}{body}")
    }

    fn faults(text: &str) -> Vec<InterchangeCode> {
        let file = read(text);
        assert_eq!(file.interchanges.len(), 1, "{text}");
        file.interchanges.into_iter().next().unwrap().faults
    }

    #[test]
    fn a_sound_envelope_has_no_faults() {
        let text = file(
            "GS*HC*AA*BB*20240101*1200*1*X*005010X222A1~ST*837*0001*005010X222A1~BHT*1~SE*3*0001~\
             GE*1*1~IEA*1*000000007~",
        );
        let read = read(&text);
        let [interchange] = &read.interchanges[..] else {
            panic!("one");
        };
        assert_eq!(interchange.faults, []);
        assert_eq!(interchange.delimiters, Delimiters::USUAL);
        let [group] = &interchange.groups[..] else {
            panic!("one");
        };
        assert_eq!((group.element(8), group.faults.len()), ("005010X222A1", 0));
        let [set] = &group.transactions[..] else {
            panic!("one");
        };
        assert_eq!(set.segments.len(), 3);
        assert_eq!((set.set(), set.control_number()), ("837", "0001"));
        assert_eq!(set.version(group), "005010X222A1");
        assert_eq!(set.faults, []);
    }

    #[test]
    fn trailers_that_do_not_agree_are_named() {
        let text = file(
            "GS*HC*AA*BB*20240101*1200*1*X*005010X222A1~ST*837*0001~BHT*1~SE*4*0002~ST*837*0001~\
             GE*1*2~IEA*2*000000008~",
        );
        let read = read(&text);
        let interchange = &read.interchanges[0];
        assert_eq!(
            interchange.faults,
            [
                InterchangeCode::ControlNumbersDiffer,
                InterchangeCode::GroupCount
            ]
        );
        let group = &interchange.groups[0];
        assert_eq!(
            group.faults,
            [GroupCode::SetCount, GroupCode::ControlNumbersDiffer]
        );
        let sets = &group.transactions;
        assert_eq!(
            sets[0].faults,
            [SetCode::SegmentCount, SetCode::ControlNumbersDiffer]
        );
        assert_eq!(
            sets[1].faults,
            [SetCode::TrailerMissing, SetCode::NotUnique]
        );
    }

    #[test]
    fn delimiters_are_those_of_the_isa() {
        let text = ISA
            .replace('*', "|")
            .replace(':', "<")
            .replace('^', "!")
            .replace('~', "\r\n");
        let text = format!("{text}GS|HC\r\nGE|0|\r\nIEA|1|000000007\r\n");
        let file = read(&text);
        let delimiters = file.interchanges[0].delimiters;
        assert_eq!(
            (delimiters.element, delimiters.component, delimiters.segment),
            ('|', '<', '\n')
        );
        assert_eq!(delimiters.repetition, Some('!'));
        assert_eq!(file.interchanges[0].groups.len(), 1);
    }

    #[test]
    fn what_is_no_envelope_is_said() {
        use InterchangeCode as Code;
        assert_eq!(faults("ISA*00*~"), [Code::Structure]);
        assert_eq!(faults("nothing of the kind"), [Code::Structure]);
        assert_eq!(faults(ISA), [Code::Truncated]);
        assert_eq!(faults(&file("NM1*41~IEA*0*000000007~")), [Code::Content]);
        let short = ISA.replacen("          ", "         ", 1);
        assert_eq!(
            faults(&format!("{short}IEA*0*000000007~")),
            [Code::AuthorizationText]
        );
        let older = ISA.replace("00501", "00401").replace("*T*", "*Q*");
        assert_eq!(
            faults(&format!("{older}IEA*0*000000007~")),
            [Code::Version, Code::TestIndicator]
        );
    }

    #[test]
    fn a_group_alone_is_read_and_refused() {
        let read = read("GS*HC*AA*BB*20240101*1200*1*X*V~\nST*837*0001~SE*2*0001~GE*1*1~IEA*1*9~");
        let interchange = &read.interchanges[0];
        assert_eq!(interchange.faults, [InterchangeCode::Structure]);
        assert!(interchange.is_rejected());
        assert_eq!(interchange.groups[0].transactions.len(), 1);
    }

    #[test]
    fn interchanges_follow_each_other() {
        let one = file("IEA*0*000000007~");
        let text = format!("{one}\n{}\n{}", one.replace('*', "|"), ISA);
        let file = read(&text);
        let delimiters: Vec<char> = file
            .interchanges
            .iter()
            .map(|i| i.delimiters.element)
            .collect();
        assert_eq!(delimiters, ['*', '|', '*']);
        assert_eq!(file.interchanges[2].faults, [InterchangeCode::Truncated]);
    }
}
