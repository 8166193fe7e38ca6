//! What is so of somebody on a day.

use tally_types::{ServiceDate, ShortCode};

use super::inquiry::{Inquiry, PLAN, Person};
use crate::claim::{Contract, Dependant, Member, MemberReference};
use crate::interchange::benefit::Benefits;

/// Where an inquiry is looked up.
pub trait Enrolment {
    /// The contract that one of whose members has an identifier: the one under which
    /// they were covered on a day, or else the one under which they are enrolled.
    fn contract(&self, identifier: &str, on: ServiceDate) -> Option<&Contract>;
    /// What a member's product gives, and what is left of it.
    fn benefits(&self, asked: &Asked<'_>) -> Benefits;
}

/// Somebody who is covered on the day asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// The member.
    pub member: &'a Member,
    /// The product they are covered under.
    pub product: &'a str,
    /// The day.
    pub on: ServiceDate,
}

/// Somebody found, and what is so of them.
pub struct Eligibility<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// The member asked about.
    pub member: &'a Member,
    /// Covered on the day, or not.
    pub cover: Cover,
}

/// Covered, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cover {
    /// Covered on the first day asked for.
    Active {
        /// Since when, under the same product.
        from: ServiceDate,
        /// Until when, where that is known.
        through: Option<ServiceDate>,
        /// What it gives.
        benefits: Benefits,
        /// The types of service that are answered: those asked for that have terms
        /// of their own; else the plan as a whole.
        services: Vec<ShortCode>,
    },
    /// Not covered then.
    Inactive {
        /// The last day of the cover before, where there was one.
        ended: Option<ServiceDate>,
    },
}

/// Why nothing is said of somebody (AAA03, AAA04).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// Nothing names the subscriber.
    NoIdentifier,
    /// No member has the identifier.
    SubscriberUnknown,
    /// The date of birth is another one.
    BirthDiffers,
    /// A dependant without a date of birth.
    NoBirth,
    /// Nobody, or more than one, of the family fits.
    DependantUnknown,
    /// The day is before the patient was born.
    BeforeBirth,
    /// The day is after the patient died.
    AfterDeath,
}

impl Unanswered {
    /// The reason (AAA03).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoIdentifier => "72",
            Self::SubscriberUnknown => "75",
            Self::BirthDiffers => "71",
            Self::NoBirth => "58",
            Self::DependantUnknown => "67",
            Self::BeforeBirth => "60",
            Self::AfterDeath => "61",
        }
    }

    /// What to do (AAA04): `C` to correct it and ask again.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::AfterDeath => "N",
            _ => "C",
        }
    }
}

/// What is so of whom an inquiry asks about, on its first day.
///
/// # Errors
/// When nobody is found, or the description does not fit who is found.
pub fn eligibility_of<'a>(
    inquiry: &Inquiry,
    enrolment: &'a dyn Enrolment,
) -> Result<Eligibility<'a>, Unanswered> {
    let subscriber = &inquiry.subscriber;
    if subscriber.identifier.is_empty() {
        return Err(Unanswered::NoIdentifier);
    }
    let contract = enrolment.contract(&subscriber.identifier, inquiry.from);
    let contract = contract.ok_or(Unanswered::SubscriberUnknown)?;
    let reference = MemberReference::new(&subscriber.identifier);
    let named = contract.find(&reference);
    let named = named.and_then(|at| contract.members.get(at));
    let named = named.ok_or(Unanswered::SubscriberUnknown)?;
    born(subscriber, named)?;
    let member = match &inquiry.dependant {
        None => named,
        Some(dependant) => {
            let described = Dependant {
                family: dependant.family.clone(),
                given: dependant.given.clone(),
                birth: dependant.birth.ok_or(Unanswered::NoBirth)?,
                sex: dependant.sex,
            };
            contract
                .described(&described)
                .ok_or(Unanswered::DependantUnknown)?
        }
    };
    let on = inquiry.from;
    if on < member.birth {
        return Err(Unanswered::BeforeBirth);
    }
    if member.death.is_some_and(|death| on > death) {
        return Err(Unanswered::AfterDeath);
    }
    let Some(span) = member.span_on(on) else {
        let before = member.spans.iter().filter_map(|span| span.through);
        return Ok(Eligibility {
            contract,
            member,
            cover: Cover::Inactive {
                ended: before.filter(|end| *end < on).max(),
            },
        });
    };
    let benefits = enrolment.benefits(&Asked {
        contract,
        member,
        product: &span.product,
        on,
    });
    let known = |service: &ShortCode| benefits.tells_of(*service);
    let mut services = Vec::new();
    for service in &inquiry.services {
        let service = if known(service) { *service } else { PLAN };
        if !services.contains(&service) {
            services.push(service);
        }
    }
    Ok(Eligibility {
        contract,
        member,
        cover: Cover::Active {
            from: span.from,
            through: span.through,
            benefits,
            services,
        },
    })
}

fn born(described: &Person, member: &Member) -> Result<(), Unanswered> {
    match described.birth {
        Some(birth) if birth != member.birth => Err(Unanswered::BirthDiffers),
        _ => Ok(()),
    }
}
