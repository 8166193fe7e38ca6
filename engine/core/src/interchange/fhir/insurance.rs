//! The insurances of a Claim: the one it is to be decided under, and other payers.

use tally_types::{Money, ShortCode};

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding;
use super::price;
use super::prior;
use super::who::Who;
use crate::claim::{Coordination, Limits, OtherPayer, ServiceLine};

/// The insurances: the one marked focal, or the only one where nothing is marked;
/// and the others.
pub(super) struct Insurances<'a> {
    pub focal: Node<'a>,
    others: Vec<Node<'a>>,
}

/// Finds them.
pub(super) fn find<'a>(claim: &Node<'a>) -> Result<Insurances<'a>, Fault> {
    let (mut focal, mut unmarked, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for insurance in claim.items("insurance")? {
        coding::understood(&insurance)?;
        match insurance.get("focal")? {
            Some(mark) if mark.bool()? => focal.push(insurance),
            Some(_) => others.push(insurance),
            None => unmarked.push(insurance),
        }
    }
    let wrong = |reason: &str| claim.fault_at("insurance", IntakeRule::Coverage, reason);
    let mut chosen = if focal.is_empty() {
        unmarked
    } else {
        others.append(&mut unmarked);
        focal
    };
    match (chosen.pop(), chosen.is_empty()) {
        (Some(focal), true) => Ok(Insurances { focal, others }),
        (Some(_), false) => Err(wrong("more than one is focal")),
        (None, _) => Err(wrong("none is focal, so none is to be decided under")),
    }
}

impl<'a> Insurances<'a> {
    /// What the claim says of its payers. What others did to its lines is written
    /// on the lines.
    pub fn coordination(
        &self,
        who: &Who<'a, '_>,
        lines: &mut [(ServiceLine, String)],
    ) -> Result<Coordination, Fault> {
        if self.others.len() > Limits::OTHER_PAYERS {
            return Err(who.claim.fault_at(
                "insurance",
                IntakeRule::TooMany,
                format!("more than {} other payers", Limits::OTHER_PAYERS),
            ));
        }
        let mut others = Vec::new();
        for (position, insurance) in (0u8..).zip(&self.others) {
            let mut payer = payer(insurance, who)?;
            // A claim without lines is refused for that.
            if !lines.is_empty()
                && let Some(reference) = insurance.get("claimResponse")?
                && let Some(response) = who.resolve(&reference)?
            {
                prior::read(&response, position, &mut payer, lines)?;
            }
            others.push(payer);
        }
        Ok(Coordination {
            sequence: sequence(&self.focal)?,
            others,
            patient_paid: patient_paid(who.claim)?,
        })
    }
}

/// Its place among the payers; zero where it is not said.
fn sequence(insurance: &Node<'_>) -> Result<u8, Fault> {
    let Some(sequence) = insurance.get("sequence")? else {
        return Ok(0);
    };
    u8::try_from(scalar::whole(&sequence)?)
        .map_err(|_| sequence.fault(IntakeRule::Sequence, "no claim has so many payers"))
}

fn payer<'a>(insurance: &Node<'a>, who: &Who<'a, '_>) -> Result<OtherPayer, Fault> {
    let coverage = insurance.need("coverage")?;
    let resource = who.resolve(&coverage)?;
    let mut identifier = None;
    let mut filing = ShortCode::NONE;
    if let Some(resource) = &resource {
        for payor in resource.items("payor")? {
            identifier = match who.provider(&payor)? {
                _ if identifier.is_some() => identifier,
                found => found.map(|payor| payor.identifier),
            };
        }
        filing = filing_of(resource)?;
    }
    let identifier = match identifier {
        Some(found) => Some(found),
        None => who.numbered(&coverage)?,
    };
    Ok(OtherPayer {
        identifier: identifier.unwrap_or_default(),
        sequence: sequence(insurance)?,
        filing,
        paid: None,
        remaining: None,
        decided: None,
        adjustments: Vec::new(),
    })
}

/// The kind of cover in the codes of X12 SBR09, where the Coverage has them.
fn filing_of(coverage: &Node<'_>) -> Result<ShortCode, Fault> {
    let is_filing = |system: &str| system.to_ascii_lowercase().contains("filing-indicator");
    match coding::code_at(coverage, "type", is_filing)? {
        Some(coding) if coding.system.is_some_and(is_filing) => {
            scalar::short_code(&coding.node, coding.code)
        }
        _ => Ok(ShortCode::NONE),
    }
}

/// What R5 calls `patientPaid`, and R4 has as an extension.
const PATIENT_PAID: &str =
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-Claim.patientPaid";

fn patient_paid(claim: &Node<'_>) -> Result<Money, Fault> {
    if let Some(paid) = price::money_at(claim, "patientPaid")? {
        return Ok(paid);
    }
    for extension in claim.items("extension")? {
        if extension.json().text_of("url") == Some(PATIENT_PAID) {
            return Ok(price::money_at(&extension, "valueMoney")?.unwrap_or(Money::ZERO));
        }
    }
    Ok(Money::ZERO)
}
