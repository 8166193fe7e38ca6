//! One item of a Claim.

use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};

use super::super::decimal;
use super::super::draft::pointer_bit;
use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding::{self, Coding};
use super::dates::{self, Days};
use super::mouth::{self, Mouth, Sites};
use super::who::Who;
use super::write::DATA_ABSENT;
use super::{price, sequence_of, unit};
use crate::claim::{ClaimKind, Drug, Limits, LineDetail, Modifiers, Provider, ServiceLine};

/// What all items of a claim share.
pub(super) struct Items<'a, 'r> {
    pub who: &'r Who<'a, 'r>,
    pub kind: ClaimKind,
    pub billing: &'r Provider,
    pub diagnoses: &'r [(u16, Code)],
    pub emergency: bool,
    pub fallback: Option<Days>,
    pub sites: &'r Sites<'a>,
}

impl<'a> Items<'a, '_> {
    /// Reads an item.
    pub fn line(&self, item: &Node<'a>) -> Result<ServiceLine, Fault> {
        let number = sequence_of(item)?;
        let revenue = match coding::code_at(item, "revenue", coding::is_revenue)? {
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
            detail: self.detail(item, procedure)?,
            prior: Vec::new(),
        })
    }

    /// What only some items have.
    fn detail(&self, item: &Node<'a>, procedure: Code) -> Result<LineDetail, Fault> {
        let mouth = match self.kind {
            ClaimKind::Oral => mouth::read(item, self.sites)?,
            _ => Mouth::default(),
        };
        Ok(LineDetail {
            control_number: trace_number(item)?,
            unit: match item.get("quantity")? {
                Some(quantity) => unit::of_line(&quantity, procedure)?,
                None => ShortCode::NONE,
            },
            drug: drug(item)?,
            cavities: mouth.cavities,
            teeth: mouth.teeth,
            // FHIR R4 has no element for it.
            non_covered: Money::ZERO,
        })
    }

    /// The procedure, drug or service. An institutional line may have a
    /// revenue code alone, which then is what it is billed by.
    fn procedure(&self, item: &Node<'a>) -> Result<(CodeSystem, Code), Fault> {
        let rank = match self.kind {
            ClaimKind::Pharmacy => coding::dispensing,
            _ => coding::billing,
        };
        let chosen = coding::picked_at(item, "productOrService", rank)?;
        // CARIN has a line that is billed by its revenue code alone say so.
        let is_absent = |of: &Coding<'_>| of.system == Some(DATA_ABSENT);
        if let Some(Coding { node, code, system }) = chosen.filter(|of| !is_absent(of)) {
            let system = coding::list_of(system);
            return Ok((system, scalar::procedure(&node, system, code)?));
        }
        if self.kind == ClaimKind::Institutional
            && let Some(revenue) = coding::code_at(item, "revenue", coding::is_revenue)?
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
            Some(span) => dates::period(&span)?,
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

/// The modifiers of an item.
pub(super) fn modifiers(item: &Node<'_>) -> Result<Modifiers, Fault> {
    let mut modifiers = [ShortCode::NONE; Limits::MODIFIERS];
    let concepts = item.items_within("modifier", Limits::MODIFIERS)?;
    for (slot, concept) in modifiers.iter_mut().zip(concepts) {
        let coding = coding::choose(&concept, coding::is_modifier)?
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

/// The sender's own number for an item (Da Vinci's `itemTraceNumber`).
fn trace_number(item: &Node<'_>) -> Result<String, Fault> {
    for extension in item.items("extension")? {
        let url = extension.json().text_of("url").unwrap_or_default();
        if url.ends_with("/extension-itemTraceNumber")
            && let Some(identifier) = extension.get("valueIdentifier")?
            && let Some(value) = identifier.get("value")?
        {
            return Ok(scalar::identifier(&value)?.unwrap_or_default());
        }
    }
    Ok(String::new())
}

/// The drug given: the first detail whose product has a National Drug Code. An item
/// that is itself billed by one has no other.
fn drug(item: &Node<'_>) -> Result<Option<Drug>, Fault> {
    for detail in item.items("detail")? {
        let Some(concept) = detail.get("productOrService")? else {
            continue;
        };
        let is_ndc = |system: &str| coding::list_of(Some(system)) == CodeSystem::Ndc;
        let Some(coding) = coding::choose(&concept, is_ndc)? else {
            continue;
        };
        if !coding.system.is_some_and(is_ndc) {
            continue;
        }
        let (quantity, unit) = match (price::quantity_at(&detail)?, detail.get("quantity")?) {
            (Some(value), Some(holder)) => (
                decimal::quantity(&value, value.number()?)?,
                unit::of_drug(&holder)?,
            ),
            _ => (Quantity::ONE, ShortCode::NONE),
        };
        return Ok(Some(Drug {
            ndc: scalar::procedure(&coding.node, CodeSystem::Ndc, coding.code)?,
            quantity,
            unit,
        }));
    }
    Ok(None)
}
