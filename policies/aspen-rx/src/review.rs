//! What a person should look at (part 8): it changes no payment.

use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;

use crate::clauses::clause;
use crate::plan::{pattern, table};

/// Days before the fill that are looked at.
const DAYS: i32 = 30;

/// Clause 8.1: fills of a watched drug, at all pharmacies and at this one.
pub fn findings(claim: &Claim, lines: &[LineDetermination]) -> Vec<Finding> {
    let rows = reference::by_procedure(table::QUANTITIES, claim);
    let mut watched = Vec::new();
    let mut questions = Vec::new();
    for ((line, decided), row) in claim.lines.iter().zip(lines).zip(rows) {
        if decided.denied || row.is_none_or(|row| row.number(2) != 1) {
            continue;
        }
        watched.push(line.number);
        for provider in [Code::NONE, line.rendering] {
            questions.push(
                Question::of(
                    Measure::Lines,
                    line.procedure,
                    line.from.plus_days(-DAYS).unwrap_or(ServiceDate::MIN),
                    line.from,
                )
                .by(provider),
            );
        }
    }
    let answers = history::query(&questions);
    let (pairs, _) = answers.as_chunks::<2>();
    watched
        .into_iter()
        .zip(pairs)
        .filter(|(_, [all, here])| all > here)
        .map(|(line, _)| Finding {
            pattern: pattern::SEVERAL,
            line,
            score: 600,
            clause: clause::SEVERAL,
        })
        .collect()
}
