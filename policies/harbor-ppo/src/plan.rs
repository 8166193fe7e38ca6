//! What the plan keeps count of, and what it says of itself.

use tally_sdk::prelude::*;

use crate::clauses::clause;

/// The first day of the plan.
const Y2025: ServiceDate = date(2025, 1, 1);
/// The day its limits rose.
const Y2026: ServiceDate = date(2026, 1, 1);
/// The day from which the last quarter is carried over, clause 5.6.
const CARRIED_FROM: ServiceDate = date(2026, 10, 1);

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
    /// Clause 5.6, the member's.
    LAST_QUARTER = "in-deductible-last-quarter", Scope::Member, Unit::Money,
        Period::CalendarYear, &[], carried;
    /// Clause 5.6, the family's.
    LAST_QUARTER_FAMILY = "in-deductible-last-quarter-family", Scope::Family, Unit::Money,
        Period::CalendarYear, &[], carried;
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
    /// What an inquiry about eligibility is told; no claim is decided by it.
    ELIGIBILITY = "eligibility";
    /// Which limits types of service have, for the same.
    ELIGIBILITY_LIMITS = "eligibility-limits";
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
    /// Clause 8.2.
    OTHER_PAYER = "other-payer",
        "What a payer before this plan decided is missing or does not add up.",
        "The provider sends that payer's remittance, or a claim that repeats it.";
    /// Clause 8.5.
    ACCIDENT = "accident",
        "The care is for an accident with a vehicle.",
        "The member or the provider says which insurer of the vehicle pays first, or that none does.";
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

/// Clause 5.6: whether what is borne on a day is carried over.
pub fn is_carried(on: ServiceDate) -> bool {
    on >= CARRIED_FROM && accrual::in_last_quarter(on.year_start(), on)
}

/// The balances of a claim, with what the last quarter carried over.
pub fn balances(claim: &Claim) -> Balances {
    let mut balances = Balances::of(claim, &PLAN);
    balances.carry_over(accumulator::LAST_QUARTER, accumulator::IN_DEDUCTIBLE);
    balances.carry_over(
        accumulator::LAST_QUARTER_FAMILY,
        accumulator::IN_DEDUCTIBLE_FAMILY,
    );
    balances
}
