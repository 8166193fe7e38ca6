//! What a covered line allows, what the member bears, what the plan pays.

use tally_sdk::accrual::Events;
use tally_sdk::cob::{Coordination, Method, Pocket, PriorPayer, Unpaid};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::plan::{ROUNDING, TOWARD, accumulator};
use crate::service::{Basis, Service};
use crate::stay::Stay;

/// Clause 8.1.
const COORDINATION: Coordination = Coordination {
    method: Method::Standard,
    unpaid: Unpaid::OwnAllowed,
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

/// Settles the covered lines of a claim, in order: they share copayments.
pub struct Sharer<'a> {
    /// As the lines move them.
    pub balances: Balances,
    stay: Option<&'a Stay>,
    billing: Code,
    events: Events,
}

impl<'a> Sharer<'a> {
    /// Begins a claim.
    pub fn new(balances: Balances, stay: Option<&'a Stay>, billing: Code) -> Self {
        Self {
            balances,
            stay,
            billing,
            events: Events::new(),
        }
    }

    /// Settles a covered line.
    pub fn settle(
        &mut self,
        line: &Line,
        service: &Service,
        prior: &[PriorPayer],
    ) -> LineDetermination {
        let balances = &mut self.balances;
        let (Some(benefit), Some(terms), Some(price)) =
            (service.benefit, service.terms, service.price)
        else {
            // A line without them does not come here; it would be a service that
            // is not in the schedule.
            let denial = Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE);
            return deny(line, denial, prior, balances);
        };
        let mut work = LineWork::begin(line, benefit.clause);
        let from = match service.in_network {
            true => price.clause,
            false => clause::EMERGENCY,
        };
        if price.whatever {
            work.allow(price.amount, Group::Co, Carc::ABOVE_FEE_SCHEDULE, from);
        } else {
            work.limit_to(price.amount, Group::Co, Carc::ABOVE_FEE_SCHEDULE, from);
        }
        if service.limited {
            let denial = Denial::patient(Carc::BENEFIT_MAXIMUM, clause::THERAPY_LIMIT);
            work.limit_units(balances, accumulator::THERAPY, ROUNDING, denial);
        }

        let event = match (terms.basis, self.stay) {
            (Basis::Line, _) => None,
            (Basis::Visit, _) | (_, None) => Some((line.rendering, line.from, terms.copay)),
            (Basis::Admission, Some(stay)) => Some((self.billing, stay.admitted, terms.copay)),
            (Basis::Day(most), Some(stay)) => {
                let copay = stay.copay_by_day(terms.copay, most);
                Some((self.billing, stay.admitted, copay))
            }
        };
        match event {
            None => {
                work.copay(balances, terms.copay, TOWARD, benefit.clause);
            }
            Some((whose, on, copay)) => {
                let left = self.events.left(whose, on, copay);
                let borne = work.copay(balances, left, TOWARD, benefit.clause);
                self.events.bear(whose, on, borne);
            }
        }
        work.coordinate(balances, prior, &COORDINATION);
        work.finish()
    }
}
