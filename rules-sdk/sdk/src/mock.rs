//! Answers to a policy's questions in native unit tests. Worked cases, which
//! run the real component, need none of this.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tally_types::Code;

use crate::history::{Measure, Question};
use crate::plan::TableId;
use crate::reference::{Key, Row};

#[derive(Default)]
struct Answers {
    rows: BTreeMap<(u16, Code, Code), Row>,
    lines: Vec<(Code, i64, i64)>,
}

thread_local! {
    static ANSWERS: RefCell<Answers> = RefCell::default();
}

/// Forgets everything.
pub fn clear() {
    ANSWERS.with_borrow_mut(|answers| *answers = Answers::default());
}

/// Puts a row into a table, whatever the date.
pub fn row(table: TableId, a: Code, b: Code, columns: [i64; 4]) {
    ANSWERS.with_borrow_mut(|answers| answers.rows.insert((table.0, a, b), Row(columns)));
}

/// Adds an earlier line: its procedure, its day and its units in
/// ten-thousandths.
pub fn earlier_line(code: Code, day: i32, units: i64) {
    ANSWERS.with_borrow_mut(|answers| answers.lines.push((code, i64::from(day), units)));
}

pub(crate) fn lookup(table: TableId, keys: &[Key]) -> Vec<Option<Row>> {
    ANSWERS.with_borrow(|answers| {
        keys.iter()
            .map(|key| answers.rows.get(&(table.0, key.a, key.b)).copied())
            .collect()
    })
}

pub(crate) fn query(questions: &[Question]) -> Vec<i64> {
    ANSWERS.with_borrow(|answers| {
        questions
            .iter()
            .map(|question| {
                let from = i64::from(question.from.days());
                let through = i64::from(question.through.days());
                let matching = answers.lines.iter().filter(|(code, day, _)| {
                    (question.code.is_none() || *code == question.code)
                        && (from..=through).contains(day)
                });
                match question.what {
                    Measure::Units => matching.map(|(_, _, units)| units).sum(),
                    Measure::Lines => i64::try_from(matching.count()).unwrap_or(i64::MAX),
                    Measure::LastDate => matching.map(|(_, day, _)| *day).max().unwrap_or(i64::MIN),
                }
            })
            .collect()
    })
}
