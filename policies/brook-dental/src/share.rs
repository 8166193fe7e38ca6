//! What a covered line allows, what the member bears, what the plan pays.

use alloc::vec::Vec;

use tally_sdk::cob::PriorPayer;
use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::Key;

use crate::clauses::clause;
use crate::others;
use crate::plan::{OTHERS, TOWARD, accumulator, table};
use crate::service::{Class, Service};

/// What is a preventive visit, clause 5.4.
const VISITS: &[Code] = codes!("../tables/visits.csv");
/// The most that is carried over, clause 5.4.
const MOST_CARRIED: i64 = amount("500.00");

/// Preventive visits that this claim covers, of the lines decided so far.
#[derive(Default)]
pub struct Visits(Vec<(Code, ServiceDate)>);

impl Visits {
    /// Notes a line, if it is a visit and covered.
    pub fn note(&mut self, line: &Line, decided: &LineDetermination) {
        if !decided.denied && VISITS.contains(&line.procedure) {
            self.0.push((line.procedure, line.from));
        }
    }

    /// Whether one was covered in the year that ends on a day: on this claim, or on an
    /// earlier one.
    fn any_in_year(&self, end: ServiceDate) -> bool {
        let keys: Vec<Key> = VISITS.iter().map(|code| Key::one(*code, end)).collect();
        let known = reference::lookup(table::VISITS, &keys);
        let codes = VISITS.iter().zip(known).filter(|(_, row)| row.is_some());
        let codes: Vec<Code> = codes.map(|(code, _)| *code).collect();
        let year = end.year_start()..=end;
        if self
            .0
            .iter()
            .any(|(code, day)| codes.contains(code) && year.contains(day))
        {
            return true;
        }
        let question = |code: &Code| Question::of(Measure::Lines, *code, end.year_start(), end);
        let questions: Vec<Question> = codes.iter().map(question).collect();
        history::query(&questions).iter().any(|lines| *lines > 0)
    }
}

/// Settles a covered line, after those of the claim that come before it.
pub fn settle(
    line: &Line,
    service: &Service,
    earlier: &[PriorPayer],
    visits: &Visits,
    balances: &mut Balances,
) -> LineDetermination {
    let (Some(terms), Some(fee)) = (service.terms, service.fee) else {
        // A line without them does not come here; it would be a service that
        // is not in the schedule.
        let denial = Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE);
        return others::deny(line, denial, earlier, balances);
    };
    let mut work = LineWork::begin(line, terms.clause);
    let price = |fee| work.price(fee, Rate::ONE, Rounding::HalfUp);
    let limit = price(fee);
    let alternate = service.alternate.map(|(fee, clause)| (price(fee), clause));

    let (group, from) = if service.in_network {
        (Group::Co, clause::IN_NETWORK)
    } else {
        (Group::Pr, clause::OUT_OF_NETWORK)
    };
    work.limit_to(limit, group, Carc::ABOVE_FEE_SCHEDULE, from);
    if let Some((limit, clause)) = alternate {
        work.limit_to(limit, Group::Pr, Carc::ABOVE_FEE_SCHEDULE, clause);
    }
    if let Some((count, denial)) = service.limit.and_then(|limit| limit.of_a_year()) {
        work.limit_units(balances, count, Rounding::HalfUp, denial);
    }

    if terms.deductible {
        work.deductible(balances, TOWARD, clause::DEDUCTIBLE);
    }
    work.coinsurance(
        balances,
        terms.coinsurance,
        Rounding::HalfUp,
        CostShare::NONE,
        terms.clause,
    );

    if service.class == Class::Orthodontics {
        let denial = Denial::patient(Carc::LIFETIME_MAXIMUM, clause::LIFETIME);
        work.limit_payment(balances, accumulator::LIFETIME, denial);
        work.coordinate(balances, earlier, &OTHERS);
        return work.finish();
    }
    limit_to_the_year(line, &mut work, visits, balances);
    work.coordinate(balances, earlier, &OTHERS);
    // Of what the plan pays after other plans, the year's own maximum first.
    let paid = work.open().scaled();
    let own = own(balances, line).map_or(paid, |left| left.min(paid));
    work.post(balances, accumulator::ANNUAL, own);
    work.post(balances, accumulator::CARRIED, paid.saturating_sub(own));
    work.finish()
}

/// What is left of the year's own maximum.
fn own(balances: &mut Balances, line: &Line) -> Option<i64> {
    balances.remaining(accumulator::ANNUAL, line.from)
}

/// Clauses 5.3 and 5.4.
fn limit_to_the_year(
    line: &Line,
    work: &mut LineWork<'_>,
    visits: &Visits,
    balances: &mut Balances,
) {
    let Some(own) = own(balances, line) else {
        return;
    };
    let open = work.open().scaled();
    if open <= own {
        return;
    }
    let carried = carried(line, visits, balances);
    let excess = open.saturating_sub(own).saturating_sub(carried);
    let clause = if carried > 0 {
        clause::CARRY_OVER
    } else {
        clause::MAXIMUM
    };
    work.share(
        balances,
        Carc::BENEFIT_MAXIMUM,
        Money::cents(excess),
        CostShare::NONE,
        clause,
    );
}

/// What is left of what the year before carried over.
fn carried(line: &Line, visits: &Visits, balances: &mut Balances) -> i64 {
    let Some(before) = line.from.year_start().plus_days(-1) else {
        return 0;
    };
    let unused = balances.remaining(accumulator::ANNUAL, before);
    let most = unused.unwrap_or(0).min(MOST_CARRIED);
    let drawn = balances.used(accumulator::CARRIED, line.from);
    if most <= drawn || !visits.any_in_year(before) {
        return 0;
    }
    most.saturating_sub(drawn)
}
