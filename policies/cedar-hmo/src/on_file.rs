//! What is on file of stays: the rooms of earlier bills. They are the hospital's that
//! billed them, whomever their lines name.

use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;

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
    let ask = |code| Question::of(Measure::Lines, code, from, through);
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

/// What there is of a hospital's rooms: one number for each of these days, first to
/// last.
fn measure(
    what: Measure,
    rooms: &[Code],
    hospital: Code,
    days: &[(ServiceDate, ServiceDate)],
) -> Vec<i64> {
    let ask = |(from, through): &(ServiceDate, ServiceDate), code: &Code| Question::of(what, *code, *from, *through).billed_by(hospital);
    let questions: Vec<Question> = days
        .iter()
        .flat_map(|days| rooms.iter().map(move |room| ask(days, room)))
        .collect();
    let answers = history::query(&questions);
    let mut of_days = answers.chunks(rooms.len().max(1));
    let sum = |answers: &[i64]| answers.iter().fold(0, |sum: i64, of| sum.saturating_add(*of));
    days.iter()
        .map(|_| of_days.next().map_or(0, sum))
        .collect()
}
