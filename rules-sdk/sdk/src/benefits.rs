//! Benefits: what a line allows, what the member bears of it, what the plan
//! pays. Every step names its group, its reason and its clause, and the
//! payment is what the steps leave of the charge, so that a line balances.

use alloc::vec::Vec;

use tally_types::{
    Carc, Group, Money, Quantity, Rate, Rounding, ServiceDate, ShortCode, UnitPrice,
};

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
/// either is full, it is full for this member. A limit that the family alone
/// has, or each member alone, is one of `member` without a `family`.
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
    denied: bool,
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
            denied: false,
            adjustments: Vec::new(),
            postings: Vec::new(),
        }
    }

    /// Denies a line as a whole.
    #[must_use]
    pub fn deny(line: &Line, denial: Denial) -> LineDetermination {
        let mut work = LineWork::begin(line, denial.clause);
        work.deny_rest(denial);
        work.finish()
    }

    /// Denies what is left of the line, and with it the line.
    fn deny_rest(&mut self, denial: Denial) {
        let open = self.open;
        self.adjust(denial.group, denial.carc, denial.rarc, open, denial.clause);
        self.allowed = Money::ZERO;
        self.clause = denial.clause;
        self.denied = true;
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

    /// `price × units × factor`, rounded once: what a fee schedule allows of
    /// this line. The charge where that is out of range. It changes nothing;
    /// [`LineWork::limit_to`] does.
    #[must_use]
    pub fn price(&self, price: UnitPrice, factor: Rate, rounding: Rounding) -> Money {
        price
            .extend(self.line.quantity, factor, rounding)
            .unwrap_or(self.line.charge)
    }

    /// Allows at most the units that are left of a count: visits of a year, for
    /// instance. Of the allowed amount the share of the units left remains,
    /// rounded once; the rest is adjusted with `denial`'s group and reason. A
    /// part of a unit counts as a whole one. Answers the units allowed and
    /// posts them. With none left the line is denied, by `denial`.
    ///
    /// It comes before cost sharing.
    pub fn limit_units(
        &mut self,
        balances: &mut Balances,
        accumulator: AccumulatorId,
        rounding: Rounding,
        denial: Denial,
    ) -> i64 {
        let quantity = self.line.quantity.scaled();
        let whole = Quantity::ONE.scaled();
        let asked = (quantity / whole + i64::from(quantity % whole > 0)).max(1);
        let left = balances.remaining(accumulator, self.line.from);
        let units = left.unwrap_or(asked).min(asked);
        if units == 0 {
            self.deny_rest(denial);
            return 0;
        }
        if units < asked {
            // Fewer than asked are fewer than the quantity, which is above zero.
            let part = self
                .allowed
                .proportion(units.saturating_mul(whole), quantity, rounding)
                .unwrap_or(self.allowed);
            self.limit_by(part, denial);
        }
        self.post(balances, accumulator, units);
        units
    }

    /// Allows at most the amount that is left of a limit of money: a hearing
    /// benefit, for instance. The rest is adjusted with `denial`'s group and
    /// reason. Posts the amount allowed and answers it. With nothing left the
    /// line is denied, by `denial`.
    ///
    /// It comes before cost sharing.
    pub fn limit_amount(
        &mut self,
        balances: &mut Balances,
        accumulator: AccumulatorId,
        denial: Denial,
    ) -> Money {
        match balances.remaining(accumulator, self.line.from) {
            Some(0) => self.deny_rest(denial),
            Some(left) => self.limit_by(Money::cents(left), denial),
            None => {}
        }
        let allowed = self.allowed;
        self.post(balances, accumulator, allowed.scaled());
        allowed
    }

    fn limit_by(&mut self, limit: Money, denial: Denial) {
        let excess = self.allowed.less(limit);
        let taken = self.adjust(
            denial.group,
            denial.carc,
            denial.rarc,
            excess,
            denial.clause,
        );
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
        if amount.is_zero() || amount.is_negative() {
            return Money::ZERO;
        }
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

    /// A copayment (CARC 3), at most what is open.
    pub fn copay(
        &mut self,
        balances: &mut Balances,
        amount: Money,
        toward: CostShare,
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
        toward: CostShare,
        clause: ClauseId,
    ) -> Money {
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
            denied: self.denied,
            allowed: self.allowed,
            paid: self.open,
            clause: self.clause,
            adjustments: self.adjustments,
            postings: self.postings,
        }
    }
}
