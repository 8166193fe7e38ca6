//! The categories of the schedule of services, and the benefit of each.

use tally_sdk::prelude::*;

use crate::clauses::clause;

/// A row of the table of benefits, and its clause.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Benefit {
    /// Its key in `benefits.csv`.
    pub key: Code,
    /// Its clause.
    pub clause: ClauseId,
}

/// What kind of service a line is, as `services.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// A benefit of the table of benefits.
    Benefit(Benefit),
    /// Not covered, clause 4.4.
    Cosmetic,
    /// Reviewed by hand, clause 2.5.
    Unlisted,
}

const fn benefit(key: &str, clause: ClauseId) -> Benefit {
    Benefit {
        key: Code::of(key),
        clause,
    }
}

/// Preventive services, by their code alone.
pub const PREVENTIVE: Benefit = benefit("PREVENTIVE", clause::PREVENTIVE);
/// Services that a diagnosis makes preventive: shared alike.
pub const CHRONIC: Benefit = benefit("PREVENTIVE", clause::CHRONIC);
/// The emergency room.
pub const EMERGENCY: Benefit = benefit("EMERGENCY", clause::EMERGENCY_ROOM);

const VISIT: Benefit = benefit("VISIT", clause::VISIT);
const LABORATORY: Benefit = benefit("LAB", clause::LABORATORY);
const IMAGING: Benefit = benefit("IMAGING", clause::IMAGING);
const SURGERY: Benefit = benefit("SURGERY", clause::SURGERY);
const THERAPY: Benefit = benefit("THERAPY", clause::THERAPY);
const STAY: Benefit = benefit("STAY", clause::STAY);
const TRANSPORT: Benefit = benefit("TRANSPORT", clause::TRANSPORT);
const EQUIPMENT: Benefit = benefit("EQUIPMENT", clause::EQUIPMENT);
const OTHER: Benefit = benefit("OTHER", clause::OTHER);

impl Category {
    /// The category of a number of `services.csv`; an unknown one is reviewed
    /// by hand.
    pub fn of(number: i64) -> Self {
        Self::Benefit(match number {
            1 => VISIT,
            2 => PREVENTIVE,
            3 => EMERGENCY,
            4 => LABORATORY,
            5 => IMAGING,
            6 => SURGERY,
            7 => THERAPY,
            8 => STAY,
            9 => TRANSPORT,
            10 => EQUIPMENT,
            11 => OTHER,
            20 => return Self::Cosmetic,
            _ => return Self::Unlisted,
        })
    }
}
