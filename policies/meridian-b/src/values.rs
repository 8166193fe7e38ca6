//! Fees by relative values and locality (clause 4.8).

use alloc::vec::Vec;

use tally_sdk::fees::{FACILITIES, Locality, RelativeValues, is_facility};
use tally_sdk::prelude::*;
use tally_sdk::reference::{Key, Row};

use crate::plan::table;

/// The localities, as `network.csv` numbers them from 1.
const LOCALITIES: [Code; 3] = [Code::of("L1"), Code::of("L2"), Code::of("L3")];
/// The conversion factor.
const CONVERSION: Code = Code::of("CONVERSION");

/// What the fee of a line is made of.
#[derive(Clone, Copy)]
pub struct Valued {
    values: RelativeValues,
    locality: Option<Locality>,
    conversion: Option<UnitPrice>,
}

/// Looks the lines up; `None` for one that has no relative values. `suppliers`
/// has the lines' rows of the network.
pub fn look_up(claim: &Claim, suppliers: &[Option<Row>]) -> Vec<Option<Valued>> {
    let values = reference::by_procedure(table::VALUES, claim);
    let mut localities = Vec::new();
    let mut conversions = Vec::new();
    for ((line, row), supplier) in claim.lines.iter().zip(&values).zip(suppliers) {
        if row.is_some() {
            let number = supplier.map_or(0, |supplier| supplier.number(2));
            let number = usize::try_from(number.saturating_sub(1)).ok();
            let locality = number.and_then(|number| LOCALITIES.get(number));
            localities.push(Key::one(locality.copied().unwrap_or(Code::NONE), line.from));
            conversions.push(Key::one(CONVERSION, line.from));
        }
    }
    let mut localities = reference::lookup(table::LOCALITIES, &localities).into_iter();
    let mut conversions = reference::lookup(table::CONVERSION, &conversions).into_iter();
    let each = values.iter();
    each.map(|row| {
        let values = RelativeValues::of(row.as_ref()?);
        let locality = localities.next().flatten();
        let conversion = conversions.next().flatten();
        Some(Valued {
            values,
            locality: locality.map(|row| Locality::of(&row)),
            conversion: conversion.map(|row| row.price(0)),
        })
    })
    .collect()
}

impl Valued {
    /// The fee of a line with these factors, rounded once; `None` where it cannot
    /// be made.
    pub fn fee(&self, line: &Line, factors: &[Rate]) -> Option<Money> {
        // A rate has two places more than a quantity.
        let units = line.quantity.scaled().checked_mul(100)?;
        let mut all = Vec::with_capacity(factors.len().saturating_add(1));
        all.push(Rate::from_scaled(units));
        all.extend_from_slice(factors);
        let in_facility = is_facility(line.place, FACILITIES);
        let locality = self.locality.as_ref()?;
        self.values.fee(
            locality,
            self.conversion?,
            in_facility,
            &all,
            Rounding::HalfUp,
        )
    }
}
