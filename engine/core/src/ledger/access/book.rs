//! What stands on the ledger of grants, as far as a node knows what is committed to.

use std::collections::{BTreeMap, BTreeSet};

use super::grant::{Bestowal, Custody, Grant, Group, Membership, Patient};
use crate::ledger::commitment::{Commitment, Salt};
use crate::ledger::shared::OrganisationId;

/// An entry about access, where it stands, and what it commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Its index on the ledger.
    pub place: u64,
    /// In whose log.
    pub by: OrganisationId,
    /// What.
    pub what: What,
}

/// What an entry about access is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Something was granted.
    Granted {
        /// The commitment that stands there.
        commitment: Commitment,
        /// Its salt.
        salt: Salt,
        /// What is committed to.
        bestowal: Box<Bestowal>,
    },
    /// What this commits to was taken back.
    Revoked {
        /// The commitment.
        grant: Commitment,
    },
}

/// Something granted, with the first place where it stands.
pub(super) struct Given<T> {
    pub place: u64,
    pub commitment: Commitment,
    pub what: T,
}

/// Entries about access. It is a function of the set of them: they may come in any
/// order, and more than once. It is looked through from end to end: of a node with many
/// patients, give it those of the patient and of the groups on their grants; or of a group
/// alone, for all whose grants are to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    granted: BTreeMap<Commitment, (u64, Bestowal)>,
    revoked: BTreeMap<Commitment, BTreeSet<(u64, OrganisationId)>>,
}

impl FromIterator<Entered> for Book {
    fn from_iter<I: IntoIterator<Item = Entered>>(entries: I) -> Self {
        let mut book = Self::default();
        for entered in entries {
            book.enter(entered);
        }
        book
    }
}

impl Book {
    /// Takes an entry in. Answers whether it counts: what does not open its commitment,
    /// is not sound, or stands in the log of another than its keeper does not.
    pub fn enter(&mut self, entered: Entered) -> bool {
        let Entered { place, by, what } = entered;
        match what {
            What::Granted {
                commitment,
                salt,
                bestowal,
            } => {
                let counts = bestowal.flaw().is_none()
                    && *bestowal.keeper() == by
                    && bestowal.commitment(&salt) == commitment;
                if counts {
                    let first = self.granted.entry(commitment).or_insert((place, *bestowal));
                    first.0 = first.0.min(place);
                }
                counts
            }
            What::Revoked { grant } => {
                self.revoked.entry(grant).or_default().insert((place, by));
                true
            }
        }
    }

    /// The first place before `size` where somebody who may took it back.
    fn taken_back(
        &self,
        commitment: &Commitment,
        size: u64,
        may: impl Fn(u64, &OrganisationId) -> bool,
    ) -> Option<u64> {
        let revocations = self.revoked.get(commitment)?;
        let mut before = revocations.iter().filter(|(place, _)| *place < size);
        before
            .find(|(place, by)| may(*place, by))
            .map(|(place, _)| *place)
    }

    /// The first place where a custody was taken back: by the payer or the custodian.
    pub(super) fn custody_ended(
        &self,
        at: &Commitment,
        custody: &Custody,
        size: u64,
    ) -> Option<u64> {
        self.taken_back(at, size, |_, by| {
            *by == custody.payer || *by == custody.custodian
        })
    }

    /// The custodies of a patient that a payer gave an organisation.
    pub(super) fn custodies<'a>(
        &'a self,
        patient: &'a Patient,
        payer: &'a OrganisationId,
        custodian: &'a OrganisationId,
    ) -> impl Iterator<Item = Given<&'a Custody>> {
        let given = self.granted.iter();
        let custodies = given.filter_map(|(commitment, (place, of))| match of {
            Bestowal::Custody(what) => Some(Given {
                place: *place,
                commitment: *commitment,
                what,
            }),
            _ => None,
        });
        custodies.filter(move |of| {
            of.what.patient == *patient
                && of.what.payer == *payer
                && of.what.custodian == *custodian
        })
    }

    /// Whether an organisation acted for a patient when a place was entered.
    fn acted(
        &self,
        (patient, payer): (&Patient, &OrganisationId),
        by: &OrganisationId,
        place: u64,
    ) -> bool {
        self.custodies(patient, payer, by).any(|custody| {
            custody.place < place
                && self
                    .custody_ended(&custody.commitment, custody.what, place)
                    .is_none()
        })
    }

    /// The grants of a patient in the first `size` entries, those that were taken back
    /// among them.
    pub(super) fn grants<'a>(
        &'a self,
        patient: &'a Patient,
        size: u64,
    ) -> impl Iterator<Item = Given<&'a Grant>> {
        let given = self.granted.iter();
        given.filter_map(move |(commitment, (place, of))| match of {
            Bestowal::Access(what) if what.patient == *patient && *place < size => Some(Given {
                place: *place,
                commitment: *commitment,
                what,
            }),
            _ => None,
        })
    }

    /// Whether a grant was taken back, before or after it was entered: by its keeper,
    /// the payer, or who acted for the patient then.
    pub(super) fn is_revoked(
        &self,
        grant: &Given<&Grant>,
        payer: &OrganisationId,
        size: u64,
    ) -> bool {
        let whose = (&grant.what.patient, payer);
        let may = |place: u64, by: &OrganisationId| {
            *by == grant.what.keeper || by == payer || self.acted(whose, by, place)
        };
        self.taken_back(&grant.commitment, size, may).is_some()
    }

    /// The memberships of a group, those that were taken back among them.
    pub(super) fn memberships<'a>(
        &'a self,
        group: &'a Group,
    ) -> impl Iterator<Item = Given<&'a Membership>> {
        let given = self.granted.iter();
        given.filter_map(move |(commitment, (place, of))| match of {
            Bestowal::Membership(what) if what.group == *group => Some(Given {
                place: *place,
                commitment: *commitment,
                what,
            }),
            _ => None,
        })
    }

    /// Whether a membership was taken back: by the group's keeper, or who is in it.
    pub(super) fn membership_ended(&self, given: &Given<&Membership>, size: u64) -> bool {
        let of = given.what;
        let may = |_, by: &OrganisationId| *by == of.group.keeper || *by == of.organisation;
        self.taken_back(&given.commitment, size, may).is_some()
    }

    /// What a commitment opens to, and the first place where it stands.
    pub(super) fn given(&self, commitment: &Commitment) -> Option<(u64, &Bestowal)> {
        let (place, of) = self.granted.get(commitment)?;
        Some((*place, of))
    }
}
