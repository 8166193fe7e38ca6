//! What one line came to: it balances, or it cannot be constructed.

use tally_types::{Carc, Group, Money, ServiceDate, ShortCode};
use thiserror::Error;

use super::reasons;
use crate::canon::{Canon, DecodeError, Reader};

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
    /// A denied line pays, allows or accumulates something.
    #[error("line {line} is denied and yet pays, allows or accumulates something")]
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
    /// A posting of nothing or less, or from or to no balance there can be.
    #[error("line {line}: {amount} cannot be added to a balance of {before}")]
    Posting {
        /// The line's number.
        line: u16,
        /// The balance before.
        before: i64,
        /// What was to be added.
        amount: i64,
    },
    /// A posting that does not begin where the one before it ended.
    #[error("line {line}: a balance of {before} does not follow from the lines before it")]
    Chain {
        /// The line's number.
        line: u16,
        /// The balance it begins with.
        before: i64,
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
        // The patient's part alone may overflow where a negative adjustment
        // (CARC 94) brings the whole back into range.
        Money::checked_sum(patient(&adjustments)).ok_or(OutcomeError::Overflow { line })?;
        for posting in &postings {
            check_posting(line, posting)?;
        }
        if denied && !(paid.is_zero() && allowed.is_zero() && postings.is_empty()) {
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

    /// Whether a payee is told the same of both: all but the accumulators that moved.
    #[must_use]
    pub fn is_told_alike(&self, other: &Self) -> bool {
        let told = |line: &Self| {
            (
                line.number,
                line.denied,
                line.charge,
                line.allowed,
                line.paid,
            )
        };
        told(self) == told(other)
            && self.clause == other.clause
            && self.adjustments == other.adjustments
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
        Money::checked_sum(patient(&self.adjustments)).unwrap_or_default()
    }
}

/// The amounts of group PR.
fn patient(adjustments: &[OutcomeAdjustment]) -> impl Iterator<Item = Money> {
    adjustments
        .iter()
        .filter(|adjustment| adjustment.group == Group::Pr)
        .map(|adjustment| adjustment.amount)
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

fn check_posting(line: u16, posting: &OutcomePosting) -> Result<(), OutcomeError> {
    let OutcomePosting { before, amount, .. } = *posting;
    if amount <= 0 || before < 0 || before.checked_add(amount).is_none() {
        return Err(OutcomeError::Posting {
            line,
            before,
            amount,
        });
    }
    Ok(())
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
