//! One service line of an 837: loop 2400.

use tally_types::{Code, CodeSystem, Money, Quantity, ShortCode};
use tally_x12::LoopRef;

use super::super::draft::{self, pointer_bit};
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::claim::Levels;
use super::coordination;
use super::institutional::Diagnoses;
use super::spot::Spot;
use crate::claim::{
    ClaimKind, Coordination, Drug, Limits, LineDetail, Modifiers, ServiceLine, Tooth,
};

/// The segment that says what was done, and the element of its charge.
pub(super) fn service<'t, 'a>(
    levels: &Levels<'t, 'a>,
    line: LoopRef<'t, 'a>,
) -> Result<(Spot<'a>, usize), Fault> {
    let (tag, charge) = match levels.kind {
        ClaimKind::Institutional => ("SV2", 3),
        ClaimKind::Oral => ("SV3", 2),
        _ => ("SV1", 2),
    };
    let found = levels.find(line, tag, "");
    found.map(|spot| (spot, charge)).ok_or_else(|| {
        let place = format!("set {}, segment {}, 2400", levels.set.0, line.begins());
        Fault::new(IntakeRule::NoCode, place, "nothing says what was done")
    })
}

/// Where the parts of a line stand in its service segment.
pub(super) struct Layout {
    pub procedure: usize,
    pub revenue: Option<usize>,
    unit: Option<usize>,
    pub quantity: usize,
    place: Option<usize>,
    pointers: Option<usize>,
    emergency: Option<usize>,
    non_covered: Option<usize>,
}

pub(super) fn layout(kind: ClaimKind) -> Layout {
    match kind {
        ClaimKind::Institutional => Layout {
            procedure: 2,
            revenue: Some(1),
            unit: Some(4),
            quantity: 5,
            place: None,
            pointers: None,
            emergency: None,
            non_covered: Some(7),
        },
        ClaimKind::Oral => Layout {
            procedure: 1,
            revenue: None,
            unit: None,
            quantity: 6,
            place: Some(3),
            pointers: Some(11),
            emergency: None,
            non_covered: None,
        },
        _ => Layout {
            procedure: 1,
            revenue: None,
            unit: Some(3),
            quantity: 4,
            place: Some(5),
            pointers: Some(7),
            emergency: Some(9),
            non_covered: None,
        },
    }
}

/// Reads a line; answers it, and where it stands.
pub(super) fn read<'t, 'a>(
    levels: &Levels<'t, 'a>,
    at: LoopRef<'t, 'a>,
    diagnoses: &Diagnoses,
    coordination: &Coordination,
) -> Result<(ServiceLine, String), Fault> {
    let (spot, charge) = service(levels, at)?;
    let layout = layout(levels.kind);
    let number = number(levels, at)?;
    let (system, procedure, modifiers) = procedure(&spot, layout.procedure)?;
    let short = |element: Option<usize>| match element {
        Some(element) => spot.at(element).short(),
        None => Ok(ShortCode::NONE),
    };
    let revenue = short(layout.revenue)?;
    let (system, procedure) = match (procedure.is_none(), revenue.is_none()) {
        (true, true) => {
            return Err(spot.fault(IntakeRule::NoCode, "there is no code for what was done"));
        }
        (true, false) => (CodeSystem::Revenue, revenue.into()),
        (false, _) => (system, procedure),
    };
    let unit = short(layout.unit)?;
    if let Some(element) = layout.unit
        && unit == scalar::MINUTES
        && !(system == CodeSystem::Hcpcs && scalar::is_anaesthesia(procedure))
    {
        return Err(spot.at(element).fault(
            IntakeRule::BadUnit,
            "only anaesthesia (00100 to 01999) is billed in minutes (MJ); send units (UN)",
        ));
    }
    let quantity = spot.at(layout.quantity);
    let quantity = match quantity.is_empty() {
        true => Quantity::ONE,
        false => quantity.quantity()?,
    };
    let days = match levels.find(at, "DTP", "472") {
        Some(date) => Some(date.at(3).days()?),
        None => levels.usual_days()?,
    };
    let (from, through) =
        days.ok_or_else(|| spot.fault(IntakeRule::NoDate, "the line has no date of service"))?;
    let mut place = short(layout.place)?;
    if place.is_none() {
        place = levels.usual_place()?;
    }
    let roles = levels.roles();
    let rendering = match levels.person(at, roles.line_rendering)? {
        Some(provider) => Some(provider),
        None => levels.person(levels.claim, roles.rendering)?,
    };
    let line = ServiceLine {
        number,
        system,
        procedure,
        modifiers,
        revenue,
        place,
        diagnoses: match layout.pointers {
            Some(element) => pointers(&spot, element, diagnoses)?,
            None => 0,
        },
        quantity,
        charge: spot.at(charge).money()?,
        from,
        through,
        rendering,
        emergency: levels.is_emergency()
            || layout
                .emergency
                .is_some_and(|element| spot.at(element).text == "Y"),
        detail: LineDetail {
            control_number: match levels.find(at, "REF", "6R") {
                Some(reference) => reference.at(2).identifier()?.unwrap_or_default(),
                None => String::new(),
            },
            unit,
            drug: drug(levels, at)?,
            cavities: cavities(levels.kind, &spot)?,
            teeth: teeth(levels, at)?,
            non_covered: non_covered(&spot, layout.non_covered, charge)?,
        },
        prior: coordination::lines(levels, at, coordination)?,
    };
    Ok((line, spot.place()))
}

/// The numbers of a kind that a claim or a line names: `G1` authorisations, `9F`
/// referrals.
pub(super) fn numbers<'t, 'a>(
    levels: &Levels<'t, 'a>,
    at: LoopRef<'t, 'a>,
    kind: &str,
) -> Result<Vec<String>, Fault> {
    let mut numbers = Vec::new();
    for reference in levels.all(at, "REF") {
        // With a fourth element it is another payer's.
        if reference.at(1).text == kind && reference.at(4).is_empty() {
            numbers.extend(reference.at(2).identifier()?);
        }
    }
    Ok(numbers)
}

/// What the sender declares not covered.
fn non_covered(spot: &Spot<'_>, element: Option<usize>, charge: usize) -> Result<Money, Fault> {
    let Some(declared) = element.map(|element| spot.at(element)) else {
        return Ok(Money::ZERO);
    };
    if declared.is_empty() {
        return Ok(Money::ZERO);
    }
    draft::declared(&declared, declared.money()?, spot.at(charge).money()?)
}

fn number<'t, 'a>(levels: &Levels<'t, 'a>, at: LoopRef<'t, 'a>) -> Result<u16, Fault> {
    let place = format!("set {}, segment {}, 2400 LX-01", levels.set.0, at.begins());
    let number = levels
        .find(at, "LX", "")
        .and_then(|spot| spot.at(1).text.parse::<u16>().ok())
        .filter(|number| *number > 0);
    number.ok_or_else(|| {
        let reason = format!("a whole number from 1 to {} is expected", u16::MAX);
        Fault::new(IntakeRule::Sequence, place, reason)
    })
}

/// A composite that names a procedure: its list, the code, four modifiers.
fn procedure(spot: &Spot<'_>, element: usize) -> Result<(CodeSystem, Code, Modifiers), Fault> {
    let mut modifiers: Modifiers = [ShortCode::NONE; Limits::MODIFIERS];
    let code = spot.part(element, 2);
    if code.is_empty() {
        return Ok((CodeSystem::Unspecified, Code::NONE, modifiers));
    }
    let system = match spot.part(element, 1).text {
        "HC" => CodeSystem::Hcpcs,
        "AD" => CodeSystem::Cdt,
        "N4" => CodeSystem::Ndc,
        _ => CodeSystem::Other,
    };
    for (slot, component) in modifiers.iter_mut().zip(3..) {
        *slot = spot.part(element, component).short()?;
    }
    let code = scalar::procedure(&code, system, code.text)?;
    Ok((system, code, modifiers))
}

/// Pointers to the claim's diagnoses, a component each.
fn pointers(spot: &Spot<'_>, element: usize, diagnoses: &Diagnoses) -> Result<u32, Fault> {
    let mut bits = 0;
    for component in 1..=4 {
        let pointer = spot.part(element, component);
        if pointer.is_empty() {
            continue;
        }
        let position = pointer
            .text
            .parse::<usize>()
            .ok()
            .and_then(|number| diagnoses.pointed(number));
        let Some(position) = position else {
            return Err(pointer.fault(
                IntakeRule::Pointer,
                format!(
                    "no diagnosis stands at that place of HI; the claim has {}",
                    diagnoses.codes.len()
                ),
            ));
        };
        bits |= pointer_bit(position);
    }
    Ok(bits)
}

fn drug<'t, 'a>(levels: &Levels<'t, 'a>, at: LoopRef<'t, 'a>) -> Result<Option<Drug>, Fault> {
    let Some(drug) = at.one("2410") else {
        return Ok(None);
    };
    let (Some(named), Some(given)) = (levels.find(drug, "LIN", ""), levels.find(drug, "CTP", ""))
    else {
        return Ok(None);
    };
    if named.at(2).text != "N4" {
        return Ok(None);
    }
    Ok(Some(Drug {
        ndc: scalar::procedure(&named.at(3), CodeSystem::Ndc, named.at(3).text)?,
        quantity: given.at(4).quantity()?,
        unit: given.part(5, 1).short()?,
    }))
}

fn cavities(kind: ClaimKind, spot: &Spot<'_>) -> Result<Vec<ShortCode>, Fault> {
    if kind != ClaimKind::Oral {
        return Ok(Vec::new());
    }
    (1..=5)
        .map(|component| spot.part(4, component))
        .filter(|cavity| !cavity.is_empty())
        .map(|cavity| cavity.short())
        .collect()
}

fn teeth<'t, 'a>(levels: &Levels<'t, 'a>, at: LoopRef<'t, 'a>) -> Result<Vec<Tooth>, Fault> {
    let mut teeth = Vec::new();
    for spot in levels.all(at, "TOO") {
        let surfaces: String = (1..=5)
            .map(|component| spot.part(3, component).text)
            .collect();
        teeth.push(Tooth {
            code: spot.at(2).short()?,
            surfaces: match surfaces.as_str() {
                "" => ShortCode::NONE,
                surfaces => scalar::short_code(&spot.at(3), surfaces)?,
            },
        });
    }
    Ok(teeth)
}
