//! What cost sharing counts toward, and in which forms: embedded and aggregate
//! limits of a family, network tiers that credit each other, what is borne once
//! an event or by the day, and what the last quarter carries over.

use alloc::vec::Vec;

use tally_types::{Code, Group, Money, ServiceDate};

use crate::benefits::Balances;
use crate::plan::AccumulatorId;

/// An embedded pair: the member's own accumulator and the family's. When
/// either is full, it is full for this member. A limit that the family alone
/// has, or each member alone, is one of `member` without a `family`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Embedded {
    /// The member's.
    pub member: AccumulatorId,
    /// The family's, if there is one.
    pub family: Option<AccumulatorId>,
}

impl Embedded {
    /// A limit of one accumulator.
    #[must_use]
    pub const fn alone(accumulator: AccumulatorId) -> Self {
        Self {
            member: accumulator,
            family: None,
        }
    }

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

    /// Its accumulators.
    pub(crate) fn accumulators(self) -> impl Iterator<Item = AccumulatorId> {
        [Some(self.member), self.family].into_iter().flatten()
    }
}

/// What a share counts toward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// What a share counts toward, with everything: where it stops, and where it is
/// credited beside. An accumulator that is named twice is counted once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accrual {
    /// The deductible it counts toward and stops at.
    pub deductible: Option<Embedded>,
    /// The out-of-pocket limit it counts toward and stops at.
    pub out_of_pocket: Option<Embedded>,
    /// Another tier's deductible that it is credited to, as much as there is
    /// room for: it does not stop there.
    pub credit_deductible: Option<Embedded>,
    /// Another tier's out-of-pocket limit that it is credited to, likewise.
    pub credit_out_of_pocket: Option<Embedded>,
    /// An accumulator that counts beside, likewise: the deductible borne in the
    /// last quarter.
    pub also: Option<AccumulatorId>,
}

impl Accrual {
    /// Toward nothing.
    pub const NONE: Self = Self::of(CostShare::NONE);

    /// Where it stops, without credits.
    #[must_use]
    pub const fn of(share: CostShare) -> Self {
        Self {
            deductible: share.deductible,
            out_of_pocket: share.out_of_pocket,
            credit_deductible: None,
            credit_out_of_pocket: None,
            also: None,
        }
    }

    /// The same, credited to another tier too: amounts in network that also
    /// count out of it, for instance. Members and family are credited alike, by
    /// what there is room for in both.
    #[must_use]
    pub const fn crediting(mut self, other: CostShare) -> Self {
        self.credit_deductible = other.deductible;
        self.credit_out_of_pocket = other.out_of_pocket;
        self
    }

    /// The same, counted in one more accumulator.
    #[must_use]
    pub const fn also(mut self, accumulator: AccumulatorId) -> Self {
        self.also = Some(accumulator);
        self
    }
}

impl From<CostShare> for Accrual {
    fn from(share: CostShare) -> Self {
        Self::of(share)
    }
}

/// Whom a contract covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CoverageTier {
    /// The subscriber alone.
    SelfOnly,
    /// The subscriber and others.
    Family,
}

/// An aggregate limit: in family cover the family's total alone counts, and no
/// member has a limit of their own; one who is covered alone has theirs. Health
/// plans with a high deductible are made so, since no benefit may be paid in
/// family cover before the least family deductible is met (26 U.S.C. 223
/// (c)(2)(A)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aggregate {
    /// The accumulator of one who is covered alone.
    pub alone: AccumulatorId,
    /// The family's.
    pub family: AccumulatorId,
    /// The most that one member bears within a family, where there is such a
    /// cap: an accumulator with its own limit (for out-of-pocket limits: 45 CFR
    /// 156.130 (a), as read since 2016).
    pub cap: Option<AccumulatorId>,
}

impl Aggregate {
    /// Where a share stops.
    #[must_use]
    pub const fn stops(self, tier: CoverageTier) -> Embedded {
        match (tier, self.cap) {
            (CoverageTier::SelfOnly, _) => Embedded::alone(self.alone),
            (CoverageTier::Family, None) => Embedded::alone(self.family),
            (CoverageTier::Family, Some(cap)) => Embedded {
                member: cap,
                family: Some(self.family),
            },
        }
    }

    /// The limit of the other tier, for plans that credit it when the tier
    /// changes within a year: a deductible borne before the wedding counts
    /// after it.
    #[must_use]
    pub const fn other(self, tier: CoverageTier) -> Embedded {
        match tier {
            CoverageTier::SelfOnly => Embedded::alone(self.family),
            CoverageTier::Family => Embedded::alone(self.alone),
        }
    }
}

/// Whether the provider is in the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Network {
    /// In network.
    In,
    /// Out of network.
    Out,
}

impl Network {
    /// The tier whose cost sharing applies: emergency services are shared as in
    /// network wherever they are given, and what the patient bears counts there
    /// (45 CFR 149.110 (b)(3)).
    #[must_use]
    pub const fn shared_as(self, emergency: bool) -> Self {
        if emergency { Self::In } else { self }
    }

    /// Who bears what is charged above the allowed amount: the provider in
    /// network by contract, and in an emergency by law (45 CFR 149.410);
    /// otherwise the patient.
    #[must_use]
    pub const fn excess(self, emergency: bool) -> Group {
        match self.shared_as(emergency) {
            Self::In => Group::Co,
            Self::Out => Group::Pr,
        }
    }
}

/// Whether a day is in the last three months of the period of a year that began
/// on `period`: what a member bears of the deductible then may carry over into
/// the next ([`Balances::carry_over`]).
#[must_use]
pub fn in_last_quarter(period: ServiceDate, on: ServiceDate) -> bool {
    let quarter = period.plus_months(9);
    let end = period.plus_months(12);
    quarter.is_some_and(|quarter| on >= quarter) && end.is_none_or(|end| on < end)
}

/// Copayments that are borne once an event: an admission, an episode, a day.
/// The lines of an event share one copayment: a line that is worth less leaves
/// the rest of it to the next.
///
/// It knows this claim's lines. Whether an earlier claim was of the same event
/// is a question for [`crate::history`]; [`begins_episode`] reads the answer,
/// which [`crate::history::as_date`] makes a day.
#[derive(Default)]
pub struct Events {
    borne: Vec<(Code, ServiceDate, Money)>,
}

impl Events {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is left of the copayment of an event, which is named by a code and
    /// a day: the facility and the day of admission, for instance.
    #[must_use]
    pub fn left(&self, event: Code, on: ServiceDate, copay: Money) -> Money {
        let borne = self
            .borne
            .iter()
            .find(|(code, day, _)| *code == event && *day == on);
        copay.less(borne.map_or(Money::ZERO, |(_, _, amount)| *amount))
    }

    /// Notes what was borne of it.
    pub fn bear(&mut self, event: Code, on: ServiceDate, amount: Money) {
        let known = self
            .borne
            .iter_mut()
            .find(|(code, day, _)| *code == event && *day == on);
        match known {
            Some((_, _, borne)) => *borne = borne.checked_add(amount).unwrap_or(*borne),
            None => self.borne.push((event, on, amount)),
        }
    }
}

/// Whether a service on `on` begins an episode: none of its kind came before
/// it, or the last one more than `gap` days ago. Medicare's benefit period ends
/// after 60 consecutive days without inpatient care (42 CFR 409.60 (b)).
#[must_use]
pub fn begins_episode(last: Option<ServiceDate>, on: ServiceDate, gap: i32) -> bool {
    last.is_none_or(|last| on.days_since(last) > gap)
}
