//! One FHIR Claim. What is required, what is assumed and what is refused is
//! listed in `docs/refusals.md`.

use tally_types::{Code, CodeSystem, Quantity, ServiceDate, ShortCode};

use super::super::Source;
use super::super::decimal;
use super::super::draft::{Draft, authorizations, pointer_bit};
use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding::{self, Coding};
use super::price;
use super::resources::Resources;
use super::who::Who;
use crate::claim::{
    Claim, ClaimKind, Limits, LineDetail, MemberReference, Modifiers, Provider, ServiceLine,
};

/// Reads a Claim; its first error refuses it.
pub(super) fn read<'a>(
    claim: &Node<'a>,
    resources: &Resources<'a>,
    source: &Source<'_>,
    position: u32,
) -> Result<Claim, Fault> {
    claim.json().check_keys(claim.place(), &|_| false)?;
    check_purpose(claim)?;
    let kind = read_kind(claim)?;
    let control_number = read_control_number(claim)?;
    let insurance = focal_insurance(claim)?;
    let mut here = Resources::within(resources);
    for resource in claim.items("contained")? {
        here.add_contained(&resource);
    }
    let who = Who {
        claim,
        resources: &here,
    };
    let member = who.member(&insurance)?;
    let provider = claim.need("provider")?;
    let billing = who.provider(&provider)?.ok_or_else(|| {
        provider.fault(
            IntakeRule::NoProvider,
            "it has neither an identifier nor a reference",
        )
    })?;
    let diagnoses = read_diagnoses(claim, &who)?;
    let reader = Items {
        who: &who,
        kind,
        billing: &billing,
        diagnoses: &diagnoses,
        emergency: is_emergency(claim)?,
        fallback: fallback_dates(claim)?,
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
    let authorizations = authorizations(&insurance, "preAuthRef")?;
    let draft = Draft {
        control_number,
        diagnoses: diagnoses.iter().map(|(_, code)| *code).collect(),
        authorizations,
        lines,
        ..Draft::new(kind, MemberReference::new(&member), billing.clone())
    };
    let total = total.as_ref().map(|(total, at)| (*total, at));
    draft.into_claim(&claim.at("item"), total, source, position)
}

/// Refuses what is no original claim to be adjudicated now.
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
    check_frequency(claim)
}

/// Refuses a replacement or a void, by whichever of FHIR's ways it is named:
/// a related claim that this one replaces, or the last digit of a type of bill.
fn check_frequency(claim: &Node<'_>) -> Result<(), Fault> {
    for related in claim.items("related")? {
        if let Some(relationship) = coding::code_at(&related, "relationship")?
            && matches!(
                relationship.code,
                "replaces" | "replacement" | "corrects" | "voids" | "void" | "cancels"
            )
        {
            return Err(related.fault(
                IntakeRule::NotOriginal,
                "it replaces or voids another claim, which is not supported yet",
            ));
        }
    }
    let mut bills = Vec::new();
    if let Some(sub_type) = coding::code_at(claim, "subType")?
        && sub_type.system.is_some_and(is_bill_type)
    {
        bills.push(sub_type);
    }
    for info in claim.items("supportingInfo")? {
        if coding::has_code(&info, "category", "typeofbill")?
            && let Some(code) = coding::code_at(&info, "code")?
        {
            bills.push(code);
        }
    }
    for bill in bills {
        let meaning = match bill.code.as_bytes() {
            [a, b, c] | [_, a, b, c] if [a, b, c].iter().all(|d| d.is_ascii_digit()) => match c {
                b'0' => "a non-payment claim",
                b'2' | b'3' | b'4' => "an interim claim",
                b'5' => "a late charge",
                b'7' => "a replacement",
                b'8' => "a void",
                _ => continue,
            },
            _ => continue,
        };
        return Err(bill.node.fault(
            IntakeRule::NotOriginal,
            format!("by its type of bill it is {meaning}, which is not supported yet"),
        ));
    }
    Ok(())
}

fn is_bill_type(system: &str) -> bool {
    let system = system.to_ascii_lowercase();
    system.contains("billtype") || system.contains("typeofbill")
}

fn read_kind(claim: &Node<'_>) -> Result<ClaimKind, Fault> {
    let concept = claim.need("type")?;
    coding::codings(&concept)?
        .iter()
        .find_map(|coding| match coding.code {
            "professional" => Some(ClaimKind::Professional),
            "institutional" => Some(ClaimKind::Institutional),
            "oral" => Some(ClaimKind::Oral),
            "vision" => Some(ClaimKind::Vision),
            "pharmacy" => Some(ClaimKind::Pharmacy),
            _ => None,
        })
        .ok_or_else(|| {
            concept.fault(
                IntakeRule::UnknownKind,
                "it is none of professional, institutional, oral, vision and pharmacy",
            )
        })
}

/// The sender's number: the first identifier, else the resource's id.
fn read_control_number(claim: &Node<'_>) -> Result<String, Fault> {
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

/// The insurance the claim is to be decided under: the one marked focal, or
/// the only one where nothing is marked.
fn focal_insurance<'a>(claim: &Node<'a>) -> Result<Node<'a>, Fault> {
    let all = claim.items("insurance")?;
    let mut focal = Vec::new();
    let mut unmarked = Vec::new();
    for insurance in all {
        coding::understood(&insurance)?;
        match insurance.get("focal")? {
            Some(mark) if mark.bool()? => focal.push(insurance),
            Some(_) => {}
            None => unmarked.push(insurance),
        }
    }
    let wrong = |reason: &str| claim.fault_at("insurance", IntakeRule::Coverage, reason);
    let mut chosen = if focal.is_empty() { unmarked } else { focal };
    match (chosen.pop(), chosen.is_empty()) {
        (Some(insurance), true) => Ok(insurance),
        (Some(_), false) => Err(wrong("more than one is focal")),
        (None, _) => Err(wrong("none is focal, so none is to be decided under")),
    }
}

/// The diagnoses, each with its sequence: in order of the sequence, the one
/// typed principal first.
fn read_diagnoses<'a>(claim: &Node<'a>, who: &Who<'a, '_>) -> Result<Vec<(u16, Code)>, Fault> {
    let mut found: Vec<(bool, u16, Code)> = Vec::new();
    for diagnosis in claim.items_within("diagnosis", Limits::DIAGNOSES)? {
        coding::understood(&diagnosis)?;
        let sequence = sequence_of(&diagnosis)?;
        if found.iter().any(|(_, other, _)| *other == sequence) {
            return Err(diagnosis.fault_at(
                "sequence",
                IntakeRule::Sequence,
                "two diagnoses have the same sequence",
            ));
        }
        let mut principal = false;
        for concept in diagnosis.items("type")? {
            principal |= coding::codings(&concept)?
                .iter()
                .any(|coding| coding.code == "principal");
        }
        let code = diagnosis_code(&diagnosis, who)?;
        found.push((!principal, sequence, code));
    }
    found.sort_unstable_by_key(|(secondary, sequence, _)| (*secondary, *sequence));
    Ok(found
        .into_iter()
        .map(|(_, sequence, code)| (sequence, code))
        .collect())
}

/// A diagnosis's code, in place or in the Condition it refers to.
fn diagnosis_code<'a>(diagnosis: &Node<'a>, who: &Who<'a, '_>) -> Result<Code, Fault> {
    let is_icd = |system: &str| system.to_ascii_lowercase().contains("icd");
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
    let coding = coding::choose(&concept, is_icd)?
        .ok_or_else(|| concept.fault(IntakeRule::Missing, "a diagnosis needs a code"))?;
    scalar::diagnosis(&coding.node, coding.code)
}

/// A sequence number: whole, from 1.
pub(super) fn sequence_of(element: &Node<'_>) -> Result<u16, Fault> {
    let node = element.need("sequence")?;
    scalar::whole(&node)
}

/// Whether the whole claim is marked an emergency: by its subtype, or by the
/// type of the admission (1: emergency).
fn is_emergency(claim: &Node<'_>) -> Result<bool, Fault> {
    if coding::has_code(claim, "subType", "emergency")? {
        return Ok(true);
    }
    for info in claim.items("supportingInfo")? {
        if coding::has_code(&info, "category", "admtype")? && coding::has_code(&info, "code", "1")?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A `Period` by its days. One with a single end is that day.
fn period(node: &Node<'_>) -> Result<Option<(ServiceDate, ServiceDate)>, Fault> {
    let side = |key: &str| match node.get(key)? {
        Some(day) => scalar::day(&day).map(Some),
        None => Ok(None),
    };
    let (start, end) = (side("start")?, side("end")?);
    let Some((from, through)) = start.or(end).zip(end.or(start)) else {
        return Ok(None);
    };
    if through < from {
        return Err(node.fault(IntakeRule::DatesOutOfOrder, "it ends before it begins"));
    }
    Ok(Some((from, through)))
}

/// The dates of a line that has none: the billable period's, else the day the
/// claim was made.
fn fallback_dates(claim: &Node<'_>) -> Result<Option<(ServiceDate, ServiceDate)>, Fault> {
    let billable = match claim.get("billablePeriod")? {
        Some(node) => period(&node)?,
        None => None,
    };
    let created = match claim.get("created")? {
        Some(node) => scalar::day_if_whole(&node)?,
        None => None,
    };
    Ok(billable.or(created.map(|day| (day, day))))
}

/// What all items of a claim share.
struct Items<'a, 'r> {
    who: &'r Who<'a, 'r>,
    kind: ClaimKind,
    billing: &'r Provider,
    diagnoses: &'r [(u16, Code)],
    emergency: bool,
    fallback: Option<(ServiceDate, ServiceDate)>,
}

impl<'a> Items<'a, '_> {
    fn line(&self, item: &Node<'a>) -> Result<ServiceLine, Fault> {
        let number = sequence_of(item)?;
        let revenue = match coding::code_at(item, "revenue")? {
            Some(coding) => scalar::short_code(&coding.node, coding.code)?,
            None => ShortCode::NONE,
        };
        let (system, procedure) = self.procedure(item)?;
        let quantity = match price::quantity_at(item)? {
            Some(value) => decimal::quantity(&value, value.number()?)?,
            None => Quantity::ONE,
        };
        let charge = price::charge(item)?;
        let (from, through) = self.dates(item)?;
        Ok(ServiceLine {
            number,
            system,
            procedure,
            modifiers: modifiers(item)?,
            revenue,
            place: place_of_service(item)?,
            diagnoses: self.pointers(item)?,
            quantity,
            charge,
            from,
            through,
            rendering: self.who.rendering(item, self.billing)?,
            emergency: self.emergency || is_emergency_item(item)?,
            detail: LineDetail::default(),
            prior: Vec::new(),
        })
    }

    /// The procedure, drug or service. An institutional line may have a
    /// revenue code alone, which then is what it is billed by.
    fn procedure(&self, item: &Node<'a>) -> Result<(CodeSystem, Code), Fault> {
        let known = |system: &str| {
            !matches!(
                coding::list_of(Some(system)),
                CodeSystem::Other | CodeSystem::Unspecified
            )
        };
        let concept = item.get("productOrService")?;
        let chosen = match &concept {
            Some(concept) => coding::choose(concept, known)?,
            None => None,
        };
        if let Some(Coding { node, code, system }) = chosen {
            let system = coding::list_of(system);
            return Ok((system, scalar::procedure(&node, system, code)?));
        }
        if self.kind == ClaimKind::Institutional
            && let Some(revenue) = coding::code_at(item, "revenue")?
        {
            let code = scalar::procedure(&revenue.node, CodeSystem::Revenue, revenue.code)?;
            return Ok((CodeSystem::Revenue, code));
        }
        Err(item.fault_at(
            "productOrService",
            IntakeRule::NoCode,
            "there is no code for what was done",
        ))
    }

    fn dates(&self, item: &Node<'a>) -> Result<(ServiceDate, ServiceDate), Fault> {
        let (day, span) = (item.get("servicedDate")?, item.get("servicedPeriod")?);
        if let (Some(_), Some(span)) = (&day, &span) {
            return Err(span.fault(
                IntakeRule::WrongType,
                "a date and a period of service cannot both stand",
            ));
        }
        if let Some(day) = day {
            return scalar::day(&day).map(|day| (day, day));
        }
        let stated = match span {
            Some(span) => period(&span)?,
            None => None,
        };
        stated.or(self.fallback).ok_or_else(|| {
            item.fault(
                IntakeRule::NoDate,
                "neither the item nor the claim says when it was rendered",
            )
        })
    }

    /// The diagnoses an item points to by their sequence, a bit each.
    fn pointers(&self, item: &Node<'a>) -> Result<u32, Fault> {
        let mut bits = 0;
        for pointer in item.items("diagnosisSequence")? {
            let sequence = scalar::whole(&pointer)?;
            let position = self
                .diagnoses
                .iter()
                .position(|(other, _)| *other == sequence)
                .ok_or_else(|| {
                    pointer.fault(
                        IntakeRule::Pointer,
                        "the claim has no diagnosis with this sequence",
                    )
                })?;
            bits |= pointer_bit(position);
        }
        Ok(bits)
    }
}

fn modifiers(item: &Node<'_>) -> Result<Modifiers, Fault> {
    let mut modifiers = [ShortCode::NONE; Limits::MODIFIERS];
    let concepts = item.items_within("modifier", Limits::MODIFIERS)?;
    for (slot, concept) in modifiers.iter_mut().zip(concepts) {
        let coding = coding::choose(&concept, |_| false)?
            .ok_or_else(|| concept.fault(IntakeRule::Missing, "a modifier needs a code"))?;
        *slot = scalar::short_code(&coding.node, coding.code)?;
    }
    Ok(modifiers)
}

fn place_of_service(item: &Node<'_>) -> Result<ShortCode, Fault> {
    let Some(concept) = item.get("locationCodeableConcept")? else {
        return Ok(ShortCode::NONE);
    };
    let is_place = |system: &str| system.to_ascii_lowercase().contains("place-of-service");
    match coding::choose(&concept, is_place)? {
        Some(coding) => scalar::short_code(&coding.node, coding.code),
        None => Ok(ShortCode::NONE),
    }
}

fn is_emergency_item(item: &Node<'_>) -> Result<bool, Fault> {
    for extension in item.items("extension")? {
        if extension.json().text_of("url") == Some(coding::EMERGENCY) {
            return extension.need("valueBoolean")?.bool();
        }
    }
    Ok(false)
}
