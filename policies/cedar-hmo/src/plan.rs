//! What the plan keeps count of, and what it says of itself.

use tally_sdk::prelude::*;

use crate::clauses::clause;

/// The first day of the plan.
const Y2025: ServiceDate = date(2025, 1, 1);
/// The day its limits rose.
const Y2026: ServiceDate = date(2026, 1, 1);

/// The pool of all plans of the insurer, clause 5.5.
const LARCH: &str = "larch";

const fn pocket(
    name: &'static str,
    scope: Scope,
    limits: &'static [(ServiceDate, i64)],
) -> Accumulator {
    Accumulator {
        name,
        scope,
        unit: Unit::Money,
        period: Period::CalendarYear,
        limits,
        pool: LARCH,
        carried: false,
    }
}

/// The accumulators.
pub mod accumulator {
    use super::*;

    /// Clause 5.4, the member's.
    pub const POCKET: AccumulatorId = AccumulatorId(0);
    /// Clause 5.4, the family's.
    pub const POCKET_FAMILY: AccumulatorId = AccumulatorId(1);
    /// Clause 4.3, in units.
    pub const THERAPY: AccumulatorId = AccumulatorId(2);

    /// All of them, in order.
    pub const ALL: &[Accumulator] = &[
        pocket(
            "out-of-pocket",
            Scope::Member,
            &[(Y2025, amount("3000.00")), (Y2026, amount("3500.00"))],
        ),
        pocket(
            "out-of-pocket-family",
            Scope::Family,
            &[(Y2025, amount("6000.00")), (Y2026, amount("7000.00"))],
        ),
        Accumulator {
            name: "therapy-units",
            scope: Scope::Member,
            unit: Unit::Count,
            period: Period::CalendarYear,
            limits: &[(Y2025, 60)],
            pool: "",
            carried: false,
        },
    ];
}

tables! {
    /// Which services there are, and their category.
    SERVICES = "services";
    /// Professional fees.
    FEES = "fees";
    /// The network: who is in it, and as what.
    PROVIDERS = "providers";
    /// Copayments by category.
    BENEFITS = "benefits";
    /// Hospitals' rates.
    HOSPITALS = "hospitals";
    /// Daily prices of rooms.
    DIEMS = "diems";
    /// Diagnosis-related groups.
    GROUPS = "groups";
    /// Case rates of births.
    CASES = "cases";
    /// What an inquiry about eligibility is told; no claim is decided by it.
    ELIGIBILITY = "eligibility";
    /// Which limits types of service have, for the same.
    ELIGIBILITY_LIMITS = "eligibility-limits";
}

pend_reasons! {
    /// Clause 4.2.
    AUTHORIZATION = "authorization",
        "The stay needs an authorisation and none is on file.",
        "The hospital asks for the authorisation, and the plan grants or refuses it.";
    /// Clause 2.5.
    RECORDS = "records",
        "The service has no price.",
        "The provider sends the records of the service, and a price is agreed.";
    /// Clause 6.4.
    REFERRAL = "referral",
        "The claim names a referral, and none that is good for the visit is on file.",
        "The primary-care provider files the referral with the plan.";
    /// Clause 8.2.
    OTHER_PAYER = "other-payer",
        "What a payer before this plan decided is missing or does not add up.",
        "The provider sends that payer's remittance, or a claim that repeats it.";
}

/// What the plan says of itself.
pub const PLAN: Plan = Plan {
    product: "cedar-hmo",
    title: "Cedar HMO",
    version: "2026.1",
    clauses: clause::ALL,
    accumulators: accumulator::ALL,
    tables: table::ALL,
    pend_reasons: pend::ALL,
    patterns: &[],
    cost_share: &[CostStep::Copay],
    rounding: ROUNDING,
};

/// Clause 1.2.
pub const ROUNDING: Rounding = Rounding::HalfUp;

/// What a copayment counts toward, clause 5.4.
pub const TOWARD: CostShare = CostShare {
    deductible: None,
    out_of_pocket: Some(Embedded {
        member: accumulator::POCKET,
        family: Some(accumulator::POCKET_FAMILY),
    }),
};
