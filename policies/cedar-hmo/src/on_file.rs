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

/// The rooms that have a daily price.
pub const PRICED: &[Code] = codes!("../tables/diems.csv");
/// The providers of the directory.
const PROVIDERS: &[Code] = codes!("../tables/providers.csv");
/// All rooms: revenue codes 0100 to 0219.
const ROOMS: [Code; 120] = rooms();

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
    measure(Measure::Lines, &ROOMS, hospital, from, through) > 0
}

/// The days of rooms with a daily price that a hospital has on file, of lines that
/// began on these days.
pub fn days(hospital: Code, from: ServiceDate, through: ServiceDate) -> u32 {
    let units = measure(Measure::Units, PRICED, hospital, from, through);
    pricing::days_of(Quantity::from_scaled(units))
}

/// What there is of rooms, but what names another hospital.
fn measure(
    what: Measure,
    rooms: &[Code],
    hospital: Code,
    from: ServiceDate,
    through: ServiceDate,
) -> i64 {
    let ask = |code, provider| Question {
        what,
        code,
        provider,
        from,
        through,
        family: false,
    };
    // Most members had no line at all in those days: one question.
    let any = Question {
        what: Measure::Lines,
        ..ask(Code::NONE, Code::NONE)
    };
    if history::query(&[any])
        .first()
        .is_none_or(|lines| *lines == 0)
    {
        return 0;
    }
    let all: Vec<Question> = rooms.iter().map(|room| ask(*room, Code::NONE)).collect();
    let found = rooms.iter().zip(history::query(&all));
    let found: Vec<(Code, i64)> = found
        .map(|(room, found)| (*room, found))
        .filter(|(_, found)| *found > 0)
        .collect();
    if found.is_empty() {
        return 0;
    }
    let others = other_hospitals(hospital, from);
    let theirs: Vec<Question> = found
        .iter()
        .flat_map(|(room, _)| others.iter().map(|other| ask(*room, *other)))
        .collect();
    let all = found.iter().map(|(_, found)| *found);
    let all = all.fold(0, i64::saturating_add);
    history::query(&theirs)
        .into_iter()
        .fold(all, i64::saturating_sub)
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
