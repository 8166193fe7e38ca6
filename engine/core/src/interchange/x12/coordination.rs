//! Other payers of an 837: loops 2320, 2330B and 2430.

use tally_types::{Group, Money, Quantity};
use tally_x12::LoopRef;

use super::super::prior;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::claim::Levels;
use super::spot::Spot;
use crate::claim::{Coordination, Limits, OtherPayer, PriorAdjustment, PriorLine};

/// What a claim says of its payers.
pub(super) fn read(levels: &Levels<'_, '_>) -> Result<Coordination, Fault> {
    let mut others = Vec::new();
    for other in levels.claim.loops("2320") {
        others.push(payer(levels, other)?);
    }
    let sequence = levels
        .find(levels.subscriber, "SBR", "")
        .map_or(0, |spot| sequence(&spot));
    let patient_paid = match levels.find(levels.claim, "AMT", "F5") {
        Some(paid) => paid.at(2).money()?,
        None => Money::ZERO,
    };
    Ok(Coordination {
        sequence,
        others,
        patient_paid,
    })
}

/// SBR01: P is primary, S secondary, T tertiary, A to H fourth to eleventh.
fn sequence(spot: &Spot<'_>) -> u8 {
    match spot.at(1).text.as_bytes() {
        b"P" => 1,
        b"S" => 2,
        b"T" => 3,
        [letter @ b'A'..=b'H'] => letter.saturating_sub(b'A').saturating_add(4),
        _ => 0,
    }
}

fn payer<'t, 'a>(levels: &Levels<'t, 'a>, at: LoopRef<'t, 'a>) -> Result<OtherPayer, Fault> {
    let subscriber = levels.find(at, "SBR", "");
    let amount = |key: &str| match levels.find(at, "AMT", key) {
        Some(amount) => amount.at(2).signed_money().map(Some),
        None => Ok(None),
    };
    let (mut identifier, mut decided) = (None, None);
    if let Some(named) = at.one("2330B") {
        if let Some(name) = levels.find(named, "NM1", "") {
            identifier = name.at(9).identifier()?;
        }
        if let Some(date) = levels.find(named, "DTP", "573") {
            decided = Some(date.at(3).day()?);
        }
    }
    Ok(OtherPayer {
        identifier: identifier.unwrap_or_default(),
        sequence: subscriber.as_ref().map_or(0, sequence),
        filing: match &subscriber {
            Some(subscriber) => subscriber.at(9).short()?,
            None => tally_types::ShortCode::NONE,
        },
        paid: amount("D")?,
        remaining: amount("EAF")?,
        decided,
        adjustments: adjustments(levels, at)?,
    })
}

/// The CAS segments of a loop: a group, and up to six reasons with their amounts.
fn adjustments<'t, 'a>(
    levels: &Levels<'t, 'a>,
    at: LoopRef<'t, 'a>,
) -> Result<Vec<PriorAdjustment>, Fault> {
    let mut adjustments = Vec::new();
    for spot in levels.all(at, "CAS") {
        let group = match spot.at(1).text {
            "CO" => Group::Co,
            "PR" => Group::Pr,
            "PI" => Group::Pi,
            // CR, corrections and reversals, is no longer sent in remittances.
            _ => Group::Oa,
        };
        for element in [2, 5, 8, 11, 14, 17usize] {
            let reason = spot.at(element);
            if reason.is_empty() {
                continue;
            }
            adjustments.push(PriorAdjustment {
                group,
                reason: reason.short()?,
                amount: spot.at(element.saturating_add(1)).signed_money()?,
            });
        }
        if adjustments.len() > Limits::PRIOR_ADJUSTMENTS {
            return Err(spot.fault(
                IntakeRule::TooMany,
                format!("more than {} adjustments", Limits::PRIOR_ADJUSTMENTS),
            ));
        }
    }
    Ok(adjustments)
}

/// Which payer of the claim an SVD names, where `before` others of its line name the
/// same: of several payers with one identifier, each has one, in their order.
fn position(coordination: &Coordination, named: &str, before: usize) -> Result<u8, &'static str> {
    let others = coordination.others.iter().zip(0u8..);
    let so_called = others.filter(|(other, _)| other.identifier == named);
    let so_called: Vec<u8> = so_called.map(|(_, at)| at).collect();
    match so_called.as_slice() {
        [] => Err("it names no payer of the claim (loop 2330B, NM109)"),
        // What one payer split is all of its parts.
        [only] => Ok(*only),
        several => several.get(before).copied().ok_or(
            "several payers of the claim have this identifier (loop 2330B, NM109), and more answers \
             than there are of them name it: give each an identifier of its own",
        ),
    }
}

/// What other payers did to a line; of one that a payer split, all parts together.
pub(super) fn lines<'t, 'a>(
    levels: &Levels<'t, 'a>,
    line: LoopRef<'t, 'a>,
    coordination: &Coordination,
) -> Result<Vec<PriorLine>, Fault> {
    let mut all: Vec<PriorLine> = Vec::new();
    let mut named_before: Vec<&str> = Vec::new();
    for at in line.loops("2430") {
        let Some(spot) = levels.find(at, "SVD", "") else {
            continue;
        };
        let named = spot.at(1);
        let before = named_before.iter().filter(|name| **name == named.text);
        let payer = position(coordination, named.text, before.count())
            .map_err(|reason| named.fault(IntakeRule::Pointer, reason))?;
        named_before.push(named.text);
        let units = spot.at(5);
        let part = PriorLine {
            payer,
            paid: spot.at(2).signed_money()?,
            units: match units.text.trim_matches(['0', '.']) {
                "" => Quantity::ZERO,
                _ => units.quantity()?,
            },
            remaining: match levels.find(at, "AMT", "EAF") {
                Some(amount) => Some(amount.at(2).signed_money()?),
                None => None,
            },
            decided: match levels.find(at, "DTP", "573") {
                Some(date) => Some(date.at(3).day()?),
                None => None,
            },
            adjustments: adjustments(levels, at)?,
        };
        prior::join(&mut all, part, &named)?;
    }
    Ok(all)
}
