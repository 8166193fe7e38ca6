//! What a covered line allows, what the member bears, what the plan pays.

use tally_sdk::cob::{Coordination, Method, Pocket, PriorPayer, Unpaid};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::plan::{self, accumulator};
use crate::service::{Limit, Service};

/// Clause 8.1.
const COORDINATION: Coordination = Coordination {
    method: Method::Standard,
    unpaid: Unpaid::HighestAllowed,
    pocket: Pocket::AsIfPrimary,
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
    prior: &[PriorPayer],
    balances: &mut Balances,
) -> LineDetermination {
    let (Some(benefit), Some(terms), Some(fee)) = (service.benefit, service.terms, service.fee)
    else {
        // A line without them does not come here; it would be a service that
        // is not in the schedule.
        let denial = Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE);
        return deny(line, denial, prior, balances);
    };
    let mut work = LineWork::begin(line, benefit.clause());

    let limit = work.price(fee, service.factor, Rounding::HalfUp);
    let (group, from) = if service.in_network {
        (Group::Co, clause::IN_NETWORK)
    } else if service.emergency {
        (Group::Co, clause::EMERGENCY)
    } else {
        (Group::Pr, clause::OUT_OF_NETWORK)
    };
    work.limit_to(limit, group, Carc::ABOVE_FEE_SCHEDULE, from);

    let beyond = |clause| Denial::patient(Carc::BENEFIT_MAXIMUM, clause);
    match service.limit {
        Limit::None => {}
        Limit::Therapy => {
            let denial = beyond(clause::THERAPY_LIMIT);
            work.limit_units(balances, accumulator::THERAPY, Rounding::HalfUp, denial);
        }
        Limit::Chiropractic => {
            let denial = beyond(clause::CHIROPRACTIC_LIMIT);
            work.limit_units(
                balances,
                accumulator::CHIROPRACTIC,
                Rounding::HalfUp,
                denial,
            );
        }
        Limit::Hearing => {
            work.limit_amount(
                balances,
                accumulator::HEARING,
                beyond(clause::HEARING_LIMIT),
            );
        }
    }

    let (toward, deductible) = if service.as_in_network() {
        (plan::IN_NETWORK, clause::DEDUCTIBLE)
    } else {
        (plan::OUT_OF_NETWORK, clause::OUT_DEDUCTIBLE)
    };
    let only_pocket = CostShare {
        deductible: None,
        ..toward
    };
    work.copay(balances, terms.copay, only_pocket, benefit.clause());
    if terms.deductible {
        let borne = work.deductible(balances, toward, deductible);
        if service.as_in_network() && plan::is_carried(line.from) {
            work.post(balances, accumulator::LAST_QUARTER, borne.scaled());
            work.post(balances, accumulator::LAST_QUARTER_FAMILY, borne.scaled());
        }
    }
    work.coinsurance(
        balances,
        terms.coinsurance,
        Rounding::HalfUp,
        only_pocket,
        benefit.clause(),
    );
    work.coordinate(balances, prior, &COORDINATION);
    work.finish()
}
