//! Referrals to anybody (clause 6.1). The engine counts what is used of a referral by
//! its provider; of one to anybody it cannot: it does not know which visits need a
//! referral, and a visit to the primary-care provider does not. The network says so,
//! and history says how many there were.

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::Authorization;
use tally_sdk::history::{Measure, Question};

use tally_sdk::prelude::*;
use tally_sdk::reference::Key;

use crate::category::{Category, Role};
use crate::count::{Term, sums};
use crate::fit::Fit;
use crate::plan::table;
use crate::referral::of;

/// The services of the schedule.
const SERVICES: &[Code] = codes!("../tables/services.csv");
/// The providers of the directory.
const PROVIDERS: &[Code] = codes!("../tables/providers.csv");

/// The referrals to anybody of a claim, with the visits that use them.
pub struct Anybody<'a> {
    claim: &'a Claim,
    referrals: Vec<&'a Authorization>,
    fit: Fit,
}

impl<'a> Anybody<'a> {
    /// With what the visits of earlier claims use, where these lines ask for it.
    pub fn of(claim: &'a Claim, mut lines: impl Iterator<Item = &'a Line>) -> Self {
        let on_file = claim.authorizations.iter();
        let mut referrals: Vec<&Authorization> = on_file
            .filter(|auth| auth.referral && auth.provider.is_none())
            .collect();
        if !lines.any(|line| referrals.iter().any(|auth| is_for(auth, claim, line))) {
            referrals.clear();
        }
        let units = |auth: &&Authorization| auth.remaining.greater(Quantity::ZERO).scaled();
        let mut fit = Fit::new(referrals.iter().map(units).collect());
        for (visits, units) in earlier(claim, &referrals) {
            let good = referrals.iter().map(|auth| visits.referred(auth));
            fit.place(good.collect(), units);
        }
        Self {
            claim,
            referrals,
            fit,
        }
    }

    /// Whether all units of a visit find a place beside those that have one. Where they
    /// do not, none takes one; of an emergency visit those that can.
    pub fn take(&mut self, line: &Line, emergency: bool) -> bool {
        let good = self.referrals.iter();
        let good = good.map(|auth| is_for(auth, self.claim, line)).collect();
        let units = line.quantity.scaled();
        let mut with = self.fit.clone();
        let all = with.place(good, units) >= units && units > 0;
        if all || emergency {
            self.fit = with;
        }
        all
    }
}

fn is_for(auth: &Authorization, claim: &Claim, line: &Line) -> bool {
    of(auth, line.service()) && auth.is_good_for(claim, line)
}

/// Days from one through another.
type Days = (ServiceDate, ServiceDate);

/// Visits of one procedure for which the same referrals are good: they began within
/// some days and ended within the same or later ones.
#[derive(Clone, Copy)]
struct Visits {
    procedure: Code,
    began: Days,
    ended: Days,
    /// The first day of the last one.
    last: ServiceDate,
}

impl Visits {
    /// Whether a referral is good for all their days, to whomever it is.
    fn referred(&self, auth: &Authorization) -> bool {
        auth.referral
            && of(auth, self.procedure)
            && auth.from <= self.began.0
            && self.ended.1 <= auth.through
    }

    /// The units of those that began when these did, and ended in later days.
    fn ended_later(&self) -> Vec<Term> {
        let (from, through) = self.began;
        let all = Question::of(Measure::Units, self.procedure, from, through);
        vec![Term::Plus(all), Term::Minus(all.ended_by(through))]
    }

    /// The units of those of them that a question is narrowed to.
    fn units(&self, narrow: impl Fn(Question) -> Question) -> Vec<Term> {
        let (from, through) = self.began;
        let all = narrow(Question::of(Measure::Units, self.procedure, from, through));
        let by_then = Term::Plus(all.ended_by(self.ended.1));
        match self.ended.0.plus_days(-1) {
            Some(before) if self.ended != self.began => {
                vec![by_then, Term::Minus(all.ended_by(before))]
            }
            _ => vec![by_then],
        }
    }

    /// The units of those that use referrals to anybody: all but what is rendered by
    /// who needs none, and what is rendered or billed by who has one of their own. A
    /// visit has one who renders and one who bills it.
    fn others(&self, claim: &Claim) -> Vec<Term> {
        let own = claim.authorizations.iter().filter(|a| self.referred(a));
        let own: Vec<Code> = own.map(|auth| auth.provider).collect();
        let own = each_once(own);
        let mut without = own.clone();
        without.extend(free(self.last));
        let without = each_once(without);
        let mut terms = self.units(|all| all);
        for by in &without {
            terms.extend(less(self.units(|all| all.by(*by))));
        }
        for billed in &own {
            terms.extend(less(self.units(|all| all.billed_by(*billed))));
            for by in &without {
                terms.extend(self.units(|all| all.billed_by(*billed).by(*by)));
            }
        }
        terms
    }
}

/// Taken away what is added, and the other way round.
fn less(terms: Vec<Term>) -> impl Iterator<Item = Term> {
    terms.into_iter().map(|term| match term {
        Term::Plus(question) => Term::Minus(question),
        Term::Minus(question) => Term::Plus(question),
    })
}

/// The providers that are named, each once.
fn each_once(mut providers: Vec<Code>) -> Vec<Code> {
    sort_by_key(&mut providers, |provider| *provider);
    providers.dedup();
    providers.retain(|provider| !provider.is_none());
    providers
}

/// The visits of earlier claims that use referrals to anybody, with their units.
fn earlier(claim: &Claim, referrals: &[&Authorization]) -> Vec<(Visits, i64)> {
    if referrals.is_empty() {
        return Vec::new();
    }
    let days = days(claim, referrals);
    let begun: Vec<Visits> = busy(&days).into_iter().flat_map(visits).collect();
    let later: Vec<Vec<Term>> = begun.iter().map(Visits::ended_later).collect();
    let begun = begun.into_iter().zip(sums(&later));
    let all = begun.flat_map(|(visits, later)| ends(visits, later > 0, &days));
    let concerned = |visits: &Visits| referrals.iter().any(|auth| visits.referred(auth));
    let all: Vec<Visits> = all.filter(concerned).collect();
    let units: Vec<Vec<Term>> = all.iter().map(|visits| visits.units(|all| all)).collect();
    let found = all.into_iter().zip(sums(&units));
    let found = found.filter(|(_, units)| *units > 0);
    let found: Vec<Visits> = found.map(|(visits, _)| visits).collect();
    let others: Vec<Vec<Term>> = found.iter().map(|visits| visits.others(claim)).collect();
    let units = sums(&others);
    found.into_iter().zip(units).collect()
}

/// The days in which there was any line.
fn busy(days: &[Days]) -> Vec<Days> {
    // Most members had no line at all in those days: one question each.
    let any = |days: &Days| Question::of(Measure::Lines, Code::NONE, days.0, days.1);
    let lines = history::query(&days.iter().map(any).collect::<Vec<_>>());
    let busy = days.iter().zip(lines).filter(|(_, lines)| *lines > 0);
    busy.map(|(days, _)| *days).collect()
}

/// The procedures that began in some days, as if they had ended there, and that were
/// visits on the last day of each: a code may have ended before the day of the claim.
fn visits(began: Days) -> Vec<Visits> {
    let last = |code: &Code| Question::of(Measure::LastDate, *code, began.0, began.1);
    let last = history::query(&SERVICES.iter().map(last).collect::<Vec<_>>());
    let given: Vec<Visits> = SERVICES
        .iter()
        .zip(last)
        .filter_map(|(code, last)| {
            Some(Visits {
                procedure: *code,
                began,
                ended: began,
                last: history::as_date(last)?,
            })
        })
        .collect();
    let key = |visits: &Visits| Key::one(visits.procedure, visits.last);
    let rows = reference::lookup(table::SERVICES, &given.iter().map(key).collect::<Vec<_>>());
    let visit = |row: reference::Row| Category::of(row.number(0)) == Category::Visit;
    let given = given.into_iter().zip(rows);
    given
        .filter(|(_, row)| row.is_some_and(visit))
        .map(|(visits, _)| visits)
        .collect()
}

/// Visits by when they ended: in the days in which they began or, where any did, in
/// later ones.
fn ends(visits: Visits, later: bool, days: &[Days]) -> impl Iterator<Item = Visits> {
    let may_be = move |days: &&Days| match later {
        true => **days >= visits.began,
        false => **days == visits.began,
    };
    days.iter().filter(may_be).map(move |ended| Visits {
        ended: *ended,
        ..visits
    })
}

/// The days of referrals to anybody, cut wherever a referral begins or ends.
fn days(claim: &Claim, referrals: &[&Authorization]) -> Vec<Days> {
    let mut begins: Vec<ServiceDate> = Vec::new();
    for auth in claim.authorizations.iter().filter(|auth| auth.referral) {
        begins.push(auth.from);
        begins.extend(auth.through.plus_days(1));
    }
    sort_by_key(&mut begins, |day| *day);
    begins.dedup();
    let within = |(from, through): &Days| {
        let mut referrals = referrals.iter();
        referrals.any(|auth| auth.from <= *from && *through <= auth.through)
    };
    let spans = begins.iter().zip(begins.iter().skip(1));
    spans
        .filter_map(|(from, next)| Some((*from, next.plus_days(-1)?)))
        .filter(within)
        .collect()
}

/// The providers whose visits need no referral.
fn free(on: ServiceDate) -> Vec<Code> {
    let keys: Vec<Key> = PROVIDERS.iter().map(|code| Key::one(*code, on)).collect();
    let rows = PROVIDERS
        .iter()
        .zip(reference::lookup(table::PROVIDERS, &keys));
    let free = |row: reference::Row| matches!(Role::of(row.number(1)), Role::Primary | Role::Women);
    rows.filter(|(_, row)| row.is_some_and(free))
        .map(|(code, _)| *code)
        .collect()
}
