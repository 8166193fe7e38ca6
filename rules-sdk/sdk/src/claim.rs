//! What a policy is given and what it answers.

use alloc::vec::Vec;

use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ServiceDate, ShortCode};

use crate::plan::{AccumulatorId, ClauseId, PatternId, PendId};

/// What kind of claim it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ClaimKind {
    /// CMS-1500, 837P.
    Professional,
    /// UB-04, 837I.
    Institutional,
    /// 837D.
    Oral,
    /// Eyewear and eye care.
    Vision,
    /// Drugs.
    Pharmacy,
}

/// Sex as enrolled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// Not known.
    Unknown,
    /// Female.
    Female,
    /// Male.
    Male,
    /// Other.
    Other,
}

/// The member's relationship to the subscriber.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Relationship {
    /// The subscriber.
    Subscriber,
    /// Spouse or partner.
    Spouse,
    /// Child.
    Child,
    /// Another dependant.
    Other,
}

/// A service line.
#[derive(Clone)]
pub struct Line {
    /// The line's number on the claim.
    pub number: u16,
    /// Which list the procedure is of.
    pub system: CodeSystem,
    /// The procedure.
    pub procedure: Code,
    /// Modifiers, absent ones [`ShortCode::NONE`].
    pub modifiers: [ShortCode; 4],
    /// Revenue code.
    pub revenue: ShortCode,
    /// Place of service.
    pub place: ShortCode,
    /// Which diagnoses of the claim it points to, a bit each.
    pub diagnoses: u32,
    /// Units of service.
    pub quantity: Quantity,
    /// The submitted charge.
    pub charge: Money,
    /// First date of service.
    pub from: ServiceDate,
    /// Last date of service.
    pub through: ServiceDate,
    /// Who rendered it; the billing provider when nobody else is named.
    pub rendering: Code,
    /// Marked an emergency.
    pub emergency: bool,
}

impl Line {
    /// Whether the line has this modifier.
    #[must_use]
    pub fn has_modifier(&self, modifier: ShortCode) -> bool {
        self.modifiers.contains(&modifier)
    }

    /// What was done: the procedure, else the revenue code, else none.
    #[must_use]
    pub fn service(&self) -> Code {
        if self.procedure.is_none() {
            self.revenue.into()
        } else {
            self.procedure
        }
    }
}

/// The member: nothing that names them.
#[derive(Clone)]
pub struct Member {
    /// Date of birth.
    pub birth: ServiceDate,
    /// Sex.
    pub sex: Sex,
    /// Relationship to the subscriber.
    pub relationship: Relationship,
}

impl Member {
    /// Completed years on a day.
    #[must_use]
    pub fn age_on(&self, day: ServiceDate) -> i32 {
        day.age_from(self.birth)
    }
}

/// A prior authorisation on file, with what is left of it.
#[derive(Clone)]
pub struct Authorization {
    /// What is authorised.
    pub procedure: Code,
    /// First day.
    pub from: ServiceDate,
    /// Last day.
    pub through: ServiceDate,
    /// Units left.
    pub remaining: Quantity,
}

/// What has accumulated before this claim.
#[derive(Clone, Copy)]
pub struct Balance {
    /// The accumulator.
    pub accumulator: AccumulatorId,
    /// The first day of the period.
    pub period: ServiceDate,
    /// Cents, or a count.
    pub used: i64,
}

/// One claim, as far as a policy may see it.
#[derive(Clone)]
pub struct Claim {
    /// What kind of claim it is.
    pub kind: ClaimKind,
    /// When it was received.
    pub received: ServiceDate,
    /// Who bills.
    pub billing: Code,
    /// Diagnoses, principal first.
    pub diagnoses: Vec<Code>,
    /// The lines to determine, each once, in this order.
    pub lines: Vec<Line>,
    /// The member.
    pub member: Member,
    /// The first day of the present span of cover.
    pub covered_since: ServiceDate,
    /// Prior authorisations.
    pub authorizations: Vec<Authorization>,
    /// Balances; [`crate::Balances`] reads them.
    pub balances: Vec<Balance>,
}

impl Claim {
    /// The diagnoses that a line points to; all of the claim's when it points
    /// to none.
    pub fn diagnoses_of(&self, line: &Line) -> impl Iterator<Item = Code> {
        let pointed = line.diagnoses;
        self.diagnoses
            .iter()
            .enumerate()
            .filter(move |(i, _)| {
                let bit = u32::try_from(*i).ok().and_then(|i| pointed.checked_shr(i));
                pointed == 0 || bit.is_some_and(|bit| bit & 1 == 1)
            })
            .map(|(_, code)| *code)
    }
}

/// One adjustment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Who bears it.
    pub group: Group,
    /// Why.
    pub carc: Carc,
    /// A remark, or none.
    pub rarc: ShortCode,
    /// How much.
    pub amount: Money,
    /// The clause.
    pub clause: ClauseId,
}

/// What a line adds to an accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The accumulator.
    pub accumulator: AccumulatorId,
    /// Cents, or a count.
    pub amount: i64,
}

/// What is decided of a line. [`crate::LineWork`] makes one that balances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineDetermination {
    /// The line's number.
    pub line: u16,
    /// Whether it is denied.
    pub denied: bool,
    /// The allowed amount.
    pub allowed: Money,
    /// What the plan pays.
    pub paid: Money,
    /// The clause that decided the line.
    pub clause: ClauseId,
    /// Everything between charge and paid.
    pub adjustments: Vec<Adjustment>,
    /// What it adds to accumulators.
    pub postings: Vec<Posting>,
}

/// Evidence for a person; it never changes a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The pattern.
    pub pattern: PatternId,
    /// The line, or zero for the claim.
    pub line: u16,
    /// 0 to 1000.
    pub score: u16,
    /// The clause it rests on.
    pub clause: ClauseId,
}

/// Settled line by line, or waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every line, in the claim's order.
    Settled(Vec<LineDetermination>),
    /// The claim waits.
    Pended {
        /// Why.
        reason: PendId,
        /// The line, or zero for the claim.
        line: u16,
        /// The clause.
        clause: ClauseId,
    },
}

/// All that a policy answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Determination {
    /// Settled or waiting.
    pub verdict: Verdict,
    /// Evidence.
    pub findings: Vec<Finding>,
}

impl Determination {
    /// Settles the lines.
    #[must_use]
    pub fn settled(lines: impl IntoIterator<Item = LineDetermination>) -> Self {
        Self {
            verdict: Verdict::Settled(lines.into_iter().collect()),
            findings: Vec::new(),
        }
    }

    /// Lets the claim wait.
    #[must_use]
    pub fn pended(reason: PendId, line: u16, clause: ClauseId) -> Self {
        Self {
            verdict: Verdict::Pended {
                reason,
                line,
                clause,
            },
            findings: Vec::new(),
        }
    }

    /// Adds evidence.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }
}
