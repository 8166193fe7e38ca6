//! The decision: what is denied, what waits, and otherwise what is shared.

use alloc::vec::Vec;

use tally_sdk::prelude::*;

use crate::category::Category;
use crate::clauses::clause;
use crate::plan::{PLAN, pend};
use crate::service::{self, Authorization, Service};
use crate::{review, share};

/// Days within which a claim must come, clause 2.1.
const FILING_DAYS: i32 = 180;

/// What becomes of a line.
enum Course {
    Denied(Denial),
    Waits(PendId, ClauseId),
    Shared(Service),
}

/// Decides a claim.
pub fn decide(claim: &Claim) -> Determination {
    let services = service::look_up(claim);
    let needed: Vec<bool> = services
        .iter()
        .map(|service| service.as_ref().is_some_and(needs_authorization))
        .collect();
    let authorized = edits::authorized_lines(claim, &needed);
    let courses: Vec<Course> = claim
        .lines
        .iter()
        .zip(&services)
        .zip(authorized)
        .map(|((line, service), authorized)| course(claim, line, service.as_ref(), authorized))
        .collect();
    for (line, course) in claim.lines.iter().zip(&courses) {
        if let Course::Waits(reason, clause) = course {
            return Determination::pended(*reason, line.number, *clause);
        }
    }
    let mut balances = Balances::of(claim, &PLAN);
    let lines: Vec<LineDetermination> = claim
        .lines
        .iter()
        .zip(&courses)
        .filter_map(|(line, course)| match course {
            Course::Denied(denial) => Some(LineWork::deny(line, *denial)),
            Course::Shared(service) => Some(share::settle(line, service, &mut balances)),
            Course::Waits(..) => None, // the claim has waited above
        })
        .collect();
    let findings = review::findings(claim, &services, &lines);
    Determination::settled(lines).with_findings(findings)
}

fn needs_authorization(service: &Service) -> bool {
    service.authorization != Authorization::NotNeeded && !service.emergency
}

fn course(claim: &Claim, line: &Line, service: Option<&Service>, authorized: bool) -> Course {
    if let Some(denial) = refused_outright(claim, line) {
        return Course::Denied(denial);
    }
    let Some(service) = service else {
        return Course::Denied(Denial::contractual(
            Carc::INVALID_CODE,
            clause::INVALID_CODE,
        ));
    };
    match service.category {
        Category::Cosmetic => {
            return Course::Denied(Denial::patient(Carc::NOT_COVERED_PLAN, clause::COSMETIC));
        }
        Category::Convenience => {
            let denial = Denial::patient(Carc::NOT_COVERED, clause::CONVENIENCE);
            return Course::Denied(denial.remark(ShortCode::of("N130")));
        }
        Category::Unlisted => return Course::Waits(pend::RECORDS, clause::BY_HAND),
        Category::Office | Category::Benefit(_) => {}
    }
    if service.terms.is_none() {
        return Course::Denied(Denial::patient(
            Carc::OUT_OF_NETWORK,
            clause::ONLY_IN_NETWORK,
        ));
    }
    if needs_authorization(service) && !authorized {
        return match service.authorization {
            Authorization::Awaited => Course::Waits(pend::AUTHORIZATION, clause::AUTHORIZED_AFTER),
            _ => Course::Denied(Denial::contractual(
                Carc::NO_AUTHORIZATION,
                clause::AUTHORIZED_BEFORE,
            )),
        };
    }
    if service.fee.is_none() {
        return Course::Waits(pend::RECORDS, clause::BY_HAND);
    }
    Course::Shared(*service)
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
