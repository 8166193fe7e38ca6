//! Who a claim is about, who bills it, and who rendered a line.

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding;
use super::resources::Resources;
use super::sequence_of;
use crate::claim::{Dependant, MemberReference, Provider, Sex};

/// Where the references of a claim are resolved.
pub(super) struct Who<'a, 'r> {
    pub claim: &'r Node<'a>,
    pub resources: &'r Resources<'a>,
}

/// A role of the care team in the claim as a whole.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// In charge of the patient.
    Attending,
    /// Who sent the patient.
    Referring,
}

/// The most members of a care team, and of pointers to them.
const CARE_TEAM: usize = 64;
const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
/// Identifier types a payer issues: member number, subscriber number,
/// Medicare and Medicaid number (HL7 v2 table 0203).
const PAYER_ISSUED: [&str; 4] = ["MB", "SN", "MC", "MA"];

/// The value of an `Identifier`.
fn value(identifier: &Node<'_>) -> Result<Option<String>, Fault> {
    match identifier.get("value")? {
        Some(value) => scalar::identifier(&value),
        None => Ok(None),
    }
}

/// The first identifier of a list with a value, among those `wanted`.
fn first(
    holder: &Node<'_>,
    wanted: impl Fn(&Node<'_>) -> Result<bool, Fault>,
) -> Result<Option<String>, Fault> {
    for identifier in holder.items("identifier")? {
        if wanted(&identifier)?
            && let Some(value) = value(&identifier)?
        {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn is_payer_issued(identifier: &Node<'_>) -> Result<bool, Fault> {
    for code in PAYER_ISSUED {
        if coding::has_code(identifier, "type", code)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_npi(identifier: &Node<'_>) -> Result<bool, Fault> {
    Ok(identifier.json().text_of("system") == Some(NPI)
        || coding::has_code(identifier, "type", "NPI")?
        || coding::has_code(identifier, "type", "npi")?)
}

/// The text of a reference, at its place.
fn reference_text<'a>(reference: &Node<'a>) -> Result<Option<(Node<'a>, &'a str)>, Fault> {
    match reference.get("reference")? {
        Some(node) => {
            let text = node.text()?;
            Ok(Some((node, text)))
        }
        None => Ok(None),
    }
}

/// The last part of a reference: `1` of `Patient/1`, the number of a `urn:`.
fn last_segment(reference: &str) -> &str {
    let reference = reference
        .split_once("/_history/")
        .map_or(reference, |(unversioned, _)| unversioned);
    reference
        .trim_end_matches('/')
        .rsplit(['/', ':', '#'])
        .next()
        .unwrap_or_default()
}

impl<'a> Who<'a, '_> {
    /// The resource a reference names, if it is in the file.
    pub fn resolve(&self, reference: &Node<'a>) -> Result<Option<Node<'a>>, Fault> {
        Ok(reference_text(reference)?.and_then(|(_, text)| self.resources.find(text)))
    }

    /// The identifier that a reference carries itself.
    fn logical(reference: &Node<'_>) -> Result<Option<String>, Fault> {
        match reference.get("identifier")? {
            Some(identifier) => value(&identifier),
            None => Ok(None),
        }
    }

    /// The member: the first of
    ///
    /// 1. the identifier in `patient`;
    /// 2. the Patient's identifier of a kind payers issue, or without a type;
    /// 3. what `insurance` says of the member (see [`Who::covered`]);
    /// 4. the Patient's first identifier of any kind;
    /// 5. the last part of the reference, unless it is into the claim itself;
    /// 6. the last part of the coverage's reference, likewise;
    /// 7. the name of the contained Patient.
    ///
    /// A dependant whose coverage gives the subscriber's number alone is described,
    /// where the Patient has a date of birth: before step 4.
    pub fn member(&self, insurance: Option<&Node<'a>>) -> Result<MemberReference, Fault> {
        let patient = self.claim.need("patient")?;
        let coverage = match insurance {
            Some(insurance) => Some(insurance.need("coverage")?),
            None => None,
        };
        let resource = self.resolve(&patient)?;
        let named = |found: String| Ok(MemberReference::new(&found));
        if let Some(found) = Self::logical(&patient)? {
            return named(found);
        }
        if let Some(resource) = &resource {
            if let Some(found) = first(resource, is_payer_issued)? {
                return named(found);
            }
            if let Some(found) = first(resource, |id| Ok(id.get("type")?.is_none()))? {
                return named(found);
            }
        }
        if let Some(coverage) = &coverage
            && let Some(found) = self.covered(coverage, resource.as_ref())?
        {
            return Ok(found);
        }
        if let Some(resource) = &resource
            && let Some(found) = first(resource, |_| Ok(true))?
        {
            return named(found);
        }
        let inner = |text: &str| text.starts_with('#');
        let of_coverage = match &coverage {
            Some(coverage) => reference_text(coverage)?,
            None => None,
        };
        let names = [reference_text(&patient)?, of_coverage];
        let outer = names.iter().flatten().find(|(_, text)| !inner(text));
        let last = outer.or_else(|| names.iter().flatten().next());
        if let Some((node, text)) = last
            && let Some(found) = scalar::checked(node, last_segment(text))?
        {
            return named(found);
        }
        Err(patient.fault(
            IntakeRule::NoMember,
            "neither the patient nor the coverage names the member",
        ))
    }

    /// The member by the coverage: its identifier in the claim, the
    /// subscriber's number, or the Coverage's identifier. A subscriber's
    /// number names the subscriber, so that of a dependant is only taken with
    /// the dependant's own number behind it, or with a description.
    fn covered(
        &self,
        reference: &Node<'a>,
        patient: Option<&Node<'a>>,
    ) -> Result<Option<MemberReference>, Fault> {
        if let Some(found) = Self::logical(reference)? {
            return Ok(Some(MemberReference::new(&found)));
        }
        let Some(coverage) = self.resolve(reference)? else {
            return Ok(None);
        };
        let is_self = is_subscriber(&coverage)?;
        let number = match coverage.get("subscriberId")? {
            Some(node) => scalar::identifier(&node)?,
            None => None,
        };
        let number = match number {
            Some(number) => Some(number),
            None => first(&coverage, |_| Ok(true))?,
        };
        let Some(number) = number else {
            return Ok(None);
        };
        if is_self {
            return Ok(Some(MemberReference::new(&number)));
        }
        let dependent = match coverage.get("dependent")? {
            Some(node) => scalar::identifier(&node)?,
            None => None,
        };
        if let Some(dependent) = dependent {
            let found = scalar::checked(&coverage, &format!("{number}-{dependent}"))?;
            return Ok(found.map(|found| MemberReference::new(&found)));
        }
        let described = match patient {
            Some(patient) => described(patient)?,
            None => None,
        };
        Ok(described.map(|dependant| MemberReference {
            identifier: number,
            dependant: Some(dependant),
        }))
    }

    /// A provider: the identifier in the reference; else that of the resource,
    /// an NPI first; else the text of the reference.
    pub fn provider(&self, reference: &Node<'a>) -> Result<Option<Provider>, Fault> {
        let found = match Self::logical(reference)? {
            Some(found) => Some(found),
            None => match self.resolve(reference)? {
                Some(resource) => self.identified(&resource)?,
                None => None,
            },
        };
        let found = match (found, reference_text(reference)?) {
            (Some(found), _) => Some(found),
            (None, Some((node, text))) => scalar::checked(&node, text)?,
            (None, None) => None,
        };
        Ok(found.map(|identifier| Provider::new(&identifier)))
    }

    fn identified(&self, resource: &Node<'a>) -> Result<Option<String>, Fault> {
        if let Some(npi) = first(resource, is_npi)? {
            return Ok(Some(npi));
        }
        // A PractitionerRole is whoever it is a role of.
        for key in ["practitioner", "organization"] {
            if let Some(reference) = resource.get(key)? {
                if let Some(found) = Self::logical(&reference)? {
                    return Ok(Some(found));
                }
                if let Some(person) = self.resolve(&reference)?
                    && let Some(found) = first(&person, is_npi)?
                {
                    return Ok(Some(found));
                }
            }
        }
        first(resource, |_| Ok(true))
    }

    /// The number of what a reference names: its own identifier, that of the
    /// resource, or the last part of the reference.
    pub fn numbered(&self, reference: &Node<'a>) -> Result<Option<String>, Fault> {
        if let Some(found) = Self::logical(reference)? {
            return Ok(Some(found));
        }
        if let Some(resource) = self.resolve(reference)?
            && let Some(found) = first(&resource, |_| Ok(true))?
        {
            return Ok(Some(found));
        }
        match reference_text(reference)? {
            Some((node, text)) => scalar::checked(&node, last_segment(text)),
            None => Ok(None),
        }
    }

    /// The first member of the care team in a role, whoever items point to.
    pub fn in_role(&self, role: Role) -> Result<Option<Provider>, Fault> {
        let wanted = match role {
            Role::Attending => "attending",
            Role::Referring => "referring",
        };
        for member in self.claim.items_within("careTeam", CARE_TEAM)? {
            if coding::has_code(&member, "role", wanted)? {
                return self.provider(&member.need("provider")?);
            }
        }
        Ok(None)
    }

    /// Who rendered an item: of the care team members it points to, the first
    /// whose role is to render, else the first without a role. None where
    /// that is the billing provider.
    pub fn rendering(
        &self,
        item: &Node<'a>,
        billing: &Provider,
    ) -> Result<Option<Provider>, Fault> {
        let team = self.claim.items_within("careTeam", CARE_TEAM)?;
        let mut without_role = None;
        let mut renders = None;
        for pointer in item.items_within("careTeamSequence", CARE_TEAM)? {
            let wanted = scalar::whole(&pointer)?;
            let mut found = None;
            for member in &team {
                if sequence_of(member)? == wanted {
                    found = Some(member);
                    break;
                }
            }
            let Some(member) = found else {
                return Err(pointer.fault(
                    IntakeRule::Pointer,
                    "there is no member of the care team with this sequence",
                ));
            };
            match gives(member, is_rendering)? {
                None => without_role = without_role.or(Some(member)),
                Some(true) => renders = renders.or(Some(member)),
                Some(false) => {}
            }
        }
        let Some(member) = renders.or(without_role) else {
            return Ok(None);
        };
        let provider = self.provider(&member.need("provider")?)?;
        Ok(provider.filter(|provider| provider != billing))
    }
}

/// A patient as described: what they are called, when they were born. None without a
/// date of birth, by which they are found.
fn described(patient: &Node<'_>) -> Result<Option<Dependant>, Fault> {
    let birth = match patient.get("birthDate")? {
        Some(birth) => scalar::day_if_whole(&birth)?,
        None => None,
    };
    let Some(birth) = birth else {
        return Ok(None);
    };
    let (mut family, mut given) = (None, None);
    if let Some(name) = patient.items("name")?.first() {
        if let Some(node) = name.get("family")? {
            family = scalar::identifier(&node)?;
        }
        if let Some(node) = name.items("given")?.first() {
            given = scalar::identifier(node)?;
        }
    }
    let sex = match patient.json().text_of("gender") {
        Some("female") => Sex::Female,
        Some("male") => Sex::Male,
        Some("other") => Sex::Other,
        _ => Sex::Unknown,
    };
    Ok(Some(Dependant {
        family: family.unwrap_or_default(),
        given: given.unwrap_or_default(),
        birth,
        sex,
    }))
}

/// Whether a coverage is the patient's own: so it is where it does not say. Of its
/// codings, one that is known says it.
fn is_subscriber(coverage: &Node<'_>) -> Result<bool, Fault> {
    let Some(relationship) = coverage.get("relationship")? else {
        return Ok(true);
    };
    let own = coding::meaning(&relationship, |coding| match coding.code {
        "self" => Some(true),
        "child" | "parent" | "spouse" | "common" | "other" | "injured" => Some(false),
        _ => None,
    })?;
    Ok(match own {
        Some(own) => own,
        None => coding::codings(&relationship)?.is_empty(),
    })
}

/// Whether a member of a care team gives a service, by any code of their role; none
/// where they have no role. One who attends may; one who refers, assists or supervises
/// is another.
pub(super) fn gives(
    member: &Node<'_>,
    gives: impl Fn(&str) -> bool,
) -> Result<Option<bool>, Fault> {
    let Some(role) = member.get("role")? else {
        return Ok(None);
    };
    if coding::codings(&role)?.is_empty() {
        return Ok(None);
    }
    let is_other = |code: &str| {
        matches!(
            code,
            "referring" | "assist" | "assisting" | "supervisor" | "supervising"
        )
    };
    let found = coding::meaning(&role, |coding| match coding.code {
        code if gives(code) => Some(true),
        code if is_other(code) => Some(false),
        _ => None,
    })?;
    Ok(Some(found.unwrap_or(false)))
}

/// Roles of one who renders a service: HL7 and CARIN Blue Button.
fn is_rendering(role: &str) -> bool {
    matches!(role, "primary" | "rendering" | "performing" | "operating")
}

#[cfg(test)]
mod tests {
    use super::last_segment;

    #[test]
    fn the_last_part_of_a_reference() {
        for (reference, last) in [
            ("Patient/1", "1"),
            ("Patient/1/_history/2", "1"),
            ("urn:uuid:018f428e-34f6", "018f428e-34f6"),
            ("http://x.example/plan/123AB345", "123AB345"),
            ("http://x.example/plan/123AB345/", "123AB345"),
            ("#patient-1", "patient-1"),
            ("1", "1"),
            ("", ""),
        ] {
            assert_eq!(last_segment(reference), last, "{reference}");
        }
    }
}
