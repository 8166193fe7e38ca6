//! The extensions of Da Vinci PAS and the lists of X12 that they draw on.

use super::super::super::node::Node;
use super::super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::coding::{self, Coding};
use crate::authorization::{Certification, Urgency};
use crate::claim::AuthorizationKind;

/// Where the extensions of PAS begin.
pub const PAS: &str = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/";
/// What is decided (HCR01).
pub const REVIEW_ACTION: &str = "https://codesystem.x12.org/005010/306";
/// Why (HCR03).
pub const REVIEW_REASON: &str = "https://codesystem.x12.org/external/886";
/// Types of service (UM03).
pub const SERVICE_TYPE: &str = "https://codesystem.x12.org/005010/1365";

/// The extension of PAS of a name, where the element has it.
pub fn extension<'a>(element: &Node<'a>, name: &str) -> Result<Option<Node<'a>>, Fault> {
    Ok(extensions(element, name)?.into_iter().next())
}

/// The extensions of PAS of a name, as published: whatever the URL before it, since it
/// has changed with the versions of the guide.
pub fn extensions<'a>(element: &Node<'a>, name: &str) -> Result<Vec<Node<'a>>, Fault> {
    let mut found = Vec::new();
    for extension in element.items("extension")? {
        let url = extension.json().text_of("url").unwrap_or_default();
        if url.rsplit('/').next() == Some(name) {
            found.push(extension);
        }
    }
    Ok(found)
}

/// The code in the extension of a name, at its place.
pub fn code_in<'a>(element: &Node<'a>, name: &str) -> Result<Option<Coding<'a>>, Fault> {
    let Some(extension) = extension(element, name)? else {
        return Ok(None);
    };
    let concept = extension.need("valueCodeableConcept")?;
    let coding = coding::choose(&concept, |system| system.contains("x12.org/"))?;
    coding
        .map(Some)
        .ok_or_else(|| concept.fault(IntakeRule::Missing, "there is no code"))
}

/// What is asked to be done (UM02, list 1322).
pub fn certification(coding: &Coding<'_>) -> Result<Certification, Fault> {
    match coding.code {
        "I" => Ok(Certification::Initial),
        "R" => Ok(Certification::Renewal),
        "S" => Ok(Certification::Revised),
        "3" => Ok(Certification::Cancel),
        _ => Err(coding.node.fault(
            IntakeRule::BadCode,
            "it is none of I (initial), R (renewal), S (revised) and 3 (cancel)",
        )),
    }
}

/// How soon an answer is needed (UM06, list 1338).
pub fn urgency(coding: &Coding<'_>) -> Result<Urgency, Fault> {
    match coding.code {
        "E" => Ok(Urgency::Elective),
        "U" => Ok(Urgency::Urgent),
        "03" => Ok(Urgency::Emergency),
        _ => Err(coding.node.fault(
            IntakeRule::BadCode,
            "it is none of E (elective), U (urgent) and 03 (emergency)",
        )),
    }
}

/// What is asked for (UM01, list 1525): a review of care by a specialist is a referral.
pub fn kind(coding: &Coding<'_>) -> Result<AuthorizationKind, Fault> {
    match coding.code {
        "SC" => Ok(AuthorizationKind::Referral),
        "HS" | "AR" | "IN" => Ok(AuthorizationKind::Authorization),
        _ => Err(coding
            .node
            .fault(IntakeRule::BadCode, "it is none of AR, HS, IN and SC")),
    }
}

/// Roles of one who is to give a service: of HL7, and of X12 (list 98, loop 2010EA).
pub fn gives_service(role: &str) -> bool {
    matches!(role, "primary" | "rendering" | "performing" | "operating")
        || matches!(role, "72" | "73" | "77" | "FA" | "G3" | "QB" | "QV" | "SJ")
}

/// Refuses a modifier extension, but one that says an element is not withdrawn.
pub fn understood(element: &Node<'_>) -> Result<(), Fault> {
    for extension in element.items("modifierExtension")? {
        let url = extension.need("url")?.text()?;
        let withdraws = matches!(
            url.rsplit('/').next(),
            Some("modifierextension-infoCancelled" | "extension-itemCancelled")
        );
        let kept = withdraws
            && match extension.get("valueBoolean")? {
                Some(value) => !value.bool()?,
                None => false,
            };
        if !kept {
            return Err(extension.fault(
                IntakeRule::NotUnderstood,
                match withdraws {
                    true => "a line that is withdrawn is left out of a revision",
                    false => "a modifier extension that is not understood changes what it means",
                },
            ));
        }
    }
    Ok(())
}
