//! What a person should look at (part 7): it changes no payment.

use alloc::vec::Vec;

use tally_sdk::prelude::*;

use crate::category::{Benefit, Category};
use crate::clauses::clause;
use crate::plan::pattern;
use crate::service::Service;

/// An office as a place of service.
const OFFICE: ShortCode = ShortCode::of("11");
/// The highest office visits, new and established.
const HIGHEST: [Code; 2] = [Code::of("99205"), Code::of("99215")];

/// Z00 to Z13: examination and screening.
const WITHOUT_COMPLAINT: [Code; 2] = [Code::of("Z0"), Code::of("Z1")];

/// The findings of a claim's lines that are not denied.
pub fn findings(
    claim: &Claim,
    services: &[Option<Service>],
    lines: &[LineDetermination],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((line, service), decided) in claim.lines.iter().zip(services).zip(lines) {
        let Some(service) = service else { continue };
        if decided.denied {
            continue;
        }
        if HIGHEST.contains(&line.procedure) && without_complaint(claim, line) {
            findings.push(Finding {
                pattern: pattern::HIGH_VISIT,
                line: line.number,
                score: 600,
                clause: clause::HIGH_VISIT,
            });
        }
        if service.category == Category::Benefit(Benefit::Surgery)
            && line.place == OFFICE
            && !service.emergency
            && line.from.is_weekend()
        {
            findings.push(Finding {
                pattern: pattern::WEEKEND,
                line: line.number,
                score: 400,
                clause: clause::WEEKEND,
            });
        }
    }
    findings
}

/// Whether a line has diagnoses, and all are without complaint.
fn without_complaint(claim: &Claim, line: &Line) -> bool {
    let mut any = false;
    for diagnosis in claim.diagnoses_of(line) {
        any = true;
        if !WITHOUT_COMPLAINT
            .iter()
            .any(|head| diagnosis.starts_with(*head))
        {
            return false;
        }
    }
    any
}
