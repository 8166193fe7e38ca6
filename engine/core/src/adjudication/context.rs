//! What a policy is given: the records of `tally-policy.wit` that make up its
//! input, one for one, with their canonical encodings. They hold protected health
//! information: no `Debug`, no `Display`.

use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};

use super::others::narrowed;
use crate::claim::{
    AccidentCause, AuthorizationKind, Claim, ClaimKind, DatedProcedure, Drug, Institutional,
    Modifiers, OccurrenceCode, OtherPayer, PriorAdjustment, PriorLine, Provider, Relationship,
    ServiceLine, Sex, Tooth, ValueCode,
};

/// A service line as a policy sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextLine {
    /// The line's number on the claim.
    pub number: u16,
    /// Which list the procedure is of.
    pub system: CodeSystem,
    /// The procedure.
    pub procedure: Code,
    /// Modifiers.
    pub modifiers: Modifiers,
    /// Revenue code.
    pub revenue: ShortCode,
    /// Place of service.
    pub place: ShortCode,
    /// Diagnosis pointers, a bit each.
    pub diagnoses: u32,
    /// Units.
    pub quantity: Quantity,
    /// Charge.
    pub charge: Money,
    /// First date of service.
    pub from: ServiceDate,
    /// Last date of service.
    pub through: ServiceDate,
    /// The rendering provider, or none when it is the billing provider.
    pub rendering: Code,
    /// Marked an emergency.
    pub emergency: bool,
    /// What a unit is, as sent.
    pub unit: ShortCode,
    /// What only some lines have.
    pub detail: Option<ContextDetail>,
    /// What other payers did to it.
    pub prior: Vec<PriorLine>,
}

/// What only some lines have, as a policy sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextDetail {
    /// The drug that was given.
    pub drug: Option<Drug>,
    /// Areas of the mouth.
    pub cavities: Vec<ShortCode>,
    /// Teeth.
    pub teeth: Vec<Tooth>,
}

/// What a policy learns of the member: nothing that names them.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextMember {
    /// Date of birth.
    pub birth: ServiceDate,
    /// Sex.
    pub sex: Sex,
    /// Relationship to the subscriber.
    pub relationship: Relationship,
}

/// A prior authorisation or a referral as a policy sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextAuthorization {
    /// Which of the two.
    pub kind: AuthorizationKind,
    /// What is authorised; none of a referral.
    pub procedure: Code,
    /// To whom; none when it is anybody.
    pub provider: Code,
    /// First day.
    pub from: ServiceDate,
    /// Last day.
    pub through: ServiceDate,
    /// Units left.
    pub remaining: Quantity,
}

/// A balance before this claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Position in [`super::Description::accumulators`].
    pub accumulator: u16,
    /// First day of the period.
    pub period: ServiceDate,
    /// Minor units, or a count.
    pub used: i64,
}

/// Another payer as a policy sees it: not by its name.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextPayer {
    /// Its place: 1 is primary, 0 when the sender does not say.
    pub sequence: u8,
    /// What kind of cover it is.
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

/// What only an institutional claim has, as a policy sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextInstitutional {
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
    /// Procedures, the principal first.
    pub procedures: Vec<DatedProcedure>,
    /// Value codes.
    pub values: Vec<ValueCode>,
    /// Occurrence codes.
    pub occurrences: Vec<OccurrenceCode>,
    /// Condition codes.
    pub conditions: Vec<ShortCode>,
}

/// All that a policy is given: its input, canonical and committed to.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    /// What kind of claim.
    pub kind: ClaimKind,
    /// When it was received.
    pub received: ServiceDate,
    /// The billing provider.
    pub billing: Code,
    /// Diagnoses.
    pub diagnoses: Vec<Code>,
    /// The lines that no engine edit has denied.
    pub lines: Vec<ContextLine>,
    /// The member.
    pub member: ContextMember,
    /// The first day of the present span of cover.
    pub covered_since: ServiceDate,
    /// How many members of the contract are covered under the product on the first
    /// day of the lines, this one among them.
    pub covered_members: u16,
    /// Prior authorisations and referrals.
    pub authorizations: Vec<ContextAuthorization>,
    /// Balances of the accumulators for every period a line falls in, and the
    /// period before of those that are carried.
    pub balances: Vec<Balance>,
    /// This payer's place among those of the claim.
    pub sequence: u8,
    /// The other payers.
    pub payers: Vec<ContextPayer>,
    /// What the patient has paid already.
    pub patient_paid: Money,
    /// Whether the sender names a referral.
    pub referral: bool,
    /// Who referred.
    pub referring: Code,
    /// Where it was done, when not at the billing provider's.
    pub facility: Code,
    /// An accident that the care is for.
    pub accident: Option<AccidentCause>,
    /// What only an institutional claim has.
    pub institutional: Option<ContextInstitutional>,
}

fn code_of(provider: Option<&Provider>) -> Code {
    provider.map_or(Code::NONE, Provider::code)
}

impl ContextLine {
    /// What a policy sees of a line.
    #[must_use]
    pub fn of(line: &ServiceLine) -> Self {
        let detail = &line.detail;
        let plain = detail.drug.is_none() && detail.cavities.is_empty() && detail.teeth.is_empty();
        Self {
            number: line.number,
            system: line.system,
            procedure: line.procedure,
            modifiers: line.modifiers,
            revenue: line.revenue,
            place: line.place,
            diagnoses: line.diagnoses,
            quantity: line.quantity,
            charge: line.charge,
            from: line.from,
            through: line.through,
            rendering: code_of(line.rendering.as_ref()),
            emergency: line.emergency,
            unit: detail.unit,
            detail: (!plain).then(|| ContextDetail {
                drug: detail.drug,
                cavities: detail.cavities.clone(),
                teeth: detail.teeth.clone(),
            }),
            prior: line.prior.clone(),
        }
    }
}

impl ContextPayer {
    /// What a sender says of another payer.
    pub(super) fn of(payer: &OtherPayer) -> Self {
        Self {
            sequence: payer.sequence,
            filing: payer.filing,
            paid: payer.paid,
            remaining: payer.remaining,
            decided: payer.decided,
            adjustments: payer.adjustments.clone(),
        }
    }
}

impl ContextInstitutional {
    fn of(claim: &Institutional) -> Self {
        Self {
            bill_type: claim.bill_type,
            from: claim.from,
            through: claim.through,
            admission: claim.admission,
            admission_type: claim.admission_type,
            origin: claim.origin,
            discharge: claim.discharge,
            drg: claim.drg,
            attending: code_of(claim.attending.as_ref()),
            procedures: claim.procedures.clone(),
            values: claim.values.clone(),
            occurrences: claim.occurrences.clone(),
            conditions: claim.conditions.clone(),
        }
    }
}

impl Context {
    /// What a policy sees of a claim: its `lines`, of other payers what they did of
    /// these, and of the member what enrolment and the unit's history say.
    #[must_use]
    pub fn of<'a>(
        claim: &Claim,
        lines: impl Iterator<Item = &'a ServiceLine>,
        member: ContextMember,
        (covered_since, covered_members): (ServiceDate, u16),
        authorizations: Vec<ContextAuthorization>,
        balances: Vec<Balance>,
    ) -> Self {
        let circumstances = &claim.circumstances;
        let lines: Vec<ContextLine> = lines.map(ContextLine::of).collect();
        let given: Vec<u16> = lines.iter().map(|line| line.number).collect();
        let others = (0u8..).zip(&claim.coordination.others);
        Self {
            kind: claim.kind,
            received: claim.received,
            billing: claim.billing.code(),
            diagnoses: claim.diagnoses.clone(),
            lines,
            member,
            covered_since,
            covered_members,
            authorizations,
            balances,
            sequence: claim.coordination.sequence,
            payers: others
                .map(|(at, payer)| narrowed(claim, at, payer, &given))
                .collect(),
            patient_paid: claim.coordination.patient_paid,
            referral: circumstances.referral.is_some(),
            referring: code_of(circumstances.referring.as_ref()),
            facility: code_of(circumstances.facility.as_ref()),
            accident: circumstances.accident.map(|accident| accident.cause),
            institutional: claim.institutional.as_ref().map(ContextInstitutional::of),
        }
    }
}

crate::canon_record!(ContextDetail {
    drug,
    cavities,
    teeth
});
crate::canon_record!(ContextLine {
    number,
    system,
    procedure,
    modifiers,
    revenue,
    place,
    diagnoses,
    quantity,
    charge,
    from,
    through,
    rendering,
    emergency,
    unit,
    detail,
    prior,
});
crate::canon_record!(ContextMember {
    birth,
    sex,
    relationship
});
crate::canon_record!(ContextAuthorization {
    kind,
    procedure,
    provider,
    from,
    through,
    remaining
});
crate::canon_record!(Balance {
    accumulator,
    period,
    used
});
crate::canon_record!(ContextPayer {
    sequence,
    filing,
    paid,
    remaining,
    decided,
    adjustments,
});
crate::canon_record!(ContextInstitutional {
    bill_type,
    from,
    through,
    admission,
    admission_type,
    origin,
    discharge,
    drg,
    attending,
    procedures,
    values,
    occurrences,
    conditions,
});
crate::canon_record!(Context {
    kind,
    received,
    billing,
    diagnoses,
    lines,
    member,
    covered_since,
    covered_members,
    authorizations,
    balances,
    sequence,
    payers,
    patient_paid,
    referral,
    referring,
    facility,
    accident,
    institutional,
});
