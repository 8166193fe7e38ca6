//! The contract with a policy, as the engine sees it: the records of
//! `tally-policy.wit`, one for one, with their canonical encodings.

use tally_types::{Carc, Group, Money, Rounding, ServiceDate, ShortCode};

/// Who shares an accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccumulatorScope {
    /// One member.
    Member,
    /// The whole contract.
    Family,
}

/// What an accumulator counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccumulatorUnit {
    /// Minor units of money.
    Money,
    /// Whole visits or services: never mixed up with money.
    Count,
}

/// When an accumulator begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccumulatorPeriod {
    /// On 1 January.
    CalendarYear,
    /// On the contract's anniversary.
    ContractYear,
    /// Never.
    Lifetime,
}

/// A limit for periods that begin on or after `effective`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedLimit {
    /// The first period start it is good for.
    pub effective: ServiceDate,
    /// Minor units, or a count.
    pub limit: i64,
}

/// A running total the engine keeps for a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accumulator {
    /// Its name, stable over versions of the product: balances carry over by it.
    pub name: String,
    /// Who shares it.
    pub scope: AccumulatorScope,
    /// What it counts.
    pub unit: AccumulatorUnit,
    /// When it begins again.
    pub period: AccumulatorPeriod,
    /// Its limits by date, in order; empty when it has none.
    pub limits: Vec<DatedLimit>,
    /// Products that name the same pool share the total; empty when it is this
    /// product's alone.
    pub pool: String,
    /// Whether the balance of the period before is given as well.
    pub carried: bool,
}

impl Accumulator {
    /// The limit in the period that begins on `period`; `None` when unlimited.
    #[must_use]
    pub fn limit_in(&self, period: ServiceDate) -> Option<i64> {
        self.limits
            .iter()
            .rev()
            .find(|dated| dated.effective <= period)
            .map(|dated| dated.limit)
    }
}

/// A clause of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// What an adjustment shows, for instance `4.2`.
    pub id: String,
    /// A few words.
    pub title: String,
    /// The text the insured agreed to.
    pub text: String,
}

/// Why a claim may wait, and what would resolve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendReason {
    /// A stable short name.
    pub id: String,
    /// Why.
    pub text: String,
    /// What would resolve it.
    pub resolution: String,
}

/// A pattern the policy may flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// A stable short name.
    pub id: String,
    /// A few words.
    pub title: String,
}

/// A step of cost sharing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostStep {
    /// An amount for each visit or service.
    Copay,
    /// What the member bears before the plan pays.
    Deductible,
    /// A share of what is left.
    Coinsurance,
}

/// What a policy says of itself; fixed when it is published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// The product's stable name.
    pub product: String,
    /// The product's title for people.
    pub title: String,
    /// The version of the policy, for people.
    pub version: String,
    /// The currency of every amount, ISO 4217.
    pub currency: String,
    /// The clauses.
    pub clauses: Vec<Clause>,
    /// The accumulators.
    pub accumulators: Vec<Accumulator>,
    /// The reference tables it looks things up in.
    pub tables: Vec<String>,
    /// The pend reasons.
    pub pend_reasons: Vec<PendReason>,
    /// The patterns.
    pub patterns: Vec<Pattern>,
    /// In which order what a member bears is taken, where there is one order.
    pub cost_share: Vec<CostStep>,
    /// How amounts are rounded.
    pub rounding: Rounding,
}

/// One adjustment as a policy states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Who bears it.
    pub group: Group,
    /// Why.
    pub carc: Carc,
    /// A remark, or none.
    pub rarc: ShortCode,
    /// How much.
    pub amount: Money,
    /// Position in [`Description::clauses`].
    pub clause: u16,
}

/// What a line adds to an accumulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Position in [`Description::accumulators`].
    pub accumulator: u16,
    /// Minor units, or a count; above zero.
    pub amount: i64,
}

/// What a policy decides of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineDetermination {
    /// The line's number.
    pub line: u16,
    /// Whether it is denied.
    pub denied: bool,
    /// The allowed amount.
    pub allowed: Money,
    /// What the plan pays.
    pub paid: Money,
    /// The clause that decided the line.
    pub clause: u16,
    /// Everything between charge and paid.
    pub adjustments: Vec<Adjustment>,
    /// What it adds to accumulators.
    pub postings: Vec<Posting>,
}

/// Evidence for a person; it never changes a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Position in [`Description::patterns`].
    pub pattern: u16,
    /// The line, or zero for the claim.
    pub line: u16,
    /// 0 to 1000.
    pub score: u16,
    /// The clause it rests on.
    pub clause: u16,
}

/// Why a claim waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pend {
    /// Position in [`Description::pend_reasons`].
    pub reason: u16,
    /// The line, or zero for the claim.
    pub line: u16,
    /// The clause it rests on.
    pub clause: u16,
}

/// Settled line by line, or waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every line of the context, in its order.
    Settled(Vec<LineDetermination>),
    /// The claim waits.
    Pended(Pend),
}

/// All that a policy answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Determination {
    /// Settled or waiting.
    pub verdict: Verdict,
    /// Evidence.
    pub findings: Vec<Finding>,
}

crate::canon_enum!(AccumulatorScope { Member = 1, Family = 2 });
crate::canon_enum!(AccumulatorUnit { Money = 1, Count = 2 });
crate::canon_enum!(AccumulatorPeriod { CalendarYear = 1, ContractYear = 2, Lifetime = 3 });
crate::canon_record!(DatedLimit { effective, limit });
crate::canon_record!(Accumulator {
    name,
    scope,
    unit,
    period,
    limits,
    pool,
    carried
});
crate::canon_enum!(CostStep { Copay = 1, Deductible = 2, Coinsurance = 3 });
crate::canon_enum!(Rounding { HalfUp = 1, HalfEven = 2 });
crate::canon_record!(Adjustment {
    group,
    carc,
    rarc,
    amount,
    clause
});
crate::canon_record!(Posting {
    accumulator,
    amount
});
crate::canon_record!(LineDetermination {
    line,
    denied,
    allowed,
    paid,
    clause,
    adjustments,
    postings
});
crate::canon_record!(Clause { id, title, text });
crate::canon_record!(PendReason {
    id,
    text,
    resolution
});
crate::canon_record!(Pattern { id, title });
crate::canon_record!(Description {
    product,
    title,
    version,
    currency,
    clauses,
    accumulators,
    tables,
    pend_reasons,
    patterns,
    cost_share,
    rounding,
});
