//! One FHIR Claim. What is required, what is assumed and what is refused is
//! listed in `docs/refusals.md`.

use super::super::Source;
use super::super::draft::{Draft, authorizations};
use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding;
use super::item::Items;
use super::resources::Resources;
use super::supporting::{self, Info};
use super::who::Who;
use super::{
    circumstances, dates, diagnosis, institutional, insurance, mouth, payee, price, related,
};
use crate::claim::{Claim, ClaimKind, Limits};

/// Reads a Claim; its first error refuses it.
pub(super) fn read<'a>(
    claim: &Node<'a>,
    resources: &Resources<'a>,
    source: &Source<'_>,
    position: u32,
) -> Result<Claim, Fault> {
    claim.json().check_keys(claim.place(), &|_| false)?;
    check_purpose(claim)?;
    payee::check(claim)?;
    let succession = related::read(claim)?;
    let kind = read_kind(claim)?;
    let control_number = read_control_number(claim)?;
    let insurances = insurance::find(claim)?;
    let mut here = Resources::within(resources);
    for resource in claim.items("contained")? {
        here.add_contained(&resource);
    }
    let who = Who {
        claim,
        resources: &here,
    };
    let member = who.member(Some(&insurances.focal))?;
    let provider = claim.need("provider")?;
    let billing = who.provider(&provider)?.ok_or_else(|| {
        provider.fault(
            IntakeRule::NoProvider,
            "it has neither an identifier nor a reference",
        )
    })?;
    let diagnoses = diagnosis::read(claim, &who)?;
    let sites = match kind {
        ClaimKind::Oral => mouth::sites(claim)?,
        _ => mouth::Sites::default(),
    };
    let reader = Items {
        who: &who,
        kind,
        billing: &billing,
        diagnoses: &diagnoses,
        emergency: is_emergency(claim)?,
        fallback: dates::fallback(claim)?,
        sites: &sites,
    };
    let mut lines = Vec::new();
    for item in claim.items_within("item", Limits::LINES)? {
        lines.push((reader.line(&item)?, item.place().to_owned()));
    }
    lines.sort_by_key(|(line, _)| line.number);
    let total = match price::money_at(claim, "total")? {
        Some(total) => Some((total, claim.need("total")?)),
        None => None,
    };
    let coordination = insurances.coordination(&who, &mut lines)?;
    let draft = Draft {
        frequency: succession.frequency,
        replaces: succession.replaces,
        control_number,
        diagnoses: diagnoses.iter().map(|(_, code)| *code).collect(),
        authorizations: authorizations(&insurances.focal, "preAuthRef")?,
        coordination,
        circumstances: circumstances::read(&who, &billing)?,
        institutional: institutional::read(&who, kind, succession.bill_type, &lines)?,
        lines,
        ..Draft::new(kind, member, billing.clone())
    };
    let total = total.as_ref().map(|(total, at)| (*total, at));
    draft.into_claim(&claim.at("item"), total, source, position)
}

/// Refuses what is no claim to be adjudicated now.
fn check_purpose(claim: &Node<'_>) -> Result<(), Fault> {
    let purpose = claim.need("use")?;
    match purpose.text()? {
        "claim" => {}
        other => {
            let named = ["preauthorization", "predetermination"]
                .into_iter()
                .find(|known| *known == other)
                .unwrap_or("something else");
            return Err(purpose.fault(
                IntakeRule::NotAClaim,
                format!("its use is {named}; only claims are adjudicated"),
            ));
        }
    }
    let status = claim.need("status")?;
    match status.text()? {
        "active" => {}
        other => {
            let named = ["cancelled", "draft", "entered-in-error"]
                .into_iter()
                .find(|known| *known == other)
                .unwrap_or("unknown");
            return Err(status.fault(
                IntakeRule::NotActive,
                format!("its status is {named}; only active claims are adjudicated"),
            ));
        }
    }
    coding::understood(claim)?;
    if let Some(rules) = claim.get("implicitRules")? {
        return Err(rules.fault(
            IntakeRule::NotUnderstood,
            "the claim was made under rules that are not understood",
        ));
    }
    Ok(())
}

pub(super) fn read_kind(claim: &Node<'_>) -> Result<ClaimKind, Fault> {
    let concept = claim.need("type")?;
    let kind = coding::meaning(&concept, |coding| match coding.code {
        "professional" => Some(ClaimKind::Professional),
        "institutional" => Some(ClaimKind::Institutional),
        "oral" => Some(ClaimKind::Oral),
        "vision" => Some(ClaimKind::Vision),
        "pharmacy" => Some(ClaimKind::Pharmacy),
        _ => None,
    })?;
    kind.ok_or_else(|| {
        concept.fault(
            IntakeRule::UnknownKind,
            "it is none of professional, institutional, oral, vision and pharmacy",
        )
    })
}

/// The sender's number: the first identifier, else the resource's id.
pub(super) fn read_control_number(claim: &Node<'_>) -> Result<String, Fault> {
    for identifier in claim.items("identifier")? {
        if let Some(value) = identifier.get("value")?
            && let Some(number) = scalar::identifier(&value)?
        {
            return Ok(number);
        }
    }
    match claim.get("id")? {
        Some(id) => Ok(scalar::identifier(&id)?.unwrap_or_default()),
        None => Ok(String::new()),
    }
}

/// Whether the whole claim is marked an emergency: by its subtype, or by the
/// type of the admission (1: emergency).
fn is_emergency(claim: &Node<'_>) -> Result<bool, Fault> {
    if coding::has_code(claim, "subType", "emergency")? {
        return Ok(true);
    }
    for info in claim.items("supportingInfo")? {
        if supporting::kind(&info)? == Some(Info::AdmissionType)
            && coding::has_code(&info, "code", "1")?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
