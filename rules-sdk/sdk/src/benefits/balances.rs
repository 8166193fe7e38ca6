//! Balances as the lines of a claim move them.

use alloc::vec::Vec;

use tally_types::ServiceDate;

use crate::claim::Claim;
use crate::plan::{AccumulatorId, Plan};

struct Slot {
    accumulator: AccumulatorId,
    period: ServiceDate,
    used: i64,
    limit: Option<i64>,
}

/// Balances as the lines of this claim move them.
pub struct Balances {
    slots: Vec<Slot>,
    /// What carries over, from which into which.
    carried: Vec<(AccumulatorId, AccumulatorId)>,
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
        Self {
            slots,
            carried: Vec::new(),
        }
    }

    /// The position of the slot of the period that `on` falls in: the latest that
    /// has begun.
    fn at(&self, accumulator: AccumulatorId, on: ServiceDate) -> Option<usize> {
        let mut best: Option<(usize, ServiceDate)> = None;
        for (at, slot) in self.slots.iter().enumerate() {
            let begun = slot.accumulator == accumulator && slot.period <= on;
            if begun && best.is_none_or(|(_, period)| period < slot.period) {
                best = Some((at, slot.period));
            }
        }
        best.map(|(at, _)| at)
    }

    fn slot(&self, accumulator: AccumulatorId, on: ServiceDate) -> Option<&Slot> {
        self.slots.get(self.at(accumulator, on)?)
    }

    /// What has accumulated in a slot, with what is carried over into it.
    fn with_carried(&self, slot: &Slot) -> i64 {
        let from = self
            .carried
            .iter()
            .find(|(_, into)| *into == slot.accumulator);
        let Some((from, _)) = from else {
            return slot.used;
        };
        let earlier = self
            .slots
            .iter()
            .filter(|other| other.accumulator == *from && other.period < slot.period)
            .max_by_key(|other| other.period)
            .map_or(0, |other| other.used);
        let room = slot.limit.map_or(earlier, |limit| {
            limit.saturating_sub(slot.used).min(earlier)
        });
        slot.used.saturating_add(room.max(0))
    }

    /// What is left before the limit; `None` when there is no limit.
    #[must_use]
    pub fn remaining(&self, accumulator: AccumulatorId, on: ServiceDate) -> Option<i64> {
        let slot = self.slot(accumulator, on)?;
        let limit = slot.limit?;
        Some(limit.saturating_sub(self.with_carried(slot)).max(0))
    }

    /// What has accumulated: cents, or a count. Zero for an accumulator that
    /// the claim came without.
    #[must_use]
    pub fn used(&self, accumulator: AccumulatorId, on: ServiceDate) -> i64 {
        self.slot(accumulator, on)
            .map_or(0, |slot| self.with_carried(slot))
    }

    pub(super) fn post(&mut self, accumulator: AccumulatorId, on: ServiceDate, amount: i64) {
        let at = self.at(accumulator, on);
        if let Some(slot) = at.and_then(|at| self.slots.get_mut(at)) {
            slot.used = slot.used.saturating_add(amount);
        }
    }

    /// Takes back what this claim posted.
    pub(super) fn take_back(&mut self, accumulator: AccumulatorId, on: ServiceDate, amount: i64) {
        self.post(accumulator, on, amount.saturating_neg());
    }

    /// Carries over: what accumulated in `from` during the period before one of
    /// `into` counts in `into` as if it had been borne in its period, up to its
    /// limit; what lines of this claim add to `from` as well. For deductibles of
    /// which the last three months also count toward the next year's: `from` is an
    /// accumulator of what those months added (see
    /// [`crate::accrual::in_last_quarter`]).
    ///
    /// It is a view of the balances: nothing is posted, so the engine's own total of
    /// `into` stays what members bore in its period. Say it before the first line;
    /// the claim must come with the balances of both periods.
    pub fn carry_over(&mut self, from: AccumulatorId, into: AccumulatorId) {
        self.carried.push((from, into));
    }
}
