//! The diagnoses of a Claim, and the group that one of them puts it in.

use std::collections::BTreeSet;

use tally_types::{Code, ShortCode};

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding;
use super::sequence_of;
use super::who::Who;
use crate::claim::Limits;

/// The diagnoses, each with its sequence: in order of the sequence, the one typed
/// principal first. An admitting diagnosis, an external cause or a reason for the
/// visit that no item points to is left out, as in X12.
pub(super) fn read<'a>(claim: &Node<'a>, who: &Who<'a, '_>) -> Result<Vec<(u16, Code)>, Fault> {
    let pointed = pointed(claim)?;
    let mut found: Vec<(bool, u16, Code)> = Vec::new();
    let mut seen: Vec<u16> = Vec::new();
    for diagnosis in claim.items_within("diagnosis", Limits::DIAGNOSES)? {
        coding::understood(&diagnosis)?;
        let sequence = sequence_of(&diagnosis)?;
        if seen.contains(&sequence) {
            return Err(diagnosis.fault_at(
                "sequence",
                IntakeRule::Sequence,
                "two diagnoses have the same sequence",
            ));
        }
        seen.push(sequence);
        let (mut principal, mut types, mut beside) = (false, 0usize, 0usize);
        for concept in diagnosis.items("type")? {
            let codings = coding::codings(&concept)?;
            let has = |wanted: &dyn Fn(&str) -> bool| codings.iter().any(|of| wanted(of.code));
            principal |= has(&|code| code == "principal");
            types = types.saturating_add(usize::from(!codings.is_empty()));
            beside = beside.saturating_add(usize::from(has(&is_beside) && !has(&is_treated)));
        }
        let code = code(&diagnosis, who)?;
        if types == 0 || types != beside || pointed.contains(&sequence) {
            found.push((!principal, sequence, code));
        }
    }
    found.sort_unstable_by_key(|(secondary, sequence, _)| (*secondary, *sequence));
    Ok(found
        .into_iter()
        .map(|(_, sequence, code)| (sequence, code))
        .collect())
}

/// Types that are not of what was treated.
fn is_beside(kind: &str) -> bool {
    matches!(
        kind,
        "admitting" | "externalcause" | "externalcauseofinjury" | "patientreasonforvisit"
    )
}

/// Types that are of what was treated.
fn is_treated(kind: &str) -> bool {
    matches!(
        kind,
        "principal" | "secondary" | "discharge" | "clinical" | "other"
    )
}

/// The sequences that items point to; what is no sequence is found where it is read.
fn pointed(claim: &Node<'_>) -> Result<BTreeSet<u16>, Fault> {
    let mut pointed = BTreeSet::new();
    for item in claim.items_within("item", Limits::LINES)? {
        for pointer in item.items("diagnosisSequence")? {
            pointed.extend(scalar::whole(&pointer).ok());
        }
    }
    Ok(pointed)
}

/// A diagnosis's code, in place or in the Condition it refers to.
fn code<'a>(diagnosis: &Node<'a>, who: &Who<'a, '_>) -> Result<Code, Fault> {
    let concept = match diagnosis.get("diagnosisReference")? {
        None => diagnosis.need("diagnosisCodeableConcept")?,
        Some(reference) => who
            .resolve(&reference)?
            .ok_or_else(|| {
                reference.fault(
                    IntakeRule::Pointer,
                    "the condition it refers to is not in the file",
                )
            })?
            .need("code")?,
    };
    let coding = coding::pick(&concept, coding::icd)?
        .ok_or_else(|| concept.fault(IntakeRule::Missing, "a diagnosis needs a code"))?;
    scalar::diagnosis(&coding.node, coding.code)
}

/// The diagnosis-related group that a diagnosis names.
pub(super) fn group(claim: &Node<'_>) -> Result<ShortCode, Fault> {
    for diagnosis in claim.items("diagnosis")? {
        if let Some(package) = coding::picked_at(&diagnosis, "packageCode", drg)? {
            return scalar::short_code(&package.node, package.code);
        }
    }
    Ok(ShortCode::NONE)
}

/// In which order lists of groups are wanted: Medicare's, and others.
pub(super) fn drg(system: &str) -> Option<u8> {
    let system = system.to_ascii_lowercase();
    if system.contains("ms-drg") || system.contains("msdrg") {
        return Some(0);
    }
    system.contains("drg").then_some(1)
}
