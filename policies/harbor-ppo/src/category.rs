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

/// A row of the table of benefits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Benefit {
    /// Office visits in primary care.
    Primary,
    /// Other office visits.
    Specialist,
    /// Preventive services.
    Preventive,
    /// Urgent care.
    Urgent,
    /// The emergency room.
    Emergency,
    /// Plain imaging.
    Imaging,
    /// Computed tomography and magnetic resonance.
    Advanced,
    /// Laboratory.
    Laboratory,
    /// Surgery and procedures.
    Surgery,
    /// Physical, occupational and speech therapy.
    Therapy,
    /// Chiropractic.
    Chiropractic,
    /// Mental health.
    Mental,
    /// Medical equipment.
    Equipment,
    /// Hearing aids.
    Hearing,
    /// Infused and injected drugs.
    Infusion,
    /// Hospital stays.
    Inpatient,
    /// Transport.
    Transport,
    /// Everything else.
    Other,
}

impl Benefit {
    /// Its key in `benefits.csv`, and the clause that describes it.
    fn row(self) -> (Code, ClauseId) {
        macro_rules! row {
            ($key:literal, $clause:ident) => {{
                const KEY: Code = Code::of($key);
                (KEY, clause::$clause)
            }};
        }
        match self {
            Self::Primary => row!("PRIMARY", PRIMARY),
            Self::Specialist => row!("SPECIALIST", SPECIALIST),
            Self::Preventive => row!("PREVENTIVE", PREVENTIVE),
            Self::Urgent => row!("URGENT", URGENT),
            Self::Emergency => row!("EMERGENCY", EMERGENCY_ROOM),
            Self::Imaging => row!("IMAGING", IMAGING),
            Self::Advanced => row!("ADVANCED", ADVANCED),
            Self::Laboratory => row!("LAB", LABORATORY),
            Self::Surgery => row!("SURGERY", SURGERY),
            Self::Therapy => row!("THERAPY", THERAPY),
            Self::Chiropractic => row!("CHIROPRACTIC", CHIROPRACTIC),
            Self::Mental => row!("MENTAL", MENTAL),
            Self::Equipment => row!("EQUIPMENT", EQUIPMENT),
            Self::Hearing => row!("HEARING", HEARING),
            Self::Infusion => row!("INFUSION", INFUSION),
            Self::Inpatient => row!("INPATIENT", INPATIENT),
            Self::Transport => row!("TRANSPORT", TRANSPORT),
            Self::Other => row!("OTHER", OTHER),
        }
    }

    /// Its key in `benefits.csv`.
    pub fn key(self) -> Code {
        self.row().0
    }

    /// Its clause.
    pub fn clause(self) -> ClauseId {
        self.row().1
    }
}

impl Category {
    /// The category of a number of `services.csv`; an unknown one is reviewed
    /// by hand.
    pub fn of(number: i64) -> Self {
        Self::Benefit(match number {
            1 => return Self::Office,
            2 => Benefit::Preventive,
            3 => Benefit::Urgent,
            4 => Benefit::Emergency,
            5 => Benefit::Imaging,
            6 => Benefit::Advanced,
            7 => Benefit::Laboratory,
            8 => Benefit::Surgery,
            9 => Benefit::Therapy,
            10 => Benefit::Chiropractic,
            11 => Benefit::Mental,
            12 => Benefit::Equipment,
            13 => Benefit::Hearing,
            14 => Benefit::Infusion,
            15 => Benefit::Inpatient,
            16 => Benefit::Transport,
            17 => Benefit::Other,
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
            Self::Office if matches!(specialty, 1 | 8 | 11 | 37 | 50) => Some(Benefit::Primary),
            Self::Office => Some(Benefit::Specialist),
            _ => None,
        }
    }
}
