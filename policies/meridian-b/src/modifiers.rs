//! What the modifiers of each line make of its fee (clauses 4.2 and 4.7).

use alloc::vec::Vec;

use tally_sdk::fees::{Permission, bilateral, second_surgeon};
use tally_sdk::prelude::*;
use tally_sdk::reference::Row;

use crate::plan::table;

/// What a line's modifiers come to.
pub struct Modified {
    /// The factors of the fee.
    pub factors: Vec<Rate>,
    /// Whether an assistant or a second surgeon is paid.
    pub surgeon: Permission,
}

/// Reads the modifiers of each line. `schedule` has the lines' rows of the fee
/// schedule.
pub fn read(claim: &Claim, schedule: &[Option<Row>]) -> Vec<Modified> {
    let modifiers = reference::by_modifier(table::MODIFIERS, claim);
    let surgeons = reference::by_procedure(table::SURGEONS, claim);
    let lines = modifiers.iter().zip(schedule).zip(surgeons);
    lines
        .map(|((rows, schedule), surgeons)| of_line(rows, schedule.as_ref(), surgeons))
        .collect()
}

fn of_line(rows: &[Option<Row>], schedule: Option<&Row>, surgeons: Option<Row>) -> Modified {
    let both_sides = bilateral(schedule.map_or(0, |row| row.number(3)));
    let mut modified = Modified {
        factors: Vec::new(),
        surgeon: Permission::Applies,
    };
    let mut groups = Vec::new();
    for row in rows.iter().flatten() {
        // A modifier for both sides stands only where the schedule permits it.
        let stands = row.number(1) == 0 || both_sides == Permission::Applies;
        if !stands || groups.contains(&row.number(2)) {
            continue;
        }
        groups.push(row.number(2));
        modified.factors.push(row.rate(0));
        if let Some(surgeons) = surgeons {
            modified.surgeon = match row.number(3) {
                1 => second_surgeon(surgeons.number(1), false),
                2 => second_surgeon(surgeons.number(2), true),
                _ => modified.surgeon,
            };
        }
    }
    modified
}
