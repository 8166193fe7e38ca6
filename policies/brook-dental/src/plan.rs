//! What the plan keeps count of, and what it says of itself.

use tally_sdk::cob::{Coordination, Method, Pocket, Unpaid};
use tally_sdk::prelude::*;

use crate::clauses::clause;

/// The first day of the plan.
const Y2025: ServiceDate = date(2025, 1, 1);
/// The day its limits rose.
const Y2026: ServiceDate = date(2026, 1, 1);
/// When the one period of a lifetime begins, as the engine has it.
const LIFE: ServiceDate = date(1970, 1, 1);

accumulators! {
    /// Clause 5.2, the member's.
    DEDUCTIBLE = "deductible", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("50.00")), (Y2026, amount("60.00"))];
    /// Clause 5.2, the family's.
    DEDUCTIBLE_FAMILY = "deductible-family", Scope::Family, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("150.00")), (Y2026, amount("180.00"))];
    /// Clause 5.3, in payments.
    ANNUAL = "annual-maximum", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("1500.00")), (Y2026, amount("1600.00"))], carried;
    /// Clause 5.4, in payments beyond the year's own maximum.
    CARRIED = "carried-over", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(Y2025, amount("500.00"))];
    /// Clause 5.5, in payments.
    LIFETIME = "orthodontics", Scope::Member, Unit::Money, Period::Lifetime,
        &[(LIFE, amount("1500.00"))];
    /// Clause 4.1.
    EXAMINATIONS = "examinations", Scope::Member, Unit::Count, Period::CalendarYear, &[(Y2025, 2)];
    /// Clause 4.2.
    CLEANINGS = "cleanings", Scope::Member, Unit::Count, Period::CalendarYear, &[(Y2025, 2)];
    /// Clause 4.3.
    BITEWINGS = "bitewings", Scope::Member, Unit::Count, Period::CalendarYear, &[(Y2025, 1)];
    /// Clause 4.4.
    FLUORIDE = "fluoride", Scope::Member, Unit::Count, Period::CalendarYear, &[(Y2025, 1)];
}

tables! {
    /// Which services there are, their class, and what they must name.
    SERVICES = "services";
    /// Their fees.
    FEES = "fees";
    /// What the member bears by class.
    BENEFITS = "benefits";
    /// Limits in time and by age.
    LIMITS = "limits";
    /// What a service is allowed as.
    ALTERNATES = "alternates";
    /// The teeth.
    TEETH = "teeth";
    /// The dentists in network.
    NETWORK = "network";
    /// What is a preventive visit.
    VISITS = "visits";
    /// What an inquiry about eligibility is told; no claim is decided by it.
    ELIGIBILITY = "eligibility";
    /// Which limits types of service have, for the same.
    ELIGIBILITY_LIMITS = "eligibility-limits";
}

pend_reasons! {
    /// Clause 2.7.
    RECORDS = "records",
        "The procedure is unlisted and has no price.",
        "The dentist sends the records of the service, and a price is agreed.";
    /// Clause 4.10.
    TOOTH = "tooth-record",
        "An earlier service of the kind may have been on the same tooth or quadrant.",
        "The plan looks at the record of the tooth and authorises the service, or denies it.";
    /// Clause 7.3.
    EARLIER = "earlier-plan",
        "It is not known what the plan that pays first decided.",
        "The dentist sends the earlier plan's explanation of benefits.";
}

patterns! {
    /// Clause 8.1.
    FOUR_QUADRANTS = "four-quadrants", "Root planing of all four quadrants on one day";
}

/// What the plan says of itself.
pub const PLAN: Plan = Plan {
    product: "brook-dental",
    title: "Brook Dental",
    version: "2026.1",
    clauses: clause::ALL,
    accumulators: accumulator::ALL,
    tables: table::ALL,
    pend_reasons: pend::ALL,
    patterns: pattern::ALL,
    cost_share: &[CostStep::Deductible, CostStep::Coinsurance],
    rounding: Rounding::HalfUp,
};

/// The pair of clause 5.2.
pub const TOWARD: CostShare = CostShare {
    deductible: Some(Embedded {
        member: accumulator::DEDUCTIBLE,
        family: Some(accumulator::DEDUCTIBLE_FAMILY),
    }),
    out_of_pocket: None,
};

/// Clause 7.1. What the earlier contract wrote off stays written off.
pub const OTHERS: Coordination = Coordination {
    method: Method::NonDuplication,
    unpaid: Unpaid::Liability,
    pocket: Pocket::AsIfPrimary,
    clause: clause::NON_DUPLICATION,
};
