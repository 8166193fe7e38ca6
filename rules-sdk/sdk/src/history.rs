//! Typed aggregates of the family's own earlier lines that were not denied.

use alloc::vec::Vec;

use tally_types::{Code, ServiceDate};

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
    /// Of the whole family, or of this member.
    pub family: bool,
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
                    provider_hi,
                    provider_lo,
                    billing_hi,
                    billing_lo,
                    kind: question.kind.map(crate::abi::kind_out),
                    from: question.from.days(),
                    through: question.through.days(),
                    family: question.family,
                }
            })
            .collect();
        host::query(&questions)
    }
    #[cfg(not(target_arch = "wasm32"))]
    crate::mock::query(questions)
}
