//! FHIR R4. The types are our own: of the published crates the ones in good
//! repair put money in a float, and none tells where in a document a value
//! stands. Only what a claim needs is read; the rest is checked for keys that
//! stand twice and otherwise left alone.

mod access;
mod authorization;
mod category;
mod circumstances;
mod claim;
mod coding;
mod coverage;
mod dates;
mod diagnosis;
mod eligibility;
mod explanation;
mod institutional;
mod insurance;
mod item;
mod mouth;
mod operation;
mod patient;
mod payee;
mod price;
mod prior;
mod related;
mod resources;
mod response;
mod supporting;
mod types;
mod unit;
mod verbatim;
mod who;
mod write;

use super::json::{self, Budget, Json};
use super::node::Node;
use super::refusal::{Fault, IntakeRule, Place as _};
use super::tally::check_fields;
use super::{ReadClaims, Source, check_items};
use resources::Resources;

pub use access::{coverage_lines, explanation_lines, patient_access_bundle, patient_lines};
pub use authorization::{AuthorizationAnswer, authorization_response, read_authorization_request};
pub use coverage::coverage_resource;
pub use eligibility::{
    AskedItem, Eligibility, EligibilityRequest, Purpose, eligibility_response,
    read_eligibility_request,
};
pub use explanation::{Explanation, Insurer, PaidOn, explanation_of_benefit};
pub use operation::operation_outcome;
pub use patient::patient_resource;
pub use response::{cancelled_claim_response, claim_response, predetermination_response};
pub use verbatim::resource_line;

/// What a resource is to intake.
enum Kind {
    Claim,
    Bundle,
    /// Something references may point to.
    Context,
    /// Of no use.
    Other,
}

fn kind(resource: &Node<'_>) -> Result<Kind, Fault> {
    let named = resource.need("resourceType")?;
    let known = types::known(named.text()?)
        .ok_or_else(|| named.fault(IntakeRule::NoClaim, "it is no resource type of FHIR R4"))?;
    Ok(match known {
        "Claim" => Kind::Claim,
        "Bundle" => Kind::Bundle,
        "Patient" | "Coverage" | "Organization" | "Practitioner" | "PractitionerRole"
        | "Condition" | "ClaimResponse" | "Location" | "Procedure" | "ServiceRequest" => {
            Kind::Context
        }
        _ => Kind::Other,
    })
}

/// A sequence number: whole, from 1.
fn sequence_of(element: &Node<'_>) -> Result<u16, Fault> {
    super::scalar::whole(&element.need("sequence")?)
}

fn is_claim(json: &Json<'_>) -> bool {
    json.text_of("resourceType") == Some("Claim")
}

/// Reads one JSON document: a Claim or a Bundle.
pub(super) fn read_document(
    text: &str,
    source: &Source<'_>,
    reading: &mut ReadClaims,
) -> Result<(), Fault> {
    let document = json::read(text, "file", &mut Budget::new())?;
    read_resource(&document, "", &Resources::default(), source, reading)
}

/// Reads a resource that is a document or a line of its own; `line` is what
/// its places begin with.
fn read_resource(
    document: &Json<'_>,
    line: &str,
    outside: &Resources<'_>,
    source: &Source<'_>,
    reading: &mut ReadClaims,
) -> Result<(), Fault> {
    let root = Node::new(document, format!("{line}{}", name(document)));
    match kind(&root)? {
        Kind::Claim => {
            reading.take(|position| claim::read(&root, outside, source, position));
            Ok(())
        }
        Kind::Bundle => read_bundle(&root, outside, source, reading),
        Kind::Context | Kind::Other => {
            document.check_keys(root.place(), &|_| false)?;
            Err(root.fault(
                IntakeRule::NoClaim,
                format!(
                    "a Claim or a Bundle is expected, {} was found",
                    name(document)
                ),
            ))
        }
    }
}

/// The type of a resource as it may stand in an error.
fn name(document: &Json<'_>) -> &'static str {
    document
        .text_of("resourceType")
        .and_then(types::known)
        .unwrap_or("resource")
}

/// Reads the Claims of a Bundle, in order. A key that stands twice outside
/// the Claims makes the whole Bundle unreadable; within one, that Claim.
fn read_bundle(
    bundle: &Node<'_>,
    outside: &Resources<'_>,
    source: &Source<'_>,
    reading: &mut ReadClaims,
) -> Result<(), Fault> {
    bundle.json().check_keys(bundle.place(), &is_claim)?;
    let mut entries = Vec::new();
    collect_entries(bundle, &mut entries)?;
    let mut inside = Resources::within(outside);
    for (url, resource) in &entries {
        if let Ok(resource) = resource
            && matches!(kind(resource), Ok(Kind::Context))
        {
            inside.add(url.as_deref(), resource);
        }
    }
    for (_, resource) in entries {
        match resource.and_then(|resource| Ok((kind(&resource)?, resource))) {
            Ok((Kind::Claim, resource)) => {
                reading.take(|position| claim::read(&resource, &inside, source, position));
            }
            Ok(_) => {}
            Err(fault) => reading.refuse(fault),
        }
    }
    Ok(())
}

/// What an entry may have beside a resource, or without one.
const ENTRY_FIELDS: &[&str] = &[
    "id",
    "extension",
    "modifierExtension",
    "link",
    "fullUrl",
    "search",
    "request",
    "response",
];

/// An entry's full URL, and its resource or why there is none to be read.
type Entry<'a> = (Option<String>, Result<Node<'a>, Fault>);

/// The entries of a Bundle and of the Bundles in it.
fn collect_entries<'a>(bundle: &Node<'a>, entries: &mut Vec<Entry<'a>>) -> Result<(), Fault> {
    let own = bundle.items("entry")?;
    check_items(own.len().saturating_add(entries.len()), bundle.place())?;
    for entry in own {
        let resource = match entry.get("resource") {
            Ok(None) => {
                if let Err(fault) = check_fields(&entry, ENTRY_FIELDS) {
                    entries.push((None, Err(fault)));
                }
                continue;
            }
            Ok(Some(resource)) => resource,
            Err(fault) => {
                entries.push((None, Err(fault)));
                continue;
            }
        };
        match kind(&resource) {
            Ok(Kind::Bundle) => {
                if let Err(fault) = collect_entries(&resource, entries) {
                    entries.push((None, Err(fault)));
                }
            }
            Ok(_) => {
                let url = entry.json().text_of("fullUrl").map(str::to_owned);
                entries.push((url, Ok(resource)));
            }
            Err(fault) => entries.push((None, Err(fault))),
        }
    }
    Ok(())
}

/// Reads ndjson, a resource a line. Every line is parsed once to find what
/// references may point to, and the lines with claims once more to read them,
/// so that one line's claims are held at a time.
pub(super) fn read_lines(
    bytes: &[u8],
    source: &Source<'_>,
    reading: &mut ReadClaims,
) -> Result<(), Fault> {
    let count = bytes.split(|b| *b == b'\n').count();
    check_items(count, "file")?;
    let lines: Vec<(usize, &[u8])> = (1usize..)
        .zip(bytes.split(|b| *b == b'\n'))
        .map(|(number, line)| (number, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    let mut budget = Budget::new();
    let mut context = Vec::new();
    let mut todo: Vec<(usize, Result<&str, Fault>)> = Vec::new();
    for (number, line) in lines {
        match first_look(number, line, &mut budget) {
            Ok(Look::Claims(text)) => todo.push((number, Ok(text))),
            Ok(Look::Context(document)) => context.push((number, document)),
            Ok(Look::Other) => {}
            Err(fault) => todo.push((number, Err(fault))),
        }
    }
    let mut outside = Resources::default();
    for (number, document) in &context {
        let place = format!("line {number}: {}", name(document));
        outside.add(None, &Node::new(document, place));
    }
    let mut budget = Budget::new();
    for (number, text) in todo {
        let place = format!("line {number}");
        let result = text
            .and_then(|text| json::read(text, &place, &mut budget))
            .and_then(|document| {
                read_resource(&document, &format!("{place}: "), &outside, source, reading)
            });
        if let Err(fault) = result {
            reading.refuse(fault);
        }
    }
    Ok(())
}

enum Look<'a> {
    Claims(&'a str),
    Context(Json<'a>),
    Other,
}

fn first_look<'a>(number: usize, line: &'a [u8], budget: &mut Budget) -> Result<Look<'a>, Fault> {
    let place = format!("line {number}");
    let text = super::utf8(line, &place)?;
    let document = json::read(text, &place, budget)?;
    let root = Node::new(&document, format!("{place}: {}", name(&document)));
    let kind = kind(&root)?;
    if matches!(kind, Kind::Context | Kind::Other) {
        document.check_keys(root.place(), &|_| false)?;
    }
    Ok(match kind {
        Kind::Claim | Kind::Bundle => Look::Claims(text),
        Kind::Context => Look::Context(document),
        Kind::Other => Look::Other,
    })
}
