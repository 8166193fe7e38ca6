//! What led to the care: who referred, where it was done, an accident.

use super::super::node::Node;
use super::super::refusal::Fault;
use super::super::scalar;
use super::coding;
use super::who::{Role, Who};
use crate::claim::{Accident, AccidentCause, Circumstances, Provider};

/// Reads them.
pub(super) fn read(who: &Who<'_, '_>, billing: &Provider) -> Result<Circumstances, Fault> {
    let claim = who.claim;
    let facility = match claim.get("facility")? {
        Some(facility) => who.provider(&facility)?,
        None => None,
    };
    let (mut referral, mut requester) = (None, None);
    if let Some(reference) = claim.get("referral")? {
        referral = who.numbered(&reference)?;
        if let Some(request) = who.resolve(&reference)?
            && let Some(named) = request.get("requester")?
        {
            requester = who.provider(&named)?;
        }
    }
    Ok(Circumstances {
        referral,
        referring: who.in_role(Role::Referring)?.or(requester),
        facility: facility.filter(|facility| facility != billing),
        accident: accident(claim)?,
    })
}

/// An accident, by the codes of HL7 (ActIncidentCode) or of X12 (CLM11).
fn accident(claim: &Node<'_>) -> Result<Option<Accident>, Fault> {
    let Some(accident) = claim.get("accident")? else {
        return Ok(None);
    };
    let cause = coding::meaning_at(&accident, "type", |coding| match coding.code {
        "MVA" | "AA" => Some(AccidentCause::Vehicle),
        "WPA" | "EM" => Some(AccidentCause::Employment),
        "SCHOOL" | "SPT" | "OA" => Some(AccidentCause::Other),
        _ => None,
    })?;
    let cause = cause.unwrap_or(AccidentCause::Other);
    let on = match accident.get("date")? {
        Some(day) => scalar::day_if_whole(&day)?,
        None => None,
    };
    coding::understood(&accident)?;
    Ok(Some(Accident { cause, on }))
}
