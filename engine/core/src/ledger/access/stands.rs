//! How what was granted stands: what decides, and what is told of it.

use std::collections::BTreeMap;

use tally_types::ServiceDate;

use super::book::{Book, Given};
use super::grant::{Bestowal, Custody, Grant, Grantee, Group, Membership, Patient};
use crate::ledger::commitment::Commitment;
use crate::ledger::shared::{Member, OrganisationId};

/// The ledger as it stands.
#[derive(Clone, Copy)]
pub struct Ledger<'a> {
    /// How many entries of it count.
    pub size: u64,
    /// What is granted.
    pub book: &'a Book,
    /// Who is in groups: where many share one, a book of its own; else the same book.
    pub groups: &'a Book,
    /// The organisations.
    pub members: &'a dyn Members,
}

/// The organisations of a ledger, and those that a node knows beside them.
pub trait Members {
    /// The organisation of an id, also one that has left.
    fn member(&self, id: &OrganisationId) -> Option<&Member>;
}

impl Members for BTreeMap<OrganisationId, Member> {
    fn member(&self, id: &OrganisationId) -> Option<&Member> {
        self.get(id)
    }
}

/// How something granted stands, among entries that count, on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stands {
    /// The first place where it stands.
    pub place: u64,
    /// Whether who keeps it may still. Of a grant that is the payer, or who acts for the
    /// patient; of a custody the payer; of a membership the group's keeper. None of them may
    /// have left the ledger.
    pub kept: bool,
    /// Whether it reaches anybody: an organisation that has not left, or a group that
    /// somebody is in on the day.
    pub reaches: bool,
    /// Whether its first day has come.
    pub begun: bool,
    /// Whether its last day is past.
    pub over: bool,
    /// Whether it was taken back, by who may.
    pub revoked: bool,
}

impl Stands {
    /// Whether it counts.
    #[must_use]
    pub fn holds(self) -> bool {
        self.kept && self.reaches && self.begun && !self.over && !self.revoked
    }
}

/// Whether a first day has come, and whether a last one is past.
fn days((from, through): (ServiceDate, ServiceDate), today: ServiceDate) -> (bool, bool) {
    (from <= today, through < today)
}

impl Ledger<'_> {
    /// How something stands on a day, of a patient of a payer; `None` where it is not among
    /// the entries that count. By this it is decided, and by this it is told.
    #[must_use]
    pub fn stands(
        &self,
        commitment: &Commitment,
        payer: &OrganisationId,
        today: ServiceDate,
    ) -> Option<Stands> {
        let (place, bestowal) = self.book.given(commitment)?;
        if place >= self.size {
            return None;
        }
        let commitment = *commitment;
        Some(match bestowal {
            Bestowal::Access(what) => self.grant_stands(
                &Given {
                    place,
                    commitment,
                    what,
                },
                payer,
                today,
            ),
            Bestowal::Custody(what) => self.custody_stands(
                &Given {
                    place,
                    commitment,
                    what,
                },
                today,
            ),
            Bestowal::Membership(what) => self.membership_stands(
                &Given {
                    place,
                    commitment,
                    what,
                },
                today,
            ),
        })
    }

    /// Whether an organisation is there, and has not left.
    fn is_member(&self, id: &OrganisationId) -> bool {
        self.members.member(id).is_some_and(|member| !member.left)
    }

    /// Whether something is granted to anybody who is there on a day.
    fn reaches(&self, to: &Grantee, today: ServiceDate) -> bool {
        match to {
            Grantee::Organisations(named) => named.iter().any(|id| self.is_member(id)),
            Grantee::Group(group) => {
                let mut given = self.groups.memberships(group);
                given.any(|of| self.is_in(&of, today))
            }
        }
    }

    /// Whether a membership counts and holds on a day.
    fn is_in(&self, of: &Given<&Membership>, today: ServiceDate) -> bool {
        of.place < self.size && self.membership_stands(of, today).holds()
    }

    pub(super) fn grant_stands(
        &self,
        given: &Given<&Grant>,
        payer: &OrganisationId,
        today: ServiceDate,
    ) -> Stands {
        let grant = given.what;
        let (begun, over) = days((grant.from, grant.through), today);
        // A custodian's grants hold as long as it acts for the patient; what it entered
        // before it did never does.
        let kept = match grant.keeper == *payer {
            true => self.is_member(payer),
            false => {
                let of = (&grant.patient, payer);
                self.custody(of, &grant.keeper, today, Some(given.place))
                    .is_some()
            }
        };
        Stands {
            place: given.place,
            kept,
            reaches: self.reaches(&grant.to, today),
            begun,
            over,
            revoked: self.book.is_revoked(given, payer, self.size),
        }
    }

    fn custody_stands(&self, given: &Given<&Custody>, today: ServiceDate) -> Stands {
        let custody = given.what;
        let (begun, over) = days((custody.from, custody.through), today);
        let ended = self
            .book
            .custody_ended(&given.commitment, custody, self.size);
        Stands {
            place: given.place,
            kept: self.is_member(&custody.payer),
            reaches: self.is_member(&custody.custodian),
            begun,
            over,
            revoked: ended.is_some(),
        }
    }

    fn membership_stands(&self, given: &Given<&Membership>, today: ServiceDate) -> Stands {
        let of = given.what;
        let (begun, over) = days((of.from, of.through), today);
        Stands {
            place: given.place,
            kept: self.is_member(&of.group.keeper),
            reaches: self.is_member(&of.organisation),
            begun,
            over,
            revoked: self.groups.membership_ended(given, self.size),
        }
    }

    /// The custody by which an organisation acts for a patient on a day; where `before` is
    /// given, one that stood before that place.
    pub(super) fn custody(
        &self,
        (patient, payer): (&Patient, &OrganisationId),
        custodian: &OrganisationId,
        today: ServiceDate,
        before: Option<u64>,
    ) -> Option<Commitment> {
        let before = before.unwrap_or(self.size).min(self.size);
        self.book
            .custodies(patient, payer, custodian)
            .filter(|of| of.place < before && self.custody_stands(of, today).holds())
            .map(|of| (of.place, of.commitment))
            .min()
            .map(|(_, commitment)| commitment)
    }

    /// By which entry an organisation is in a group on a day. The keeper takes it out, or
    /// it leaves by itself.
    pub(super) fn membership(
        &self,
        group: &Group,
        organisation: &OrganisationId,
        today: ServiceDate,
    ) -> Option<Commitment> {
        self.groups
            .memberships(group)
            .filter(|of| of.what.organisation == *organisation && self.is_in(of, today))
            .map(|of| (of.place, of.commitment))
            .min()
            .map(|(_, commitment)| commitment)
    }
}
