//! What led to the care, and what only institutional claims have, in our own JSON.

use tally_types::Code;

use super::super::decimal;
use super::super::json::{Json, object, text};
use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::shared::{
    date_at, date_json, list_unless_empty, need_short, object_unless_empty, provider_at,
    provider_json, short_at, short_json, shorts_at,
};
use super::{check_fields, choice, word};
use crate::claim::{
    Accident, AccidentCause, Circumstances, ClaimKind, DatedProcedure, Institutional, Limits,
    OccurrenceCode, ValueCode,
};

const CAUSES: [(&str, AccidentCause); 3] = [
    ("vehicle", AccidentCause::Vehicle),
    ("employment", AccidentCause::Employment),
    ("other", AccidentCause::Other),
];

/// What led to the care.
pub(super) fn circumstances(node: &Node<'_>) -> Result<Circumstances, Fault> {
    let Some(node) = node.get("circumstances")? else {
        return Ok(Circumstances::default());
    };
    check_fields(&node, &["referral", "referring", "facility", "accident"])?;
    let accident = match node.get("accident")? {
        Some(accident) => {
            check_fields(&accident, &["cause", "on"])?;
            Some(Accident {
                cause: choice(&accident.need("cause")?, &CAUSES, IntakeRule::BadCode)?,
                on: date_at(&accident, "on")?,
            })
        }
        None => None,
    };
    Ok(Circumstances {
        referral: match node.get("referral")? {
            Some(number) => Some(scalar::need_identifier(&number)?),
            None => None,
        },
        referring: provider_at(&node, "referring")?,
        facility: provider_at(&node, "facility")?,
        accident,
    })
}

/// What only an institutional claim has.
pub(super) fn read(node: &Node<'_>, kind: ClaimKind) -> Result<Option<Institutional>, Fault> {
    let Some(node) = node.get("institutional")? else {
        return Ok(None);
    };
    if kind != ClaimKind::Institutional {
        return Err(node.fault(
            IntakeRule::UnknownKind,
            "only an institutional claim has this",
        ));
    }
    check_fields(
        &node,
        &[
            "bill_type",
            "from",
            "through",
            "admission",
            "admission_type",
            "origin",
            "discharge",
            "drg",
            "attending",
            "procedures",
            "values",
            "occurrences",
            "conditions",
        ],
    )?;
    let from = scalar::date(&node.need("from")?)?;
    let end = node.need("through")?;
    let through = scalar::date(&end)?;
    if through < from {
        return Err(end.fault(
            IntakeRule::DatesOutOfOrder,
            "the statement ends before it begins",
        ));
    }
    let mut procedures = Vec::new();
    for item in node.items_within("procedures", Limits::PROCEDURES)? {
        check_fields(&item, &["code", "on"])?;
        let code = item.need("code")?;
        procedures.push(DatedProcedure {
            code: scalar::code(&code, code.text()?)?,
            on: date_at(&item, "on")?,
        });
    }
    let mut values = Vec::new();
    for item in node.items_within("values", Limits::INSTITUTIONAL_CODES)? {
        check_fields(&item, &["code", "amount"])?;
        let amount = item.need("amount")?;
        values.push(ValueCode {
            code: need_short(&item, "code")?,
            amount: decimal::money(&amount, amount.number_or_text()?)?,
        });
    }
    let mut occurrences = Vec::new();
    for item in node.items_within("occurrences", Limits::OCCURRENCES)? {
        check_fields(&item, &["code", "from", "through"])?;
        let from = scalar::date(&item.need("from")?)?;
        let through = date_at(&item, "through")?;
        if through.is_some_and(|through| through < from) {
            return Err(item.fault(IntakeRule::DatesOutOfOrder, "it ends before it begins"));
        }
        occurrences.push(OccurrenceCode {
            code: need_short(&item, "code")?,
            from,
            through,
        });
    }
    let read = Institutional {
        bill_type: short_at(&node, "bill_type")?,
        from,
        through,
        admission: date_at(&node, "admission")?,
        admission_type: short_at(&node, "admission_type")?,
        origin: short_at(&node, "origin")?,
        discharge: short_at(&node, "discharge")?,
        drg: short_at(&node, "drg")?,
        attending: provider_at(&node, "attending")?,
        procedures,
        values,
        occurrences,
        conditions: shorts_at(&node, "conditions", Limits::INSTITUTIONAL_CODES)?,
    };
    match read.too_many() {
        None => Ok(Some(read)),
        Some(list) => Err(node.fault(
            IntakeRule::TooMany,
            format!("more {list} than a claim may have"),
        )),
    }
}

pub(super) fn circumstances_json(circumstances: &Circumstances) -> Json<'_> {
    let accident = circumstances.accident.map_or(Json::Null, |accident| {
        object([
            ("cause", text(word(&CAUSES, accident.cause))),
            ("on", date_json(accident.on)),
        ])
    });
    object_unless_empty([
        (
            "referral",
            circumstances.referral.as_ref().map_or(Json::Null, text),
        ),
        ("referring", provider_json(circumstances.referring.as_ref())),
        ("facility", provider_json(circumstances.facility.as_ref())),
        ("accident", accident),
    ])
}

fn code_json(code: Code) -> Json<'static> {
    text(code.to_string())
}

pub(super) fn json(claim: &Institutional) -> Json<'_> {
    let procedure = |procedure: &DatedProcedure| {
        object([
            ("code", code_json(procedure.code)),
            ("on", date_json(procedure.on)),
        ])
    };
    let value = |value: &ValueCode| {
        object([
            ("code", short_json(value.code)),
            ("amount", text(value.amount.to_string())),
        ])
    };
    let occurrence = |occurrence: &OccurrenceCode| {
        object([
            ("code", short_json(occurrence.code)),
            ("from", text(occurrence.from.to_string())),
            ("through", date_json(occurrence.through)),
        ])
    };
    object([
        ("bill_type", short_json(claim.bill_type)),
        ("from", text(claim.from.to_string())),
        ("through", text(claim.through.to_string())),
        ("admission", date_json(claim.admission)),
        ("admission_type", short_json(claim.admission_type)),
        ("origin", short_json(claim.origin)),
        ("discharge", short_json(claim.discharge)),
        ("drg", short_json(claim.drg)),
        ("attending", provider_json(claim.attending.as_ref())),
        (
            "procedures",
            list_unless_empty(claim.procedures.iter().map(procedure)),
        ),
        ("values", list_unless_empty(claim.values.iter().map(value))),
        (
            "occurrences",
            list_unless_empty(claim.occurrences.iter().map(occurrence)),
        ),
        (
            "conditions",
            list_unless_empty(claim.conditions.iter().copied().map(short_json)),
        ),
    ])
}
