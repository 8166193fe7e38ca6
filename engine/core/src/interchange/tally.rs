//! Our own claims, `tallystick-claim/v1`: `docs/claim-json.md`.

use tally_types::{Code, CodeSystem, Quantity, ShortCode};

use super::decimal;
use super::draft::{Draft, authorizations, pointer_bit};
use super::json::{self, Budget, Json, list, object, text};
use super::node::Node;
use super::refusal::{Fault, IntakeRule, Place as _};
use super::scalar;
use super::{ReadClaims, Source};
use crate::claim::{
    Claim, ClaimKind, Limits, LineDetail, MemberReference, Modifiers, Provider, ServiceLine,
};

/// What a claim names its format as.
pub(super) const FORMAT: &str = "tallystick-claim/v1";

const CLAIM_FIELDS: &[&str] = &[
    "format",
    "kind",
    "frequency",
    "control_number",
    "member",
    "billing",
    "diagnoses",
    "authorizations",
    "currency",
    "charge",
    "lines",
];
const LINE_FIELDS: &[&str] = &[
    "number",
    "system",
    "procedure",
    "modifiers",
    "revenue",
    "place",
    "diagnoses",
    "quantity",
    "charge",
    "from",
    "through",
    "rendering",
    "emergency",
];

const KINDS: [(&str, ClaimKind); 5] = [
    ("professional", ClaimKind::Professional),
    ("institutional", ClaimKind::Institutional),
    ("oral", ClaimKind::Oral),
    ("vision", ClaimKind::Vision),
    ("pharmacy", ClaimKind::Pharmacy),
];
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

/// The word for a value of a table.
pub(super) fn word<T: PartialEq + Copy>(table: &[(&'static str, T)], value: T) -> &'static str {
    table
        .iter()
        .find(|(_, other)| *other == value)
        .map_or("", |(word, _)| word)
}

/// The kind of a claim, as it is written everywhere.
pub(super) fn kind_word(kind: ClaimKind) -> &'static str {
    word(&KINDS, kind)
}

/// Reads one document: a claim, or a list of claims.
pub(super) fn read_document(
    text: &str,
    source: &Source<'_>,
    reading: &mut ReadClaims,
) -> Result<(), Fault> {
    let document = json::read(text, "file", &mut Budget::new())?;
    match &document {
        Json::List(items) => {
            let list = Node::new(&document, "claims");
            super::check_items(items.len(), list.place())?;
            for item in list.list()? {
                reading.take(|position| read_claim(&item, source, position));
            }
        }
        _ => reading.take(|position| read_claim(&Node::new(&document, "claim"), source, position)),
    }
    Ok(())
}

/// Refuses a field that is not one of `known`.
pub(super) fn check_fields(node: &Node<'_>, known: &[&str]) -> Result<(), Fault> {
    for (i, key) in node.keys()?.enumerate() {
        if !known.contains(&key) {
            return Err(node.fault_at(
                &json::printable_key(key, i),
                IntakeRule::UnknownField,
                format!("the fields are {}", known.join(", ")),
            ));
        }
    }
    Ok(())
}

/// Refuses another format, or another version of it.
pub(super) fn check_format(node: &Node<'_>, format: &str) -> Result<(), Fault> {
    let wrong = |node: &Node<'_>| {
        node.fault(
            IntakeRule::FormatVersion,
            format!("\"format\": \"{format}\" is expected"),
        )
    };
    match node.get("format")? {
        Some(found) if found.text()? == format => Ok(()),
        Some(found) => Err(wrong(&found)),
        None => Err(wrong(node)),
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    node: &Node<'_>,
    table: &[(&'static str, T)],
    rule: IntakeRule,
) -> Result<T, Fault> {
    let found = node.text()?;
    table
        .iter()
        .find(|(word, _)| *word == found)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
            node.fault(rule, format!("one of {} is expected", words.join(", ")))
        })
}

fn read_claim(node: &Node<'_>, source: &Source<'_>, position: u32) -> Result<Claim, Fault> {
    node.json().check_keys(node.place(), &|_| false)?;
    check_format(node, FORMAT)?;
    check_fields(node, CLAIM_FIELDS)?;
    if let Some(frequency) = node.get("frequency")? {
        choice(&frequency, &[("original", ())], IntakeRule::NotOriginal)?;
    }
    if let Some(currency) = node.get("currency")?
        && currency.text()? != "USD"
    {
        return Err(currency.fault(IntakeRule::Currency, "only USD is adjudicated"));
    }
    let kind = choice(&node.need("kind")?, &KINDS, IntakeRule::UnknownKind)?;
    let control_number = match node.get("control_number")? {
        Some(number) => scalar::identifier(&number)?.unwrap_or_default(),
        None => String::new(),
    };
    let named = |key: &str, rule: IntakeRule, reason: &str| {
        let at = node.need(key)?;
        scalar::identifier(&at)?.ok_or_else(|| at.fault(rule, reason))
    };
    let member = named("member", IntakeRule::NoMember, "nothing names the member")?;
    let billing = named("billing", IntakeRule::NoProvider, "nothing names who bills")?;
    let mut diagnoses = Vec::new();
    for item in node.items_within("diagnoses", Limits::DIAGNOSES)? {
        diagnoses.push(scalar::diagnosis(&item, item.text()?)?);
    }
    let mut lines = Vec::new();
    for (number, item) in (1u16..).zip(node.items_within("lines", Limits::LINES)?) {
        lines.push((
            read_line(&item, number, &diagnoses)?,
            item.place().to_owned(),
        ));
    }
    let total = match node.get("charge")? {
        Some(charge) => Some((decimal::money(&charge, charge.number_or_text()?)?, charge)),
        None => None,
    };
    let draft = Draft {
        control_number,
        diagnoses,
        authorizations: authorizations(node, "authorizations")?,
        lines,
        ..Draft::new(kind, MemberReference::new(&member), Provider::new(&billing))
    };
    let total = total.as_ref().map(|(total, at)| (*total, at));
    draft.into_claim(&node.at("lines"), total, source, position)
}

fn read_line(node: &Node<'_>, position: u16, diagnoses: &[Code]) -> Result<ServiceLine, Fault> {
    check_fields(node, LINE_FIELDS)?;
    let number = match node.get("number")? {
        Some(number) => scalar::whole(&number)?,
        None => position,
    };
    let system = match node.get("system")? {
        Some(system) => choice(&system, &SYSTEMS, IntakeRule::BadCode)?,
        None => CodeSystem::Unspecified,
    };
    let procedure = node.get("procedure")?.ok_or_else(|| {
        node.fault_at(
            "procedure",
            IntakeRule::NoCode,
            "there is no code for what was done",
        )
    })?;
    let procedure = scalar::procedure(&procedure, system, procedure.text()?)?;
    let short = |key: &str| match node.get(key)? {
        Some(code) => scalar::short_code(&code, code.text()?),
        None => Ok(ShortCode::NONE),
    };
    let quantity = match node.get("quantity")? {
        Some(quantity) => decimal::quantity(&quantity, quantity.number_or_text()?)?,
        None => Quantity::ONE,
    };
    let charge = node
        .get("charge")?
        .ok_or_else(|| node.fault_at("charge", IntakeRule::NoAmount, "a line has a charge"))?;
    let from = node
        .get("from")?
        .ok_or_else(|| node.fault_at("from", IntakeRule::NoDate, "a line has a date of service"))?;
    let from = scalar::date(&from)?;
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
        revenue: short("revenue")?,
        place: short("place")?,
        diagnoses: pointers,
        quantity,
        charge: decimal::money(&charge, charge.number_or_text()?)?,
        from,
        through: match node.get("through")? {
            Some(day) => scalar::date(&day)?,
            None => from,
        },
        rendering: match node.get("rendering")? {
            Some(provider) => Some(Provider::new(&scalar::need_identifier(&provider)?)),
            None => None,
        },
        emergency: match node.get("emergency")? {
            Some(mark) => mark.bool()?,
            None => false,
        },
        detail: LineDetail::default(),
        prior: Vec::new(),
    })
}

/// A claim as `tallystick-claim/v1`, on one line. Its id and the day it was
/// received are not part of it: they are made when it is read.
#[must_use]
pub fn claim_json(claim: &Claim) -> String {
    object([
        ("format", text(FORMAT)),
        ("kind", text(kind_word(claim.kind))),
        ("control_number", unless_empty(&claim.control_number)),
        ("member", text(&claim.member.identifier)),
        ("billing", text(&claim.billing.identifier)),
        (
            "diagnoses",
            list(claim.diagnoses.iter().map(|code| text(code.to_string()))),
        ),
        (
            "authorizations",
            list(claim.authorizations.iter().map(text)),
        ),
        ("currency", text("USD")),
        ("charge", text(claim.charge.to_string())),
        ("lines", list(claim.lines.iter().map(line_json))),
    ])
    .to_string()
}

fn unless_empty(value: &str) -> Json<'_> {
    if value.is_empty() {
        Json::Null
    } else {
        text(value)
    }
}

fn short_json(code: ShortCode) -> Json<'static> {
    if code.is_none() {
        Json::Null
    } else {
        text(code.to_string())
    }
}

fn line_json(line: &ServiceLine) -> Json<'_> {
    let pointers = (1u32..=32)
        .zip(0u32..)
        .filter(|(_, bit)| {
            line.diagnoses
                .checked_shr(*bit)
                .is_some_and(|bits| bits & 1 == 1)
        })
        .map(|(number, _)| json::number(number));
    object([
        ("number", json::number(line.number)),
        ("system", text(word(&SYSTEMS, line.system))),
        ("procedure", text(line.procedure.to_string())),
        (
            "modifiers",
            list(
                line.modifiers
                    .iter()
                    .filter(|code| !code.is_none())
                    .map(|code| text(code.to_string())),
            ),
        ),
        ("revenue", short_json(line.revenue)),
        ("place", short_json(line.place)),
        ("diagnoses", list(pointers)),
        ("quantity", text(line.quantity.to_string())),
        ("charge", text(line.charge.to_string())),
        ("from", text(line.from.to_string())),
        ("through", text(line.through.to_string())),
        (
            "rendering",
            line.rendering
                .as_ref()
                .map_or(Json::Null, |provider| text(&provider.identifier)),
        ),
        ("emergency", Json::Bool(line.emergency)),
    ])
}
