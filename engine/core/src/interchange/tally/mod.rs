//! Our own claims, `tallystick-claim/v1`: `docs/claim-json.md`.

mod coordination;
mod institutional;
mod line;
mod shared;

use super::decimal;
use super::draft::{Draft, authorizations};
use super::json::{self, Budget, Json, list, object, text};
use super::node::Node;
use super::refusal::{Fault, IntakeRule, Place as _};
use super::scalar;
use super::{ReadClaims, Source};
use crate::claim::{
    Claim, ClaimId, ClaimKind, Dependant, Frequency, Limits, MemberReference, Provider, Sex,
};
use shared::{identifier_at, unless_empty};

/// What a claim names its format as.
pub(super) const FORMAT: &str = "tallystick-claim/v1";

const CLAIM_FIELDS: &[&str] = &[
    "format",
    "kind",
    "frequency",
    "replaces",
    "control_number",
    "member",
    "dependant",
    "billing",
    "diagnoses",
    "authorizations",
    "currency",
    "charge",
    "coordination",
    "circumstances",
    "institutional",
    "lines",
];
const KINDS: [(&str, ClaimKind); 5] = [
    ("professional", ClaimKind::Professional),
    ("institutional", ClaimKind::Institutional),
    ("oral", ClaimKind::Oral),
    ("vision", ClaimKind::Vision),
    ("pharmacy", ClaimKind::Pharmacy),
];
const FREQUENCIES: [(&str, Frequency); 3] = [
    ("original", Frequency::Original),
    ("replacement", Frequency::Replacement),
    ("void", Frequency::Void),
];
/// Sexes, as enrolment and a described patient name them.
pub(super) const SEXES: [(&str, Sex); 4] = [
    ("unknown", Sex::Unknown),
    ("female", Sex::Female),
    ("male", Sex::Male),
    ("other", Sex::Other),
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
    let (frequency, replaces) = frequency(node)?;
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
    let coordination = coordination::read(node)?;
    let mut lines = Vec::new();
    for (number, item) in (1u16..).zip(node.items_within("lines", Limits::LINES)?) {
        lines.push((
            line::read(&item, number, &diagnoses, &coordination)?,
            item.place().to_owned(),
        ));
    }
    let total = match node.get("charge")? {
        Some(charge) => Some((decimal::money(&charge, charge.number_or_text()?)?, charge)),
        None => None,
    };
    let member = MemberReference {
        identifier: member,
        dependant: dependant(node)?,
    };
    let draft = Draft {
        frequency,
        replaces,
        control_number,
        diagnoses,
        authorizations: authorizations(node, "authorizations")?,
        coordination,
        circumstances: institutional::circumstances(node)?,
        institutional: institutional::read(node, kind)?,
        lines,
        ..Draft::new(kind, member, Provider::new(&billing))
    };
    let total = total.as_ref().map(|(total, at)| (*total, at));
    draft.into_claim(&node.at("lines"), total, source, position)
}

/// What the claim is to earlier ones, and which it takes the place of.
fn frequency(node: &Node<'_>) -> Result<(Frequency, Option<ClaimId>), Fault> {
    let frequency = match node.get("frequency")? {
        Some(frequency) => choice(&frequency, &FREQUENCIES, IntakeRule::NotOriginal)?,
        None => Frequency::Original,
    };
    let replaced = node.get("replaces")?;
    match (frequency, &replaced) {
        (Frequency::Original, None) => Ok((frequency, None)),
        (Frequency::Original, Some(replaced)) => {
            Err(replaced.fault(IntakeRule::NotOriginal, "an original replaces no claim"))
        }
        (_, None) => Err(node.fault_at(
            "replaces",
            IntakeRule::NoReplaced,
            "a replacement or void names the claim it takes back",
        )),
        (_, Some(replaced)) => match ClaimId::parse(replaced.text()?) {
            Some(id) => Ok((frequency, Some(id))),
            None => Err(replaced.fault(
                IntakeRule::NoReplaced,
                "a claim's id is 32 lower-case hexadecimal digits",
            )),
        },
    }
}

/// The patient, described, where the member is their subscriber.
fn dependant(node: &Node<'_>) -> Result<Option<Dependant>, Fault> {
    let Some(node) = node.get("dependant")? else {
        return Ok(None);
    };
    check_fields(&node, &["family", "given", "birth", "sex"])?;
    Ok(Some(Dependant {
        family: identifier_at(&node, "family")?,
        given: identifier_at(&node, "given")?,
        birth: scalar::date(&node.need("birth")?)?,
        sex: match node.get("sex")? {
            Some(sex) => choice(&sex, &SEXES, IntakeRule::BadText)?,
            None => Sex::Unknown,
        },
    }))
}

/// A claim as `tallystick-claim/v1`, on one line. Its id and the day it was
/// received are not part of it: they are made when it is read.
#[must_use]
pub fn claim_json(claim: &Claim) -> String {
    object([
        ("format", text(FORMAT)),
        ("kind", text(kind_word(claim.kind))),
        ("frequency", text(word(&FREQUENCIES, claim.frequency))),
        (
            "replaces",
            claim.replaces.map_or(Json::Null, |id| text(id.to_string())),
        ),
        ("control_number", unless_empty(&claim.control_number)),
        ("member", text(&claim.member.identifier)),
        (
            "dependant",
            claim
                .member
                .dependant
                .as_ref()
                .map_or(Json::Null, dependant_json),
        ),
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
        ("coordination", coordination::json(&claim.coordination)),
        (
            "circumstances",
            institutional::circumstances_json(&claim.circumstances),
        ),
        (
            "institutional",
            claim
                .institutional
                .as_ref()
                .map_or(Json::Null, institutional::json),
        ),
        ("lines", list(claim.lines.iter().map(line::json))),
    ])
    .to_string()
}

fn dependant_json(dependant: &Dependant) -> Json<'_> {
    object([
        ("family", unless_empty(&dependant.family)),
        ("given", unless_empty(&dependant.given)),
        ("birth", text(dependant.birth.to_string())),
        ("sex", text(word(&SEXES, dependant.sex))),
    ])
}
