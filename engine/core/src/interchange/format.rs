//! Which format a file is in.

use super::json::{self, Budget, Json};

/// A format claims are sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// FHIR R4 JSON: a Claim, or a Bundle with Claims.
    FhirJson,
    /// FHIR R4 ndjson: a resource on each line.
    FhirNdjson,
    /// Our own JSON: `docs/claim-json.md`.
    TallyJson,
    /// X12: recognised, so that it can be refused by name.
    X12,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::FhirJson, Self::FhirNdjson, Self::TallyJson, Self::X12];

    /// Its name, as a `--format` option takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FhirJson => "fhir",
            Self::FhirNdjson => "fhir-ndjson",
            Self::TallyJson => "json",
            Self::X12 => "x12",
        }
    }

    /// The format of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// The format of a file, by its content; `None` when it is none of these.
///
/// One JSON document is FHIR or ours by what it says of itself. What is no one
/// document is ndjson when a line of it is a JSON object and nothing else;
/// what is cut short is known by the words that are left.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let start = bytes.trim_ascii_start();
    let after = |n: usize| start.get(n).is_some_and(|b| !b.is_ascii_alphanumeric());
    if (start.starts_with(b"ISA") && after(3))
        || ((start.starts_with(b"GS") || start.starts_with(b"ST")) && after(2))
    {
        return Some(Format::X12);
    }
    let mentions = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
    let listed = start.first() == Some(&b'[');
    match core::str::from_utf8(start) {
        Ok(text) if json::is_document(text) => {
            // Too deep or too long a document is still of a format.
            if let Ok(document) = json::read(text, "file", &mut Budget::new()) {
                return of_document(&document);
            }
        }
        _ if listed => {}
        _ => {
            if start.split(|b| *b == b'\n').any(is_object_line) {
                return Some(Format::FhirNdjson);
            }
        }
    }
    if mentions(b"\"tallystick-claim/") || listed {
        Some(Format::TallyJson)
    } else if start.first() == Some(&b'{') {
        Some(Format::FhirJson)
    } else {
        None
    }
}

fn of_document(document: &Json<'_>) -> Option<Format> {
    match document {
        Json::List(_) => Some(Format::TallyJson),
        Json::Object(_) if document.get("resourceType").is_some() => Some(Format::FhirJson),
        Json::Object(_) if document.get("format").is_some() => Some(Format::TallyJson),
        _ => None,
    }
}

fn is_object_line(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && core::str::from_utf8(line).is_ok_and(json::is_document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_out_and_back() {
        for format in Format::ALL {
            assert_eq!(Format::of_name(format.name()), Some(format));
        }
        assert_eq!(Format::of_name("csv"), None);
    }

    #[test]
    fn formats_are_told_by_their_content() {
        let claim = r#"{"resourceType":"Claim"}"#;
        for (text, format) in [
            (claim.to_owned(), Some(Format::FhirJson)),
            (format!("\n  {claim}\n\n"), Some(Format::FhirJson)),
            (format!("{claim}\n{claim}\n"), Some(Format::FhirNdjson)),
            (format!("{claim}\r\n\r\n{claim}"), Some(Format::FhirNdjson)),
            (format!("{claim}\n{{\"resour"), Some(Format::FhirNdjson)),
            (format!("{{\"resour\n{claim}\n"), Some(Format::FhirNdjson)),
            (format!("rubbish\n{claim}\n"), Some(Format::FhirNdjson)),
            (
                "{\n  \"resourceType\": \"Claim\",\n".into(),
                Some(Format::FhirJson),
            ),
            (
                r#"{"format":"tallystick-claim/v1"}"#.into(),
                Some(Format::TallyJson),
            ),
            (
                r#"{"format":"tallystick-claim/v1","#.into(),
                Some(Format::TallyJson),
            ),
            (
                r#"[{"format":"tallystick-claim/v1"}]"#.into(),
                Some(Format::TallyJson),
            ),
            ("[\n{\"a\":1}\n".into(), Some(Format::TallyJson)),
            ("ISA*00*          *00*".into(), Some(Format::X12)),
            ("\r\nISA~00~".into(), Some(Format::X12)),
            ("GS*HC*SENDER".into(), Some(Format::X12)),
            ("STATUS".into(), None),
            ("ISAAC".into(), None),
            (r#"{"some":"object"}"#.into(), None),
            ("7".into(), None),
            ("claim,charge\n1,2\n".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(detect(text.as_bytes()), format, "{text}");
        }
        assert_eq!(detect(b"\xff\xfe{"), None);
    }
}
