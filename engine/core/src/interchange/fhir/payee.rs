//! Whom a Claim is to be paid to: this payer pays who bills.

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::coding;

/// Whom a payee's type names.
#[derive(PartialEq, Eq)]
enum Payee {
    Provider,
    Subscriber,
    Other,
}

/// Refuses a claim that is to be paid to the member. `other` is left to whom the payer
/// pays for who bills; where it is the patient, the claim is refused as well.
pub(super) fn check(claim: &Node<'_>) -> Result<(), Fault> {
    let Some(payee) = claim.get("payee")? else {
        return Ok(());
    };
    if let Some(kind) = payee.get("type")? {
        let named = coding::meaning(&kind, |coding| match coding.code {
            "provider" => Some(Payee::Provider),
            "subscriber" => Some(Payee::Subscriber),
            "other" => Some(Payee::Other),
            _ => None,
        })?;
        let reason = match named {
            Some(Payee::Provider | Payee::Other) => None,
            Some(Payee::Subscriber) => Some("it is to be paid to the subscriber; providers are"),
            None if coding::codings(&kind)?.is_empty() => None,
            None => Some("whom it is to be paid to is in no code that is known"),
        };
        if let Some(reason) = reason {
            return Err(kind.fault(IntakeRule::NotAssigned, reason));
        }
    }
    let Some(party) = payee.get("party")? else {
        return Ok(());
    };
    let reference = party.json().text_of("reference");
    let patient = claim.get("patient")?;
    let patient = patient.and_then(|patient| patient.json().text_of("reference"));
    let is_patient = party.json().text_of("type") == Some("Patient")
        || reference.is_some_and(|text| text.rsplit('/').nth(1) == Some("Patient"))
        || (reference.is_some() && reference == patient);
    match is_patient {
        true => Err(party.fault(
            IntakeRule::NotAssigned,
            "it is to be paid to the patient; providers are",
        )),
        false => Ok(()),
    }
}
