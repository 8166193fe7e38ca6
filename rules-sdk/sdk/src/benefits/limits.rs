//! Limits of a benefit: visits, amounts, wallets that several benefits share,
//! and the most that the plan pays.

use tally_types::{Money, Quantity, Rounding};

use super::{Balances, LineWork};
use crate::plan::{AccumulatorId, Denial};

impl LineWork<'_> {
    /// The units asked for: a part of a unit counts as a whole one.
    fn units_asked(&self) -> i64 {
        let quantity = self.line.quantity.scaled();
        let whole = Quantity::ONE.scaled();
        (quantity / whole + i64::from(quantity % whole > 0)).max(1)
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
        self.draw_units(balances, &[accumulator], rounding, denial)
    }

    /// As [`LineWork::limit_units`], of several counts: what the first has not
    /// left is drawn from the next. Each is posted what was drawn from it.
    pub fn draw_units(
        &mut self,
        balances: &mut Balances,
        pools: &[AccumulatorId],
        rounding: Rounding,
        denial: Denial,
    ) -> i64 {
        if self.denied {
            return 0;
        }
        let asked = self.units_asked();
        let units = self.left_of(balances, pools).unwrap_or(asked).min(asked);
        if units == 0 {
            self.refuse(balances, denial);
            return 0;
        }
        if units < asked {
            // Fewer than asked are fewer than the quantity, which is above zero.
            let part = units.saturating_mul(Quantity::ONE.scaled());
            let part = self
                .allowed
                .proportion(part, self.line.quantity.scaled(), rounding)
                .unwrap_or(self.allowed);
            self.limit_by(part, denial);
        }
        self.post_drawn(balances, pools, units);
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
        self.draw(balances, &[accumulator], denial)
    }

    /// As [`LineWork::limit_amount`], of several limits of money: a benefit's
    /// own wallet, then one that it shares with others, in the order in which
    /// they are drawn on. Each is posted what was drawn from it. A pool without
    /// a limit takes the rest.
    pub fn draw(
        &mut self,
        balances: &mut Balances,
        pools: &[AccumulatorId],
        denial: Denial,
    ) -> Money {
        if self.denied {
            return Money::ZERO;
        }
        match self.left_of(balances, pools) {
            Some(0) => self.refuse(balances, denial),
            Some(left) => self.limit_by(Money::cents(left), denial),
            None => {}
        }
        let allowed = self.allowed;
        self.post_drawn(balances, pools, allowed.scaled());
        allowed
    }

    /// Pays at most what is left of a maximum of the plan's own payments: of a
    /// year, of a life. The excess is adjusted with `denial`'s group and reason
    /// (CARC 119 or 35). The payment is posted, and lowered again by what other
    /// payers take over ([`LineWork::coordinate`]). The allowed amount stays.
    ///
    /// It comes after cost sharing.
    pub fn limit_payment(
        &mut self,
        balances: &mut Balances,
        accumulator: AccumulatorId,
        denial: Denial,
    ) -> Money {
        if let Some(left) = balances.remaining(accumulator, self.line.from) {
            let excess = self.open.less(Money::cents(left));
            self.adjust(
                denial.group,
                denial.carc,
                denial.rarc,
                excess,
                denial.clause,
            );
        }
        let paid = self.open;
        if paid > Money::ZERO {
            self.post(balances, accumulator, paid.scaled());
            self.paid_into.push(accumulator);
        }
        paid
    }

    /// What is left of the pools together; `None` when one has no limit.
    fn left_of(&self, balances: &mut Balances, pools: &[AccumulatorId]) -> Option<i64> {
        let mut sum = 0i64;
        for (i, pool) in pools.iter().enumerate() {
            // One that is named twice is drawn on once.
            if pools.iter().take(i).any(|other| other == pool) {
                continue;
            }
            sum = sum.saturating_add(balances.remaining(*pool, self.line.from)?);
        }
        Some(sum)
    }

    fn post_drawn(&mut self, balances: &mut Balances, pools: &[AccumulatorId], amount: i64) {
        let mut rest = amount;
        for pool in pools {
            let left = balances.remaining(*pool, self.line.from);
            let drawn = left.unwrap_or(rest).min(rest);
            self.post(balances, *pool, drawn);
            rest = rest.saturating_sub(drawn);
        }
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
}
