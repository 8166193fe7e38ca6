//! A line after other payers: the payment, OA 23, and what is left of the
//! line's own adjustments.

use tally_types::{Carc, Group, Money, ShortCode};

use super::{Balances, LineWork};
use crate::claim::{Adjustment, Line, LineDetermination};
use crate::cob::{Coordination, Impact, Pocket, PriorPayer, Terms};
use crate::plan::Denial;

/// What coordination came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Coordinated {
    /// What the plan would have paid alone.
    pub benefit: Money,
    /// What it pays.
    pub paid: Money,
    /// What is left to the patient.
    pub patient: Money,
    /// What earlier payers did: OA 23.
    pub prior: Money,
}

/// CARC 22: another payer should have had it.
const OTHER_PAYER: Carc = Carc(22);

impl LineWork<'_> {
    /// Denies a line that other payers may have had before: what they did stays OA 23,
    /// and what they left is denied.
    #[must_use]
    pub fn deny_after(
        line: &Line,
        denial: Denial,
        prior: &[PriorPayer],
        balances: &mut Balances,
        how: &Coordination,
    ) -> LineDetermination {
        let mut work = LineWork::begin(line, denial.clause);
        work.refuse(balances, denial);
        work.coordinate(balances, prior, how);
        work.finish()
    }

    /// Takes what earlier payers paid off what is open, before cost sharing
    /// ([`crate::cob::Method::Maintenance`]). [`LineWork::coordinate`] must follow.
    pub fn set_aside(&mut self, prior: &[PriorPayer]) {
        let paid = Impact::of(self.line.charge, prior).paid;
        let aside = paid.lesser(self.open).less(self.aside);
        self.open = self.open.less(aside);
        self.aside = self.aside.checked_add(aside).unwrap_or(self.aside);
    }

    /// Coordinates with earlier payers, in their order. It comes after cost
    /// sharing and before reductions of the payment; once a line.
    ///
    /// The payment is that of `how`: never more than the line's own benefit,
    /// nor than what is unpaid of the highest allowed amount. What then remains
    /// of what the last payer left to the patient stays the patient's as far as
    /// the plan's own terms let the provider bill it; the rest the provider
    /// bears. Earlier payers' amounts absorb the line's own adjustments in their
    /// order, so that the last ones remain: a payment satisfies the deductible
    /// first (42 CFR 411.33 (f)).
    ///
    /// The allowed amount stays. Postings stay too, by the benefit as if there
    /// were no other payer, but for the plan's own payments
    /// ([`LineWork::limit_payment`]) and, where `how` says so, the out-of-pocket
    /// limit.
    ///
    /// Without earlier payers nothing changes.
    pub fn coordinate(
        &mut self,
        balances: &mut Balances,
        prior: &[PriorPayer],
        how: &Coordination,
    ) -> Coordinated {
        let charge = self.line.charge;
        let benefit = self.open;
        let own = total(&self.adjustments, |a| a.group == Group::Pr);
        if prior.is_empty() || self.coordinated {
            return Coordinated {
                benefit,
                paid: benefit,
                patient: own,
                prior: total(&self.adjustments, |a| a.carc == Carc::PRIOR_PAYERS),
            };
        }
        self.coordinated = true;
        let impact = Impact::of(charge, prior);
        let terms = Terms {
            benefit,
            allowed: self.allowed,
            shares: total(&self.adjustments, |a| {
                a.group == Group::Pr
                    && matches!(a.carc, Carc::DEDUCTIBLE | Carc::COINSURANCE | Carc::COPAY)
            }),
            charge,
        };
        let paid = how.payment(&terms, &impact);

        // What is left after earlier payers: the patient's part, or the payment
        // where that is more. Beyond the charge the payment is OA 94.
        let rest = charge.less(impact.paid);
        let kept = impact.left.greater(paid).lesser(rest);
        let excess = if paid.is_zero() {
            Money::ZERO
        } else {
            add(impact.paid, paid).less(charge)
        };
        let before = if excess.is_zero() {
            charge.less(kept)
        } else {
            impact.paid
        };
        // What the plan's own terms let the provider have, of which the patient
        // owes what nobody paid.
        let billable = add(add(benefit, own), self.aside);
        let remainder = kept.less(paid);
        let patient = billable.less(impact.paid).less(paid).lesser(remainder);
        self.rebuild(balances, before, excess, remainder, patient, how);

        let less = benefit.less(paid).scaled();
        for accumulator in core::mem::take(&mut self.paid_into) {
            self.take_back(balances, accumulator, less);
        }
        self.postings.retain(|posting| posting.amount > 0);
        self.pocket.clear();
        self.open = paid;
        self.aside = Money::ZERO;
        Coordinated {
            benefit,
            paid,
            patient: total(&self.adjustments, |a| a.group == Group::Pr),
            prior: before,
        }
    }

    /// Makes the adjustments anew: OA 23, OA 94 for an excess, and the last of
    /// the line's own as far as they remain.
    fn rebuild(
        &mut self,
        balances: &mut Balances,
        before: Money,
        excess: Money,
        remainder: Money,
        patient: Money,
        how: &Coordination,
    ) {
        let mut others = remainder.less(patient);
        let mut patients = patient;
        let mut own = core::mem::take(&mut self.adjustments);
        for at in (0..own.len()).rev() {
            let Some(adjustment) = own.get_mut(at) else {
                continue;
            };
            let left = if adjustment.group == Group::Pr {
                &mut patients
            } else {
                &mut others
            };
            let stays = adjustment.amount.greater(Money::ZERO).lesser(*left);
            adjustment.amount = stays;
            *left = left.less(stays);
        }
        if how.pocket == Pocket::AsBorne {
            self.count_as_borne(balances, &own);
        }
        let clause = how.clause;
        let mut push = |group, carc, amount: Money| {
            if !amount.is_zero() {
                let rarc = ShortCode::NONE;
                self.adjustments.push(Adjustment {
                    group,
                    carc,
                    rarc,
                    amount,
                    clause,
                });
            }
        };
        push(Group::Oa, Carc::PRIOR_PAYERS, before);
        let raised = Money::ZERO.checked_sub(excess).unwrap_or(Money::ZERO);
        push(Group::Oa, Carc::EXCESS_OF_CHARGES, raised);
        // What no adjustment of the line's own explains: what a cover that the
        // patient did not take would have paid.
        push(Group::Pr, OTHER_PAYER, add(patients, others));
        own.retain(|adjustment| !adjustment.amount.is_zero());
        self.adjustments.append(&mut own);
    }

    /// Counts toward out-of-pocket limits anew, by what the patient bears of the
    /// line's own `adjustments`: where that is credited only, as far as there is
    /// room once the line's former postings are taken back.
    fn count_as_borne(&mut self, balances: &mut Balances, adjustments: &[Adjustment]) {
        let on = self.line.from;
        let shares = core::mem::take(&mut self.pocket);
        for at in shares.iter().flat_map(|share| share.postings.clone()) {
            if let Some(posting) = self.postings.get_mut(at) {
                balances.take_back(posting.accumulator, on, posting.amount);
                posting.amount = 0;
            }
        }
        for share in shares {
            let borne = adjustments.get(share.adjustment);
            let borne = borne.map_or(Money::ZERO, |adjustment| adjustment.amount);
            let room = share
                .credited
                .and_then(|limits| limits.remaining(balances, on));
            let amount = room.map_or(borne, |room| borne.lesser(room)).scaled();
            for posting in self.postings.get_mut(share.postings).into_iter().flatten() {
                balances.post(posting.accumulator, on, amount);
                posting.amount = amount;
            }
        }
    }

    /// Takes back `amount` of what the line posted to an accumulator.
    fn take_back(
        &mut self,
        balances: &mut Balances,
        accumulator: crate::AccumulatorId,
        amount: i64,
    ) {
        let mut left = amount;
        for posting in self.postings.iter_mut().rev() {
            if posting.accumulator == accumulator {
                let less = left.min(posting.amount);
                posting.amount = posting.amount.saturating_sub(less);
                left = left.saturating_sub(less);
                balances.take_back(accumulator, self.line.from, less);
            }
        }
    }
}

fn total(adjustments: &[Adjustment], which: impl Fn(&Adjustment) -> bool) -> Money {
    let those = adjustments.iter().filter(|a| which(a));
    Money::checked_sum(those.map(|a| a.amount)).unwrap_or(Money::ZERO)
}

fn add(a: Money, b: Money) -> Money {
    a.checked_add(b).unwrap_or(a)
}
