//! What all pages share: the frame around them, and how amounts, names and
//! hashes look to a person.

use std::fmt::Write as _;

use askama::Template;
use axum::response::{Html, IntoResponse as _};
use tally_types::Money;

use super::{Answered, assets};
use crate::node::ClaimRead;

/// Which part of the pages one is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    None,
    Overview,
    Claims,
    Payments,
    Appeals,
    Flags,
    Ledger,
    Policies,
}

/// The frame of a page. Browsers remember titles: none identifies a person.
pub(super) struct Shell {
    pub(super) title: String,
    pub(super) style: String,
    pub(super) origin: String,
    pub(super) tabs: Vec<(&'static str, &'static str, bool)>,
}

impl Shell {
    pub(super) fn new(title: &str, here: Tab, origin: &str) -> Self {
        let tabs = [
            ("/", "Overview", Tab::Overview),
            ("/claims", "Claims", Tab::Claims),
            ("/payments", "Payments", Tab::Payments),
            ("/appeals", "Appeals", Tab::Appeals),
            ("/flags", "Flags", Tab::Flags),
            ("/ledger", "Ledger", Tab::Ledger),
            ("/policies", "Policies", Tab::Policies),
        ];
        Self {
            title: title.to_owned(),
            style: assets::style_href(),
            origin: origin.to_owned(),
            tabs: tabs.map(|(to, name, tab)| (to, name, tab == here)).to_vec(),
        }
    }
}

/// Renders a page.
pub(super) fn html(page: &impl Template) -> Answered {
    Ok(Html(page.render()?).into_response())
}

/// A number in groups of three: `1234567.80` is `1,234,567.80`.
pub(super) fn grouped(number: impl std::fmt::Display) -> String {
    let text = number.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", text.as_str()),
    };
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut out = sign.to_owned();
    for (at, digit) in digits.char_indices() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The scaled integer behind an amount of the view: cents, or a count.
pub(super) fn scaled(amount: &str) -> i64 {
    if amount.contains('.') {
        Money::parse(amount).unwrap_or_default().scaled()
    } else {
        amount.parse().unwrap_or_default()
    }
}

/// The beginning of an id or hash.
pub(super) fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// A stable name in words: `suspect-duplicate` is `Suspect duplicate`.
pub(super) fn words(name: &str) -> String {
    let mut text = name.replace(['-', '_'], " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A share in percent, for people: never 0 of something, never all of less.
pub(super) fn percent(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) | (_, 0) => "0 %".to_owned(),
        (part, whole) if part >= whole => "100 %".to_owned(),
        (part, whole) => match (part.saturating_mul(1000) + whole / 2) / whole {
            0 => "< 0.1 %".to_owned(),
            1000 => "> 99.9 %".to_owned(),
            share => format!("{}.{} %", share / 10, share % 10),
        },
    }
}

/// The value of a field of a query string; blank is none.
pub(super) fn field<'a>(asked: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let (_, value) = asked.iter().find(|(key, _)| key == name)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// A query string of the fields that have a value, with its `?`; or nothing.
pub(super) fn query(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        text.push(if text.is_empty() { '?' } else { '&' });
        let _ = write!(text, "{name}={}", encoded(value));
    }
    text
}

/// The list of a provider's claims.
pub(super) fn claims_by(provider: &str) -> String {
    format!("/claims{}", query(&[("provider", provider)]))
}

/// The list of a member's claims.
pub(super) fn claims_for(member: &str) -> String {
    format!("/claims{}", query(&[("member", member)]))
}

/// Where a claim's member is shown: enrolment, where it knows the member, else
/// the list of the member's claims.
pub(super) fn member_of(read: &ClaimRead) -> String {
    let id = &read.claim.member.identifier;
    match read.row.contract {
        Some(_) => format!("/members/{}", encoded(id)),
        None => claims_for(id),
    }
}

/// A text as a part of an address.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            ("0.00", "0.00"),
            ("999.99", "999.99"),
            ("1000.00", "1,000.00"),
            ("-1234567.80", "−1,234,567.80"),
            ("123456", "123,456"),
            ("1000000", "1,000,000"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn amounts_are_read_back() {
        assert_eq!(scaled("1234.50"), 123_450);
        assert_eq!(scaled("12"), 12);
    }

    #[test]
    fn shares_round_but_never_to_nothing_or_all() {
        for (part, whole, text) in [
            (0, 10, "0 %"),
            (1, 10_000, "< 0.1 %"),
            (9_999, 10_000, "> 99.9 %"),
            (1, 3, "33.3 %"),
            (10, 10, "100 %"),
            (0, 0, "0 %"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }

    #[test]
    fn queries_are_encoded() {
        assert_eq!(
            query(&[("a", "x y&z"), ("b", ""), ("c", "é")]),
            "?a=x%20y%26z&c=%C3%A9"
        );
        assert_eq!(query(&[("a", "")]), "");
    }
}
