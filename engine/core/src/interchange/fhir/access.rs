//! What a member's applications are given: a Bundle of one member, and the files of
//! a bulk export, a resource a line.

use tally_types::ServiceDate;

use super::super::json::{Json, list, object, text};
use super::explanation::{self, Explanation, Insurer};
use super::{coverage, patient};
use crate::claim::{Contract, Member};

/// Everything of one member as a FHIR R4 `Bundle` (a collection), on one line: the
/// Patient, a Coverage for every span of cover, and an ExplanationOfBenefit for every
/// claim that is settled. `explanations` are of this member.
#[must_use]
pub fn patient_access_bundle<'a>(
    contract: &Contract,
    member: &Member,
    insurer: Insurer<'_>,
    updated: ServiceDate,
    explanations: impl IntoIterator<Item = &'a Explanation<'a>>,
) -> String {
    let entry = |resource: Json<'_>| {
        let kind = resource.text_of("resourceType").unwrap_or_default();
        let id = resource.text_of("id").unwrap_or_default();
        let url = format!("https://tallystick.example/fhir/{kind}/{id}");
        object([("fullUrl", text(url)), ("resource", resource)]).to_string()
    };
    let mut entries = vec![entry(patient::json(contract, member, updated))];
    for span in &member.spans {
        entries.push(entry(coverage::json(
            contract, member, span, insurer, updated,
        )));
    }
    for of in explanations {
        entries.extend(explanation::json(of).map(entry));
    }
    // The entries are written already, so that one is held at a time.
    let head = object([
        ("resourceType", text("Bundle")),
        ("type", text("collection")),
        ("timestamp", text(format!("{updated}T00:00:00Z"))),
        ("entry", list([])),
    ])
    .to_string();
    match head.strip_suffix("]}") {
        Some(head) => format!("{head}{}]}}", entries.join(",")),
        None => head,
    }
}

fn line(resource: String) -> String {
    resource + "\n"
}

/// The lines of `Patient.ndjson`: every member of every contract.
pub fn patient_lines<'a>(
    contracts: impl IntoIterator<Item = &'a Contract>,
    updated: ServiceDate,
) -> impl Iterator<Item = String> {
    contracts.into_iter().flat_map(move |contract| {
        let members = contract.members.iter();
        members.map(move |member| line(patient::patient_resource(contract, member, updated)))
    })
}

/// The lines of `Coverage.ndjson`: every span of every member.
pub fn coverage_lines<'a>(
    contracts: impl IntoIterator<Item = &'a Contract>,
    insurer: Insurer<'a>,
    updated: ServiceDate,
) -> impl Iterator<Item = String> {
    contracts.into_iter().flat_map(move |contract| {
        contract.members.iter().flat_map(move |member| {
            member.spans.iter().map(move |span| {
                line(coverage::coverage_resource(
                    contract, member, span, insurer, updated,
                ))
            })
        })
    })
}

/// The lines of `ExplanationOfBenefit.ndjson`: every claim that is settled.
pub fn explanation_lines<'a>(
    explanations: impl IntoIterator<Item = Explanation<'a>>,
) -> impl Iterator<Item = String> {
    explanations
        .into_iter()
        .filter_map(|of| explanation::explanation_of_benefit(&of).map(line))
}
