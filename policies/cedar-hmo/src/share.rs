//! What a covered line allows, what the member bears, what the plan pays.

use alloc::vec::Vec;

use tally_sdk::accrual::Events;
use tally_sdk::cob::{Coordination, Method, Pocket, PriorPayer, Unpaid};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::plan::{ROUNDING, TOWARD, accumulator};
use crate::service::{Basis, Service, Terms};
use crate::stay::Stay;
use crate::visit;

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

/// A copayment that lines share: whose it is, of which day, and how much.
type Event = (Code, ServiceDate, Money);

/// Settles the covered lines of a claim, in order: they share copayments.
pub struct Sharer<'a> {
    /// As the lines move them.
    pub balances: Balances,
    claim: &'a Claim,
    stay: Option<&'a Stay>,
    /// What is shared: of each event the highest copayment of its lines.
    shared: Vec<Event>,
    events: Events,
}

impl<'a> Sharer<'a> {
    /// Begins a claim.
    pub fn new(balances: Balances, claim: &'a Claim, stay: Option<&'a Stay>) -> Self {
        Self {
            balances,
            claim,
            stay,
            shared: Vec::new(),
            events: Events::new(),
        }
    }

    /// Notes a line that will be settled, before any is: the highest copayment of an
    /// event is its, in whatever order its lines stand.
    pub fn expect(&mut self, line: &Line, service: &Service) {
        let event = service.terms.and_then(|terms| self.event(line, terms));
        let Some((whose, on, copay)) = event else {
            return;
        };
        match self.known(whose, on) {
            Some((_, _, highest)) => *highest = copay.greater(*highest),
            None => {
                self.shared.push((whose, on, copay));
                if self.claim.kind == ClaimKind::Professional {
                    self.events.bear(whose, on, visit::taken(whose, on));
                }
            }
        }
    }

    fn known(&mut self, whose: Code, on: ServiceDate) -> Option<&mut Event> {
        let mut shared = self.shared.iter_mut();
        shared.find(|(other, day, _)| *other == whose && *day == on)
    }

    /// What a line shares its copayment with; none where it has one of its own.
    fn event(&self, line: &Line, terms: Terms) -> Option<Event> {
        let visit = || match self.claim.kind {
            ClaimKind::Institutional => (self.claim.billing, line.from, terms.copay),
            _ => (line.rendering, line.from, terms.copay),
        };
        match (terms.basis, self.stay) {
            (Basis::Line, _) => None,
            (Basis::Visit, _) | (_, None) => Some(visit()),
            (Basis::Admission, Some(stay)) => {
                Some((self.claim.billing, stay.admitted, terms.copay))
            }
            (Basis::Day(most), Some(stay)) => {
                let copay = stay.copay_by_day(terms.copay, most);
                Some((self.claim.billing, stay.admitted, copay))
            }
        }
    }

    /// Settles a covered line.
    pub fn settle(
        &mut self,
        line: &Line,
        service: &Service,
        prior: &[PriorPayer],
    ) -> LineDetermination {
        let event = service.terms.and_then(|terms| self.event(line, terms));
        let event = event.and_then(|(whose, on, _)| self.known(whose, on).copied());
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

        match event {
            None => {
                work.copay(balances, terms.copay, TOWARD, benefit.clause);
            }
            Some((whose, on, copay)) => {
                let left = self.events.left(whose, on, copay);
                let clause = match terms.basis {
                    Basis::Visit if copay != terms.copay => clause::VISIT,
                    _ => benefit.clause,
                };
                let borne = work.copay(balances, left, TOWARD, clause);
                self.events.bear(whose, on, borne);
            }
        }
        work.coordinate(balances, prior, &COORDINATION);
        work.finish()
    }
}
