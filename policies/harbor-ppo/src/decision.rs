//! The decision: what is denied, what waits, and otherwise what is shared.

use alloc::vec::Vec;

use tally_sdk::Accident;
use tally_sdk::cob::Standing;
use tally_sdk::prelude::*;

use crate::category::Category;
use crate::clauses::clause;
use crate::plan::{self, pend};
use crate::service::{self, Authorization, Service};
use crate::{review, share};

/// Days within which a claim must come, clause 2.1.
const FILING_DAYS: i32 = 180;

/// What becomes of a line.
enum Course<'a> {
    Denied(Denial),
    Waits(PendId, ClauseId),
    Shared(&'a Service),
}

/// Decides a claim.
pub fn decide(claim: &Claim) -> Determination {
    let services = service::look_up(claim);
    let mut courses: Vec<Course<'_>> = claim
        .lines
        .iter()
        .zip(&services)
        .map(|(line, service)| course(claim, line, service.as_ref()))
        .collect();
    let others = Standing::of(claim);
    if let Some(waits) = place(&others, &mut courses) {
        return waits;
    }
    authorize(claim, &mut courses);
    for (line, course) in claim.lines.iter().zip(&courses) {
        if let Course::Waits(reason, clause) = course {
            return Determination::pended(*reason, line.number, *clause);
        }
    }
    let mut balances = plan::balances(claim);
    let lines: Vec<LineDetermination> = claim
        .lines
        .iter()
        .zip(&courses)
        .enumerate()
        .filter_map(|(i, (line, course))| match course {
            Course::Denied(denial) => {
                Some(share::deny(line, *denial, others.before(i), &mut balances))
            }
            Course::Shared(service) => Some(share::settle(
                line,
                service,
                others.before(i),
                &mut balances,
            )),
            Course::Waits(..) => None, // the claim has waited above
        })
        .collect();
    let findings = review::findings(claim, &services, &lines);
    Determination::settled(lines).with_findings(findings)
}

/// What becomes of a line, other payers and authorisations apart.
fn course<'a>(claim: &Claim, line: &Line, service: Option<&'a Service>) -> Course<'a> {
    if let Some(denial) = refused_outright(claim, line) {
        return Course::Denied(denial);
    }
    let Some(service) = service else {
        let denial = Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE);
        return Course::Denied(denial);
    };
    match service.category {
        Category::Cosmetic => {
            let denial = Denial::patient(Carc::NOT_COVERED_PLAN, clause::COSMETIC);
            return Course::Denied(denial);
        }
        Category::Convenience => {
            let denial = Denial::patient(Carc::NOT_COVERED, clause::CONVENIENCE);
            return Course::Denied(denial.remark(ShortCode::of("N130")));
        }
        Category::Unlisted => return Course::Waits(pend::RECORDS, clause::BY_HAND),
        Category::Office | Category::Benefit(_) => {}
    }
    if service.terms.is_none() {
        let denial = Denial::patient(Carc::OUT_OF_NETWORK, clause::ONLY_IN_NETWORK);
        return Course::Denied(denial);
    }
    if service.fee.is_none() {
        return Course::Waits(pend::RECORDS, clause::BY_HAND);
    }
    Course::Shared(service)
}

/// Clauses 8.2 to 8.5, for the lines that are not denied anyway.
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
        Standing::Liable(Accident::Vehicle) => {
            return Some(Determination::pended(pend::ACCIDENT, 0, clause::VEHICLE));
        }
        Standing::TooEarly => other(Carc(22), clause::OTHERS_FIRST),
        Standing::Liable(_) => other(Carc(109), clause::WORK),
    };
    for course in courses {
        if !matches!(course, Course::Denied(_)) {
            *course = Course::Denied(denial);
        }
    }
    None
}

/// Clauses 4.1 and 4.2. Lines that are covered otherwise use authorisations up
/// in their order; an emergency needs none, but uses one up that there is.
fn authorize(claim: &Claim, courses: &mut [Course<'_>]) {
    let concerned: Vec<bool> = courses
        .iter()
        .map(|course| match course {
            Course::Shared(service) => service.authorization != Authorization::NotNeeded,
            Course::Denied(_) | Course::Waits(..) => false,
        })
        .collect();
    let authorized = edits::authorized_lines(claim, &concerned);
    for (course, authorized) in courses.iter_mut().zip(authorized) {
        let Course::Shared(service) = course else {
            continue;
        };
        if authorized || service.emergency {
            continue;
        }
        match service.authorization {
            Authorization::NotNeeded => {}
            Authorization::Denied => {
                let carc = Carc::NO_AUTHORIZATION;
                *course = Course::Denied(Denial::contractual(carc, clause::AUTHORIZED_BEFORE));
            }
            Authorization::Awaited => {
                *course = Course::Waits(pend::AUTHORIZATION, clause::AUTHORIZED_AFTER);
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
