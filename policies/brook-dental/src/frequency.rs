//! Limits in time and by age: part 4. What a calendar year limits is counted by
//! accumulators; what months limit is asked of the history.
//!
//! The history tells how often a code was on earlier claims, not on which tooth
//! or in which quadrant. So an earlier service settles a limit of the whole
//! mouth; for one of a tooth it only raises the question, which a person answers
//! (clause 4.10).

use alloc::vec;
use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::clauses::clause;
use crate::mouth::{self, Place};
use crate::plan::{accumulator, table};
use crate::service::Service;

/// The services that have a limit.
const LIMITED: &[Code] = codes!("../tables/limits.csv");

/// Which limit it is, as `limits.csv` numbers it. Services of one number count
/// together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Clause 4.1.
    Examinations,
    /// Clause 4.2.
    Cleanings,
    /// Clause 4.3.
    Bitewings,
    /// Clause 4.4.
    Fluoride,
    /// Clause 4.5.
    FullMouth,
    /// Clause 4.6.
    Sealants,
    /// Clause 4.7.
    Crowns,
    /// Clause 4.8, upper jaw.
    UpperDenture,
    /// Clause 4.8, lower jaw.
    LowerDenture,
    /// Clause 4.9.
    Planing,
    /// Clause 4.11.
    Orthodontics,
}

impl Rule {
    fn of(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Examinations,
            2 => Self::Cleanings,
            3 => Self::Bitewings,
            4 => Self::Fluoride,
            5 => Self::FullMouth,
            6 => Self::Sealants,
            7 => Self::Crowns,
            8 => Self::UpperDenture,
            9 => Self::LowerDenture,
            10 => Self::Planing,
            11 => Self::Orthodontics,
            _ => return None,
        })
    }

    fn clause(self) -> ClauseId {
        match self {
            Self::Examinations => clause::EXAMINATIONS,
            Self::Cleanings => clause::CLEANINGS,
            Self::Bitewings => clause::BITEWINGS,
            Self::Fluoride => clause::FLUORIDE,
            Self::FullMouth => clause::FULL_MOUTH,
            Self::Sealants => clause::SEALANTS,
            Self::Crowns => clause::CROWNS,
            Self::UpperDenture | Self::LowerDenture => clause::DENTURES,
            Self::Planing => clause::PLANING,
            Self::Orthodontics => clause::CHILDREN,
        }
    }

    /// What counts it in a calendar year.
    fn accumulator(self) -> Option<AccumulatorId> {
        match self {
            Self::Examinations => Some(accumulator::EXAMINATIONS),
            Self::Cleanings => Some(accumulator::CLEANINGS),
            Self::Bitewings => Some(accumulator::BITEWINGS),
            Self::Fluoride => Some(accumulator::FLUORIDE),
            _ => None,
        }
    }
}

/// A row of `limits.csv`.
#[derive(Clone, Copy)]
pub struct Limit {
    /// Which limit it is; none of a number that the plan does not know.
    pub rule: Option<Rule>,
    /// Months within which it is covered once; zero when a year limits it.
    months: u32,
    /// The age before which it is covered; zero when any is.
    before: i64,
}

impl Limit {
    /// Of a row.
    pub fn of(row: &Row) -> Self {
        Self {
            rule: Rule::of(row.number(0)),
            months: u32::try_from(row.number(1)).unwrap_or(0),
            before: row.number(2),
        }
    }

    /// Denies one who is too old.
    pub fn too_old(&self, claim: &Claim, line: &Line) -> Option<Denial> {
        let age = i64::from(claim.member.age_on(line.from));
        let denial = Denial::patient(Carc::NOT_COVERED, self.rule?.clause());
        (self.before > 0 && age >= self.before).then(|| denial.remark(ShortCode::of("N129")))
    }

    /// What counts it in a calendar year, and what denies the excess.
    pub fn of_a_year(&self) -> Option<(AccumulatorId, Denial)> {
        let rule = self.rule?;
        let denial = Denial::patient(Carc::BENEFIT_MAXIMUM, rule.clause());
        Some((rule.accumulator()?, denial))
    }

    /// The rule, where months limit it.
    fn in_months(&self) -> Option<(Rule, u32)> {
        let rule = self.rule?;
        (self.months > 0).then_some((rule, self.months))
    }
}

/// What months make of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// It was too early, by this clause.
    TooEarly(ClauseId),
    /// An earlier service may have been on the same tooth.
    Unknown,
}

/// Asks the history and the lines of the claim that come before by their days. `open`
/// are the lines that are not denied so far.
pub fn in_months(claim: &Claim, open: &[Option<&Service>]) -> Vec<Found> {
    let limit = |service: &Option<&Service>| {
        let service = (*service)?;
        let (rule, months) = service.limit?.in_months()?;
        Some((rule, months, service.teeth.place))
    };
    let limits: Vec<Option<(Rule, u32, Place)>> = open.iter().map(limit).collect();
    let earlier = earlier(claim, &limits);
    let mut found = vec![Found::Nothing; claim.lines.len()];
    let mut taken: Vec<(Rule, ServiceDate, ShortCode)> = Vec::new();
    for i in claim.by_day() {
        let limit = limits.get(i).copied().flatten();
        let (Some(line), Some((rule, months, place)), Some(found)) =
            (claim.lines.get(i), limit, found.get_mut(i))
        else {
            continue;
        };
        let earlier = earlier.get(i) == Some(&true);
        let (first, last) = around(line.from, months);
        let mut places = mouth::places(line, place);
        if places.is_empty() {
            places.push(ShortCode::NONE);
        }
        let here = taken.iter().any(|(other, on, place)| {
            *other == rule && (first..=last).contains(on) && places.contains(place)
        });
        if here || (earlier && place == Place::Mouth) {
            *found = Found::TooEarly(rule.clause());
            continue;
        }
        if earlier {
            *found = Found::Unknown;
        }
        taken.extend(places.into_iter().map(|place| (rule, line.from, place)));
    }
    found
}

/// Whether an earlier claim had a service of the rule within its months.
fn earlier(claim: &Claim, limits: &[Option<(Rule, u32, Place)>]) -> Vec<bool> {
    let Some(on) = claim
        .lines
        .iter()
        .zip(limits)
        .find_map(|(line, limit)| limit.map(|_| line.from))
    else {
        return vec![false; limits.len()];
    };
    let keys: Vec<Key> = LIMITED.iter().map(|code| Key::one(*code, on)).collect();
    let rules: Vec<Option<Rule>> = reference::lookup(table::LIMITS, &keys)
        .iter()
        .map(|row| row.as_ref().and_then(|row| Limit::of(row).rule))
        .collect();
    let mut questions = Vec::new();
    let mut asked = Vec::new();
    for (i, (line, limit)) in claim.lines.iter().zip(limits).enumerate() {
        let Some((rule, months, _)) = *limit else {
            continue;
        };
        let (from, through) = around(line.from, months);
        for (code, other) in LIMITED.iter().zip(&rules) {
            if *other == Some(rule) {
                asked.push(i);
                questions.push(Question::of(Measure::Lines, *code, from, through));
            }
        }
    }
    let mut earlier = vec![false; limits.len()];
    for (i, lines) in asked.into_iter().zip(history::query(&questions)) {
        if let Some(earlier) = earlier.get_mut(i) {
            *earlier |= lines > 0;
        }
    }
    earlier
}

/// The first and the last day that are within so many months of a day.
fn around(on: ServiceDate, months: u32) -> (ServiceDate, ServiceDate) {
    let first = months_before(on, months).and_then(|day| day.plus_days(1));
    let last = on.plus_months(months).and_then(|day| day.plus_days(-1));
    (
        first.unwrap_or(ServiceDate::MIN),
        last.unwrap_or(ServiceDate::MAX),
    )
}

/// The same day so many months earlier, or the last of that month.
fn months_before(day: ServiceDate, months: u32) -> Option<ServiceDate> {
    let (year, month, dom) = day.ymd();
    let months = i32::try_from(months).ok()?;
    let since = year
        .checked_mul(12)?
        .checked_add(i32::try_from(month).ok()?.checked_sub(1)?)?
        .checked_sub(months)?;
    let month = u32::try_from(since.rem_euclid(12)).ok()?.checked_add(1)?;
    let year = since.div_euclid(12);
    (0..4).find_map(|less| ServiceDate::new(year, month, dom.checked_sub(less)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_itself_is_outside() {
        let (first, last) = around(date(2026, 3, 15), 60);
        assert_eq!(first, date(2021, 3, 16));
        assert_eq!(last, date(2031, 3, 14));
        let (first, _) = around(date(2028, 2, 29), 36);
        assert_eq!(first, date(2025, 3, 1));
    }
}
