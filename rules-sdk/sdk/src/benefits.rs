//! Benefits: what a line allows, what the member bears of it, what the plan
//! pays. Every step names its group, its reason and its clause, and the
//! payment is what the steps leave of the charge, so that a line balances.

use alloc::vec::Vec;

use tally_types::{Carc, Group, Money, Rate, Rounding, ServiceDate, ShortCode};

use crate::claim::{Adjustment, Claim, Line, LineDetermination, Posting};
use crate::plan::{AccumulatorId, ClauseId, Denial, Plan};

struct Slot {
    accumulator: AccumulatorId,
    period: ServiceDate,
    used: i64,
    limit: Option<i64>,
}

/// Balances as the lines of this claim move them.
pub struct Balances {
    slots: Vec<Slot>,
}

impl Balances {
    /// What had accumulated before this claim.
    #[must_use]
    pub fn of(claim: &Claim, plan: &Plan) -> Self {
        let slots = claim
            .balances
            .iter()
            .map(|balance| Slot {
                accumulator: balance.accumulator,
                period: balance.period,
                used: balance.used,
                limit: plan
                    .accumulators
                    .get(usize::from(balance.accumulator.0))
                    .and_then(|accumulator| accumulator.limit_in(balance.period)),
            })
            .collect();
        Self { slots }
    }

    /// The slot of the period that `on` falls in: the latest that has begun.
    fn slot(&mut self, accumulator: AccumulatorId, on: ServiceDate) -> Option<&mut Slot> {
        let mut best: Option<&mut Slot> = None;
        for slot in &mut self.slots {
            let begun = slot.accumulator == accumulator && slot.period <= on;
            if begun && best.as_ref().is_none_or(|other| other.period < slot.period) {
                best = Some(slot);
            }
        }
        best
    }

    /// What is left before the limit; `None` when there is no limit.
    #[must_use]
    pub fn remaining(&mut self, accumulator: AccumulatorId, on: ServiceDate) -> Option<i64> {
        let slot = self.slot(accumulator, on)?;
        slot.limit
            .map(|limit| limit.saturating_sub(slot.used).max(0))
    }

    fn post(&mut self, accumulator: AccumulatorId, on: ServiceDate, amount: i64) {
        if let Some(slot) = self.slot(accumulator, on) {
            slot.used = slot.used.saturating_add(amount);
        }
    }
}

/// An embedded pair: the member's own accumulator and the family's. When
/// either is full, it is full for this member.
#[derive(Clone, Copy)]
pub struct Embedded {
    /// The member's.
    pub member: AccumulatorId,
    /// The family's, if there is one.
    pub family: Option<AccumulatorId>,
}

impl Embedded {
    /// What is left before either limit.
    #[must_use]
    pub fn remaining(self, balances: &mut Balances, on: ServiceDate) -> Option<Money> {
        let member = balances.remaining(self.member, on);
        let family = self
            .family
            .and_then(|family| balances.remaining(family, on));
        match (member, family) {
            (None, None) => None,
            (Some(left), None) | (None, Some(left)) => Some(Money::cents(left)),
            (Some(member), Some(family)) => Some(Money::cents(member.min(family))),
        }
    }
}

/// What a share counts toward.
#[derive(Clone, Copy)]
pub struct CostShare {
    /// The deductible it counts toward.
    pub deductible: Option<Embedded>,
    /// The out-of-pocket limit it counts toward and stops at.
    pub out_of_pocket: Option<Embedded>,
}

impl CostShare {
    /// Toward nothing.
    pub const NONE: Self = Self {
        deductible: None,
        out_of_pocket: None,
    };
}

/// A line being worked out.
pub struct LineWork<'a> {
    line: &'a Line,
    clause: ClauseId,
    allowed: Money,
    open: Money,
    adjustments: Vec<Adjustment>,
    postings: Vec<Posting>,
}

impl<'a> LineWork<'a> {
    /// Begins with the whole charge allowed and payable.
    #[must_use]
    pub fn begin(line: &'a Line, clause: ClauseId) -> Self {
        Self {
            line,
            clause,
            allowed: line.charge,
            open: line.charge,
            adjustments: Vec::new(),
            postings: Vec::new(),
        }
    }

    /// Denies a line as a whole.
    #[must_use]
    pub fn deny(line: &Line, denial: Denial) -> LineDetermination {
        let mut work = LineWork::begin(line, denial.clause);
        work.adjust(
            denial.group,
            denial.carc,
            denial.rarc,
            line.charge,
            denial.clause,
        );
        LineDetermination {
            line: line.number,
            denied: true,
            allowed: Money::ZERO,
            paid: Money::ZERO,
            clause: denial.clause,
            adjustments: work.adjustments,
            postings: Vec::new(),
        }
    }

    /// The allowed amount so far.
    #[must_use]
    pub fn allowed(&self) -> Money {
        self.allowed
    }

    /// What would be paid as things stand.
    #[must_use]
    pub fn open(&self) -> Money {
        self.open
    }

    /// An adjustment of at most what is open. Nothing is adjusted by nothing.
    fn adjust(
        &mut self,
        group: Group,
        carc: Carc,
        rarc: ShortCode,
        amount: Money,
        clause: ClauseId,
    ) -> Money {
        let amount = amount.lesser(self.open);
        if amount.is_zero() || amount.is_negative() {
            return Money::ZERO;
        }
        self.open = self.open.less(amount);
        self.adjustments.push(Adjustment {
            group,
            carc,
            rarc,
            amount,
            clause,
        });
        amount
    }

    /// Lowers the allowed amount to `limit`, where it is above: the lesser of
    /// charge and fee (CARC 45), a multiple-procedure reduction (CARC 59).
    /// Group CO where the provider must accept it, PR where it may bill it.
    pub fn limit_to(&mut self, limit: Money, group: Group, carc: Carc, clause: ClauseId) {
        let excess = self.allowed.less(limit);
        let taken = self.adjust(group, carc, ShortCode::NONE, excess, clause);
        self.allowed = self.allowed.less(taken);
    }

    /// Leaves the patient an amount, at most what is open and what the limits
    /// it counts toward still allow. Answers the amount.
    pub fn share(
        &mut self,
        balances: &mut Balances,
        carc: Carc,
        amount: Money,
        toward: CostShare,
        clause: ClauseId,
    ) -> Money {
        let on = self.line.from;
        let mut amount = amount.lesser(self.open);
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
        for limits in [toward.deductible, toward.out_of_pocket]
            .into_iter()
            .flatten()
        {
            for accumulator in [Some(limits.member), limits.family].into_iter().flatten() {
                self.post(balances, accumulator, amount.scaled());
            }
        }
        amount
    }

    /// A copayment (CARC 3), toward the out-of-pocket limit.
    pub fn copay(
        &mut self,
        balances: &mut Balances,
        amount: Money,
        toward: CostShare,
        clause: ClauseId,
    ) -> Money {
        self.share(balances, Carc::COPAY, amount, toward, clause)
    }

    /// What is left of the deductible (CARC 1).
    pub fn deductible(
        &mut self,
        balances: &mut Balances,
        toward: CostShare,
        clause: ClauseId,
    ) -> Money {
        let open = self.open;
        self.share(balances, Carc::DEDUCTIBLE, open, toward, clause)
    }

    /// Coinsurance (CARC 2): a rate of what is open, rounded once; the plan
    /// has the residual.
    pub fn coinsurance(
        &mut self,
        balances: &mut Balances,
        rate: Rate,
        rounding: Rounding,
        toward: CostShare,
        clause: ClauseId,
    ) -> Money {
        let amount = self.open.share(rate, rounding).unwrap_or(Money::ZERO);
        self.share(balances, Carc::COINSURANCE, amount, toward, clause)
    }

    /// A reduction of the payment itself, after cost sharing: sequestration
    /// (CARC 253), a withhold (CARC 104). The allowed amount stays.
    pub fn reduce_payment(
        &mut self,
        rate: Rate,
        rounding: Rounding,
        carc: Carc,
        clause: ClauseId,
    ) -> Money {
        let amount = self.open.share(rate, rounding).unwrap_or(Money::ZERO);
        self.adjust(Group::Co, carc, ShortCode::NONE, amount, clause)
    }

    /// Adds to an accumulator: one visit, for instance.
    pub fn post(&mut self, balances: &mut Balances, accumulator: AccumulatorId, amount: i64) {
        if amount > 0 {
            balances.post(accumulator, self.line.from, amount);
            self.postings.push(Posting {
                accumulator,
                amount,
            });
        }
    }

    /// The line as decided: what is open is paid.
    #[must_use]
    pub fn finish(self) -> LineDetermination {
        LineDetermination {
            line: self.line.number,
            denied: false,
            allowed: self.allowed,
            paid: self.open,
            clause: self.clause,
            adjustments: self.adjustments,
            postings: self.postings,
        }
    }
}
