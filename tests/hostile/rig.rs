//! A claim, and the way of a guest through the sandbox to an outcome.

use std::sync::{Arc, OnceLock};

use tally_core::adjudication::{
    AccumulatorKey, Answers, Balances, ContractFault, Decision, Description, Inputs, Policies,
    PolicyInForce, Question, Run, Settled, Status, TableKey, TableRow, decide, settle,
};
use tally_core::canon::Canon;
use tally_core::claim::{
    Claim, ClaimId, ClaimKind, Contract, Frequency, Member, MemberReference, Provider,
    Relationship, ServiceLine, Sex, Span,
};
use tally_sandbox::{Backend, HostFault, Limits, LoadError, Policy, Ran, Sandbox, prove};
use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};

use super::guest::{CHARGES, Guest};

pub const BACKENDS: [Backend; 2] = [Backend::Cranelift, Backend::Pulley];

/// One sandbox of each backend for all tests.
pub fn sandbox(backend: Backend) -> Arc<Sandbox> {
    static SANDBOXES: OnceLock<[Arc<Sandbox>; 2]> = OnceLock::new();
    let both = SANDBOXES.get_or_init(|| BACKENDS.map(|b| Sandbox::new(b).unwrap()));
    Arc::clone(&both[usize::from(backend == Backend::Pulley)])
}

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

pub fn claim() -> Claim {
    let line = |(number, charge): (u16, i64)| ServiceLine {
        number,
        system: CodeSystem::Hcpcs,
        procedure: Code::of("99213"),
        modifiers: [ShortCode::NONE; 4],
        revenue: ShortCode::NONE,
        place: ShortCode::of("11"),
        diagnoses: 1,
        quantity: Quantity::ONE,
        charge: Money::cents(charge),
        from: day("2026-03-10"),
        through: day("2026-03-10"),
        rendering: None,
        emergency: false,
        detail: Default::default(),
        prior: vec![],
    };
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
        charge: Money::cents(CHARGES.iter().sum()),
        received: day("2026-03-12"),
        coordination: Default::default(),
        circumstances: Default::default(),
        institutional: None,
        lines: (1..).zip(CHARGES).map(line).collect(),
    }
}

fn contract() -> Contract {
    Contract {
        id: "C1".into(),
        inception: day("2025-01-01"),
        members: vec![Member {
            id: "M1".into(),
            name: "A. Member".into(),
            birth: day("1980-05-05"),
            death: None,
            sex: Sex::Unknown,
            relationship: Relationship::Subscriber,
            spans: vec![Span {
                product: "hostile".into(),
                from: day("2025-01-01"),
                through: None,
            }],
            authorizations: vec![],
        }],
    }
}

struct One(PolicyInForce);

impl Policies for One {
    fn in_force(&self, _: &str, _: ServiceDate) -> Option<PolicyInForce> {
        Some(self.0.clone())
    }
}

/// What had accumulated before the claim: 470.00 of a limit of 500.00.
struct Used;

impl Balances for Used {
    fn used(&self, _: &AccumulatorKey) -> i64 {
        47_000
    }
}

/// Table 0 has no rows; history is empty.
pub struct Empty;

impl Answers for Empty {
    fn lookup(&self, table: u16, keys: &[TableKey]) -> Option<Vec<TableRow>> {
        (table == 0).then(|| vec![TableRow::default(); keys.len()])
    }
    fn query(&self, questions: &[Question]) -> Vec<i64> {
        vec![0; questions.len()]
    }
}

/// The claim, decided as far as the policy.
pub fn ready(hash: [u8; 32], description: &Arc<Description>) -> Box<Run> {
    let (claim, contract) = (claim(), contract());
    let decision = decide(&Inputs {
        claim: &claim,
        enrolled: Some((&contract, 0)),
        policies: &One(PolicyInForce {
            hash,
            description: Arc::clone(description),
        }),
        history: &[],
        balances: &Used,
    });
    match decision.unwrap() {
        Decision::Run(run) => run,
        Decision::Done(_) => panic!("the policy was not asked"),
    }
}

pub fn load(guest: &Guest, backend: Backend) -> Result<Policy, LoadError> {
    let proven = prove(guest.build())?;
    sandbox(backend).load(&proven)
}

/// Loads a guest that is sound to load.
pub fn loaded(guest: &Guest, backend: Backend) -> Policy {
    match load(guest, backend) {
        Ok(policy) => policy,
        Err(error) => panic!("on {}: {error}", backend.as_str()),
    }
}

pub fn run(policy: &Policy, fuel: u64) -> Result<Ran, HostFault> {
    let ready = ready(policy.hash(), policy.description());
    policy.run(&ready.context, Arc::new(Empty), fuel)
}

/// Adjudicates the claim with a guest on both backends: outcomes, fuel and
/// transcripts are the same, or the test fails.
pub fn adjudicate(guest: &Guest) -> (Settled, Option<u64>) {
    let [native, portable] = BACKENDS.map(|backend| {
        let policy = loaded(guest, backend);
        let ready = ready(policy.hash(), policy.description());
        let ran = policy
            .run(&ready.context, Arc::new(Empty), Limits::FUEL)
            .unwrap_or_else(|fault| panic!("on {}: {fault}", backend.as_str()));
        let (fuel, transcript) = (ran.fuel, ran.transcript.hash());
        let settled = settle(&claim(), &ready, ran.determined).unwrap();
        (settled, fuel, transcript)
    });
    assert_eq!(native.1, portable.1, "fuel");
    assert_eq!(native.2, portable.2, "transcripts");
    assert_eq!(native.0.fault, portable.0.fault, "faults");
    assert_eq!(native.0.outcome.to_canon(), portable.0.outcome.to_canon());
    (native.0, native.1)
}

/// The claim waits for this fault, nothing is paid and nothing has moved.
pub fn assert_pended(name: &str, settled: &Settled, fault: &ContractFault) {
    assert_eq!(settled.fault.as_ref(), Some(fault), "{name}");
    let outcome = &settled.outcome;
    assert_eq!(outcome.status(), Status::Pended, "{name}");
    assert_eq!(outcome.paid(), Money::ZERO, "{name}");
    assert_eq!(outcome.charge(), claim().charge, "{name}");
    assert!(settled.movements.is_empty(), "{name}");
    let tally_core::adjudication::Settlement::Pended { reason, clause, .. } = outcome.settlement()
    else {
        panic!("{name}: not pended");
    };
    assert_eq!([reason, clause], [&fault.rule().id(); 2], "{name}");
}
