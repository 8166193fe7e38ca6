//! What is on file of stays: the rooms of earlier bills. History tells of a line what
//! it billed, when it began and whom it names, but neither who billed it nor what it
//! was allowed. Rooms are a hospital's, whomever a line names; where history names
//! another hospital of the directory, they are that one's.

use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;
use tally_sdk::reference::Key;

use crate::category::Role;
use crate::plan::table;

/// The providers of the directory.
const PROVIDERS: &[Code] = codes!("../tables/providers.csv");
/// All rooms: revenue codes 0100 to 0219.
pub const ROOMS: [Code; 120] = rooms();

const fn rooms() -> [Code; 120] {
    let mut rooms = [Code::NONE; 120];
    let mut number = 100u8;
    while number < 220 {
        let digits = [
            b'0',
            b'0' + number / 100,
            b'0' + number / 10 % 10,
            b'0' + number % 10,
        ];
        if let Ok(digits) = core::str::from_utf8(&digits) {
            rooms[number as usize - 100] = Code::of(digits);
        }
        number += 1;
    }
    rooms
}

/// Whether a code is a room's.
pub fn is_room(code: Code) -> bool {
    ROOMS.contains(&code)
}

/// Whether a hospital has days of room on file that began on these days.
pub fn has_rooms(hospital: Code, from: ServiceDate, through: ServiceDate) -> bool {
    let rooms = begun(from, through);
    let days = [(from, through)];
    let lines = measure(Measure::Lines, &rooms, hospital, &days);
    lines.iter().any(|lines| *lines > 0)
}

/// The days of room that a hospital has on file, of the lines that began on each of
/// so many days.
pub fn days(hospital: Code, first: ServiceDate, most: i32) -> Vec<u32> {
    let days: Vec<_> = (0..most)
        .filter_map(|more| first.plus_days(more).map(|day| (day, day)))
        .collect();
    let rooms = days
        .last()
        .map_or_else(Vec::new, |(last, _)| begun(first, *last));
    measure(Measure::Units, &rooms, hospital, &days)
        .into_iter()
        .map(|units| pricing::days_of(Quantity::from_scaled(units)))
        .collect()
}

/// The rooms, whosever, of which there are lines that began on these days.
pub fn begun(from: ServiceDate, through: ServiceDate) -> Vec<Code> {
    let ask = |code| Question {
        what: Measure::Lines,
        code,
        provider: Code::NONE,
        from,
        through,
        family: false,
    };
    // Most members had no line at all in those days: one question.
    let any = history::query(&[ask(Code::NONE)]);
    if any.first().is_none_or(|lines| *lines == 0) {
        return Vec::new();
    }
    let all: Vec<Question> = ROOMS.iter().map(|room| ask(*room)).collect();
    let found = ROOMS.iter().zip(history::query(&all));
    found
        .filter(|(_, lines)| *lines > 0)
        .map(|(room, _)| *room)
        .collect()
}

/// What there is of rooms, but what names another hospital: one number for each of
/// these days, first to last.
fn measure(
    what: Measure,
    rooms: &[Code],
    hospital: Code,
    days: &[(ServiceDate, ServiceDate)],
) -> Vec<i64> {
    let Some((on, _)) = days.first().filter(|_| !rooms.is_empty()) else {
        return days.iter().map(|_| 0).collect();
    };
    let others = other_hospitals(hospital, *on);
    let sum = |answers: Vec<i64>| answers.into_iter().fold(0, i64::saturating_add);
    let of = |(from, through): &(ServiceDate, ServiceDate)| {
        let ask = |code, provider| Question {
            what,
            code,
            provider,
            from: *from,
            through: *through,
            family: false,
        };
        let all: Vec<Question> = rooms.iter().map(|room| ask(*room, Code::NONE)).collect();
        let theirs: Vec<Question> = rooms
            .iter()
            .flat_map(|room| others.iter().map(|other| ask(*room, *other)))
            .collect();
        match sum(history::query(&all)) {
            0 => 0,
            all => all.saturating_sub(sum(history::query(&theirs))),
        }
    };
    days.iter().map(of).collect()
}

/// The hospitals of the directory but one.
fn other_hospitals(hospital: Code, on: ServiceDate) -> Vec<Code> {
    let keys: Vec<Key> = PROVIDERS.iter().map(|code| Key::one(*code, on)).collect();
    let rows = PROVIDERS
        .iter()
        .zip(reference::lookup(table::PROVIDERS, &keys));
    rows.filter(|(_, row)| row.is_some_and(|row| Role::of(row.number(1)) == Role::Hospital))
        .map(|(code, _)| *code)
        .filter(|code| *code != hospital)
        .collect()
}
