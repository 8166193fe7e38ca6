//! What a policy is given and what it answers.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

use tally_types::{Carc, Code, CodeSystem, Group, Money, Quantity, ServiceDate, ShortCode};

use crate::accrual::CoverageTier;
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
    /// What a unit is, as sent: `UN`, `MJ` minutes, `DA` days; none when not said.
    pub unit: ShortCode,
    /// The drug that it bills for giving.
    pub drug: Option<Drug>,
    /// Areas of the mouth, on dental lines.
    pub cavities: Vec<ShortCode>,
    /// Teeth, on dental lines.
    pub teeth: Vec<Tooth>,
    /// What other payers did to it, at most one each.
    pub prior: Vec<PriorLine>,
}

/// A drug on a line that bills for giving it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Drug {
    /// The National Drug Code.
    pub ndc: Code,
    /// How much.
    pub quantity: Quantity,
    /// Of what: `UN`, `ML`, `GR`, `ME`, `F2`.
    pub unit: ShortCode,
}

/// A tooth in the universal numbering.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tooth {
    /// `1` to `32`, `A` to `T`.
    pub code: ShortCode,
    /// Its surfaces, a letter each: `MOD`.
    pub surfaces: ShortCode,
}

/// What another payer did to a line.
#[derive(Clone, PartialEq, Eq)]
pub struct PriorLine {
    /// Which: its position in [`Claim::payers`].
    pub payer: u8,
    /// What it paid.
    pub paid: Money,
    /// The units it paid for.
    pub units: Quantity,
    /// What it left to the patient, where the sender says.
    pub remaining: Option<Money>,
    /// The day it decided.
    pub decided: Option<ServiceDate>,
    /// What it adjusted.
    pub adjustments: Vec<PriorAdjustment>,
}

/// One adjustment of another payer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PriorAdjustment {
    /// Who bears it.
    pub group: Group,
    /// The reason code as sent, which may have letters.
    pub reason: ShortCode,
    /// How much; below zero where something was taken back.
    pub amount: Money,
}

/// Another payer of the claim. What it paid and adjusted as a whole is of the lines that
/// are given: of those the engine has denied itself nothing is told.
#[derive(Clone, PartialEq, Eq)]
pub struct Payer {
    /// Its place: 1 is primary, 0 when the sender does not say.
    pub sequence: u8,
    /// What kind of cover it is: `MB` Medicare Part B, `CI` commercial…
    pub filing: ShortCode,
    /// What it paid of the whole claim.
    pub paid: Option<Money>,
    /// What it left to the patient.
    pub remaining: Option<Money>,
    /// The day it decided.
    pub decided: Option<ServiceDate>,
    /// What it adjusted of the claim as a whole.
    pub adjustments: Vec<PriorAdjustment>,
}

/// An accident that the care is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Accident {
    /// With a vehicle.
    Vehicle,
    /// At work.
    Employment,
    /// Other.
    Other,
}

/// What only institutional claims have.
#[derive(Clone, PartialEq, Eq)]
pub struct Institutional {
    /// The type of bill without its frequency.
    pub bill_type: ShortCode,
    /// The first day of the statement.
    pub from: ServiceDate,
    /// The last day of it.
    pub through: ServiceDate,
    /// The day of admission.
    pub admission: Option<ServiceDate>,
    /// Type of admission.
    pub admission_type: ShortCode,
    /// Point of origin.
    pub origin: ShortCode,
    /// Discharge status.
    pub discharge: ShortCode,
    /// The diagnosis-related group, as the sender has it.
    pub drg: ShortCode,
    /// Who is in charge of the patient.
    pub attending: Code,
    /// Procedures with their days, the principal first.
    pub procedures: Vec<(Code, Option<ServiceDate>)>,
    /// Value codes with their amounts, in hundredths.
    pub values: Vec<(ShortCode, Money)>,
    /// Occurrence codes with their first and, of spans, last days.
    pub occurrences: Vec<(ShortCode, ServiceDate, Option<ServiceDate>)>,
    /// Condition codes.
    pub conditions: Vec<ShortCode>,
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

/// A prior authorisation or a referral on file, with what is left of it.
#[derive(Clone)]
pub struct Authorization {
    /// Whether it is a referral to a provider.
    pub referral: bool,
    /// What is authorised; none of a referral for whatever is needed.
    pub procedure: Code,
    /// To whom; none when it is anybody.
    pub provider: Code,
    /// First day.
    pub from: ServiceDate,
    /// Last day.
    pub through: ServiceDate,
    /// Units left. Of a referral to anybody all that were referred: whose services
    /// need one a policy knows, and the engine does not, so that the policy counts
    /// what was used of it.
    pub remaining: Quantity,
}

impl Authorization {
    /// Whether it is good for who gives a line's service and for all of its days:
    /// it is to anybody, to who rendered the line, or to who bills. What it
    /// authorises is not looked at.
    #[must_use]
    pub fn is_good_for(&self, claim: &Claim, line: &Line) -> bool {
        let whose = [Code::NONE, line.rendering, claim.billing];
        whose.contains(&self.provider) && self.from <= line.from && line.through <= self.through
    }
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
    /// How many members of the contract are covered under the product, this one
    /// among them.
    pub covered_members: u16,
    /// Prior authorisations.
    pub authorizations: Vec<Authorization>,
    /// Balances; [`crate::Balances`] reads them.
    pub balances: Vec<Balance>,
    /// This payer's place among those of the claim: 1 is primary, 0 when the
    /// sender does not say.
    pub sequence: u8,
    /// The other payers.
    pub payers: Vec<Payer>,
    /// What the patient has paid already.
    pub patient_paid: Money,
    /// Whether the sender names a referral.
    pub referral: bool,
    /// Who referred.
    pub referring: Code,
    /// Where it was done, when not at the billing provider's.
    pub facility: Code,
    /// An accident that the care is for.
    pub accident: Option<Accident>,
    /// What only an institutional claim has.
    pub institutional: Option<Institutional>,
}

impl Claim {
    /// Whom the contract covers.
    #[must_use]
    pub fn tier(&self) -> CoverageTier {
        match self.covered_members {
            0 | 1 => CoverageTier::SelfOnly,
            _ => CoverageTier::Family,
        }
    }

    /// The positions of the lines by their first day; those of one day as they stand
    /// on the claim. For a plan whose lines depend on what came before them: what it
    /// answers must still be in the claim's order.
    ///
    /// ```
    /// use tally_sdk::{mock, prelude::*};
    ///
    /// let on = |day| mock::line(Code::of("D1110"), Money::ZERO, date(2026, 5, day));
    /// let claim = mock::claim(vec![on(9), on(2), on(9), on(1)]);
    /// assert_eq!(claim.by_day(), [3, 1, 0, 2]);
    /// ```
    #[must_use]
    pub fn by_day(&self) -> Vec<usize> {
        let lines = self.lines.iter().enumerate();
        let days: Vec<(ServiceDate, usize)> = lines.map(|(at, line)| (line.from, at)).collect();
        // A heap's sort does not call itself, and is quick for long claims.
        let days = BinaryHeap::from(days).into_sorted_vec();
        days.into_iter().map(|(_, at)| at).collect()
    }

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
