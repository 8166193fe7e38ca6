//! Codings: which code of a concept is taken, and which list it is of.

use tally_types::CodeSystem;

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};

/// Extension of our own that marks a line an emergency: R4 has none for a line.
pub(super) const EMERGENCY: &str = "https://tallystick.example/fhir/StructureDefinition/emergency";

/// A coding with a code.
pub(super) struct Coding<'a> {
    /// The code, at its place.
    pub node: Node<'a>,
    /// The code.
    pub code: &'a str,
    /// The list it is of, when one is named.
    pub system: Option<&'a str>,
}

/// The codings of a `CodeableConcept` that have a code.
pub(super) fn codings<'a>(concept: &Node<'a>) -> Result<Vec<Coding<'a>>, Fault> {
    let mut found = Vec::new();
    for coding in concept.items("coding")? {
        let system = match coding.get("system")? {
            Some(system) => Some(system.text()?),
            None => None,
        };
        if let Some(node) = coding.get("code")? {
            let code = node.text()?;
            found.push(Coding { node, code, system });
        }
    }
    Ok(found)
}

/// The coding of a concept that is of a preferred list, else its first.
pub(super) fn choose<'a>(
    concept: &Node<'a>,
    preferred: impl Fn(&str) -> bool,
) -> Result<Option<Coding<'a>>, Fault> {
    let mut found = codings(concept)?;
    let position = found
        .iter()
        .position(|coding| coding.system.is_some_and(&preferred))
        .unwrap_or(0);
    Ok((position < found.len()).then(|| found.swap_remove(position)))
}

/// The first code of the concept at a key, if there is one.
pub(super) fn code_at<'a>(node: &Node<'a>, key: &str) -> Result<Option<Coding<'a>>, Fault> {
    match node.get(key)? {
        Some(concept) => choose(&concept, |_| false),
        None => Ok(None),
    }
}

/// Whether the concept at a key has this code, of any list.
pub(super) fn has_code(node: &Node<'_>, key: &str, code: &str) -> Result<bool, Fault> {
    match node.get(key)? {
        Some(concept) => Ok(codings(&concept)?.iter().any(|coding| coding.code == code)),
        None => Ok(false),
    }
}

/// The list a system's URI names.
pub(super) fn list_of(system: Option<&str>) -> CodeSystem {
    let Some(system) = system else {
        return CodeSystem::Unspecified;
    };
    let bare = system.trim_end_matches('/').to_ascii_lowercase();
    let bare = bare
        .strip_prefix("https://")
        .or_else(|| bare.strip_prefix("http://"))
        .unwrap_or(&bare);
    match bare.strip_prefix("www.").unwrap_or(bare) {
        "ama-assn.org/go/cpt"
        | "cms.gov/medicare/coding/hcpcsreleasecodesets"
        | "terminology.hl7.org/codesystem/hcpcs-all-codes"
        | "bluebutton.cms.gov/resources/codesystem/hcpcs"
        | "urn:oid:2.16.840.1.113883.6.12"
        | "urn:oid:2.16.840.1.113883.6.285" => CodeSystem::Hcpcs,
        "ada.org/cdt" | "urn:oid:2.16.840.1.113883.6.13" => CodeSystem::Cdt,
        "hl7.org/fhir/sid/ndc" | "urn:oid:2.16.840.1.113883.6.69" => CodeSystem::Ndc,
        "nlm.nih.gov/research/umls/rxnorm" | "urn:oid:2.16.840.1.113883.6.88" => CodeSystem::RxNorm,
        "snomed.info/sct" | "urn:oid:2.16.840.1.113883.6.96" => CodeSystem::Snomed,
        "cms.gov/medicare/coding/icd10"
        | "hl7.org/fhir/sid/icd-10-pcs"
        | "urn:oid:2.16.840.1.113883.6.4" => CodeSystem::Icd10Pcs,
        "nubc.org/codesystem/revenuecodes" => CodeSystem::Revenue,
        _ => CodeSystem::Other,
    }
}

/// Refuses what changes the meaning of an element and is not understood, as
/// FHIR requires. `itemCancelled` (Da Vinci PAS) is understood: an item may
/// say that it is not cancelled.
pub(super) fn understood(element: &Node<'_>) -> Result<(), Fault> {
    for extension in element.items("modifierExtension")? {
        let url = extension.need("url")?.text()?;
        let not_cancelled = url.ends_with("/extension-itemCancelled")
            && match extension.get("valueBoolean")? {
                Some(value) => !value.bool()?,
                None => false,
            };
        if !not_cancelled {
            return Err(extension.fault(
                IntakeRule::NotUnderstood,
                "a modifier extension that is not understood changes what it means",
            ));
        }
    }
    Ok(())
}
