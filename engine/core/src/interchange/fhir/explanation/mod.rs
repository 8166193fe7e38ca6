//! An `ExplanationOfBenefit` in the shape of CARIN Blue Button (STU 2.1, US): what a
//! member's applications are given. It says the amounts of the outcome, and no others.

mod item;
mod network;
mod parties;
mod supporting;

use tally_types::{Code, Money, ServiceDate};

use super::super::json::{Json, list, number, object, text};
use super::super::tally::kind_word;
use super::category::{Category, totals};
use super::patient::patient_id;
use super::response::{self, Notes};
use super::write::{
    CLAIM_ID, CLAIM_TYPE, carin, coding, concept, day, identifier, logical, meta, period,
    reference, unless_empty,
};
use crate::adjudication::{Outcome, Settlement, Status};
use crate::claim::{Claim, ClaimId, ClaimKind, Contract, Institutional, Member};
use parties::Parties;

pub(super) use parties::{insurer, insurer_named};

/// The insurer, as it is named to members.
#[derive(Clone, Copy)]
pub struct Insurer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its payer identifier.
    pub identifier: &'a str,
}

/// A payment that was made for a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidOn {
    /// The day of it.
    pub day: ServiceDate,
    /// What was paid with it for being late.
    pub interest: Money,
}

/// What an explanation of benefits is made of. It holds protected health
/// information: no `Debug`, no `Display`.
#[derive(Clone, Copy)]
pub struct Explanation<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// What it came to.
    pub outcome: &'a Outcome,
    /// The contract it was decided under.
    pub contract: &'a Contract,
    /// The member, of the contract.
    pub member: &'a Member,
    /// The insurer.
    pub insurer: Insurer<'a>,
    /// The day it was decided.
    pub decided: ServiceDate,
    /// The payment that told of this outcome, where one was made.
    pub paid: Option<PaidOn>,
    /// Whether it has been taken back: by a void, a replacement or a correction.
    pub reversed: bool,
    /// The claim that takes its place.
    pub replaced_by: Option<ClaimId>,
}

/// An explanation of benefits as an `ExplanationOfBenefit` of the CARIN Blue Button
/// profile of its kind (vision is professional), on one line; none for a claim that
/// waits, of which there is nothing to explain yet.
///
/// Every item has the amounts of its line by category, of which `submitted` is the sum
/// of all others but `eligible`, `memberliability` and `paidtoprovider`; and beside
/// them every adjustment with its group, reason, clause and amount
/// (`adjustmentreason`). The totals are the sums of the items. What a profile requires
/// and a claim does not say (days of supply of a drug) has the extension
/// `data-absent-reason`. Whoever is named is contained; the patient and the coverage are
/// `Patient/…` and `Coverage/…`, by the ids that `patient_access_bundle`
/// gives them.
#[must_use]
pub fn explanation_of_benefit(explanation: &Explanation<'_>) -> Option<String> {
    json(explanation).map(|json| json.to_string())
}

pub(super) fn json<'a>(explanation: &'a Explanation<'a>) -> Option<Json<'a>> {
    let Explanation { claim, outcome, .. } = *explanation;
    if matches!(outcome.settlement(), Settlement::Pended { .. }) {
        return None;
    }
    let shape = Shape::of(claim);
    let parties = Parties::of(claim, shape);
    let supporting = supporting::of(claim, shape);
    let notes = Notes::of(outcome);
    let mut all = totals(outcome, claim.coordination.patient_paid);
    all.push(Category::ToProvider.amount(outcome.paid()));
    let (from, through) = statement(claim);
    Some(object([
        ("resourceType", text("ExplanationOfBenefit")),
        ("id", text(outcome.claim().to_string())),
        ("meta", meta(explanation.decided, shape.profile())),
        ("contained", parties.contained(&explanation.insurer, claim)),
        ("identifier", list([own_identifier(outcome.claim())])),
        (
            "status",
            text(match explanation.reversed {
                true => "cancelled",
                false => "active",
            }),
        ),
        ("type", concept([coding(CLAIM_TYPE, kind_word(claim.kind))])),
        ("subType", shape.sub_type()),
        ("use", text("claim")),
        (
            "patient",
            reference(format!(
                "Patient/{}",
                patient_id(explanation.contract, explanation.member)
            )),
        ),
        ("billablePeriod", period(from, Some(through))),
        ("created", day(explanation.decided)),
        ("insurer", reference("#insurer".to_owned())),
        ("provider", reference("#billing".to_owned())),
        ("related", related(explanation)),
        (
            "facility",
            match &claim.circumstances.facility {
                Some(facility) if !shape.has_service_facility() => {
                    logical(facility.identifier.clone())
                }
                _ => Json::Null,
            },
        ),
        (
            "payee",
            object([
                (
                    "type",
                    concept([coding(
                        "http://terminology.hl7.org/CodeSystem/payeetype",
                        "provider",
                    )]),
                ),
                ("party", reference("#billing".to_owned())),
            ]),
        ),
        ("outcome", text("complete")),
        ("careTeam", parties.team()),
        ("supportingInfo", unless_empty(supporting.infos)),
        ("diagnosis", diagnoses(claim, shape)),
        (
            "procedure",
            claim.institutional.as_ref().map_or(Json::Null, procedures),
        ),
        ("insurance", insurances(explanation)),
        (
            "item",
            item::all(explanation, shape, &parties, &supporting.sites, &notes),
        ),
        ("adjudication", list(network::statuses(claim, outcome))),
        ("total", list(all)),
        ("payment", payment(explanation)),
        ("processNote", notes.json()),
    ]))
}

fn own_identifier(id: ClaimId) -> Json<'static> {
    let Json::Object(mut entries) = identifier(Some(CLAIM_ID), id.to_string()) else {
        return Json::Null;
    };
    let kind = concept([carin("C4BBIdentifierType", "uc")]);
    entries.insert(0, ("type".into(), kind));
    Json::Object(entries)
}

/// Which profile an explanation is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Professional,
    Inpatient,
    Outpatient,
    Oral,
    Pharmacy,
}

impl Shape {
    fn of(claim: &Claim) -> Self {
        match (claim.kind, &claim.institutional) {
            (ClaimKind::Professional | ClaimKind::Vision, _) => Self::Professional,
            (ClaimKind::Oral, _) => Self::Oral,
            (ClaimKind::Pharmacy, _) => Self::Pharmacy,
            (ClaimKind::Institutional, Some(bill)) if is_inpatient(bill) => Self::Inpatient,
            (ClaimKind::Institutional, _) => Self::Outpatient,
        }
    }

    fn profile(self) -> &'static str {
        match self {
            Self::Professional => "C4BB-ExplanationOfBenefit-Professional-NonClinician",
            Self::Inpatient => "C4BB-ExplanationOfBenefit-Inpatient-Institutional",
            Self::Outpatient => "C4BB-ExplanationOfBenefit-Outpatient-Institutional",
            Self::Oral => "C4BB-ExplanationOfBenefit-Oral",
            Self::Pharmacy => "C4BB-ExplanationOfBenefit-Pharmacy",
        }
    }

    fn is_institutional(self) -> bool {
        matches!(self, Self::Inpatient | Self::Outpatient)
    }

    /// Whether the facility is supporting information of its own; else it is where
    /// FHIR has it.
    fn has_service_facility(self) -> bool {
        matches!(self, Self::Professional | Self::Oral)
    }

    fn sub_type(self) -> Json<'static> {
        let code = match self {
            Self::Inpatient => "inpatient",
            Self::Outpatient => "outpatient",
            _ => return Json::Null,
        };
        concept([carin("C4BBInstitutionalClaimSubType", code)])
    }
}

/// Whether a bill is of an overnight stay: by facility and care of the type of bill
/// (NUBC), else by a day of admission.
fn is_inpatient(bill: &Institutional) -> bool {
    match bill.bill_type.to_string().as_str() {
        "11" | "18" | "21" | "28" | "41" | "65" | "66" | "86" => true,
        "" => bill.admission.is_some(),
        _ => false,
    }
}

/// The days that the claim is for.
fn statement(claim: &Claim) -> (ServiceDate, ServiceDate) {
    if let Some(bill) = &claim.institutional {
        return (bill.from, bill.through);
    }
    let from = claim.first_service();
    let through = claim.lines.iter().map(|line| line.through).max();
    (from, through.unwrap_or(from))
}

fn related(explanation: &Explanation<'_>) -> Json<'static> {
    let relation = |relationship: Json<'static>, id: ClaimId| {
        object([
            ("relationship", concept([relationship])),
            ("reference", identifier(Some(CLAIM_ID), id.to_string())),
        ])
    };
    let prior = explanation.claim.replaces.map(|id| {
        let prior = coding(
            "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship",
            "prior",
        );
        relation(prior, id)
    });
    let next = explanation
        .replaced_by
        .map(|id| relation(carin("C4BBRelatedClaimRelationshipCodes", "replacedby"), id));
    unless_empty(prior.into_iter().chain(next))
}

fn diagnoses(claim: &Claim, shape: Shape) -> Json<'static> {
    let kind = |position: u32| match (position, shape) {
        (1, _) => coding(
            "http://terminology.hl7.org/CodeSystem/ex-diagnosistype",
            "principal",
        ),
        (_, Shape::Inpatient | Shape::Outpatient) => carin("C4BBClaimDiagnosisType", "other"),
        _ => carin("C4BBClaimDiagnosisType", "secondary"),
    };
    unless_empty((1u32..).zip(&claim.diagnoses).map(|(position, code)| {
        object([
            ("sequence", number(position)),
            (
                "diagnosisCodeableConcept",
                concept([coding("http://hl7.org/fhir/sid/icd-10-cm", pointed(*code))]),
            ),
            ("type", list([concept([kind(position)])])),
        ])
    }))
}

/// An ICD-10-CM code with the point that X12 leaves out: after the third character.
fn pointed(code: Code) -> String {
    let code = code.to_string();
    let is_icd = (4..=7).contains(&code.len())
        && code.starts_with(|c: char| c.is_ascii_uppercase())
        && code.bytes().all(|b| b.is_ascii_alphanumeric());
    match code.split_at_checked(3) {
        Some((category, rest)) if is_icd => format!("{category}.{rest}"),
        _ => code,
    }
}

fn procedures(bill: &Institutional) -> Json<'static> {
    unless_empty((1u32..).zip(&bill.procedures).map(|(position, procedure)| {
        let kind = match position {
            1 => "principal",
            _ => "other",
        };
        object([
            ("sequence", number(position)),
            (
                "type",
                list([concept([carin("C4BBClaimProcedureType", kind)])]),
            ),
            ("date", procedure.on.map_or(Json::Null, day)),
            (
                "procedureCodeableConcept",
                concept([coding(
                    "http://www.cms.gov/Medicare/Coding/ICD10",
                    procedure.code,
                )]),
            ),
        ])
    }))
}

/// The coverage decided under, and the other payers by their names alone.
fn insurances<'a>(explanation: &'a Explanation<'a>) -> Json<'a> {
    let first = explanation.claim.first_service();
    let span = explanation.member.span_on(first);
    let coverage = match span.or(explanation.member.spans.last()) {
        Some(span) => {
            let id = super::coverage::coverage_id(explanation.contract, explanation.member, span);
            reference(format!("Coverage/{id}"))
        }
        None => object([("display", text("No cover is known"))]),
    };
    let ours = object([("focal", Json::Bool(true)), ("coverage", coverage)]);
    let others = explanation.claim.coordination.others.iter().map(|payer| {
        let display = match payer.identifier.as_str() {
            "" => "Another payer",
            named => named,
        };
        object([
            ("focal", Json::Bool(false)),
            ("coverage", object([("display", text(display))])),
        ])
    });
    list([ours].into_iter().chain(others))
}

/// How it came out, and the payment that was made for it, as the `ClaimResponse` has it.
fn payment(explanation: &Explanation<'_>) -> Json<'static> {
    let outcome = explanation.outcome;
    let code = match outcome.status() {
        Status::Denied => "denied",
        _ if outcome.lines().iter().any(|line| line.denied()) => "partiallypaid",
        _ => "paid",
    };
    let kind = (
        "type",
        concept([carin("C4BBPayerAdjudicationStatus", code)]),
    );
    let Some(made) = explanation.paid else {
        return object([kind]);
    };
    let [adjustment, why, date, amount] = response::paid(outcome, made);
    object([kind, adjustment, why, date, amount])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icd_codes_get_their_point_back() {
        for (held, sent) in [
            ("E119", "E11.9"),
            ("I10", "I10"),
            ("S060X1A", "S06.0X1A"),
            ("25000", "25000"),
            ("LONGCODE", "LONGCODE"),
        ] {
            assert_eq!(pointed(Code::of(held)), sent);
        }
    }
}
