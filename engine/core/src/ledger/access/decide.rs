//! The decision.

use tally_types::ServiceDate;
use thiserror::Error;

use super::book::Given;
use super::grant::{Grant, Grantee};
use super::purpose::Purpose;
use super::reading::{Access, By, MAX_PERSON, MAX_REASON, MIN_REASON, Notice, Reading, View};
use super::scope::{ClaimFacts, Outside, Parties};
use super::stands::Ledger;
use crate::ledger::shared::{Member, OrganisationId, Role};

/// Who asks to read a claim, and for what. It may hold a reason in somebody's words:
/// no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The organisation, as authenticated.
    pub who: OrganisationId,
    /// Who there, as that organisation names them.
    pub person: String,
    /// For what.
    pub purpose: Purpose,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Why, where it should be read without a right: breaking the glass.
    pub emergency: Option<String>,
}

/// Why somebody may not read. It is for the audit trail and the keeper of the records;
/// who asked is told [`Denied::told`] alone, since the reason says what there is: that a
/// patient has such a claim, or excluded it. Numbers are never used again (those from A119 on
/// are of what a node does not grant); of several reasons, that which is furthest on the way
/// counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Denied {
    /// Not an organisation of the ledger.
    #[error("A101: no such organisation")]
    Unknown,
    /// It has left.
    #[error("A102: the organisation has left")]
    Left,
    /// Nobody says who reads, or when.
    #[error("A103: a person and a time belong to a reading")]
    Request,
    /// No right, and no grant.
    #[error("A104: it is no party to the claim, and nobody granted it anything")]
    NoPath,
    /// A party, but not for this.
    #[error("A105: a party to the claim does not read it for this purpose by right")]
    PartyPurpose,
    /// Granted to a group that it is not in, or whose keeper has left.
    #[error("A106: granted to a group that it is not in")]
    NotInGroup,
    /// Granted by who does not act for the patient, or has left.
    #[error("A107: who keeps the grant does not act for the patient")]
    NotKeeper,
    /// Of other claims.
    #[error("A108: the grant is of other claims")]
    Scope,
    /// A list of codes that is not there.
    #[error("A109: the grant names a list of codes that is not known here")]
    UnknownList,
    /// Excluded.
    #[error("A110: the claim is of a category that the grant leaves out, or does not name")]
    Sensitive,
    /// For something else.
    #[error("A111: the grant is for other purposes")]
    Purpose,
    /// Not yet.
    #[error("A112: the grant does not hold yet")]
    NotYet,
    /// No more.
    #[error("A113: the grant has run out")]
    Expired,
    /// Taken back.
    #[error("A114: the grant was taken back")]
    Revoked,
    /// An emergency of another purpose.
    #[error("A115: an emergency is for emergency treatment alone")]
    EmergencyPurpose,
    /// No reason, or too long a one.
    #[error("A116: an emergency needs a reason of 10 characters at least and 500 bytes at most")]
    EmergencyReason,
    /// Nobody who treats.
    #[error("A117: only a provider treats in an emergency")]
    EmergencyRole,
    /// Nobody to be told.
    #[error("A118: the claim is of no known patient who could be told")]
    EmergencyPatient,
}

impl Denied {
    /// Its number.
    #[must_use]
    pub fn code(&self) -> String {
        self.to_string().chars().take(4).collect()
    }

    /// What who asked is told: the same of a claim that may not be read as of one that
    /// is not there, but for what they said wrong themselves.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Unknown
            | Self::Left
            | Self::Request
            | Self::EmergencyPurpose
            | Self::EmergencyReason
            | Self::EmergencyRole => self.to_string(),
            _ => "A100: there is no such claim, or you may not read it".to_owned(),
        }
    }
}

/// Decides a request for one claim. Of several ways the first counts: as a party, as
/// who acts for the patient, by the narrowest grant that suffices, in an emergency.
///
/// # Errors
/// Why not.
pub fn decide(
    request: &Request,
    facts: &ClaimFacts,
    ledger: &Ledger<'_>,
) -> Result<Access, Denied> {
    let member = ledger.members.member(&request.who).ok_or(Denied::Unknown)?;
    if member.left {
        return Err(Denied::Left);
    }
    let today = day_of(request.at).ok_or(Denied::Request)?;
    let person = &request.person;
    if !(1..=MAX_PERSON).contains(&person.len()) || person.chars().any(char::is_control) {
        return Err(Denied::Request);
    }
    let by = match by_right(request, facts) {
        Ok(by) => by,
        Err(party) => match by_patient(request, facts, ledger, today) {
            Ok(by) => by,
            Err(granted) if request.emergency.is_none() => return Err(party.max(granted)),
            Err(_) => by_emergency(request, facts, member)?,
        },
    };
    let reading = Reading {
        reader: request.who.clone(),
        person: request.person.clone(),
        claim: facts.claim,
        purpose: request.purpose,
        by,
        at: request.at,
    };
    let told = facts.patient.filter(|_| reading.is_emergency());
    Ok(Access {
        view: View::of(&reading.by, request.purpose),
        notice: told.map(|patient| Notice {
            patient,
            reading: reading.clone(),
        }),
        reading,
    })
}

/// The day of UTC that a second falls in.
fn day_of(second: u64) -> Option<ServiceDate> {
    let day = i32::try_from(second.checked_div(86_400)?).ok()?;
    ServiceDate::from_days(day)
}

/// What a party reads its claim for by right: treatment, payment and operations (45 CFR
/// 164.506(c)), and of a payer what the patient asks of it; a submitter, who need not be
/// a provider, payment.
fn by_right(request: &Request, facts: &ClaimFacts) -> Result<By, Denied> {
    let Parties {
        payer,
        billing,
        rendering,
        submitter,
    } = &facts.parties;
    let who = &request.who;
    let is = |purposes: &[Purpose]| purposes.iter().any(|of| request.purpose.is_under(*of));
    let for_provider = [Purpose::Treatment, Purpose::Payment, Purpose::Operations];
    let ways = [
        (who == payer, By::Payer, Purpose::OF_PAYER),
        (billing.as_ref() == Some(who), By::Billing, &for_provider),
        (rendering.contains(who), By::Rendering, &for_provider),
        (
            submitter.as_ref() == Some(who),
            By::Submitter,
            &[Purpose::Payment],
        ),
    ];
    let mut why = Denied::NoPath;
    for (_, by, purposes) in ways.into_iter().filter(|(party, ..)| *party) {
        if is(purposes) {
            return Ok(by);
        }
        why = Denied::PartyPurpose;
    }
    Err(why)
}

/// What the patient allows: who acts for them, and their grants.
fn by_patient(
    request: &Request,
    facts: &ClaimFacts,
    ledger: &Ledger<'_>,
    today: ServiceDate,
) -> Result<By, Denied> {
    let patient = facts.patient.as_ref().ok_or(Denied::NoPath)?;
    let asked = Asked {
        request,
        facts,
        ledger,
        today,
    };
    let of = (patient, &facts.parties.payer);
    if request.purpose.is_under(Purpose::PatientRequest)
        && let Some(custody) = ledger.custody(of, &request.who, today, None)
    {
        return Ok(By::Custodian(custody));
    }
    let mut why = Denied::NoPath;
    let mut found = Vec::new();
    for grant in ledger.book.grants(patient, ledger.size) {
        match asked.try_grant(&grant) {
            Ok(by) => found.push((grant, by)),
            Err(denied) => why = why.max(denied),
        }
    }
    let narrowest = found
        .into_iter()
        .min_by_key(|(grant, _)| (grant.what.breadth(), grant.place, grant.commitment));
    narrowest.map(|(_, by)| by).ok_or(why)
}

/// A request of a patient's claim.
struct Asked<'a> {
    request: &'a Request,
    facts: &'a ClaimFacts,
    ledger: &'a Ledger<'a>,
    today: ServiceDate,
}

impl Asked<'_> {
    /// Whether a grant suffices, or at which step it does not.
    fn try_grant(&self, given: &Given<&Grant>) -> Result<By, Denied> {
        let (grant, payer) = (given.what, &self.facts.parties.payer);
        let by = match &grant.to {
            Grantee::Organisations(named) if named.contains(&self.request.who) => {
                By::Grant(given.commitment)
            }
            Grantee::Organisations(_) => return Err(Denied::NoPath),
            Grantee::Group(group) => By::Group {
                grant: given.commitment,
                membership: self
                    .ledger
                    .membership(group, &self.request.who, self.today)
                    .ok_or(Denied::NotInGroup)?,
            },
        };
        let stands = self.ledger.grant_stands(given, payer, self.today);
        if !stands.kept {
            return Err(Denied::NotKeeper);
        }
        grant.scope.holds(self.facts).map_err(|why| match why {
            Outside::Scope => Denied::Scope,
            Outside::UnknownList => Denied::UnknownList,
            Outside::Sensitive => Denied::Sensitive,
        })?;
        let mut purposes = grant.purposes.iter();
        if !purposes.any(|of| self.request.purpose.is_under(*of)) {
            return Err(Denied::Purpose);
        }
        if !stands.begun {
            return Err(Denied::NotYet);
        }
        if stands.over {
            return Err(Denied::Expired);
        }
        if stands.revoked {
            return Err(Denied::Revoked);
        }
        Ok(by)
    }
}

fn by_emergency(request: &Request, facts: &ClaimFacts, member: &Member) -> Result<By, Denied> {
    if !request.purpose.is_under(Purpose::EmergencyTreatment) {
        return Err(Denied::EmergencyPurpose);
    }
    let reason = request.emergency.as_deref().unwrap_or_default().trim();
    let sound = reason.chars().count() >= MIN_REASON
        && reason.len() <= MAX_REASON
        && !reason.chars().any(char::is_control);
    if !sound {
        return Err(Denied::EmergencyReason);
    }
    if !member.organisation.roles.contains(&Role::Provider) {
        return Err(Denied::EmergencyRole);
    }
    if facts.patient.is_none() {
        return Err(Denied::EmergencyPatient);
    }
    Ok(By::Emergency(reason.to_owned()))
}
