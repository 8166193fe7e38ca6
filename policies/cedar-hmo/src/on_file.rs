//! What is on file of stays: the rooms of earlier bills. They are the hospital's that
//! billed them, whomever their lines name, and told by their revenue codes, whichever
//! procedures their lines have.

use alloc::vec::Vec;

use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;

/// All rooms: revenue codes 0100 to 0219.
const ROOMS: [ShortCode; 120] = rooms();

const fn rooms() -> [ShortCode; 120] {
    let mut rooms = [ShortCode::NONE; 120];
    let mut number = 100u8;
    while number < 220 {
        let digits = [
            b'0',
            b'0' + number / 100,
            b'0' + number / 10 % 10,
            b'0' + number % 10,
        ];
        if let Ok(digits) = core::str::from_utf8(&digits) {
            rooms[number as usize - 100] = ShortCode::of(digits);
        }
        number += 1;
    }
    rooms
}

/// Whether a line is a room.
pub fn is_room(line: &Line) -> bool {
    ROOMS.contains(&line.revenue)
}

/// A question about the lines of a room, [`ShortCode::NONE`] for whatever a hospital
/// billed, that began on these days: whoever billed them.
pub fn ask(what: Measure, room: ShortCode, from: ServiceDate, through: ServiceDate) -> Question {
    Question::of(what, Code::NONE, from, through)
        .of_revenue(room)
        .on_claims(ClaimKind::Institutional)
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
pub fn begun(from: ServiceDate, through: ServiceDate) -> Vec<ShortCode> {
    let lines = |room| ask(Measure::Lines, room, from, through);
    // Most members had no line at all in those days: one question.
    let any = history::query(&[lines(ShortCode::NONE)]);
    if any.first().is_none_or(|lines| *lines == 0) {
        return Vec::new();
    }
    let all: Vec<Question> = ROOMS.iter().map(|room| lines(*room)).collect();
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
    rooms: &[ShortCode],
    hospital: Code,
    days: &[(ServiceDate, ServiceDate)],
) -> Vec<i64> {
    let asked = |(from, through): &(ServiceDate, ServiceDate), room: &ShortCode| {
        ask(what, *room, *from, *through).billed_by(hospital)
    };
    let questions: Vec<Question> = days
        .iter()
        .flat_map(|days| rooms.iter().map(move |room| asked(days, room)))
        .collect();
    let answers = history::query(&questions);
    let mut of_days = answers.chunks(rooms.len().max(1));
    let sum = |answers: &[i64]| {
        answers
            .iter()
            .fold(0, |sum: i64, of| sum.saturating_add(*of))
    };
    days.iter().map(|_| of_days.next().map_or(0, sum)).collect()
}
