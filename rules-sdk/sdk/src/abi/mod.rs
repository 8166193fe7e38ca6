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
        authorizations: context
            .authorizations
            .into_iter()
            .map(|auth| claim::Authorization {
                procedure: code(auth.procedure),
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
    }
}
