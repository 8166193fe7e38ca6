//! Authorisations of rooms (clause 4.2): of the days of their revenue codes, whichever
//! procedures their lines have.

use alloc::vec::Vec;

use tally_sdk::Authorization;
use tally_sdk::history::{Measure, Question};
use tally_sdk::prelude::*;

use crate::count::{Term, sums};
use crate::on_file;

/// Which of the rooms an authorisation on file covers, one flag a line. Lines use units
/// up in their order; a line that is not covered in full uses none up.
pub fn rooms(claim: &Claim, rooms: &[bool]) -> Vec<bool> {
    let lines = || claim.lines.iter().zip(rooms);
    let asked: Vec<&Line> = lines()
        .filter(|(_, room)| **room)
        .map(|(line, _)| line)
        .collect();
    let mut units = edits::AuthorizedUnits::of(claim);
    count_procedures(claim, &asked, &mut units);
    let good = |auth: &Authorization, line: &Line| {
        is_of(auth, line.revenue) && auth.is_good_for(claim, line)
    };
    lines()
        .map(|(line, room)| *room && units.take(line, |auth| good(auth, line)))
        .collect()
}

fn is_of(auth: &Authorization, room: ShortCode) -> bool {
    !auth.referral && auth.procedure == room.into()
}

/// Takes off what earlier rooms used whose lines have a procedure: the engine counts
/// those toward authorisations of the procedure. Of authorisations of one room the
/// first has what it can; what is left of it is for the others that are good for the
/// same days and providers.
fn count_procedures(claim: &Claim, asked: &[&Line], units: &mut edits::AuthorizedUnits<'_>) {
    let on_file = claim.authorizations.iter().enumerate();
    let of_rooms: Vec<(usize, &Authorization, ShortCode)> = on_file
        .filter_map(|(at, auth)| {
            let line = asked.iter().find(|line| is_of(auth, line.revenue))?;
            Some((at, auth, line.revenue))
        })
        .collect();
    let questions: Vec<Vec<Term>> = of_rooms
        .iter()
        .map(|(_, auth, room)| with_procedure(auth, *room))
        .collect();
    let mut taken: Vec<(&Authorization, Quantity)> = Vec::new();
    for ((at, auth, _), used) in of_rooms.into_iter().zip(sums(&questions)) {
        let before = taken.iter().filter(|(other, _)| is_within(other, auth));
        let open = before.fold(Quantity::from_scaled(used), |open, (_, taken)| {
            open.checked_sub(*taken).unwrap_or(open)
        });
        let less = units.less(at, open.greater(Quantity::ZERO));
        taken.push((auth, less));
    }
}

/// Whether all that one authorisation is good for another is good for too.
fn is_within(auth: &Authorization, other: &Authorization) -> bool {
    auth.procedure == other.procedure
        && (other.provider.is_none() || auth.provider == other.provider)
        && other.from <= auth.from
        && auth.through <= other.through
}

/// The units of a room's earlier lines with a procedure for which an authorisation is
/// good: all but those without one.
fn with_procedure(auth: &Authorization, room: ShortCode) -> Vec<Term> {
    let all = on_file::ask(Measure::Units, room, auth.from, auth.through).ended_by(auth.through);
    let plain = Question {
        code: room.into(),
        ..all
    };
    if auth.provider.is_none() {
        return Vec::from([Term::Plus(all), Term::Minus(plain)]);
    }
    let whose = auth.provider;
    Vec::from([
        Term::Plus(all.by(whose)),
        Term::Plus(all.billed_by(whose)),
        Term::Minus(all.by(whose).billed_by(whose)),
        Term::Minus(plain.by(whose)),
        Term::Minus(plain.billed_by(whose)),
        Term::Plus(plain.by(whose).billed_by(whose)),
    ])
}
