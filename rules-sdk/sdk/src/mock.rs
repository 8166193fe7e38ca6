//! Answers to a policy's questions in native unit tests. Worked cases, which
//! run the real component, need none of this.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};

use crate::claim::{Balance, Claim, ClaimKind, Line, Member, Relationship, Sex};
use crate::history::{Measure, Question};
use crate::plan::{AccumulatorId, TableId};
use crate::reference::{Key, Row};

const BILLING: Code = Code::of("1234567893");

/// A line of one unit; change what the test is about.
#[must_use]
pub fn line(procedure: Code, charge: Money, on: ServiceDate) -> Line {
    Line {
        number: 1,
        system: CodeSystem::Hcpcs,
        procedure,
        modifiers: [ShortCode::NONE; 4],
        revenue: ShortCode::NONE,
        place: ShortCode::NONE,
        diagnoses: 0,
        quantity: Quantity::ONE,
        charge,
        from: on,
        through: on,
        rendering: Code::NONE,
        emergency: false,
        unit: ShortCode::NONE,
        drug: None,
        cavities: Vec::new(),
        teeth: Vec::new(),
        prior: Vec::new(),
    }
}

/// A professional claim of a subscriber, received the day after its last line.
/// The lines are numbered anew; the billing provider rendered those that name
/// nobody.
#[must_use]
pub fn claim(lines: Vec<Line>) -> Claim {
    let last = lines.iter().map(|line| line.through).max();
    let last = last.unwrap_or(ServiceDate::MIN);
    let billing = BILLING;
    Claim {
        kind: ClaimKind::Professional,
        received: last.plus_days(1).unwrap_or(last),
        billing,
        diagnoses: Vec::new(),
        lines: (1u16..)
            .zip(lines)
            .map(|(number, line)| Line {
                number,
                rendering: if line.rendering.is_none() {
                    billing
                } else {
                    line.rendering
                },
                ..line
            })
            .collect(),
        member: Member {
            birth: ServiceDate::new(1980, 1, 1).unwrap_or(ServiceDate::MIN),
            sex: Sex::Unknown,
            relationship: Relationship::Subscriber,
        },
        covered_since: ServiceDate::MIN,
        authorizations: Vec::new(),
        balances: Vec::new(),
        covered_members: 1,
        sequence: 1,
        payers: Vec::new(),
        patient_paid: Money::ZERO,
        referral: false,
        referring: Code::NONE,
        facility: Code::NONE,
        accident: None,
        institutional: None,
    }
}

impl Claim {
    /// The claim with a balance before it.
    #[must_use]
    pub fn with_balance(
        mut self,
        accumulator: AccumulatorId,
        period: ServiceDate,
        used: i64,
    ) -> Self {
        self.balances.push(Balance {
            accumulator,
            period,
            used,
        });
        self
    }
}

struct Earlier {
    code: Code,
    provider: Code,
    billing: Code,
    kind: ClaimKind,
    day: i64,
    units: i64,
}

#[derive(Default)]
struct Answers {
    rows: BTreeMap<(u16, Code, Code), Row>,
    lines: Vec<Earlier>,
}

thread_local! {
    static ANSWERS: RefCell<Answers> = RefCell::default();
}

/// Forgets everything.
pub fn clear() {
    ANSWERS.with_borrow_mut(|answers| *answers = Answers::default());
}

/// Puts a row into a table, whatever the date.
pub fn row(table: TableId, a: Code, b: Code, columns: [i64; 4]) {
    ANSWERS.with_borrow_mut(|answers| answers.rows.insert((table.0, a, b), Row(columns)));
}

/// Adds an earlier line, rendered by the billing provider of [`claim`]: its
/// procedure, its day and its units in ten-thousandths.
pub fn earlier_line(code: Code, day: i32, units: i64) {
    earlier_line_by(BILLING, code, day, units);
}

/// Adds an earlier line that this provider rendered, on a claim of the billing
/// provider of [`claim`].
pub fn earlier_line_by(provider: Code, code: Code, day: i32, units: i64) {
    let day = i64::from(day);
    let line = Earlier {
        code,
        provider,
        billing: BILLING,
        kind: ClaimKind::Professional,
        day,
        units,
    };
    ANSWERS.with_borrow_mut(|answers| answers.lines.push(line));
}

pub(crate) fn lookup(table: TableId, keys: &[Key]) -> Vec<Option<Row>> {
    ANSWERS.with_borrow(|answers| {
        keys.iter()
            .map(|key| answers.rows.get(&(table.0, key.a, key.b)).copied())
            .collect()
    })
}

pub(crate) fn query(questions: &[Question]) -> Vec<i64> {
    ANSWERS.with_borrow(|answers| {
        questions
            .iter()
            .map(|question| {
                let from = i64::from(question.from.days());
                let through = i64::from(question.through.days());
                let matching = answers.lines.iter().filter(|line| {
                    (question.code.is_none() || line.code == question.code)
                        && (question.provider.is_none() || line.provider == question.provider)
                        && question.kind.is_none_or(|kind| line.kind == kind)
                        && (question.billing.is_none() || line.billing == question.billing)
                        && (from..=through).contains(&line.day)
                        && line.day <= i64::from(question.until.days())
                        && question.revenue.is_none()
                });
                match question.what {
                    Measure::Units => matching.map(|line| line.units).sum(),
                    Measure::Lines => i64::try_from(matching.count()).unwrap_or(i64::MAX),
                    Measure::LastDate => matching.map(|line| line.day).max().unwrap_or(i64::MIN),
                }
            })
            .collect()
    })
}
