//! What depends on earlier fills: refills, quantities, first steps. The history
//! knows a fill by its code, its day and its quantity; how long it lasts is by
//! the formulary, since a claim does not say for how many days it is.

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

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
    Question::of(what, code, from, through)
}

fn before(day: ServiceDate, days: i32) -> ServiceDate {
    day.plus_days(days.saturating_neg())
        .unwrap_or(ServiceDate::MIN)
}

/// Lines that need a first step, clause 4.5.
pub struct Steps {
    /// Which lines lack one: a flag a line.
    pub lack: Vec<bool>,
    /// The first steps of each.
    firsts: Vec<(usize, Code)>,
}

/// The days in which a first step of a line counts.
fn step_days(line: &Line) -> (ServiceDate, ServiceDate) {
    (before(line.from, STEP_DAYS), before(line.from, 1))
}

impl Steps {
    /// What earlier claims say of it.
    pub fn of(claim: &Claim, drugs: &[Option<&Drug>]) -> Self {
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
        let rows = reference::lookup(table::STEPS, &keys).into_iter();
        let listed = asked.into_iter().zip(rows).filter(|(_, row)| row.is_some());
        let firsts: Vec<(usize, Code)> = listed.map(|(first, _)| first).collect();
        let mut questions = Vec::new();
        for (i, first) in &firsts {
            if let Some(line) = claim.lines.get(*i) {
                let (from, through) = step_days(line);
                questions.push(question(Measure::Lines, *first, from, through));
            }
        }
        let mut lack = vec![false; claim.lines.len()];
        for (i, _) in &firsts {
            if let Some(lack) = lack.get_mut(*i) {
                *lack = true;
            }
        }
        for ((i, _), fills) in firsts.iter().zip(history::query(&questions)) {
            if let Some(lack) = lack.get_mut(*i) {
                *lack &= fills <= 0;
            }
        }
        Self { lack, firsts }
    }

    /// Counts fills of this claim as first steps: those of which `covered` says that
    /// something is covered. Whether a line lacks one no longer.
    pub fn count(&mut self, claim: &Claim, covered: impl Fn(usize) -> bool) -> bool {
        let mut met = false;
        for (i, first) in &self.firsts {
            let (Some(line), Some(lack)) = (claim.lines.get(*i), self.lack.get_mut(*i)) else {
                continue;
            };
            let (from, through) = step_days(line);
            let here = claim.lines.iter().enumerate().any(|(at, other)| {
                other.procedure == *first && (from..=through).contains(&other.from) && covered(at)
            });
            met |= *lack && here;
            *lack &= !here;
        }
        met
    }
}

/// A line that is a fill, with its drug.
#[derive(Clone, Copy)]
struct Fill<'a> {
    at: usize,
    line: &'a Line,
    drug: &'a Drug,
}

/// The fills among the lines that are not denied, by their days.
fn by_day<'a>(claim: &'a Claim, drugs: &[Option<&'a Drug>]) -> Vec<Fill<'a>> {
    let fill = |at: usize| {
        let drug = drugs.get(at).copied().flatten()?;
        let line = claim.lines.get(at)?;
        (!drug.given).then_some(Fill { at, line, drug })
    };
    claim.by_day().into_iter().filter_map(fill).collect()
}

/// Which lines come too soon, clause 4.3: one flag a line. Fills of one drug on a claim
/// are taken by their days: one that is covered is the last fill of the next.
pub fn too_soon(claim: &Claim, drugs: &[Option<&Drug>]) -> Vec<bool> {
    let mut fills = by_day(claim, drugs);
    fills.retain(|fill| fill.drug.month > 0);
    let mut here: Vec<(Code, ServiceDate, i64)> = Vec::new();
    let mut soon = vec![false; claim.lines.len()];
    for (fill, OnFile { mut last, later }) in fills.iter().zip(on_file(&fills)) {
        let Fill { at, line, drug } = *fill;
        let same = here.iter().filter(|(code, ..)| *code == line.procedure);
        for (_, day, units) in same {
            if last.is_none_or(|(other, _)| other <= *day) {
                last = Some((*day, *units));
            }
        }
        let early = last.is_some_and(|(day, units)| {
            let passed = i64::from(line.from.days_since(day));
            passed < days_between(units, drug.month)
        });
        if !early && !later {
            here.push((line.procedure, line.from, drug.quantity.scaled()));
        } else if let Some(soon) = soon.get_mut(at) {
            *soon = true;
        }
    }
    soon
}

/// What the history says of a fill.
struct OnFile {
    /// The day and the quantity of the last one on its day or before.
    last: Option<(ServiceDate, i64)>,
    /// Whether there is a later one too near to it.
    later: bool,
}

fn on_file(fills: &[Fill<'_>]) -> Vec<OnFile> {
    let code = |fill: &Fill<'_>| fill.line.procedure;
    let until = |fill: &Fill<'_>| {
        let (first, day) = (ServiceDate::MIN, fill.line.from);
        question(Measure::LastDate, code(fill), first, day)
    };
    let until: Vec<Question> = fills.iter().map(until).collect();
    let days = history::query(&until).into_iter().map(history::as_date);
    let days: Vec<Option<ServiceDate>> = days.collect();
    let of_day = fills.iter().zip(&days).filter_map(|(fill, day)| {
        let day = (*day)?;
        Some(question(Measure::Units, code(fill), day, day))
    });
    let of_day: Vec<Question> = of_day.collect();
    let mut units = history::query(&of_day).into_iter();
    let after = |fill: &Fill<'_>| {
        let days = days_between(fill.drug.quantity.scaled(), fill.drug.month);
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        let day = |days| fill.line.from.plus_days(days).unwrap_or(ServiceDate::MAX);
        let (from, through) = (day(1), day(days.saturating_sub(1)));
        question(Measure::Lines, code(fill), from, through)
    };
    let after: Vec<Question> = fills.iter().map(after).collect();
    let later = history::query(&after).into_iter();
    days.into_iter()
        .zip(later)
        .map(|(day, later)| OnFile {
            last: day.map(|day| (day, units.next().unwrap_or(0))),
            later: later > 0,
        })
        .collect()
}

/// The days after which three quarters of a fill are used: of `units`, in
/// ten-thousandths, of a drug of which `month` last thirty days.
fn days_between(units: i64, month: i64) -> i64 {
    let whole = i128::from(month) * 4 * i128::from(Quantity::ONE.scaled());
    let used = i128::from(units.max(0)) * i128::from(MONTH_DAYS) * 3;
    let Some(days) = used.checked_div(whole) else {
        return 0;
    };
    let begun = i128::from(used % whole > 0);
    i64::try_from(days + begun).unwrap_or(i64::MAX)
}

/// A limit of a fill: how much is left, in ten-thousandths, and by which clause.
#[derive(Clone, Copy)]
pub struct Left {
    /// The quantity that is covered.
    pub units: i64,
    /// The clause of the rest.
    pub clause: ClauseId,
}

/// What clauses 4.1 and 4.2 leave of each line; `None` where neither limits it. Fills
/// of one drug on a claim are taken by their days.
pub fn left(claim: &Claim, drugs: &[Option<&Drug>]) -> Vec<Option<Left>> {
    let fills = by_day(claim, drugs);
    let rows = reference::by_procedure(table::QUANTITIES, claim);
    let row = |fill: &Fill<'_>| rows.get(fill.at).copied().flatten();
    let first = |fill: &Fill<'_>, row: Row| {
        let days = i32::try_from(row.number(1)).unwrap_or(1).saturating_sub(1);
        before(fill.line.from, days)
    };
    let limited = fills.iter().filter_map(|fill| Some((fill, row(fill)?)));
    let questions = limited.map(|(fill, row)| {
        let (from, through) = (first(fill, row), fill.line.from);
        question(Measure::Units, fill.line.procedure, from, through)
    });
    let questions: Vec<Question> = questions.collect();
    let mut filled = history::query(&questions).into_iter();
    let mut here: Vec<(Code, ServiceDate, i64)> = Vec::new();
    let mut left = vec![None; claim.lines.len()];
    for fill in &fills {
        let Fill { at, line, drug } = *fill;
        let mail = drug.channel == Some(Channel::Mail);
        let mut most = drug.lasting(if mail { 3 } else { 1 }).map(|units| Left {
            units,
            clause: clause::FILL,
        });
        if let Some(row) = row(fill) {
            let days = first(fill, row)..=line.from;
            let same = here
                .iter()
                .filter(|(code, day, _)| *code == line.procedure && days.contains(day));
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
        // As the history counts: as billed, and nothing of what is denied.
        if most.is_none_or(|most| most.units > 0) {
            here.push((line.procedure, line.from, drug.quantity.scaled()));
        }
        if let Some(left) = left.get_mut(at) {
            *left = most;
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quarters_of_thirty_days_are_twenty_three() {
        let thirty = 30 * Quantity::ONE.scaled();
        assert_eq!(days_between(thirty, 30), 23);
        // Half a tablet a day; ninety days by mail.
        assert_eq!(days_between(thirty / 2, 15), 23);
        assert_eq!(days_between(3 * thirty, 30), 68);
        // 28 days: 21 are three quarters.
        assert_eq!(days_between(28 * Quantity::ONE.scaled(), 30), 21);
        assert_eq!(days_between(0, 30), 0);
    }
}
