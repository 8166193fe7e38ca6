//! Other payers in our own JSON.

use tally_types::{Money, Quantity};

use super::super::json::{Json, number, object, text};
use super::super::node::Node;
use super::super::prior;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::check_fields;
use super::shared::{
    adjustments_at, adjustments_json, date_at, date_json, identifier_at, list_unless_empty,
    money_at, money_json, object_unless_empty, short_at, short_json, signed_at, unless_empty,
};
use crate::claim::{Coordination, Limits, OtherPayer, PriorLine};

/// What a claim says of its payers.
pub(super) fn read(node: &Node<'_>) -> Result<Coordination, Fault> {
    let Some(node) = node.get("coordination")? else {
        return Ok(Coordination::default());
    };
    check_fields(&node, &["sequence", "others", "patient_paid"])?;
    let mut others = Vec::new();
    for other in node.items_within("others", Limits::OTHER_PAYERS)? {
        others.push(payer(&other)?);
    }
    Ok(Coordination {
        sequence: place_at(&node)?,
        others,
        patient_paid: money_at(&node, "patient_paid")?.unwrap_or(Money::ZERO),
    })
}

/// A payer's place among those of the claim; zero where it is not said.
fn place_at(node: &Node<'_>) -> Result<u8, Fault> {
    let Some(sequence) = node.get("sequence")? else {
        return Ok(0);
    };
    u8::try_from(scalar::whole(&sequence)?)
        .map_err(|_| sequence.fault(IntakeRule::Sequence, "no claim has so many payers"))
}

fn payer(node: &Node<'_>) -> Result<OtherPayer, Fault> {
    check_fields(
        node,
        &[
            "identifier",
            "sequence",
            "filing",
            "paid",
            "remaining",
            "decided",
            "adjustments",
        ],
    )?;
    Ok(OtherPayer {
        identifier: identifier_at(node, "identifier")?,
        sequence: place_at(node)?,
        filing: short_at(node, "filing")?,
        paid: signed_at(node, "paid")?,
        remaining: signed_at(node, "remaining")?,
        decided: date_at(node, "decided")?,
        adjustments: adjustments_at(node)?,
    })
}

/// What other payers did to a line, at most one each.
pub(super) fn lines(node: &Node<'_>, payers: &[OtherPayer]) -> Result<Vec<PriorLine>, Fault> {
    let mut prior: Vec<PriorLine> = Vec::new();
    for item in node.items_within("prior", Limits::OTHER_PAYERS)? {
        check_fields(
            &item,
            &[
                "payer",
                "paid",
                "units",
                "remaining",
                "decided",
                "adjustments",
            ],
        )?;
        let named = item.need("payer")?;
        let position = usize::from(scalar::whole(&named)?).saturating_sub(1);
        let payer = u8::try_from(position)
            .ok()
            .filter(|_| position < payers.len())
            .ok_or_else(|| {
                let reason = format!("the claim has {} other payers", payers.len());
                named.fault(IntakeRule::Pointer, reason)
            })?;
        if prior.iter().any(|other| other.payer == payer) {
            return Err(named.fault(IntakeRule::TooMany, "the same payer decided the line twice"));
        }
        let paid = item.need("paid")?;
        prior.push(PriorLine {
            payer,
            paid: prior::signed_money(&paid, paid.number_or_text()?)?,
            units: match item.get("units")? {
                Some(units) => prior::units(&units, units.number_or_text()?)?,
                None => Quantity::ONE,
            },
            remaining: signed_at(&item, "remaining")?,
            decided: date_at(&item, "decided")?,
            adjustments: adjustments_at(&item)?,
        });
    }
    Ok(prior)
}

fn place_json(sequence: u8) -> Json<'static> {
    match sequence {
        0 => Json::Null,
        place => number(place),
    }
}

pub(super) fn json(coordination: &Coordination) -> Json<'_> {
    let paid = coordination.patient_paid;
    object_unless_empty([
        ("sequence", place_json(coordination.sequence)),
        (
            "others",
            list_unless_empty(coordination.others.iter().map(payer_json)),
        ),
        (
            "patient_paid",
            money_json((!paid.is_zero()).then_some(paid)),
        ),
    ])
}

fn payer_json(payer: &OtherPayer) -> Json<'_> {
    object([
        ("identifier", unless_empty(&payer.identifier)),
        ("sequence", place_json(payer.sequence)),
        ("filing", short_json(payer.filing)),
        ("paid", money_json(payer.paid)),
        ("remaining", money_json(payer.remaining)),
        ("decided", date_json(payer.decided)),
        ("adjustments", adjustments_json(&payer.adjustments)),
    ])
}

pub(super) fn lines_json(prior: &[PriorLine]) -> Json<'_> {
    list_unless_empty(prior.iter().map(|line| {
        object([
            ("payer", number(u16::from(line.payer).saturating_add(1))),
            ("paid", text(line.paid.to_string())),
            ("units", text(line.units.to_string())),
            ("remaining", money_json(line.remaining)),
            ("decided", date_json(line.decided)),
            ("adjustments", adjustments_json(&line.adjustments)),
        ])
    }))
}
