//! What a covered line allows, what the member bears, what the plan pays.

use tally_sdk::cob::{Coordination, Method, Pocket, PriorPayer, Unpaid};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::plan::{self, ROUNDING, accumulator};
use crate::service::Service;

/// Clause 7.1.
const COORDINATION: Coordination = Coordination {
    method: Method::NonDuplication,
    unpaid: Unpaid::Liability,
    pocket: Pocket::AsBorne,
    clause: clause::COORDINATION,
};

/// Denies a line; of one that others had before, what they left.
pub fn deny(
    line: &Line,
    denial: Denial,
    prior: &[PriorPayer],
    balances: &mut Balances,
) -> LineDetermination {
    LineWork::deny_after(line, denial, prior, balances, &COORDINATION)
}

/// Settles a covered line.
pub fn settle(
    line: &Line,
    service: &Service,
    tier: CoverageTier,
    prior: &[PriorPayer],
    balances: &mut Balances,
) -> LineDetermination {
    let (Some(benefit), Some((coinsurance, deductible)), Some(fee)) =
        (service.benefit, service.terms, service.fee)
    else {
        // A line without them does not come here; it would be a service that
        // is not in the schedule.
        let denial = Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE);
        return deny(line, denial, prior, balances);
    };
    let mut work = LineWork::begin(line, benefit.clause);
    let limit = work.price(fee, Rate::ONE, ROUNDING);
    let from = match (service.network, service.emergency) {
        (Network::In, _) => clause::IN_NETWORK,
        (Network::Out, true) => clause::EMERGENCY,
        (Network::Out, false) => clause::OUT_OF_NETWORK,
    };
    let group = service.network.excess(service.emergency);
    work.limit_to(limit, group, Carc::ABOVE_FEE_SCHEDULE, from);
    if service.limited {
        let denial = Denial::patient(Carc::BENEFIT_MAXIMUM, clause::THERAPY_LIMIT);
        work.limit_units(balances, accumulator::THERAPY, ROUNDING, denial);
    }

    let network = service.shared_as();
    if deductible {
        let by = match network {
            Network::In => clause::DEDUCTIBLE,
            Network::Out => clause::OUT_DEDUCTIBLE,
        };
        work.deductible(balances, plan::deductible_toward(network, tier), by);
    }
    let toward = plan::coinsurance_toward(network);
    work.coinsurance(balances, coinsurance, ROUNDING, toward, benefit.clause);
    work.coordinate(balances, prior, &COORDINATION);
    work.finish()
}
