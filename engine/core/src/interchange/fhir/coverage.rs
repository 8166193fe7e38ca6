//! A member's span of cover as a `Coverage` of CARIN Blue Button.

use tally_types::ServiceDate;

use super::super::json::{Json, list, object, text};
use super::explanation::{Insurer, insurer};
use super::patient::{id_of, member_number, patient_id};
use super::write::{coding, concept, meta, period, reference};
use crate::claim::{Contract, Member, Relationship, Span};

const CLASS: &str = "http://terminology.hl7.org/CodeSystem/coverage-class";

/// A span of a member's cover as a FHIR R4 `Coverage`, on one line.
#[must_use]
pub fn coverage_resource(
    contract: &Contract,
    member: &Member,
    span: &Span,
    insurer: Insurer<'_>,
    updated: ServiceDate,
) -> String {
    json(contract, member, span, insurer, updated).to_string()
}

pub(super) fn json<'a>(
    contract: &'a Contract,
    member: &'a Member,
    span: &'a Span,
    payer: Insurer<'a>,
    updated: ServiceDate,
) -> Json<'a> {
    let subscriber = contract.subscriber().or(contract.members.first());
    let subscriber = subscriber.unwrap_or(member);
    let patient = |member: &Member| reference(format!("Patient/{}", patient_id(contract, member)));
    let relationship = match member.relationship {
        Relationship::Subscriber => "self",
        Relationship::Spouse => "spouse",
        Relationship::Child => "child",
        Relationship::Other => "other",
    };
    let class = |kind: &'static str, value: &'a str| {
        object([
            ("type", concept([coding(CLASS, kind)])),
            ("value", text(value)),
        ])
    };
    object([
        ("resourceType", text("Coverage")),
        ("id", text(coverage_id(contract, member, span))),
        ("meta", meta(updated, "C4BB-Coverage")),
        ("contained", list([insurer(&payer)])),
        ("identifier", list([member_number(member)])),
        ("status", text("active")),
        ("subscriber", patient(subscriber)),
        ("subscriberId", text(&subscriber.id)),
        ("beneficiary", patient(member)),
        (
            "relationship",
            concept([coding(
                "http://terminology.hl7.org/CodeSystem/subscriber-relationship",
                relationship,
            )]),
        ),
        ("period", period(span.from, span.through)),
        ("payor", list([reference("#insurer".to_owned())])),
        (
            "class",
            list([class("group", &contract.id), class("plan", &span.product)]),
        ),
    ])
}

/// The id of a span's Coverage: of its first day, which stays when it ends.
pub(super) fn coverage_id(contract: &Contract, member: &Member, span: &Span) -> String {
    let from = span.from.to_string();
    id_of(
        b"tallystick/fhir-coverage/v1",
        &[&contract.id, &member.id, &from],
    )
}
