//! What a member has and what is left of it: one model behind the X12 271 and the
//! FHIR `CoverageEligibilityResponse`, so that both say the same.

use tally_types::{Money, Rate, ShortCode};

/// What a product gives a member. The caller has it from the policy in force on the
/// day asked about and the unit's balances.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Benefits {
    /// The product's name, for people.
    pub plan: String,
    /// Deductibles and maxima, and what is used of them.
    pub balances: Vec<BenefitBalance>,
    /// Types of service with terms of their own. Others are answered as the plan.
    pub services: Vec<ServiceBenefit>,
    /// Limits of types of service.
    pub limits: Vec<ServiceLimit>,
}

impl Benefits {
    /// The types of service of which something is said.
    pub fn told(&self) -> impl Iterator<Item = ShortCode> + '_ {
        let limits = self.limits.iter().map(|of| of.service);
        self.services.iter().map(|of| of.service).chain(limits)
    }

    /// Whether something is said of a type of service.
    #[must_use]
    pub fn tells_of(&self, service: ShortCode) -> bool {
        self.told().any(|of| of == service)
    }
}

/// The most that is given of a type of service, which others may share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLimit {
    /// Of which (X12 list 1365).
    pub service: ShortCode,
    /// What a count counts.
    pub per: CopayPer,
    /// The limit, and what is used of it.
    pub balance: BenefitBalance,
}

/// What a balance is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceKind {
    /// The deductible.
    Deductible,
    /// The limit of what a member bears.
    OutOfPocket,
    /// The most that the plan pays, or the most visits or services.
    Maximum,
}

/// By whom services are to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BenefitNetwork {
    /// Within the network.
    In,
    /// Outside it.
    Out,
    /// It does not matter.
    Any,
}

impl BenefitNetwork {
    /// The side that an accumulator is of by its name, and the rest of the name:
    /// policies put `in-` or `out-` before it (`in-deductible`), and `out-of-pocket` is
    /// of neither.
    #[must_use]
    pub fn of_accumulator(name: &str) -> (Self, &str) {
        match (name.strip_prefix("in-"), name.strip_prefix("out-")) {
            (Some(rest), _) => (Self::In, rest),
            (_, Some(rest)) if !rest.starts_with("of-pocket") => (Self::Out, rest),
            _ => (Self::Any, name),
        }
    }
}

/// The period of a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalancePeriod {
    /// January to December.
    CalendarYear,
    /// From the contract's anniversary.
    ContractYear,
    /// For good.
    Lifetime,
}

/// A limit and its use: of money, or a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BenefitAmount {
    /// Money.
    Money {
        /// None where there is no limit.
        limit: Option<Money>,
        /// What is used.
        used: Money,
    },
    /// Visits or services.
    Count {
        /// None where there is no limit.
        limit: Option<u32>,
        /// What is used.
        used: u32,
    },
}

impl BenefitAmount {
    /// The limit, where there is one.
    #[must_use]
    pub fn limit(self) -> Option<Self> {
        match self {
            Self::Money { limit, .. } => limit.map(Self::money),
            Self::Count { limit, .. } => limit.map(Self::count),
        }
    }

    /// What is left of the limit, never below zero.
    #[must_use]
    pub fn remaining(self) -> Option<Self> {
        match self {
            Self::Money { limit, used } => limit.map(|limit| Self::money(limit.less(used))),
            Self::Count { limit, used } => {
                limit.map(|limit| Self::count(limit.saturating_sub(used)))
            }
        }
    }

    fn money(used: Money) -> Self {
        Self::Money { limit: None, used }
    }

    fn count(used: u32) -> Self {
        Self::Count { limit: None, used }
    }
}

/// A deductible or maximum, and what is used of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenefitBalance {
    /// The accumulator's name, as the policy has it.
    pub name: String,
    /// What it is of.
    pub kind: BalanceKind,
    /// Whether the family shares it.
    pub family: bool,
    /// Within the network, or outside it.
    pub network: BenefitNetwork,
    /// Over which period.
    pub period: BalancePeriod,
    /// Limit and use.
    pub amount: BenefitAmount,
}

/// What a copayment is for, or a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopayPer {
    /// A visit.
    Visit,
    /// A day.
    Day,
    /// An admission to a hospital.
    Admission,
    /// A service: a line of a claim; of a limit, a unit.
    Service,
}

/// The terms of a type of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceBenefit {
    /// Which (X12 list 1365): `98` a visit to a physician, `88` pharmacy.
    pub service: ShortCode,
    /// Whether it is covered.
    pub covered: bool,
    /// Within the network, or outside it.
    pub network: BenefitNetwork,
    /// What the member pays each time.
    pub copay: Option<Money>,
    /// For what a copayment is each time.
    pub per: CopayPer,
    /// The member's share of the rest.
    pub coinsurance: Option<Rate>,
    /// Whether it must be authorised before.
    pub authorization: Option<bool>,
}
