//! What a person should look at (part 8): it changes no payment.

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::frequency::Rule;
use crate::plan::pattern;
use crate::service::Service;

/// How many quadrants there are.
const ALL: usize = 4;

/// Clause 8.1: lines of root planing of one day that name all quadrants.
pub fn findings(
    claim: &Claim,
    services: &[Option<Service>],
    lines: &[LineDetermination],
) -> Vec<Finding> {
    let mut planed: Vec<(ServiceDate, ShortCode)> = Vec::new();
    let decided = claim.lines.iter().zip(services).zip(lines);
    for ((line, service), decided) in decided {
        let limit = service.as_ref().and_then(|service| service.limit);
        if decided.denied || limit.and_then(|limit| limit.rule) != Some(Rule::Planing) {
            continue;
        }
        for quadrant in &line.cavities {
            let place = (line.from, *quadrant);
            if !planed.contains(&place) {
                planed.push(place);
            }
        }
        let of_day = planed.iter().filter(|(day, _)| *day == line.from).count();
        if of_day == ALL {
            return vec![Finding {
                pattern: pattern::FOUR_QUADRANTS,
                line: line.number,
                score: 500,
                clause: clause::FOUR_QUADRANTS,
            }];
        }
    }
    Vec::new()
}
