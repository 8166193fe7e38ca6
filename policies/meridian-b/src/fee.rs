//! The fee schedule: what each line's fee is on its date of service.

use alloc::vec::Vec;

use tally_sdk::fees::Permission;
use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::clauses::clause;
use crate::modifiers::{self, Modified};
use crate::plan::table;
use crate::values::{self, Valued};

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
    /// Whether it is on the fee schedule, clause 4.9.
    pub scheduled: bool,
    /// Whether an assistant or a second surgeon is paid, clause 4.7.
    pub surgeon: Permission,
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
    let modified = modifiers::read(claim, &fees);
    let valued = values::look_up(claim, &suppliers);
    claim
        .lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let row = fees.get(i).copied().flatten()?;
            let supplier = suppliers.get(i).copied().flatten();
            let valued = valued.get(i).copied().flatten();
            let rates = *rates.get(i)?;
            Some(service(
                line,
                row,
                supplier,
                modified.get(i)?,
                valued,
                rates,
            ))
        })
        .collect()
}

fn service(
    line: &Line,
    row: Row,
    supplier: Option<Row>,
    modified: &Modified,
    valued: Option<Valued>,
    rates: Rates,
) -> Service {
    let participates = supplier.is_none_or(|supplier| supplier.number(0) == 1);
    let mut factors = modified.factors.clone();
    if !participates {
        factors.push(rates.nonparticipating);
    }
    // Clause 1.2: one rounding, whatever the fee is multiplied by.
    let fee = match valued {
        Some(valued) => valued.fee(line, &factors),
        None => {
            let fee = row
                .price(0)
                .extend_by(line.quantity, &factors, Rounding::HalfUp);
            Some(fee.unwrap_or(line.charge))
        }
    };
    Service {
        benefit: match row.number(2) {
            // Without its locality it cannot be priced.
            _ if fee.is_none() => Benefit::ByReport,
            1 | 6 => Benefit::Medical,
            2 => Benefit::Laboratory,
            3 => Benefit::Preventive,
            5 => Benefit::NotCovered,
            _ => Benefit::ByReport,
        },
        multiple: row.number(1) == 2,
        scheduled: row.number(2) != 6,
        surgeon: modified.surgeon,
        known_supplier: supplier.is_some(),
        fee: fee.unwrap_or(Money::ZERO),
        clause: if !participates {
            clause::NONPARTICIPATING
        } else if !modified.factors.is_empty() {
            clause::MODIFIERS
        } else if valued.is_some() {
            clause::VALUES
        } else if row.number(2) == 6 {
            clause::REASONABLE
        } else {
            clause::FEE
        },
        rates,
    }
}

/// The rates of each line's date.
fn rates(claim: &Claim) -> Vec<Rates> {
    const NAMES: [Code; 3] = [
        Code::of("COINSURANCE"),
        Code::of("SEQUESTRATION"),
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
            nonparticipating: next(),
        })
        .collect()
}

/// The rates of clause 4.3 on a day: of the first procedure, the second, and so
/// on, the last of them of all others.
pub fn ranks(on: ServiceDate) -> (Vec<Rate>, Rate) {
    const RANKS: [Code; 5] = [
        Code::of("RANK1"),
        Code::of("RANK2"),
        Code::of("RANK3"),
        Code::of("RANK4"),
        Code::of("RANK5"),
    ];
    const FURTHER: Code = Code::of("RANK-FURTHER");
    let mut keys: Vec<Key> = RANKS.iter().map(|rank| Key::one(*rank, on)).collect();
    keys.push(Key::one(FURTHER, on));
    let rows = reference::lookup(table::RATES, &keys).into_iter();
    let mut rates: Vec<Rate> = rows
        .map(|row| row.map_or(Rate::ZERO, |row| row.rate(0)))
        .collect();
    let further = rates.pop().unwrap_or(Rate::ZERO);
    (rates, further)
}
