//! Reference tables: the policy's own files `tables/<name>.csv`, published
//! with it, each row good for a range of dates. Ask many keys at once: every
//! call out of the sandbox costs fuel.

use alloc::vec::Vec;

use tally_types::{Code, Money, Quantity, Rate, ServiceDate, UnitPrice};

use crate::claim::Claim;
use crate::plan::TableId;

/// A row asked for.
#[derive(Clone, Copy)]
pub struct Key {
    /// The first code.
    pub a: Code,
    /// The second code, or [`Code::NONE`].
    pub b: Code,
    /// The day it must be in force on.
    pub on: ServiceDate,
}

impl Key {
    /// A key of one code.
    #[must_use]
    pub const fn one(a: Code, on: ServiceDate) -> Self {
        let b = Code::NONE;
        Self { a, b, on }
    }
    /// A key of two codes.
    #[must_use]
    pub const fn two(a: Code, b: Code, on: ServiceDate) -> Self {
        Self { a, b, on }
    }
}

/// A row: up to four columns.
#[derive(Clone, Copy, Default)]
pub struct Row(pub [i64; 4]);

impl Row {
    /// A column of amounts.
    #[must_use]
    pub fn money(&self, column: usize) -> Money {
        Money::from_scaled(self.number(column))
    }
    /// A column of rates.
    #[must_use]
    pub fn rate(&self, column: usize) -> Rate {
        Rate::from_scaled(self.number(column))
    }
    /// A column of unit prices.
    #[must_use]
    pub fn price(&self, column: usize) -> UnitPrice {
        UnitPrice::from_scaled(self.number(column))
    }
    /// A column of rates as a quantity, of four decimal places: relative values,
    /// days of a mean stay. More places are cut off.
    #[must_use]
    pub fn quantity(&self, column: usize) -> Quantity {
        const FINER: i64 = 10i64.pow(Rate::PLACES - Quantity::PLACES);
        Quantity::from_scaled(self.rate(column).scaled() / FINER)
    }
    /// A column of whole numbers.
    #[must_use]
    pub fn number(&self, column: usize) -> i64 {
        self.0.get(column).copied().unwrap_or(0)
    }
}

/// Looks up one row. For many, [`lookup`] once.
#[must_use]
pub fn row(table: TableId, key: Key) -> Option<Row> {
    lookup(table, &[key]).into_iter().next().flatten()
}

/// Looks up each line of a claim by its procedure, as of its first day.
#[must_use]
pub fn by_procedure(table: TableId, claim: &Claim) -> Vec<Option<Row>> {
    let lines = claim.lines.iter();
    let keys: Vec<Key> = lines
        .map(|line| Key::one(line.procedure, line.from))
        .collect();
    lookup(table, &keys)
}

/// Looks each line's modifiers up, as of its first day: a row for each place a
/// modifier may stand in.
#[must_use]
pub fn by_modifier(table: TableId, claim: &Claim) -> Vec<[Option<Row>; 4]> {
    let mut keys = Vec::new();
    for line in &claim.lines {
        for modifier in line.modifiers {
            if !modifier.is_none() {
                keys.push(Key::one(modifier.into(), line.from));
            }
        }
    }
    let mut rows = lookup(table, &keys).into_iter();
    let lines = claim.lines.iter();
    lines
        .map(|line| {
            line.modifiers.map(|modifier| match modifier.is_none() {
                true => None,
                false => rows.next().flatten(),
            })
        })
        .collect()
}

/// Looks rows up, one a key, in order; `None` where there is no row.
#[must_use]
pub fn lookup(table: TableId, keys: &[Key]) -> Vec<Option<Row>> {
    if keys.is_empty() {
        return Vec::new();
    }
    #[cfg(target_arch = "wasm32")]
    {
        use crate::abi::generated::tallystick::policy::reference as host;
        let keys: Vec<host::Key> = keys
            .iter()
            .map(|key| {
                let ((a_hi, a_lo), (b_hi, b_lo)) = (key.a.halves(), key.b.halves());
                host::Key {
                    a_hi,
                    a_lo,
                    b_hi,
                    b_lo,
                    on: key.on.days(),
                }
            })
            .collect();
        host::lookup(table.0, &keys)
            .into_iter()
            .map(|row| row.found.then_some(Row([row.v1, row.v2, row.v3, row.v4])))
            .collect()
    }
    #[cfg(not(target_arch = "wasm32"))]
    crate::mock::lookup(table, keys)
}
