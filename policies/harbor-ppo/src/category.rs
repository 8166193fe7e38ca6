//! The categories of the schedule of services, and the benefit of each.

use tally_sdk::prelude::*;

use crate::clauses::clause;

/// What kind of service a line is, as `services.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// With a primary-care provider or a specialist: who renders it decides.
    Office,
    /// A benefit of the table of benefits.
    Benefit(Benefit),
    /// Not covered, clause 4.6.
    Cosmetic,
    /// Not covered, clause 4.7.
    Convenience,
    /// Reviewed by hand, clause 2.5.
    Unlisted,
}

/// A row of the table of benefits, and the clause that describes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Benefit {
    /// Its key in `benefits.csv`.
    pub key: Code,
    /// Its clause.
    pub clause: ClauseId,
}

const fn benefit(key: &str, clause: ClauseId) -> Benefit {
    Benefit {
        key: Code::of(key),
        clause,
    }
}

/// Office visits in primary care.
pub const PRIMARY: Benefit = benefit("PRIMARY", clause::PRIMARY);
/// Other office visits.
pub const SPECIALIST: Benefit = benefit("SPECIALIST", clause::SPECIALIST);
/// Preventive services.
pub const PREVENTIVE: Benefit = benefit("PREVENTIVE", clause::PREVENTIVE);
/// The emergency room.
pub const EMERGENCY: Benefit = benefit("EMERGENCY", clause::EMERGENCY_ROOM);
/// Surgery.
pub const SURGERY: Benefit = benefit("SURGERY", clause::SURGERY);

impl Category {
    /// The category of a number of `services.csv`; an unknown one is reviewed
    /// by hand.
    pub fn of(number: i64) -> Self {
        Self::Benefit(match number {
            1 => return Self::Office,
            2 => PREVENTIVE,
            3 => benefit("URGENT", clause::URGENT),
            4 => EMERGENCY,
            5 => benefit("IMAGING", clause::IMAGING),
            6 => benefit("ADVANCED", clause::ADVANCED),
            7 => benefit("LAB", clause::LABORATORY),
            8 => SURGERY,
            9 => benefit("THERAPY", clause::THERAPY),
            10 => benefit("CHIROPRACTIC", clause::CHIROPRACTIC),
            11 => benefit("MENTAL", clause::MENTAL),
            12 => benefit("EQUIPMENT", clause::EQUIPMENT),
            13 => benefit("HEARING", clause::HEARING),
            14 => benefit("INFUSION", clause::INFUSION),
            15 => benefit("INPATIENT", clause::INPATIENT),
            16 => benefit("TRANSPORT", clause::TRANSPORT),
            17 => benefit("OTHER", clause::OTHER),
            18 => return Self::Cosmetic,
            19 => return Self::Convenience,
            _ => return Self::Unlisted,
        })
    }

    /// The benefit, given who renders the service (a CMS specialty code).
    pub fn benefit(self, specialty: i64) -> Option<Benefit> {
        match self {
            Self::Benefit(benefit) => Some(benefit),
            // General and family practice, internal medicine, paediatrics,
            // nurse practitioners: clause 6.1.
            Self::Office if matches!(specialty, 1 | 8 | 11 | 37 | 50) => Some(PRIMARY),
            Self::Office => Some(SPECIALIST),
            _ => None,
        }
    }
}
