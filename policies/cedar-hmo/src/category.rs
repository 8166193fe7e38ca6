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

/// As what a provider is in the network, as `providers.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Primary care: who refers.
    Primary,
    /// A specialist: visited by referral.
    Specialist,
    /// Obstetrics and gynaecology: visited without one (45 CFR 147.138 (a)(3)).
    Women,
    /// A hospital.
    Hospital,
    /// Laboratories, therapists and others.
    Other,
}

/// What kind of service a line is, as `services.csv` numbers it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// An office visit: whom with decides.
    Visit,
    /// The emergency room.
    Emergency,
    /// Surgery in a hospital, or a physician's part of it.
    Surgery,
    /// A benefit of the table of benefits.
    Benefit(Benefit),
    /// Not covered, clause 4.4.
    Cosmetic,
    /// Not covered, clause 4.5.
    Convenience,
    /// Without a price, clause 2.5.
    Unlisted,
}

const fn benefit(key: &str, clause: ClauseId) -> Benefit {
    Benefit {
        key: Code::of(key),
        clause,
    }
}

const PRIMARY: Benefit = benefit("PRIMARY", clause::PRIMARY);
/// The one that needs a referral.
pub const SPECIALIST: Benefit = benefit("SPECIALIST", clause::SPECIALIST);
const WOMEN: Benefit = benefit("PRIMARY", clause::WOMEN);
const PREVENTIVE: Benefit = benefit("PREVENTIVE", clause::PREVENTIVE);
const URGENT: Benefit = benefit("URGENT", clause::URGENT);
/// The hospital's part of the emergency room.
pub const EMERGENCY: Benefit = benefit("EMERGENCY", clause::EMERGENCY_ROOM);
/// The physicians' part of the emergency room.
const PHYSICIANS: Benefit = benefit("PROCEDURE", clause::EMERGENCY_ROOM);
const DIAGNOSTIC: Benefit = benefit("DIAGNOSTIC", clause::DIAGNOSTIC);
const ADVANCED: Benefit = benefit("ADVANCED", clause::ADVANCED);
const SURGERY: Benefit = benefit("SURGERY", clause::SURGERY);
const PROCEDURE: Benefit = benefit("PROCEDURE", clause::PROCEDURE);
const THERAPY: Benefit = benefit("THERAPY", clause::THERAPY);
const MENTAL: Benefit = benefit("PRIMARY", clause::MENTAL);
const EQUIPMENT: Benefit = benefit("EQUIPMENT", clause::EQUIPMENT);
const TRANSPORT: Benefit = benefit("TRANSPORT", clause::TRANSPORT);
/// Stays by the day or by group.
pub const STAY: Benefit = benefit("STAY", clause::STAY);
/// The stay of a delivery.
pub const DELIVERY: Benefit = benefit("DELIVERY", clause::DELIVERY);
/// The stay of a healthy newborn.
pub const NEWBORN: Benefit = benefit("NEWBORN", clause::NEWBORN);

impl Role {
    /// The role of a number of `providers.csv`.
    pub fn of(number: i64) -> Self {
        match number {
            1 => Self::Primary,
            2 => Self::Specialist,
            3 => Self::Women,
            5 => Self::Hospital,
            _ => Self::Other,
        }
    }
}

impl Category {
    /// The category of a number of `services.csv`; an unknown one has no price.
    pub fn of(number: i64) -> Self {
        Self::Benefit(match number {
            1 => return Self::Visit,
            2 => PREVENTIVE,
            3 => URGENT,
            4 => return Self::Emergency,
            5 => DIAGNOSTIC,
            6 => ADVANCED,
            7 => return Self::Surgery,
            8 => PROCEDURE,
            9 => THERAPY,
            10 => MENTAL,
            11 => EQUIPMENT,
            12 => TRANSPORT,
            20 => return Self::Cosmetic,
            21 => return Self::Convenience,
            _ => return Self::Unlisted,
        })
    }

    /// The benefit, given who renders the service and whether a hospital bills.
    pub fn benefit(self, role: Role, hospital: bool) -> Option<Benefit> {
        Some(match (self, hospital) {
            (Self::Benefit(benefit), _) => benefit,
            (Self::Visit, _) => match role {
                Role::Primary => PRIMARY,
                Role::Women => WOMEN,
                Role::Specialist | Role::Hospital | Role::Other => SPECIALIST,
            },
            (Self::Emergency, true) => EMERGENCY,
            (Self::Emergency, false) => PHYSICIANS,
            (Self::Surgery, true) => SURGERY,
            (Self::Surgery, false) => PROCEDURE,
            (Self::Cosmetic | Self::Convenience | Self::Unlisted, _) => return None,
        })
    }
}
