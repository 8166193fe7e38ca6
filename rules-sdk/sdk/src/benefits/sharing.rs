//! Cost sharing: copayment, deductible and coinsurance, in the plan's order.

use core::ops::Range;

use tally_types::{Carc, Group, Money, Rate, Rounding, ShortCode};

use super::{Balances, LineWork, Pocketed};
use crate::accrual::{Accrual, Embedded};
use crate::plan::ClauseId;

/// When a copayment is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopayOrder {
    /// First, then the deductible of what is left.
    BeforeDeductible,
    /// Of what the deductible left.
    AfterDeductible,
    /// In place of the deductible, which does not apply.
    InsteadOfDeductible,
}

/// The cost sharing of a benefit, as data: what sources have in different
/// orders, a plan states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sharing {
    /// When the copayment is taken.
    pub order: CopayOrder,
    /// The copayment of the line.
    pub copay: Money,
    /// Whether the deductible applies.
    pub deductible: bool,
    /// The member's rate of what is left.
    pub coinsurance: Rate,
    /// How coinsurance is rounded, once; the plan has the residual.
    pub rounding: Rounding,
    /// What the copayment counts toward, and its clause.
    pub copay_toward: (Accrual, ClauseId),
    /// What the deductible counts toward, and its clause. Its
    /// [`Accrual::deductible`] is the deductible.
    pub deductible_toward: (Accrual, ClauseId),
    /// What the coinsurance counts toward, and its clause.
    pub coinsurance_toward: (Accrual, ClauseId),
}

impl Sharing {
    /// Nothing is shared: preventive services (45 CFR 147.130 (a)(1)). `clause`
    /// says so.
    #[must_use]
    pub const fn none(clause: ClauseId) -> Self {
        Self {
            order: CopayOrder::BeforeDeductible,
            copay: Money::ZERO,
            deductible: false,
            coinsurance: Rate::ZERO,
            rounding: Rounding::HalfUp,
            copay_toward: (Accrual::NONE, clause),
            deductible_toward: (Accrual::NONE, clause),
            coinsurance_toward: (Accrual::NONE, clause),
        }
    }
}

impl LineWork<'_> {
    /// Shares the line as a benefit says. Answers what the patient bears.
    pub fn share_by(&mut self, balances: &mut Balances, sharing: &Sharing) -> Money {
        let before = self.open();
        let copay = |work: &mut Self, balances: &mut Balances| {
            let (toward, clause) = sharing.copay_toward;
            work.copay(balances, sharing.copay, toward, clause);
        };
        if sharing.order != CopayOrder::AfterDeductible {
            copay(self, balances);
        }
        if sharing.deductible && sharing.order != CopayOrder::InsteadOfDeductible {
            let (toward, clause) = sharing.deductible_toward;
            self.deductible(balances, toward, clause);
        }
        if sharing.order == CopayOrder::AfterDeductible {
            copay(self, balances);
        }
        let (toward, clause) = sharing.coinsurance_toward;
        self.coinsurance(
            balances,
            sharing.coinsurance,
            sharing.rounding,
            toward,
            clause,
        );
        before.less(self.open())
    }

    /// Leaves the patient an amount, at most what is open and what the limits
    /// it counts toward still allow. Answers the amount.
    pub fn share(
        &mut self,
        balances: &mut Balances,
        carc: Carc,
        amount: Money,
        toward: impl Into<Accrual>,
        clause: ClauseId,
    ) -> Money {
        let amount = amount.lesser(self.open);
        if amount.is_zero() || amount.is_negative() {
            return Money::ZERO;
        }
        self.share_toward(balances, carc, amount, &toward.into(), clause)
    }

    fn share_toward(
        &mut self,
        balances: &mut Balances,
        carc: Carc,
        amount: Money,
        toward: &Accrual,
        clause: ClauseId,
    ) -> Money {
        let on = self.line.from;
        let mut amount = amount;
        for limits in [toward.deductible, toward.out_of_pocket]
            .into_iter()
            .flatten()
        {
            if let Some(left) = limits.remaining(balances, on) {
                amount = amount.lesser(left);
            }
        }
        let amount = self.adjust(Group::Pr, carc, ShortCode::NONE, amount, clause);
        if amount.is_zero() {
            return amount;
        }
        let adjustment = self.adjustments.len().saturating_sub(1);
        let first = self.postings.len();
        self.count(balances, toward.deductible, amount, first);
        let postings = self.count(balances, toward.out_of_pocket, amount, first);
        self.pocketed(adjustment, None, postings);
        let room = |limits: Option<Embedded>, balances: &mut Balances| {
            let room = limits.and_then(|limits| limits.remaining(balances, on));
            room.map_or(amount, |room| amount.lesser(room))
        };
        let credit = room(toward.credit_deductible, balances);
        self.count(balances, toward.credit_deductible, credit, first);
        let credit = room(toward.credit_out_of_pocket, balances);
        let postings = self.count(balances, toward.credit_out_of_pocket, credit, first);
        self.pocketed(adjustment, toward.credit_out_of_pocket, postings);
        let also = toward.also.map(Embedded::alone);
        let credit = room(also, balances);
        self.count(balances, also, credit, first);
        amount
    }

    fn pocketed(&mut self, adjustment: usize, credited: Option<Embedded>, postings: Range<usize>) {
        if !postings.is_empty() {
            self.pocket.push(Pocketed {
                adjustment,
                credited,
                postings,
            });
        }
    }

    /// Posts to the accumulators of a limit, but to those that this share already
    /// did: from posting `first` on they are its. The positions of the postings.
    fn count(
        &mut self,
        balances: &mut Balances,
        limits: Option<Embedded>,
        amount: Money,
        first: usize,
    ) -> Range<usize> {
        let at = self.postings.len();
        for accumulator in limits.into_iter().flat_map(Embedded::accumulators) {
            let mut own = self.postings.iter().skip(first);
            if !own.any(|posting| posting.accumulator == accumulator) {
                self.push_posting(balances, accumulator, amount.scaled());
            }
        }
        at..self.postings.len()
    }

    /// A copayment (CARC 3), at most what is open.
    pub fn copay(
        &mut self,
        balances: &mut Balances,
        amount: Money,
        toward: impl Into<Accrual>,
        clause: ClauseId,
    ) -> Money {
        self.share(balances, Carc::COPAY, amount, toward, clause)
    }

    /// What is left of the deductible (CARC 1): of `toward.deductible`, never
    /// more than `toward.out_of_pocket` still allows. Nothing when there is no
    /// deductible, or none with a limit in force.
    pub fn deductible(
        &mut self,
        balances: &mut Balances,
        toward: impl Into<Accrual>,
        clause: ClauseId,
    ) -> Money {
        let toward = toward.into();
        let left = toward
            .deductible
            .and_then(|deductible| deductible.remaining(balances, self.line.from));
        let amount = left.unwrap_or(Money::ZERO);
        self.share(balances, Carc::DEDUCTIBLE, amount, toward, clause)
    }

    /// Coinsurance (CARC 2): a rate of what is open, rounded once; the plan
    /// has the residual.
    pub fn coinsurance(
        &mut self,
        balances: &mut Balances,
        rate: Rate,
        rounding: Rounding,
        toward: impl Into<Accrual>,
        clause: ClauseId,
    ) -> Money {
        let amount = self.open.share(rate, rounding).unwrap_or(Money::ZERO);
        self.share(balances, Carc::COINSURANCE, amount, toward, clause)
    }
}
