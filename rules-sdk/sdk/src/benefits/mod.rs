//! Benefits: what a line allows, what the member bears of it, what the plan
//! pays. Every step names its group, its reason and its clause, and the
//! payment is what the steps leave of the charge, so that a line balances.

mod balances;
mod coordinate;
mod limits;
mod sharing;

use alloc::vec::Vec;
use core::ops::Range;

use tally_types::{Carc, Group, Money, Rate, Rounding, ShortCode, UnitPrice};

use crate::accrual::Embedded;
use crate::claim::{Adjustment, Line, LineDetermination, Posting};
use crate::plan::{AccumulatorId, ClauseId, Denial};

pub use balances::Balances;
pub use coordinate::Coordinated;
pub use sharing::{CopayOrder, Sharing};

/// A line being worked out.
///
/// The usual order is: price ([`LineWork::limit_to`], [`LineWork::allow`]),
/// limits of the benefit ([`LineWork::limit_units`], [`LineWork::limit_amount`],
/// [`LineWork::draw`]), cost sharing in the plan's order
/// ([`LineWork::share_by`], or its parts), the maximum that the plan pays
/// ([`LineWork::limit_payment`]), other payers ([`LineWork::coordinate`]),
/// reductions of the payment ([`LineWork::reduce_payment`]).
pub struct LineWork<'a> {
    line: &'a Line,
    clause: ClauseId,
    allowed: Money,
    open: Money,
    denied: bool,
    adjustments: Vec<Adjustment>,
    postings: Vec<Posting>,
    /// What counts toward out-of-pocket limits.
    pocket: Vec<Pocketed>,
    /// What counts the plan's own payments.
    paid_into: Vec<AccumulatorId>,
    /// What earlier payers paid, where it was taken off before cost sharing.
    aside: Money,
    coordinated: bool,
}

/// A share that counts toward an out-of-pocket limit.
struct Pocketed {
    /// The position of its adjustment.
    adjustment: usize,
    /// The limit, where it is only credited: as much as there is room for.
    credited: Option<Embedded>,
    /// The positions of its postings, those of nothing among them.
    postings: Range<usize>,
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
            pocket: Vec::new(),
            paid_into: Vec::new(),
            aside: Money::ZERO,
            coordinated: false,
        }
    }

    /// Denies a line as a whole.
    #[must_use]
    pub fn deny(line: &Line, denial: Denial) -> LineDetermination {
        let mut work = LineWork::begin(line, denial.clause);
        work.deny_rest(denial);
        work.finish()
    }

    /// Denies what is left of the line, and with it the line: nothing that it
    /// posted stays. For a line that another payer had before; one that nobody
    /// had is denied by [`LineWork::deny`].
    pub fn refuse(&mut self, balances: &mut Balances, denial: Denial) {
        for posting in self.postings.drain(..) {
            balances.take_back(posting.accumulator, self.line.from, posting.amount);
        }
        self.pocket.clear();
        self.paid_into.clear();
        self.deny_rest(denial);
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

    /// Raises the allowed amount by `amount`, above the charge: OA 94, negative,
    /// the one adjustment that adds (X12 RFI 2278). For a bundle, whose payable
    /// line takes the charges of the others, and for a price of the claim that
    /// is above a line's charge. It comes before everything but prices.
    pub fn raise_by(&mut self, amount: Money, clause: ClauseId) {
        let (allowed, open) = (
            self.allowed.checked_add(amount),
            self.open.checked_add(amount),
        );
        let (Some(allowed), Some(open)) = (allowed, open) else {
            return;
        };
        if amount <= Money::ZERO || self.denied {
            return;
        }
        (self.allowed, self.open) = (allowed, open);
        self.adjustments.push(Adjustment {
            group: Group::Oa,
            carc: Carc::EXCESS_OF_CHARGES,
            rarc: ShortCode::NONE,
            amount: Money::ZERO.checked_sub(amount).unwrap_or(Money::ZERO),
            clause,
        });
    }

    /// Makes the allowed amount exactly `price`: as [`LineWork::limit_to`] where
    /// it was above, as [`LineWork::raise_by`] where it was below. For prices
    /// that hold whatever was charged: per diem, case rate, DRG.
    pub fn allow(&mut self, price: Money, group: Group, carc: Carc, clause: ClauseId) {
        let price = price.greater(Money::ZERO);
        self.raise_by(price.less(self.allowed), clause);
        self.limit_to(price, group, carc, clause);
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

    /// Adds to an accumulator: one visit, for instance. A line that is denied
    /// adds nothing.
    pub fn post(&mut self, balances: &mut Balances, accumulator: AccumulatorId, amount: i64) {
        if amount > 0 && !self.denied {
            self.push_posting(balances, accumulator, amount);
        }
    }

    /// Posts, also nothing: [`LineWork::finish`] leaves that out.
    fn push_posting(&mut self, balances: &mut Balances, accumulator: AccumulatorId, amount: i64) {
        balances.post(accumulator, self.line.from, amount);
        self.postings.push(Posting {
            accumulator,
            amount,
        });
    }

    /// The line as decided: what is open is paid.
    #[must_use]
    pub fn finish(mut self) -> LineDetermination {
        self.postings.retain(|posting| posting.amount > 0);
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
