//! Enrolment: contracts, their members, spans of cover and authorisations.
//! It holds protected health information: no `Debug`, no `Display`.

use sha2::{Digest, Sha256};
use tally_types::{Code, Quantity, ServiceDate};
use thiserror::Error;

use super::model::MemberReference;

/// The accumulation unit: who shares accumulators and an order of claims.
/// A subscriber contract, or an unknown member of a submitter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitKey(String);

impl UnitKey {
    /// The unit of a subscriber contract.
    #[must_use]
    pub fn contract(id: &str) -> Self {
        Self(format!("contract/{id}"))
    }

    /// The unit of a member enrolment does not know.
    #[must_use]
    pub fn unknown(submitter: &str, member: &MemberReference) -> Self {
        Self(format!(
            "unknown/{}/{submitter}/{}",
            submitter.len(),
            member.identifier
        ))
    }

    /// The bytes that are hashed; they may identify a person.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The partition: the first eight bytes of `SHA-256(key)`, modulo `partitions`.
    /// Frozen: workers, brokers and stores of every version agree on it.
    #[must_use]
    pub fn partition(&self, partitions: core::num::NonZeroU32) -> u32 {
        let digest: [u8; 32] = Sha256::digest(self.as_bytes()).into();
        let head = digest
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        u32::try_from(head.checked_rem(partitions.get().into()).unwrap_or(0)).unwrap_or(0)
    }
}

/// Sex as enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// Not known.
    Unknown,
    /// Female.
    Female,
    /// Male.
    Male,
    /// Other.
    Other,
}

/// A member's relationship to the subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relationship {
    /// The subscriber.
    Subscriber,
    /// Spouse or partner.
    Spouse,
    /// Child.
    Child,
    /// Another dependant.
    Other,
}

/// Cover under a product, from and through (both inclusive).
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The product covered under.
    pub product: String,
    /// First day of cover.
    pub from: ServiceDate,
    /// Last day of cover; `None` while it runs.
    pub through: Option<ServiceDate>,
}

impl Span {
    /// Whether `day` is covered.
    #[must_use]
    pub fn covers(&self, day: ServiceDate) -> bool {
        day >= self.from && self.through.is_none_or(|end| day <= end)
    }
}

/// What is on file for a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizationKind {
    /// A prior authorisation of a procedure.
    Authorization,
    /// A referral to a provider, of a procedure or of any.
    Referral,
}

/// A prior authorisation, or a referral, on file.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Which of the two.
    pub kind: AuthorizationKind,
    /// The number the provider quotes.
    pub number: String,
    /// What is authorised; none of a referral for whatever is needed.
    pub procedure: Code,
    /// To whom; none when it is anybody.
    pub provider: Code,
    /// First day it is good for.
    pub from: ServiceDate,
    /// Last day it is good for.
    pub through: ServiceDate,
    /// Units authorised.
    pub units: Quantity,
}

/// One person covered under a contract.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// The member id on the card.
    pub id: String,
    /// The name on the card.
    pub name: String,
    /// Date of birth.
    pub birth: ServiceDate,
    /// Date of death, where known.
    pub death: Option<ServiceDate>,
    /// Sex as enrolled.
    pub sex: Sex,
    /// Relationship to the subscriber.
    pub relationship: Relationship,
    /// Spans of cover, in order, not overlapping.
    pub spans: Vec<Span>,
    /// Prior authorisations.
    pub authorizations: Vec<Authorization>,
}

impl Member {
    /// The span that covers `day`.
    #[must_use]
    pub fn span_on(&self, day: ServiceDate) -> Option<&Span> {
        self.spans.iter().find(|span| span.covers(day))
    }

    /// Family and given names: the last word of the name is the family's.
    #[must_use]
    pub fn family_and_given(&self) -> (&str, &str) {
        let name = self.name.trim();
        let parted = name.rsplit_once(char::is_whitespace);
        parted.map_or((name, ""), |(given, family)| (family, given))
    }

    /// Whether cover under one contract ended before it began under another: `self` is
    /// the member of the one, `other` that of the other.
    #[must_use]
    pub fn left_before(&self, other: &Self) -> bool {
        let ends = self.spans.iter().map(|span| span.through);
        let end = ends.collect::<Option<Vec<_>>>();
        let end = end.and_then(|ends| ends.into_iter().max());
        let begins = other.spans.iter().map(|span| span.from).min();
        end.zip(begins).is_some_and(|(end, begins)| end < begins)
    }

    /// Whether a member who stands in two contracts is covered by one of them after the
    /// other.
    #[must_use]
    pub fn is_apart(&self, other: &Self) -> bool {
        self.left_before(other) || other.left_before(self)
    }
}

/// A subscriber contract: the family whose accumulators are shared.
#[derive(Clone, PartialEq, Eq)]
pub struct Contract {
    /// The contract's id.
    pub id: String,
    /// The day of the year a contract year begins: the month and day of this.
    pub inception: ServiceDate,
    /// The members, the subscriber first.
    pub members: Vec<Member>,
}

/// Why a contract is not sound.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnrolmentError {
    /// No members.
    #[error("a contract needs at least one member")]
    NoMembers,
    /// Two members with one id.
    #[error("members {first} and {second} have the same id")]
    SameId {
        /// Position of the first, from 1.
        first: usize,
        /// Position of the second, from 1.
        second: usize,
    },
    /// Spans overlap or run backwards.
    #[error("member {member}, span {span}: spans must run forwards and not overlap")]
    Spans {
        /// Position of the member, from 1.
        member: usize,
        /// Position of the span, from 1.
        span: usize,
    },
    /// An authorisation runs backwards.
    #[error("member {member}, authorisation {authorization}: it ends before it begins")]
    Authorization {
        /// Position of the member, from 1.
        member: usize,
        /// Position of the authorisation, from 1.
        authorization: usize,
    },
    /// Death before birth.
    #[error("member {member}: the date of death is before the date of birth")]
    DeathBeforeBirth {
        /// Position of the member, from 1.
        member: usize,
    },
}

impl Contract {
    /// The subscriber, where a member is said to be.
    #[must_use]
    pub fn subscriber(&self) -> Option<&Member> {
        let is_subscriber = |of: &&Member| of.relationship == Relationship::Subscriber;
        self.members.iter().find(is_subscriber)
    }

    /// Checks what the engine relies on.
    ///
    /// # Errors
    /// The first thing found that is not sound. No error names a person.
    pub fn check(&self) -> Result<(), EnrolmentError> {
        if self.members.is_empty() {
            return Err(EnrolmentError::NoMembers);
        }
        for (i, member) in self.members.iter().enumerate() {
            let position = i.saturating_add(1);
            if let Some(first) = self
                .members
                .iter()
                .take(i)
                .position(|other| other.id == member.id)
            {
                return Err(EnrolmentError::SameId {
                    first: first.saturating_add(1),
                    second: position,
                });
            }
            if member.death.is_some_and(|death| death < member.birth) {
                return Err(EnrolmentError::DeathBeforeBirth { member: position });
            }
            let mut free_from = ServiceDate::MIN;
            for (j, span) in member.spans.iter().enumerate() {
                let end = span.through.unwrap_or(ServiceDate::MAX);
                if span.from < free_from || end < span.from {
                    return Err(EnrolmentError::Spans {
                        member: position,
                        span: j.saturating_add(1),
                    });
                }
                free_from = end.plus_days(1).unwrap_or(ServiceDate::MAX);
            }
            if let Some(j) = member
                .authorizations
                .iter()
                .position(|auth| auth.through < auth.from)
            {
                return Err(EnrolmentError::Authorization {
                    member: position,
                    authorization: j.saturating_add(1),
                });
            }
        }
        Ok(())
    }

    /// The position of the member a claim names.
    #[must_use]
    pub fn find(&self, member: &MemberReference) -> Option<usize> {
        self.members.iter().position(|m| m.id == member.identifier)
    }
}

crate::canon_enum!(Sex { Unknown = 0, Female = 1, Male = 2, Other = 3 });
crate::canon_enum!(Relationship { Subscriber = 1, Spouse = 2, Child = 3, Other = 4 });
crate::canon_record!(Span {
    product,
    from,
    through
});
crate::canon_enum!(AuthorizationKind { Authorization = 1, Referral = 2 });
crate::canon_record!(Authorization {
    kind,
    number,
    procedure,
    provider,
    from,
    through,
    units
});
crate::canon_record!(Member {
    id,
    name,
    birth,
    death,
    sex,
    relationship,
    spans,
    authorizations,
});
crate::canon_record!(Contract {
    id,
    inception,
    members
});
