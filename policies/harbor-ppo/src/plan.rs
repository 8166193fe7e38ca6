//! What the plan keeps count of, and what it says of itself.

use tally_sdk::prelude::*;

use crate::clauses::clause;

/// The first day of the plan.
const Y2025: ServiceDate = date(2025, 1, 1);
/// The day its limits rose.
const Y2026: ServiceDate = date(2026, 1, 1);

accumulators! {
    /// Clause 5.2, the member's.
    IN_DEDUCTIBLE = "in-deductible", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("500.00")), (Y2026, amount("600.00"))];
    /// Clause 5.2, the family's.
    IN_DEDUCTIBLE_FAMILY = "in-deductible-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("1500.00")), (Y2026, amount("1800.00"))];
    /// Clause 5.4, the member's.
    IN_POCKET = "in-out-of-pocket", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("4000.00")), (Y2026, amount("4500.00"))];
    /// Clause 5.4, the family's.
    IN_POCKET_FAMILY = "in-out-of-pocket-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("8000.00")), (Y2026, amount("9000.00"))];
    /// Clause 5.3, the member's.
    OUT_DEDUCTIBLE = "out-deductible", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("1000.00")), (Y2026, amount("1200.00"))];
    /// Clause 5.3, the family's.
    OUT_DEDUCTIBLE_FAMILY = "out-deductible-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("3000.00")), (Y2026, amount("3600.00"))];
    /// Clause 5.5, the member's.
    OUT_POCKET = "out-out-of-pocket", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("8000.00")), (Y2026, amount("9000.00"))];
    /// Clause 5.5, the family's.
    OUT_POCKET_FAMILY = "out-out-of-pocket-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("16000.00")), (Y2026, amount("18000.00"))];
    /// Clause 4.3, in units.
    THERAPY = "therapy-units", Scope::Member, Unit::Count, Period::CalendarYear, &[(Y2025, 40)];
    /// Clause 4.4, in visits.
    CHIROPRACTIC = "chiropractic-visits", Scope::Member, Unit::Count, Period::CalendarYear,
        &[(Y2025, 12)];
    /// Clause 4.5, in allowed amounts.
    HEARING = "hearing-benefit", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("2500.00"))];
}

tables! {
    /// Which services there are, and their category.
    SERVICES = "services";
    /// Their fees.
    FEES = "fees";
    /// The providers.
    NETWORK = "network";
    /// What the member bears by category.
    BENEFITS = "benefits";
    /// What modifiers make of a fee.
    MODIFIERS = "modifiers";
    /// Preventive diagnoses.
    PREVENTIVE = "preventive";
}

pend_reasons! {
    /// Clause 4.2.
    AUTHORIZATION = "authorization",
        "The service needs an authorisation and none is on file.",
        "The provider asks for the authorisation, and the plan grants or refuses it.";
    /// Clause 2.5.
    RECORDS = "records",
        "The procedure is unlisted and has no price.",
        "The provider sends the records of the service, and a price is agreed.";
}

patterns! {
    /// Clause 7.1.
    HIGH_VISIT = "high-level-visit", "Highest office visit for screening or examination alone";
    /// Clause 7.2.
    WEEKEND = "weekend-office-surgery", "Planned surgery in an office on a weekend";
}

/// What the plan says of itself.
pub const PLAN: Plan = Plan {
    product: "harbor-ppo",
    title: "Harbor Family PPO",
    version: "2026.1",
    clauses: clause::ALL,
    accumulators: accumulator::ALL,
    tables: table::ALL,
    pend_reasons: pend::ALL,
    patterns: pattern::ALL,
    cost_share: &[CostStep::Copay, CostStep::Deductible, CostStep::Coinsurance],
    rounding: Rounding::HalfUp,
};

/// The pair of clause 5.2 and that of 5.4.
pub const IN_NETWORK: CostShare = CostShare {
    deductible: Some(Embedded {
        member: accumulator::IN_DEDUCTIBLE,
        family: Some(accumulator::IN_DEDUCTIBLE_FAMILY),
    }),
    out_of_pocket: Some(Embedded {
        member: accumulator::IN_POCKET,
        family: Some(accumulator::IN_POCKET_FAMILY),
    }),
};

/// The pair of clause 5.3 and that of 5.5.
pub const OUT_OF_NETWORK: CostShare = CostShare {
    deductible: Some(Embedded {
        member: accumulator::OUT_DEDUCTIBLE,
        family: Some(accumulator::OUT_DEDUCTIBLE_FAMILY),
    }),
    out_of_pocket: Some(Embedded {
        member: accumulator::OUT_POCKET,
        family: Some(accumulator::OUT_POCKET_FAMILY),
    }),
};
