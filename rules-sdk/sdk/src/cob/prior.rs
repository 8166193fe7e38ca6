//! What earlier payers did of a line, read from what they reported: an 835, or
//! the amounts that an 837 repeats (loop 2320 of the claim, 2430 of each line:
//! SVD and CAS).

use alloc::vec::Vec;
use core::fmt;

use tally_types::{Group, Money, ShortCode};

use crate::claim::{Claim, Payer, PriorAdjustment};
use crate::pricing::spread;

/// What one earlier payer did of a line.
#[derive(Clone, PartialEq, Eq)]
pub struct PriorPayer {
    /// Its allowed amount.
    pub allowed: Money,
    /// What it paid.
    pub paid: Money,
    /// What it left to the patient.
    pub left: Money,
    /// What the provider must accept in full, or accepts, where that is less
    /// than the charge (42 CFR 411.32 (b); value code 44 of an institutional
    /// claim).
    pub accepted: Option<Money>,
    /// What it would have paid, had the patient been enrolled. Zero but for a
    /// carve-out.
    pub presumed: Money,
    /// Its adjustments.
    pub adjustments: Vec<PriorAdjustment>,
}

/// Why what was reported cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriorError {
    /// The adjustments of a line do not lead from its charge to its payment.
    Line {
        /// Position of the line.
        line: usize,
        /// What the charge less the adjustments comes to.
        expected: Money,
        /// What is said to be paid.
        stated: Money,
    },
    /// The adjustments of the claim do not lead to its payment.
    Claim {
        /// What the lines less the adjustments of the claim come to.
        expected: Money,
        /// What is said to be paid.
        stated: Money,
    },
    /// An adjustment of the claim is more than its lines have.
    Spread,
    /// A payer that comes before this one, and of which the claim says nothing, or
    /// nothing of some lines.
    Silent {
        /// Its place: 1 is primary.
        sequence: u8,
    },
    /// Two payers before this one have the same place: which of them came first, and
    /// what was left to the other, cannot be told.
    Twice {
        /// Their place: 1 is primary.
        sequence: u8,
    },
    /// Beyond what can be held.
    OutOfRange,
}

impl fmt::Display for PriorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line {
                line,
                expected,
                stated,
            } => write!(
                f,
                "line {line} of an earlier payer: its charge less its adjustments is {expected}, \
                 not the {stated} said to be paid"
            ),
            Self::Claim { expected, stated } => write!(
                f,
                "claim of an earlier payer: its lines less its adjustments come to {expected}, \
                 not the {stated} said to be paid"
            ),
            Self::Spread => f.write_str(
                "an adjustment of an earlier payer's claim is more than is left of its lines",
            ),
            Self::Silent { sequence } => write!(
                f,
                "the claim does not say what payer {sequence} decided of each line"
            ),
            Self::Twice { sequence } => {
                write!(f, "the claim has two payers with place {sequence}")
            }
            Self::OutOfRange => f.write_str("an amount is beyond what can be held"),
        }
    }
}

impl core::error::Error for PriorError {}

/// A line as an earlier payer reported it.
#[derive(Clone)]
pub struct Reported {
    /// The charge of the line.
    pub charge: Money,
    /// What it is said to have paid (SVC03, SVD02); `None` where it reported the
    /// claim as a whole only.
    pub paid: Option<Money>,
    /// Its allowed amount, where it was said (AMT*B6).
    pub allowed: Option<Money>,
    /// Its adjustments.
    pub adjustments: Vec<PriorAdjustment>,
}

const fn reason(text: &str) -> ShortCode {
    ShortCode::of(text)
}
/// What the patient bears of the allowed amount, and what is taken off the
/// payment itself: the allowed amount has them.
const SHARES: [ShortCode; 3] = [reason("1"), reason("2"), reason("3")];
const REDUCTIONS: [ShortCode; 3] = [reason("104"), reason("105"), reason("253")];
const PRIOR: ShortCode = reason("23");

impl PriorPayer {
    /// Reads one payer's line. `earlier` is what payers before it paid.
    ///
    /// - paid: charge − Σ adjustments, which must be what is said (RFI 2348);
    /// - left to the patient: Σ PR (RFI 2548);
    /// - allowed: what was said, else paid + shares (PR 1, 2, 3) + reductions of
    ///   the payment (104, 105, 253). Of a payer that was itself a later one (it
    ///   has OA 23) that and what payers before it paid;
    /// - accepted: charge − Σ CO, where CO wrote something off.
    ///
    /// # Errors
    /// When the line does not balance, or an amount cannot be held.
    pub fn read(line: usize, reported: &Reported, earlier: Money) -> Result<Self, PriorError> {
        let paid = reported
            .charge
            .checked_sub(total(reported, |_| true)?)
            .ok_or(PriorError::OutOfRange)?;
        if let Some(stated) = reported.paid.filter(|stated| *stated != paid) {
            return Err(PriorError::Line {
                line,
                expected: paid,
                stated,
            });
        }
        let left = total(reported, |a| a.group == Group::Pr)?;
        let written_off = total(reported, |a| a.group == Group::Co)?;
        let within = total(reported, |a| {
            (a.group == Group::Pr && SHARES.contains(&a.reason)) || REDUCTIONS.contains(&a.reason)
        })?;
        let later = reported.adjustments.iter().any(|a| a.reason == PRIOR);
        let allowed = match reported.allowed {
            Some(allowed) => allowed,
            None => paid
                .checked_add(within)
                .and_then(|sum| sum.checked_add(if later { earlier } else { Money::ZERO }))
                .ok_or(PriorError::OutOfRange)?,
        };
        let accepted = (written_off > Money::ZERO).then(|| reported.charge.less(written_off));
        Ok(Self {
            allowed,
            paid,
            left,
            accepted,
            presumed: Money::ZERO,
            adjustments: reported.adjustments.clone(),
        })
    }
}

fn total(
    reported: &Reported,
    which: impl Fn(&PriorAdjustment) -> bool,
) -> Result<Money, PriorError> {
    let those = reported.adjustments.iter().filter(|a| which(a));
    Money::checked_sum(those.map(|a| a.amount)).ok_or(PriorError::OutOfRange)
}

/// Reads one payer's claim: a [`PriorPayer`] a line, in their order.
///
/// Adjustments of the claim as a whole (CAS of CLP, loop 2320) are spread over
/// the lines by what is left of each, so that the parts sum to the adjustment
/// and no line goes below zero; what was paid above the charge (negative) is
/// spread by the charges. `stated` is what the claim is said to be paid (CLP04,
/// AMT*D). `earlier` is what payers before it paid of each line; missing ones
/// paid nothing.
///
/// # Errors
/// When a line or the claim does not balance, when an adjustment of the claim is
/// more than its lines have, and when an amount cannot be held.
pub fn of_claim(
    lines: &[Reported],
    claim_adjustments: &[PriorAdjustment],
    stated: Option<Money>,
    earlier: &[Money],
) -> Result<Vec<PriorPayer>, PriorError> {
    let mut whole: Vec<Reported> = lines.to_vec();
    // Each line must balance before the claim's own adjustments.
    let mut left = Vec::with_capacity(lines.len());
    for (i, line) in lines.iter().enumerate() {
        left.push(PriorPayer::read(i, line, Money::ZERO)?.paid);
    }
    for adjustment in claim_adjustments {
        let parts = if adjustment.amount.is_negative() {
            let size = Money::ZERO.checked_sub(adjustment.amount);
            let charges: Vec<i64> = lines.iter().map(|line| line.charge.scaled()).collect();
            let parts = spread(size.ok_or(PriorError::OutOfRange)?, &charges);
            let parts = parts.ok_or(PriorError::Spread)?;
            let signed = parts.iter().map(|part| Money::ZERO.checked_sub(*part));
            signed.collect::<Option<Vec<Money>>>()
        } else {
            let open: Vec<i64> = left.iter().map(|open| open.scaled().max(0)).collect();
            let total = open
                .iter()
                .try_fold(0i64, |sum, open| sum.checked_add(*open));
            if total.is_none_or(|total| total < adjustment.amount.scaled()) {
                return Err(PriorError::Spread);
            }
            spread(adjustment.amount, &open)
        };
        let parts = parts.ok_or(PriorError::Spread)?;
        for ((line, left), amount) in whole.iter_mut().zip(&mut left).zip(parts) {
            if amount.is_zero() {
                continue;
            }
            *left = left.checked_sub(amount).ok_or(PriorError::OutOfRange)?;
            line.paid = Some(*left);
            line.adjustments.push(PriorAdjustment {
                amount,
                ..*adjustment
            });
        }
    }
    let paid = Money::checked_sum(left.iter().copied()).ok_or(PriorError::OutOfRange)?;
    if let Some(stated) = stated.filter(|stated| *stated != paid) {
        return Err(PriorError::Claim {
            expected: paid,
            stated,
        });
    }
    let before = |i: usize| earlier.get(i).copied().unwrap_or(Money::ZERO);
    let each = whole.iter().enumerate();
    each.map(|(i, line)| PriorPayer::read(i, line, before(i)))
        .collect()
}

/// What every payer before this one did of a claim: for each line, in the order of
/// the payers. Empty lists of a claim that this payer is the first for, or that
/// does not say where it stands.
///
/// # Errors
/// When a payer before this one is not heard of each line, or shares its place with
/// another, and as [`of_claim`].
pub fn before_us(claim: &Claim) -> Result<Vec<Vec<PriorPayer>>, PriorError> {
    let mut lines: Vec<Vec<PriorPayer>> = claim.lines.iter().map(|_| Vec::new()).collect();
    let mut earlier: Vec<Money> = claim.lines.iter().map(|_| Money::ZERO).collect();
    // At most ten: the first of those that are left, each time.
    let mut from = 1;
    while let Some((at, payer)) = next(claim, from) {
        let sequence = payer.sequence;
        let there = claim.payers.iter().filter(|one| one.sequence == sequence);
        if there.count() > 1 {
            return Err(PriorError::Twice { sequence });
        }
        let reported = reported(claim, at, payer)?;
        let read = of_claim(&reported, &payer.adjustments, payer.paid, &earlier)?;
        for ((line, earlier), prior) in lines.iter_mut().zip(&mut earlier).zip(read) {
            *earlier = earlier
                .checked_add(prior.paid)
                .ok_or(PriorError::OutOfRange)?;
            line.push(prior);
        }
        from = payer.sequence.saturating_add(1);
    }
    Ok(lines)
}

/// The payer before this one with the lowest place that is not below `from`.
fn next(claim: &Claim, from: u8) -> Option<(u8, &Payer)> {
    let places = (0u8..).zip(&claim.payers);
    places
        .filter(|(_, payer)| payer.sequence >= from && payer.sequence < claim.sequence)
        .min_by_key(|(_, payer)| payer.sequence)
}

/// The lines of a claim as one payer reported them.
fn reported(claim: &Claim, at: u8, payer: &Payer) -> Result<Vec<Reported>, PriorError> {
    let of = |line: &crate::claim::Line| line.prior.iter().find(|prior| prior.payer == at).cloned();
    let by_line = claim.lines.iter().any(|line| of(line).is_some());
    let as_a_whole = payer.paid.is_some() && !payer.adjustments.is_empty();
    let silent = PriorError::Silent {
        sequence: payer.sequence,
    };
    if !by_line && !as_a_whole {
        return Err(silent);
    }
    claim
        .lines
        .iter()
        .map(|line| match of(line) {
            Some(prior) => Ok(Reported {
                charge: line.charge,
                paid: Some(prior.paid),
                allowed: None,
                adjustments: prior.adjustments,
            }),
            None if by_line => Err(silent),
            None => Ok(Reported {
                charge: line.charge,
                paid: None,
                allowed: None,
                adjustments: Vec::new(),
            }),
        })
        .collect()
}
