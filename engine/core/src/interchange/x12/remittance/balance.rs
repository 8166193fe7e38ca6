//! What a remittance comes to, and everything that must hold before it is written.

use std::collections::BTreeMap;

use tally_types::{Carc, Code, Group, Money};

use super::{Forwarded, ProviderAdjustment, Remittance, RemittanceError, RemittedClaim, Standing};
use crate::adjudication::{LineOutcome, Status};
use crate::claim::ClaimId;

/// A provider's adjustment that follows, or is given.
pub(super) struct Adjustment {
    pub reason: String,
    pub reference: String,
    /// Positive amounts lower the payment.
    pub amount: Money,
}

/// What is paid, and what stands between that and the claims.
pub(super) struct Balance {
    pub payment: Money,
    pub adjustments: Vec<Adjustment>,
    /// What is carried forward, above zero; zero for nothing.
    pub forward: Money,
}

impl Balance {
    pub fn forwarded(&self, remittance: &Remittance<'_>) -> Option<Forwarded> {
        (!self.forward.is_zero()).then(|| Forwarded {
            reference: remittance.stamp.trace.to_owned(),
            amount: self.forward,
        })
    }
}

/// The reasons of provider adjustments, but for those that follow from claims and
/// earlier remittances.
const REASONS: [&str; 37] = [
    "50", "51", "72", "90", "AH", "AM", "AP", "B2", "B3", "BD", "BN", "C5", "CR", "CS", "CT", "CV",
    "CW", "DM", "E3", "FC", "GO", "HM", "IP", "IR", "IS", "J1", "L3", "L6", "LE", "LS", "OA", "OB",
    "PI", "PL", "RA", "RE", "TL",
];

/// The largest amount an element of eighteen digits holds.
const MOST: i64 = 999_999_999_999_999_999;

/// An amount, and an error where the format does not hold it.
fn held(amount: Option<Money>) -> Result<Money, RemittanceError> {
    amount
        .filter(|amount| amount.scaled().unsigned_abs() <= MOST.unsigned_abs())
        .ok_or(RemittanceError::Overflow)
}

fn negated(amount: Money) -> Result<Money, RemittanceError> {
    held(Money::ZERO.checked_sub(amount))
}

/// Checks a remittance, and says what it comes to.
pub(super) fn balance(remittance: &Remittance<'_>) -> Result<Balance, RemittanceError> {
    let mut order = Order::default();
    let mut paid = Money::ZERO;
    let mut adjustments = Vec::new();
    let first = remittance.claims.first().map(|of| &of.claim.billing);
    for (at, of) in remittance.claims.iter().enumerate() {
        check_outcome(at, of)?;
        if first.is_some_and(|first| *first != of.claim.billing) {
            return Err(RemittanceError::AnotherPayee(at));
        }
        order.take(at, of)?;
        check_bundles(at, of)?;
        let reversal = of.standing.is_reversal();
        let whole = of.outcome.paid();
        let counted = if reversal { negated(whole)? } else { whole };
        paid = held(paid.checked_add(counted))?;
        follow(at, of, &mut adjustments)?;
    }
    for (at, of) in remittance.adjustments.iter().enumerate() {
        adjustments.push(given(at, of)?);
    }
    for (reason, what, earlier) in [
        ("WO", "the amount recovered", remittance.recovered),
        ("FB", "the balance brought forward", remittance.brought),
    ] {
        for (at, of) in earlier.iter().enumerate() {
            if of.amount.is_negative() || of.amount.is_zero() {
                return Err(RemittanceError::Negative { what, at });
            }
            adjustments.push(Adjustment {
                reason: reason.into(),
                reference: of.reference.clone(),
                amount: held(Some(of.amount))?,
            });
        }
    }
    let mut kept = Money::ZERO;
    for of in &adjustments {
        kept = held(kept.checked_add(of.amount))?;
    }
    let net = held(paid.checked_sub(kept))?;
    let (payment, forward) = match net.is_negative() {
        true => (Money::ZERO, negated(net)?),
        false => (net, Money::ZERO),
    };
    if !forward.is_zero() {
        adjustments.push(Adjustment {
            reason: "FB".into(),
            reference: remittance.stamp.trace.to_owned(),
            amount: net,
        });
    }
    Ok(Balance {
        payment,
        adjustments,
        forward,
    })
}

/// What of a claim stands with the provider: interest, and what is left with the
/// payee until the correction comes.
fn follow(
    at: usize,
    of: &RemittedClaim<'_>,
    adjustments: &mut Vec<Adjustment>,
) -> Result<(), RemittanceError> {
    let negative = |what| RemittanceError::Negative { what, at };
    let reference = of.outcome.claim().to_string();
    let mut push = |reason: &str, reference: &str, amount: Money| {
        if !amount.is_zero() {
            adjustments.push(Adjustment {
                reason: reason.into(),
                reference: reference.into(),
                amount,
            });
        }
    };
    if of.interest.is_negative() {
        return Err(negative("the interest of claim"));
    }
    let interest = held(Some(of.interest))?;
    // Interest that is paid raises the payment.
    let interest = match of.standing.is_reversal() {
        true => interest,
        false => negated(interest)?,
    };
    push("L6", &reference, interest);
    match of.standing {
        Standing::Payment | Standing::Reversal => {}
        Standing::ReversalAhead => push("WO", &reference, negated(of.outcome.paid())?),
        Standing::Correction { withheld } => {
            if withheld.is_negative() {
                return Err(negative("the amount withheld of claim"));
            }
            let earlier = of.claim.replaces.unwrap_or(of.claim.id).to_string();
            push("WO", &earlier, held(Some(withheld))?);
        }
    }
    Ok(())
}

fn given(at: usize, of: &ProviderAdjustment<'_>) -> Result<Adjustment, RemittanceError> {
    if !REASONS.contains(&of.reason) {
        return Err(RemittanceError::Reason(at));
    }
    if of.amount.is_zero() {
        return Err(RemittanceError::NoAmount(at));
    }
    Ok(Adjustment {
        reason: of.reason.to_owned(),
        reference: of.reference.to_owned(),
        amount: held(Some(of.amount))?,
    })
}

/// The outcome is of the claim, of all its charges, and settled.
fn check_outcome(at: usize, of: &RemittedClaim<'_>) -> Result<(), RemittanceError> {
    if of.outcome.status() == Status::Pended {
        return Err(RemittanceError::Pended(at));
    }
    let lines = of.outcome.lines();
    let numbers = lines.iter().map(LineOutcome::number);
    if of.outcome.claim() != of.claim.id || !numbers.eq(of.claim.lines.iter().map(|l| l.number)) {
        return Err(RemittanceError::AnotherClaim(at));
    }
    for (line, billed) in lines.iter().zip(&of.claim.lines) {
        if line.charge() != billed.charge {
            return Err(RemittanceError::Charge {
                claim: at,
                line: line.number(),
                found: line.charge(),
                billed: billed.charge,
            });
        }
        held(Some(line.charge()))?;
        held(Some(line.allowed()))?;
        for adjustment in line.adjustments() {
            held(Some(adjustment.amount))?;
        }
    }
    held(Some(of.outcome.charge()))?;
    held(Some(of.outcome.allowed()))?;
    held(Some(of.outcome.patient()))?;
    for (position, named) in of.paid_as.iter().enumerate() {
        let known = of.claim.lines.iter().any(|line| line.number == named.line);
        let before = of.paid_as.iter().take(position);
        if !known || named.procedure.is_none() || before.into_iter().any(|o| o.line == named.line) {
            return Err(RemittanceError::PaidAs {
                claim: at,
                line: named.line,
            });
        }
    }
    Ok(())
}

/// Claims that were paid or reversed already.
#[derive(Default)]
struct Order {
    paid: BTreeMap<ClaimId, usize>,
    reversed: BTreeMap<ClaimId, usize>,
}

impl Order {
    /// A reversal stands before whatever takes the claim's place.
    fn take(&mut self, at: usize, of: &RemittedClaim<'_>) -> Result<(), RemittanceError> {
        let id = of.claim.id;
        if of.standing.is_reversal() {
            if self.paid.contains_key(&id) {
                return Err(RemittanceError::CorrectionFirst(at));
            }
            return match self.reversed.insert(id, at) {
                Some(_) => Err(RemittanceError::Twice(at)),
                None => Ok(()),
            };
        }
        if self.paid.insert(id, at).is_some() {
            return Err(RemittanceError::Twice(at));
        }
        if let Some(replaced) = of.claim.replaces {
            // Whoever reverses the replaced claim later comes too late.
            self.paid.entry(replaced).or_insert(at);
        }
        Ok(())
    }
}

/// What is included in another service (CO 97) and is paid as that one, that one
/// takes over (OA 94, below zero).
fn check_bundles(at: usize, of: &RemittedClaim<'_>) -> Result<(), RemittanceError> {
    let mut bundles: BTreeMap<Code, (Option<u16>, Money, Money, bool)> = BTreeMap::new();
    for (service, line) in of.claim.lines.iter().zip(of.outcome.lines()) {
        let other = of.paid_as(line.number());
        let procedure = other.map_or(service.procedure, |other| other.procedure);
        let (first, bundled, taken, any) = bundles.entry(procedure).or_default();
        let differs = procedure != service.procedure;
        for adjustment in line.adjustments() {
            let sum = match (adjustment.group, adjustment.carc) {
                (Group::Co, Carc::INCLUDED) if differs => {
                    *any = true;
                    &mut *bundled
                }
                (Group::Oa, Carc::EXCESS_OF_CHARGES) if adjustment.amount.is_negative() => {
                    &mut *taken
                }
                _ => continue,
            };
            *sum = held(sum.checked_add(adjustment.amount))?;
        }
        first.get_or_insert(line.number());
    }
    for (first, bundled, taken, any) in bundles.into_values() {
        if any && negated(taken)? != bundled {
            return Err(RemittanceError::Bundle {
                claim: at,
                line: first.unwrap_or(0),
                bundled,
                taken: negated(taken)?,
            });
        }
    }
    Ok(())
}
