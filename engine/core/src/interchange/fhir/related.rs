//! What a Claim is to earlier ones: an original, a replacement or a void. FHIR has
//! no frequency code; `related` says it, or the last character of a type of bill.

use tally_types::ShortCode;

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding::{self, Coding};
use super::supporting::{self, Info};
use crate::claim::{ClaimId, Frequency};

/// What a Claim is to earlier ones, and the type of bill that may say it.
pub(super) struct Succession {
    pub frequency: Frequency,
    pub replaces: Option<ClaimId>,
    /// Type of facility and of care, without leading zero and frequency.
    pub bill_type: ShortCode,
}

/// Reads `related` and the type of bill.
pub(super) fn read(claim: &Node<'_>) -> Result<Succession, Fault> {
    let mut related = None;
    let mut replaces = None;
    for node in claim.items("related")? {
        let Some(frequency) = frequency_of(&node)? else {
            continue;
        };
        let id = replaced(&node)?.ok_or_else(|| {
            node.fault(
                IntakeRule::NoReplaced,
                "it replaces or voids a claim and gives no number that this payer gives its claims",
            )
        })?;
        if replaces.is_some_and(|other| other != id) {
            return Err(node.fault(
                IntakeRule::NoReplaced,
                "it replaces or voids more than one claim",
            ));
        }
        replaces = Some(id);
        if related != Some(Frequency::Void) {
            related = Some(frequency);
        }
    }
    let mut bill_type = ShortCode::NONE;
    let mut billed = None;
    for bill in bills(claim)? {
        let Some((kind, frequency)) = parts(bill.code) else {
            continue;
        };
        if bill_type.is_none() {
            bill_type = scalar::short_code(&bill.node, kind)?;
        }
        match by_bill(&bill, frequency)? {
            Frequency::Original => {}
            frequency if replaces.is_some() => billed = Some(frequency),
            _ => {
                return Err(bill.node.fault(
                    IntakeRule::NoReplaced,
                    "by its type of bill it replaces or voids a claim, and none is related",
                ));
            }
        }
    }
    Ok(Succession {
        frequency: billed.or(related).unwrap_or(Frequency::Original),
        replaces,
        bill_type,
    })
}

/// HL7's and CARIN's relationships of a claim to what came before it, in any of the
/// codings: `associated` changes nothing. One that is not known is refused, for the
/// claim may be meant to take another's place, and would be paid beside it.
fn frequency_of(related: &Node<'_>) -> Result<Option<Frequency>, Fault> {
    let Some(relationship) = related.get("relationship")? else {
        return Ok(None);
    };
    let meant = coding::meaning(&relationship, |coding| match coding.code {
        "prior" | "replaces" | "replacement" | "corrects" => Some(Frequency::Replacement),
        "voids" | "void" | "cancels" => Some(Frequency::Void),
        "associated" => Some(Frequency::Original),
        _ => None,
    })?;
    match meant {
        Some(Frequency::Original) => Ok(None),
        Some(frequency) => Ok(Some(frequency)),
        None if coding::codings(&relationship)?.is_empty() => Ok(None),
        None => Err(relationship.fault(
            IntakeRule::NotUnderstood,
            "how it is related to the other claim is in no code that is known",
        )),
    }
}

/// Our number of a related claim: in its reference number, or in the reference to
/// the claim.
fn replaced(related: &Node<'_>) -> Result<Option<ClaimId>, Fault> {
    let ours = |text: &str| ClaimId::parse(&text.trim().to_ascii_lowercase());
    let value = |identifier: &Node<'_>| match identifier.get("value")? {
        Some(value) => Ok(ours(value.text()?)),
        None => Ok(None),
    };
    if let Some(number) = related.get("reference")?
        && let Some(id) = value(&number)?
    {
        return Ok(Some(id));
    }
    let Some(claim) = related.get("claim")? else {
        return Ok(None);
    };
    if let Some(identifier) = claim.get("identifier")?
        && let Some(id) = value(&identifier)?
    {
        return Ok(Some(id));
    }
    match claim.get("reference")? {
        Some(reference) => {
            let text = reference.text()?;
            Ok(ours(
                text.rsplit(['/', ':', '#']).next().unwrap_or_default(),
            ))
        }
        None => Ok(None),
    }
}

/// The types of bill of a claim: in `subType`, or in supporting information.
fn bills<'a>(claim: &Node<'a>) -> Result<Vec<Coding<'a>>, Fault> {
    let mut bills = Vec::new();
    if let Some(sub_type) = coding::code_at(claim, "subType", is_bill_type)?
        && sub_type.system.is_some_and(is_bill_type)
    {
        bills.push(sub_type);
    }
    for info in claim.items("supportingInfo")? {
        if supporting::kind(&info)? == Some(Info::BillType)
            && let Some(code) = coding::code_at(&info, "code", is_bill_type)?
        {
            bills.push(code);
        }
    }
    Ok(bills)
}

fn is_bill_type(system: &str) -> bool {
    let system = system.to_ascii_lowercase();
    system.contains("billtype") || system.contains("typeofbill")
}

/// `0131` or `131` as facility and care, `13`, and frequency, `1`.
fn parts(code: &str) -> Option<(&str, u8)> {
    let bare = match code.len() {
        4 => code.get(1..)?,
        3 => code,
        _ => return None,
    };
    let (kind, frequency) = bare.split_at_checked(2)?;
    let digits = kind.bytes().all(|b| b.is_ascii_digit());
    let frequency = frequency.bytes().next()?;
    (digits && frequency.is_ascii_digit()).then_some((kind, frequency))
}

fn by_bill(bill: &Coding<'_>, frequency: u8) -> Result<Frequency, Fault> {
    let meaning = match frequency {
        b'7' => return Ok(Frequency::Replacement),
        b'8' => return Ok(Frequency::Void),
        b'0' => "a non-payment claim",
        b'2' | b'3' | b'4' => "an interim claim",
        b'5' => "a late charge",
        _ => return Ok(Frequency::Original),
    };
    Err(bill.node.fault(
        IntakeRule::NotOriginal,
        format!("by its type of bill it is {meaning}, which is not adjudicated"),
    ))
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_type_of_bill_has_three_parts() {
        assert_eq!(parts("0131"), Some(("13", b'1')));
        assert_eq!(parts("137"), Some(("13", b'7')));
        for other in ["C", "", "13", "01311", "A31", "81A", "1é1"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
