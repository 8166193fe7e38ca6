//! Typed aggregates of the family's own earlier lines that were not denied.

use alloc::vec::Vec;

use tally_types::{Code, ServiceDate, ShortCode};

use crate::claim::ClaimKind;

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Units of service, in ten-thousandths.
    Units,
    /// Service lines.
    Lines,
    /// The last first date of service, as a day; `i64::MIN` when there is none.
    LastDate,
}

/// A question.
#[derive(Clone, Copy)]
pub struct Question {
    /// What to measure.
    pub what: Measure,
    /// The procedure, or [`Code::NONE`] for any.
    pub code: Code,
    /// The revenue code, or [`ShortCode::NONE`] for any.
    pub revenue: ShortCode,
    /// Who rendered it, as [`crate::Line::rendering`] has it: the billing
    /// provider where nobody else is named. [`Code::NONE`] for any.
    pub provider: Code,
    /// Who billed it, as [`crate::Claim::billing`] has it. [`Code::NONE`] for any.
    pub billing: Code,
    /// On what kind of claim; none for any.
    pub kind: Option<ClaimKind>,
    /// The earliest first date of service.
    pub from: ServiceDate,
    /// The latest first date of service.
    pub through: ServiceDate,
    /// The latest last date of service.
    pub until: ServiceDate,
    /// Of the whole family, or of this member.
    pub family: bool,
}

impl Question {
    /// Of this member's lines of a procedure, [`Code::NONE`] for any, that began from a
    /// day through another: whoever rendered and billed them, on whatever claim.
    #[must_use]
    pub const fn of(what: Measure, code: Code, from: ServiceDate, through: ServiceDate) -> Self {
        Self {
            what,
            code,
            revenue: ShortCode::NONE,
            provider: Code::NONE,
            billing: Code::NONE,
            kind: None,
            from,
            through,
            until: ServiceDate::MAX,
            family: false,
        }
    }

    /// Of those that this provider rendered.
    #[must_use]
    pub const fn by(self, provider: Code) -> Self {
        Self { provider, ..self }
    }

    /// Of those that this provider billed.
    #[must_use]
    pub const fn billed_by(self, billing: Code) -> Self {
        Self { billing, ..self }
    }

    /// Of those on claims of this kind.
    #[must_use]
    pub const fn on_claims(self, kind: ClaimKind) -> Self {
        Self {
            kind: Some(kind),
            ..self
        }
    }

    /// Of those with this revenue code.
    #[must_use]
    pub const fn of_revenue(self, revenue: ShortCode) -> Self {
        Self { revenue, ..self }
    }

    /// Of those that ended by a day.
    #[must_use]
    pub const fn ended_by(self, until: ServiceDate) -> Self {
        Self { until, ..self }
    }

    /// Of the whole family's.
    #[must_use]
    pub const fn of_family(self) -> Self {
        Self {
            family: true,
            ..self
        }
    }
}

/// The day that [`Measure::LastDate`] answered; `None` when there was none.
#[must_use]
pub fn as_date(answer: i64) -> Option<ServiceDate> {
    i32::try_from(answer).ok().and_then(ServiceDate::from_days)
}

/// Asks; one number a question, in order.
#[must_use]
pub fn query(questions: &[Question]) -> Vec<i64> {
    if questions.is_empty() {
        return Vec::new();
    }
    #[cfg(target_arch = "wasm32")]
    {
        use crate::abi::generated::tallystick::policy::history as host;
        let questions: Vec<host::Question> = questions
            .iter()
            .map(|question| {
                let (code_hi, code_lo) = question.code.halves();
                let (provider_hi, provider_lo) = question.provider.halves();
                let (billing_hi, billing_lo) = question.billing.halves();
                host::Question {
                    what: match question.what {
                        Measure::Units => host::Measure::Units,
                        Measure::Lines => host::Measure::Lines,
                        Measure::LastDate => host::Measure::LastDate,
                    },
                    code_hi,
                    code_lo,
                    revenue: question.revenue.packed(),
                    provider_hi,
                    provider_lo,
                    billing_hi,
                    billing_lo,
                    kind: question.kind.map(crate::abi::kind_out),
                    from: question.from.days(),
                    through: question.through.days(),
                    until: question.until.days(),
                    family: question.family,
                }
            })
            .collect();
        host::query(&questions)
    }
    #[cfg(not(target_arch = "wasm32"))]
    crate::mock::query(questions)
}
