//! Services not paid together (clauses 3.4 and 3.5): on this claim, then with
//! earlier claims of the same supplier and day.

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::Key;

use crate::clauses::clause;
use crate::edit::{self, Denials};
use crate::plan::table;

/// Every code of the table of pairs: those asked for among earlier lines.
const PAIRED: &[Code] = codes!("../tables/pairs.csv");

/// Whether a line is paid, as far as the pairs go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Paid,
    Denied,
}

/// Denies column 2 of the pairs on this claim. Answers the positions of lines
/// that only a modifier of clause 6.1 keeps apart.
pub fn on_claim(claim: &Claim, denials: &mut Denials) -> Vec<usize> {
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
    if rows.iter().all(Option::is_none) {
        return Vec::new();
    }
    let modifiers = reference::by_modifier(table::SEPARATE, claim);
    let of = |i: usize| modifiers.get(i).into_iter().flatten().flatten();
    let mut denying = Vec::new();
    let mut separated = Vec::new();
    for ((i, j, ..), row) in found.into_iter().zip(rows) {
        let Some(row) = row else { continue };
        let mut separate = of(i).chain(of(j)).peekable();
        if edits::pair_denies(row.number(0), separate.peek().is_some()) {
            denying.push((i, j));
        } else if row.number(0) == 1 && separate.any(|row| row.number(0) == 1) {
            separated.push((i, j));
        }
    }
    let fates = fates(claim.lines.len(), &denying);
    let paid = |i: usize| fates.get(i) == Some(&Fate::Paid);
    for j in (0..claim.lines.len()).filter(|j| !paid(*j)) {
        edit::deny(denials, j, Denial::contractual(Carc::NCCI, clause::PAIRS));
    }
    separated.retain(|(i, j)| paid(*i) && paid(*j));
    separated.into_iter().map(|(_, j)| j).collect()
}

/// A line is denied when a line that is paid denies it: the answer does not
/// depend on the order of the lines. Of lines that deny each other, which no
/// sound table has, the first is paid.
fn fates(lines: usize, denying: &[(usize, usize)]) -> Vec<Fate> {
    let mut fates = vec![Fate::Open; lines];
    loop {
        let mut changed = false;
        for j in 0..lines {
            if fates.get(j) != Some(&Fate::Open) {
                continue;
            }
            let by = || {
                denying
                    .iter()
                    .filter(|(_, second)| *second == j)
                    .filter_map(|(first, _)| fates.get(*first))
            };
            let fate = if by().any(|fate| *fate == Fate::Paid) {
                Fate::Denied
            } else if by().all(|fate| *fate == Fate::Denied) {
                Fate::Paid
            } else {
                continue;
            };
            if let Some(slot) = fates.get_mut(j) {
                *slot = fate;
                changed = true;
            }
        }
        if changed {
            continue;
        }
        match fates.iter_mut().find(|fate| **fate == Fate::Open) {
            Some(slot) => *slot = Fate::Paid,
            None => return fates,
        }
    }
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
