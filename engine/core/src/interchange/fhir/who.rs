//! Who a claim is about, who bills it, and who rendered a line.

use super::super::node::Node;
use super::super::refusal::{Fault, IntakeRule, Place as _};
use super::super::scalar;
use super::coding;
use super::resources::Resources;
use super::sequence_of;
use crate::claim::Provider;

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
    pub fn member(&self, insurance: &Node<'a>) -> Result<String, Fault> {
        let patient = self.claim.need("patient")?;
        let coverage = insurance.need("coverage")?;
        let resource = self.resolve(&patient)?;
        if let Some(found) = Self::logical(&patient)? {
            return Ok(found);
        }
        if let Some(resource) = &resource {
            if let Some(found) = first(resource, is_payer_issued)? {
                return Ok(found);
            }
            if let Some(found) = first(resource, |id| Ok(id.get("type")?.is_none()))? {
                return Ok(found);
            }
        }
        if let Some(found) = self.covered(&coverage)? {
            return Ok(found);
        }
        if let Some(resource) = &resource
            && let Some(found) = first(resource, |_| Ok(true))?
        {
            return Ok(found);
        }
        let inner = |text: &str| text.starts_with('#');
        let names = [reference_text(&patient)?, reference_text(&coverage)?];
        let outer = names.iter().flatten().find(|(_, text)| !inner(text));
        let named = outer.or_else(|| names.iter().flatten().next());
        if let Some((node, text)) = named
            && let Some(found) = scalar::checked(node, last_segment(text))?
        {
            return Ok(found);
        }
        Err(patient.fault(
            IntakeRule::NoMember,
            "neither the patient nor the coverage names the member",
        ))
    }

    /// The member by the coverage: its identifier in the claim, the
    /// subscriber's number, or the Coverage's identifier. A subscriber's
    /// number names the subscriber, so that of a dependant is only taken with
    /// the dependant's own number behind it.
    fn covered(&self, reference: &Node<'a>) -> Result<Option<String>, Fault> {
        if let Some(found) = Self::logical(reference)? {
            return Ok(Some(found));
        }
        let Some(coverage) = self.resolve(reference)? else {
            return Ok(None);
        };
        let relationship = coding::code_at(&coverage, "relationship")?;
        let is_self = relationship.is_none_or(|coding| coding.code == "self");
        let number = match coverage.get("subscriberId")? {
            Some(node) => scalar::identifier(&node)?,
            None => None,
        };
        let number = match number {
            Some(number) => Some(number),
            None => first(&coverage, |_| Ok(true))?,
        };
        if is_self {
            return Ok(number);
        }
        let dependent = match coverage.get("dependent")? {
            Some(node) => scalar::identifier(&node)?,
            None => None,
        };
        match number.zip(dependent) {
            Some((number, dependent)) => {
                scalar::checked(&coverage, &format!("{number}-{dependent}"))
            }
            None => Ok(None),
        }
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
            match coding::code_at(member, "role")? {
                None => without_role = without_role.or(Some(member)),
                Some(role) if is_rendering(role.code) => renders = renders.or(Some(member)),
                Some(_) => {}
            }
        }
        let Some(member) = renders.or(without_role) else {
            return Ok(None);
        };
        let provider = self.provider(&member.need("provider")?)?;
        Ok(provider.filter(|provider| provider != billing))
    }
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
