//! The interface as wasmtime sees it, and the way to and from the core's types.

use tally_core::adjudication as core;
use tally_core::claim::{
    AccidentCause, AuthorizationKind, ClaimKind, PriorAdjustment, PriorLine, Relationship, Sex,
};
use tally_types::{Carc, Code, CodeSystem, Group, Money, Rounding, ServiceDate, ShortCode};

#[allow(missing_docs, unsafe_code)] // generated
pub(crate) mod generated {
    wasmtime::component::bindgen!({
        world: "policy",
        path: "../../rules-sdk/wit",
    });
}

pub(crate) use generated::tallystick::policy::history::{Measure, Question};
pub(crate) use generated::tallystick::policy::reference::{Key, Row};

// How many bytes a policy may hand over is counted as the host holds them.
// Were these sizes others, some determination of nearly that size would come
// out otherwise than it did: so a compiler that lays them out anew is noticed.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<generated::LineDetermination>() == 72);
    assert!(size_of::<generated::Adjustment>() == 24);
    assert!(size_of::<generated::Posting>() == 16);
    assert!(size_of::<generated::Finding>() == 8);
    assert!(size_of::<Key>() == 40);
    assert!(size_of::<Question>() == 72);
};

/// Something a guest said that has no meaning in the core's types.
#[derive(Debug)]
pub(crate) struct Meaningless(pub &'static str);

fn code_out(code: Code) -> generated::Code {
    let (hi, lo) = code.halves();
    generated::Code { hi, lo }
}

fn code_in(hi: u64, lo: u64) -> Result<Code, Meaningless> {
    Code::from_halves(hi, lo).ok_or(Meaningless("code"))
}

fn date_in(days: i32) -> Result<ServiceDate, Meaningless> {
    ServiceDate::from_days(days).ok_or(Meaningless("date"))
}

pub(crate) fn context_out(context: &core::Context) -> generated::Context {
    generated::Context {
        kind: match context.kind {
            ClaimKind::Professional => generated::ClaimKind::Professional,
            ClaimKind::Institutional => generated::ClaimKind::Institutional,
            ClaimKind::Oral => generated::ClaimKind::Oral,
            ClaimKind::Vision => generated::ClaimKind::Vision,
            ClaimKind::Pharmacy => generated::ClaimKind::Pharmacy,
        },
        received: context.received.days(),
        billing: code_out(context.billing),
        diagnoses: context.diagnoses.iter().copied().map(code_out).collect(),
        lines: context.lines.iter().map(line_out).collect(),
        member: generated::Member {
            birth: context.member.birth.days(),
            sex: match context.member.sex {
                Sex::Unknown => generated::Sex::Unknown,
                Sex::Female => generated::Sex::Female,
                Sex::Male => generated::Sex::Male,
                Sex::Other => generated::Sex::Other,
            },
            relationship: match context.member.relationship {
                Relationship::Subscriber => generated::Relationship::Subscriber,
                Relationship::Spouse => generated::Relationship::Spouse,
                Relationship::Child => generated::Relationship::Child,
                Relationship::Other => generated::Relationship::Other,
            },
        },
        covered_since: context.covered_since.days(),
        covered_members: context.covered_members,
        authorizations: context
            .authorizations
            .iter()
            .map(|auth| generated::Authorization {
                kind: match auth.kind {
                    AuthorizationKind::Authorization => generated::AuthorizationKind::Authorization,
                    AuthorizationKind::Referral => generated::AuthorizationKind::Referral,
                },
                procedure: code_out(auth.procedure),
                provider: code_out(auth.provider),
                from: auth.from.days(),
                through: auth.through.days(),
                remaining: auth.remaining.scaled(),
            })
            .collect(),
        balances: context
            .balances
            .iter()
            .map(|balance| generated::Balance {
                accumulator: balance.accumulator,
                period: balance.period.days(),
                used: balance.used,
            })
            .collect(),
        sequence: context.sequence,
        payers: context.payers.iter().map(payer_out).collect(),
        patient_paid: context.patient_paid.scaled(),
        referral: context.referral,
        referring: code_out(context.referring),
        facility: code_out(context.facility),
        accident: context.accident.map(|accident| match accident {
            AccidentCause::Vehicle => generated::Accident::Vehicle,
            AccidentCause::Employment => generated::Accident::Employment,
            AccidentCause::Other => generated::Accident::Other,
        }),
        institutional: context.institutional.as_ref().map(institutional_out),
    }
}

fn payer_out(payer: &core::ContextPayer) -> generated::OtherPayer {
    generated::OtherPayer {
        sequence: payer.sequence,
        filing: payer.filing.packed(),
        paid: payer.paid.map(Money::scaled),
        remaining: payer.remaining.map(Money::scaled),
        decided: payer.decided.map(ServiceDate::days),
        adjustments: payer.adjustments.iter().map(prior_out).collect(),
    }
}

fn prior_out(adjustment: &PriorAdjustment) -> generated::PriorAdjustment {
    generated::PriorAdjustment {
        group: match adjustment.group {
            Group::Co => generated::Group::Co,
            Group::Pr => generated::Group::Pr,
            Group::Oa => generated::Group::Oa,
            Group::Pi => generated::Group::Pi,
        },
        reason: adjustment.reason.packed(),
        amount: adjustment.amount.scaled(),
    }
}

fn prior_line_out(line: &PriorLine) -> generated::PriorLine {
    generated::PriorLine {
        payer: line.payer,
        paid: line.paid.scaled(),
        units: line.units.scaled(),
        remaining: line.remaining.map(Money::scaled),
        decided: line.decided.map(ServiceDate::days),
        adjustments: line.adjustments.iter().map(prior_out).collect(),
    }
}

fn detail_out(detail: &core::ContextDetail) -> generated::LineDetail {
    generated::LineDetail {
        drug: detail.drug.map(|drug| generated::Drug {
            ndc: code_out(drug.ndc),
            quantity: drug.quantity.scaled(),
            unit: drug.unit.packed(),
        }),
        cavities: detail.cavities.iter().map(|code| code.packed()).collect(),
        teeth: detail
            .teeth
            .iter()
            .map(|tooth| generated::Tooth {
                code: tooth.code.packed(),
                surfaces: tooth.surfaces.packed(),
            })
            .collect(),
    }
}

fn institutional_out(claim: &core::ContextInstitutional) -> generated::Institutional {
    generated::Institutional {
        bill_type: claim.bill_type.packed(),
        from: claim.from.days(),
        through: claim.through.days(),
        admission: claim.admission.map(ServiceDate::days),
        admission_type: claim.admission_type.packed(),
        origin: claim.origin.packed(),
        discharge: claim.discharge.packed(),
        drg: claim.drg.packed(),
        attending: code_out(claim.attending),
        procedures: claim
            .procedures
            .iter()
            .map(|procedure| generated::DatedProcedure {
                code: code_out(procedure.code),
                on: procedure.on.map(ServiceDate::days),
            })
            .collect(),
        values: claim
            .values
            .iter()
            .map(|value| generated::ValueCode {
                code: value.code.packed(),
                amount: value.amount.scaled(),
            })
            .collect(),
        occurrences: claim
            .occurrences
            .iter()
            .map(|occurrence| generated::OccurrenceCode {
                code: occurrence.code.packed(),
                from: occurrence.from.days(),
                through: occurrence.through.map(ServiceDate::days),
            })
            .collect(),
        conditions: claim.conditions.iter().map(|code| code.packed()).collect(),
    }
}

fn line_out(line: &core::ContextLine) -> generated::ServiceLine {
    let [m1, m2, m3, m4] = line.modifiers.map(ShortCode::packed);
    generated::ServiceLine {
        number: line.number,
        system: match line.system {
            CodeSystem::Unspecified => generated::CodeSystem::Unspecified,
            CodeSystem::Hcpcs => generated::CodeSystem::Hcpcs,
            CodeSystem::Cdt => generated::CodeSystem::Cdt,
            CodeSystem::Ndc => generated::CodeSystem::Ndc,
            CodeSystem::RxNorm => generated::CodeSystem::RxNorm,
            CodeSystem::Snomed => generated::CodeSystem::Snomed,
            CodeSystem::Icd10Pcs => generated::CodeSystem::Icd10Pcs,
            CodeSystem::Revenue => generated::CodeSystem::Revenue,
            CodeSystem::Other => generated::CodeSystem::Other,
        },
        procedure: code_out(line.procedure),
        modifiers: generated::Modifiers { m1, m2, m3, m4 },
        revenue: line.revenue.packed(),
        place: line.place.packed(),
        diagnoses: line.diagnoses,
        quantity: line.quantity.scaled(),
        charge: line.charge.scaled(),
        from: line.from.days(),
        through: line.through.days(),
        rendering: code_out(line.rendering),
        emergency: line.emergency,
        unit: line.unit.packed(),
        detail: line.detail.as_ref().map(detail_out),
        prior: line.prior.iter().map(prior_line_out).collect(),
    }
}

pub(crate) fn determination_in(
    from: generated::Determination,
) -> Result<core::Determination, Meaningless> {
    let verdict = match from.verdict {
        generated::Verdict::Pended(pend) => core::Verdict::Pended(core::Pend {
            reason: pend.reason,
            line: pend.line,
            clause: pend.clause,
        }),
        generated::Verdict::Settled(lines) => core::Verdict::Settled(
            lines
                .into_iter()
                .map(line_in)
                .collect::<Result<_, Meaningless>>()?,
        ),
    };
    let findings = from
        .findings
        .into_iter()
        .map(|finding| core::Finding {
            pattern: finding.pattern,
            line: finding.line,
            score: finding.score,
            clause: finding.clause,
        })
        .collect();
    Ok(core::Determination { verdict, findings })
}

fn line_in(line: generated::LineDetermination) -> Result<core::LineDetermination, Meaningless> {
    Ok(core::LineDetermination {
        line: line.line,
        denied: line.denied,
        allowed: Money::from_scaled(line.allowed),
        paid: Money::from_scaled(line.paid),
        clause: line.clause,
        adjustments: line
            .adjustments
            .into_iter()
            .map(|adjustment| {
                Ok(core::Adjustment {
                    group: match adjustment.group {
                        generated::Group::Co => Group::Co,
                        generated::Group::Pr => Group::Pr,
                        generated::Group::Oa => Group::Oa,
                        generated::Group::Pi => Group::Pi,
                    },
                    carc: Carc(adjustment.carc),
                    rarc: ShortCode::from_packed(adjustment.rarc)
                        .ok_or(Meaningless("remark code"))?,
                    amount: Money::from_scaled(adjustment.amount),
                    clause: adjustment.clause,
                })
            })
            .collect::<Result<_, Meaningless>>()?,
        postings: line
            .postings
            .into_iter()
            .map(|posting| core::Posting {
                accumulator: posting.accumulator,
                amount: posting.amount,
            })
            .collect(),
    })
}

pub(crate) fn description_in(
    from: generated::Description,
) -> Result<core::Description, Meaningless> {
    Ok(core::Description {
        product: from.product,
        title: from.title,
        version: from.version,
        currency: from.currency,
        clauses: from
            .clauses
            .into_iter()
            .map(|clause| core::Clause {
                id: clause.id,
                title: clause.title,
                text: clause.text,
            })
            .collect(),
        accumulators: from
            .accumulators
            .into_iter()
            .map(|accumulator| {
                Ok(core::Accumulator {
                    name: accumulator.name,
                    scope: match accumulator.scope {
                        generated::AccumulatorScope::Member => core::AccumulatorScope::Member,
                        generated::AccumulatorScope::Family => core::AccumulatorScope::Family,
                    },
                    unit: match accumulator.unit {
                        generated::AccumulatorUnit::Money => core::AccumulatorUnit::Money,
                        generated::AccumulatorUnit::Count => core::AccumulatorUnit::Count,
                    },
                    period: match accumulator.period {
                        generated::AccumulatorPeriod::CalendarYear => {
                            core::AccumulatorPeriod::CalendarYear
                        }
                        generated::AccumulatorPeriod::ContractYear => {
                            core::AccumulatorPeriod::ContractYear
                        }
                        generated::AccumulatorPeriod::Lifetime => core::AccumulatorPeriod::Lifetime,
                    },
                    limits: accumulator
                        .limits
                        .into_iter()
                        .map(|dated| {
                            Ok(core::DatedLimit {
                                effective: date_in(dated.effective)?,
                                limit: dated.limit,
                            })
                        })
                        .collect::<Result<_, Meaningless>>()?,
                    pool: accumulator.pool,
                    carried: accumulator.carried,
                })
            })
            .collect::<Result<_, Meaningless>>()?,
        tables: from.tables,
        pend_reasons: from
            .pend_reasons
            .into_iter()
            .map(|pend| core::PendReason {
                id: pend.id,
                text: pend.text,
                resolution: pend.resolution,
            })
            .collect(),
        patterns: from
            .patterns
            .into_iter()
            .map(|pattern| core::Pattern {
                id: pattern.id,
                title: pattern.title,
            })
            .collect(),
        cost_share: from
            .cost_share
            .into_iter()
            .map(|step| match step {
                generated::CostStep::Copay => core::CostStep::Copay,
                generated::CostStep::Deductible => core::CostStep::Deductible,
                generated::CostStep::Coinsurance => core::CostStep::Coinsurance,
            })
            .collect(),
        rounding: match from.rounding {
            generated::Rounding::HalfUp => Rounding::HalfUp,
            generated::Rounding::HalfEven => Rounding::HalfEven,
        },
    })
}

pub(crate) fn key_in(key: Key) -> Result<core::TableKey, Meaningless> {
    Ok(core::TableKey {
        a: code_in(key.a_hi, key.a_lo)?,
        b: code_in(key.b_hi, key.b_lo)?,
        on: date_in(key.on)?,
    })
}

pub(crate) fn row_out(row: &core::TableRow) -> Row {
    let [v1, v2, v3, v4] = row.values;
    Row {
        found: row.found,
        v1,
        v2,
        v3,
        v4,
    }
}

const fn kind_in(kind: generated::ClaimKind) -> ClaimKind {
    match kind {
        generated::ClaimKind::Professional => ClaimKind::Professional,
        generated::ClaimKind::Institutional => ClaimKind::Institutional,
        generated::ClaimKind::Oral => ClaimKind::Oral,
        generated::ClaimKind::Vision => ClaimKind::Vision,
        generated::ClaimKind::Pharmacy => ClaimKind::Pharmacy,
    }
}

pub(crate) fn question_in(question: Question) -> Result<core::Question, Meaningless> {
    Ok(core::Question {
        what: match question.what {
            Measure::Units => core::Measure::Units,
            Measure::Lines => core::Measure::Lines,
            Measure::LastDate => core::Measure::LastDate,
        },
        code: code_in(question.code_hi, question.code_lo)?,
        revenue: ShortCode::from_packed(question.revenue).ok_or(Meaningless("code"))?,
        provider: code_in(question.provider_hi, question.provider_lo)?,
        billing: code_in(question.billing_hi, question.billing_lo)?,
        kind: question.kind.map(kind_in),
        from: date_in(question.from)?,
        through: date_in(question.through)?,
        until: date_in(question.until)?,
        family: question.family,
    })
}
