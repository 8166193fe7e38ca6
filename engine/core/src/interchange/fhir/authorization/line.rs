//! One item of a request.

use tally_types::{Code, CodeSystem, Quantity, ServiceDate, ShortCode};

use super::super::super::decimal;
use super::super::super::draft::pointer_bit;
use super::super::super::node::Node;
use super::super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::super::scalar;
use super::super::coding::{self, Coding};
use super::super::dates::{self, Days};
use super::super::item::modifiers;
use super::super::who::{self, Who};
use super::super::{price, sequence_of, unit};
use super::codes;
use crate::authorization::RequestLine;
use crate::claim::{AuthorizationKind, Provider};

/// Members of a care team, and pointers to them.
const CARE_TEAM: usize = 64;
/// Trace numbers of an item: PAS sets no limit.
const TRACES: usize = 16;

/// What all items of a request share.
pub struct Items<'a, 'r> {
    pub who: &'r Who<'a, 'r>,
    pub kind: AuthorizationKind,
    pub diagnoses: &'r [(u16, Code)],
    pub billable: Option<Days>,
}

impl<'a> Items<'a, '_> {
    /// Reads an item.
    pub fn line(&self, item: &Node<'a>) -> Result<RequestLine, Fault> {
        codes::understood(item)?;
        let number = sequence_of(item)?;
        let service = coding::code_at(item, "category", coding::is_service_type)?;
        let service = match service {
            Some(found) if found.system.is_some_and(coding::is_service_type) => {
                scalar::short_code(&found.node, found.code)?
            }
            _ => ShortCode::NONE,
        };
        let (system, procedure) = self.procedure(item)?;
        Ok(RequestLine {
            number,
            traces: traces(item)?,
            service,
            system,
            procedure,
            modifiers: modifiers(item)?,
            quantity: match price::quantity_at(item)? {
                Some(value) => decimal::quantity(&value, value.number()?)?,
                None => Quantity::ONE,
            },
            unit: match item.get("quantity")? {
                Some(quantity) => unit::of_service(&quantity)?,
                None => ShortCode::NONE,
            },
            span: self.span(item)?,
            diagnoses: self.pointers(item)?,
            servicing: self.servicing(item)?,
        })
    }

    /// The procedure, drug or service. A type of service alone is one of a referral for
    /// whatever is needed of it.
    fn procedure(&self, item: &Node<'a>) -> Result<(CodeSystem, Code), Fault> {
        let chosen = coding::picked_at(item, "productOrService", coding::billing)?;
        let of_type = |coding: &Coding<'_>| coding.system.is_some_and(coding::is_service_type);
        match chosen.filter(|coding| !of_type(coding)) {
            Some(Coding { node, code, system }) => {
                let system = coding::list_of(system);
                Ok((system, scalar::procedure(&node, system, code)?))
            }
            None if self.kind == AuthorizationKind::Referral => {
                Ok((CodeSystem::Unspecified, Code::NONE))
            }
            None => Err(item.fault_at(
                "productOrService",
                IntakeRule::NoCode,
                "there is no code for what is to be done",
            )),
        }
    }

    /// The days asked for: the item's, else the billable period's. None is no fault: the
    /// payer then says.
    fn span(&self, item: &Node<'a>) -> Result<Option<(ServiceDate, ServiceDate)>, Fault> {
        let (day, span) = (item.get("servicedDate")?, item.get("servicedPeriod")?);
        if let (Some(_), Some(span)) = (&day, &span) {
            return Err(span.fault(
                IntakeRule::WrongType,
                "a date and a period of service cannot both stand",
            ));
        }
        if let Some(day) = day {
            return scalar::day(&day).map(|day| Some((day, day)));
        }
        let stated = match span {
            Some(span) => dates::period(&span)?,
            None => None,
        };
        Ok(stated.or(self.billable))
    }

    fn pointers(&self, item: &Node<'a>) -> Result<u32, Fault> {
        let mut bits = 0;
        for pointer in item.items("diagnosisSequence")? {
            let sequence = scalar::whole(&pointer)?;
            let mut known = self.diagnoses.iter();
            let position = known.position(|(other, _)| *other == sequence);
            let position = position.ok_or_else(|| {
                pointer.fault(
                    IntakeRule::Pointer,
                    "the request has no diagnosis with this sequence",
                )
            })?;
            bits |= pointer_bit(position);
        }
        Ok(bits)
    }

    /// Who is to give it: of the care team members that the item points to, or that are
    /// of the whole request, the first whose role it is, else the first without a role.
    fn servicing(&self, item: &Node<'a>) -> Result<Option<Provider>, Fault> {
        let team = self.who.claim.items_within("careTeam", CARE_TEAM)?;
        let mut named = Vec::new();
        for pointer in item.items_within("careTeamSequence", CARE_TEAM)? {
            let wanted = scalar::whole(&pointer)?;
            let mut found = None;
            for member in &team {
                if sequence_of(member)? == wanted {
                    found = Some(member);
                    break;
                }
            }
            named.push(found.ok_or_else(|| {
                pointer.fault(
                    IntakeRule::Pointer,
                    "there is no member of the care team with this sequence",
                )
            })?);
        }
        for member in &team {
            if let Some(scope) = codes::extension(member, "extension-careTeamClaimScope")?
                && scope.need("valueBoolean")?.bool()?
            {
                named.push(member);
            }
        }
        let (mut gives, mut without_role) = (None, None);
        for member in named {
            match who::gives(member, codes::gives_service)? {
                None => without_role = without_role.or(Some(member)),
                Some(true) => gives = gives.or(Some(member)),
                Some(false) => {}
            }
        }
        let Some(member) = gives.or(without_role) else {
            return Ok(None);
        };
        let reference = member.need("provider")?;
        let provider = self.who.provider(&reference)?.ok_or_else(|| {
            reference.fault(
                IntakeRule::NoProvider,
                "it has neither an identifier nor a reference",
            )
        })?;
        // Without a code it would read as one for anybody.
        if provider.code().is_none() {
            return Err(reference.fault(
                IntakeRule::BadCode,
                "the provider's identifier is none that a claim can be told by",
            ));
        }
        Ok(Some(provider))
    }
}

/// The sender's own numbers for an item.
fn traces(item: &Node<'_>) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    for extension in codes::extensions(item, "extension-itemTraceNumber")? {
        let identifier = extension.need("valueIdentifier")?;
        if let Some(value) = identifier.get("value")? {
            found.extend(scalar::identifier(&value)?);
        }
    }
    if found.len() > TRACES {
        return Err(item.fault_at(
            "extension",
            IntakeRule::TooMany,
            format!(
                "{} trace numbers where at most {TRACES} may stand",
                found.len()
            ),
        ));
    }
    Ok(found)
}
