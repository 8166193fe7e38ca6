//! What earlier visits used of referrals to anybody. The engine counts what is used
//! of a referral by its provider; of one to anybody it cannot: it does not know which
//! visits need a referral, and a visit to the primary-care provider does not. The
//! network says so, and history says how many there were.

use alloc::vec::Vec;

use tally_sdk::Authorization;
use tally_sdk::history::{Measure, Question};

use tally_sdk::prelude::*;
use tally_sdk::reference::Key;

use crate::category::{Category, Role};
use crate::plan::table;
use crate::referral::{Need, of};

/// The services of the schedule.
const SERVICES: &[Code] = codes!("../tables/services.csv");
/// The providers of the directory.
const PROVIDERS: &[Code] = codes!("../tables/providers.csv");

/// Visits of one procedure in days through which the same referrals are good, with the
/// last day of one.
#[derive(Clone, Copy)]
struct Visits {
    procedure: Code,
    from: ServiceDate,
    through: ServiceDate,
    last: ServiceDate,
}

impl Visits {
    /// The question of how many there were: by a provider, or by all.
    fn by(&self, provider: Code) -> Question {
        Question::of(Measure::Units, self.procedure, self.from, self.through).by(provider)
    }

    /// Whether a referral is good for them, to whomever it is.
    fn referred(&self, auth: &Authorization) -> bool {
        auth.referral
            && of(auth, self.procedure)
            && auth.from <= self.from
            && self.through <= auth.through
    }
}

/// Takes off what earlier claims used of referrals to anybody: each visit that needs
/// a referral, and that none to its own provider is for, a unit of the first of them
/// that is good on its day and has any.
pub fn count_used(claim: &Claim, needs: &[Need], units: &mut edits::AuthorizedUnits<'_>) {
    let anybody = |auth: &Authorization| auth.referral && auth.provider.is_none();
    let concerned = needs.iter().any(|need| need.is_visit());
    if !concerned || !claim.authorizations.iter().any(anybody) {
        return;
    }
    for (visits, used) in used(claim) {
        let mut open = used;
        for (at, auth) in claim.authorizations.iter().enumerate() {
            if anybody(auth) && visits.referred(auth) {
                let taken = units.less(at, open);
                open = open.checked_sub(taken).unwrap_or(open);
            }
        }
    }
}

/// The units of earlier visits that needed a referral, but those to providers to whom
/// there is one of their own.
fn used(claim: &Claim) -> Vec<(Visits, Quantity)> {
    let all: Vec<Visits> = busy(claim).into_iter().flat_map(visits).collect();
    let questions: Vec<Question> = all.iter().map(|visits| visits.by(Code::NONE)).collect();
    let counted = all.into_iter().zip(history::query(&questions));
    counted
        .map(|(visits, units)| {
            let named = claim.authorizations.iter().filter(|a| visits.referred(a));
            let mut others: Vec<Code> = named.map(|auth| auth.provider).collect();
            others.extend(free(visits.last));
            sort_by_key(&mut others, |provider| *provider);
            others.dedup();
            others.retain(|provider| !provider.is_none());
            let questions: Vec<Question> = others.iter().map(|whose| visits.by(*whose)).collect();
            let theirs = history::query(&questions).into_iter();
            let units = theirs.fold(units, i64::saturating_sub).max(0);
            (visits, Quantity::from_scaled(units))
        })
        .collect()
}

/// The days of referrals in which there was any line.
fn busy(claim: &Claim) -> Vec<(ServiceDate, ServiceDate)> {
    // Most members had no line at all in those days: one question each.
    let days = days(claim);
    let any = |(from, through): &(ServiceDate, ServiceDate)| Question::of(Measure::Lines, Code::NONE, *from, *through);
    let lines = history::query(&days.iter().map(any).collect::<Vec<_>>());
    let busy = days.into_iter().zip(lines).filter(|(_, lines)| *lines > 0);
    busy.map(|(days, _)| days).collect()
}

/// The procedures that there were in some days and that were visits on the last day of
/// each: a code may have ended before the day of the claim.
fn visits((from, through): (ServiceDate, ServiceDate)) -> Vec<Visits> {
    let last = |code: &Code| Question::of(Measure::LastDate, *code, from, through);
    let last = history::query(&SERVICES.iter().map(last).collect::<Vec<_>>());
    let given: Vec<Visits> = SERVICES
        .iter()
        .zip(last)
        .filter_map(|(code, last)| {
            Some(Visits {
                procedure: *code,
                from,
                through,
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

/// The days of referrals, cut wherever one begins or ends.
fn days(claim: &Claim) -> Vec<(ServiceDate, ServiceDate)> {
    let mut begins: Vec<ServiceDate> = Vec::new();
    for auth in claim.authorizations.iter().filter(|auth| auth.referral) {
        begins.push(auth.from);
        begins.extend(auth.through.plus_days(1));
    }
    sort_by_key(&mut begins, |day| *day);
    begins.dedup();
    let next = begins.iter().skip(1);
    let spans = begins.iter().zip(next);
    spans
        .filter_map(|(from, next)| Some((*from, next.plus_days(-1)?)))
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
