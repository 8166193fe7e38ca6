//! One line of a claim in our own JSON.

use tally_types::{Code, CodeSystem, Money, Quantity, ShortCode};

use super::super::decimal;
use super::super::draft::{self, pointer_bit};
use super::super::json::{self, Json, list, object, text};
use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::shared::{
    identifier_at, list_unless_empty, provider_at, provider_json, quantity_at, short_at,
    short_json, shorts_at, unless_empty,
};
use super::{check_fields, choice, coordination, word};
use crate::claim::{Coordination, Drug, Limits, LineDetail, Modifiers, ServiceLine, Tooth};

const FIELDS: &[&str] = &[
    "number",
    "control_number",
    "system",
    "procedure",
    "modifiers",
    "revenue",
    "place",
    "diagnoses",
    "quantity",
    "unit",
    "charge",
    "from",
    "through",
    "rendering",
    "emergency",
    "drug",
    "cavities",
    "teeth",
    "non_covered",
    "prior",
];

/// Areas of the mouth of a line: X12 SV304 has five, FHIR does not say.
const CAVITIES: usize = Limits::TEETH;

const SYSTEMS: [(&str, CodeSystem); 9] = [
    ("unspecified", CodeSystem::Unspecified),
    ("hcpcs", CodeSystem::Hcpcs),
    ("cdt", CodeSystem::Cdt),
    ("ndc", CodeSystem::Ndc),
    ("rxnorm", CodeSystem::RxNorm),
    ("snomed", CodeSystem::Snomed),
    ("icd-10-pcs", CodeSystem::Icd10Pcs),
    ("revenue", CodeSystem::Revenue),
    ("other", CodeSystem::Other),
];

/// Reads a line; `position` is its number where it has none.
pub(super) fn read(
    node: &Node<'_>,
    position: u16,
    diagnoses: &[Code],
    payers: &Coordination,
) -> Result<ServiceLine, Fault> {
    check_fields(node, FIELDS)?;
    let number = match node.get("number")? {
        Some(number) => scalar::whole(&number)?,
        None => position,
    };
    let system = match node.get("system")? {
        Some(system) => choice(&system, &SYSTEMS, IntakeRule::BadCode)?,
        None => CodeSystem::Unspecified,
    };
    let revenue = short_at(node, "revenue")?;
    let procedure = match node.get("procedure")? {
        Some(procedure) => scalar::procedure(&procedure, system, procedure.text()?)?,
        // What is billed by its revenue code alone.
        None if system == CodeSystem::Revenue && !revenue.is_none() => revenue.into(),
        None => {
            return Err(node.fault_at(
                "procedure",
                IntakeRule::NoCode,
                "there is no code for what was done",
            ));
        }
    };
    let quantity = match node.get("quantity")? {
        Some(quantity) => decimal::quantity(&quantity, quantity.number_or_text()?)?,
        None => Quantity::ONE,
    };
    let charge = node
        .get("charge")?
        .ok_or_else(|| node.fault_at("charge", IntakeRule::NoAmount, "a line has a charge"))?;
    let charged = decimal::money(&charge, charge.number_or_text()?)?;
    let from = node
        .get("from")?
        .ok_or_else(|| node.fault_at("from", IntakeRule::NoDate, "a line has a date of service"))?;
    let from = scalar::date(&from)?;
    let mut modifiers: Modifiers = [ShortCode::NONE; Limits::MODIFIERS];
    let given = node.items_within("modifiers", Limits::MODIFIERS)?;
    for (slot, item) in modifiers.iter_mut().zip(given) {
        *slot = scalar::short_code(&item, item.text()?)?;
    }
    Ok(ServiceLine {
        number,
        system,
        procedure,
        modifiers,
        revenue,
        place: short_at(node, "place")?,
        diagnoses: pointers(node, diagnoses)?,
        quantity,
        charge: charged,
        from,
        through: match node.get("through")? {
            Some(day) => scalar::date(&day)?,
            None => from,
        },
        rendering: provider_at(node, "rendering")?,
        emergency: match node.get("emergency")? {
            Some(mark) => mark.bool()?,
            None => false,
        },
        detail: LineDetail {
            control_number: identifier_at(node, "control_number")?,
            unit: unit(node, procedure)?,
            drug: drug(node)?,
            cavities: shorts_at(node, "cavities", CAVITIES)?,
            teeth: teeth(node)?,
            non_covered: non_covered(node, charged)?,
        },
        prior: coordination::lines(node, &payers.others)?,
    })
}

/// What a unit of service is: minutes of anaesthesia alone.
fn unit(node: &Node<'_>, procedure: Code) -> Result<ShortCode, Fault> {
    let unit = short_at(node, "unit")?;
    if unit == scalar::MINUTES && !scalar::is_anaesthesia(procedure) {
        let reason = "only anaesthesia (00100 to 01999) is billed in minutes (MJ)";
        return Err(node.fault_at("unit", IntakeRule::BadUnit, reason));
    }
    Ok(unit)
}

/// What the sender declares not covered.
fn non_covered(node: &Node<'_>, charge: Money) -> Result<Money, Fault> {
    let Some(declared) = node.get("non_covered")? else {
        return Ok(Money::ZERO);
    };
    let amount = decimal::money(&declared, declared.number_or_text()?)?;
    draft::declared(&declared, amount, charge)
}

fn pointers(node: &Node<'_>, diagnoses: &[Code]) -> Result<u32, Fault> {
    let mut pointers = 0;
    for pointer in node.items("diagnoses")? {
        let position = usize::from(scalar::whole(&pointer)?).saturating_sub(1);
        if position >= diagnoses.len() {
            return Err(pointer.fault(
                IntakeRule::Pointer,
                format!("the claim has {} diagnoses", diagnoses.len()),
            ));
        }
        pointers |= pointer_bit(position);
    }
    Ok(pointers)
}

fn drug(node: &Node<'_>) -> Result<Option<Drug>, Fault> {
    let Some(drug) = node.get("drug")? else {
        return Ok(None);
    };
    check_fields(&drug, &["ndc", "quantity", "unit"])?;
    let ndc = drug.need("ndc")?;
    Ok(Some(Drug {
        ndc: scalar::procedure(&ndc, CodeSystem::Ndc, ndc.text()?)?,
        quantity: quantity_at(&drug, "quantity")?,
        unit: short_at(&drug, "unit")?,
    }))
}

fn teeth(node: &Node<'_>) -> Result<Vec<Tooth>, Fault> {
    let mut teeth = Vec::new();
    for item in node.items_within("teeth", Limits::TEETH)? {
        check_fields(&item, &["code", "surfaces"])?;
        teeth.push(Tooth {
            code: short_at(&item, "code")?,
            surfaces: short_at(&item, "surfaces")?,
        });
    }
    Ok(teeth)
}

pub(super) fn json(line: &ServiceLine) -> Json<'_> {
    let pointers = (1u32..=32)
        .zip(0u32..)
        .filter(|(_, bit)| {
            line.diagnoses
                .checked_shr(*bit)
                .is_some_and(|bits| bits & 1 == 1)
        })
        .map(|(number, _)| json::number(number));
    let modifiers = line.modifiers.iter().filter(|code| !code.is_none());
    let detail = &line.detail;
    let drug = detail.drug.map_or(Json::Null, |drug| {
        object([
            ("ndc", text(drug.ndc.to_string())),
            ("quantity", text(drug.quantity.to_string())),
            ("unit", short_json(drug.unit)),
        ])
    });
    let tooth = |tooth: &Tooth| {
        object([
            ("code", short_json(tooth.code)),
            ("surfaces", short_json(tooth.surfaces)),
        ])
    };
    object([
        ("number", json::number(line.number)),
        ("control_number", unless_empty(&detail.control_number)),
        ("system", text(word(&SYSTEMS, line.system))),
        (
            "procedure",
            match line.procedure.is_none() {
                true => Json::Null,
                false => text(line.procedure.to_string()),
            },
        ),
        ("modifiers", list(modifiers.copied().map(short_json))),
        ("revenue", short_json(line.revenue)),
        ("place", short_json(line.place)),
        ("diagnoses", list(pointers)),
        ("quantity", text(line.quantity.to_string())),
        ("unit", short_json(detail.unit)),
        ("charge", text(line.charge.to_string())),
        ("from", text(line.from.to_string())),
        ("through", text(line.through.to_string())),
        ("rendering", provider_json(line.rendering.as_ref())),
        ("emergency", Json::Bool(line.emergency)),
        ("drug", drug),
        (
            "cavities",
            list_unless_empty(detail.cavities.iter().copied().map(short_json)),
        ),
        ("teeth", list_unless_empty(detail.teeth.iter().map(tooth))),
        (
            "non_covered",
            match detail.non_covered.is_zero() {
                true => Json::Null,
                false => text(detail.non_covered.to_string()),
            },
        ),
        ("prior", coordination::lines_json(&line.prior)),
    ])
}
