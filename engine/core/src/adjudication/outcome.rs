//! The outcome: what a claim came to. One that does not balance cannot be
//! constructed, nor decoded.

use tally_types::{Carc, Group, Money, ServiceDate, ShortCode};
use thiserror::Error;

use super::reasons;
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;

/// The version of the encoding, its first byte.
const VERSION: u8 = 1;

/// Why amounts are not an outcome. The rules are those of the X12 835; the
/// numbers are requests for interpretation (RFI).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OutcomeError {
    /// A sum is out of range.
    #[error("line {line}: a sum of amounts is out of range")]
    Overflow {
        /// The line's number.
        line: u16,
    },
    /// Adjustments take more than the charge.
    #[error("line {line}: the adjustments exceed the charge, so that {paid} would be paid")]
    NegativePayment {
        /// The line's number.
        line: u16,
        /// Charge less adjustments.
        paid: Money,
    },
    /// `charge − Σ adjustments` is not the stated payment (RFI 2348).
    #[error("line {line} does not balance: {stated} is stated as paid, {paid} follows")]
    Unbalanced {
        /// The line's number.
        line: u16,
        /// What was stated.
        stated: Money,
        /// Charge less adjustments.
        paid: Money,
    },
    /// More is paid than allowed, or the allowed amount is negative.
    #[error("line {line}: {paid} is paid of {allowed} allowed")]
    PaidOverAllowed {
        /// The line's number.
        line: u16,
        /// What is paid.
        paid: Money,
        /// What is allowed.
        allowed: Money,
    },
    /// A denied line pays or allows something.
    #[error("line {line} is denied and yet pays or allows something")]
    DeniedButPaid {
        /// The line's number.
        line: u16,
    },
    /// An adjustment of nothing.
    #[error("line {line}: an adjustment of 0.00")]
    ZeroAdjustment {
        /// The line's number.
        line: u16,
    },
    /// Only CARC 94 may be negative (RFI 2278, 2320).
    #[error("line {line}: CARC {carc} cannot be negative")]
    NegativeAdjustment {
        /// The line's number.
        line: u16,
        /// The reason code.
        carc: Carc,
    },
    /// The engine does not know the reason code.
    #[error("line {line}: CARC {carc} is not in the table of reason codes")]
    UnknownReason {
        /// The line's number.
        line: u16,
        /// The reason code.
        carc: Carc,
    },
    /// The reason code cannot stand in this group.
    #[error("line {line}: CARC {carc} cannot stand in group {group}")]
    GroupNotPermitted {
        /// The line's number.
        line: u16,
        /// The group.
        group: Group,
        /// The reason code.
        carc: Carc,
    },
    /// The reason code needs a remark, or the remark is none.
    #[error("line {line}: CARC {carc} needs a remark code, or has one that is no remark code")]
    Remark {
        /// The line's number.
        line: u16,
        /// The reason code.
        carc: Carc,
    },
    /// The charge is negative.
    #[error("line {line}: the charge is negative")]
    NegativeCharge {
        /// The line's number.
        line: u16,
    },
    /// There are no lines, or their numbers do not rise.
    #[error("the lines of an outcome are numbered upwards, at least one")]
    Lines,
}

/// One adjustment, with everything that explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeAdjustment {
    /// Who bears it.
    pub group: Group,
    /// Why.
    pub carc: Carc,
    /// A remark, or [`ShortCode::NONE`].
    pub rarc: ShortCode,
    /// How much.
    pub amount: Money,
    /// The clause of the policy, or the numbered rule of the engine.
    pub clause: String,
}

/// What a line added to an accumulator, with the balance before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomePosting {
    /// The accumulator's name.
    pub accumulator: String,
    /// The first day of the period.
    pub period: ServiceDate,
    /// Whether the whole family shares it.
    pub family: bool,
    /// The balance before: minor units, or a count.
    pub before: i64,
    /// What was added.
    pub amount: i64,
}

impl OutcomePosting {
    /// The balance after.
    #[must_use]
    pub fn after(&self) -> i64 {
        self.before.saturating_add(self.amount)
    }
}

/// What one line came to. It balances: it is only made by [`LineOutcome::settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOutcome {
    number: u16,
    denied: bool,
    charge: Money,
    allowed: Money,
    paid: Money,
    clause: String,
    adjustments: Vec<OutcomeAdjustment>,
    postings: Vec<OutcomePosting>,
}

impl LineOutcome {
    /// Settles a line: the payment is what the adjustments leave of the charge.
    ///
    /// # Errors
    /// When no payment follows, or a rule of the remittance is broken.
    pub fn settle(
        number: u16,
        charge: Money,
        allowed: Money,
        denied: bool,
        clause: String,
        adjustments: Vec<OutcomeAdjustment>,
        postings: Vec<OutcomePosting>,
    ) -> Result<Self, OutcomeError> {
        let line = number;
        if charge.is_negative() {
            return Err(OutcomeError::NegativeCharge { line });
        }
        for adjustment in &adjustments {
            check_adjustment(line, adjustment)?;
        }
        let paid = Money::checked_sum(adjustments.iter().map(|a| a.amount))
            .and_then(|sum| charge.checked_sub(sum))
            .ok_or(OutcomeError::Overflow { line })?;
        if paid.is_negative() {
            return Err(OutcomeError::NegativePayment { line, paid });
        }
        if denied && !(paid.is_zero() && allowed.is_zero()) {
            return Err(OutcomeError::DeniedButPaid { line });
        }
        if allowed.is_negative() || paid > allowed {
            return Err(OutcomeError::PaidOverAllowed {
                line,
                paid,
                allowed,
            });
        }
        Ok(Self {
            number,
            denied,
            charge,
            allowed,
            paid,
            clause,
            adjustments,
            postings,
        })
    }

    /// Settles a line that must come to a stated payment.
    ///
    /// # Errors
    /// As [`LineOutcome::settle`], and when the payment is another.
    #[allow(clippy::too_many_arguments)] // one record, stated and checked
    pub fn settle_stated(
        number: u16,
        charge: Money,
        allowed: Money,
        stated: Money,
        denied: bool,
        clause: String,
        adjustments: Vec<OutcomeAdjustment>,
        postings: Vec<OutcomePosting>,
    ) -> Result<Self, OutcomeError> {
        let sum = Money::checked_sum(adjustments.iter().map(|a| a.amount));
        let paid = sum
            .and_then(|sum| charge.checked_sub(sum))
            .ok_or(OutcomeError::Overflow { line: number })?;
        if paid != stated {
            return Err(OutcomeError::Unbalanced {
                line: number,
                stated,
                paid,
            });
        }
        Self::settle(
            number,
            charge,
            allowed,
            denied,
            clause,
            adjustments,
            postings,
        )
    }

    /// The line's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
    /// Whether it is denied.
    #[must_use]
    pub fn denied(&self) -> bool {
        self.denied
    }
    /// The charge.
    #[must_use]
    pub fn charge(&self) -> Money {
        self.charge
    }
    /// The allowed amount.
    #[must_use]
    pub fn allowed(&self) -> Money {
        self.allowed
    }
    /// What the plan pays.
    #[must_use]
    pub fn paid(&self) -> Money {
        self.paid
    }
    /// The clause, or engine rule, that decided the line.
    #[must_use]
    pub fn clause(&self) -> &str {
        &self.clause
    }
    /// Everything between charge and paid.
    #[must_use]
    pub fn adjustments(&self) -> &[OutcomeAdjustment] {
        &self.adjustments
    }
    /// What it added to accumulators.
    #[must_use]
    pub fn postings(&self) -> &[OutcomePosting] {
        &self.postings
    }
    /// What the patient owes: the sum of group PR (RFI 2548).
    #[must_use]
    pub fn patient(&self) -> Money {
        Money::checked_sum(
            self.adjustments
                .iter()
                .filter(|a| a.group == Group::Pr)
                .map(|a| a.amount),
        )
        .unwrap_or_default()
    }
}

fn check_adjustment(line: u16, adjustment: &OutcomeAdjustment) -> Result<(), OutcomeError> {
    let carc = adjustment.carc;
    let reason = reasons::find(carc).ok_or(OutcomeError::UnknownReason { line, carc })?;
    if !reason.groups.contains(&adjustment.group) {
        return Err(OutcomeError::GroupNotPermitted {
            line,
            group: adjustment.group,
            carc,
        });
    }
    let remark = adjustment.rarc;
    if (reason.needs_remark && remark.is_none())
        || (!remark.is_none() && !reasons::is_remark(remark))
    {
        return Err(OutcomeError::Remark { line, carc });
    }
    if adjustment.amount.is_zero() {
        return Err(OutcomeError::ZeroAdjustment { line });
    }
    if adjustment.amount.is_negative() && carc != Carc::EXCESS_OF_CHARGES {
        return Err(OutcomeError::NegativeAdjustment { line, carc });
    }
    Ok(())
}

/// Paid, denied or pended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Processed, with at least one line not denied, even at 0.00.
    Paid,
    /// Every line denied.
    Denied,
    /// Waiting.
    Pended,
}

impl Status {
    /// As it is written everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Denied => "denied",
            Self::Pended => "pended",
        }
    }
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a claim came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Line by line.
    Settled(Vec<LineOutcome>),
    /// Waiting: nothing is paid, nothing accumulates.
    Pended {
        /// A short stable name: the policy's, or a numbered engine reason.
        reason: String,
        /// Why, for people.
        text: String,
        /// What would resolve it.
        resolution: String,
        /// The line, or zero for the claim.
        line: u16,
        /// The clause or engine rule it rests on.
        clause: String,
        /// The charges of the lines, by number.
        charges: Vec<(u16, Money)>,
    },
}

/// A finding of the policy, spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flagged {
    /// The pattern's name.
    pub pattern: String,
    /// The line, or zero for the claim.
    pub line: u16,
    /// 0 to 1000.
    pub score: u16,
    /// The clause it rests on.
    pub clause: String,
}

/// What a claim came to. Its canonical bytes are what a receipt proves; they
/// hold no fuel, engine version, time, salt or ledger position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    claim: ClaimId,
    policy: Option<[u8; 32]>,
    settlement: Settlement,
    findings: Vec<Flagged>,
}

impl Outcome {
    /// Puts an outcome together.
    ///
    /// # Errors
    /// When there are no lines, their numbers do not rise, or a total is out
    /// of range.
    pub fn new(
        claim: ClaimId,
        policy: Option<[u8; 32]>,
        settlement: Settlement,
        findings: Vec<Flagged>,
    ) -> Result<Self, OutcomeError> {
        let numbers: Vec<u16> = match &settlement {
            Settlement::Settled(lines) => lines.iter().map(LineOutcome::number).collect(),
            Settlement::Pended { charges, .. } => charges.iter().map(|(n, _)| *n).collect(),
        };
        let rising = numbers
            .iter()
            .zip(numbers.iter().skip(1))
            .all(|(a, b)| a < b);
        if numbers.is_empty() || !rising {
            return Err(OutcomeError::Lines);
        }
        let outcome = Self {
            claim,
            policy,
            settlement,
            findings,
        };
        // Line sums are bounded, so only the totals can overflow.
        let fits = outcome
            .total(LineOutcome::charge)
            .and(outcome.total(LineOutcome::allowed));
        match fits {
            Some(_) => Ok(outcome),
            None => Err(OutcomeError::Overflow { line: 0 }),
        }
    }

    fn total(&self, amount: impl Fn(&LineOutcome) -> Money) -> Option<Money> {
        match &self.settlement {
            Settlement::Settled(lines) => Money::checked_sum(lines.iter().map(amount)),
            Settlement::Pended { charges, .. } => {
                Money::checked_sum(charges.iter().map(|(_, charge)| *charge))
            }
        }
    }

    /// The claim.
    #[must_use]
    pub fn claim(&self) -> ClaimId {
        self.claim
    }
    /// The hash of the policy that was run; `None` when the engine decided alone.
    #[must_use]
    pub fn policy(&self) -> Option<[u8; 32]> {
        self.policy
    }
    /// How it came out.
    #[must_use]
    pub fn settlement(&self) -> &Settlement {
        &self.settlement
    }
    /// The lines, none when pended.
    #[must_use]
    pub fn lines(&self) -> &[LineOutcome] {
        match &self.settlement {
            Settlement::Settled(lines) => lines,
            Settlement::Pended { .. } => &[],
        }
    }
    /// What the policy found.
    #[must_use]
    pub fn findings(&self) -> &[Flagged] {
        &self.findings
    }
    /// Paid, denied or pended.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.settlement {
            Settlement::Pended { .. } => Status::Pended,
            Settlement::Settled(lines) if lines.iter().all(LineOutcome::denied) => Status::Denied,
            Settlement::Settled(_) => Status::Paid,
        }
    }
    /// The total charge.
    #[must_use]
    pub fn charge(&self) -> Money {
        self.total(LineOutcome::charge).unwrap_or_default()
    }
    /// The total allowed.
    #[must_use]
    pub fn allowed(&self) -> Money {
        match self.settlement {
            Settlement::Settled(_) => self.total(LineOutcome::allowed).unwrap_or_default(),
            Settlement::Pended { .. } => Money::ZERO,
        }
    }
    /// The total paid.
    #[must_use]
    pub fn paid(&self) -> Money {
        Money::checked_sum(self.lines().iter().map(LineOutcome::paid)).unwrap_or_default()
    }
    /// What the patient owes.
    #[must_use]
    pub fn patient(&self) -> Money {
        Money::checked_sum(self.lines().iter().map(LineOutcome::patient)).unwrap_or_default()
    }
}

crate::canon_record!(OutcomeAdjustment {
    group,
    carc,
    rarc,
    amount,
    clause
});
crate::canon_record!(OutcomePosting {
    accumulator,
    period,
    family,
    before,
    amount
});
crate::canon_record!(Flagged {
    pattern,
    line,
    score,
    clause
});

impl Canon for LineOutcome {
    fn put(&self, out: &mut Vec<u8>) {
        self.number.put(out);
        self.denied.put(out);
        self.charge.put(out);
        self.allowed.put(out);
        self.paid.put(out);
        self.clause.put(out);
        self.adjustments.put(out);
        self.postings.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = u16::take(from)?;
        let denied = bool::take(from)?;
        let charge = Money::take(from)?;
        let allowed = Money::take(from)?;
        let paid = Money::take(from)?;
        let clause = String::take(from)?;
        let adjustments = Vec::take(from)?;
        let postings = Vec::take(from)?;
        Self::settle_stated(
            number,
            charge,
            allowed,
            paid,
            denied,
            clause,
            adjustments,
            postings,
        )
        .map_err(|_| from.invalid("line that balances", number.into()))
    }
}

impl Canon for (u16, Money) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((u16::take(from)?, Money::take(from)?))
    }
}

impl Canon for Settlement {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Settled(lines) => {
                out.push(1);
                lines.put(out);
            }
            Self::Pended {
                reason,
                text,
                resolution,
                line,
                clause,
                charges,
            } => {
                out.push(2);
                reason.put(out);
                text.put(out);
                resolution.put(out);
                line.put(out);
                clause.put(out);
                charges.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Settled(Vec::take(from)?)),
            2 => Ok(Self::Pended {
                reason: String::take(from)?,
                text: String::take(from)?,
                resolution: String::take(from)?,
                line: u16::take(from)?,
                clause: String::take(from)?,
                charges: Vec::take(from)?,
            }),
            n => Err(from.invalid("settlement", n.into())),
        }
    }
}

impl Canon for Outcome {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.claim.put(out);
        self.policy.put(out);
        self.settlement.put(out);
        self.findings.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("outcome version", n.into())),
        }
        let (claim, policy) = (ClaimId::take(from)?, Canon::take(from)?);
        let (settlement, findings) = (Settlement::take(from)?, Vec::take(from)?);
        Self::new(claim, policy, settlement, findings)
            .map_err(|_| from.invalid("outcome that balances", 0))
    }
}
