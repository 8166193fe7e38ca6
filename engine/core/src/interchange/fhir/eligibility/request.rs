//! Reads a FHIR R4 `CoverageEligibilityRequest`.

use tally_types::{Code, CodeSystem};

use super::super::super::json::{self, Budget, Json};
use super::super::super::node::Node;
use super::super::super::refusal::{Fault, IntakeRule, Place as _, Refusal};
use super::super::super::{check_file, scalar, utf8};
use super::super::coding;
use super::super::dates;
use super::super::resources::Resources;
use super::super::who::Who;
use super::super::{collect_entries, name};
use super::{AskedItem, EligibilityRequest, Purpose};

const KIND: &str = "CoverageEligibilityRequest";
/// Services asked about at once.
const ITEMS: usize = 256;

const PURPOSES: [(&str, Purpose); 4] = [
    ("auth-requirements", Purpose::AuthorizationRequirements),
    ("benefits", Purpose::Benefits),
    ("discovery", Purpose::Discovery),
    ("validation", Purpose::Validation),
];

/// Reads a `CoverageEligibilityRequest`, alone or in a Bundle with what its references
/// name.
///
/// # Errors
/// The first thing wrong, with its place. It names nobody.
pub fn read_eligibility_request(bytes: &[u8]) -> Result<EligibilityRequest, Refusal> {
    read(bytes).map_err(|fault| fault.at(0))
}

fn read(bytes: &[u8]) -> Result<EligibilityRequest, Fault> {
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
        if is(resource.json(), KIND) && request.is_none() {
            request = Some(resource);
        } else {
            resources.add(url.as_deref(), &resource);
        }
    }
    let request = request.ok_or_else(|| {
        root.fault(
            IntakeRule::NoClaim,
            format!("a {KIND} is expected, alone or in a Bundle"),
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

fn of<'a>(who: &Who<'a, '_>) -> Result<EligibilityRequest, Fault> {
    let request = who.claim;
    let status = request.need("status")?;
    if status.text()? != "active" {
        return Err(status.fault(IntakeRule::NotActive, "only active requests are answered"));
    }
    coding::understood(request)?;
    let mut purposes = Vec::new();
    for purpose in request.items_within("purpose", PURPOSES.len())? {
        let word = purpose.text()?;
        let found = PURPOSES.iter().find(|(code, _)| *code == word);
        let (_, found) = found.ok_or_else(|| {
            purpose.fault(
                IntakeRule::BadCode,
                "it is none of auth-requirements, benefits, discovery and validation",
            )
        })?;
        purposes.push(*found);
    }
    if purposes.is_empty() {
        return Err(request.fault_at(
            "purpose",
            IntakeRule::Missing,
            "nothing says what it is for",
        ));
    }
    let insurance = focal(request)?;
    let provider = match request.get("provider")? {
        Some(provider) => who.provider(&provider)?,
        None => None,
    };
    let (from, through) = days(request)?;
    let mut items = Vec::new();
    for item in request.items_within("item", ITEMS)? {
        items.push(asked(&item)?);
    }
    Ok(EligibilityRequest {
        control_number: control_number(request)?,
        purposes,
        member: who.member(insurance.as_ref())?,
        provider,
        from,
        through,
        items,
    })
}

/// The insurance asked about: the focal one, else the only one.
fn focal<'a>(request: &Node<'a>) -> Result<Option<Node<'a>>, Fault> {
    let mut all = request.items("insurance")?;
    let mut focal = Vec::new();
    for insurance in &all {
        if let Some(mark) = insurance.get("focal")?
            && mark.bool()?
        {
            focal.push(insurance.clone());
        }
    }
    if focal.is_empty() {
        focal.append(&mut all);
    }
    match (focal.pop(), focal.is_empty()) {
        (found, true) => Ok(found),
        _ => Err(request.fault_at(
            "insurance",
            IntakeRule::Coverage,
            "there is more than one, and not exactly one is focal",
        )),
    }
}

fn days(request: &Node<'_>) -> Result<dates::Days, Fault> {
    if let Some(day) = request.get("servicedDate")? {
        return scalar::day(&day).map(|day| (day, day));
    }
    if let Some(period) = request.get("servicedPeriod")?
        && let Some(days) = dates::period(&period)?
    {
        return Ok(days);
    }
    let created = request.need("created")?;
    scalar::day(&created).map(|day| (day, day))
}

fn control_number(request: &Node<'_>) -> Result<String, Fault> {
    for identifier in request.items("identifier")? {
        if let Some(value) = identifier.get("value")?
            && let Some(number) = scalar::identifier(&value)?
        {
            return Ok(number);
        }
    }
    match request.get("id")? {
        Some(id) => Ok(scalar::identifier(&id)?.unwrap_or_default()),
        None => Ok(String::new()),
    }
}

fn asked(item: &Node<'_>) -> Result<AskedItem, Fault> {
    let category = match coding::code_at(item, "category", coding::is_service_type)? {
        Some(category) => scalar::checked(&category.node, category.code)?,
        None => None,
    };
    let chosen = coding::picked_at(item, "productOrService", coding::billing)?;
    let (system, procedure) = match chosen {
        Some(chosen) => {
            let system = coding::list_of(chosen.system);
            let code = scalar::procedure(&chosen.node, system, chosen.code)?;
            (system, code)
        }
        None => (CodeSystem::Unspecified, Code::NONE),
    };
    Ok(AskedItem {
        category: category.unwrap_or_default(),
        system,
        procedure,
    })
}
