//! Identifiers, codes and dates, as any format gives them.

use tally_types::{Code, CodeError, CodeSystem, DateError, ServiceDate, ShortCode};

use super::decimal::Exact;
use super::node::Node;
use super::refusal::{Fault, IntakeRule, Place};
use crate::claim::Limits;

/// An identifier: text without control characters, at most
/// [`Limits::IDENTIFIER_BYTES`], spaces around it taken off. None when nothing
/// is left.
pub(super) fn identifier(node: &Node<'_>) -> Result<Option<String>, Fault> {
    checked(node, node.text()?)
}

/// An identifier that must be one.
pub(super) fn need_identifier(node: &Node<'_>) -> Result<String, Fault> {
    identifier(node)?.ok_or_else(|| node.fault(IntakeRule::BadText, "the text is empty"))
}

/// Minutes, as a unit of service (X12 355).
pub(super) const MINUTES: ShortCode = ShortCode::of("MJ");

/// Anaesthesia of CPT, which alone is billed in minutes: 00100 to 01999.
pub(super) fn is_anaesthesia(procedure: Code) -> bool {
    let code = procedure.to_string();
    code.len() == 5 && code.parse().is_ok_and(|n: u32| (100..=1999).contains(&n))
}

/// A part of a text as an identifier.
pub(super) fn checked(node: &impl Place, text: &str) -> Result<Option<String>, Fault> {
    let text = text.trim();
    if text.len() > Limits::IDENTIFIER_BYTES {
        return Err(node.fault(
            IntakeRule::TooLong,
            format!(
                "{} bytes where at most {} may stand",
                text.len(),
                Limits::IDENTIFIER_BYTES
            ),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(node.fault(IntakeRule::BadText, "the text has control characters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn code_fault(node: &impl Place, error: CodeError, most: usize) -> Fault {
    node.fault(
        IntakeRule::BadCode,
        match error {
            CodeError::Empty => "the code is empty".to_owned(),
            CodeError::TooLong => format!("a code has at most {most} characters"),
            CodeError::Character => "a code is printable ASCII without spaces".to_owned(),
        },
    )
}

/// A procedure or diagnosis code.
pub(super) fn code(node: &impl Place, text: &str) -> Result<Code, Fault> {
    Code::parse(text).map_err(|error| code_fault(node, error, Code::MAX_CHARS))
}

/// A modifier, place of service or revenue code.
pub(super) fn short_code(node: &impl Place, text: &str) -> Result<ShortCode, Fault> {
    ShortCode::parse(text).map_err(|error| code_fault(node, error, ShortCode::MAX_CHARS))
}

/// A procedure code of a list, in the form the list has. Whether the code is
/// on the list, on the day, is the policy's to say.
pub(super) fn procedure(node: &impl Place, system: CodeSystem, text: &str) -> Result<Code, Fault> {
    let code = code(node, text)?;
    let bytes = text.as_bytes();
    let digits = || bytes.iter().all(u8::is_ascii_digit);
    let upper = || {
        bytes
            .iter()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
    };
    let (good, form) = match system {
        CodeSystem::Hcpcs => (bytes.len() == 5 && upper(), "five capitals or digits"),
        CodeSystem::Cdt => (
            bytes.len() == 5 && bytes.first() == Some(&b'D') && upper(),
            "D and four digits",
        ),
        CodeSystem::Ndc => (
            (10..=13).contains(&bytes.len())
                && bytes.iter().all(|b| b.is_ascii_digit() || *b == b'-'),
            "ten or eleven digits, with or without hyphens",
        ),
        CodeSystem::RxNorm => (digits() && bytes.len() <= 8, "up to eight digits"),
        CodeSystem::Snomed => (digits() && bytes.len() >= 6, "six to eighteen digits"),
        CodeSystem::Icd10Pcs => (bytes.len() == 7 && upper(), "seven capitals or digits"),
        CodeSystem::Revenue => (digits() && bytes.len() <= 4, "up to four digits"),
        CodeSystem::Unspecified | CodeSystem::Other => (true, ""),
    };
    if !good {
        return Err(node.fault(
            IntakeRule::BadCode,
            format!("a code of this list has {form}"),
        ));
    }
    Ok(code)
}

/// A diagnosis code. ICD codes are held without their point, as X12 sends and
/// tables list them: `M96.1` is `M961`.
pub(super) fn diagnosis(node: &impl Place, text: &str) -> Result<Code, Fault> {
    let icd = |head: &str, tail: &str| {
        head.len() == 3
            && (1..=4).contains(&tail.len())
            && head.bytes().all(|b| b.is_ascii_alphanumeric())
            && tail.bytes().all(|b| b.is_ascii_alphanumeric())
            && head.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
    };
    match text.split_once('.') {
        Some((head, tail)) if icd(head, tail) => code(node, &format!("{head}{tail}")),
        _ => code(node, text),
    }
}

/// A whole number from 1, as a JSON number: a sequence, a position.
pub(super) fn whole(node: &Node<'_>) -> Result<u16, Fault> {
    Exact::parse(node.number()?)
        .ok()
        .and_then(|number| number.scaled(0).ok())
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| {
            node.fault(
                IntakeRule::Sequence,
                format!("a whole number from 1 to {} is expected", u16::MAX),
            )
        })
}

fn date_fault(node: &impl Place, error: DateError) -> Fault {
    node.fault(
        IntakeRule::BadDate,
        match error {
            DateError::Syntax => "a date of the form YYYY-MM-DD is expected",
            DateError::NoSuchDay => "there is no such day in the calendar",
        },
    )
}

/// A date.
pub(super) fn date(node: &Node<'_>) -> Result<ServiceDate, Fault> {
    ServiceDate::parse(node.text()?).map_err(|error| date_fault(node, error))
}

/// The day of a date or of a time with its zone: the day as the sender wrote
/// it, which is the day where the sender is.
pub(super) fn day(node: &Node<'_>) -> Result<ServiceDate, Fault> {
    let text = node.text()?;
    let Some((day, time)) = text.split_once('T') else {
        return date(node);
    };
    if !is_time(time) {
        return Err(node.fault(
            IntakeRule::BadDate,
            "a date, or a time with its zone, is expected",
        ));
    }
    ServiceDate::parse(day).map_err(|error| date_fault(node, error))
}

/// As [`day`]; none for a year or a month alone, which FHIR allows.
pub(super) fn day_if_whole(node: &Node<'_>) -> Result<Option<ServiceDate>, Fault> {
    let text = node.text()?;
    let first_of = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => return day(node).map(Some),
    };
    match ServiceDate::parse(&first_of) {
        Ok(_) => Ok(None),
        Err(error) => Err(date_fault(node, error)),
    }
}

/// `hh:mm:ss`, a fraction or none, and a zone.
fn is_time(text: &str) -> bool {
    let two = |bytes: &[u8], most: u8| match bytes {
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => {
            a.saturating_sub(b'0')
                .saturating_mul(10)
                .saturating_add(b.saturating_sub(b'0'))
                <= most
        }
        _ => false,
    };
    let hour_and_minute = |text: &str| match text.split_once(':') {
        Some((hour, minute)) => two(hour.as_bytes(), 23) && two(minute.as_bytes(), 59),
        None => false,
    };
    let (clock, zoned) = match text.strip_suffix('Z') {
        Some(clock) => (clock, true),
        None => match text
            .rfind(['+', '-'])
            .and_then(|at| text.split_at_checked(at))
        {
            Some((clock, zone)) => (clock, zone.get(1..).is_some_and(hour_and_minute)),
            None => (text, false),
        },
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let whole = match clock.rsplit_once(':') {
        // A leap second is 60.
        Some((start, second)) => hour_and_minute(start) && two(second.as_bytes(), 60),
        None => false,
    };
    zoned && whole && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::json::{self, Json};
    use super::*;

    fn with<T>(text: &str, read: impl Fn(&Node<'_>) -> T) -> T {
        let json: Json<'_> = json::text(text);
        read(&Node::new(&json, "x"))
    }

    #[test]
    fn days_are_those_the_sender_wrote() {
        for (text, expected) in [
            ("2015-10-16", Some("2015-10-16")),
            ("2015-10-16T00:00:00-07:00", Some("2015-10-16")),
            ("2015-10-16T23:59:60.123Z", Some("2015-10-16")),
            ("2015-10-16T23:59:59+05:30", Some("2015-10-16")),
            ("2015-10-16T23:59:59", None),
            ("2015-10-16T24:00:00Z", None),
            ("2015-10-16T", None),
            ("2015-10-16T1:00:00Z", None),
            ("2015-10-16T01:00:00.Z", None),
            ("2015-10-16T01:00:00-07", None),
            ("2015-10", None),
            ("2015", None),
            ("2015-02-29", None),
            ("IGNORED_FIELD", None),
            ("", None),
        ] {
            let found = with(text, |node| day(node).ok().map(|d| d.to_string()));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn icd_codes_lose_their_point_and_others_keep_it() {
        for (text, expected) in [
            ("M96.1", "M961"),
            ("M47.816", "M47816"),
            ("250.00", "25000"),
            ("V10.3", "V103"),
            ("E119", "E119"),
            ("1.2.3", "1.2.3"),
            ("ABC.D", "ABC.D"),
            ("123456.7", "123456.7"),
        ] {
            assert_eq!(
                with(text, |node| diagnosis(node, text)
                    .ok()
                    .map(|c| c.to_string()))
                .as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn codes_have_the_form_of_their_list() {
        for (system, text, good) in [
            (CodeSystem::Hcpcs, "99213", true),
            (CodeSystem::Hcpcs, "G0154", true),
            (CodeSystem::Hcpcs, "99213-25", false),
            (CodeSystem::Hcpcs, "g0154", false),
            (CodeSystem::Cdt, "D0120", true),
            (CodeSystem::Cdt, "0120", false),
            (CodeSystem::Ndc, "00777-3105-02", true),
            (CodeSystem::Ndc, "00777310502", true),
            (CodeSystem::Ndc, "PROZAC", false),
            (CodeSystem::RxNorm, "562721", true),
            (CodeSystem::Snomed, "16335031000119103", true),
            (CodeSystem::Snomed, "185", false),
            (CodeSystem::Icd10Pcs, "0DTJ4ZZ", true),
            (CodeSystem::Revenue, "0300", true),
            (CodeSystem::Revenue, "ROOM", false),
            (CodeSystem::Other, "exam", true),
            (CodeSystem::Unspecified, "two words", false),
            (CodeSystem::Unspecified, "1234567890123456789", false),
            (CodeSystem::Unspecified, "", false),
        ] {
            let found = with(text, |node| procedure(node, system, text).is_ok());
            assert_eq!(found, good, "{text}");
        }
    }
}
