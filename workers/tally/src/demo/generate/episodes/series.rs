//! Series of visits that run into the plan's limits.

use super::some_day;
use crate::demo::generate::desk::Desk;
use crate::demo::generate::families::Household;
use crate::demo::generate::providers::{self, Panel};
use crate::demo::generate::time::{self, plus};

/// What is billed at each visit: codes and units.
type Visit = &'static [(&'static str, i64)];

struct Series {
    panel: &'static Panel,
    diagnosis: &'static str,
    first: Visit,
    other: Visit,
    visits: i32,
    days_between: i32,
}

fn run(desk: &mut Desk, home: &Household, member: usize, series: &Series) {
    let length = series.visits * series.days_between;
    let mut start = some_day(desk, length + 30);
    // Within one year, where the limit is one of the year.
    let year_end = time::day(2025, 12, 20);
    if start < year_end && plus(start, length) > year_end {
        start = plus(year_end, -length).max(time::FIRST);
    }
    let npi = desk.choose(series.panel);
    let mut next = start;
    for visit in 0..series.visits {
        let who = home.member(member);
        if let Some(mut bill) = desk.visit(who, npi, next, &[series.diagnosis]) {
            let billed = if visit == 0 {
                series.first
            } else {
                series.other
            };
            for (code, units) in billed {
                bill.add(code).units(*units);
            }
            desk.send(bill);
        }
        next = plus(next, series.days_between);
    }
}

/// Physical therapy past the forty units of a year.
pub fn therapy_past_the_limit(desk: &mut Desk, home: &mut Household, member: usize) {
    let series = Series {
        panel: &providers::THERAPY,
        diagnosis: "M54.16",
        first: &[("97161", 1), ("97110", 2)],
        other: &[("97110", 2), ("97140", 1)],
        visits: 16,
        days_between: 4,
    };
    run(desk, home, member, &series);
}

/// A short course of physical therapy.
pub fn therapy_short(desk: &mut Desk, home: &mut Household, member: usize) {
    let series = Series {
        panel: &providers::THERAPY,
        diagnosis: "M25.511",
        first: &[("97161", 1)],
        other: &[("97110", 1), ("97112", 1), ("97530", 1)],
        visits: 7,
        days_between: 5,
    };
    run(desk, home, member, &series);
}

/// Chiropractic past the twelve visits of a year.
pub fn chiropractic_past_the_limit(desk: &mut Desk, home: &mut Household, member: usize) {
    let series = Series {
        panel: &providers::SPINE,
        diagnosis: "M99.03",
        first: &[("98941", 1)],
        other: &[("98940", 1)],
        visits: 15,
        days_between: 7,
    };
    run(desk, home, member, &series);
}

/// Psychotherapy every other week, across the year.
pub fn psychotherapy(desk: &mut Desk, home: &mut Household, member: usize) {
    let series = Series {
        panel: &providers::MIND,
        diagnosis: "F41.1",
        first: &[("90791", 1)],
        other: &[("90834", 1)],
        visits: 10,
        days_between: 14,
    };
    run(desk, home, member, &series);
}
