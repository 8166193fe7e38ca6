//! What a person should look at (part 6): it changes no payment.

use alloc::vec::Vec;

use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::edit::{self, Denials};
use crate::plan::pattern;

/// The highest office visits, new and established.
const HIGHEST: [Code; 2] = [Code::of("99205"), Code::of("99215")];

/// Z00 to Z13, examination and screening; R70 to R79, findings in blood.
const FOR_THE_LABORATORY: [Code; 3] = [Code::of("Z0"), Code::of("Z1"), Code::of("R7")];

/// The findings of a claim's lines that are not denied.
pub fn findings(claim: &Claim, denials: &Denials, separated: &[usize]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (i, line) in claim.lines.iter().enumerate() {
        if edit::denied(denials, i) {
            continue;
        }
        if separated.contains(&i) {
            findings.push(Finding {
                pattern: pattern::SEPARATED,
                line: line.number,
                score: 300,
                clause: clause::SEPARATED,
            });
        }
        if HIGHEST.contains(&line.procedure) && screening_or_laboratory(claim, line) {
            findings.push(Finding {
                pattern: pattern::HIGH_VISIT,
                line: line.number,
                score: 500,
                clause: clause::HIGH_VISIT,
            });
        }
    }
    findings
}

/// Whether a line has diagnoses, and all are screening or laboratory findings.
fn screening_or_laboratory(claim: &Claim, line: &Line) -> bool {
    let mut any = false;
    for diagnosis in claim.diagnoses_of(line) {
        any = true;
        if !FOR_THE_LABORATORY
            .iter()
            .any(|head| diagnosis.starts_with(*head))
        {
            return false;
        }
    }
    any
}
