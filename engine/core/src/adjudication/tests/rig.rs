//! A family, a product and a claim, small enough to be changed in a test.

use std::collections::BTreeMap;
use std::sync::Arc;

use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ServiceDate, ShortCode};

use crate::adjudication::*;
use crate::claim::{
    Claim, ClaimId, ClaimKind, Contract, Frequency, Member, MemberReference, Provider,
    Relationship, ServiceLine, Sex, Span,
};

pub fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

/// A line: number, procedure, charge in cents, one date of service.
pub fn line(number: u16, procedure: &str, charge: i64, on: &str) -> ServiceLine {
    ServiceLine {
        number,
        system: CodeSystem::Hcpcs,
        procedure: Code::of(procedure),
        modifiers: [ShortCode::NONE; 4],
        revenue: ShortCode::NONE,
        place: ShortCode::of("11"),
        diagnoses: 1,
        quantity: Quantity::ONE,
        charge: Money::cents(charge),
        from: day(on),
        through: day(on),
        rendering: None,
        emergency: false,
        detail: Default::default(),
        prior: vec![],
    }
}

pub fn claim(lines: Vec<ServiceLine>) -> Claim {
    Claim {
        id: ClaimId([7; 16]),
        kind: ClaimKind::Professional,
        frequency: Frequency::Original,
        replaces: None,
        control_number: "A1".into(),
        member: MemberReference::new("M1"),
        billing: Provider::new("1234567893"),
        diagnoses: vec![Code::of("J06.9")],
        authorizations: vec![],
        charge: Money::checked_sum(lines.iter().map(|line| line.charge)).unwrap(),
        received: day("2026-12-20"),
        coordination: Default::default(),
        circumstances: Default::default(),
        institutional: None,
        lines,
    }
}

pub fn span(product: &str, from: &str, through: Option<&str>) -> Span {
    Span {
        product: product.into(),
        from: day(from),
        through: through.map(day),
    }
}

pub fn member(id: &str, spans: Vec<Span>) -> Member {
    Member {
        id: id.into(),
        name: "A. Member".into(),
        birth: day("1980-05-05"),
        death: None,
        sex: Sex::Female,
        relationship: Relationship::Subscriber,
        spans,
        authorizations: vec![],
    }
}

fn accumulator(
    name: &str,
    scope: AccumulatorScope,
    unit: AccumulatorUnit,
    period: AccumulatorPeriod,
    limit: Option<i64>,
) -> Accumulator {
    Accumulator {
        name: name.into(),
        scope,
        unit,
        period,
        limits: limit
            .map(|limit| DatedLimit {
                effective: day("1970-01-01"),
                limit,
            })
            .into_iter()
            .collect(),
        pool: String::new(),
        carried: false,
    }
}

pub const DEDUCTIBLE: u16 = 0;
pub const FAMILY: u16 = 1;
pub const VISITS: u16 = 2;
pub const LIFETIME: u16 = 3;

pub fn description(product: &str) -> Description {
    use AccumulatorPeriod::{CalendarYear, ContractYear, Lifetime};
    use AccumulatorScope as Scope;
    use AccumulatorUnit::{Count, Money};
    Description {
        product: product.into(),
        title: "A plan".into(),
        version: "1".into(),
        currency: "USD".into(),
        clauses: ["1.1", "1.2", "2.1"]
            .map(|id| Clause {
                id: id.into(),
                title: "A clause".into(),
                text: "The plan pays what it allows.".into(),
            })
            .into(),
        accumulators: vec![
            accumulator(
                "deductible",
                Scope::Member,
                Money,
                CalendarYear,
                Some(50_000),
            ),
            accumulator(
                "family-deductible",
                Scope::Family,
                Money,
                CalendarYear,
                Some(80_000),
            ),
            accumulator("visits", Scope::Member, Count, ContractYear, Some(20)),
            accumulator("lifetime", Scope::Member, Money, Lifetime, None),
        ],
        tables: vec!["fees".into()],
        pend_reasons: vec![PendReason {
            id: "records".into(),
            text: "Records are needed.".into(),
            resolution: "The provider sends them.".into(),
        }],
        patterns: vec![Pattern {
            id: "upcoding".into(),
            title: "Upcoding".into(),
        }],
        cost_share: vec![],
        rounding: tally_types::Rounding::HalfUp,
    }
}

/// Everything [`decide`] reads.
pub struct World {
    pub claim: Claim,
    pub contract: Contract,
    pub enrolled: bool,
    /// By product, first day in force and hash.
    pub policies: Vec<(&'static str, &'static str, u8)>,
    pub history: Vec<PastLine>,
    pub used: BTreeMap<AccumulatorKey, i64>,
}

impl World {
    pub fn new(lines: Vec<ServiceLine>) -> Self {
        Self {
            claim: claim(lines),
            contract: Contract {
                id: "C1".into(),
                inception: day("2025-07-01"),
                members: vec![member("M1", vec![span("gold", "2025-07-01", None)])],
            },
            enrolled: true,
            policies: vec![("gold", "2020-01-01", 1)],
            history: vec![],
            used: BTreeMap::new(),
        }
    }

    pub fn decide(&self) -> Decision {
        decide(&Inputs {
            claim: &self.claim,
            enrolled: self.enrolled.then_some((&self.contract, 0)),
            policies: self,
            history: &self.history,
            balances: self,
        })
        .unwrap()
    }

    pub fn run(&self) -> Box<Run> {
        match self.decide() {
            Decision::Run(run) => run,
            Decision::Done(settled) => panic!("decided: {:?}", settled.outcome),
        }
    }

    pub fn done(&self) -> Box<Settled> {
        match self.decide() {
            Decision::Done(settled) => settled,
            Decision::Run(_) => panic!("left to the policy"),
        }
    }

    pub fn settle(&self, determined: Result<Determination, ContractFault>) -> Settled {
        settle(&self.claim, &self.run(), determined).unwrap()
    }

    pub fn key(&self, accumulator: u16, period: &str) -> AccumulatorKey {
        let plan = description("gold");
        let accumulator = &plan.accumulators[usize::from(accumulator)];
        AccumulatorKey {
            member: (accumulator.scope == AccumulatorScope::Member).then(|| "M1".into()),
            product: "gold".into(),
            name: accumulator.name.clone(),
            period: day(period),
        }
    }
}

impl Policies for World {
    fn in_force(&self, product: &str, on: ServiceDate) -> Option<PolicyInForce> {
        self.policies
            .iter()
            .filter(|(of, from, _)| *of == product && day(from) <= on)
            .max_by_key(|(_, from, _)| day(from))
            .map(|(of, _, hash)| PolicyInForce {
                hash: [*hash; 32],
                description: Arc::new(description(of)),
            })
    }
}

impl Balances for World {
    fn used(&self, key: &AccumulatorKey) -> i64 {
        self.used.get(key).copied().unwrap_or(0)
    }
}

pub fn adjust(group: Group, carc: u16, amount: i64) -> Adjustment {
    Adjustment {
        group,
        carc: Carc(carc),
        rarc: ShortCode::NONE,
        amount: Money::cents(amount),
        clause: 1,
    }
}

pub fn post(accumulator: u16, amount: i64) -> Posting {
    Posting {
        accumulator,
        amount,
    }
}

/// A line that pays the charge less what the adjustments take, of an allowed
/// amount that is what CO leaves.
pub fn determine(
    given: &ServiceLine,
    adjustments: Vec<Adjustment>,
    postings: Vec<Posting>,
) -> LineDetermination {
    let sum = |keep: fn(&Adjustment) -> bool| -> i64 {
        let kept = adjustments.iter().filter(|a| keep(a));
        kept.map(|a| a.amount.scaled()).sum()
    };
    let charge = given.charge.scaled();
    LineDetermination {
        line: given.number,
        denied: false,
        allowed: Money::cents(charge - sum(|a| a.group == Group::Co)),
        paid: Money::cents(charge - sum(|_| true)),
        clause: 0,
        adjustments,
        postings,
    }
}

pub fn settled(lines: Vec<LineDetermination>) -> Determination {
    Determination {
        verdict: Verdict::Settled(lines),
        findings: vec![],
    }
}

/// The engine rule a line, or the claim, was decided by.
pub fn rules(outcome: &Outcome) -> Vec<(u16, EngineRule)> {
    match outcome.settlement() {
        Settlement::Pended { line, clause, .. } => {
            vec![(*line, EngineRule::of_id(clause).unwrap())]
        }
        Settlement::Settled(lines) => lines
            .iter()
            .filter_map(|line| Some((line.number(), EngineRule::of_id(line.clause())?)))
            .collect(),
    }
}
