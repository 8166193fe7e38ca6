//! Services not paid together (clauses 3.4 and 3.5): with earlier claims of the
//! same supplier and day, and on this claim.

use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::clauses::clause;
use crate::edit::{self, Denials};
use crate::fates::Together;
use crate::plan::table;

/// Every code of the table of pairs: those asked for among earlier lines.
const PAIRED: &[Code] = codes!("../tables/pairs.csv");

/// Two lines of a claim that make a pair: the position of the one in column 1, and of
/// the one in column 2.
#[derive(Clone, Copy)]
pub struct Pair {
    pub first: usize,
    pub second: usize,
}

/// The pairs on a claim.
#[derive(Default)]
pub struct Pairs {
    /// Column 1 denies column 2.
    pub denying: Vec<Pair>,
    /// Only a modifier of clause 6.1 keeps them apart.
    separated: Vec<Pair>,
}

impl Pairs {
    /// Adds two lines whose pair has this indicator; `modifiers` has the rows of the
    /// table of separate services.
    fn add(&mut self, pair: Pair, indicator: i64, modifiers: &[[Option<Row>; 4]]) {
        let of = |i: usize| modifiers.get(i).into_iter().flatten().flatten();
        let mut separate = of(pair.first).chain(of(pair.second)).peekable();
        if edits::pair_denies(indicator, separate.peek().is_some()) {
            self.denying.push(pair);
        } else if indicator == 1 && separate.any(|row| row.number(0) == 1) {
            self.separated.push(pair);
        }
    }

    /// The lines of column 2 that are paid beside column 1 because of a modifier of
    /// clause 6.1.
    pub fn separated(&self, denials: &Denials) -> Vec<usize> {
        let paid = |i: usize| !edit::denied(denials, i);
        let pairs = self.separated.iter();
        pairs
            .filter(|pair| paid(pair.first) && paid(pair.second))
            .map(|pair| pair.second)
            .collect()
    }
}

/// The pairs on this claim, of lines that are not denied so far.
pub fn on_claim(claim: &Claim, all: &[Together<'_>]) -> Pairs {
    let mut found: Vec<(&Together<'_>, &Together<'_>, Key)> = Vec::new();
    let paired = || {
        all.iter()
            .filter(|one| PAIRED.contains(&one.line.procedure))
    };
    for one in paired() {
        for other in paired() {
            let (first, second) = (one.line, other.line);
            if first.procedure != second.procedure
                && first.from == second.from
                && first.rendering == second.rendering
            {
                let key = Key::two(first.procedure, second.procedure, second.from);
                found.push((one, other, key));
            }
        }
    }
    let keys: Vec<Key> = found.iter().map(|(.., key)| *key).collect();
    let rows = reference::lookup(table::PAIRS, &keys);
    let mut pairs = Pairs::default();
    if rows.iter().all(Option::is_none) {
        return pairs;
    }
    let modifiers = reference::by_modifier(table::SEPARATE, claim);
    for ((one, other, _), row) in found.into_iter().zip(rows) {
        let Some(row) = row else { continue };
        for first in &one.positions {
            for second in &other.positions {
                let pair = Pair {
                    first: *first,
                    second: *second,
                };
                pairs.add(pair, row.number(0), &modifiers);
            }
        }
    }
    pairs
}

/// Denies lines that make a pair with a service of an earlier claim.
pub fn with_earlier(claim: &Claim, denials: &mut Denials) {
    let open: Vec<usize> = (0..claim.lines.len())
        .filter(|i| !edit::denied(denials, *i))
        .collect();
    let ask = |line: &Line, code: Code| {
        Question::of(Measure::Lines, code, line.from, line.from).by(line.rendering)
    };
    // Most claims have no earlier one of their day: one question a line.
    let lines = || open.iter().filter_map(|i| Some((*i, claim.lines.get(*i)?)));
    let any: Vec<Question> = lines().map(|(_, line)| ask(line, Code::NONE)).collect();
    let busy: Vec<(usize, &Line)> = lines()
        .zip(history::query(&any))
        .filter(|((_, line), count)| *count > 0 && PAIRED.contains(&line.procedure))
        .map(|(line, _)| line)
        .collect();
    if busy.is_empty() {
        return;
    }
    let separate = edits::separate_lines(claim, table::SEPARATE);
    for (i, line) in busy {
        let separate = separate.get(i) == Some(&true);
        let questions: Vec<Question> = PAIRED.iter().map(|code| ask(line, *code)).collect();
        let earlier: Vec<Code> = PAIRED
            .iter()
            .zip(history::query(&questions))
            .filter(|(code, count)| *count > 0 && **code != line.procedure)
            .map(|(code, _)| *code)
            .collect();
        let keys: Vec<Key> = earlier
            .iter()
            .flat_map(|code| {
                [
                    Key::two(*code, line.procedure, line.from),
                    Key::two(line.procedure, *code, line.from),
                ]
            })
            .collect();
        let rows = reference::lookup(table::PAIRS, &keys);
        for (k, row) in rows.into_iter().enumerate() {
            let Some(row) = row else { continue };
            // The modifiers of the earlier line are not known: this line's count.
            if edits::pair_denies(row.number(0), separate) {
                let carc = if k % 2 == 0 {
                    Carc::NCCI
                } else {
                    Carc::INCLUDED
                };
                edit::deny(denials, i, Denial::contractual(carc, clause::PAIRS_EARLIER));
            }
        }
    }
}
