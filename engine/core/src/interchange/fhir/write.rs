//! What all resources that go out share: codings, identifiers, references, money.

use tally_types::{CodeSystem, Money, ServiceDate};

use super::super::json::{Json, list, number, object, text};

pub(super) const ADJUDICATION: &str = "http://terminology.hl7.org/CodeSystem/adjudication";
pub(super) const CARC: &str = "https://x12.org/codes/claim-adjustment-reason-codes";
pub(super) const RARC: &str = "https://x12.org/codes/remittance-advice-remark-codes";
pub(super) const GROUP: &str = "https://x12.org/codes/claim-adjustment-group-codes";
pub(super) const CLAUSE: &str = "https://tallystick.example/fhir/CodeSystem/clause";
/// The codes that stand for what is required and absent.
pub(super) const DATA_ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
pub(super) const CLAIM_ID: &str = "https://tallystick.example/fhir/claim";
pub(super) const MEMBER_ID: &str = "https://tallystick.example/fhir/member";
pub(super) const CLAIM_TYPE: &str = "http://terminology.hl7.org/CodeSystem/claim-type";
pub(super) const TRACE_NUMBER: &str =
    "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemTraceNumber";
/// Where the names of CARIN Blue Button begin.
pub(super) const CARIN: &str = "http://hl7.org/fhir/us/carin-bb";
/// The version of CARIN Blue Button whose profiles are named.
pub(super) const CARIN_VERSION: &str = "2.1.0";

pub(super) fn coding(system: &'static str, code: impl ToString) -> Json<'static> {
    object([("system", text(system)), ("code", text(code.to_string()))])
}

/// A coding of a code system of CARIN Blue Button.
pub(super) fn carin(system: &str, code: &'static str) -> Json<'static> {
    object([
        ("system", text(format!("{CARIN}/CodeSystem/{system}"))),
        ("code", text(code)),
    ])
}

pub(super) fn concept<'a>(codings: impl IntoIterator<Item = Json<'a>>) -> Json<'a> {
    object([("coding", list(codings))])
}

/// A concept of one coding, where there is a code.
pub(super) fn coded(system: &'static str, code: tally_types::ShortCode) -> Json<'static> {
    match code.is_none() {
        true => Json::Null,
        false => concept([coding(system, code)]),
    }
}

pub(super) fn identifier(system: Option<&'static str>, value: String) -> Json<'static> {
    object([
        ("system", system.map_or(Json::Null, text)),
        ("value", text(value)),
    ])
}

/// A reference by an identifier.
pub(super) fn logical(value: String) -> Json<'static> {
    object([("identifier", identifier(None, value))])
}

/// A reference to a resource.
pub(super) fn reference(to: String) -> Json<'static> {
    object([("reference", text(to))])
}

pub(super) fn money(amount: Money) -> Json<'static> {
    object([("value", number(amount)), ("currency", text("USD"))])
}

pub(super) fn day(day: ServiceDate) -> Json<'static> {
    text(day.to_string())
}

/// A period by its days.
pub(super) fn period(from: ServiceDate, through: Option<ServiceDate>) -> Json<'static> {
    object([
        ("start", day(from)),
        ("end", through.map_or(Json::Null, day)),
    ])
}

/// A list, or nothing: FHIR has no empty lists.
pub(super) fn unless_empty<'a>(items: impl IntoIterator<Item = Json<'a>>) -> Json<'a> {
    match list(items) {
        Json::List(items) if items.is_empty() => Json::Null,
        items => items,
    }
}

/// When a resource was made, and the profile of CARIN Blue Button it is of.
pub(super) fn meta(updated: ServiceDate, profile: &str) -> Json<'static> {
    let profile = format!("{CARIN}/StructureDefinition/{profile}|{CARIN_VERSION}");
    object([
        ("lastUpdated", text(format!("{updated}T00:00:00Z"))),
        ("profile", list([text(profile)])),
    ])
}

/// The extension that stands for what is required and not known.
pub(super) fn absent() -> Json<'static> {
    list([object([
        (
            "url",
            text("http://hl7.org/fhir/StructureDefinition/data-absent-reason"),
        ),
        ("valueCode", text("unknown")),
    ])])
}

/// The URI of a list of procedures, drugs or services.
pub(super) fn system_of(system: CodeSystem) -> Option<&'static str> {
    match system {
        CodeSystem::Unspecified | CodeSystem::Other => None,
        CodeSystem::Hcpcs => Some("http://www.ama-assn.org/go/cpt"),
        CodeSystem::Cdt => Some("http://www.ada.org/cdt"),
        CodeSystem::Ndc => Some("http://hl7.org/fhir/sid/ndc"),
        CodeSystem::RxNorm => Some("http://www.nlm.nih.gov/research/umls/rxnorm"),
        CodeSystem::Snomed => Some("http://snomed.info/sct"),
        CodeSystem::Icd10Pcs => Some("http://www.cms.gov/Medicare/Coding/ICD10"),
        CodeSystem::Revenue => Some("https://www.nubc.org/CodeSystem/RevenueCodes"),
    }
}

/// The sender's own number for a line, as an extension of its item.
pub(super) fn trace_number(control_number: &str) -> Json<'_> {
    if control_number.is_empty() {
        return Json::Null;
    }
    list([object([
        ("url", text(TRACE_NUMBER)),
        ("valueIdentifier", object([("value", text(control_number))])),
    ])])
}
