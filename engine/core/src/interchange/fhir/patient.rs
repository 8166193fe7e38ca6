//! A member as a `Patient` of CARIN Blue Button.

use sha2::{Digest, Sha256};
use tally_types::ServiceDate;

use super::super::json::{Json, list, object, text};
use super::write::{MEMBER_ID, absent, coding, concept, day, meta, unless_empty};
use crate::claim::{Contract, Member, Sex};

/// A member as a FHIR R4 `Patient`, on one line.
#[must_use]
pub fn patient_resource(contract: &Contract, member: &Member, updated: ServiceDate) -> String {
    json(contract, member, updated).to_string()
}

pub(super) fn json<'a>(contract: &Contract, member: &'a Member, updated: ServiceDate) -> Json<'a> {
    object([
        ("resourceType", text("Patient")),
        ("id", text(patient_id(contract, member))),
        ("meta", meta(updated, "C4BB-Patient")),
        ("identifier", list([member_number(member)])),
        ("name", list([name(member)])),
        ("gender", text(gender(member.sex))),
        ("birthDate", day(member.birth)),
        ("deceasedDateTime", member.death.map_or(Json::Null, day)),
    ])
}

/// The number on the card.
pub(super) fn member_number(member: &Member) -> Json<'_> {
    object([
        (
            "type",
            concept([coding(
                "http://terminology.hl7.org/CodeSystem/v2-0203",
                "MB",
            )]),
        ),
        ("system", text(MEMBER_ID)),
        ("value", text(&member.id)),
    ])
}

/// A name: the last word is taken for the family's, and the whole is the text.
fn name(member: &Member) -> Json<'_> {
    let (family, given) = member.family_and_given();
    if family.is_empty() {
        return object([("extension", absent())]);
    }
    object([
        ("text", text(member.name.trim())),
        ("family", text(family)),
        ("given", unless_empty(given.split_whitespace().map(text))),
    ])
}

fn gender(sex: Sex) -> &'static str {
    match sex {
        Sex::Unknown => "unknown",
        Sex::Female => "female",
        Sex::Male => "male",
        Sex::Other => "other",
    }
}

/// The id of a member's Patient. It is in addresses, which are logged, so it is not
/// the number on the card.
pub(super) fn patient_id(contract: &Contract, member: &Member) -> String {
    id_of(b"tallystick/fhir-patient/v1", &[&contract.id, &member.id])
}

/// An id made of other ids: 32 hexadecimal digits.
pub(super) fn id_of(domain: &[u8], parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(domain);
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hasher.update(length.to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest: [u8; 32] = hasher.finalize().into();
    digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
