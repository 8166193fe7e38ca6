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

    /// What has accumulated: cents, or a count. Zero for an accumulator that
    /// the claim came without.
    #[must_use]
    pub fn used(&mut self, accumulator: AccumulatorId, on: ServiceDate) -> i64 {
        self.slot(accumulator, on).map_or(0, |slot| slot.used)
    }

    pub(super) fn post(&mut self, accumulator: AccumulatorId, on: ServiceDate, amount: i64) {
        if let Some(slot) = self.slot(accumulator, on) {
            slot.used = slot.used.saturating_add(amount);
        }
    }

    /// Takes back what this claim posted.
    pub(super) fn take_back(&mut self, accumulator: AccumulatorId, on: ServiceDate, amount: i64) {
        if let Some(slot) = self.slot(accumulator, on) {
            slot.used = slot.used.saturating_sub(amount);
        }
    }

    /// Carries over: what accumulated in `from` during the period before one of
    /// `into` counts in `into` as if it had been borne in its period, up to its
    /// limit. For deductibles of which the last three months also count toward
    /// the next year's: `from` is an accumulator of what those months added
    /// (see [`crate::accrual::in_last_quarter`]).
    ///
    /// It is a view of this claim's balances: nothing is posted, so the engine's
    /// own total of `into` stays what members bore in its period. Do it once,
    /// before the first line; the claim must come with the balances of both
    /// periods.
    pub fn carry_over(&mut self, from: AccumulatorId, into: AccumulatorId) {
        let Self { slots } = self;
        for i in 0..slots.len() {
            let Some(period) = slots
                .get(i)
                .filter(|slot| slot.accumulator == into)
                .map(|slot| slot.period)
            else {
                continue;
            };
            let earlier = slots
                .iter()
                .filter(|slot| slot.accumulator == from && slot.period < period)
                .max_by_key(|slot| slot.period)
                .map_or(0, |slot| slot.used);
            if let Some(slot) = slots.get_mut(i) {
                let room = slot.limit.map_or(earlier, |limit| {
                    earlier.min(limit.saturating_sub(slot.used)).max(0)
                });
                slot.used = slot.used.saturating_add(room);
            }
        }
    }
}
