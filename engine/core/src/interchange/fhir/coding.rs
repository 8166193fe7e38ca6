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

/// The coding of a concept that is of a preferred list, else its first. Two codes of
/// preferred lists that differ contradict each other.
pub(super) fn choose<'a>(
    concept: &Node<'a>,
    preferred: impl Fn(&str) -> bool,
) -> Result<Option<Coding<'a>>, Fault> {
    pick(concept, |system| preferred(system).then_some(0))
}

/// The coding of a concept whose list is wanted most, which is the one of the lowest
/// rank, else its first. Two codes of lists of one rank that differ contradict each
/// other, for the one that is meant cannot be told.
pub(super) fn pick<'a>(
    concept: &Node<'a>,
    rank: impl Fn(&str) -> Option<u8>,
) -> Result<Option<Coding<'a>>, Fault> {
    let mut found = codings(concept)?;
    let ranked = |coding: &Coding<'_>| coding.system.and_then(&rank);
    let best = found.iter().filter_map(ranked).min();
    let mut wanted = found
        .iter()
        .enumerate()
        .filter(|(_, coding)| best.is_some() && ranked(coding) == best);
    let Some((position, chosen)) = wanted.next() else {
        return Ok((!found.is_empty()).then(|| found.swap_remove(0)));
    };
    if let Some((_, other)) = wanted.find(|(_, other)| !alike(other.code, chosen.code)) {
        return Err(differ(other));
    }
    Ok(Some(found.swap_remove(position)))
}

/// What the codings of a concept mean, whichever of them is known; none where none is.
/// Two that are known and mean different things contradict each other.
pub(super) fn meaning<'a, T: PartialEq>(
    concept: &Node<'a>,
    of: impl Fn(&Coding<'a>) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let mut meant = None;
    for coding in codings(concept)? {
        let Some(found) = of(&coding) else {
            continue;
        };
        if meant.as_ref().is_some_and(|meant| *meant != found) {
            return Err(differ(&coding));
        }
        meant = Some(found);
    }
    Ok(meant)
}

/// What the concept at a key means.
pub(super) fn meaning_at<'a, T: PartialEq>(
    node: &Node<'a>,
    key: &str,
    of: impl Fn(&Coding<'a>) -> Option<T>,
) -> Result<Option<T>, Fault> {
    match node.get(key)? {
        Some(concept) => meaning(&concept, of),
        None => Ok(None),
    }
}

/// A coding that says something other than one before it of the same concept.
pub(super) fn differ(coding: &Coding<'_>) -> Fault {
    coding.node.fault(
        IntakeRule::CodesDiffer,
        "another code is given for the same, and says something else",
    )
}

/// Whether two codes are one, which may be written with points or hyphens.
pub(super) fn alike(one: &str, other: &str) -> bool {
    let plain = |code: &'_ str| -> String {
        let kept = code.trim().chars().filter(|c| !matches!(c, '.' | '-'));
        kept.map(|c| c.to_ascii_uppercase()).collect()
    };
    one == other || plain(one) == plain(other)
}

/// The code of the concept at a key, if there is one: as [`choose`] has it.
pub(super) fn code_at<'a>(
    node: &Node<'a>,
    key: &str,
    preferred: impl Fn(&str) -> bool,
) -> Result<Option<Coding<'a>>, Fault> {
    picked_at(node, key, |system| preferred(system).then_some(0))
}

/// The code of the concept at a key whose list is wanted most: as [`pick`] has it.
pub(super) fn picked_at<'a>(
    node: &Node<'a>,
    key: &str,
    rank: impl Fn(&str) -> Option<u8>,
) -> Result<Option<Coding<'a>>, Fault> {
    match node.get(key)? {
        Some(concept) => pick(&concept, rank),
        None => Ok(None),
    }
}

/// In which order the lists of what was done are wanted: those that services are billed
/// by (CPT and HCPCS, CDT), drugs (NDC), revenue codes, and what only describes.
pub(super) fn billing(system: &str) -> Option<u8> {
    match list_of(Some(system)) {
        CodeSystem::Hcpcs | CodeSystem::Cdt => Some(1),
        CodeSystem::Ndc => Some(2),
        CodeSystem::Revenue => Some(3),
        CodeSystem::RxNorm => Some(4),
        CodeSystem::Snomed => Some(5),
        CodeSystem::Icd10Pcs => Some(6),
        CodeSystem::Other | CodeSystem::Unspecified => None,
    }
}

/// The same of a pharmacy, which bills drugs first.
pub(super) fn dispensing(system: &str) -> Option<u8> {
    match list_of(Some(system)) {
        CodeSystem::Ndc => Some(0),
        _ => billing(system),
    }
}

/// In which order lists of diagnoses and of hospitals' procedures are wanted: those of
/// the United States in force, others of ICD-10, and what came before.
pub(super) fn icd(system: &str) -> Option<u8> {
    let system = system.to_ascii_lowercase();
    let has = |word: &str| system.contains(word);
    let ends = |arcs: &str| system.strip_prefix("urn:oid:2.16.840.1.113883.6.") == Some(arcs);
    let clinical = has("icd-10-cm") || has("icd10cm") || ends("90");
    let procedures = has("icd-10-pcs") || has("icd10pcs") || ends("4");
    if clinical || procedures || has("coding/icd10") {
        Some(0)
    } else if has("icd-10") || has("icd10") || ends("3") {
        Some(1)
    } else if has("icd") || ends("103") || ends("104") {
        Some(2)
    } else {
        None
    }
}

/// Whether a system is a list of modifiers.
pub(super) fn is_modifier(system: &str) -> bool {
    list_of(Some(system)) == CodeSystem::Hcpcs || system.to_ascii_lowercase().contains("modifier")
}

/// Whether a system is the list of revenue codes.
pub(super) fn is_revenue(system: &str) -> bool {
    list_of(Some(system)) == CodeSystem::Revenue || system.to_ascii_lowercase().contains("revenue")
}

/// Whether a system is the list of types of service (X12 1365).
pub(super) fn is_service_type(system: &str) -> bool {
    let bare = system.trim_end_matches('/');
    bare.ends_with("x12.org/005010/1365") || bare.ends_with("service-type-codes")
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
