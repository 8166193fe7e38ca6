//! What a covered line allows, what the member bears, what the plan pays.

use alloc::vec::Vec;

use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::edit::Denials;
use crate::fee::{Benefit, Service};
use crate::plan::{self, PLAN};

/// Settles the lines, in order.
pub fn settle(
    claim: &Claim,
    services: &[Option<Service>],
    denials: &Denials,
) -> Vec<LineDetermination> {
    let reduced = reduced_fees(claim, services, denials);
    let mut balances = Balances::of(claim, &PLAN);
    claim
        .lines
        .iter()
        .zip(services)
        .zip(denials)
        .zip(reduced)
        .map(
            |(((line, service), denial), reduced)| match (denial, service) {
                (None, Some(service)) => settle_line(line, service, reduced, &mut balances),
                (Some(denial), _) => LineWork::deny(line, *denial),
                // A line without a service is denied by clause 2.3 before this.
                (None, None) => LineWork::deny(
                    line,
                    Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE),
                ),
            },
        )
        .collect()
}

/// Clause 4.3: what the fee of each procedure comes to beside the others.
fn reduced_fees(
    claim: &Claim,
    services: &[Option<Service>],
    denials: &Denials,
) -> Vec<Option<Money>> {
    let fees: Vec<Option<Money>> = services
        .iter()
        .zip(denials)
        .map(|(service, denial)| {
            let service = service.as_ref()?;
            (service.multiple && denial.is_none()).then_some(service.fee)
        })
        .collect();
    let rate = services.iter().flatten().find(|service| service.multiple);
    match rate {
        Some(service) => {
            edits::multiple_procedures(claim, &fees, service.rates.multiple, Rounding::HalfUp)
        }
        None => fees,
    }
}

fn settle_line(
    line: &Line,
    service: &Service,
    reduced: Option<Money>,
    balances: &mut Balances,
) -> LineDetermination {
    let by = match service.benefit {
        Benefit::Laboratory => clause::LABORATORY,
        Benefit::Preventive => clause::PREVENTIVE,
        _ => clause::COVERED,
    };
    let mut work = LineWork::begin(line, by);
    work.limit_to(
        service.fee,
        Group::Co,
        Carc::ABOVE_FEE_SCHEDULE,
        service.clause,
    );
    if let Some(reduced) = reduced {
        work.limit_to(
            reduced,
            Group::Co,
            Carc::MULTIPLE_PROCEDURE,
            clause::MULTIPLE,
        );
    }
    if service.benefit == Benefit::Medical {
        work.deductible(balances, plan::DEDUCTIBLE, clause::DEDUCTIBLE);
        work.coinsurance(
            balances,
            service.rates.coinsurance,
            Rounding::HalfUp,
            CostShare::NONE,
            clause::COINSURANCE,
        );
    }
    work.reduce_payment(
        service.rates.sequestration,
        Rounding::HalfUp,
        Carc::SEQUESTRATION,
        clause::SEQUESTRATION,
    );
    work.finish()
}
