//! What the plan keeps count of, and what it says of itself.

use tally_sdk::prelude::*;

use crate::clauses::clause;

accumulators! {
    /// Clause 5.1.
    DEDUCTIBLE = "deductible", Scope::Member, Unit::Money, Period::CalendarYear,
        &[(date(2025, 1, 1), amount("257.00")), (date(2026, 1, 1), amount("283.00"))];
}

tables! {
    /// The fee schedule.
    FEES = "fees";
    /// The plan's rates.
    RATES = "rates";
    /// What modifiers make of a fee.
    MODIFIERS = "modifiers";
    /// The suppliers.
    NETWORK = "network";
    /// The most units.
    UNITS = "units";
    /// Services not paid together.
    PAIRS = "pairs";
    /// Modifiers of services that were separate.
    SEPARATE = "separate";
    /// Providers who are excluded.
    EXCLUSIONS = "exclusions";
    /// Diagnoses that may not be billed.
    DIAGNOSES = "diagnoses";
    /// Days between preventive services.
    FREQUENCY = "frequency";
    /// Whether assistants and co-surgeons are paid.
    SURGEONS = "surgeons";
    /// Relative values.
    VALUES = "values";
    /// The localities' indices.
    LOCALITIES = "localities";
    /// The conversion factor.
    CONVERSION = "conversion";
    /// What an inquiry about eligibility is told; no claim is decided by it.
    ELIGIBILITY = "eligibility";
}

pend_reasons! {
    /// Clause 2.5.
    SUPPLIER = "supplier",
        "The supplier is not in the directory on the date of service.",
        "The supplier enrols with the plan, or names an enrolled one.";
    /// Clause 2.6.
    REPORT = "report",
        "The service is priced by report.",
        "The supplier sends the documentation, and a price is set.";
    /// Clause 2.8.
    EXCLUSION = "exclusion",
        "A provider is excluded, with a waiver that holds in one state alone.",
        "The plan finds whether the waiver is of the state of the service.";
    /// Clause 4.7.
    DOCUMENTS = "documents",
        "An assistant or a second surgeon is paid when documents show the need.",
        "The supplier sends the operative report, and the plan decides.";
    /// Clause 7.3.
    OTHER_PAYER = "other-payer",
        "What a payer before this plan decided is missing or does not add up.",
        "The supplier sends that payer's remittance, or a claim that repeats it.";
    /// Clause 7.5.
    ACCIDENT = "accident",
        "The care is for an accident that another insurer may be responsible for.",
        "The supplier sends that insurer's decision, or shows that there is none to be had.";
}

patterns! {
    /// Clause 6.1.
    SEPARATED = "separated-pair", "A pair kept apart by a modifier";
    /// Clause 6.2.
    HIGH_VISIT = "high-level-visit", "Highest office visit for screening or laboratory findings";
}

/// What the plan says of itself.
pub const PLAN: Plan = Plan {
    product: "meridian-b",
    title: "Meridian B",
    version: "2026.1",
    clauses: clause::ALL,
    accumulators: accumulator::ALL,
    tables: table::ALL,
    pend_reasons: pend::ALL,
    patterns: pattern::ALL,
    cost_share: &[CostStep::Deductible, CostStep::Coinsurance],
    rounding: Rounding::HalfUp,
};

/// Toward the deductible.
pub const DEDUCTIBLE: CostShare = CostShare {
    deductible: Some(Embedded {
        member: accumulator::DEDUCTIBLE,
        family: None,
    }),
    out_of_pocket: None,
};
