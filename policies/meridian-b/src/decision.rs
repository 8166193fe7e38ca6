//! The decision: what is denied, what waits, and otherwise what is shared.

use tally_sdk::cob::Standing;
use tally_sdk::edits::Exclusion;
use tally_sdk::fees::Permission;
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::edit::Denials;
use crate::fates::Rules;
use crate::fee::{self, Benefit};
use crate::plan::{pend, table};
use crate::{edit, fates, pairs, review, share};

/// Decides a claim.
pub fn decide(claim: &Claim) -> Determination {
    let services = fee::look_up(claim);
    let exclusions = edits::excluded(claim, table::EXCLUSIONS);
    let mut denials = edit::outright(claim, &services, &exclusions);
    let others = Standing::of(claim);
    if let Some(waits) = place(&others, &mut denials) {
        return waits;
    }
    for (i, (line, service)) in claim.lines.iter().zip(&services).enumerate() {
        let Some(service) = service else { continue };
        if edit::denied(&denials, i) {
            continue;
        }
        if exclusions.get(i) == Some(&Exclusion::Waived) {
            return Determination::pended(pend::EXCLUSION, line.number, clause::EXCLUDED);
        }
        if !service.known_supplier {
            return Determination::pended(pend::SUPPLIER, line.number, clause::UNKNOWN_SUPPLIER);
        }
        if service.benefit == Benefit::ByReport {
            return Determination::pended(pend::REPORT, line.number, clause::BY_REPORT);
        }
        if service.surgeon == Permission::Documented {
            return Determination::pended(pend::DOCUMENTS, line.number, clause::SURGEONS);
        }
    }
    let separated = part_3(claim, &mut denials);
    let findings = review::findings(claim, &denials, &separated);
    let lines = share::settle(claim, &services, &denials, &others);
    Determination::settled(lines).with_findings(findings)
}

/// Part 3: first what a line alone and earlier claims decide, so that lines denied for
/// that deny no other; then what lines of the claim decide of each other. Answers the
/// lines of clause 6.1.
fn part_3(claim: &Claim, denials: &mut Denials) -> Vec<usize> {
    let limits = edit::unit_limits(claim);
    edit::units_of_lines(claim, &limits, denials);
    let days = edit::frequency(claim, denials);
    pairs::with_earlier(claim, denials);
    let all = fates::together(claim, denials);
    let pairs = pairs::on_claim(claim, &all);
    let rules = Rules {
        limits: &limits,
        days: &days,
        pairs: &pairs.denying,
    };
    fates::settle(claim, &rules, &all, denials);
    pairs.separated(denials)
}

/// Clauses 7.3 to 7.5, for the lines that are not denied anyway.
fn place(others: &Standing, denials: &mut Denials) -> Option<Determination> {
    if denials.iter().all(Option::is_some) {
        return None;
    }
    match others {
        Standing::First | Standing::After(_) => None,
        Standing::Unclear(line) => Some(Determination::pended(
            pend::OTHER_PAYER,
            *line,
            clause::UNCLEAR,
        )),
        Standing::Liable(_) => Some(Determination::pended(pend::ACCIDENT, 0, clause::ACCIDENT)),
        Standing::TooEarly => {
            for i in 0..denials.len() {
                let denial = Denial {
                    group: Group::Oa,
                    ..Denial::contractual(Carc(22), clause::OTHERS_FIRST)
                };
                edit::deny(denials, i, denial);
            }
            None
        }
    }
}
