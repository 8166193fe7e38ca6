//! Services not paid together (clauses 3.4 and 3.5): with earlier claims of the
//! same supplier and day, and on this claim.

use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::Key;

use crate::clauses::clause;
use crate::edit::{self, Denials};
use crate::fates::{Edge, Why};
use crate::plan::table;

/// Every code of the table of pairs: those asked for among earlier lines.
const PAIRED: &[Code] = codes!("../tables/pairs.csv");

/// The pairs on a claim.
#[derive(Default)]
pub struct Pairs {
    /// Column 1 denies column 2.
    pub denying: Vec<Edge>,
    /// Positions of lines that only a modifier of clause 6.1 keeps apart.
    separated: Vec<(usize, usize)>,
}

impl Pairs {
    /// The lines of column 2 that are paid beside column 1 because of a modifier of
    /// clause 6.1.
    pub fn separated(&self, denials: &Denials) -> Vec<usize> {
        let paid = |i: &usize| !edit::denied(denials, *i);
        let pairs = self.separated.iter().filter(|(i, j)| paid(i) && paid(j));
        pairs.map(|(_, j)| *j).collect()
    }
}

/// The pairs on this claim, of lines that are not denied so far.
pub fn on_claim(claim: &Claim, denials: &Denials) -> Pairs {
    let mut pairs = edits::same_day_pairs(claim);
    pairs.retain(|(i, j)| !edit::denied(denials, *i) && !edit::denied(denials, *j));
    let found: Vec<(usize, usize, Key)> = pairs
        .into_iter()
        .filter_map(|(i, j)| {
            let (first, second) = (claim.lines.get(i)?, claim.lines.get(j)?);
            let key = Key::two(first.procedure, second.procedure, second.from);
            Some((i, j, key))
        })
        .collect();
    let keys: Vec<Key> = found.iter().map(|(.., key)| *key).collect();
    let rows = reference::lookup(table::PAIRS, &keys);
    let mut pairs = Pairs::default();
    if rows.iter().all(Option::is_none) {
        return pairs;
    }
    let modifiers = reference::by_modifier(table::SEPARATE, claim);
    let of = |i: usize| modifiers.get(i).into_iter().flatten().flatten();
    for ((by, line, ..), row) in found.into_iter().zip(rows) {
        let Some(row) = row else { continue };
        let mut separate = of(by).chain(of(line)).peekable();
        if edits::pair_denies(row.number(0), separate.peek().is_some()) {
            let why = Why::Pair;
            pairs.denying.push(Edge { by, line, why });
        } else if row.number(0) == 1 && separate.any(|row| row.number(0) == 1) {
            pairs.separated.push((by, line));
        }
    }
    pairs
}

/// Denies lines that make a pair with a service of an earlier claim.
pub fn with_earlier(claim: &Claim, denials: &mut Denials) {
    let open: Vec<usize> = (0..claim.lines.len())
        .filter(|i| !edit::denied(denials, *i))
        .collect();
    let ask = |line: &Line, code: Code| Question {
        what: Measure::Lines,
        code,
        provider: line.rendering,
        from: line.from,
        through: line.from,
        family: false,
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
