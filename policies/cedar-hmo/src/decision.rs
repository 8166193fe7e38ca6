//! The decision: what is denied, what waits, and otherwise what is shared.

use alloc::vec::Vec;

use tally_sdk::cob::Standing;
use tally_sdk::prelude::*;

use crate::authorized;
use crate::category::{Category, SPECIALIST};
use crate::clauses::clause;
use crate::plan::{PLAN, pend};
use crate::referral::{self, Need, Referral};
use crate::service::{self, Service};
use crate::share::{self, Sharer};
use crate::stay::Stay;

/// Days within which a claim must come, clause 2.1.
const FILING_DAYS: i32 = 90;

/// What becomes of a line.
enum Course<'a> {
    Denied(Denial),
    Waits(PendId, ClauseId),
    Shared(&'a Service),
}

/// Decides a claim.
pub fn decide(claim: &Claim) -> Determination {
    let refused: Vec<Option<Denial>> = claim
        .lines
        .iter()
        .map(|line| refused_outright(claim, line))
        .collect();
    let stay = match Stay::is_billed(claim) {
        true => Stay::of(claim, &part_of_stay(claim, &refused)),
        false => None,
    };
    let services = service::look_up(claim, stay.as_ref());
    let mut courses: Vec<Course<'_>> = refused
        .iter()
        .zip(&services)
        .map(|(refused, service)| match refused {
            Some(denial) => Course::Denied(*denial),
            None => course(service.as_ref(), stay.as_ref()),
        })
        .collect();
    let others = Standing::of(claim);
    if let Some(waits) = place(&others, &mut courses) {
        return waits;
    }
    authorize(claim, stay.as_ref(), &mut courses);
    refer(claim, &mut courses);
    for (line, course) in claim.lines.iter().zip(&courses) {
        if let Course::Waits(reason, clause) = course {
            return Determination::pended(*reason, line.number, *clause);
        }
    }
    let mut sharer = Sharer::new(Balances::of(claim, &PLAN), claim, stay.as_ref());
    for (line, course) in claim.lines.iter().zip(&courses) {
        if let Course::Shared(service) = course {
            sharer.expect(line, service);
        }
    }
    let lines: Vec<LineDetermination> = claim
        .lines
        .iter()
        .zip(&courses)
        .enumerate()
        .filter_map(|(i, (line, course))| match course {
            Course::Denied(denial) => Some(share::deny(
                line,
                *denial,
                others.before(i),
                &mut sharer.balances,
            )),
            Course::Shared(service) => Some(sharer.settle(line, service, others.before(i))),
            Course::Waits(..) => None, // the claim has waited above
        })
        .collect();
    Determination::settled(lines)
}

/// Which lines a stay's price is spread over: what is neither refused nor an
/// item of convenience.
fn part_of_stay(claim: &Claim, refused: &[Option<Denial>]) -> Vec<bool> {
    let keys: Vec<reference::Key> = claim
        .lines
        .iter()
        .map(|line| reference::Key::one(line.service(), line.from))
        .collect();
    let schedule = reference::lookup(crate::plan::table::SERVICES, &keys);
    refused
        .iter()
        .zip(schedule)
        .map(|(refused, row)| {
            let convenience =
                row.is_some_and(|row| Category::of(row.number(0)) == Category::Convenience);
            refused.is_none() && !convenience
        })
        .collect()
}

/// What becomes of a line, other payers, authorisations and referrals apart.
fn course<'a>(service: Option<&'a Service>, stay: Option<&Stay>) -> Course<'a> {
    let Some(service) = service else {
        let denial = Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE);
        return Course::Denied(denial);
    };
    if !service.in_network && !service.emergency {
        let denial = Denial::patient(Carc::OUT_OF_NETWORK, clause::NETWORK);
        return Course::Denied(denial);
    }
    match service.category {
        Some(Category::Cosmetic) => {
            let denial = Denial::patient(Carc::NOT_COVERED_PLAN, clause::COSMETIC);
            return Course::Denied(denial);
        }
        Some(Category::Convenience) => {
            let denial = Denial::patient(Carc::NOT_COVERED, clause::CONVENIENCE);
            return Course::Denied(denial.remark(ShortCode::of("N130")));
        }
        _ => {}
    }
    if stay.is_some_and(|stay| stay.included) {
        let denial = Denial::contractual(Carc::INCLUDED, clause::ONE_PRICE);
        return Course::Denied(denial);
    }
    if service.price.is_none() || service.terms.is_none() {
        return Course::Waits(pend::RECORDS, clause::BY_HAND);
    }
    Course::Shared(service)
}

/// Clauses 8.2 to 8.4, for the lines that are not denied anyway.
fn place(others: &Standing, courses: &mut [Course<'_>]) -> Option<Determination> {
    if courses.iter().all(|c| matches!(c, Course::Denied(_))) {
        return None;
    }
    let other = |carc, clause| Denial {
        group: Group::Oa,
        ..Denial::contractual(carc, clause)
    };
    let denial = match others {
        Standing::First | Standing::After(_) => return None,
        Standing::Unclear(line) => {
            return Some(Determination::pended(
                pend::OTHER_PAYER,
                *line,
                clause::UNCLEAR,
            ));
        }
        Standing::TooEarly => other(Carc(22), clause::OTHERS_FIRST),
        Standing::Liable(_) => other(Carc(109), clause::ACCIDENT),
    };
    for course in courses {
        if !matches!(course, Course::Denied(_)) {
            *course = Course::Denied(denial);
        }
    }
    None
}

/// Clauses 4.1 and 4.2. Lines use authorisations up in their order; an emergency
/// needs none, but uses one up that there is.
fn authorize(claim: &Claim, stay: Option<&Stay>, courses: &mut [Course<'_>]) {
    let concerned: Vec<bool> = courses
        .iter()
        .enumerate()
        .map(|(i, course)| match (course, stay) {
            (Course::Shared(_), Some(stay)) => {
                stay.authorized() && stay.rooms.get(i) == Some(&true)
            }
            (Course::Shared(service), None) => service.authorized,
            (Course::Denied(_) | Course::Waits(..), _) => false,
        })
        .collect();
    let authorized = match stay {
        Some(_) => authorized::rooms(claim, &concerned),
        None => edits::authorized_lines(claim, &concerned),
    };
    let lacking = concerned.into_iter().zip(authorized);
    for (course, (concerned, authorized)) in courses.iter_mut().zip(lacking) {
        let Course::Shared(service) = course else {
            continue;
        };
        if !concerned || authorized || service.emergency {
            continue;
        }
        *course = if stay.is_some() {
            Course::Waits(pend::AUTHORIZATION, clause::AUTHORIZED_AFTER)
        } else {
            let carc = Carc::NO_AUTHORIZATION;
            Course::Denied(Denial::contractual(carc, clause::AUTHORIZED_BEFORE))
        };
    }
}

/// Part 6.
fn refer(claim: &Claim, courses: &mut [Course<'_>]) {
    let needs: Vec<Need> = courses
        .iter()
        .map(|course| match course {
            Course::Shared(service) if service.benefit != Some(SPECIALIST) => Need::Other,
            Course::Shared(service) if service.emergency => Need::Emergency,
            Course::Shared(_) => Need::Visit,
            Course::Denied(_) | Course::Waits(..) => Need::Nothing,
        })
        .collect();
    let referrals = referral::check(claim, &needs);
    for (course, referral) in courses.iter_mut().zip(referrals) {
        let denied = |carc, clause| Course::Denied(Denial::contractual(Carc(carc), clause));
        match referral {
            Referral::Good => {}
            Referral::None => *course = denied(288, clause::NO_REFERRAL),
            Referral::NotThis => *course = denied(243, clause::NOT_REFERRED),
            Referral::Awaited => {
                *course = Course::Waits(pend::REFERRAL, clause::REFERRAL_AWAITED);
            }
        }
    }
}

/// What is denied before any table is looked at.
fn refused_outright(claim: &Claim, line: &Line) -> Option<Denial> {
    let lacking =
        |remark, clause| Denial::contractual(Carc::LACKS_INFORMATION, clause).remark(remark);
    if !matches!(
        claim.kind,
        ClaimKind::Professional | ClaimKind::Institutional
    ) {
        return Some(Denial::patient(
            Carc::NOT_COVERED_PLAN,
            clause::OTHER_CLAIMS,
        ));
    }
    if edits::filed_late(claim, line, FILING_DAYS) {
        return Some(Denial::contractual(Carc::TIMELY_FILING, clause::TIMELY));
    }
    if line.service().is_none() {
        return Some(lacking(ShortCode::of("M51"), clause::NO_CODE));
    }
    if line.quantity <= Quantity::ZERO {
        return Some(lacking(ShortCode::of("M53"), clause::NO_UNITS));
    }
    None
}
