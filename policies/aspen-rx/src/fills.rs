//! What depends on earlier fills: refills, quantities, first steps. The history
//! knows a fill by its code, its day and its quantity; how long it lasts is by
//! the formulary, since a claim does not say for how many days it is.

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::Key;

use crate::clauses::clause;
use crate::drug::{Channel, Drug};
use crate::plan::table;

/// The drugs that stand in the table of steps.
const STEPS: &[Code] = codes!("../tables/steps.csv");
/// Days within which a first step counts, clause 4.5.
const STEP_DAYS: i32 = 180;
/// The days of a month, as the formulary counts them.
const MONTH_DAYS: i64 = 30;

/// A question about one code of this member.
fn question(what: Measure, code: Code, from: ServiceDate, through: ServiceDate) -> Question {
    Question {
        what,
        code,
        provider: Code::NONE,
        from,
        through,
        family: false,
    }
}

fn before(day: ServiceDate, days: i32) -> ServiceDate {
    day.plus_days(days.saturating_neg())
        .unwrap_or(ServiceDate::MIN)
}

/// Which lines lack a first step, clause 4.5: one flag a line.
pub fn lack_step(claim: &Claim, drugs: &[Option<&Drug>]) -> Vec<bool> {
    let mut keys = Vec::new();
    let mut asked = Vec::new();
    for (i, (line, drug)) in claim.lines.iter().zip(drugs).enumerate() {
        if drug.is_none() || !STEPS.contains(&line.procedure) {
            continue;
        }
        for first in STEPS {
            keys.push(Key::two(line.procedure, *first, line.from));
            asked.push((i, *first));
        }
    }
    let mut lack = vec![false; claim.lines.len()];
    let mut questions = Vec::new();
    let mut of = Vec::new();
    let rows = reference::lookup(table::STEPS, &keys);
    for ((i, first), _) in asked.into_iter().zip(rows).filter(|(_, row)| row.is_some()) {
        let Some(line) = claim.lines.get(i) else {
            continue;
        };
        let (from, through) = (before(line.from, STEP_DAYS), before(line.from, 1));
        questions.push(question(Measure::Lines, first, from, through));
        of.push(i);
        if let Some(lack) = lack.get_mut(i) {
            *lack = true;
        }
    }
    for (i, fills) in of.into_iter().zip(history::query(&questions)) {
        if let Some(lack) = lack.get_mut(i) {
            *lack &= fills <= 0;
        }
    }
    lack
}

/// Which lines come too soon, clause 4.3: one flag a line. Of several lines of
/// one drug on a claim the first counts as the last fill of the next.
pub fn too_soon(claim: &Claim, drugs: &[Option<&Drug>]) -> Vec<bool> {
    let concerned = |drug: &Option<&Drug>| drug.is_some_and(|drug| !drug.given && drug.month > 0);
    let mut questions = Vec::new();
    for (line, _) in claim.lines.iter().zip(drugs).filter(|(_, d)| concerned(d)) {
        let first = ServiceDate::MIN;
        questions.push(question(
            Measure::LastDate,
            line.procedure,
            first,
            line.from,
        ));
    }
    let last: Vec<Option<ServiceDate>> = history::query(&questions)
        .into_iter()
        .map(history::as_date)
        .collect();
    let amounts: Vec<Question> = questions
        .iter()
        .zip(&last)
        .filter_map(|(asked, last)| last.map(|day| question(Measure::Units, asked.code, day, day)))
        .collect();
    let mut amounts = history::query(&amounts).into_iter();
    let mut last = last.into_iter();
    let mut here: Vec<(Code, ServiceDate, i64)> = Vec::new();
    let mut soon = vec![false; claim.lines.len()];
    for ((line, drug), soon) in claim.lines.iter().zip(drugs).zip(&mut soon) {
        let Some(drug) = drug.filter(|_| concerned(drug)) else {
            continue;
        };
        let earlier = last.next().flatten();
        let mut fill = earlier.map(|day| (day, amounts.next().unwrap_or(0)));
        for (code, day, units) in &here {
            let later = fill.is_none_or(|(other, _)| other <= *day);
            if *code == line.procedure && *day <= line.from && later {
                fill = Some((*day, *units));
            }
        }
        *soon = fill.is_some_and(|(day, units)| {
            let passed = i64::from(line.from.days_since(day));
            !mostly_used(passed, units, drug.month)
        });
        if !*soon {
            here.push((line.procedure, line.from, drug.quantity.scaled()));
        }
    }
    soon
}

/// Whether three quarters of a fill are used after so many days: `units`, in
/// ten-thousandths, of a drug of which `month` last thirty days.
fn mostly_used(passed: i64, units: i64, month: i64) -> bool {
    let used = i128::from(passed) * i128::from(month) * 4 * i128::from(Quantity::ONE.scaled());
    used >= i128::from(units) * i128::from(MONTH_DAYS) * 3
}

/// A limit of a fill: how much is left, in ten-thousandths, and by which clause.
#[derive(Clone, Copy)]
pub struct Left {
    /// The quantity that is covered.
    pub units: i64,
    /// The clause of the rest.
    pub clause: ClauseId,
}

/// What clauses 4.1 and 4.2 leave of each line; `None` where neither limits it.
pub fn left(claim: &Claim, drugs: &[Option<&Drug>]) -> Vec<Option<Left>> {
    let rows = reference::by_procedure(table::QUANTITIES, claim);
    let window = |line: &Line, days: i64| {
        let days = i32::try_from(days).unwrap_or(1).saturating_sub(1);
        before(line.from, days)
    };
    let mut questions = Vec::new();
    for ((line, drug), row) in claim.lines.iter().zip(drugs).zip(&rows) {
        if let (Some(_), Some(row)) = (drug, row) {
            let from = window(line, row.number(1));
            questions.push(question(Measure::Units, line.procedure, from, line.from));
        }
    }
    let mut filled = history::query(&questions).into_iter();
    let mut here: Vec<(Code, ServiceDate, i64)> = Vec::new();
    let mut left = Vec::with_capacity(claim.lines.len());
    for ((line, drug), row) in claim.lines.iter().zip(drugs).zip(&rows) {
        let Some(drug) = drug.filter(|drug| !drug.given) else {
            if drug.is_some() && row.is_some() {
                filled.next();
            }
            left.push(None);
            continue;
        };
        let months = if drug.channel == Some(Channel::Mail) {
            3
        } else {
            1
        };
        let mut most = drug.lasting(months).map(|units| Left {
            units,
            clause: clause::FILL,
        });
        if let Some(row) = row {
            let from = window(line, row.number(1));
            let same = here.iter().filter(|(code, day, _)| {
                *code == line.procedure && (from..=line.from).contains(day)
            });
            let earlier = filled.next().unwrap_or(0);
            let used = same.fold(earlier, |sum, (_, _, units)| sum.saturating_add(*units));
            let limit = row.number(0).saturating_mul(Quantity::ONE.scaled());
            let units = limit.saturating_sub(used).max(0);
            if most.is_none_or(|most| units < most.units) {
                most = Some(Left {
                    units,
                    clause: clause::QUANTITY,
                });
            }
        }
        let covered = most.map_or(drug.quantity.scaled(), |most| {
            most.units.min(drug.quantity.scaled())
        });
        here.push((line.procedure, line.from, covered));
        left.push(most);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quarters_of_thirty_days_are_twenty_three() {
        let thirty = 30 * Quantity::ONE.scaled();
        assert!(!mostly_used(22, thirty, 30));
        assert!(mostly_used(23, thirty, 30));
        // Half a tablet a day; ninety days by mail.
        assert!(mostly_used(23, thirty / 2, 15));
        assert!(!mostly_used(67, 3 * thirty, 30));
        assert!(mostly_used(68, 3 * thirty, 30));
        // 28 days: 21 are three quarters.
        assert!(mostly_used(21, 28 * Quantity::ONE.scaled(), 30));
    }
}
