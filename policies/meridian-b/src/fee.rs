//! The fee schedule: what each line's fee is on its date of service.

use alloc::vec::Vec;

use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::clauses::clause;
use crate::plan::table;

/// How a service is covered, as `fees.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Benefit {
    /// Deductible, then coinsurance.
    Medical,
    /// In full, clause 4.5.
    Laboratory,
    /// In full, clause 4.6.
    Preventive,
    /// Priced by hand, clause 2.6.
    ByReport,
    /// Not at all, clause 2.7.
    NotCovered,
}

/// The plan's rates on a date.
#[derive(Clone, Copy)]
pub struct Rates {
    /// Clause 5.2.
    pub coinsurance: Rate,
    /// Clause 5.3.
    pub sequestration: Rate,
    /// Clause 4.3.
    pub multiple: Rate,
    /// Clause 4.4.
    nonparticipating: Rate,
}

/// A line whose code is in the fee schedule.
#[derive(Clone, Copy)]
pub struct Service {
    /// How it is covered.
    pub benefit: Benefit,
    /// Whether the multiple-procedure reduction concerns it.
    pub multiple: bool,
    /// Whether its supplier is in the directory.
    pub known_supplier: bool,
    /// The fee of all units.
    pub fee: Money,
    /// The clause that made the fee what it is.
    pub clause: ClauseId,
    /// The rates of its date.
    pub rates: Rates,
}

/// Looks every line up; `None` for a code that is not in the schedule.
pub fn look_up(claim: &Claim) -> Vec<Option<Service>> {
    let fees = reference::by_procedure(table::FEES, claim);
    let suppliers: Vec<Key> = claim
        .lines
        .iter()
        .map(|line| Key::one(line.rendering, line.from))
        .collect();
    let suppliers = reference::lookup(table::NETWORK, &suppliers);
    let rates = rates(claim);
    let modifiers = modifiers(claim);
    claim
        .lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let row = fees.get(i).copied().flatten()?;
            let supplier = suppliers.get(i).copied().flatten();
            let modifier = modifiers.get(i).copied().flatten();
            Some(service(line, row, supplier, modifier, *rates.get(i)?))
        })
        .collect()
}

fn service(
    line: &Line,
    row: Row,
    supplier: Option<Row>,
    modifier: Option<Row>,
    rates: Rates,
) -> Service {
    // A modifier for both sides stands only where the schedule permits it.
    let modifier = modifier.filter(|m| m.number(1) == 0 || row.number(3) == 1);
    let factor = modifier.map_or(Rate::ONE, |m| m.rate(0));
    let participates = supplier.is_none_or(|supplier| supplier.number(0) == 1);
    let share = if participates {
        Rate::ONE
    } else {
        rates.nonparticipating
    };
    // Clause 1.2: one rounding, whatever the fee is multiplied by.
    let fee = row
        .price(0)
        .extend_by(line.quantity, &[factor, share], Rounding::HalfUp)
        .unwrap_or(line.charge);
    Service {
        benefit: match row.number(2) {
            1 => Benefit::Medical,
            2 => Benefit::Laboratory,
            3 => Benefit::Preventive,
            5 => Benefit::NotCovered,
            _ => Benefit::ByReport,
        },
        multiple: row.number(1) == 2,
        known_supplier: supplier.is_some(),
        fee,
        clause: if !participates {
            clause::NONPARTICIPATING
        } else if modifier.is_some() {
            clause::MODIFIERS
        } else {
            clause::FEE
        },
        rates,
    }
}

/// The rates of each line's date.
fn rates(claim: &Claim) -> Vec<Rates> {
    const NAMES: [Code; 4] = [
        Code::of("COINSURANCE"),
        Code::of("SEQUESTRATION"),
        Code::of("MULTIPLE"),
        Code::of("NONPARTICIPATING"),
    ];
    let keys: Vec<Key> = claim
        .lines
        .iter()
        .flat_map(|line| NAMES.map(|name| Key::one(name, line.from)))
        .collect();
    let mut rows = reference::lookup(table::RATES, &keys).into_iter();
    let mut next = || rows.next().flatten().map_or(Rate::ZERO, |row| row.rate(0));
    claim
        .lines
        .iter()
        .map(|_| Rates {
            coinsurance: next(),
            sequestration: next(),
            multiple: next(),
            nonparticipating: next(),
        })
        .collect()
}

/// The row of each line's first modifier that is in the table.
fn modifiers(claim: &Claim) -> Vec<Option<Row>> {
    let mut keys = Vec::new();
    for line in &claim.lines {
        for modifier in line.modifiers {
            if !modifier.is_none() {
                keys.push(Key::one(modifier.into(), line.from));
            }
        }
    }
    let mut rows = reference::lookup(table::MODIFIERS, &keys).into_iter();
    claim
        .lines
        .iter()
        .map(|line| {
            let mut first = None;
            for modifier in line.modifiers {
                if !modifier.is_none() {
                    let row = rows.next().flatten();
                    first = first.or(row);
                }
            }
            first
        })
        .collect()
}
