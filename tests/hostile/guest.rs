//! Policies written by hand, one hazard each: a core module in text, wrapped as
//! a component of the interface. Its description and its answer are laid out in
//! its memory here, as the canonical ABI says, so that each can be spoiled.

use tally_core::adjudication::{
    Accumulator, AccumulatorPeriod, AccumulatorScope, AccumulatorUnit, Adjustment, Clause,
    CostStep, DatedLimit, Description, Determination, Finding, LineDetermination, Pattern, Pend,
    PendReason, Posting, Verdict,
};
use tally_types::{Carc, Group, Money, Rounding, ServiceDate, ShortCode};

/// The interface, as its file stands.
pub const WIT: &str = include_str!("../../rules-sdk/wit/tally-policy.wit");

/// Where a guest's data begins: below it nothing is used.
const BASE: u32 = 1024;

/// Bytes laid out for a guest's memory.
pub struct Image {
    bytes: Vec<u8>,
}

impl Image {
    fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// The address after all that is laid out, on a boundary of 16.
    fn end(&self) -> u32 {
        (BASE + u32::try_from(self.bytes.len()).unwrap()).next_multiple_of(16)
    }

    /// Lays bytes out at a boundary of eight; answers their address.
    pub fn place(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = BASE + u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend_from_slice(bytes);
        at
    }

    fn text(&mut self, text: &str) -> [u32; 2] {
        [
            self.place(text.as_bytes()),
            u32::try_from(text.len()).unwrap(),
        ]
    }

    fn list(&mut self, items: impl IntoIterator<Item = Vec<u8>>) -> [u32; 2] {
        let items: Vec<Vec<u8>> = items.into_iter().collect();
        [
            self.place(&items.concat()),
            u32::try_from(items.len()).unwrap(),
        ]
    }

    fn texts(&mut self, texts: &[&str]) -> Vec<u8> {
        let parts: Vec<[u32; 2]> = texts.iter().map(|text| self.text(text)).collect();
        parts.iter().flat_map(|part| pair(*part)).collect()
    }

    /// A description; answers its address.
    pub fn description(&mut self, d: &Description) -> u32 {
        let head = self.texts(&[&d.product, &d.title, &d.version, &d.currency]);
        let clauses: Vec<_> = d
            .clauses
            .iter()
            .map(|c| self.texts(&[&c.id, &c.title, &c.text]))
            .collect();
        let clauses = self.list(clauses);
        let accumulators: Vec<_> = d.accumulators.iter().map(|a| self.accumulator(a)).collect();
        let accumulators = self.list(accumulators);
        let tables: Vec<_> = d.tables.iter().map(|t| self.texts(&[t])).collect();
        let tables = self.list(tables);
        let pends: Vec<_> = d
            .pend_reasons
            .iter()
            .map(|p| self.texts(&[&p.id, &p.text, &p.resolution]))
            .collect();
        let pends = self.list(pends);
        let patterns: Vec<_> = d
            .patterns
            .iter()
            .map(|p| self.texts(&[&p.id, &p.title]))
            .collect();
        let patterns = self.list(patterns);
        let steps = d.cost_share.iter().map(|step| match step {
            CostStep::Copay => vec![0],
            CostStep::Deductible => vec![1],
            CostStep::Coinsurance => vec![2],
        });
        let steps = self.list(steps.collect::<Vec<_>>());
        let lists = [clauses, accumulators, tables, pends, patterns, steps];
        let mut record: Vec<u8> = head
            .into_iter()
            .chain(lists.into_iter().flat_map(pair))
            .collect();
        record.push(match d.rounding {
            Rounding::HalfUp => 0,
            Rounding::HalfEven => 1,
        });
        record.extend([0; 3]);
        self.place(&record)
    }

    fn accumulator(&mut self, a: &Accumulator) -> Vec<u8> {
        let mut record = self.texts(&[&a.name]);
        record.push(match a.scope {
            AccumulatorScope::Member => 0,
            AccumulatorScope::Family => 1,
        });
        record.push(match a.unit {
            AccumulatorUnit::Money => 0,
            AccumulatorUnit::Count => 1,
        });
        record.push(match a.period {
            AccumulatorPeriod::CalendarYear => 0,
            AccumulatorPeriod::ContractYear => 1,
            AccumulatorPeriod::Lifetime => 2,
        });
        record.push(0);
        let limits = a.limits.iter().map(|dated| {
            let mut limit = dated.effective.days().to_le_bytes().to_vec();
            limit.resize(8, 0);
            limit.extend(dated.limit.to_le_bytes());
            limit
        });
        let limits = self.list(limits.collect::<Vec<_>>());
        record.extend(pair(limits));
        record.extend(self.texts(&[&a.pool]));
        record.extend([a.carried.into(), 0, 0, 0]);
        record
    }

    /// A determination; answers its address.
    pub fn determination(&mut self, d: &Determination) -> u32 {
        let mut record = match &d.verdict {
            Verdict::Settled(lines) => {
                let lines: Vec<_> = lines.iter().map(|line| self.line(line)).collect();
                let list = self.list(lines);
                [[0u8; 4].to_vec(), pair(list)].concat()
            }
            Verdict::Pended(pend) => {
                let mut record = vec![1, 0, 0, 0];
                for n in [pend.reason, pend.line, pend.clause, 0] {
                    record.extend(n.to_le_bytes());
                }
                record
            }
        };
        let findings = d.findings.iter().map(|f| {
            [f.pattern, f.line, f.score, f.clause]
                .iter()
                .flat_map(|n| n.to_le_bytes())
                .collect()
        });
        let findings = self.list(findings.collect::<Vec<_>>());
        record.extend(pair(findings));
        self.place(&record)
    }

    fn line(&mut self, line: &LineDetermination) -> Vec<u8> {
        let adjustments: Vec<_> = line.adjustments.iter().map(adjustment).collect();
        let adjustments = self.list(adjustments);
        let postings = line.postings.iter().map(|posting| {
            let mut record = posting.accumulator.to_le_bytes().to_vec();
            record.resize(8, 0);
            record.extend(posting.amount.to_le_bytes());
            record
        });
        let postings = self.list(postings.collect::<Vec<_>>());
        let mut record = line.line.to_le_bytes().to_vec();
        record.push(line.denied.into());
        record.resize(8, 0);
        record.extend(line.allowed.scaled().to_le_bytes());
        record.extend(line.paid.scaled().to_le_bytes());
        record.extend(line.clause.to_le_bytes());
        record.resize(28, 0);
        record.extend(pair(adjustments));
        record.extend(pair(postings));
        record.resize(48, 0);
        record
    }
}

fn pair([address, length]: [u32; 2]) -> Vec<u8> {
    [address.to_le_bytes(), length.to_le_bytes()].concat()
}

fn adjustment(adjustment: &Adjustment) -> Vec<u8> {
    let mut record = vec![match adjustment.group {
        Group::Co => 0,
        Group::Pr => 1,
        Group::Oa => 2,
        Group::Pi => 3,
    }];
    record.resize(2, 0);
    record.extend(adjustment.carc.0.to_le_bytes());
    record.resize(8, 0);
    record.extend(adjustment.rarc.packed().to_le_bytes());
    record.extend(adjustment.amount.scaled().to_le_bytes());
    record.extend(adjustment.clause.to_le_bytes());
    record.resize(32, 0);
    record
}

/// The description every guest gives unless its hazard lies there.
pub fn description() -> Description {
    Description {
        product: "hostile".into(),
        title: "A policy with a hazard".into(),
        version: "1".into(),
        currency: "USD".into(),
        clauses: vec![Clause {
            id: "1.1".into(),
            title: "Covered".into(),
            text: "The plan pays what it allows.".into(),
        }],
        accumulators: vec![Accumulator {
            name: "deductible".into(),
            scope: AccumulatorScope::Member,
            unit: AccumulatorUnit::Money,
            period: AccumulatorPeriod::CalendarYear,
            limits: vec![DatedLimit {
                effective: ServiceDate::MIN,
                limit: 50_000,
            }],
            pool: String::new(),
            carried: false,
        }],
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
        cost_share: vec![CostStep::Deductible],
        rounding: Rounding::HalfUp,
    }
}

/// The charges of the claim that every guest is given, line by line, in cents.
pub const CHARGES: [i64; 2] = [15_000, 8_000];

/// A sound line: 40.00 written off, 10.00 to the deductible, the rest paid.
pub fn line(number: u16) -> LineDetermination {
    let charge = CHARGES[usize::from(number) - 1];
    let adjustment = |group, carc, amount| Adjustment {
        group,
        carc: Carc(carc),
        rarc: ShortCode::NONE,
        amount: Money::cents(amount),
        clause: 0,
    };
    LineDetermination {
        line: number,
        denied: false,
        allowed: Money::cents(charge - 4_000),
        paid: Money::cents(charge - 5_000),
        clause: 0,
        adjustments: vec![
            adjustment(Group::Co, 45, 4_000),
            adjustment(Group::Pr, 1, 1_000),
        ],
        postings: vec![Posting {
            accumulator: 0,
            amount: 1_000,
        }],
    }
}

/// A sound determination of the claim.
pub fn determination() -> Determination {
    Determination {
        verdict: Verdict::Settled(vec![line(1), line(2)]),
        findings: vec![Finding {
            pattern: 0,
            line: 1,
            score: 500,
            clause: 0,
        }],
    }
}

/// A determination that makes the claim wait.
pub fn pend(reason: u16) -> Determination {
    Determination {
        verdict: Verdict::Pended(Pend {
            reason,
            line: 0,
            clause: 0,
        }),
        findings: vec![],
    }
}

/// A guest: sound, but for what a test changes.
pub struct Guest {
    pub image: Image,
    pub describe: String,
    pub adjudicate: String,
    pub realloc: String,
    pub memory: String,
    /// Fields of the module beside those every guest has.
    pub more: String,
    pub wit: String,
}

impl Guest {
    pub fn new() -> Self {
        Self::saying(&description(), &determination())
    }

    /// A guest with this description and this answer.
    pub fn saying(description: &Description, determination: &Determination) -> Self {
        let mut image = Image::new();
        let describe = image.description(description);
        let adjudicate = image.determination(determination);
        Self {
            image,
            describe: format!("i32.const {describe}"),
            adjudicate: format!("i32.const {adjudicate}"),
            realloc: "global.get $next
                local.get 2 i32.const 1 i32.sub i32.add
                i32.const 0 local.get 2 i32.sub i32.and
                local.tee 0
                local.get 3 i32.add global.set $next
                local.get 0"
                .into(),
            memory: "3 64".into(),
            more: String::new(),
            wit: WIT.into(),
        }
    }

    /// A sound guest that answers with `determination`.
    pub fn answering(determination: &Determination) -> Self {
        Self::saying(&description(), determination)
    }

    /// A guest whose `adjudicate` is this code; the address of its sound
    /// answer is left on the stack after it.
    pub fn doing(code: &str) -> Self {
        let mut guest = Self::new();
        guest.adjudicate = format!("{code}\n{}", guest.adjudicate);
        guest
    }

    pub fn with(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    /// The core module, in text.
    pub fn text(&self) -> String {
        let data: String = self
            .image
            .bytes
            .iter()
            .map(|b| format!("\\{b:02x}"))
            .collect();
        format!(
            r#"(module
            (import "tallystick:policy/reference@2.0.0" "lookup"
                (func $lookup (param i32 i32 i32 i32)))
            (import "tallystick:policy/history@2.0.0" "query"
                (func $query (param i32 i32 i32)))
            (memory (export "memory") {memory})
            (global $next (mut i32) (i32.const {heap}))
            (data (i32.const {BASE}) "{data}")
            {more}
            (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                {realloc})
            (func (export "describe") (result i32) {describe})
            (func $adjudicate (export "adjudicate") (param i32) (result i32)
                (local $i i32) (local $j i64)
                {adjudicate}))"#,
            memory = self.memory,
            heap = self.image.end(),
            more = self.more,
            realloc = self.realloc,
            describe = self.describe,
            adjudicate = self.adjudicate,
        )
    }

    /// The component.
    pub fn build(&self) -> Vec<u8> {
        wrap(
            wat::parse_str(self.text()).expect("the guest's text"),
            &self.wit,
        )
    }
}

/// Wraps a core module as a component of a world.
pub fn wrap(mut module: Vec<u8>, wit: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("policy.wit", wit).expect("the interface");
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    let utf8 = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, utf8, false).unwrap();
    wit_component::ComponentEncoder::default()
        .validate(false)
        .module(&module)
        .expect("the guest's metadata")
        .encode()
        .expect("the guest as a component")
}
