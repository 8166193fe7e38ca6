//! Which amount of FHIR and CARIN Blue Button an adjustment is part of. Every
//! adjustment is in exactly one, so that of a line
//! `submitted = Σ categories + benefit`.

use tally_types::{Carc, Group, Money};

use super::super::json::{Json, list, object};
use super::write::{ADJUDICATION, CARC, CLAUSE, GROUP, RARC, carin, coding, concept, money};
use crate::adjudication::{LineOutcome, Outcome, OutcomeAdjustment, reasons};

/// A category of amounts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// The charge.
    Submitted,
    /// The allowed amount.
    Eligible,
    Deductible,
    Copay,
    Coinsurance,
    /// What the provider writes off by its contract.
    Discount,
    /// What earlier payers did.
    PriorPayer,
    /// Everything else that is not paid.
    Noncovered,
    /// What the patient owes: group PR.
    Member,
    /// What the plan pays.
    Benefit,
    /// What the plan pays to the provider, which is all of it.
    ToProvider,
    /// What the patient has paid already.
    ByPatient,
}

/// The categories of adjustments.
pub(super) const PARTS: [Category; 6] = [
    Category::Deductible,
    Category::Copay,
    Category::Coinsurance,
    Category::Discount,
    Category::PriorPayer,
    Category::Noncovered,
];

impl Category {
    /// Its coding: HL7's where HL7 has one, else CARIN Blue Button's.
    pub fn coding(self) -> Json<'static> {
        match self {
            Self::Submitted => coding(ADJUDICATION, "submitted"),
            Self::Eligible => coding(ADJUDICATION, "eligible"),
            Self::Deductible => coding(ADJUDICATION, "deductible"),
            Self::Copay => coding(ADJUDICATION, "copay"),
            Self::Benefit => coding(ADJUDICATION, "benefit"),
            Self::Coinsurance => carin("C4BBAdjudication", "coinsurance"),
            Self::Discount => carin("C4BBAdjudication", "discount"),
            Self::PriorPayer => carin("C4BBAdjudication", "priorpayerpaid"),
            Self::Noncovered => carin("C4BBAdjudication", "noncovered"),
            Self::Member => carin("C4BBAdjudication", "memberliability"),
            Self::ToProvider => carin("C4BBAdjudication", "paidtoprovider"),
            Self::ByPatient => carin("C4BBAdjudication", "paidbypatient"),
        }
    }

    /// An amount of this category.
    pub fn amount(self, amount: Money) -> Json<'static> {
        object([
            ("category", concept([self.coding()])),
            ("amount", money(amount)),
        ])
    }

    /// The category of an adjustment.
    pub fn of(adjustment: &OutcomeAdjustment) -> Self {
        let owed = adjustment.group == Group::Pr;
        match adjustment.carc {
            Carc::DEDUCTIBLE => Self::Deductible,
            Carc::COPAY => Self::Copay,
            Carc::COINSURANCE => Self::Coinsurance,
            Carc::PRIOR_PAYERS => Self::PriorPayer,
            carc if !owed && reasons::is_of_the_price(carc) => Self::Discount,
            _ => Self::Noncovered,
        }
    }

    /// What a line's adjustments of this category come to.
    pub fn sum(self, line: &LineOutcome) -> Money {
        let of_this = line.adjustments().iter().filter(|a| Self::of(a) == self);
        // A part of what a line that balances is made of: it cannot overflow but by
        // amounts that the whole would not hold.
        Money::checked_sum(of_this.map(|a| a.amount)).unwrap_or_default()
    }

    /// What all lines' adjustments of this category come to.
    pub fn total(self, outcome: &Outcome) -> Money {
        Money::checked_sum(outcome.lines().iter().map(|line| self.sum(line))).unwrap_or_default()
    }
}

/// The reason of an adjustment: its code, the remark, and the clause it rests on.
pub(super) fn reason(adjustment: &OutcomeAdjustment) -> Json<'_> {
    let remark = (!adjustment.rarc.is_none()).then(|| coding(RARC, adjustment.rarc));
    concept(
        [coding(CARC, adjustment.carc)]
            .into_iter()
            .chain(remark)
            .chain([coding(CLAUSE, &adjustment.clause)]),
    )
}

/// The codings of an adjustment's category: `named`, and its group.
pub(super) fn grouped<'a>(named: Json<'a>, adjustment: &OutcomeAdjustment) -> Json<'a> {
    object([("coding", list([named, coding(GROUP, adjustment.group)]))])
}

/// The totals of an outcome that is settled.
pub(super) fn totals(outcome: &Outcome, patient_paid: Money) -> Vec<Json<'static>> {
    let mut totals = vec![
        Category::Submitted.amount(outcome.charge()),
        Category::Eligible.amount(outcome.allowed()),
    ];
    for part in PARTS {
        let total = part.total(outcome);
        if !total.is_zero() {
            totals.push(part.amount(total));
        }
    }
    if !patient_paid.is_zero() {
        totals.push(Category::ByPatient.amount(patient_paid));
    }
    let owed = object([
        (
            "category",
            concept([Category::Member.coding(), coding(GROUP, "PR")]),
        ),
        ("amount", money(outcome.patient())),
    ]);
    totals.push(owed);
    totals.push(Category::Benefit.amount(outcome.paid()));
    totals
}
