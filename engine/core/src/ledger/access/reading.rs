//! What a request is answered with, and what is entered of it.

use super::grant::Patient;
use super::purpose::Purpose;
use crate::canon::{Canon, DecodeError, Reader};
use crate::claim::ClaimId;
use crate::ledger::commitment::{Commitment, Salt, Subject, commit};
use crate::ledger::entry::Entry;
use crate::ledger::shared::OrganisationId;

/// The version of a reading's encoding, its first byte.
const VERSION: u8 = 1;
/// The most bytes of a person's name.
pub const MAX_PERSON: usize = 128;
/// The least characters of a reason, without spaces around it.
pub const MIN_REASON: usize = 10;
/// The most bytes of a reason.
pub const MAX_REASON: usize = 500;

/// By what right something is read. It may hold a reason in somebody's words: no
/// `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum By {
    /// As the payer that adjudicated it.
    Payer,
    /// As the organisation whose provider billed it.
    Billing,
    /// As the organisation whose provider rendered it.
    Rendering,
    /// As the organisation that submitted it.
    Submitter,
    /// By a grant.
    Grant(Commitment),
    /// By a grant to a group.
    Group {
        /// The grant.
        grant: Commitment,
        /// That the reader is in the group.
        membership: Commitment,
    },
    /// As who acts for the patient.
    Custodian(Commitment),
    /// Without a right, for a reason.
    Emergency(String),
}

/// What is shown: no more than what it is read for needs (45 CFR 164.502(b)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Diagnoses and services: who did what, when.
    pub care: bool,
    /// Charges, payments, adjustments and why.
    pub amounts: bool,
    /// What the policy was given beside the claim: balances, authorisations, and what
    /// it asked of the family's history.
    pub context: bool,
}

impl View {
    /// What is shown to who reads by this right for this purpose.
    #[must_use]
    pub fn of(by: &By, purpose: Purpose) -> Self {
        let is = |of| purpose.is_under(of);
        match by {
            By::Payer => Self {
                care: true,
                amounts: true,
                context: true,
            },
            By::Billing | By::Rendering | By::Custodian(_) => Self {
                care: true,
                amounts: true,
                context: false,
            },
            // What is done with money does not need what was done with a body.
            By::Submitter => Self {
                care: false,
                amounts: true,
                context: false,
            },
            By::Grant(_) | By::Group { .. } => Self {
                care: true,
                amounts: is(Purpose::Payment)
                    || is(Purpose::Operations)
                    || is(Purpose::PatientRequest),
                context: false,
            },
            By::Emergency(_) => Self {
                care: true,
                amounts: false,
                context: false,
            },
        }
    }
}

/// What is entered of a reading. It may hold a reason in somebody's words: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// The organisation that reads.
    pub reader: OrganisationId,
    /// Who there, as that organisation names them.
    pub person: String,
    /// The claim.
    pub claim: ClaimId,
    /// For what.
    pub purpose: Purpose,
    /// By what right.
    pub by: By,
    /// When, in seconds since 1970.
    pub at: u64,
}

impl Reading {
    /// Whether it broke the glass.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        matches!(self.by, By::Emergency(_))
    }

    /// Its entry.
    #[must_use]
    pub fn entry(&self, salt: &Salt) -> Entry {
        let commitment = commit(Subject::Reading, salt, &self.to_canon());
        if self.is_emergency() {
            Entry::ReadUnderEmergency(commitment)
        } else {
            Entry::Read(commitment)
        }
    }
}

/// What a patient is to be told: that somebody read without a right.
#[derive(Clone, PartialEq, Eq)]
pub struct Notice {
    /// The patient.
    pub patient: Patient,
    /// What was read, by whom, why.
    pub reading: Reading,
}

/// A request that is granted. The reading is entered before anything is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// What may be shown.
    pub view: View,
    /// What is to be entered.
    pub reading: Reading,
    /// What the patient is to be told.
    pub notice: Option<Notice>,
}

impl Canon for By {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Payer => out.push(1),
            Self::Billing => out.push(2),
            Self::Rendering => out.push(3),
            Self::Submitter => out.push(4),
            Self::Grant(grant) => {
                out.push(5);
                grant.put(out);
            }
            Self::Group { grant, membership } => {
                out.push(6);
                grant.put(out);
                membership.put(out);
            }
            Self::Custodian(custody) => {
                out.push(7);
                custody.put(out);
            }
            Self::Emergency(reason) => {
                out.push(8);
                reason.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match u8::take(from)? {
            1 => Self::Payer,
            2 => Self::Billing,
            3 => Self::Rendering,
            4 => Self::Submitter,
            5 => Self::Grant(Canon::take(from)?),
            6 => Self::Group {
                grant: Canon::take(from)?,
                membership: Canon::take(from)?,
            },
            7 => Self::Custodian(Canon::take(from)?),
            8 => Self::Emergency(Canon::take(from)?),
            n => return Err(from.invalid("right", n.into())),
        })
    }
}

impl Canon for Reading {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        self.reader.put(out);
        self.person.put(out);
        self.claim.put(out);
        self.purpose.put(out);
        self.by.put(out);
        self.at.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("reading version", n.into())),
        }
        Ok(Self {
            reader: Canon::take(from)?,
            person: Canon::take(from)?,
            claim: Canon::take(from)?,
            purpose: Canon::take(from)?,
            by: Canon::take(from)?,
            at: Canon::take(from)?,
        })
    }
}
