//! The ISA: its elements at their widths, and what separates what.

use std::collections::BTreeSet;

use super::Interchange;
use crate::check::{is_date, is_time, unreadable};
use crate::fault::InterchangeCode;
use crate::syntax::Delimiters;

/// The elements of an ISA: how wide each is, and what a fault of it is.
const ELEMENTS: [(usize, InterchangeCode); 16] = [
    (2, InterchangeCode::Authorization),
    (10, InterchangeCode::AuthorizationText),
    (2, InterchangeCode::Security),
    (10, InterchangeCode::SecurityText),
    (2, InterchangeCode::SenderQualifier),
    (15, InterchangeCode::Sender),
    (2, InterchangeCode::ReceiverQualifier),
    (15, InterchangeCode::Receiver),
    (6, InterchangeCode::Date),
    (4, InterchangeCode::Time),
    (1, InterchangeCode::Repetition),
    (5, InterchangeCode::Version),
    (9, InterchangeCode::ControlNumber),
    (1, InterchangeCode::Acknowledgement),
    (1, InterchangeCode::TestIndicator),
    (1, InterchangeCode::Structure),
];

/// What an identifier of sender or receiver may be: ISA05, ISA07.
const QUALIFIERS: [&str; 9] = ["01", "14", "20", "27", "28", "29", "30", "33", "ZZ"];

/// Whether ISA05 or ISA07 is one.
pub(crate) fn is_qualifier(text: &str) -> bool {
    QUALIFIERS.contains(&text)
}

/// Whether an ISA begins here.
pub(super) fn begins(text: &str) -> bool {
    text.strip_prefix("ISA")
        .and_then(|rest| rest.chars().next())
        .is_some_and(|next| !next.is_ascii_alphanumeric())
}

/// Reads the ISA, whose characters at their places are the delimiters; answers
/// what follows it. None, when it is no ISA at all.
pub(super) fn header<'a>(text: &'a str, read: &mut Interchange<'a>) -> Option<&'a str> {
    let element = text.chars().nth(3)?;
    let mut rest = text.get(3..)?.strip_prefix(element)?;
    for _ in 0..15 {
        let (value, left) = rest.split_once(element)?;
        // It must end before the first segment after it.
        if value.chars().count() > 64 {
            return None;
        }
        read.header.push(value);
        rest = left;
    }
    let mut last = rest.char_indices();
    let (_, component) = last.next()?;
    let (at, segment) = last.next()?;
    let (last, left) = rest.split_at_checked(at)?;
    read.header.push(last);
    let body = left.strip_prefix(segment)?;
    // A line's end is the terminator, however it is written: but for one that has no line
    // feed at all.
    let lines = segment == '\n' || (segment == '\r' && body.starts_with('\n'));
    let repetition = match read.header.get(10).and_then(|text| text.chars().next()) {
        Some(c) if !c.is_alphanumeric() && c != ' ' => Some(c),
        _ => None,
    };
    read.delimiters = Delimiters {
        element,
        component,
        repetition,
        segment: if lines { '\n' } else { segment },
    };
    check(read);
    Some(body)
}

fn check(read: &mut Interchange<'_>) {
    let mut found = BTreeSet::new();
    for (text, (width, code)) in read.header.iter().zip(ELEMENTS) {
        // Delimiters may be control characters, and what they may not be is looked at.
        let delimiter = matches!(
            code,
            InterchangeCode::Repetition | InterchangeCode::Structure
        );
        if text.chars().count() != width || (unreadable(text) && !delimiter) {
            found.insert(code);
        }
    }
    check_values(read, &mut found);
    check_delimiters(read, &mut found);
    read.faults.extend(found);
}

fn check_values(read: &Interchange<'_>, found: &mut BTreeSet<InterchangeCode>) {
    use InterchangeCode as Code;
    let element = |number: usize| read.element(number);
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    // A qualifier that says there is something asks for it.
    let lacks = |qualifier: usize, text: usize, there: &str| {
        element(qualifier) == there && element(text).is_empty()
    };
    let repetition = |text: &str| {
        // 4010 had a letter there, and some senders still have it: nothing is repeated.
        text == "U" || text.chars().all(|c| !c.is_alphanumeric())
    };
    let sound = [
        (Code::Authorization, matches!(element(1), "00" | "03")),
        (Code::AuthorizationText, !lacks(1, 2, "03")),
        (Code::Security, matches!(element(3), "00" | "01")),
        (Code::SecurityText, !lacks(3, 4, "01")),
        (Code::SenderQualifier, is_qualifier(element(5))),
        (Code::Sender, !element(6).is_empty()),
        (Code::ReceiverQualifier, is_qualifier(element(7))),
        (Code::Receiver, !element(8).is_empty()),
        (Code::Date, is_date(&format!("20{}", element(9)))),
        (Code::Time, is_time(element(10))),
        (
            Code::Repetition,
            !element(11).is_empty() && repetition(element(11)),
        ),
        (Code::Version, element(12) == "00501"),
        (Code::ControlNumber, digits(element(13))),
        (Code::Acknowledgement, matches!(element(14), "0" | "1")),
        (Code::TestIndicator, matches!(element(15), "P" | "T")),
    ];
    let unsound = sound.iter().filter(|(_, sound)| !sound);
    found.extend(unsound.map(|(code, _)| *code));
}

/// Each delimiter is a character that no text has, and none is another.
fn check_delimiters(read: &Interchange<'_>, found: &mut BTreeSet<InterchangeCode>) {
    use InterchangeCode as Code;
    let unfit = |c: char| {
        let of_text = c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '\0');
        of_text || c == char::REPLACEMENT_CHARACTER
    };
    // Blanks around segments are passed over: within one, they separate nothing.
    let blank = |c: char| matches!(c, '\t' | '\r' | '\n');
    let all = read.delimiters;
    let each = [
        (Some(all.element), Code::ElementSeparator),
        (Some(all.segment), Code::SegmentTerminator),
        (Some(all.component), Code::Component),
        (all.repetition, Code::Repetition),
    ];
    let inner = |code: Code| matches!(code, Code::Component | Code::Repetition);
    let mut before = BTreeSet::new();
    for (c, code) in each {
        if let Some(c) = c
            && (unfit(c) || (inner(code) && blank(c)) || !before.insert(c))
        {
            found.insert(code);
        }
    }
}

/// The delimiters of what begins with a GS or an ST: what follows the name, and
/// what stands before the next name. It is refused all the same; but what is in it
/// can be told.
pub(super) fn guessed(text: &str) -> Option<Delimiters> {
    let element = text.chars().nth(2).filter(|c| !c.is_alphanumeric())?;
    let next = match text.get(..2)? {
        "GS" => format!("ST{element}"),
        "ST" => format!("BHT{element}"),
        _ => return None,
    };
    let before = text.split(&next).next()?;
    let segment = before
        .trim_end_matches(['\r', '\n'])
        .chars()
        .next_back()
        .filter(|c| !c.is_alphanumeric())
        .unwrap_or('\n');
    Some(Delimiters {
        element,
        segment,
        ..Delimiters::USUAL
    })
}
