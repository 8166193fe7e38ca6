//! What the plan keeps count of, and what it says of itself.

use tally_sdk::prelude::*;

use crate::clauses::clause;

/// The first day of the plan.
const Y2025: ServiceDate = date(2025, 1, 1);
/// The day its deductibles and limits rose.
const Y2026: ServiceDate = date(2026, 1, 1);

/// The pool of the insurer's plans with a high deductible, clause 5.8.
const HIGH_DEDUCTIBLE: &str = "larch-high-deductible";
/// The pool of all of the insurer's plans.
const LARCH: &str = "larch";

const fn dollars(
    name: &'static str,
    scope: Scope,
    limits: &'static [(ServiceDate, i64)],
    pool: &'static str,
) -> Accumulator {
    Accumulator {
        name,
        scope,
        unit: Unit::Money,
        period: Period::CalendarYear,
        limits,
        pool,
        carried: false,
    }
}

// The least deductibles of such a plan: Rev. Proc. 2024-25 for 2025, Rev. Proc.
// 2025-19 for 2026. Out of network each member's own is not below the family's
// least one, so that it may be embedded (26 U.S.C. 223 (c)(2)(A)).
/// The accumulators.
pub mod accumulator {
    use super::*;

    /// Clause 5.2, of one who is covered alone.
    pub const DEDUCTIBLE: AccumulatorId = AccumulatorId(0);
    /// Clause 5.2, the family's.
    pub const DEDUCTIBLE_FAMILY: AccumulatorId = AccumulatorId(1);
    /// Clause 5.5, a member's.
    pub const POCKET: AccumulatorId = AccumulatorId(2);
    /// Clause 5.5, the family's.
    pub const POCKET_FAMILY: AccumulatorId = AccumulatorId(3);
    /// Clause 5.4, the member's.
    pub const OUT_DEDUCTIBLE: AccumulatorId = AccumulatorId(4);
    /// Clause 5.4, the family's.
    pub const OUT_DEDUCTIBLE_FAMILY: AccumulatorId = AccumulatorId(5);
    /// Clause 5.6, the member's.
    pub const OUT_POCKET: AccumulatorId = AccumulatorId(6);
    /// Clause 5.6, the family's.
    pub const OUT_POCKET_FAMILY: AccumulatorId = AccumulatorId(7);
    /// Clause 4.3, in units.
    pub const THERAPY: AccumulatorId = AccumulatorId(8);

    /// All of them, in order.
    pub const ALL: &[Accumulator] = &[
        dollars(
            "deductible",
            Scope::Member,
            &[(Y2025, amount("1650.00")), (Y2026, amount("1700.00"))],
            HIGH_DEDUCTIBLE,
        ),
        dollars(
            "deductible-family",
            Scope::Family,
            &[(Y2025, amount("3300.00")), (Y2026, amount("3400.00"))],
            HIGH_DEDUCTIBLE,
        ),
        dollars(
            "out-of-pocket",
            Scope::Member,
            &[(Y2025, amount("4800.00")), (Y2026, amount("5000.00"))],
            LARCH,
        ),
        dollars(
            "out-of-pocket-family",
            Scope::Family,
            &[(Y2025, amount("9600.00")), (Y2026, amount("10000.00"))],
            LARCH,
        ),
        dollars(
            "out-deductible",
            Scope::Member,
            &[(Y2025, amount("3300.00")), (Y2026, amount("3400.00"))],
            HIGH_DEDUCTIBLE,
        ),
        dollars(
            "out-deductible-family",
            Scope::Family,
            &[(Y2025, amount("6600.00")), (Y2026, amount("6800.00"))],
            HIGH_DEDUCTIBLE,
        ),
        dollars(
            "out-out-of-pocket",
            Scope::Member,
            &[(Y2025, amount("9600.00")), (Y2026, amount("10000.00"))],
            HIGH_DEDUCTIBLE,
        ),
        dollars(
            "out-out-of-pocket-family",
            Scope::Family,
            &[(Y2025, amount("19200.00")), (Y2026, amount("20000.00"))],
            HIGH_DEDUCTIBLE,
        ),
        Accumulator {
            unit: Unit::Count,
            ..dollars("therapy-units", Scope::Member, &[(Y2025, 30)], "")
        },
    ];
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
    /// What is preventive beside which diagnosis.
    PREVENTIVE = "preventive";
    /// What an inquiry about eligibility is told; no claim is decided by it.
    ELIGIBILITY = "eligibility";
}

pend_reasons! {
    /// Clause 4.2.
    AUTHORIZATION = "authorization",
        "The stay needs an authorisation and none is on file.",
        "The hospital asks for the authorisation, and the plan grants or refuses it.";
    /// Clause 2.5.
    RECORDS = "records",
        "The procedure is unlisted and has no price.",
        "The provider sends the records of the service, and a price is agreed.";
    /// Clause 7.2.
    OTHER_PAYER = "other-payer",
        "What a payer before this plan decided is missing or does not add up.",
        "The provider sends that payer's remittance, or a claim that repeats it.";
    /// Clause 7.5.
    ACCIDENT = "accident",
        "The care is for an accident with a vehicle.",
        "The member or the provider says which insurer of the vehicle pays first, or that none does.";
}

/// What the plan says of itself.
pub const PLAN: Plan = Plan {
    product: "summit-hdhp",
    title: "Summit High Deductible",
    version: "2026.1",
    clauses: clause::ALL,
    accumulators: accumulator::ALL,
    tables: table::ALL,
    pend_reasons: pend::ALL,
    patterns: &[],
    cost_share: &[CostStep::Deductible, CostStep::Coinsurance],
    rounding: ROUNDING,
};

/// Clause 1.2.
pub const ROUNDING: Rounding = Rounding::HalfEven;

/// Clause 5.2.
const DEDUCTIBLE: Aggregate = Aggregate {
    alone: accumulator::DEDUCTIBLE,
    family: accumulator::DEDUCTIBLE_FAMILY,
    cap: None,
};

/// Clause 5.5: the cap of a member within a family is the limit of one alone.
const POCKET: Embedded = Embedded {
    member: accumulator::POCKET,
    family: Some(accumulator::POCKET_FAMILY),
};

/// Clauses 5.4 and 5.6.
const OUT_OF_NETWORK: CostShare = CostShare {
    deductible: Some(Embedded {
        member: accumulator::OUT_DEDUCTIBLE,
        family: Some(accumulator::OUT_DEDUCTIBLE_FAMILY),
    }),
    out_of_pocket: Some(Embedded {
        member: accumulator::OUT_POCKET,
        family: Some(accumulator::OUT_POCKET_FAMILY),
    }),
};

/// What the deductible counts toward: in network, credited out of it (5.7) and
/// to the other tier (5.3).
pub fn deductible_toward(network: Network, tier: CoverageTier) -> Accrual {
    match network {
        Network::Out => Accrual::of(OUT_OF_NETWORK),
        Network::In => Accrual::of(CostShare {
            deductible: Some(DEDUCTIBLE.stops(tier)),
            out_of_pocket: Some(POCKET),
        })
        .crediting(OUT_OF_NETWORK)
        .also(DEDUCTIBLE.other(tier).member),
    }
}

/// What coinsurance counts toward.
pub fn coinsurance_toward(network: Network) -> Accrual {
    let limits = |out_of_pocket| CostShare {
        deductible: None,
        out_of_pocket,
    };
    match network {
        Network::Out => Accrual::of(limits(OUT_OF_NETWORK.out_of_pocket)),
        Network::In => {
            Accrual::of(limits(Some(POCKET))).crediting(limits(OUT_OF_NETWORK.out_of_pocket))
        }
    }
}
