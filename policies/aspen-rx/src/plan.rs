//! What the plan keeps count of, and what it says of itself.

use tally_sdk::cob::{Coordination, Method, Pocket, Unpaid};
use tally_sdk::prelude::*;

use crate::clauses::clause;

/// The first day of the plan.
const Y2025: ServiceDate = date(2025, 1, 1);
/// The day its limits rose.
const Y2026: ServiceDate = date(2026, 1, 1);

accumulators! {
    /// Clause 5.2, the member's.
    DEDUCTIBLE = "deductible", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("200.00")), (Y2026, amount("250.00"))];
    /// Clause 5.2, the family's.
    DEDUCTIBLE_FAMILY = "deductible-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("400.00")), (Y2026, amount("500.00"))];
    /// Clause 5.3, the member's.
    POCKET = "out-of-pocket", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("2000.00")), (Y2026, amount("2100.00"))];
    /// Clause 5.3, the family's.
    POCKET_FAMILY = "out-of-pocket-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("4000.00")), (Y2026, amount("4200.00"))];
}

tables! {
    /// Which drugs there are: tier, how long they last, authorisation.
    FORMULARY = "formulary";
    /// Their prices, and those of their generics.
    PRICES = "prices";
    /// What the member bears by tier.
    SHARES = "shares";
    /// The pharmacies and clinics.
    NETWORK = "network";
    /// Which drugs come before others.
    STEPS = "steps";
    /// Quantity limits.
    QUANTITIES = "quantities";
    /// What an inquiry about eligibility is told; no claim is decided by it.
    ELIGIBILITY = "eligibility";
}

pend_reasons! {
    /// Clause 7.2.
    EARLIER = "earlier-plan",
        "It is not known what the plan that pays first decided.",
        "The pharmacy sends what the earlier plan paid and left to the member.";
}

patterns! {
    /// Clause 8.1.
    SEVERAL = "several-pharmacies", "A watched drug from several pharmacies within 30 days";
}

/// What the plan says of itself.
pub const PLAN: Plan = Plan {
    product: "aspen-rx",
    title: "Aspen Rx",
    version: "2026.1",
    clauses: clause::ALL,
    accumulators: accumulator::ALL,
    tables: table::ALL,
    pend_reasons: pend::ALL,
    patterns: pattern::ALL,
    cost_share: &[CostStep::Deductible, CostStep::Copay, CostStep::Coinsurance],
    rounding: Rounding::HalfUp,
};

/// The pairs of clauses 5.2 and 5.3.
pub const TOWARD: CostShare = CostShare {
    deductible: Some(Embedded {
        member: accumulator::DEDUCTIBLE,
        family: Some(accumulator::DEDUCTIBLE_FAMILY),
    }),
    out_of_pocket: Some(Embedded {
        member: accumulator::POCKET,
        family: Some(accumulator::POCKET_FAMILY),
    }),
};

/// The pair of clause 5.3 alone.
pub const ONLY_POCKET: CostShare = CostShare {
    deductible: None,
    ..TOWARD
};

/// Clause 7.1.
pub const OTHERS: Coordination = Coordination {
    method: Method::Standard,
    unpaid: Unpaid::Liability,
    pocket: Pocket::AsBorne,
    clause: clause::OTHERS,
};
