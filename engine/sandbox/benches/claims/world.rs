//! Harbor, built and loaded; claims of many lines; tables in memory.

use std::path::Path;
use std::sync::Arc;

use tally_core::adjudication::{
    Answers, Balance, Context, ContextLine, ContextMember, Question, TableKey, TableRow,
    period_start,
};
use tally_core::claim::{ClaimKind, Relationship, Sex};
use tally_sandbox::{Backend, Limits, Policy, Proven, Ran, Sandbox, prove};
use tally_table::{SECTION, Tables};
use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};

/// Services of several kinds: a visit, two pictures, a trace, a blood draw.
const SERVICES: [(&str, i64); 5] = [
    ("99213", 15_000),
    ("73030", 9_000),
    ("73562", 9_500),
    ("93000", 4_000),
    ("36415", 2_000),
];
const PROVIDER: &str = "2000031510";

pub struct World {
    pub proven: Proven,
    pub cranelift: Policy,
    pub pulley: Policy,
    pub answers: Arc<dyn Answers>,
}

struct InMemory(Tables);

impl Answers for InMemory {
    fn lookup(&self, table: u16, keys: &[TableKey]) -> Option<Vec<TableRow>> {
        let table = self.0.get(table)?;
        let row = |key: &TableKey| match table.lookup(key.a, key.b, key.on) {
            Some(values) => TableRow {
                found: true,
                values,
            },
            None => TableRow::default(),
        };
        Some(keys.iter().map(row).collect())
    }

    fn query(&self, questions: &[Question]) -> Vec<i64> {
        vec![0; questions.len()]
    }
}

fn day(text: &str) -> ServiceDate {
    ServiceDate::parse(text).unwrap()
}

/// Harbor as it is built, or another build of it to compare.
fn component() -> Vec<u8> {
    if let Some(path) = std::env::var_os("TALLY_BENCH_COMPONENT") {
        return std::fs::read(path).unwrap();
    }
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/harbor-ppo");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    let built = tally_policy_build::build(&policies, &target).unwrap_or_else(|e| panic!("{e}"));
    built.component
}

impl World {
    pub fn new() -> Self {
        let proven = prove(component()).unwrap();
        let load = |backend| {
            let sandbox = Sandbox::new(backend).unwrap();
            sandbox.load(&proven).unwrap_or_else(|e| panic!("{e}"))
        };
        let (cranelift, pulley) = (load(Backend::Cranelift), load(Backend::Pulley));
        let described = &cranelift.description().tables;
        let names = described.iter().map(String::as_str);
        let tables = Tables::from_sections(names, proven.sections(SECTION)).unwrap();
        Self {
            answers: Arc::new(InMemory(tables)),
            proven,
            cranelift,
            pulley,
        }
    }

    pub fn context(&self, lines: u16) -> Context {
        let on = |number: u16| day("2026-03-02").plus_days(i32::from(number) / 5).unwrap();
        let line = |number: u16| {
            let (procedure, charge) = SERVICES[usize::from(number - 1) % SERVICES.len()];
            ContextLine {
                number,
                system: CodeSystem::Hcpcs,
                procedure: Code::of(procedure),
                modifiers: [ShortCode::NONE; 4],
                revenue: ShortCode::NONE,
                place: ShortCode::of("11"),
                diagnoses: 1,
                quantity: Quantity::ONE,
                charge: Money::cents(charge),
                from: on(number),
                through: on(number),
                rendering: Code::NONE,
                emergency: false,
                unit: ShortCode::NONE,
                detail: None,
                prior: vec![],
            }
        };
        let accumulators = &self.cranelift.description().accumulators;
        Context {
            kind: ClaimKind::Professional,
            received: day("2026-04-01"),
            billing: Code::of(PROVIDER),
            diagnoses: vec![Code::of("M25.511")],
            lines: (1..=lines).map(line).collect(),
            member: ContextMember {
                birth: day("1980-01-01"),
                sex: Sex::Female,
                relationship: Relationship::Subscriber,
            },
            covered_since: day("2020-01-01"),
            covered_members: 1,
            authorizations: vec![],
            balances: (0..)
                .zip(accumulators)
                .map(|(accumulator, declared)| Balance {
                    accumulator,
                    period: period_start(declared.period, day("2020-01-01"), on(1)),
                    used: 0,
                })
                .collect(),
            sequence: 1,
            payers: vec![],
            patient_paid: Money::ZERO,
            referral: false,
            referring: Code::NONE,
            facility: Code::NONE,
            accident: None,
            institutional: None,
        }
    }

    pub fn run(&self, policy: &Policy, context: &Context) -> Ran {
        policy
            .run(context, Arc::clone(&self.answers), Limits::FUEL)
            .unwrap()
    }
}
