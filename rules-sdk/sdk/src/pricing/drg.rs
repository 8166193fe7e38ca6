//! Inpatient prices by diagnosis-related group, in the form of Medicare's
//! prospective payment (42 CFR 412). Every number is a table's.

use tally_types::{Money, Quantity, Rate, Rounding};

use crate::reference::Row;

/// A group at a hospital's rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drg {
    /// The group's relative weight: `1.4523`.
    pub weight: Rate,
    /// The hospital's rate for a weight of one ([`base_rate`]).
    pub base: Money,
    /// The group's geometric mean length of stay, in days and parts of days.
    pub mean_stay: Quantity,
}

/// How a transfer is paid (42 CFR 412.4 (f)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transfer {
    /// Twice the per diem for the first day and the per diem for each other.
    PerDiem,
    /// Groups with special payment: half of the full amount, and half of what
    /// the per diem comes to.
    Special,
}

/// A hospital's rate: the labour share at its wage index and the rest at its
/// cost-of-living factor, rounded once. `None` when it cannot be held.
#[must_use]
pub const fn base_rate(
    labour: Money,
    wage_index: Rate,
    other: Money,
    cost_of_living: Rate,
    rounding: Rounding,
) -> Option<Money> {
    Money::weighted(&[(labour, wage_index), (other, cost_of_living)], rounding)
}

/// What a stay cost: its covered charges at the hospital's cost-to-charge ratio,
/// rounded once (42 CFR 412.84 (g)). `None` when it cannot be held.
#[must_use]
pub const fn cost(charges: Money, ratio: Rate, rounding: Rounding) -> Option<Money> {
    charges.share(ratio, rounding)
}

/// What an outlier is paid beside: of the cost above the threshold the marginal
/// factor (80 %, for burns 90 %), rounded once (42 CFR 412.84 (k)). Zero at or
/// below it. The threshold is what the stay is paid and the fixed loss together
/// (42 CFR 412.80 (a)(3)); of a transfer it is [`Drg::prorated`].
#[must_use]
pub const fn outlier(
    cost: Money,
    threshold: Money,
    factor: Rate,
    rounding: Rounding,
) -> Option<Money> {
    cost.less(threshold).share(factor, rounding)
}

impl Drg {
    /// From a table row of two rates, the weight and the mean stay in days, and
    /// the hospital's rate.
    #[must_use]
    pub fn of(row: &Row, base: Money) -> Self {
        Self {
            weight: row.rate(0),
            base,
            mean_stay: row.quantity(1),
        }
    }

    /// The full amount: weight × rate, rounded once. `None` when it cannot be
    /// held.
    #[must_use]
    pub const fn payment(&self, rounding: Rounding) -> Option<Money> {
        self.base.share(self.weight, rounding)
    }

    /// One day's part of the full amount: divided by the mean stay, rounded once.
    #[must_use]
    pub const fn per_diem(&self, rounding: Rounding) -> Option<Money> {
        match self.payment(rounding) {
            Some(full) => full.proportion(10_000, self.mean_stay.scaled(), rounding),
            None => None,
        }
    }

    /// What a hospital is paid that transfers the patient after `days`, at most
    /// the full amount. The first day counts twice: full × (days + 1) / mean
    /// stay, rounded once from the full amount, not from a rounded per diem.
    /// `None` when the mean stay is not above zero, or it cannot be held.
    #[must_use]
    pub fn transfer(&self, days: u32, how: Transfer, rounding: Rounding) -> Option<Money> {
        let full = self.payment(rounding)?;
        let counted = (i64::from(days) + 1).checked_mul(10_000)?;
        let stay = self.mean_stay.scaled();
        let amount = match how {
            Transfer::PerDiem => full.proportion(counted, stay, rounding)?,
            Transfer::Special => {
                full.proportion(counted.checked_add(stay)?, stay.checked_mul(2)?, rounding)?
            }
        };
        Some(amount.lesser(full))
    }

    /// A threshold of a stay that ended in a transfer: threshold × (days + 1) /
    /// mean stay, at most the threshold (42 CFR 412.80 (b)).
    #[must_use]
    pub fn prorated(&self, threshold: Money, days: u32, rounding: Rounding) -> Option<Money> {
        let counted = (i64::from(days) + 1).checked_mul(10_000)?;
        let part = threshold.proportion(counted, self.mean_stay.scaled(), rounding)?;
        Some(part.lesser(threshold))
    }
}
