//! Reads a request for prior authorisation.

use super::super::super::json::{self, Budget, Json};
use super::super::super::node::Node;
use super::super::super::refusal::{Fault, IntakeRule, Place as _, Refusal};
use super::super::super::{check_file, scalar, utf8};
use super::super::resources::Resources;
use super::super::who::Who;
use super::super::{claim, coding, collect_entries, dates, diagnosis, insurance, name};
use super::codes;
use super::line::Items;
use crate::authorization::{Certification, Earlier, Request, RequestLine, Urgency};
use crate::claim::{AuthorizationKind, Limits};

/// Reads a request for prior authorisation: a `Claim` of the use `preauthorization`,
/// alone or first in a Bundle with what its references name, as Da Vinci PAS sends it.
/// A request in a Bundle that an update's `related` names is left alone.
///
/// # Errors
/// The first thing wrong, with its place. It names nobody.
pub fn read_authorization_request(bytes: &[u8]) -> Result<Request, Refusal> {
    read(bytes).map_err(|fault| fault.at(0))
}

fn read(bytes: &[u8]) -> Result<Request, Fault> {
    check_file(bytes)?;
    let document = json::read(utf8(bytes, "file")?, "file", &mut Budget::new())?;
    let root = Node::new(&document, name(&document));
    root.json().check_keys(root.place(), &|_| false)?;
    let mut resources = Resources::default();
    let mut entries = Vec::new();
    if is(&document, "Bundle") {
        collect_entries(&root, &mut entries)?;
    } else {
        entries.push((None, Ok(root.clone())));
    }
    let mut request = None;
    for (url, resource) in entries {
        let resource = resource?;
        if is(resource.json(), "Claim") && request.is_none() {
            request = Some(resource);
        } else {
            resources.add(url.as_deref(), &resource);
        }
    }
    let request = request.ok_or_else(|| {
        root.fault(
            IntakeRule::NoClaim,
            "a Claim of the use preauthorization is expected, alone or in a Bundle",
        )
    })?;
    let mut here = Resources::within(&resources);
    for resource in request.items("contained")? {
        here.add_contained(&resource);
    }
    of(&Who {
        claim: &request,
        resources: &here,
    })
}

fn is(json: &Json<'_>, kind: &str) -> bool {
    json.text_of("resourceType") == Some(kind)
}

fn of(who: &Who<'_, '_>) -> Result<Request, Fault> {
    let claim = who.claim;
    check_purpose(claim)?;
    let insurances = insurance::find(claim)?;
    let provider = claim.need("provider")?;
    let requesting = who.provider(&provider)?.ok_or_else(|| {
        provider.fault(
            IntakeRule::NoProvider,
            "it has neither an identifier nor a reference",
        )
    })?;
    let diagnoses = diagnosis::read(claim, who)?;
    let items = claim.items_within("item", Limits::LINES)?;
    let kind = kind(&items)?;
    let certification = certification(claim, &items)?;
    let reader = Items {
        who,
        kind,
        diagnoses: &diagnoses,
        billable: match claim.get("billablePeriod")? {
            Some(period) => dates::period(&period)?,
            None => None,
        },
    };
    let mut lines: Vec<RequestLine> = Vec::new();
    for item in &items {
        let line = reader.line(item)?;
        if lines.iter().any(|other| other.number == line.number) {
            return Err(item.fault_at("sequence", IntakeRule::Sequence, "it is used twice"));
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(claim.fault_at("item", IntakeRule::Missing, "a request has items"));
    }
    lines.sort_by_key(|line| line.number);
    let request = Request {
        kind,
        certification,
        earlier: earlier(who, certification, &insurances.focal, &items)?,
        urgency: urgency(claim)?,
        claim: claim::read_kind(claim)?,
        control_number: claim::read_control_number(claim)?,
        member: who.member(Some(&insurances.focal))?,
        requesting,
        diagnoses: diagnoses.into_iter().map(|(_, code)| code).collect(),
        lines,
    };
    // What can be told has been, with its place.
    request
        .check()
        .map_err(|error| claim.fault(IntakeRule::WrongType, error.to_string()))?;
    Ok(request)
}

fn check_purpose(claim: &Node<'_>) -> Result<(), Fault> {
    let purpose = claim.need("use")?;
    if purpose.text()? != "preauthorization" {
        return Err(purpose.fault(
            IntakeRule::NotAClaim,
            "its use is not preauthorization; send claims and estimates as such",
        ));
    }
    let status = claim.need("status")?;
    if status.text()? != "active" {
        return Err(status.fault(
            IntakeRule::NotActive,
            "only active requests are decided; to take one back, ask for its cancellation (3)",
        ));
    }
    codes::understood(claim)?;
    for info in claim.items("supportingInfo")? {
        codes::understood(&info)?;
    }
    for member in claim.items("careTeam")? {
        codes::understood(&member)?;
    }
    if let Some(rules) = claim.get("implicitRules")? {
        return Err(rules.fault(
            IntakeRule::NotUnderstood,
            "the request was made under rules that are not understood",
        ));
    }
    Ok(())
}

/// What is asked for; items of both kinds are two requests.
fn kind(items: &[Node<'_>]) -> Result<AuthorizationKind, Fault> {
    let mut found = None;
    for item in items {
        let kind = match codes::code_in(item, "extension-serviceItemRequestType")? {
            Some(coding) => codes::kind(&coding)?,
            None => AuthorizationKind::Authorization,
        };
        if found.is_some_and(|other| other != kind) {
            return Err(item.fault_at(
                "extension",
                IntakeRule::NotUnderstood,
                "referrals and authorisations are requested apart",
            ));
        }
        found = Some(kind);
    }
    Ok(found.unwrap_or(AuthorizationKind::Authorization))
}

/// What is to be done: as the request says, else as its items agree. Items that do not
/// agree make an update a revision; a request without a word of it is initial, or a
/// revision where it is related to an earlier one.
fn certification(claim: &Node<'_>, items: &[Node<'_>]) -> Result<Certification, Fault> {
    const NAME: &str = "extension-certificationType";
    if let Some(coding) = codes::code_in(claim, NAME)? {
        return codes::certification(&coding);
    }
    let update = !claim.items("related")?.is_empty();
    let mut found = None;
    for item in items {
        let Some(coding) = codes::code_in(item, NAME)? else {
            continue;
        };
        let of = codes::certification(&coding)?;
        match found {
            Some(other) if other != of && update => return Ok(Certification::Revised),
            Some(other) if other != of => {
                return Err(coding.node.fault(
                    IntakeRule::NotUnderstood,
                    "the items of one request ask for the same to be done",
                ));
            }
            _ => found = Some(of),
        }
    }
    Ok(match found {
        Some(Certification::Initial) | None if update => Certification::Revised,
        found => found.unwrap_or(Certification::Initial),
    })
}

/// What it is of: the authorisation that the insurance or an item names, else the
/// request that it is related to.
fn earlier<'a>(
    who: &Who<'a, '_>,
    certification: Certification,
    focal: &Node<'a>,
    items: &[Node<'a>],
) -> Result<Option<Earlier>, Fault> {
    if certification == Certification::Initial {
        return Ok(None);
    }
    let mut numbers: Vec<String> = Vec::new();
    for number in focal.items_within("preAuthRef", Limits::AUTHORIZATIONS)? {
        numbers.push(scalar::need_identifier(&number)?);
    }
    if numbers.is_empty() {
        for item in items {
            if let Some(extension) = codes::extension(item, "extension-authorizationNumber")? {
                let number = scalar::need_identifier(&extension.need("valueString")?)?;
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
    }
    let at = |reason| focal.fault_at("preAuthRef", IntakeRule::Missing, reason);
    match (numbers.pop(), numbers.is_empty()) {
        (Some(number), true) => return Ok(Some(Earlier::Authorization(number))),
        (Some(_), false) => return Err(at("it is of one authorisation, and names more")),
        (None, _) => {}
    }
    for related in who.claim.items("related")? {
        if let Some(reference) = related.get("claim")?
            && let Some(number) = who.numbered(&reference)?
        {
            return Ok(Some(Earlier::Request(number)));
        }
    }
    Err(at(
        "a renewal, revision or cancellation names the authorisation it is of",
    ))
}

/// How soon an answer is needed: by the level of service, else by the priority.
fn urgency(claim: &Node<'_>) -> Result<Urgency, Fault> {
    if let Some(coding) = codes::code_in(claim, "extension-levelOfServiceCode")? {
        return codes::urgency(&coding);
    }
    let priority = coding::meaning_at(claim, "priority", |coding| match coding.code {
        "stat" => Some(Urgency::Urgent),
        "normal" | "deferred" => Some(Urgency::Elective),
        _ => None,
    })?;
    Ok(priority.unwrap_or(Urgency::Elective))
}
