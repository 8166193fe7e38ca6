//! What a covered line allows, what the member bears, what the plan pays.

use alloc::vec::Vec;

use tally_sdk::cob::{Coordination, Method, Pocket, PriorPayer, Standing, Unpaid};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::edit::Denials;
use crate::fee::{self, Benefit, Service};
use crate::plan::{self, PLAN};

/// Clauses 7.1 and 7.2: how a service is paid after others, by whether it has a
/// price of the fee schedule.
const fn coordination(scheduled: bool) -> Coordination {
    let (method, clause) = match scheduled {
        true => (Method::MedicareLowestOfThree, clause::LOWEST_OF_THREE),
        false => (Method::MedicareLowestOfFour, clause::LOWEST_OF_FOUR),
    };
    Coordination {
        method,
        unpaid: Unpaid::OwnAllowed,
        pocket: Pocket::AsIfPrimary,
        clause,
    }
}

/// Settles the lines, in order.
pub fn settle(
    claim: &Claim,
    services: &[Option<Service>],
    denials: &Denials,
    others: &Standing,
) -> Vec<LineDetermination> {
    let reduced = reduced_fees(claim, services, denials);
    let mut balances = Balances::of(claim, &PLAN);
    let lines = claim.lines.iter().zip(services).zip(denials).zip(reduced);
    lines
        .enumerate()
        .map(|(i, (((line, service), denial), reduced))| {
            let prior = others.before(i);
            match (denial, service) {
                (None, Some(service)) => settle_line(line, service, reduced, prior, &mut balances),
                (Some(denial), service) => {
                    let scheduled = service.as_ref().is_none_or(|service| service.scheduled);
                    let how = coordination(scheduled);
                    LineWork::deny_after(line, *denial, prior, &mut balances, &how)
                }
                // A line without a service is denied by clause 2.3 before this.
                (None, None) => {
                    let denial = Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE);
                    let how = coordination(true);
                    LineWork::deny_after(line, denial, prior, &mut balances, &how)
                }
            }
        })
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
    let lines = claim.lines.iter().zip(&fees);
    let mut ranked = lines.filter(|(_, fee)| fee.is_some());
    let Some((first, _)) = ranked.next() else {
        return fees;
    };
    let (rates, further) = fee::ranks(first.from);
    fees::rank_procedures(claim, &fees, &rates, further, Rounding::HalfUp)
}

fn settle_line(
    line: &Line,
    service: &Service,
    reduced: Option<Money>,
    prior: &[PriorPayer],
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
    work.coordinate(balances, prior, &coordination(service.scheduled));
    work.reduce_payment(
        service.rates.sequestration,
        Rounding::HalfUp,
        Carc::SEQUESTRATION,
        clause::SEQUESTRATION,
    );
    work.finish()
}
