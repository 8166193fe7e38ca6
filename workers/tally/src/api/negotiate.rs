//! Kinds of content: what a body is, and which kind of answer is wanted.

use axum::http::{HeaderMap, header};
use tally_core::interchange::Format;

use super::problem::{Code, Problem};

pub(super) const JSON: &str = "application/json";
pub(super) const FHIR: &str = "application/fhir+json";
pub(super) const NDJSON: &str = "application/fhir+ndjson";
/// RFC 1767, in the lower case that kinds are compared in.
pub(super) const X12: &str = "application/edi-x12";
pub(super) const TEXT: &str = "text/plain";

/// The kind of answer that is wanted most, of those there are; the first of
/// them when nothing is said.
pub(super) fn answer(
    headers: &HeaderMap,
    offers: &[&'static str],
) -> Result<&'static str, Problem> {
    let mut asked = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .map(range)
        .peekable();
    let first = offers.first().copied().unwrap_or(JSON);
    if asked.peek().is_none() {
        return Ok(first);
    }
    let asked: Vec<_> = asked.collect();
    let mut best: Option<(&'static str, u16)> = None;
    for offer in offers {
        // The most specific range that fits an offer says how much it is wanted.
        let wanted = asked
            .iter()
            .filter_map(|(range, weight)| Some((fit(range, offer)?, *weight)))
            .max()
            .map_or(0, |(_, weight)| weight);
        if wanted > best.map_or(0, |(_, weight)| weight) {
            best = Some((offer, wanted));
        }
    }
    best.map(|(offer, _)| offer).ok_or_else(|| {
        Problem::new(
            Code::NotAcceptable,
            format!("The kinds of answer there are: {}.", offers.join(", ")),
        )
    })
}

/// A range and its weight in thousandths; what is malformed weighs in full.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .map_or(1000, thousandths);
    (range, weight)
}

fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole != "0" {
        return 1000;
    }
    let mut digits = fraction.bytes().filter(u8::is_ascii_digit);
    (0..3).fold(0, |sum, _| {
        sum * 10 + digits.next().map_or(0, |digit| u16::from(digit - b'0'))
    })
}

/// How specific a range is that an offer fits.
fn fit(range: &str, offer: &str) -> Option<u8> {
    if range == offer {
        return Some(2);
    }
    if range == "*/*" {
        return Some(0);
    }
    let kind = range.strip_suffix("/*")?;
    (offer.split_once('/')?.0 == kind).then_some(1)
}

/// The format of a body, by its `Content-Type`; `None` when it is JSON that
/// tells by its content whether it is FHIR or ours.
pub(super) fn body(headers: &HeaderMap) -> Result<Option<Format>, Problem> {
    let wrong = |detail: &'static str| Err(Problem::new(Code::MediaType, detail));
    let encoded = headers.get(header::CONTENT_ENCODING);
    if encoded.is_some_and(|encoding| encoding.as_bytes() != b"identity") {
        return wrong("A body with a Content-Encoding is not read: send it as it is.");
    }
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(text)), None) = (kinds.next().map(|kind| kind.to_str()), kinds.next()) else {
        return wrong("Say the Content-Type of the body, once.");
    };
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim_matches('"');
        let known = match name.to_ascii_lowercase().as_str() {
            "charset" => value.eq_ignore_ascii_case("utf-8"),
            "fhirversion" => value == "4.0",
            "" => true,
            _ => false,
        };
        if !known {
            return wrong(
                "The Content-Type's only parameters are charset=utf-8 and fhirVersion=4.0.",
            );
        }
    }
    match kind.as_str() {
        JSON => Ok(None),
        FHIR => Ok(Some(Format::FhirJson)),
        NDJSON => Ok(Some(Format::FhirNdjson)),
        X12 => Ok(Some(Format::X12)),
        _ => wrong(
            "The kinds that are read: application/json, application/fhir+json, application/fhir+ndjson, application/EDI-X12.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn the_answer_wanted_most_is_given() {
        let offers = [JSON, TEXT, FHIR];
        for (accept, expected) in [
            ("*/*", Some(JSON)),
            ("", Some(JSON)),
            ("text/plain", Some(TEXT)),
            ("text/*", Some(TEXT)),
            ("Application/FHIR+JSON", Some(FHIR)),
            ("application/fhir+json;q=0.9, text/plain;q=0.8", Some(FHIR)),
            ("application/json;q=0.1, text/plain;q=0.15", Some(TEXT)),
            ("*/*, application/json;q=0", Some(TEXT)),
            ("application/*;q=0.5, application/json;q=0.2", Some(FHIR)),
            ("application/fhir+json; fhirVersion=4.0", Some(FHIR)),
            ("text/html", None),
            ("*/*;q=0", None),
            ("application/json;q=0.000", None),
        ] {
            let chosen = answer(&headers(header::ACCEPT, accept), &offers).ok();
            assert_eq!(chosen, expected, "{accept}");
        }
        assert_eq!(answer(&HeaderMap::new(), &offers).ok(), Some(JSON));
    }

    #[test]
    fn bodies_are_of_four_kinds() {
        for (kind, expected) in [
            ("application/json", Some(None)),
            ("application/json; charset=UTF-8", Some(None)),
            ("application/fhir+json", Some(Some(Format::FhirJson))),
            (
                "application/fhir+json; fhirVersion=4.0; charset=\"utf-8\"",
                Some(Some(Format::FhirJson)),
            ),
            ("application/fhir+ndjson", Some(Some(Format::FhirNdjson))),
            ("application/EDI-X12", Some(Some(Format::X12))),
            ("application/json; charset=latin1", None),
            ("application/fhir+json; fhirVersion=5.0", None),
            ("application/json; boundary=x", None),
            ("application/fhir+xml", None),
            ("text/plain", None),
            ("", None),
        ] {
            let format = body(&headers(header::CONTENT_TYPE, kind)).ok();
            assert_eq!(format, expected, "{kind}");
        }
        assert!(body(&HeaderMap::new()).is_err());
        let mut packed = headers(header::CONTENT_TYPE, JSON);
        packed.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(body(&packed).is_err());
    }
}
