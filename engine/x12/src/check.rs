//! Whether the elements of a segment are what its guide asks for.

use crate::dictionary::Kind;
use crate::fault::{At, ElementCode};
use crate::guide::{Component, Element, Usage, Use};
use crate::syntax::{Segment, split};

/// A place in a segment, what is wrong there, and whether it is more than noted.
pub(crate) type Wrong = (At, ElementCode, bool);

/// Everything that is wrong in a segment.
pub(crate) fn check(used: &Use, segment: &Segment<'_>, wrong: &mut Vec<Wrong>) {
    let mut texts = segment.elements();
    for (number, element) in (1u16..).zip(&used.elements) {
        let text = texts.next().unwrap_or("");
        check_element(element, number, text, segment, wrong);
    }
    let beyond = texts;
    for (number, value) in (1u16..).skip(used.elements.len()).zip(beyond) {
        if !value.is_empty() {
            wrong.push((at(number, None, None), ElementCode::TooMany, true));
        }
    }
    for (one, other) in used.pairs {
        let (a, b) = (segment.element(*one), segment.element(*other));
        if a.is_empty() != b.is_empty() {
            let missing = if a.is_empty() { *one } else { *other };
            let required = used
                .elements
                .get(missing.saturating_sub(1))
                .is_some_and(|element| element.usage == Usage::Required);
            // It was said already.
            if !required && let Ok(missing) = u16::try_from(missing) {
                wrong.push((at(missing, None, None), ElementCode::Dependent, true));
            }
        }
    }
    check_dates(segment, wrong);
    if segment.text().contains(char::REPLACEMENT_CHARACTER) {
        check_characters(segment, wrong);
    }
}

/// Whether a text has control characters, or something that was no text
/// ([`text_of`](crate::text_of)).
pub(crate) fn unreadable(text: &str) -> bool {
    let not = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    text.chars().any(not)
}

/// What was no text is refused wherever it stands, also where nothing is used.
fn check_characters(segment: &Segment<'_>, wrong: &mut Vec<Wrong>) {
    for (number, text) in (1u16..).zip(segment.elements()) {
        let said = |of: &Wrong| of.0.element == number && of.1 == ElementCode::Character;
        if text.contains(char::REPLACEMENT_CHARACTER) && !wrong.iter().any(said) {
            wrong.push((at(number, None, None), ElementCode::Character, true));
        }
    }
}

fn at(element: u16, component: Option<u16>, repeat: Option<u16>) -> At {
    At {
        element,
        component,
        repeat,
    }
}

/// What is wrong with a value that should not be there, or should.
fn presence(usage: Usage, empty: bool) -> Option<(ElementCode, bool)> {
    match (usage, empty) {
        (Usage::Required, true) => Some((ElementCode::Missing, true)),
        (Usage::Formal, true) => Some((ElementCode::Missing, false)),
        (Usage::NotUsed, false) => Some((ElementCode::NotUsed, false)),
        _ => None,
    }
}

fn check_element(
    element: &Element,
    number: u16,
    text: &str,
    segment: &Segment<'_>,
    wrong: &mut Vec<Wrong>,
) {
    if let Some((code, fatal)) = presence(element.usage, text.is_empty()) {
        wrong.push((at(number, None, None), code, fatal));
        return;
    }
    if text.is_empty() {
        return;
    }
    for (repeat, value) in (1u16..).zip(split(text, segment.delimiters().repetition)) {
        let nth = (repeat > 1).then_some(repeat);
        if usize::from(repeat) > element.repeats {
            wrong.push((at(number, None, nth), ElementCode::Repeats, true));
            return;
        }
        let Some(first) = element.parts.first().filter(|_| !element.composite) else {
            check_composite(element, number, nth, value, segment, wrong);
            continue;
        };
        if value.contains(segment.delimiters().component) {
            wrong.push((at(number, None, nth), ElementCode::Components, true));
            continue;
        }
        if let Some((code, fatal)) = check_value(first, value) {
            wrong.push((at(number, None, nth), code, fatal));
        }
    }
}

fn check_composite(
    element: &Element,
    number: u16,
    repeat: Option<u16>,
    whole: &str,
    segment: &Segment<'_>,
    wrong: &mut Vec<Wrong>,
) {
    let mut values = segment.components(whole);
    for (component, part) in (1u16..).zip(&element.parts) {
        let place = at(number, Some(component), repeat);
        let value = values.next().unwrap_or("");
        if let Some((code, fatal)) = presence(part.usage, value.is_empty()) {
            wrong.push((place, code, fatal));
        } else if component == 1 && part.lenient && stands_alone(element, whole, segment) {
            wrong.push((place, ElementCode::Value, false));
        } else if !value.is_empty()
            && let Some((code, fatal)) = check_value(part, value)
        {
            wrong.push((place, code, fatal));
        }
    }
    if values.any(|value| !value.is_empty()) {
        wrong.push((at(number, None, repeat), ElementCode::Components, true));
    }
}

/// Whether a code stands where its list and it should, as in `HI*BK*8901`: where
/// another list is only noted, so is this.
fn stands_alone(element: &Element, whole: &str, segment: &Segment<'_>) -> bool {
    let [list, code, ..] = &element.parts[..] else {
        return false;
    };
    !whole.contains(segment.delimiters().component)
        && !list.values.contains(&whole)
        && check_value(code, whole).is_none()
}

fn check_value(part: &Component, value: &str) -> Option<(ElementCode, bool)> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let simple = part.simple;
    let counted = match simple.kind {
        // Sign and point do not count.
        Kind::Integer | Kind::Decimal => value.chars().filter(|c| !matches!(c, '-' | '.')).count(),
        _ => value.chars().count(),
    };
    let sound = match simple.kind {
        Kind::Text => !unreadable(value) && value.chars().any(|c| !c.is_whitespace()),
        Kind::Code => !unreadable(value) && !value.chars().any(char::is_whitespace),
        Kind::Integer => digits(value.strip_prefix('-').unwrap_or(value)),
        Kind::Decimal => {
            let value = value.strip_prefix('-').unwrap_or(value);
            match value.split_once('.') {
                None => digits(value),
                Some((whole, part)) => {
                    (digits(whole) && (digits(part) || part.is_empty()))
                        || (whole.is_empty() && digits(part))
                }
            }
        }
        Kind::Date | Kind::Time => !unreadable(value),
    };
    if !sound {
        return Some((ElementCode::Character, true));
    }
    let known = part.values.is_empty() || part.values.contains(&value);
    if !known && !part.lenient {
        return Some((ElementCode::Value, true));
    }
    if counted < simple.least {
        return Some((ElementCode::TooShort, true));
    }
    if counted > simple.most {
        return Some((ElementCode::TooLong, true));
    }
    if !known {
        return Some((ElementCode::Value, false));
    }
    match simple.kind {
        Kind::Date if !is_date(value) => return Some((ElementCode::Date, true)),
        Kind::Time if !is_time(value) => return Some((ElementCode::Time, true)),
        _ => {}
    }
    None
}

/// Dates whose form another element names: in DTP, DMG, and the codes of HI.
fn check_dates(segment: &Segment<'_>, wrong: &mut Vec<Wrong>) {
    let mut say = |place: At, format: &str, value: &str| {
        if let Some(code) = of_format(format, value).filter(|_| !value.is_empty()) {
            wrong.push((place, code, true));
        }
    };
    match segment.tag() {
        "DTP" => say(at(3, None, None), segment.element(2), segment.element(3)),
        "DMG" => say(at(2, None, None), segment.element(1), segment.element(2)),
        "PAT" => say(at(6, None, None), segment.element(5), segment.element(6)),
        "HI" => {
            for (number, text) in (1..=12u16).zip(segment.elements()) {
                let first = split(text, segment.delimiters().repetition).next();
                let mut of = segment.components(first.unwrap_or("")).skip(2);
                let (format, value) = (of.next().unwrap_or(""), of.next().unwrap_or(""));
                say(at(number, Some(4), None), format, value);
            }
        }
        _ => {}
    }
}

/// What is wrong with a date of a format; nothing, of a format that is not known.
fn of_format(format: &str, value: &str) -> Option<ElementCode> {
    let date = |sound: bool| (!sound).then_some(ElementCode::Date);
    match format {
        "D8" => date(is_date(value)),
        "RD8" => date(
            value
                .split_once('-')
                .is_some_and(|(from, through)| is_date(from) && is_date(through)),
        ),
        "DT" => match value.split_at_checked(8) {
            Some((day, time)) if is_date(day) => (!is_time(time)).then_some(ElementCode::Time),
            _ => Some(ElementCode::Date),
        },
        "TM" => (!is_time(value)).then_some(ElementCode::Time),
        _ => None,
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// CCYYMMDD.
pub(crate) fn is_date(text: &str) -> bool {
    let parts = || {
        let (year, rest) = text.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        Some((number(year)?, number(month)?, number(day)?))
    };
    let Some((year, month, day)) = parts().filter(|_| text.len() == 8) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    year > 0 && (1..=days).contains(&day)
}

/// HHMM, HHMMSS, and hundredths.
pub(crate) fn is_time(text: &str) -> bool {
    if !matches!(text.len(), 4 | 6 | 7 | 8) || number(text).is_none() {
        return false;
    }
    let pair = |from: usize| text.get(from..from.saturating_add(2)).and_then(number);
    pair(0).is_some_and(|hour| hour < 24)
        && pair(2).is_some_and(|minute| minute < 60)
        && (text.len() == 4 || pair(4).is_some_and(|second| second < 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        for sound in ["20240229", "19991231", "20000229"] {
            assert!(is_date(sound), "{sound}");
        }
        for unsound in [
            "20230229", "1999123", "19990001", "19000229", "2024-1-1", "00000101",
        ] {
            assert!(!is_date(unsound), "{unsound}");
        }
        for sound in ["0000", "2359", "235959", "09460000"] {
            assert!(is_time(sound), "{sound}");
        }
        for unsound in ["2400", "0960", "12", "12345", "1a00", "005960"] {
            assert!(!is_time(unsound), "{unsound}");
        }
        assert_eq!(of_format("DT", "200506170800"), None);
        assert_eq!(
            of_format("RD8", "20050617-20050631"),
            Some(ElementCode::Date)
        );
        assert_eq!(of_format("DT", "200506172500"), Some(ElementCode::Time));
    }
}
