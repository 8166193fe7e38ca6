//! The decision: what is denied, what waits, and otherwise what is shared.

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::cob::PriorPayer;
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::frequency::{self, Found};
use crate::mouth::{self, Jaw};
use crate::plan::pend;
use crate::service::{self, Class, Service};
use crate::share::Visits;
use crate::{others, review, share};

/// Days within which a claim must come, clause 2.1.
const FILING_DAYS: i32 = 365;

/// What becomes of a line.
enum Course<'a> {
    Denied(Denial),
    Waits(PendId, ClauseId),
    Shared(&'a Service),
}

/// Decides a claim.
pub fn decide(claim: &Claim) -> Determination {
    let jaw = Jaw::of(claim);
    let services = service::look_up(claim, &jaw);
    let mut courses: Vec<Course<'_>> = claim
        .lines
        .iter()
        .zip(&services)
        .map(|(line, service)| course(claim, line, service.as_ref(), &jaw))
        .collect();
    limit(claim, &mut courses);
    for (line, course) in claim.lines.iter().zip(&courses) {
        if let Course::Waits(reason, clause) = course {
            return Determination::pended(*reason, line.number, *clause);
        }
    }
    let shared = |course: &Course<'_>| matches!(course, Course::Shared(_));
    let earlier = match others::earlier(claim) {
        Some(earlier) => earlier,
        None if courses.iter().any(shared) => {
            return Determination::pended(pend::EARLIER, 0, clause::EARLIER_UNKNOWN);
        }
        None => Vec::new(),
    };
    let lines = settle(claim, &courses, &earlier);
    let findings = review::findings(claim, &services, &lines);
    Determination::settled(lines).with_findings(findings)
}

/// Settles the lines by their days (clause 5.1), and answers them in the claim's order.
/// None waits.
fn settle(
    claim: &Claim,
    courses: &[Course<'_>],
    earlier: &[Vec<PriorPayer>],
) -> Vec<LineDetermination> {
    let mut balances = Balances::of(claim, &crate::PLAN);
    let mut visits = Visits::default();
    let mut lines: Vec<Option<LineDetermination>> = vec![None; claim.lines.len()];
    for i in claim.by_day() {
        let (Some(line), Some(course), Some(slot)) =
            (claim.lines.get(i), courses.get(i), lines.get_mut(i))
        else {
            continue;
        };
        let earlier = earlier.get(i).map_or(&[][..], Vec::as_slice);
        let decided = match course {
            Course::Denied(denial) => others::deny(line, *denial, earlier, &mut balances),
            Course::Shared(service) => {
                share::settle(line, service, earlier, &visits, &mut balances)
            }
            Course::Waits(..) => continue,
        };
        visits.note(line, &decided);
        *slot = Some(decided);
    }
    lines.into_iter().flatten().collect()
}

/// What becomes of a line, limits in months apart.
fn course<'a>(claim: &Claim, line: &Line, service: Option<&'a Service>, jaw: &Jaw) -> Course<'a> {
    if let Some(denial) = refused_outright(claim, line) {
        return Course::Denied(denial);
    }
    let Some(service) = service else {
        let denial = Denial::contractual(Carc::INVALID_CODE, clause::INVALID_CODE);
        return Course::Denied(denial);
    };
    match service.class {
        Class::NotCovered => {
            let denial = Denial::patient(Carc::NOT_COVERED_PLAN, clause::NOT_COVERED);
            return Course::Denied(denial);
        }
        Class::ByReport => return Course::Waits(pend::RECORDS, clause::BY_REPORT),
        Class::Preventive | Class::Basic | Class::Major | Class::Orthodontics => {}
    }
    if service.fee.is_none() || service.terms.is_none() {
        return Course::Waits(pend::RECORDS, clause::BY_REPORT);
    }
    let denial = mouth::lacks(line, &service.teeth, jaw)
        .or_else(|| service.limit?.too_old(claim, line))
        .or_else(|| too_soon(claim, line, service));
    denial.map_or(Course::Shared(service), Course::Denied)
}

/// Clause 4.12.
fn too_soon(claim: &Claim, line: &Line, service: &Service) -> Option<Denial> {
    let waiting = service.terms?.waiting;
    let over = claim.covered_since.plus_months(waiting)?;
    if line.from >= over || (service.class == Class::Major && claim.accident.is_some()) {
        return None;
    }
    let denial = Denial::patient(Carc::NOT_COVERED, clause::WAITING);
    Some(denial.remark(ShortCode::of("N30")))
}

/// Limits in months. Where the tooth is not known, an authorisation says that
/// it was another.
fn limit(claim: &Claim, courses: &mut [Course<'_>]) {
    let open: Vec<Option<&Service>> = courses
        .iter()
        .map(|course| match course {
            Course::Shared(service) => Some(*service),
            Course::Denied(_) | Course::Waits(..) => None,
        })
        .collect();
    let found = frequency::in_months(claim, &open);
    let asked: Vec<bool> = found.iter().map(|found| *found == Found::Unknown).collect();
    let known = edits::authorized_lines(claim, &asked);
    for ((course, found), known) in courses.iter_mut().zip(found).zip(known) {
        match found {
            Found::Nothing => {}
            Found::TooEarly(clause) => {
                let denial = Denial::patient(Carc::BENEFIT_MAXIMUM, clause);
                *course = Course::Denied(denial);
            }
            Found::Unknown if known => {}
            Found::Unknown => *course = Course::Waits(pend::TOOTH, clause::RECORD),
        }
    }
}

/// What is denied before any table is looked at.
fn refused_outright(claim: &Claim, line: &Line) -> Option<Denial> {
    let lacking =
        |remark, clause| Denial::contractual(Carc::LACKS_INFORMATION, clause).remark(remark);
    if claim.kind != ClaimKind::Oral {
        let carc = Carc::NOT_COVERED_PLAN;
        return Some(Denial::patient(carc, clause::OTHER_CLAIMS));
    }
    if edits::filed_late(claim, line, FILING_DAYS) {
        return Some(Denial::contractual(Carc::TIMELY_FILING, clause::TIMELY));
    }
    if line.procedure.is_none() {
        return Some(lacking(ShortCode::of("M51"), clause::NO_CODE));
    }
    if line.quantity <= Quantity::ZERO {
        return Some(lacking(ShortCode::of("M53"), clause::NO_UNITS));
    }
    None
}
