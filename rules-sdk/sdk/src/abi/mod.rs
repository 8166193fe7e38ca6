//! The interface as generated from `tally-policy.wit`, and the way between it
//! and the types an author uses.
#![allow(missing_docs)] // hidden: the macros' own

use alloc::vec::Vec;

use tally_types::{Code, CodeSystem, Money, Quantity, ServiceDate, ShortCode};

use crate::plan::{Period, Plan, Scope, Unit};
use crate::{claim, plan};

// Made from the interface by a test of `tally-policy-build`, which compares it:
// so a policy needs no generator, and nothing from a registry, to be built.
#[rustfmt::skip]
#[allow(missing_docs, unsafe_code, clippy::all, rustdoc::all)]
pub mod generated;
pub mod runtime;

/// Exports a policy. [`crate::policy`] writes it.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;
            impl $crate::abi::generated::Guest for Exported {
                fn describe() -> $crate::abi::generated::Description {
                    $crate::abi::describe(<$policy as $crate::Policy>::PLAN)
                }
                fn adjudicate(
                    context: $crate::abi::generated::Context,
                ) -> $crate::abi::generated::Determination {
                    let claim = $crate::abi::claim_in(context);
                    $crate::abi::determination_out(<$policy as $crate::Policy>::adjudicate(&claim))
                }
            }
    $crate::abi::generated::export_abi!(Exported with_types_in $crate::abi::generated);
        };
    };
}

// What the host hands over it has checked: to check it again would cost a
// policy as much as a rule of its own.
fn code(code: generated::Code) -> Code {
    Code::trusted(u128::from(code.hi) << 64 | u128::from(code.lo))
}

fn short(packed: u64) -> ShortCode {
    ShortCode::trusted(packed)
}

fn day(days: i32) -> ServiceDate {
    ServiceDate::from_days(days).unwrap_or(ServiceDate::MIN)
}

/// A kind of claim, as a question has it.
pub const fn kind_out(kind: claim::ClaimKind) -> generated::ClaimKind {
    match kind {
        claim::ClaimKind::Professional => generated::ClaimKind::Professional,
        claim::ClaimKind::Institutional => generated::ClaimKind::Institutional,
        claim::ClaimKind::Oral => generated::ClaimKind::Oral,
        claim::ClaimKind::Vision => generated::ClaimKind::Vision,
        claim::ClaimKind::Pharmacy => generated::ClaimKind::Pharmacy,
    }
}

pub fn claim_in(context: generated::Context) -> claim::Claim {
    let billing = code(context.billing);
    claim::Claim {
        kind: match context.kind {
            generated::ClaimKind::Professional => claim::ClaimKind::Professional,
            generated::ClaimKind::Institutional => claim::ClaimKind::Institutional,
            generated::ClaimKind::Oral => claim::ClaimKind::Oral,
            generated::ClaimKind::Vision => claim::ClaimKind::Vision,
            generated::ClaimKind::Pharmacy => claim::ClaimKind::Pharmacy,
        },
        received: day(context.received),
        billing,
        diagnoses: context.diagnoses.into_iter().map(code).collect(),
        lines: context
            .lines
            .into_iter()
            .map(|line| claim::Line {
                number: line.number,
                system: match line.system {
                    generated::CodeSystem::Unspecified => CodeSystem::Unspecified,
                    generated::CodeSystem::Hcpcs => CodeSystem::Hcpcs,
                    generated::CodeSystem::Cdt => CodeSystem::Cdt,
                    generated::CodeSystem::Ndc => CodeSystem::Ndc,
                    generated::CodeSystem::RxNorm => CodeSystem::RxNorm,
                    generated::CodeSystem::Snomed => CodeSystem::Snomed,
                    generated::CodeSystem::Icd10Pcs => CodeSystem::Icd10Pcs,
                    generated::CodeSystem::Revenue => CodeSystem::Revenue,
                    generated::CodeSystem::Other => CodeSystem::Other,
                },
                procedure: code(line.procedure),
                modifiers: [
                    short(line.modifiers.m1),
                    short(line.modifiers.m2),
                    short(line.modifiers.m3),
                    short(line.modifiers.m4),
                ],
                revenue: short(line.revenue),
                place: short(line.place),
                diagnoses: line.diagnoses,
                quantity: Quantity::from_scaled(line.quantity),
                charge: Money::from_scaled(line.charge),
                from: day(line.from),
                through: day(line.through),
                rendering: match code(line.rendering) {
                    Code::NONE => billing,
                    other => other,
                },
                emergency: line.emergency,
                unit: short(line.unit),
                drug: line
                    .detail
                    .as_ref()
                    .and_then(|detail| detail.drug)
                    .map(drug_in),
                cavities: match &line.detail {
                    Some(detail) => detail.cavities.iter().copied().map(short).collect(),
                    None => Vec::new(),
                },
                teeth: match &line.detail {
                    Some(detail) => detail.teeth.iter().map(tooth_in).collect(),
                    None => Vec::new(),
                },
                prior: line.prior.into_iter().map(prior_line_in).collect(),
            })
            .collect(),
        member: claim::Member {
            birth: day(context.member.birth),
            sex: match context.member.sex {
                generated::Sex::Unknown => claim::Sex::Unknown,
                generated::Sex::Female => claim::Sex::Female,
                generated::Sex::Male => claim::Sex::Male,
                generated::Sex::Other => claim::Sex::Other,
            },
            relationship: match context.member.relationship {
                generated::Relationship::Subscriber => claim::Relationship::Subscriber,
                generated::Relationship::Spouse => claim::Relationship::Spouse,
                generated::Relationship::Child => claim::Relationship::Child,
                generated::Relationship::Other => claim::Relationship::Other,
            },
        },
        covered_since: day(context.covered_since),
        covered_members: context.covered_members,
        authorizations: context
            .authorizations
            .into_iter()
            .map(|auth| claim::Authorization {
                referral: matches!(auth.kind, generated::AuthorizationKind::Referral),
                procedure: code(auth.procedure),
                provider: code(auth.provider),
                from: day(auth.from),
                through: day(auth.through),
                remaining: Quantity::from_scaled(auth.remaining),
            })
            .collect(),
        balances: context
            .balances
            .into_iter()
            .map(|balance| claim::Balance {
                accumulator: plan::AccumulatorId(balance.accumulator),
                period: day(balance.period),
                used: balance.used,
            })
            .collect(),
        sequence: context.sequence,
        payers: context.payers.into_iter().map(payer_in).collect(),
        patient_paid: Money::from_scaled(context.patient_paid),
        referral: context.referral,
        referring: code(context.referring),
        facility: code(context.facility),
        accident: context.accident.map(|accident| match accident {
            generated::Accident::Vehicle => claim::Accident::Vehicle,
            generated::Accident::Employment => claim::Accident::Employment,
            generated::Accident::Other => claim::Accident::Other,
        }),
        institutional: context.institutional.map(institutional_in),
    }
}

fn drug_in(drug: generated::Drug) -> claim::Drug {
    claim::Drug {
        ndc: code(drug.ndc),
        quantity: Quantity::from_scaled(drug.quantity),
        unit: short(drug.unit),
    }
}

fn tooth_in(tooth: &generated::Tooth) -> claim::Tooth {
    claim::Tooth {
        code: short(tooth.code),
        surfaces: short(tooth.surfaces),
    }
}

fn prior_in(adjustment: generated::PriorAdjustment) -> claim::PriorAdjustment {
    claim::PriorAdjustment {
        group: match adjustment.group {
            generated::Group::Co => tally_types::Group::Co,
            generated::Group::Pr => tally_types::Group::Pr,
            generated::Group::Oa => tally_types::Group::Oa,
            generated::Group::Pi => tally_types::Group::Pi,
        },
        reason: short(adjustment.reason),
        amount: Money::from_scaled(adjustment.amount),
    }
}

fn prior_line_in(line: generated::PriorLine) -> claim::PriorLine {
    claim::PriorLine {
        payer: line.payer,
        paid: Money::from_scaled(line.paid),
        units: Quantity::from_scaled(line.units),
        remaining: line.remaining.map(Money::from_scaled),
        decided: line.decided.map(day),
        adjustments: line.adjustments.into_iter().map(prior_in).collect(),
    }
}

fn payer_in(payer: generated::OtherPayer) -> claim::Payer {
    claim::Payer {
        sequence: payer.sequence,
        filing: short(payer.filing),
        paid: payer.paid.map(Money::from_scaled),
        remaining: payer.remaining.map(Money::from_scaled),
        decided: payer.decided.map(day),
        adjustments: payer.adjustments.into_iter().map(prior_in).collect(),
    }
}

fn institutional_in(from: generated::Institutional) -> claim::Institutional {
    claim::Institutional {
        bill_type: short(from.bill_type),
        from: day(from.from),
        through: day(from.through),
        admission: from.admission.map(day),
        admission_type: short(from.admission_type),
        origin: short(from.origin),
        discharge: short(from.discharge),
        drg: short(from.drg),
        attending: code(from.attending),
        procedures: from
            .procedures
            .into_iter()
            .map(|procedure| (code(procedure.code), procedure.on.map(day)))
            .collect(),
        values: from
            .values
            .into_iter()
            .map(|value| (short(value.code), Money::from_scaled(value.amount)))
            .collect(),
        occurrences: from
            .occurrences
            .into_iter()
            .map(|occurrence| {
                let through = occurrence.through.map(day);
                (short(occurrence.code), day(occurrence.from), through)
            })
            .collect(),
        conditions: from.conditions.into_iter().map(short).collect(),
    }
}

pub fn determination_out(from: claim::Determination) -> generated::Determination {
    generated::Determination {
        verdict: match from.verdict {
            claim::Verdict::Pended {
                reason,
                line,
                clause,
            } => generated::Verdict::Pended(generated::Pend {
                reason: reason.0,
                line,
                clause: clause.0,
            }),
            claim::Verdict::Settled(lines) => {
                generated::Verdict::Settled(lines.into_iter().map(line_out).collect())
            }
        },
        findings: from
            .findings
            .into_iter()
            .map(|finding| generated::Finding {
                pattern: finding.pattern.0,
                line: finding.line,
                score: finding.score,
                clause: finding.clause.0,
            })
            .collect(),
    }
}

fn line_out(line: claim::LineDetermination) -> generated::LineDetermination {
    generated::LineDetermination {
        line: line.line,
        denied: line.denied,
        allowed: line.allowed.scaled(),
        paid: line.paid.scaled(),
        clause: line.clause.0,
        adjustments: line
            .adjustments
            .into_iter()
            .map(|adjustment| generated::Adjustment {
                group: match adjustment.group {
                    tally_types::Group::Co => generated::Group::Co,
                    tally_types::Group::Pr => generated::Group::Pr,
                    tally_types::Group::Oa => generated::Group::Oa,
                    tally_types::Group::Pi => generated::Group::Pi,
                },
                carc: adjustment.carc.0,
                rarc: adjustment.rarc.packed(),
                amount: adjustment.amount.scaled(),
                clause: adjustment.clause.0,
            })
            .collect(),
        postings: line
            .postings
            .into_iter()
            .map(|posting| generated::Posting {
                accumulator: posting.accumulator.0,
                amount: posting.amount,
            })
            .collect(),
    }
}

pub fn describe(plan: &Plan) -> generated::Description {
    generated::Description {
        product: plan.product.into(),
        title: plan.title.into(),
        version: plan.version.into(),
        currency: "USD".into(),
        clauses: plan
            .clauses
            .iter()
            .map(|clause| generated::Clause {
                id: clause.id.into(),
                title: clause.title.into(),
                text: clause.text.into(),
            })
            .collect(),
        accumulators: plan
            .accumulators
            .iter()
            .map(|accumulator| generated::Accumulator {
                name: accumulator.name.into(),
                scope: match accumulator.scope {
                    Scope::Member => generated::AccumulatorScope::Member,
                    Scope::Family => generated::AccumulatorScope::Family,
                },
                unit: match accumulator.unit {
                    Unit::Money => generated::AccumulatorUnit::Money,
                    Unit::Count => generated::AccumulatorUnit::Count,
                },
                period: match accumulator.period {
                    Period::CalendarYear => generated::AccumulatorPeriod::CalendarYear,
                    Period::ContractYear => generated::AccumulatorPeriod::ContractYear,
                    Period::Lifetime => generated::AccumulatorPeriod::Lifetime,
                },
                limits: accumulator
                    .limits
                    .iter()
                    .map(|(effective, limit)| generated::DatedLimit {
                        effective: effective.days(),
                        limit: *limit,
                    })
                    .collect(),
                pool: accumulator.pool.into(),
                carried: accumulator.carried,
            })
            .collect(),
        tables: plan.tables.iter().map(|name| (*name).into()).collect(),
        pend_reasons: plan
            .pend_reasons
            .iter()
            .map(|pend| generated::PendReason {
                id: pend.id.into(),
                text: pend.text.into(),
                resolution: pend.resolution.into(),
            })
            .collect(),
        patterns: plan
            .patterns
            .iter()
            .map(|pattern| generated::Pattern {
                id: pattern.id.into(),
                title: pattern.title.into(),
            })
            .collect::<Vec<_>>(),
        cost_share: plan
            .cost_share
            .iter()
            .map(|step| match step {
                plan::CostStep::Copay => generated::CostStep::Copay,
                plan::CostStep::Deductible => generated::CostStep::Deductible,
                plan::CostStep::Coinsurance => generated::CostStep::Coinsurance,
            })
            .collect(),
        rounding: match plan.rounding {
            tally_types::Rounding::HalfUp => generated::Rounding::HalfUp,
            tally_types::Rounding::HalfEven => generated::Rounding::HalfEven,
        },
    }
}
