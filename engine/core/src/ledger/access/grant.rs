//! What an entry of a grant commits to.

use tally_types::ServiceDate;

use super::purpose::Purpose;
use super::scope::Scope;
use crate::canon::{Canon, DecodeError, Reader};
use crate::ledger::commitment::{Commitment, Salt, Subject, commit};
use crate::ledger::entry::Entry;
use crate::ledger::shared::OrganisationId;

/// The version of a bestowal's encoding, its first byte.
const VERSION: u8 = 1;
/// The most organisations a grant names.
const MAX_NAMED: usize = 64;
/// The most bytes of a group's name.
const MAX_NAME: usize = 64;

/// A patient, as one payer knows them on grants: 256 random bits, drawn once a
/// member by the node that keeps the records, and mapped to the member there alone.
/// It is no hash of anything, so that it cannot be guessed back; it stands inside
/// commitments, so that no two entries can be linked by it.
pub type Patient = [u8; 32];

/// A group of organisations: its name, under the organisation that keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Who says which organisations are in it.
    pub keeper: OrganisationId,
    /// Its name, at most 64 bytes.
    pub name: String,
}

crate::canon_record!(Group { keeper, name });

/// To whom something is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grantee {
    /// These organisations, in ascending order, at least one.
    Organisations(Vec<OrganisationId>),
    /// Whoever is in a group when they ask.
    Group(Group),
}

/// What a patient allows: whom, what, for what, how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who grants it.
    pub patient: Patient,
    /// By whom it is kept: the payer, or a custodian that acts for the patient. It
    /// stands in this organisation's log.
    pub keeper: OrganisationId,
    /// To whom.
    pub to: Grantee,
    /// Which claims.
    pub scope: Scope,
    /// For what, in ascending order, at least one.
    pub purposes: Vec<Purpose>,
    /// The first day it holds.
    pub from: ServiceDate,
    /// The last day it holds.
    pub through: ServiceDate,
}

crate::canon_record!(Grant {
    patient,
    keeper,
    to,
    scope,
    purposes,
    from,
    through,
});

/// That an organisation acts for a patient: adds grants and takes them back, and may
/// read what the patient may. The payer enters it, since it knows the patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custody {
    /// The patient.
    pub patient: Patient,
    /// Who acts for them.
    pub custodian: OrganisationId,
    /// The payer.
    pub payer: OrganisationId,
    /// The first day the custodian may read.
    pub from: ServiceDate,
    /// The last day.
    pub through: ServiceDate,
}

crate::canon_record!(Custody {
    patient,
    custodian,
    payer,
    from,
    through,
});

/// That an organisation is in a group. The group's keeper enters it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: Group,
    /// Who is in it.
    pub organisation: OrganisationId,
    /// The first day.
    pub from: ServiceDate,
    /// The last day.
    pub through: ServiceDate,
}

crate::canon_record!(Membership {
    group,
    organisation,
    from,
    through,
});

/// What an entry `Granted` commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bestowal {
    /// Access to claims.
    Access(Grant),
    /// To act for a patient.
    Custody(Custody),
    /// A place in a group.
    Membership(Membership),
}

/// That something granted is taken back: what is kept beside the entry, which names
/// the commitment alone. It may say why a person wanted it: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What is taken back.
    pub grant: Commitment,
    /// Who takes it back.
    pub by: OrganisationId,
    /// The day.
    pub on: ServiceDate,
    /// Why, in their words; may be empty.
    pub reason: String,
}

crate::canon_record!(Revocation {
    grant,
    by,
    on,
    reason
});

impl Revocation {
    /// Its entry.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry::Revoked { grant: self.grant }
    }
}

impl Grantee {
    /// How many it may reach; of a group nobody knows.
    pub(super) fn breadth(&self) -> usize {
        match self {
            Self::Organisations(named) => named.len(),
            Self::Group(_) => usize::MAX,
        }
    }
}

impl Grant {
    /// Whether all that it allows `other` allows too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let to = match (&self.to, &other.to) {
            (Grantee::Organisations(of), Grantee::Organisations(others)) => {
                of.iter().all(|id| others.contains(id))
            }
            (Grantee::Group(of), Grantee::Group(other)) => of == other,
            _ => false,
        };
        let purposes = |purpose: &Purpose| other.purposes.iter().any(|of| purpose.is_under(*of));
        self.patient == other.patient
            && to
            && self.scope.is_within(&other.scope)
            && self.purposes.iter().all(purposes)
            && other.from <= self.from
            && self.through <= other.through
    }

    /// How wide it is: what is within another is never wider.
    pub(super) fn breadth(&self) -> impl Ord + use<> {
        let allows = |of: &Purpose| self.purposes.iter().any(|by| of.is_under(*by));
        (
            self.scope.breadth(),
            Purpose::all().filter(allows).count(),
            self.to.breadth(),
            i64::from(self.through.days()).saturating_sub(i64::from(self.from.days())),
        )
    }
}

fn ascends<T: Ord>(items: &[T]) -> bool {
    items.windows(2).all(|pair| pair.first() < pair.last())
}

impl Bestowal {
    /// Whose log it must stand in.
    #[must_use]
    pub fn keeper(&self) -> &OrganisationId {
        match self {
            Self::Access(grant) => &grant.keeper,
            Self::Custody(custody) => &custody.payer,
            Self::Membership(membership) => &membership.group.keeper,
        }
    }

    /// The days it holds, both included.
    #[must_use]
    pub fn days(&self) -> (ServiceDate, ServiceDate) {
        match self {
            Self::Access(of) => (of.from, of.through),
            Self::Custody(of) => (of.from, of.through),
            Self::Membership(of) => (of.from, of.through),
        }
    }

    /// What is not sound about it, if anything.
    #[must_use]
    pub fn flaw(&self) -> Option<&'static str> {
        let (from, through) = self.days();
        if from > through {
            return Some("it ends before it begins");
        }
        let name = |group: &Group| {
            let sound = (1..=MAX_NAME).contains(&group.name.len());
            (!sound).then_some("a group's name is empty or too long")
        };
        match self {
            Self::Access(grant) => {
                if grant.purposes.is_empty() || !ascends(&grant.purposes) {
                    return Some("its purposes are none, or not in ascending order");
                }
                let to = match &grant.to {
                    Grantee::Organisations(named) => {
                        let sound = (1..=MAX_NAMED).contains(&named.len()) && ascends(named);
                        (!sound).then_some("to nobody, to too many, or not in ascending order")
                    }
                    Grantee::Group(group) => name(group),
                };
                to.or_else(|| grant.scope.flaw())
            }
            Self::Custody(_) => None,
            Self::Membership(membership) => name(&membership.group),
        }
    }

    /// What stands on the ledger.
    #[must_use]
    pub fn commitment(&self, salt: &Salt) -> Commitment {
        commit(Subject::Grant, salt, &self.to_canon())
    }

    /// Its entry.
    #[must_use]
    pub fn entry(&self, salt: &Salt) -> Entry {
        Entry::Granted(self.commitment(salt))
    }
}

impl Canon for Grantee {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Organisations(named) => {
                out.push(1);
                named.put(out);
            }
            Self::Group(group) => {
                out.push(2);
                group.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            1 => Ok(Self::Organisations(Canon::take(from)?)),
            2 => Ok(Self::Group(Canon::take(from)?)),
            n => Err(from.invalid("grantee", n.into())),
        }
    }
}

/// What is not sound has no encoding.
impl Canon for Bestowal {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        match self {
            Self::Access(grant) => {
                out.push(1);
                grant.put(out);
            }
            Self::Custody(custody) => {
                out.push(2);
                custody.put(out);
            }
            Self::Membership(membership) => {
                out.push(3);
                membership.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            VERSION => {}
            n => return Err(from.invalid("bestowal version", n.into())),
        }
        let bestowal = match u8::take(from)? {
            1 => Self::Access(Canon::take(from)?),
            2 => Self::Custody(Canon::take(from)?),
            3 => Self::Membership(Canon::take(from)?),
            n => return Err(from.invalid("bestowal", n.into())),
        };
        match bestowal.flaw() {
            None => Ok(bestowal),
            Some(_) => Err(from.invalid("sound bestowal", 0)),
        }
    }
}
